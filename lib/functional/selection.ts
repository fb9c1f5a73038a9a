import { zeros } from "../creation.js";
import { makeError } from "../errors.js";
import { readOptions } from "../options.js";
import { handleOf, recordRoutine, type Tensor } from "../tensor.js";
import { named } from "./history.js";

// Ops whose shape depends on values: their inputs are computed when they are called.

/** Options of {@link nonzero}. */
export interface NonzeroOptions {
  /** A vector of indices for each dimension, as {@link Tensor.at} takes them. */
  asTuple?: boolean;
}

/** Options of {@link Tensor.unique}. */
export interface UniqueOptions {
  /** Also where each element is among the values. */
  returnInverse?: boolean;
  /** Also how often each value occurs. */
  returnCounts?: boolean;
}

/** The result of {@link Tensor.unique}. */
export interface Unique {
  /** The values that occur, in ascending order. */
  output: Tensor;
  /** In the tensor's shape, where each of its elements is in `output`; with `returnInverse`. */
  inverseIndices?: Tensor;
  /** How often each value occurs; with `returnCounts`. */
  counts?: Tensor;
}

const nonzeroDefaults: Readonly<Required<NonzeroOptions>> = Object.freeze({ asTuple: false });
const uniqueDefaults: Readonly<Required<UniqueOptions>> = Object.freeze({
  returnInverse: false,
  returnCounts: false,
});

/** The indices of elements that are not zero: a row for each, or with `asTuple` a vector for each dimension. */
export function nonzero(x: Tensor, options: NonzeroOptions & { asTuple: true }): Tensor[];
export function nonzero(x: Tensor, options?: NonzeroOptions & { asTuple?: false }): Tensor;
export function nonzero(x: Tensor, options?: NonzeroOptions): Tensor | Tensor[] {
  const { asTuple } = readOptions("nonzero", options, nonzeroDefaults);
  if (!asTuple) return recordRoutine("nonzero", [x])[0]!;
  // A number counts as a vector of one element.
  const { shape } = x;
  const rows = recordRoutine("nonzero", [shape.length === 0 ? x.reshape(1) : x])[0]!;
  return Array.from({ length: Math.max(shape.length, 1) }, (_, dim) => rows.select(1, dim));
}

/** The indices of elements that are not zero, a row for each. */
export function argwhere(x: Tensor): Tensor {
  return recordRoutine("nonzero", [x])[0]!;
}

/** The elements at which a bool tensor that broadcasts with it is true, in row-major order. */
export function maskedSelect(x: Tensor, mask: Tensor): Tensor {
  handleOf(mask, "maskedSelect");
  if (mask.dtype !== "bool")
    throw makeError(
      TypeError,
      `masked_select: expected BoolTensor for mask, but it is ${mask.dtype}; compare first, as in x.gt(0)`,
      { code: "ERR_DTYPE", op: "maskedSelect" },
    );
  const shape = mask.where(mask, x.isnan()).shape;
  const places = argwhere(mask.expand(shape).reshape(-1)).reshape(-1);
  return named(x.expand(shape).reshape(-1).indexSelect(0, places), "MaskedSelect");
}

/** The values that occur, in ascending order; every NaN is one of its own, as in PyTorch. */
export function unique(x: Tensor, options?: UniqueOptions): Unique {
  const { returnInverse, returnCounts } = readOptions("unique", options, uniqueDefaults);
  const flat = x.detach().reshape(-1);
  const count = flat.numel();
  const { values, indices } = flat.sort(0);
  if (count === 0) {
    const none = zeros([0], { dtype: "int64", device: x.device });
    return {
      output: values,
      ...(returnInverse && { inverseIndices: none.reshape(x.shape) }),
      ...(returnCounts && { counts: none }),
    };
  }
  // The first of each run of equal values.
  const isFirst = values
    .narrow(0, 1, count - 1)
    .ne(values.narrow(0, 0, count - 1))
    .pad([1, 0], { value: true });
  const starts = argwhere(isFirst).reshape(-1);
  const result: Unique = { output: values.indexSelect(0, starts) };
  if (returnInverse) {
    const ranks = isFirst.cumsum(0).sub(1);
    result.inverseIndices = zeros([count], { dtype: "int64", device: x.device })
      .scatterAdd(0, indices, ranks)
      .reshape(x.shape);
  }
  if (returnCounts)
    result.counts = starts
      .narrow(0, 1, starts.numel() - 1)
      .pad([0, 1], { value: count })
      .sub(starts);
  return result;
}
