import { makeError } from "./errors.js";
import { checkSameDtype, listed } from "./functional/matrices.js";
import { powersOf } from "./functional/powers.js";
import { describe, readOptions } from "./options.js";
import { handleOf, type Tensor } from "./tensor.js";

// Sums of products over chosen dimensions of several tensors.

/**
 * The sums of products of two tensors over pairs of their dimensions: the last `dims` ones of `a` with the first of `b`, or
 * those that two lists name, dims[0] of `a` and dims[1] of `b`. A dimension of size 1 meets one of any size. The result has
 * the other dimensions of `a`, and then those of `b`.
 */
export function tensordot(
  a: Tensor,
  b: Tensor,
  dims: number | readonly [readonly number[], readonly number[]] = 2,
): Tensor {
  const op = "tensordot";
  handleOf(a, op);
  checkSameDtype(op, a, b);
  const [mine, theirs] = pairsOf(a, b, dims);
  const sizes = [a.shape, b.shape] as const;
  // What meets a dimension of size 1 is summed first.
  const single = (own: readonly number[], at: number) => own[at] === 1;
  let [left, right] = [a, b];
  mine.forEach((i, k) => {
    const j = theirs[k]!;
    const [one, other] = [sizes[0][i]!, sizes[1][j]!];
    if (one === other) return;
    if (single(sizes[0], i)) right = sumKept(right, j);
    else if (single(sizes[1], j)) left = sumKept(left, i);
    else
      throw makeError(
        RangeError,
        `contracted dimensions need to match, but first has size ${one} in dim ${i} and second has size ${other} in ` +
          `dim ${j}; tensordot: the shapes are ${listed(sizes[0])} and ${listed(sizes[1])}`,
        { code: "ERR_SHAPE", op, shapes: [[...sizes[0]], [...sizes[1]]] },
      );
  });
  const rest = (x: Tensor, taken: readonly number[]) =>
    x.shape.map((_, dim) => dim).filter((dim) => !taken.includes(dim));
  const [outerLeft, outerRight] = [rest(left, mine), rest(right, theirs)];
  const product = (x: Tensor, places: readonly number[]) =>
    places.reduce((total, dim) => total * x.shape[dim]!, 1);
  const inner = product(left, mine);
  return left
    .permute([...outerLeft, ...mine])
    .reshape(product(left, outerLeft), inner)
    .matmul(right.permute([...theirs, ...outerRight]).reshape(inner, product(right, outerRight)))
    .reshape([...outerLeft.map((dim) => left.shape[dim]!), ...outerRight.map((dim) => right.shape[dim]!)]);
}

/** The sum along a dimension, in the tensor's dtype. */
function sumKept(x: Tensor, dim: number): Tensor {
  const total = x.sum(dim, { keepdim: true });
  return total.dtype === x.dtype ? total : total.to(x.dtype);
}

function pairsOf(a: Tensor, b: Tensor, dims: unknown): [number[], number[]] {
  const op = "tensordot";
  const ranks = [a.shape.length, b.shape.length] as const;
  if (typeof dims === "number") {
    if (!Number.isInteger(dims) || dims < 0)
      throw makeError(RangeError, `tensordot expects dims >= 0, but got dims=${dims}`, {
        code: "ERR_DIM",
        op,
      });
    if (dims > Math.min(...ranks))
      throw makeError(
        RangeError,
        `tensordot expects dims < ndim_a or ndim_b, but got dims=${dims}; tensordot: the tensors have ${ranks[0]} and ` +
          `${ranks[1]} dimensions`,
        { code: "ERR_DIM", op },
      );
    const places = Array.from({ length: dims }, (_, i) => i);
    return [places.map((i) => i + ranks[0] - dims), places];
  }
  if (!Array.isArray(dims) || dims.length !== 2 || !dims.every((list) => Array.isArray(list)))
    throw makeError(TypeError, `tensordot: dims must be a number or two arrays, got ${describe(dims)}`, {
      code: "ERR_ARGUMENT",
      op,
    });
  const lists = dims as [unknown[], unknown[]];
  if (lists[0].length !== lists[1].length)
    throw makeError(
      RangeError,
      `both dimension lists should have same length; tensordot: they have ${lists[0].length} and ${lists[1].length}`,
      { code: "ERR_DIM", op },
    );
  const read = (list: unknown[], rank: number) => {
    const places = list.map((dim) => {
      if (typeof dim !== "number" || !Number.isInteger(dim) || dim < -rank || dim >= rank)
        throw makeError(
          RangeError,
          `Dimension out of range (expected to be in range of [${-rank}, ${rank - 1}], but got ${describe(dim)})`,
          { code: "ERR_DIM", op },
        );
      return dim < 0 ? dim + rank : dim;
    });
    if (new Set(places).size < places.length)
      throw makeError(RangeError, `tensordot: a dimension appears multiple times in ${listed(places)}`, {
        code: "ERR_DIM",
        op,
      });
    return places;
  };
  return [read(lists[0], ranks[0]), read(lists[1], ranks[1])];
}

/**
 * The product of a chain of matrices, multiplied in the order that takes fewest multiplications. The first and the last may
 * be vectors, a row and a column.
 */
export function chainOf(op: string, given: readonly Tensor[]): Tensor {
  const name = op === "multiDot" ? "multi_dot()" : "chain_matmul()";
  if (!Array.isArray(given))
    throw makeError(TypeError, `${op}: expected an array of tensors, got ${describe(given)}`, {
      code: "ERR_ARGUMENT",
      op,
    });
  const tensors: readonly Tensor[] = given;
  if (tensors.length < (op === "multiDot" ? 2 : 1))
    throw makeError(RangeError, `${name}: expected at least 2 tensors but got ${tensors.length}`, {
      code: "ERR_ARGUMENT",
      op,
    });
  const last = tensors.length - 1;
  for (const one of tensors) handleOf(one, op);
  const factors = tensors.map((one, i) => {
    const rank = one.shape.length;
    const mayBeVector = op === "multiDot" && (i === 0 || i === last);
    if (rank !== 2 && !(mayBeVector && rank === 1))
      throw makeError(
        RangeError,
        `${name}: tensor ${i} must be ${mayBeVector ? "1D or 2D" : "2D"} but got ${rank}D`,
        { code: "ERR_SHAPE", op, shapes: [one.shape] },
      );
    checkSameDtype(op, tensors[0]!, one);
    return rank === 2 ? one : i === 0 ? one.reshape(1, -1) : one.reshape(-1, 1);
  });
  const sizes = [factors[0]!.shape[0]!, ...factors.map((one) => one.shape[1]!)];
  factors.forEach((one, i) => {
    if (one.shape[0] !== sizes[i])
      throw makeError(
        RangeError,
        `${name}: tensors ${i - 1} and ${i} with shapes ${listed(factors[i - 1]!.shape)} and ${listed(one.shape)} cannot be multiplied`,
        { code: "ERR_SHAPE", op, shapes: [factors[i - 1]!.shape, one.shape] },
      );
  });
  // The cheapest way to multiply factors i to j, and where it divides them.
  const cost = factors.map(() => Array<number>(factors.length).fill(0));
  const split = factors.map(() => Array<number>(factors.length).fill(0));
  for (let length = 1; length <= last; ++length)
    for (let i = 0; i + length <= last; ++i) {
      const j = i + length;
      cost[i]![j] = Infinity;
      for (let k = i; k < j; ++k) {
        const total = cost[i]![k]! + cost[k + 1]![j]! + sizes[i]! * sizes[k + 1]! * sizes[j + 1]!;
        if (total < cost[i]![j]!) [cost[i]![j], split[i]![j]] = [total, k];
      }
    }
  const product = (i: number, j: number): Tensor =>
    i === j ? factors[i]! : product(i, split[i]![j]!).matmul(product(split[i]![j]! + 1, j));
  const whole = product(0, last);
  const shape = [
    ...(tensors[0]!.shape.length === 1 ? [] : [sizes[0]!]),
    ...(tensors[last]!.shape.length === 1 ? [] : [sizes.at(-1)!]),
  ];
  return shape.length === 2 ? whole : whole.reshape(shape);
}

/** The product of matrices, in the order that takes fewest multiplications. */
export function chainMatmul(...matrices: Tensor[]): Tensor {
  return chainOf("chainMatmul", matrices);
}

/** Options of {@link vander}. */
export interface VanderOptions {
  /** How many powers; as many as there are elements when left out. */
  N?: number | null;
  /** From power 0 upwards, instead of downwards. */
  increasing?: boolean;
}

const vanderDefaults: Readonly<Required<VanderOptions>> = Object.freeze({ N: null, increasing: false });

/** The powers of the elements of a vector, a row for each element, from the highest on: `[n]` gives `[n, N]`. */
export function vander(x: Tensor, options?: VanderOptions): Tensor {
  handleOf(x, "vander");
  const { N, increasing } = readOptions("vander", options, vanderDefaults);
  const { shape } = x;
  if (shape.length !== 1)
    throw makeError(
      RangeError,
      `x must be a one-dimensional tensor.; vander: the shape is ${listed(shape)}`,
      {
        code: "ERR_SHAPE",
        op: "vander",
        shapes: [shape],
      },
    );
  if (N !== null && !(Number.isInteger(N) && N >= 0))
    throw makeError(RangeError, `N must be non-negative.; vander: it is ${describe(N)}`, {
      code: "ERR_VALUE",
      op: "vander",
    });
  const powers = powersOf(x, N ?? shape[0]!);
  return increasing ? powers : powers.flip(-1);
}
