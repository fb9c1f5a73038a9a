import { isFloating } from "../dtype.js";
import { makeError } from "../errors.js";
import { describe, readOptions, withOptions } from "../options.js";
import { recordRoutine, reduceDefaults, type ReduceOptions, type Tensor } from "../tensor.js";
import { sort, type ValuesAndIndices } from "./along.js";
import { lineOf, refuseEmpty, startsRun, type Line } from "./axes.js";
import { named } from "./history.js";
import { positionsAlong } from "./places.js";

// Elements by their rank: what they are once lines are sorted. Their gradients go to the elements that are chosen.

/** Options of {@link topk}. */
export interface TopkOptions {
  /** The largest elements rather than the smallest. */
  largest?: boolean;
  /** In order; here they always are. */
  sorted?: boolean;
}

const topkDefaults: Readonly<Required<TopkOptions>> = Object.freeze({ largest: true, sorted: true });

/** The slices along the first dimension, each element sorted among those of its place: `x.sort(0).values`. */
export function msort(x: Tensor): Tensor {
  return sort(x, 0).values;
}

/** What {@link sort} gives from rank `first` on, so many along `axis`; lines need not be sorted for it. */
function sortedPart(
  x: Tensor,
  axis: number,
  descending: boolean,
  first: number,
  count: number,
): ValuesAndIndices {
  const [values, indices] = recordRoutine("sortedPart", [x], axis, Number(descending), first, count);
  return { values: values!, indices: indices! };
}

function wholeNumber(op: string, name: string, value: unknown): number {
  if (Number.isInteger(value)) return value as number;
  throw makeError(TypeError, `${op}: ${name} must be a whole number, got ${describe(value)}`, {
    code: "ERR_ARGUMENT",
    op,
  });
}

function refuseRank(op: string, x: Tensor, k: number, least: number, most: number, sentence: string): void {
  if (k >= least && k <= most) return;
  throw makeError(RangeError, `${sentence}; ${op}: k is ${k}, expected ${least} to ${most}`, {
    code: "ERR_VALUE",
    op,
    shapes: [x.shape],
  });
}

/**
 * The k largest elements along `dim`, the last one when left out, from the largest on, and their int64 positions; the k
 * smallest with `largest: false`. Of equal ones the first comes first. NaN counts as the largest.
 */
export function topk(
  x: Tensor,
  k: number,
  dim: number | TopkOptions = -1,
  options?: TopkOptions,
): ValuesAndIndices {
  const [along = -1, given] = withOptions<number, TopkOptions>(dim, options);
  const { largest } = readOptions("topk", given, topkDefaults);
  const { lines, axis, length, restore } = lineOf("topk", x, along);
  refuseRank("topk", x, wholeNumber("topk", "k", k), 0, length, "selected index k out of range");
  const { values, indices } = sortedPart(lines, axis, largest, 0, k);
  return { values: named(restore(values), "Topk"), indices: restore(indices) };
}

/**
 * The k-th smallest element along `dim`, the last one when left out, counted from 1, and its int64 position. NaN counts
 * as the largest.
 */
export function kthvalue(
  x: Tensor,
  k: number,
  dim: number | ReduceOptions = -1,
  options?: ReduceOptions,
): ValuesAndIndices {
  const [along = -1, given] = withOptions<number, ReduceOptions>(dim, options);
  const { keepdim } = readOptions("kthvalue", given, reduceDefaults);
  const line = lineOf("kthvalue", x, along);
  refuseRank(
    "kthvalue",
    x,
    wholeNumber("kthvalue", "k", k),
    1,
    line.length,
    `kthvalue(): selected number k out of range for dimension ${line.axis}`,
  );
  return finished(line, sortedPart(line.lines, line.axis, false, k - 1, 1), keepdim, "Kthvalue");
}

/** An element of each line as a result. */
function finished(
  { finish }: Line,
  { values, indices }: ValuesAndIndices,
  keepdim: boolean,
  label: string,
): ValuesAndIndices {
  return { values: named(finish(values, keepdim), label), indices: finish(indices, keepdim) };
}

/** The elements of ranks, counted from 0, among sorted ones; there is a rank for each line. */
function ranked({ values, indices }: ValuesAndIndices, axis: number, ranks: Tensor): ValuesAndIndices {
  return { values: values.gather(axis, ranks), indices: indices.gather(axis, ranks) };
}

/**
 * The median of all elements: of an even number the lower of the two in the middle. NaN where there is one, or no element.
 * Elements that equal it share the gradient.
 */
export function median(x: Tensor): Tensor;
/**
 * The median along `dim`: of an even number the lower of the two in the middle, and NaN, the first, where there is one;
 * and its int64 position, which gets the gradient.
 */
export function median(x: Tensor, dim: number, options?: ReduceOptions): ValuesAndIndices;
export function median(x: Tensor, dim?: number | null, options?: ReduceOptions): Tensor | ValuesAndIndices {
  return middle("median", x, dim, options);
}

/** The {@link median} of all elements that are not NaN; NaN where none is. */
export function nanmedian(x: Tensor): Tensor;
/** The {@link median} along `dim` of what is not NaN. */
export function nanmedian(x: Tensor, dim: number, options?: ReduceOptions): ValuesAndIndices;
export function nanmedian(
  x: Tensor,
  dim?: number | null,
  options?: ReduceOptions,
): Tensor | ValuesAndIndices {
  return middle("nanmedian", x, dim, options);
}

function middle(
  op: "median" | "nanmedian",
  x: Tensor,
  given: number | null | undefined,
  options: ReduceOptions | undefined,
): Tensor | ValuesAndIndices {
  const label = op === "median" ? "Median" : "Nanmedian";
  if (given !== undefined && given !== null) {
    const { keepdim } = readOptions(op, options, reduceDefaults);
    const line = lineOf(op, x, given);
    refuseEmpty(op, x, line, given);
    return finished(line, middleOf(op, line), keepdim, label);
  }
  readOptions(op, options, {});
  const line = lineOf(op, x.reshape(-1), 0);
  if (line.length === 0) {
    if (isFloating(x.dtype)) return named(x.sum().div(0), label, "0");
    refuseEmpty(op, x, line, null);
  }
  const value = middleOf(op, { ...line, lines: line.lines.detach() }).values.reshape([]);
  return x.requiresGrad ? named(sharedByEquals(x, value), label) : value;
}

/** The lower one in the middle of each line, or its first NaN, if a NaN is to win. */
function middleOf(op: "median" | "nanmedian", line: Line): ValuesAndIndices {
  const { lines, axis, length } = line;
  const middle = () => sortedPart(lines, axis, false, (length - 1) >> 1, 1);
  if (!isFloating(lines.dtype)) return middle();
  const isNaN = lines.detach().isnan();
  if (op === "nanmedian") {
    const numbers = isNaN.logicalNot().sum(axis, { keepdim: true });
    // Halves of whole numbers are exact, whatever the default dtype is, since floor(n / 2) is of such an n.
    return ranked(sort(lines, axis), axis, halved(numbers.sub(1).clamp(0)));
  }
  const firstNaN = isNaN.where(positionsAlong(lines, axis), length).amin(axis, { keepdim: true });
  const indices = firstNaN.lt(length).where(firstNaN.to("int64"), middle().indices);
  return { values: lines.gather(axis, indices), indices };
}

/** floor(n / 2) of whole numbers that are not negative. */
function halved(whole: Tensor): Tensor {
  return whole.to("float64").div(2).floor().to("int64");
}

/** A value of x, in whose gradient all elements that equal it have the same share; NaN equals NaN. */
function sharedByEquals(x: Tensor, value: Tensor): Tensor {
  const isEqual = x.detach().eq(value).logicalOr(x.detach().isnan().logicalAnd(value.isnan()));
  const count = isEqual.sum();
  // The mean of equal numbers may be another number: for finite ones 0 is taken away, with the gradient that is wanted.
  const share = isEqual.where(value.sub(x), 0).sum().div(count);
  const mean = isEqual.where(x, 0).sum().div(count);
  return value.isfinite().where(value.sub(share), mean);
}

/**
 * The most frequent element along `dim`, the last one when left out, of equally frequent ones the smallest; and the int64
 * position at which it is last, which gets the gradient.
 */
export function mode(x: Tensor, dim: number | ReduceOptions = -1, options?: ReduceOptions): ValuesAndIndices {
  const [along = -1, given] = withOptions<number, ReduceOptions>(dim, options);
  const { keepdim } = readOptions("mode", given, reduceDefaults);
  const line = lineOf("mode", x, along);
  refuseEmpty("mode", x, line, along);
  const { lines, axis, length } = line;
  const sorted = sort(lines, axis);
  const values = sorted.values.detach();
  const isFirst = startsRun(values, axis);
  const places = positionsAlong(lines, axis);
  // How many equal ones there have been, up to each place: the longest run ends at the first largest.
  const repeats = places.sub(isFirst.where(places, 0).cummax(axis).values);
  const end = repeats
    .eq(repeats.amax(axis, { keepdim: true }))
    .where(places, length)
    .amin(axis, { keepdim: true })
    .to("int64");
  return finished(line, ranked(sorted, axis, end), keepdim, "Mode");
}
