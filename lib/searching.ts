import { tensor } from "./creation.js";
import { makeError } from "./errors.js";
import { describe, readOptions } from "./options.js";
import { handleOf, isTensor, recordRoutine, type Tensor } from "./tensor.js";
import type { Scalar } from "./native.js";

// Searches in sorted sequences.

/** Options of {@link bucketize}. */
export interface BucketizeOptions {
  /** Give int32 rather than int64. */
  outInt32?: boolean;
  /** Go behind elements that are equal. */
  right?: boolean;
}

/** Options of {@link searchsorted}. */
export interface SearchOptions extends BucketizeOptions {
  /** "right" is the same as `right: true`. */
  side?: "left" | "right" | null;
  /** Positions in which the sequence is sorted, as `argsort` gives them. */
  sorter?: Tensor | null;
}

/** Options of {@link isin}. */
export interface IsinOptions {
  /** PyTorch's promise that no element occurs twice; nothing depends on it here. */
  assumeUnique?: boolean;
  /** Give where elements are not among the others. */
  invert?: boolean;
}

const bucketizeDefaults: Readonly<Required<BucketizeOptions>> = Object.freeze({
  outInt32: false,
  right: false,
});
const searchDefaults: Readonly<Required<SearchOptions>> = Object.freeze({
  ...bucketizeDefaults,
  side: null,
  sorter: null,
});
const isinDefaults: Readonly<Required<IsinOptions>> = Object.freeze({ assumeUnique: false, invert: false });

/**
 * Where values would be inserted into a sequence in ascending order along its last dimension, so that it stays in order:
 * the first such place, or the last with `right`. The sequence is a vector, or has the dimensions of `values` but for the
 * last. The result is int64 in the shape of `values`. NaN counts as the largest.
 */
export function searchsorted(
  sortedSequence: Tensor,
  values: Tensor | Scalar,
  options?: SearchOptions,
): Tensor {
  const { outInt32, right, side, sorter } = readOptions("searchsorted", options, searchDefaults);
  handleOf(sortedSequence, "searchsorted");
  if (![null, "left", "right"].includes(side))
    throw makeError(
      RangeError,
      `torch.searchsorted(): side can only be 'left' or 'right' but got ${describe(side)}`,
      { code: "ERR_VALUE", op: "searchsorted" },
    );
  if (right && side === "left")
    throw makeError(
      RangeError,
      "torch.searchsorted(): side and right can't be set to opposites, got side of left while right was True; searchsorted: give one of them",
      { code: "ERR_OPTION", op: "searchsorted" },
    );
  let sequence = sortedSequence;
  if (sorter !== null) {
    handleOf(sorter, "searchsorted");
    const shapes = [sortedSequence.shape, sorter.shape];
    if (String(shapes[0]) !== String(shapes[1]) || sorter.dtype !== "int64")
      throw makeError(
        RangeError,
        `torch.searchsorted(): boundary and sorter must have the same size, and sorter int64; searchsorted: got [${shapes[0]}] and ${sorter.dtype} [${shapes[1]}]`,
        { code: "ERR_SHAPE", op: "searchsorted", shapes },
      );
    sequence = sortedSequence.gather(-1, sorter);
  }
  return placesIn("searchsorted", sequence, values, right || side === "right", outInt32);
}

/**
 * The index of the bucket that each value lies in: {@link searchsorted} among `boundaries`, a vector in ascending order.
 */
export function bucketize(input: Tensor | Scalar, boundaries: Tensor, options?: BucketizeOptions): Tensor {
  const { outInt32, right } = readOptions("bucketize", options, bucketizeDefaults);
  handleOf(boundaries, "bucketize");
  if (boundaries.ndim !== 1)
    throw makeError(
      RangeError,
      `boundaries tensor must be 1 dimension, but got dim(${boundaries.ndim}); bucketize: give a vector`,
      { code: "ERR_SHAPE", op: "bucketize", shapes: [boundaries.shape] },
    );
  return placesIn("bucketize", boundaries, input, right, outInt32);
}

/** How many elements of a sequence lie before each value. */
function placesIn(
  op: string,
  sequence: Tensor,
  values: Tensor | Scalar,
  isRight: boolean,
  isShort: boolean,
): Tensor {
  const { shape } = sequence;
  const wanted = (isTensor(values) ? values : numberLike(op, values, sequence)).detach();
  const own = wanted.shape;
  const isVector = shape.length === 1;
  if (shape.length === 0 || (!isVector && String(own.slice(0, -1)) !== String(shape.slice(0, -1))))
    throw makeError(
      RangeError,
      `torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries tensor and input value tensor must match, but we got boundaries tensor [${shape}] and input value tensor [${own}]; ${op}: search in a vector, or line by line`,
      { code: "ERR_SHAPE", op, shapes: [shape, own] },
    );
  const lines = isVector ? wanted.reshape(-1) : wanted;
  const [place] = recordRoutine("searchsorted", [sequence, lines], Number(isRight));
  const found = place!.reshape(own);
  return isShort ? found.to("int32") : found;
}

/** A number as a tensor that compares with others as a number does. */
function numberLike(op: string, value: unknown, like: Tensor): Tensor {
  if (!["number", "bigint", "boolean"].includes(typeof value)) handleOf(value, op);
  const isFraction = typeof value === "number" && !Number.isInteger(value);
  const dtype = isFraction && !like.dtype.startsWith("float") ? "float64" : like.dtype;
  return tensor(value as Scalar, { dtype, device: like.device });
}

/** Where elements are among others, in the shape of the elements. NaN is among none. */
export function isin(
  elements: Tensor | Scalar,
  testElements: Tensor | Scalar,
  options?: IsinOptions,
): Tensor {
  const { invert } = readOptions("isin", options, isinDefaults);
  const like = isTensor(elements) ? elements : testElements;
  handleOf(like, "isin");
  const asTensor = (one: Tensor | Scalar) => (isTensor(one) ? one : numberLike("isin", one, like as Tensor));
  const [wanted, others] = [asTensor(elements).detach(), asTensor(testElements).detach().reshape(-1)];
  const count = others.numel();
  if (count === 0) return invert ? wanted.eq(wanted).logicalOr(true) : wanted.eq(wanted).logicalAnd(false);
  const sorted = others.sort().values;
  const places = placesIn("isin", sorted, wanted.reshape(-1), false, false);
  const found = sorted
    .indexSelect(0, places.clamp(0, count - 1))
    .reshape(wanted.shape)
    .eq(wanted);
  return invert ? found.logicalNot() : found;
}
