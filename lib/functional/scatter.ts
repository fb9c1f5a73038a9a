import { fullLike, onesLike, zeros } from "../creation.js";
import { integerBounds, isFloating } from "../dtype.js";
import { makeError } from "../errors.js";
import type { Scalar } from "../native.js";
import { describe, readOptions } from "../options.js";
import { handleOf, isTensor, recordRoutine, type Tensor } from "../tensor.js";
import { axisOf } from "./axes.js";
import { filling } from "./filling.js";
import { named } from "./history.js";
import { checkPositions, dtypeError, shapeError, sizes } from "./refusals.js";
import { flooredQuotient } from "./wholes.js";

// Elements brought to the places along a dimension that an int64 or int32 tensor of positions names. What comes to one
// place comes in order, so that the bits are the same every time, on every device. A position out of range is an error
// (`ERR_INDEX`) when the result is read.

/** What {@link scatterReduce} makes of all elements that come to one place. */
export type ScatterReduction = "sum" | "prod" | "mean" | "amax" | "amin";

/** Options of {@link scatter}. */
export interface ScatterOptions {
  /** Adds to what is there, or multiplies with it, instead of replacing it. */
  reduce?: "add" | "multiply";
}
/** Options of {@link scatterReduce} and {@link indexReduce}. */
export interface ReduceAtOptions {
  /** Whether what is there takes part. */
  includeSelf?: boolean;
}
/** Options of {@link indexAdd}. */
export interface IndexAddOptions {
  /** A factor of the source. */
  alpha?: number;
}

const scatterDefaults = Object.freeze({ reduce: undefined as ScatterOptions["reduce"] });
const reduceAtDefaults: Readonly<Required<ReduceAtOptions>> = Object.freeze({ includeSelf: true });
const indexAddDefaults: Readonly<Required<IndexAddOptions>> = Object.freeze({ alpha: 1 });
/** The numbers of native/ops/combination.h. */
const combinations = { prod: 0, amin: 1, amax: 2 };

/**
 * The tensor with each element of `src`, or one value, at the place along `dim` that `index` names for it. Of several
 * at one place the last one counts, and has the gradient. `index` is no larger than `src` in any dimension, nor than the
 * tensor in other ones than `dim`.
 *
 * @throws RangeError (`ERR_SHAPE`), TypeError (`ERR_DTYPE`) where `src` has another dtype.
 */
export function scatter(
  x: Tensor,
  dim: number,
  index: Tensor,
  src: Tensor | Scalar,
  options?: ScatterOptions,
): Tensor {
  const { reduce } = readOptions("scatter", options, scatterDefaults);
  if (reduce !== undefined) {
    if (!["add", "multiply"].includes(reduce))
      throw makeError(
        TypeError,
        `reduce argument must be either add or multiply, got ${describe(reduce)}; scatter`,
        {
          code: "ERR_OPTION",
          op: "scatter",
        },
      );
    const parts = isTensor(src) ? src : valuesOf("scatter", x, index, src);
    return reducedAt("scatter", x, dim, index, parts, reduce === "add" ? "sum" : "prod", true);
  }
  if (isTensor(src)) return recorded("scatter", x, dim, index, src);
  // One value everywhere: where a mask says, so that no position needs a gradient of its own.
  const value = filling("scatter", "scatter_", x, src);
  handleOf(index, "scatter");
  const marks = zeros(x.shape, { dtype: "bool", device: x.device });
  const isReplaced = recorded("scatter", marks, dim, index, onesLike(index, { dtype: "bool" }));
  return named(isReplaced.where(value, x), "Scatter", "1");
}

/** One value in the shape of the positions. */
function valuesOf(op: string, x: Tensor, index: Tensor, value: Scalar): Tensor {
  handleOf(x, op);
  handleOf(index, op);
  return fullLike(index, value, { dtype: x.dtype });
}

/**
 * The tensor with each element of `src` added at the place along `dim` that `index` names for it. Shapes are those of
 * {@link scatter}.
 */
export function scatterAdd(x: Tensor, dim: number, index: Tensor, src: Tensor): Tensor {
  return recorded("scatterAdd", x, dim, index, src);
}

/** As PyTorch does, no positions at all may have any shape. */
function recorded(
  name: string,
  x: Tensor,
  dim: number,
  index: Tensor,
  src: Tensor,
  ...numbers: number[]
): Tensor {
  const axis = axisOf(name, x, dim);
  handleOf(index, name);
  handleOf(src, name);
  if (src.dtype !== x.dtype)
    throw dtypeError(
      name,
      `scatter(): Expected self.dtype to be equal to src.dtype, but they are ${x.dtype} and ${src.dtype}`,
    );
  if (index.numel() === 0) return x.clone();
  return recordRoutine(name, [x, index, src], axis, ...numbers)[0]!;
}

/**
 * The tensor with all elements of `src` that `index` names a place for combined there: their sum, product, mean,
 * greatest or least. What is there takes part unless `includeSelf` is false; elements to which nothing comes stay as
 * they are. Shapes are those of {@link scatter}; the mean of integers is rounded down. Equal extremes share the gradient,
 * and that of a product holds where elements are 0.
 */
export function scatterReduce(
  x: Tensor,
  dim: number,
  index: Tensor,
  src: Tensor,
  reduce: ScatterReduction,
  options?: ReduceAtOptions,
): Tensor {
  const { includeSelf } = readOptions("scatterReduce", options, reduceAtDefaults);
  if (!["sum", "prod", "mean", "amax", "amin"].includes(reduce))
    throw makeError(
      TypeError,
      `reduce argument must be either sum, prod, mean, amax or amin, got ${describe(reduce)}; scatterReduce`,
      { code: "ERR_ARGUMENT", op: "scatterReduce" },
    );
  return named(reducedAt("scatterReduce", x, dim, index, src, reduce, includeSelf), "ScatterReduce");
}

function reducedAt(
  op: string,
  x: Tensor,
  dim: number,
  index: Tensor,
  src: Tensor,
  reduce: ScatterReduction,
  includeSelf: boolean,
): Tensor {
  handleOf(x, op);
  handleOf(index, op);
  handleOf(src, op);
  const start = includeSelf ? x : withoutSelf(x, dim, index, reduce);
  if (reduce === "sum") return recorded("scatterAdd", start, dim, index, src);
  if (reduce !== "mean") return recorded("scatterReduce", start, dim, index, src, combinations[reduce]);
  const one = onesLike(index, { dtype: x.dtype });
  const counts = recorded(
    "scatterAdd",
    includeSelf ? onesLike(x) : withoutSelf(onesLike(x), dim, index, "sum"),
    dim,
    index,
    one,
  );
  const total = recorded("scatterAdd", start, dim, index, src);
  return isFloating(x.dtype) ? total.div(counts) : flooredQuotient(total, counts);
}

/** The tensor with what changes nothing in place of the elements to which something comes. */
function withoutSelf(x: Tensor, dim: number, index: Tensor, reduce: ScatterReduction): Tensor {
  const [least, greatest] =
    x.dtype === "bool" ? [false, true] : (integerBounds.get(x.dtype) ?? [-Infinity, Infinity]);
  const neutral = { sum: 0, mean: 0, prod: 1, amax: least, amin: greatest }[reduce];
  return scatter(x, dim, index, neutral);
}

/** A vector of positions along `dim`, in the shape of the slices that it is for. */
function along(op: string, axis: number, index: Tensor, shape: readonly number[]): Tensor {
  const wide: number[] = shape.map(() => 1);
  wide[axis] = index.numel();
  return index.reshape(wide).expand(shape);
}

/** Checks a vector of positions and the slices that go there; both as they are wanted for scatter. */
function slicesOf(op: string, word: string, x: Tensor, dim: number, index: Tensor, source: Tensor) {
  const axis = axisOf(op, x, dim);
  handleOf(index, op);
  handleOf(source, op);
  checkPositions(op, index.dtype);
  if (index.shape.length > 1)
    throw shapeError(
      op,
      `${word}(): Index is supposed to be a vector, but got size: ${sizes(index.shape)}`,
      index.shape,
    );
  if (x.dtype !== source.dtype)
    throw dtypeError(
      op,
      `${word}(): self and source expected to have the same dtype, but got (self) ${x.dtype} and (source) ${source.dtype}`,
    );
  const [own, given] = [x.shape, source.shape];
  const count = index.numel();
  const wanted = own.length === 0 ? [] : own.with(axis, count);
  // A single slice may come as a number of its own.
  const isNumber = given.length === 0 && own.length <= 1 && count === 1;
  if (
    !isNumber &&
    (own.length === 0
      ? source.numel() !== 1 || count !== 1
      : String(given) !== String(wanted) || given.length !== wanted.length)
  ) {
    const fits = given.length === own.length && given.every((extent, i) => i === axis || extent === own[i]);
    throw shapeError(
      op,
      fits
        ? `${word}(): Number of indices (${count}) should be equal to source.size(dim) (${given[axis] ?? 1})`
        : `source tensor shape must match self tensor shape, excluding the specified dimension. Got self.shape = ${sizes(own)} source.shape = ${sizes(given)}`,
      own,
      given,
    );
  }
  const shape = own.length === 0 ? [1] : wanted;
  return { axis, places: along(op, axis, index, shape), parts: source.reshape(shape) };
}

/** Scatters into the vector that a 0-d tensor is. */
function asVector(x: Tensor, compute: (vector: Tensor) => Tensor): Tensor {
  return x.shape.length > 0 ? compute(x) : compute(x.reshape(1)).reshape([]);
}

/** The tensor with slices of `source`, times `alpha`, added at the positions along `dim` that a vector names. */
export function indexAdd(
  x: Tensor,
  dim: number,
  index: Tensor,
  source: Tensor,
  options?: IndexAddOptions,
): Tensor {
  const { alpha } = readOptions("indexAdd", options, indexAddDefaults);
  if (typeof alpha !== "number" || (!isFloating(x.dtype) && !Number.isInteger(alpha)))
    throw makeError(
      TypeError,
      `For integral input tensors, argument alpha must not be a floating point number; indexAdd: alpha is ${describe(alpha)}`,
      { code: "ERR_OPTION", op: "indexAdd" },
    );
  const { axis, places, parts } = slicesOf("indexAdd", "index_add_", x, dim, index, source);
  const scaled = alpha === 1 ? parts : parts.mul(alpha);
  return named(
    asVector(x, (vector) => recorded("scatterAdd", vector, axis, places, scaled)),
    "IndexAdd",
  );
}

/** The tensor with slices of `source` at the positions along `dim` that a vector names; of several at one the last. */
export function indexCopy(x: Tensor, dim: number, index: Tensor, source: Tensor): Tensor {
  const { axis, places, parts } = slicesOf("indexCopy", "index_copy_", x, dim, index, source);
  return named(
    asVector(x, (vector) => recorded("scatter", vector, axis, places, parts)),
    "IndexCopy",
  );
}

/**
 * The tensor with slices of `source` combined at the positions along `dim` that a vector names, as in
 * {@link scatterReduce}.
 */
export function indexReduce(
  x: Tensor,
  dim: number,
  index: Tensor,
  source: Tensor,
  reduce: Exclude<ScatterReduction, "sum">,
  options?: ReduceAtOptions,
): Tensor {
  const { includeSelf } = readOptions("indexReduce", options, reduceAtDefaults);
  if (!["prod", "mean", "amax", "amin"].includes(reduce))
    throw makeError(
      TypeError,
      `index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got ${describe(reduce)}.; indexReduce`,
      { code: "ERR_ARGUMENT", op: "indexReduce" },
    );
  const { axis, places, parts } = slicesOf("indexReduce", "index_reduce", x, dim, index, source);
  const compute = (vector: Tensor) =>
    reducedAt("indexReduce", vector, axis, places, parts, reduce, includeSelf);
  return named(asVector(x, compute), "IndexReduce");
}

/** The tensor with a value, a number or a 0-d tensor, at the positions along `dim` that a vector names. */
export function indexFill(x: Tensor, dim: number, index: Tensor, value: Tensor | Scalar): Tensor {
  const op = "indexFill";
  const axis = axisOf(op, x, dim);
  handleOf(index, op);
  checkPositions(op, index.dtype);
  if (index.shape.length > 1) throw shapeError(op, "Index has to be a vector/scalar", index.shape);
  const { shape, dtype, device } = x;
  const extent = shape[axis] ?? 1;
  const fill = filling(op, "index_fill_", x, value);
  const marks = zeros([extent], { dtype: "bool", device });
  const places = index.reshape(-1);
  const isFilled = recorded("scatter", marks, 0, places, onesLike(places, { dtype: "bool" }));
  const wide = shape.map((_, i) => (i === axis ? extent : 1));
  return named(isFilled.reshape(wide).where(fill.to(dtype), x), "IndexFill", isTensor(value) ? "1" : "0");
}
