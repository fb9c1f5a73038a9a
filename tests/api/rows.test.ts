import { afterEach, describe, expect, test } from "vitest";
import {
  autograd,
  cuda,
  setDefaultDtype,
  tensor,
  zeros,
  type DType,
  type Scalar,
  type Tensor,
} from "../../lib/index.js";
import { refused } from "../../lib/kernels.js";
import { native, type OpRow } from "../../lib/native.js";
import {
  count,
  errorOf,
  expectClose,
  numbers,
  positions,
  randomSource,
  read,
  toTensor,
  type Plain,
} from "../helpers/reference.js";
import { methodOf } from "../helpers/rows.js";

// Walks the op table: a row that is added there is tested here without another line, by gradients against
// differences; a line in `references` adds its values.

const elementwiseRows = native.ops.filter((row) => row.kind === "elementwise");
const reductionRows = native.ops.filter((row) => row.kind === "reduction");
const rows = [...elementwiseRows, ...reductionRows];

const apply = (row: OpRow, inputs: readonly (Tensor | Scalar)[], ...more: unknown[]): Tensor =>
  methodOf(row.name)!.call(inputs[0], ...inputs.slice(1), ...more);

// --- References ------------------------------------------------------------------------------------------------

/** The Taylor series near 0, the continued fraction far from it. */
function erfc(x: number): number {
  if (Math.abs(x) < 1) {
    let [term, sum] = [x, x];
    for (let n = 1; Math.abs(term) > 1e-18; ++n) {
      term *= -(x * x) / n;
      sum += term / (2 * n + 1);
    }
    return 1 - (2 / Math.sqrt(Math.PI)) * sum;
  }
  let tail = 0;
  for (let n = 400; n > 0; --n) tail = n / 2 / (Math.abs(x) + tail);
  const positive = Math.exp(-x * x) / Math.sqrt(Math.PI) / (Math.abs(x) + tail);
  return x > 0 ? positive : 2 - positive;
}

const isTrue = Number;
const roundHalfEven = (x: number) => {
  const floor = Math.floor(x);
  const above = x - floor;
  return above > 0.5 || (above === 0.5 && floor % 2 !== 0) ? floor + 1 : floor;
};

const pythonRemainder = (a: number, b: number) => {
  const rest = a % b;
  return rest !== 0 && b < 0 !== rest < 0 ? rest + b : rest;
};
/** As Python computes it, from the remainder. */
const floorDivide = (a: number, b: number) => {
  if (b === 0) return a / b;
  const rest = a % b;
  const quotient = (a - rest) / b - (rest !== 0 && b < 0 !== rest < 0 ? 1 : 0);
  const floor = Math.floor(quotient);
  return quotient - floor > 0.5 ? floor + 1 : floor;
};
const gcd = (a: number, b: number): number => (b === 0 ? Math.abs(a) : gcd(b, a % b));
const logSum = (a: number, b: number, sum: (d: number) => number) =>
  a === b && Math.abs(a) === Infinity ? a : Math.max(a, b) + sum(-Math.abs(a - b));
const isMinus = (a: number) => a < 0 || Object.is(a, -0);

const references: Record<string, (...operands: number[]) => number> = {
  fmod: (a, b) => a % b,
  remainder: pythonRemainder,
  floorDivide,
  copysign: (a, b) => (isMinus(b) ? -Math.abs(a) : Math.abs(a)),
  signbit: (a) => isTrue(isMinus(a)),
  logaddexp: (a, b) => logSum(a, b, (d) => Math.log1p(Math.exp(d))),
  logaddexp2: (a, b) => logSum(a, b, (d) => Math.log1p(2 ** d) * Math.LOG2E),
  xlogy: (a, b) => (a === 0 && !Number.isNaN(b) ? 0 : a * Math.log(b)),
  xlog1py: (a, b) => (a === 0 && !Number.isNaN(b) ? 0 : a * Math.log1p(b)),
  entr: (a) => (a === 0 ? 0 : a < 0 ? -Infinity : -a * Math.log(a)),
  bitwiseAnd: (a, b) => a & b,
  bitwiseOr: (a, b) => a | b,
  bitwiseXor: (a, b) => a ^ b,
  bitwiseLeftShift: (a, b) => a * 2 ** b,
  bitwiseRightShift: (a, b) => Math.floor(a / 2 ** b),
  gcd,
  clone: (a) => a,
  neg: (a) => -a,
  abs: Math.abs,
  sign: (a) => Math.sign(a) || 0,
  square: (a) => a * a,
  floor: Math.floor,
  ceil: Math.ceil,
  round: (a) => roundHalfEven(a),
  trunc: Math.trunc,
  relu: (a) => (a <= 0 ? 0 : a),
  sqrt: Math.sqrt,
  rsqrt: (a) => 1 / Math.sqrt(a),
  reciprocal: (a) => 1 / a,
  exp: Math.exp,
  exp2: (a) => 2 ** a,
  expm1: Math.expm1,
  log: Math.log,
  log2: Math.log2,
  log10: Math.log10,
  log1p: Math.log1p,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  asin: Math.asin,
  acos: Math.acos,
  atan: Math.atan,
  sinh: Math.sinh,
  cosh: Math.cosh,
  tanh: Math.tanh,
  asinh: Math.asinh,
  acosh: Math.acosh,
  atanh: Math.atanh,
  sigmoid: (a) => 1 / (1 + Math.exp(-a)),
  erf: (a) => 1 - erfc(a),
  erfc: (a) => erfc(a),
  isnan: (a) => isTrue(Number.isNaN(a)),
  isinf: (a) => isTrue(Math.abs(a) === Infinity),
  isfinite: (a) => isTrue(Number.isFinite(a)),
  logicalNot: (a) => isTrue(a === 0),
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  pow: (a, b) => a ** b,
  maximum: Math.max,
  minimum: Math.min,
  atan2: Math.atan2,
  hypot: Math.hypot,
  eq: (a, b) => isTrue(a === b),
  ne: (a, b) => isTrue(a !== b),
  lt: (a, b) => isTrue(a < b),
  le: (a, b) => isTrue(a <= b),
  gt: (a, b) => isTrue(a > b),
  ge: (a, b) => isTrue(a >= b),
  logicalAnd: (a, b) => isTrue(a !== 0 && b !== 0),
  logicalOr: (a, b) => isTrue(a !== 0 || b !== 0),
  where: (a, b, c) => (a !== 0 ? b : c),
  lerp: (a, b, c) => a + c * (b - a),
  clamp: (a, b, c) => Math.min(Math.max(a, b), c),
};

const reductionReferences: Record<string, (elements: number[]) => number> = {
  sum: (elements) => elements.reduce((a, b) => a + b, 0),
  prod: (elements) => elements.reduce((a, b) => a * b, 1),
  mean: (elements) => elements.reduce((a, b) => a + b, 0) / elements.length,
  amax: (elements) => (elements.some(Number.isNaN) ? NaN : Math.max(...elements)),
  amin: (elements) => (elements.some(Number.isNaN) ? NaN : Math.min(...elements)),
  any: (elements) => isTrue(elements.some((e) => e !== 0)),
  all: (elements) => isTrue(elements.every((e) => e !== 0)),
};

/** What the row does to plain arrays of any broadcastable shapes; the reduction of all elements. */
function reference(row: OpRow, inputs: readonly Plain[]): Plain | undefined {
  if (row.kind === "reduction") {
    const reduce = reductionReferences[row.name];
    return reduce && { shape: [], data: [reduce(inputs[0]!.data)] };
  }
  const scalar = references[row.name];
  if (!scalar) return undefined;
  const shape = broadcast(inputs.map((input) => input.shape));
  const data = positions(shape).map((position) =>
    scalar(
      ...inputs.map((input) => {
        const own = position.slice(position.length - input.shape.length);
        return read(
          input,
          own.map((p, dim) => (input.shape[dim] === 1 ? 0 : p)),
        );
      }),
    ),
  );
  return { shape, data };
}

function broadcast(shapes: readonly number[][]): number[] {
  const rank = Math.max(...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, dim) => {
    const sizes = shapes.map((shape) => shape[dim - rank + shape.length] ?? 1);
    return sizes.find((size) => size !== 1) ?? 1;
  });
}

// --- Inputs ----------------------------------------------------------------------------------------------------

/**
 * Random numbers of the row's domain. Those of different inputs, and those of one reduction, keep a distance, so
 * that no difference quotient straddles a tie.
 */
function draw(row: OpRow, shapes: readonly number[][], random: () => number): Plain[] {
  return shapes.map((shape, i) => {
    const length = count(shape);
    const cells = Math.max(64, length);
    const order = Array.from({ length: cells }, (_, cell) => [random(), cell] as const)
      .sort(([a], [b]) => a - b)
      .map(([, cell]) => cell);
    const data = Array.from({ length }, (_, k) => {
      if (row.dtypes === "select" && i === 0) return Number(random() < 0.5);
      const jitter = (random() - 0.5) / 4;
      return row.lo + ((row.hi - row.lo) * (order[k]! + (i + 0.5 + jitter) / row.arity)) / cells;
    });
    return { shape, data };
  });
}

const fixedShapes: Record<number, number[][][]> = {
  1: [[[]], [[0]], [[5]], [[2, 3]], [[2, 0, 3]]],
  2: [
    [[], []],
    [[3], []],
    [[], [2]],
    [
      [2, 1],
      [1, 3],
    ],
    [[0], [1]],
    [[2, 0], []],
  ],
  3: [
    [[], [], []],
    [[3], [], [2, 1]],
    [[], [2], [1]],
    [[2, 1, 1], [2, 1], [3]],
    [[0], [1], []],
  ],
};

/** Shapes that broadcast with each other: a common one, with sizes made 1 and leading dimensions left out. */
function randomShapes(arity: number, random: () => number): number[][] {
  const full = Array.from({ length: Math.floor(random() * 4) }, () => 1 + Math.floor(random() * 3));
  return Array.from({ length: arity }, () =>
    full.slice(Math.floor(random() * (full.length + 1))).map((size) => (random() < 0.3 ? 1 : size)),
  );
}

const shapesOf = (row: OpRow, random: () => number): number[][][] => [
  ...fixedShapes[row.arity]!.filter(([shape]) => row.kind === "elementwise" || count(shape!) > 0),
  ...Array.from({ length: 3 }, () => randomShapes(row.arity, random)),
];

const dtypeOfInput = (row: OpRow, i: number): DType =>
  row.dtypes === "select" && i === 0 ? "bool" : "float64";
/** Rows that refuse fractions; those with a reference value are compared in the tests of dtypes. */
const isForIntegers = (row: OpRow) => row.dtypes === "whole" || row.dtypes === "integral";
const isDifferentiable = (row: OpRow) => row.dtypes !== "truth" && !isForIntegers(row);
/** Their first input has no derivative that could be computed, in PyTorch as well. */
const withConstant = ["zeta", "igamma", "igammac"];
const takesGradient = (row: OpRow, i: number) =>
  dtypeOfInput(row, i) === "float64" && !(i === 0 && withConstant.includes(row.name));

const leavesOf = (row: OpRow, inputs: readonly Plain[], requiresGrad = true): Tensor[] =>
  inputs.map((input, i) => toTensor(input, dtypeOfInput(row, i), requiresGrad && takesGradient(row, i)));

const weightsOf = (shape: number[], random: () => number): Tensor =>
  toTensor({ shape, data: Array.from({ length: count(shape) }, () => 0.5 + random()) });

/** Differences of f around the inputs: one list of derivatives for each input. */
function differences(
  row: OpRow,
  inputs: readonly Plain[],
  f: (inputs: readonly Plain[]) => number,
  h: number,
) {
  return inputs.map((input, i) =>
    takesGradient(row, i)
      ? input.data.map((_, k) => {
          const moved = (by: number) =>
            f(
              inputs.map((other, j) =>
                j === i ? { ...other, data: other.data.map((v, l) => (l === k ? v + by : v)) } : other,
              ),
            );
          return (moved(h) - moved(-h)) / (2 * h);
        })
      : [],
  );
}

const describeShapes = (row: OpRow, shapes: readonly number[][]) =>
  `${row.name} of ${JSON.stringify(shapes)}`;

/** Gradients as numbers; an input that the output does not depend on has zeros. */
const gradientsOf = (output: Tensor, leaves: readonly Tensor[]): number[][] => {
  if (!output.requiresGrad) return leaves.map((leaf) => numbers(leaf).map(() => 0));
  const found = autograd.grad(output, leaves, { allowUnused: true, retainGraph: true });
  return leaves.map((leaf, i) => (found[i] ? numbers(found[i]) : numbers(leaf).map(() => 0)));
};

// --- The tests -------------------------------------------------------------------------------------------------

test("the table has rows, and every row a method and a native entry", () => {
  expect(elementwiseRows.length).toBeGreaterThanOrEqual(57);
  expect(reductionRows.length).toBeGreaterThanOrEqual(7);
  for (const row of rows) {
    expect(methodOf(row.name), row.name).toBeTypeOf("function");
    expect((native as unknown as Record<string, unknown>)[row.name], row.name).toBeTypeOf("function");
  }
  const missing = rows.filter(({ name }) => !(name in references) && !(name in reductionReferences));
  if (missing.length > 0)
    console.info(`no reference value for ${missing.map(({ name }) => name).join(", ")}`);
});

describe.each(rows.filter((row) => !isForIntegers(row)))("$name", (row) => {
  const random = randomSource(row.name.length * 7919 + row.name.charCodeAt(0) * 31 + row.name.charCodeAt(1));
  const inputsForShapes = shapesOf(row, random).map((shapes) => draw(row, shapes, random));

  test("value, in float64 and float32", () => {
    for (const inputs of inputsForShapes) {
      const at = describeShapes(
        row,
        inputs.map(({ shape }) => shape),
      );
      const double = apply(row, leavesOf(row, inputs, false));
      const expected = reference(row, inputs);
      if (expected) {
        expect(double.shape, at).toEqual(expected.shape);
        expectClose(numbers(double), expected.data, 2e-14, 2e-15, at);
      }
      const rounded = inputs.map((input) => ({ ...input, data: input.data.map(Math.fround) }));
      const single = leavesOf(row, rounded, false).map((leaf) =>
        leaf.dtype === "bool" ? leaf : leaf.to("float32"),
      );
      const narrow = apply(row, single);
      expect(narrow.dtype, at).toBe(row.dtypes === "truth" ? "bool" : "float32");
      expect(narrow.shape, at).toEqual(double.shape);
      expectClose(numbers(narrow), numbers(apply(row, leavesOf(row, rounded, false))), 5e-7, 1e-7, at);
    }
  });

  if (row.kind === "elementwise" && row.name in references)
    test("infinities, NaN and zeros", () => {
      const special = [0, -0, 1, -1, 0.5, 2, -3, 30, -30, Infinity, -Infinity, NaN];
      // pow follows C99, where 1 ** NaN is 1; JavaScript says NaN. hypot(inf, NaN) is inf in both.
      const c99pow = (a: number, b: number) =>
        a === 1 || b === 0 || (a === -1 && Math.abs(b) === Infinity) ? 1 : a ** b;
      const all = positions(Array.from({ length: row.arity }, () => special.length)).map((p) =>
        p.map((index, i) => (row.dtypes === "select" && i === 0 ? index % 2 : special[index]!)),
      );
      const inputs = Array.from({ length: row.arity }, (_, i) => ({
        shape: [all.length],
        data: all.map((operands) => operands[i]!),
      }));
      const expected = all.map((operands) =>
        row.name === "pow" ? c99pow(operands[0]!, operands[1]!) : references[row.name]!(...operands),
      );
      const actual = numbers(apply(row, leavesOf(row, inputs, false)));
      all.forEach((operands, i) => {
        // lerp's weight may be infinite only by accident, and NaN bounds are PyTorch's in clamp.
        if (row.name === "lerp" && !operands.every(Number.isFinite)) return;
        expectClose([actual[i]!], [expected[i]!], 1e-14, 1e-300, `${row.name}(${operands.join(", ")})`);
      });
    });

  if (!isDifferentiable(row)) {
    test("has no gradient", () => {
      const out = apply(row, leavesOf(row, inputsForShapes[0]!));
      expect(out.dtype).toBe("bool");
      expect(out.requiresGrad).toBe(false);
    });
    return;
  }

  test("gradient against differences", () => {
    for (const inputs of inputsForShapes) {
      const at = describeShapes(
        row,
        inputs.map(({ shape }) => shape),
      );
      const leaves = leavesOf(row, inputs);
      const out = apply(row, leaves);
      expect(out.requiresGrad, at).toBe(true);
      const weights = weightsOf(out.shape, random);
      const f = (at: readonly Plain[]) =>
        apply(row, leavesOf(row, at, false))
          .mul(weights)
          .sum()
          .item();
      const expected = differences(row, inputs, f, 1e-5);
      out.mul(weights).sum().backward();
      leaves.forEach((leaf, i) => {
        if (!takesGradient(row, i)) return;
        expect(leaf.grad!.shape, at).toEqual(leaf.shape);
        expect(leaf.grad!.dtype, at).toBe("float64");
        expectClose(numbers(leaf.grad!), expected[i]!, 1e-7, 1e-8, `${at}, input ${i}`);
      });
      // Each input alone, so that what history keeps for one input is enough.
      inputs.forEach((_, i) => {
        if (!takesGradient(row, i)) return;
        const alone = inputs.map((input, j) => toTensor(input, dtypeOfInput(row, j), i === j));
        apply(row, alone).mul(weights).sum().backward();
        expectClose(numbers(alone[i]!.grad!), numbers(leaves[i]!.grad!), 0, 0, `${at}, input ${i} alone`);
      });
    }
  });

  test("gradient in float32", () => {
    const inputs = inputsForShapes.at(-1)!.map((input) => ({ ...input, data: input.data.map(Math.fround) }));
    const leaves = leavesOf(row, inputs);
    const single = inputs.map((input, i) =>
      toTensor(input, dtypeOfInput(row, i) === "float64" ? "float32" : "bool", takesGradient(row, i)),
    );
    apply(row, leaves).sum().backward();
    apply(row, single).sum().backward();
    leaves.forEach((leaf, i) => {
      if (!takesGradient(row, i)) return;
      expect(single[i]!.grad!.dtype).toBe("float32");
      expectClose(numbers(single[i]!.grad!), numbers(leaf.grad!), 2e-5, 2e-6, row.name);
    });
  });

  test("second derivatives against differences of the first", () => {
    for (const inputs of inputsForShapes.filter((given) => given.every(({ data }) => data.length < 8))) {
      const at = describeShapes(
        row,
        inputs.map(({ shape }) => shape),
      );
      const outShape = apply(row, leavesOf(row, inputs, false)).shape;
      const weights = weightsOf(outShape, random);
      const seeds = inputs.map(({ shape }) => weightsOf(shape, random));
      /** The gradients' weighted sum, and the leaves it is a function of. */
      const directional = (given: readonly Plain[]): [Tensor, Tensor[]] => {
        const leaves = leavesOf(row, given);
        const wanted = leaves.filter((_, i) => takesGradient(row, i));
        const loss = apply(row, leaves).mul(weights).mul(weights).sum();
        const first = autograd.grad(loss, wanted, { createGraph: true });
        const terms = first.map((g, i) => g!.mul(seeds[leaves.indexOf(wanted[i]!)]!).sum());
        return [terms.reduce((a, b) => a.add(b)), leaves];
      };
      const expected = differences(row, inputs, (given) => directional(given)[0].item(), 1e-5);
      const [total, leaves] = directional(inputs);
      const wanted = leaves.filter((_, i) => takesGradient(row, i));
      const second = gradientsOf(total, wanted);
      wanted.forEach((leaf, k) => {
        const i = leaves.indexOf(leaf);
        expectClose(second[k]!, expected[i]!, 1e-6, 1e-6, `${at}, input ${i}`);
      });
    }
  });
});

// --- Ops that are no rows --------------------------------------------------------------------------------------

/** Of those that have a gradient: its name, and a way to record the op. */
const others: Record<string, [gradFn: string, make: (x: Tensor) => Tensor]> = {
  to: ["ToCopyBackward0", (x) => x.to("float32").to("float64")],
  reshape: ["ViewBackward0", (x) => x.reshape([3, 2])],
  permute: ["PermuteBackward0", (x) => x.permute(1, 0)],
  expand: ["ExpandBackward0", (x) => x.expand(2, 2, 3)],
  slice: ["SliceBackward0", (x) => x.narrow(1, 1, 2)],
  splice: ["CopySlicesBackward0", (x) => x.clone().set([0], x.at(1).mul(3))],
  transfer: ["ToCopyBackward0", (x) => x.to(x.device === "cpu" ? "cuda" : "cpu")],
};
// Routines have tests of their own.
const namingGradients = native.ops.filter((row) => row.label !== "" && row.kind === "structure");

test("an op without a gradient's name has none, and every other op is tested for its gradient", () => {
  expect(namingGradients.map(({ name }) => name).sort()).toEqual(Object.keys(others).sort());
  for (const row of rows) expect(row.label === "", row.name).toBe(!isDifferentiable(row));
});

describe.each(namingGradients)("$name", ({ name }) => {
  // Without a second device there is nothing to transfer to.
  test.skipIf(name === "transfer" && !cuda.isAvailable())("gradient against differences", () => {
    const [gradFn, make] = others[name]!;
    const random = randomSource(name.length);
    const input: Plain = { shape: [2, 3], data: Array.from({ length: 6 }, () => 0.5 + random()) };
    const leaf = toTensor(input, "float64", true);
    const out = make(leaf);
    expect(out.gradFn).toBe(gradFn);
    const weights = weightsOf(out.shape, random);
    const loss = (made: Tensor) => made.to(weights.device).mul(weights).sum();
    loss(out).backward();
    // Steps that float32 can tell apart.
    const differences = input.data.map((_, k) => {
      const moved = (by: number) =>
        loss(make(toTensor({ ...input, data: input.data.map((v, i) => (i === k ? v + by : v)) }))).item();
      return (moved(0.25) - moved(-0.25)) / 0.5;
    });
    expectClose(numbers(leaf.grad!), differences, 1e-6, 1e-6, name);
  });
});

// --- Reductions over some axes ---------------------------------------------------------------------------------

describe.each(reductionRows)("$name over axes", (row) => {
  const random = randomSource(row.name.length);
  const [whole] = draw(row, [[2, 3, 4]], random) as [Plain];

  test.each([[0], [1], [2], [-1], [[0, 2]], [[-2, 0]], [[0, 1, 2]]])("%j", (axes) => {
    for (const keepdim of [false, true]) {
      const gone = [axes].flat().map((axis) => (axis + 3) % 3);
      const keptShape = whole.shape.map((size, dim) => (gone.includes(dim) ? 1 : size));
      const expected = positions(keptShape).map((position) =>
        reductionReferences[row.name]?.(
          positions(whole.shape)
            .filter((p) => p.every((v, dim) => gone.includes(dim) || v === position[dim]))
            .map((p) => read(whole, p)),
        ),
      );
      const leaf = toTensor(whole, "float64", row.dtypes !== "truth");
      const out = methodOf(row.name)!.call(leaf, axes, { keepdim });
      expect(out.shape).toEqual(keepdim ? keptShape : keptShape.filter((_, dim) => !gone.includes(dim)));
      if (expected[0] !== undefined) expectClose(numbers(out), expected as number[], 1e-14, 1e-15, row.name);
      if (row.dtypes === "truth") continue;
      const weights = weightsOf(out.shape, random);
      out.mul(weights).sum().backward();
      const f = ([x]: readonly Plain[]) =>
        methodOf(row.name)!.call(toTensor(x!), axes, { keepdim }).mul(weights).sum().item();
      expectClose(numbers(leaf.grad!), differences(row, [whole], f, 1e-5)[0]!, 1e-7, 1e-8, row.name);
    }
  });

  test("of nothing", () => {
    const empty = zeros([2, 0, 3]);
    if (!row.hasEmptyValue) {
      expect(errorOf(() => apply(row, [empty], 1)).message).toContain(
        `${row.name}(): Expected reduction dim 1 to have non-zero size.`,
      );
      expect(errorOf(() => apply(row, [empty])).message).toContain(
        `${row.name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' argument.`,
      );
      expect(apply(row, [empty], 0).shape).toEqual([0, 3]);
    } else {
      const identity = reductionReferences[row.name]!([]);
      expect(numbers(apply(row, [empty]))).toEqual([identity]);
      expect(numbers(apply(row, [empty], 1))).toEqual(Array.from({ length: 6 }, () => identity));
    }
  });
});

// --- Dtypes ----------------------------------------------------------------------------------------------------

const dtypes: DType[] = ["bool", "uint8", "int32", "int64", "float32", "float64"];
const isFloating = (dtype: DType) => dtype.startsWith("float");
/** The number as an element of the dtype. */
const stored = (value: number, dtype: DType): number =>
  Number(numbers(tensor([value], { dtype: "float64" }).to(dtype))[0]);

describe.each(rows.filter((row) => row.dtypes !== "select"))("$name of every dtype ($dtypes)", (row) => {
  test.each(dtypes)("%s", (dtype) => {
    const data = [
      [0, 1, 2, 3, 1, 0, 3],
      [2, 1, 3, 1, 0, 3, 2],
      [3, 2, 3, 2, 3, 1, 2],
    ].slice(0, row.arity);
    const inputs = data.map((elements) => tensor(elements, { dtype }));
    if (dtype === "bool" && ["sign", "square"].includes(row.name)) return; // as PyTorch has it: see the table of dtypes
    const refuses =
      (refused[row.name]?.[0] === "whole" && !isFloating(dtype)) ||
      (["numeric", "integral"].includes(row.dtypes) && dtype === "bool") ||
      (row.dtypes === "mean" && !isFloating(dtype)) ||
      (isForIntegers(row) && isFloating(dtype));
    if (refuses) {
      const error = errorOf(() => apply(row, inputs));
      expect(error).toBeInstanceOf(TypeError);
      expect(error).toMatchObject({ code: "ERR_DTYPE", op: row.name });
      return;
    }
    const expectedDtype: DType =
      row.dtypes === "truth"
        ? "bool"
        : row.dtypes === "floating" && !isFloating(dtype)
          ? "float32"
          : row.dtypes === "total" && !isFloating(dtype)
            ? "int64"
            : dtype;
    const out = apply(row, inputs);
    expect(out.dtype).toBe(expectedDtype);
    const plain = data.map((elements) => ({ shape: [7], data: elements.map((e) => stored(e, dtype)) }));
    const expected = reference(row, plain);
    if (!expected) return;
    const bits = expected.data.map((value) =>
      isFloating(expectedDtype) ? value : wrapped(value, expectedDtype),
    );
    expectClose(numbers(out), bits, 1e-6, 1e-7, `${row.name} of ${dtype}`);
  });
});

/** What integer arithmetic makes of an exact result. */
function wrapped(value: number, dtype: DType): number {
  if (!Number.isFinite(value)) return 0; // they have no quotient by 0
  if (dtype === "bool") return Number(value !== 0);
  if (dtype === "uint8") return value & 255;
  return value;
}

describe("promotion", () => {
  afterEach(() => setDefaultDtype("float32"));

  // Rows and columns in the order of `dtypes`; PyTorch 2.13's torch.result_type.
  const letters: Record<string, DType> = {
    b: "bool",
    u: "uint8",
    i: "int32",
    l: "int64",
    f: "float32",
    d: "float64",
  };
  const tables = {
    "tensor and tensor": "builfd uuilfd iiilfd llllfd fffffd dddddd",
    "tensor and 0-d tensor": "builfd uuuufd iiiifd llllfd ffffff dddddd",
  };

  test.each(Object.entries(tables))("%s", (kind, table) => {
    table.split(" ").forEach((letterRow, i) =>
      letterRow.split("").forEach((letter, j) => {
        const a = tensor([1, 1], { dtype: dtypes[i]! });
        const b = tensor(kind.includes("0-d") ? 1 : [1, 1], { dtype: dtypes[j]! });
        for (const out of [a.add(b), b.add(a), a.mul(b), a.maximum(b)])
          expect(out.dtype, `${dtypes[i]} and ${dtypes[j]}`).toBe(letters[letter]);
        expect(a.eq(b).dtype).toBe("bool");
        const condition = tensor([true, false]);
        expect(condition.where(a, b).dtype).toBe(letters[letter]);
      }),
    );
  });

  test.each([
    ["a whole number", 2, "luilfd"],
    ["a bigint", 2n, "luilfd"],
    ["a boolean", true, "builfd"],
    ["a fraction", 1.5, "fffffd"],
    ["minus zero", -0, "fffffd"],
    ["infinity", Infinity, "fffffd"],
    ["NaN", NaN, "fffffd"],
  ] as [string, Scalar, string][])("tensor and %s", (_, number, table) => {
    for (const shape of [[], [2]])
      dtypes.forEach((dtype, i) => {
        const a = zeros(shape, { dtype });
        const expected = letters[table[i]!];
        expect(a.add(number).dtype, dtype).toBe(expected);
        expect(a.mul(number).dtype, dtype).toBe(expected);
        expect(a.lt(number).dtype).toBe("bool");
        expect(a.div(number).dtype).toBe(isFloating(dtype) ? dtype : "float32");
      });
  });

  test("the default dtype is what integers and fractions become", () => {
    setDefaultDtype("float64");
    const a = tensor([1, 2], { dtype: "int32" });
    for (const out of [a.add(1.5), a.sqrt(), a.div(2), a.to("int64").mul(0.5)])
      expect(out.dtype).toBe("float64");
    expect(a.add(1).dtype).toBe("int32");
    expect(tensor([1]).dtype).toBe("float64");
  });

  test("comparison happens in the promoted dtype", () => {
    const big = tensor([2n ** 53n + 1n]);
    expect(big.eq(tensor([2n ** 53n])).item<boolean>()).toBe(false);
    expect(
      tensor([1], { dtype: "uint8" })
        .lt(tensor([-1], { dtype: "int32" }))
        .item<boolean>(),
    ).toBe(false);
    expect(tensor([1], { dtype: "int32" }).lt(1.5).item<boolean>()).toBe(true);
  });

  test("int64 keeps all its bits", () => {
    const x = tensor([2n ** 62n, -(2n ** 63n), 3n]);
    expect(x.add(1n).toArray()).toEqual([2n ** 62n + 1n, -(2n ** 63n) + 1n, 4n]);
    expect(x.sum().item<bigint>()).toBe(-(2n ** 62n) + 3n);
    expect(x.amax().item<bigint>()).toBe(2n ** 62n);
    expect(x.mul(2n).toArray()).toEqual([-(2n ** 63n), 0n, 6n]);
  });

  test("integers never take part in gradients, and do not stop them either", () => {
    const x = tensor([1, 2, 3], { requiresGrad: true });
    const k = tensor([2, 3, 4], { dtype: "int32" });
    x.mul(k).sum().backward();
    expect(numbers(x.grad!)).toEqual([2, 3, 4]);
    expect(x.grad!.dtype).toBe("float32");
    expect(x.to("int32").requiresGrad).toBe(false);
    const y = tensor([1, 2, 3], { requiresGrad: true });
    y.to("float64")
      .mul(tensor([1, 2, 3], { dtype: "float64" }))
      .sum()
      .backward();
    expect(y.grad!.dtype).toBe("float32");
    expect(numbers(y.grad!)).toEqual([1, 2, 3]);
  });
});
