import { arange } from "../ranges.js";
import { native, type NativeIndex } from "../native.js";
import { readOptions } from "../options.js";
import { create, handleOf, isTensor, type Tensor } from "../tensor.js";
import { axisOf } from "./axes.js";
import { named } from "./history.js";
import { argumentError, dtypeError, shapeError, sizes, valueError, whole, wholes } from "./refusals.js";

// Parts of a tensor along a dimension, and tensors with a part replaced.

/** Options of {@link sliceScatter}. */
export interface SliceOptions {
  /** The first position; negative ones count from the end. */
  start?: number | null;
  /** The position before which the part ends. */
  end?: number | null;
  /** The distance between positions. */
  step?: number;
}

const sliceDefaults = Object.freeze({ start: null as number | null, end: null as number | null, step: 1 });

/** The dimension to cut along, of a tensor that has one, and its size. */
function cut(op: string, x: Tensor, dim: number): [axis: number, extent: number] {
  const axis = axisOf(op, x, dim);
  const extent = x.shape[axis];
  if (extent === undefined) throw shapeError(op, `${op} expects at least a 1-dimensional tensor`, x.shape);
  return [axis, extent];
}

function piecesOf(x: Tensor, axis: number, lengths: readonly number[], label: string): Tensor[] {
  let start = 0;
  return lengths.map((length) => {
    const piece = named(x.narrow(axis, start, length), label);
    start += length;
    return piece;
  });
}

/**
 * Pieces of `splitSize` positions along `dim`, the last one with what is left; or pieces of the given sizes.
 *
 * @throws RangeError (`ERR_VALUE`) for a size of 0 or below, or sizes that do not add up to the dimension's.
 */
export function split(x: Tensor, splitSize: number | readonly number[], dim = 0): Tensor[] {
  return typeof splitSize === "number"
    ? equalPieces("split", x, splitSize, dim)
    : givenPieces("split", x, splitSize, dim);
}

/** The same as {@link split} with a number. */
export function unsafeSplit(x: Tensor, splitSize: number, dim = 0): Tensor[] {
  return equalPieces("unsafeSplit", x, splitSize, dim);
}

/** The same as {@link split} with sizes. */
export function splitWithSizes(x: Tensor, splitSizes: readonly number[], dim = 0): Tensor[] {
  return givenPieces("splitWithSizes", x, splitSizes, dim);
}

/** The same as {@link split} with sizes. */
export function unsafeSplitWithSizes(x: Tensor, splitSizes: readonly number[], dim = 0): Tensor[] {
  return givenPieces("unsafeSplitWithSizes", x, splitSizes, dim);
}

function equalPieces(op: string, x: Tensor, splitSize: number, dim: number): Tensor[] {
  const [axis, extent] = cut(op, x, dim);
  const size = whole(op, "splitSize", splitSize);
  if (size < 0) throw valueError(op, `split expects split_size be non-negative, but got split_size=${size}`);
  if (size === 0 && extent > 0)
    throw valueError(
      op,
      `split_size can only be 0 if dimension size is 0, but got dimension size of ${extent}`,
    );
  const count = size === 0 ? 1 : Math.max(Math.ceil(extent / size), 1);
  const lengths = Array.from({ length: count }, (_, i) => Math.min(size, extent - i * size));
  return piecesOf(x, axis, lengths, "Split");
}

function givenPieces(op: string, x: Tensor, splitSizes: readonly number[], dim: number): Tensor[] {
  const [axis, extent] = cut(op, x, dim);
  const lengths = wholes(op, "splitSizes", splitSizes);
  if (lengths.some((length) => length < 0))
    throw valueError(
      op,
      `split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes=${sizes(lengths)}`,
    );
  if (lengths.reduce((sum, length) => sum + length, 0) !== extent)
    throw valueError(
      op,
      `split_with_sizes expects split_sizes to sum exactly to ${extent} (input tensor's size at dimension ${axis}), but got split_sizes=${sizes(lengths)}`,
    );
  return piecesOf(x, axis, lengths, "SplitWithSizes");
}

/** At most `chunks` pieces along `dim`, of one size, rounded up; the last one may be smaller, and there may be fewer. */
export function chunk(x: Tensor, chunks: number, dim = 0): Tensor[] {
  return chunked("chunk", x, chunks, dim);
}

/** The same as {@link chunk}. */
export function unsafeChunk(x: Tensor, chunks: number, dim = 0): Tensor[] {
  return chunked("unsafeChunk", x, chunks, dim);
}

function chunked(op: string, x: Tensor, chunks: number, dim: number): Tensor[] {
  const [axis, extent] = cut(op, x, dim);
  if (whole(op, "chunks", chunks) < 1)
    throw valueError(op, `chunk expects \`chunks\` to be greater than 0, got: ${chunks}`);
  if (extent === 0) return piecesOf(x, axis, new Array<number>(chunks).fill(0), "SplitWithSizes");
  return equalPieces(op, x, Math.ceil(extent / chunks), axis);
}

/** Where to split: a number of pieces, or the positions of cuts, as numbers or as an int64 tensor. */
export type Cuts = number | readonly number[] | Tensor;

/**
 * So many pieces along `dim`, of sizes that differ by at most 1, the larger ones first; or the pieces between cuts at
 * the given positions, where negative ones count from the end. A tensor says the same with its values, which are read.
 *
 * @throws RangeError (`ERR_VALUE`) for fewer than one piece.
 */
export function tensorSplit(x: Tensor, indicesOrSections: Cuts, dim = 0): Tensor[] {
  return cutPieces("tensorSplit", x, indicesOrSections, dim);
}

function cutPieces(op: string, x: Tensor, cuts: Cuts, dim: number): Tensor[] {
  handleOf(x, op);
  if (x.shape.length === 0)
    throw shapeError(
      op,
      "tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims",
      [],
    );
  const [axis, extent] = cut(op, x, dim);
  const given = isTensor(cuts) ? cutsOf(op, cuts) : cuts;
  if (typeof given !== "number") {
    const index: NativeIndex[] = x.shape.map(() => [null, null, null]);
    const places = wholes(op, "indices", given);
    return [...places, null].map((end, i) => {
      index[axis] = [places[i - 1] ?? 0, end, 1];
      return named(
        create((out) => native.at(out, handleOf(x, op), index)),
        "Slice",
      );
    });
  }
  const count = whole(op, "sections", given);
  if (count < 1) throw valueError(op, `number of sections must be larger than 0, got ${count}`);
  const least = Math.floor(extent / count);
  const lengths = Array.from({ length: count }, (_, i) => least + Number(i < extent % count));
  return piecesOf(x, axis, lengths, "Slice");
}

function cutsOf(op: string, cuts: Tensor): number | number[] {
  const { shape, dtype } = cuts;
  if (dtype !== "int64")
    throw dtypeError(
      op,
      `tensor_split expected tensor_indices_or_sections to have dtype of long, but got ${dtype}`,
    );
  if (shape.length > 1)
    throw shapeError(
      op,
      `tensor_split expected tensor_indices_or_sections to be a zero-dimensional or one-dimensional tensor, but got a tensor with ${shape.length} dims`,
      shape,
    );
  const values = Array.from(cuts.dataSync<BigInt64Array>(), Number);
  return shape.length === 0 ? values[0]! : values;
}

/** {@link tensorSplit} along columns: dimension 1, or 0 of a 1-d tensor. A number of pieces has to divide the size. */
export function hsplit(x: Tensor, indicesOrSections: number | readonly number[]): Tensor[] {
  return splitEvenly("hsplit", x, indicesOrSections, 1, x.shape.length === 1 ? 0 : 1);
}

/** {@link tensorSplit} along rows: dimension 0 of at least 2. A number of pieces has to divide the size. */
export function vsplit(x: Tensor, indicesOrSections: number | readonly number[]): Tensor[] {
  return splitEvenly("vsplit", x, indicesOrSections, 2, 0);
}

/** {@link tensorSplit} along depth: dimension 2 of at least 3. A number of pieces has to divide the size. */
export function dsplit(x: Tensor, indicesOrSections: number | readonly number[]): Tensor[] {
  return splitEvenly("dsplit", x, indicesOrSections, 3, 2);
}

function splitEvenly(
  op: string,
  x: Tensor,
  cuts: number | readonly number[],
  least: number,
  axis: number,
): Tensor[] {
  const { shape } = x;
  if (shape.length < least)
    throw shapeError(
      op,
      `torch.${op} requires a tensor with at least ${least} dimension, but got a tensor with ${shape.length} dimensions!`,
      shape,
    );
  if (typeof cuts !== "number" && !Array.isArray(cuts))
    throw argumentError(op, `${op}: expected a number of pieces or an array of positions`);
  if (typeof cuts === "number" && (whole(op, "sections", cuts) < 1 || shape[axis]! % cuts !== 0))
    throw valueError(
      op,
      `torch.${op} attempted to split along dimension ${axis}, but the size of the dimension ${shape[axis]!} is not divisible by the split_size ${cuts}!`,
    );
  return cutPieces(op, x, cuts, axis);
}

/** Every slice along `dim`, which goes away. @throws RangeError (`ERR_DIM`) for a 0-d tensor. */
export function unbind(x: Tensor, dim = 0): Tensor[] {
  const axis = axisOf("unbind", x, dim);
  const extent = x.shape[axis];
  if (extent === undefined)
    throw shapeError("unbind", `Dimension specified as ${dim} but tensor has no dimensions`, x.shape);
  return Array.from({ length: extent }, (_, i) => named(x.select(axis, i), "Unbind"));
}

/**
 * Every window of `size` positions along `dimension`, each `step` after the one before, in a new last dimension. Where
 * windows overlap, their elements are copied; a gradient is added up. Another function is nn.functional.unfold.
 *
 * @throws RangeError (`ERR_SHAPE`) where no window fits, (`ERR_VALUE`) for a negative size or a step below 1.
 */
export function unfold(x: Tensor, dimension: number, size: number, step: number): Tensor {
  const axis = axisOf("unfold", x, dimension);
  const { shape } = x;
  const extent = shape[axis] ?? 1;
  if (whole("unfold", "size", size) < 0) throw valueError("unfold", `size is ${size} but must be >= 0`);
  if (size > extent)
    throw shapeError(
      "unfold",
      `maximum size for tensor at dimension ${axis} is ${extent} but size is ${size}`,
      shape,
    );
  if (whole("unfold", "step", step) < 1) throw valueError("unfold", `step is ${step} but must be > 0`);
  const count = Math.floor((extent - size) / step) + 1;
  if (shape.length === 0) return named(x.reshape(1).narrow(0, 0, size), "Unfold");
  const windows = (apart: Tensor) =>
    named(
      apart.reshape([...shape.slice(0, axis), count, size, ...shape.slice(axis + 1)]).movedim(axis + 1, -1),
      "Unfold",
    );
  if (size === step) return windows(x.narrow(axis, 0, count * size));
  const starts = arange(0, count * step, step, { dtype: "int64", device: x.device });
  const places = starts.unsqueeze(1).add(arange(size, { dtype: "int64", device: x.device }));
  return windows(x.indexSelect(axis, places.reshape(-1)));
}

/**
 * The tensor with `src` in place of one position along `dim`.
 *
 * @throws RangeError (`ERR_SHAPE`) where `src` does not have the shape of that slice.
 */
export function selectScatter(x: Tensor, src: Tensor, dim: number, index: number): Tensor {
  const [axis] = cut("selectScatter", x, dim);
  const place: NativeIndex[] = x.shape.map(() => [null, null, null]);
  place[axis] = whole("selectScatter", "index", index);
  return named(replaced("selectScatter", x, src, place), "SelectScatter");
}

/**
 * The tensor with `src` in place of the positions from `start` to `end` by `step` along `dim`.
 *
 * @throws RangeError (`ERR_SHAPE`) where `src` does not have the shape of that slice.
 */
export function sliceScatter(x: Tensor, src: Tensor, dim = 0, options?: SliceOptions): Tensor {
  const { start, end, step } = readOptions("sliceScatter", options, sliceDefaults);
  const [axis] = cut("sliceScatter", x, dim);
  const place: NativeIndex[] = x.shape.map(() => [null, null, null]);
  const bound = (name: string, value: number | null) =>
    value === null ? null : whole("sliceScatter", name, value);
  place[axis] = [bound("start", start), bound("end", end), whole("sliceScatter", "step", step)];
  return named(replaced("sliceScatter", x, src, place), "SliceScatter");
}

function replaced(op: string, x: Tensor, src: Tensor, place: NativeIndex[]): Tensor {
  const [handle, part] = [handleOf(x, op), handleOf(src, op)];
  const { shape } = create((out) => native.at(out, handle, place));
  if (String(src.shape) !== String(shape) || src.shape.length !== shape.length)
    throw shapeError(
      op,
      `expected src to have a size equal to the slice of self. src size = ${sizes(src.shape)}, slice size = ${sizes(shape)}`,
      x.shape,
      src.shape,
    );
  return create((out) => native.splice(out, handle, place, part, 0));
}
