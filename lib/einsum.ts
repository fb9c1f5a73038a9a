import { makeError } from "./errors.js";
import { diagonals, listed } from "./functional/matrices.js";
import { wordOf } from "./dtype.js";
import { describe } from "./options.js";
import { handleOf, type Tensor } from "./tensor.js";

const op = "einsum";

/** A tensor whose dimensions have labels, every one once. Dimensions of size 1 are left out. */
interface Term {
  tensor: Tensor;
  labels: string[];
}

/**
 * Sums of products in Einstein's notation. `equation` labels the dimensions of every operand with letters, separated by
 * commas, as in `"bij,bjk->bik"`: a label that is missing behind the arrow is summed over, a label that an operand has twice
 * takes its diagonal, and `...` are any number of dimensions more, which broadcast. Without an arrow the result has the
 * dimensions of `...`, and then the labels that occur once, in alphabetical order (capitals first). Spaces do not count; a
 * dimension of size 1 meets one of any size.
 *
 * All operands have one dtype. Of several, those are multiplied first whose product takes the fewest operations.
 *
 * @throws RangeError (`ERR_SHAPE`) where sizes do not fit, RangeError (`ERR_VALUE`) for what is no equation, TypeError
 * (`ERR_DTYPE`) for two dtypes.
 */
export function einsum(equation: string, operands: readonly Tensor[]): Tensor {
  if (typeof equation !== "string")
    throw makeError(TypeError, `einsum: the equation must be a string, got ${describe(equation)}`, {
      code: "ERR_ARGUMENT",
      op,
    });
  if (!Array.isArray(operands))
    throw makeError(TypeError, `einsum: operands must be an array of tensors, got ${describe(operands)}`, {
      code: "ERR_ARGUMENT",
      op,
    });
  const tensors = operands as readonly Tensor[];
  for (const tensor of tensors) handleOf(tensor, op);
  if (tensors.length === 0) throw refusal("must provide at least one operand", equation);
  checkDtypes(tensors);
  const { inputs, output } = parse(equation, tensors);
  const sizes = sizesOf(inputs, tensors, equation);
  let terms = inputs.map((labels, i) => termOf(tensors[i]!, labels));
  terms = terms.map((term, i) => summed(term, neededBeside(terms, [i], output)));
  while (terms.length > 1) {
    const [i, j] = cheapest(terms, sizes);
    const rest = terms.filter((_, k) => k !== i && k !== j);
    terms = [...rest, product(terms[i]!, terms[j]!, neededBeside(terms, [i, j], output))];
  }
  const { tensor, labels } = terms[0]!;
  const kept = output.filter((label) => labels.includes(label));
  return tensor
    .permute(kept.map((label) => labels.indexOf(label)))
    .reshape(output.map((label) => (labels.includes(label) ? sizes.get(label)! : 1)));
}

function checkDtypes(tensors: readonly Tensor[]): void {
  const { dtype } = tensors[0]!;
  const other = tensors.find((tensor) => tensor.dtype !== dtype);
  if (other)
    throw makeError(
      TypeError,
      `expected m1 and m2 to have the same dtype, but got: ${wordOf(dtype)} != ${wordOf(other.dtype)}; einsum: convert ` +
        "one with .to()",
      { code: "ERR_DTYPE", op },
    );
}

function refusal(sentence: string, equation: string): Error {
  return makeError(RangeError, `einsum(): ${sentence}; the equation is ${describe(equation)}`, {
    code: "ERR_VALUE",
    op,
  });
}

/** The labels of a side's dimensions, with `...` among them. */
function labelsOf(text: string, equation: string, where: string): string[] {
  const labels: string[] = [];
  for (let i = 0; i < text.length; ++i) {
    const letter = text[i]!;
    if (letter === " ") continue;
    if (letter === ".") {
      if (text.slice(i, i + 3) !== "...")
        throw refusal(`found '.' for ${where} that is not part of any ellipsis`, equation);
      if (labels.includes("..."))
        throw refusal(`found '.' for ${where} for which an ellipsis was already found`, equation);
      labels.push("...");
      i += 2;
    } else if (/[a-zA-Z]/.test(letter)) {
      labels.push(letter);
    } else {
      throw refusal(
        `invalid subscript given in the equation string for ${where}, subscripts must be in [a-zA-Z]`,
        equation,
      );
    }
  }
  return labels;
}

/** The labels of every operand's dimensions and of the result's; those of an ellipsis count from its end. */
function parse(equation: string, tensors: readonly Tensor[]): { inputs: string[][]; output: string[] } {
  const arrow = equation.indexOf("->");
  const left = arrow < 0 ? equation : equation.slice(0, arrow);
  if (left.includes("-") || left.includes(">"))
    throw refusal("found '-' or '>' that is not part of '->'", equation);
  const texts = left.split(",");
  if (texts.length !== tensors.length)
    throw refusal(
      `${texts.length > tensors.length ? "fewer" : "more"} operands were provided than specified in the equation`,
      equation,
    );
  let longest = -1; // dimensions that an ellipsis stands for
  const inputs = texts.map((text, i) => {
    const labels = labelsOf(text, equation, `operand ${i}`);
    const { shape } = tensors[i]!;
    const rank = shape.length;
    const place = labels.indexOf("...");
    const named = labels.length - (place < 0 ? 0 : 1);
    if (place < 0 ? named !== rank : named > rank)
      throw makeError(
        RangeError,
        `einsum(): the number of subscripts in the equation (${named}) ` +
          (place < 0
            ? `does not match the number of dimensions (${rank}) for operand ${i} and no ellipsis was given`
            : `is more than the number of dimensions (${rank}) for operand ${i}`) +
          `; the shape is ${listed(shape)}, the equation ${describe(equation)}`,
        { code: "ERR_SHAPE", op, shapes: [shape] },
      );
    if (place < 0) return labels;
    longest = Math.max(longest, rank - named);
    return labels.toSpliced(place, 1, ...ellipsis(rank - named));
  });
  if (arrow >= 0) {
    const given = labelsOf(equation.slice(arrow + 2), equation, "the output");
    const place = given.indexOf("...");
    const output = place < 0 ? given : given.toSpliced(place, 1, ...ellipsis(Math.max(longest, 0)));
    output.forEach((label, i) => {
      if (output.indexOf(label) !== i)
        throw refusal(`output subscript ${label} appears more than once in the output`, equation);
      if (!inputs.some((labels) => labels.includes(label)))
        throw refusal(
          `output subscript ${label} does not appear in the equation for any input operand`,
          equation,
        );
    });
    return { inputs, output };
  }
  const all = inputs.flat().filter((label) => label.length === 1);
  const once = all.filter((label) => all.indexOf(label) === all.lastIndexOf(label)).sort();
  return { inputs, output: [...ellipsis(Math.max(longest, 0)), ...once] };
}

const ellipsis = (count: number) => Array.from({ length: count }, (_, i) => `...${count - i}`);

function sizesOf(
  inputs: readonly string[][],
  tensors: readonly Tensor[],
  equation: string,
): Map<string, number> {
  const sizes = new Map<string, number>();
  inputs.forEach((labels, i) => {
    const { shape } = tensors[i]!;
    labels.forEach((label, dim) => {
      const size = shape[dim]!;
      const known = sizes.get(label);
      if (known === undefined || known === 1) sizes.set(label, size);
      else if (size !== known && size !== 1)
        throw makeError(
          RangeError,
          label.length > 1
            ? `einsum(): operands do not broadcast with remapped shapes [original->remapped]: ` +
                tensors.map((one) => listed(one.shape)).join(" ") +
                `; the equation is ${describe(equation)}`
            : `einsum(): subscript ${label} has size ${size} for operand ${i} which does not broadcast with previously ` +
                `seen size ${known}; the equation is ${describe(equation)}`,
          { code: "ERR_SHAPE", op, shapes: tensors.map((one) => one.shape) },
        );
    });
  });
  return sizes;
}

/** The operand with the diagonals of repeated labels, without dimensions of size 1. */
function termOf(tensor: Tensor, labels: readonly string[]): Term {
  let term: Term = { tensor, labels: [...labels] };
  for (const label of new Set(labels)) {
    for (;;) {
      const first = term.labels.indexOf(label);
      const second = term.labels.indexOf(label, first + 1);
      if (second < 0) break;
      const { shape } = term.tensor;
      const others = shape.map((_, dim) => dim).filter((dim) => dim !== first && dim !== second);
      const square = term.tensor.permute([...others, first, second]);
      const [rows, columns] = [shape[first]!, shape[second]!];
      // One of size 1 meets all of the other.
      const size = Math.max(Math.min(rows, columns), rows === 1 ? columns : columns === 1 ? rows : 0);
      const batch = others.map((dim) => shape[dim]!);
      if (rows !== columns && Math.min(rows, columns) !== 1)
        throw makeError(
          RangeError,
          `einsum(): subscript ${label} is repeated for an operand but the sizes don't match, ${columns} != ${rows}`,
          { code: "ERR_SHAPE", op, shapes: [tensor.shape] },
        );
      term = {
        tensor: diagonals(square.expand([...batch, size, size])),
        labels: [...others.map((dim) => term.labels[dim]!), label],
      };
    }
  }
  const { shape } = term.tensor;
  const wide = term.labels.filter((_, dim) => shape[dim] !== 1);
  return { tensor: term.tensor.reshape(shape.filter((size) => size !== 1)), labels: wide };
}

/** The labels that others than these terms have, or the result. */
function neededBeside(terms: readonly Term[], besides: readonly number[], output: readonly string[]) {
  return new Set([...output, ...terms.flatMap(({ labels }, k) => (besides.includes(k) ? [] : labels))]);
}

/** Without the labels that nothing needs any more. */
function summed({ tensor, labels }: Term, needed: ReadonlySet<string>): Term {
  const dims = labels.flatMap((label, dim) => (needed.has(label) ? [] : [dim]));
  if (dims.length === 0) return { tensor, labels };
  const total = tensor.sum(dims);
  return {
    tensor: total.dtype === tensor.dtype ? total : total.to(tensor.dtype),
    labels: labels.filter((label) => needed.has(label)),
  };
}

/** The pair whose product takes the fewest operations. */
function cheapest(terms: readonly Term[], sizes: ReadonlyMap<string, number>): [number, number] {
  let best: [number, number] = [0, 1];
  let least = Infinity;
  for (let i = 0; i < terms.length; ++i)
    for (let j = i + 1; j < terms.length; ++j) {
      const labels = new Set([...terms[i]!.labels, ...terms[j]!.labels]);
      const cost = [...labels].reduce((total, label) => total * sizes.get(label)!, 1);
      if (cost < least) [least, best] = [cost, [i, j]];
    }
  return best;
}

/** The product of two terms, summed over the labels that nothing else needs. */
function product(a: Term, b: Term, needed: ReadonlySet<string>): Term {
  const common = a.labels.filter((label) => b.labels.includes(label));
  const [left, right] = [a, b].map((term) => summed(term, new Set([...needed, ...common]))) as [Term, Term];
  const inner = common.filter((label) => !needed.has(label));
  const batch = common.filter((label) => needed.has(label));
  const own = (term: Term) => term.labels.filter((label) => !common.includes(label));
  const [rows, columns] = [own(left), own(right)];
  const labels = [...batch, ...rows, ...columns];
  const sizeOf = (label: string) => {
    const term = left.labels.includes(label) ? left : right;
    return term.tensor.shape[term.labels.indexOf(label)]!;
  };
  const shapeOf = (list: readonly string[]) => list.map(sizeOf);
  const count = (list: readonly string[]) => shapeOf(list).reduce((total, size) => total * size, 1);
  const arranged = (term: Term, order: readonly string[]) =>
    term.tensor.permute(order.map((label) => term.labels.indexOf(label)));
  if (inner.length === 0) {
    const tall = arranged(left, [...batch, ...rows]).reshape([
      ...shapeOf([...batch, ...rows]),
      ...columns.map(() => 1),
    ]);
    const wide = arranged(right, [...batch, ...columns]).reshape([
      ...shapeOf(batch),
      ...rows.map(() => 1),
      ...shapeOf(columns),
    ]);
    return { tensor: tall.mul(wide), labels };
  }
  const tall = arranged(left, [...batch, ...rows, ...inner]).reshape([
    ...shapeOf(batch),
    count(rows),
    count(inner),
  ]);
  const wide = arranged(right, [...batch, ...inner, ...columns]).reshape([
    ...shapeOf(batch),
    count(inner),
    count(columns),
  ]);
  return { tensor: tall.matmul(wide).reshape(shapeOf(labels)), labels };
}
