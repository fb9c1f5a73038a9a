import type { DType } from "../dtype.js";
import { readOptions, withOptions } from "../options.js";
import { recordRoutine, type Tensor } from "../tensor.js";

// Along a dimension.

/** Options of {@link cumsum} and {@link cumprod}. */
export interface RunningOptions {
  /** The dtype that the tensor is converted to first, and that of the result. */
  dtype?: DType;
}

/** Options of {@link sort} and {@link argsort}. */
export interface SortOptions {
  /** From the largest to the smallest. */
  descending?: boolean;
  /** Equal elements keep their order; here they always do. */
  stable?: boolean;
}

/** Elements and the int64 positions at which they were. */
export type ValuesAndIndices = {
  values: Tensor;
  indices: Tensor;
};

const sortDefaults: Readonly<Required<SortOptions>> = Object.freeze({ descending: false, stable: false });

const runningDefaults = Object.freeze({ dtype: undefined as DType | undefined });

function running(
  op: "cumsum" | "cumprod",
  x: Tensor,
  dim: number,
  options: RunningOptions | undefined,
): Tensor {
  const { dtype } = readOptions(op, options, runningDefaults);
  if (dtype === undefined) return recordRoutine(op, [x], dim)[0]!;
  return recordRoutine(op, [x.to(dtype)], dim)[0]!.to(dtype);
}

/** The running sum along `dim`; integers and bool add up in int64. float32 adds up in double precision. */
export function cumsum(x: Tensor, dim: number, options?: RunningOptions): Tensor {
  return running("cumsum", x, dim, options);
}

/** The running product along `dim`; the dtypes are those of {@link cumsum}. Its gradient holds where elements are 0. */
export function cumprod(x: Tensor, dim: number, options?: RunningOptions): Tensor {
  return running("cumprod", x, dim, options);
}

/** The largest element so far along `dim`, and its int64 position: of equal ones the last. NaN is larger than all. */
export function cummax(x: Tensor, dim: number): ValuesAndIndices {
  const [values, indices] = recordRoutine("cummax", [x], dim);
  return { values: values!, indices: indices! };
}

/**
 * The elements in ascending order along `dim`, the last one when left out, and the int64 positions at which they were.
 * Equal elements keep their order, whether `stable` asks for it or not, and NaN counts as the largest.
 */
export function sort(x: Tensor, dim: number | SortOptions = -1, options?: SortOptions): ValuesAndIndices {
  const [along = -1, given] = withOptions<number, SortOptions>(dim, options);
  const { descending } = readOptions("sort", given, sortDefaults);
  const [values, indices] = recordRoutine("sort", [x], along, Number(descending));
  return { values: values!, indices: indices! };
}

/** The positions alone that {@link sort} gives. */
export function argsort(x: Tensor, dim: number | SortOptions = -1, options?: SortOptions): Tensor {
  const [along = -1, given] = withOptions<number, SortOptions>(dim, options);
  const { descending } = readOptions("argsort", given, sortDefaults);
  return recordRoutine("sort", [x], along, Number(descending))[1]!;
}

/**
 * The elements that `index` names along `dim`, in each line, in the shape of `index`, which is no larger than the
 * tensor in its other dimensions. An index out of range is an error (`ERR_INDEX`) when the result is read.
 */
export function gather(x: Tensor, dim: number, index: Tensor): Tensor {
  return recordRoutine("gather", [x, index], dim)[0]!;
}

/** The slices along `dim` that a vector of positions names; an index out of range is an error when the result is read. */
export function indexSelect(x: Tensor, dim: number, index: Tensor): Tensor {
  return recordRoutine("indexSelect", [x, index], dim)[0]!;
}
