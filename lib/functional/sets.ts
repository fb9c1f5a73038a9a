import { zeros } from "../creation.js";
import { makeError } from "../errors.js";
import { readOptions, withDim } from "../options.js";
import { handleOf, type Tensor } from "../tensor.js";
import { axisOf, startsRun } from "./axes.js";
import { nonzero } from "./selection.js";

// Which elements, or slices, there are. Shapes depend on values: inputs are computed when these are called.

/** Options of {@link uniqueConsecutive}. */
export interface UniqueConsecutiveOptions {
  /** Also where each element is among the values. */
  returnInverse?: boolean;
  /** Also how often each value occurs. */
  returnCounts?: boolean;
  /** Compare the slices along this dimension, rather than all elements. */
  dim?: number | null;
}

/** Options of {@link unique}. */
export interface UniqueOptions extends UniqueConsecutiveOptions {
  /** In ascending order; here they always are. */
  sorted?: boolean;
}

/** The result of {@link unique} and {@link uniqueConsecutive}. */
export interface Unique {
  /** The values that occur. */
  output: Tensor;
  /** Where each element is in `output`, in the tensor's shape, or for each slice; with `returnInverse`. */
  inverseIndices?: Tensor;
  /** How often each value occurs; with `returnCounts`. */
  counts?: Tensor;
}

const consecutiveDefaults: Readonly<Required<UniqueConsecutiveOptions>> = Object.freeze({
  returnInverse: false,
  returnCounts: false,
  dim: null,
});
const uniqueDefaults: Readonly<Required<UniqueOptions>> = Object.freeze({
  sorted: true,
  ...consecutiveDefaults,
});

/**
 * The values that occur, in ascending order; with `dim` the slices along it that occur, in the order of their first
 * different elements. Every NaN is one of its own, as in PyTorch.
 */
export function unique(
  x: Tensor,
  dim?: UniqueOptions["dim"] | UniqueOptions,
  options?: UniqueOptions,
): Unique {
  const wanted = readOptions("unique", withDim(dim, options), uniqueDefaults);
  const { slices, axis } = slicesOf("unique", x, wanted.dim);
  const { order, isFirst } = ordered(slices, axis);
  const starts = nonzero(isFirst).reshape(-1);
  const ranks = () => {
    const sorted = isFirst.cumsum(0).sub(1);
    return zeros(sorted.shape, { dtype: "int64", device: x.device }).scatterAdd(0, order, sorted);
  };
  return resultOf(x, slices, axis, order.indexSelect(0, starts), starts, ranks, wanted);
}

/** The elements that differ from the one before, in row-major order; with `dim` such slices along it. */
export function uniqueConsecutive(
  x: Tensor,
  dim?: UniqueConsecutiveOptions["dim"] | UniqueConsecutiveOptions,
  options?: UniqueConsecutiveOptions,
): Unique {
  const wanted = readOptions("uniqueConsecutive", withDim(dim, options), consecutiveDefaults);
  const { slices, axis } = slicesOf("uniqueConsecutive", x, wanted.dim);
  const others = slices.shape.map((_, i) => i).filter((i) => i !== axis);
  const differs = startsRun(slices, axis);
  const isFirst = others.length === 0 ? differs : differs.any(others);
  const starts = nonzero(isFirst).reshape(-1);
  return resultOf(x, slices, axis, starts, starts, () => isFirst.cumsum(0).sub(1), wanted);
}

/** What is compared: all elements in a line, or the slices along a dimension. */
function slicesOf(op: string, x: Tensor, dim: number | null): { slices: Tensor; axis: number } {
  handleOf(x, op);
  const { shape } = x;
  if (dim === null) return { slices: x.detach().reshape(-1), axis: 0 };
  if (shape.length === 0)
    throw makeError(
      RangeError,
      `Dimension specified as ${String(dim)} but tensor has no dimensions; ${op}: leave dim out`,
      { code: "ERR_DIM", op, shapes: [shape] },
    );
  const axis = axisOf(op, x, dim);
  if (shape.some((size, i) => size === 0 && (i !== axis || shape.some((other, j) => j !== i && other === 0))))
    throw makeError(
      RangeError,
      `There are 0 sized dimensions, and they aren't selected, so unique cannot be applied; ${op}: x has shape [${shape}]`,
      { code: "ERR_SHAPE", op, shapes: [shape] },
    );
  return { slices: x.detach(), axis };
}

/** An order in which equal slices are neighbours, ascending, and whether a slice is the first of equal ones in it. */
function ordered(slices: Tensor, axis: number): { order: Tensor; isFirst: Tensor } {
  const count = slices.shape[axis]!;
  const others = slices.shape.map((_, i) => i).filter((i) => i !== axis);
  const rows = slices.permute(axis, ...others);
  let ranks = count === 0 ? rows.reshape(-1, 1) : rows.reshape(count, -1);
  // A slice is a row. Pairs of columns become one column of their ranks in common, until one is left: log2(m) sorts of m
  // columns rather than m sorts of one.
  for (;;) {
    const { values, indices } = ranks.sort(0);
    const isFirst = startsRun(values, 0);
    const columns = ranks.shape[1]!;
    if (columns === 1) return { order: indices.reshape(-1), isFirst: isFirst.reshape(-1) };
    const dense = zeros(ranks.shape, { dtype: "int64", device: slices.device }).scatterAdd(
      0,
      indices,
      isFirst.cumsum(0).sub(1),
    );
    const even = dense.pad([0, columns % 2]);
    ranks = even.at(":", "::2").mul(count).add(even.at(":", "1::2"));
  }
}

function resultOf(
  x: Tensor,
  slices: Tensor,
  axis: number,
  chosen: Tensor,
  starts: Tensor,
  ranks: () => Tensor,
  { returnInverse, returnCounts, dim }: Required<UniqueConsecutiveOptions>,
): Unique {
  const result: Unique = { output: slices.indexSelect(axis, chosen) };
  if (returnInverse) result.inverseIndices = dim === null ? ranks().reshape(x.shape) : ranks();
  if (returnCounts) {
    const found = starts.numel();
    const ends = starts.narrow(0, Math.min(1, found), Math.max(found - 1, 0));
    result.counts = found === 0 ? starts : ends.pad([0, 1], { value: slices.shape[axis]! }).sub(starts);
  }
  return result;
}
