import { isGradEnabled } from "../../gradients.js";
import { arange } from "../../ranges.js";
import { integerBounds, isFloating, wordOf } from "../../dtype.js";
import { makeError } from "../../errors.js";
import { named } from "../../functional/history.js";
import type { Scalar } from "../../native.js";
import { readOptions } from "../../options.js";
import { handleOf, type Tensor } from "../../tensor.js";
import { axesOfPool } from "./pools.js";
import { count, requireFlags, requireImages, type Sizes } from "./sizes.js";
import { mostTaps, surrounded, tapsOf, windowsAlong, type Axis } from "./taps.js";

/** Options of {@link maxPool1d}, {@link maxPool2d} and {@link maxPool3d}. */
export interface MaxPoolOptions {
  /** The distance between neighbouring windows: `kernelSize` when left out. */
  stride?: Sizes | null;
  /** How far windows reach over the edges, on each side: at most half of a window. */
  padding?: Sizes;
  /** The distance between neighbouring elements of a window. */
  dilation?: Sizes;
  /** Also windows that reach over the far edge, as long as they begin before it. */
  ceilMode?: boolean;
  /** Also the places of the largest elements. */
  returnIndices?: boolean;
}

/** The largest elements, and their int64 places in the flattened spatial dimensions. */
export type OutputAndIndices = {
  output: Tensor;
  indices: Tensor;
};

/** Options that ask for places. */
type WithIndices<Options> = Options & { returnIndices: true };
/** Options that do not. */
type WithoutIndices<Options> = Options & { returnIndices?: false };

const defaults: Readonly<Required<MaxPoolOptions>> = Object.freeze({
  stride: null,
  padding: 0,
  dilation: 1,
  ceilMode: false,
  returnIndices: false,
});

/**
 * The largest element of each window of `[N, C, L]` or `[C, L]`, of which there are
 * `floor((L + 2 * padding - dilation * (kernelSize - 1) - 1) / stride) + 1`. NaN is larger than all. The gradient goes to
 * the first of equal elements (to the last NaN); with `returnIndices` the result is `{ output, indices }`, and indices
 * say which one that is. Any dtype but bool.
 *
 * @throws RangeError (`ERR_SHAPE`) for other dimensions, or where no window fits; (`ERR_ARGUMENT`) for sizes out of range;
 * TypeError (`ERR_DTYPE`) for bool.
 */
export function maxPool1d(
  input: Tensor,
  kernelSize: Sizes,
  options: WithIndices<MaxPoolOptions>,
): OutputAndIndices;
export function maxPool1d(input: Tensor, kernelSize: Sizes, options?: WithoutIndices<MaxPoolOptions>): Tensor;
export function maxPool1d(input: Tensor, kernelSize: Sizes, options?: MaxPoolOptions) {
  return maxPool("maxPool1d", 1, input, kernelSize, options);
}

/** {@link maxPool1d} of images, `[N, C, H, W]` or `[C, H, W]`. Indices count an image's elements row by row. */
export function maxPool2d(
  input: Tensor,
  kernelSize: Sizes,
  options: WithIndices<MaxPoolOptions>,
): OutputAndIndices;
export function maxPool2d(input: Tensor, kernelSize: Sizes, options?: WithoutIndices<MaxPoolOptions>): Tensor;
export function maxPool2d(input: Tensor, kernelSize: Sizes, options?: MaxPoolOptions) {
  return maxPool("maxPool2d", 2, input, kernelSize, options);
}

/** {@link maxPool1d} of volumes, `[N, C, D, H, W]` or `[C, D, H, W]`. Indices count a volume's elements in order. */
export function maxPool3d(
  input: Tensor,
  kernelSize: Sizes,
  options: WithIndices<MaxPoolOptions>,
): OutputAndIndices;
export function maxPool3d(input: Tensor, kernelSize: Sizes, options?: WithoutIndices<MaxPoolOptions>): Tensor;
export function maxPool3d(input: Tensor, kernelSize: Sizes, options?: MaxPoolOptions) {
  return maxPool("maxPool3d", 3, input, kernelSize, options);
}

function maxPool(
  op: string,
  rank: number,
  input: Tensor,
  kernelSize: Sizes,
  options: MaxPoolOptions | undefined,
): Tensor | OutputAndIndices {
  const { ceilMode, returnIndices, ...sizes } = readOptions(op, options, defaults);
  handleOf(input, op);
  requireFlags(op, { ceilMode, returnIndices });
  if (input.dtype === "bool")
    throw makeError(
      TypeError,
      `"max_pool${rank}d" not implemented for '${wordOf("bool")}'; ${op}: convert with .to("uint8") first`,
      { code: "ERR_DTYPE", op },
    );
  requireImages(op, input, rank);
  const axes = axesOfPool(op, input, rank, kernelSize, sizes, ceilMode);
  const label = rank === 1 ? "Squeeze" : `MaxPool${rank}DWithIndices`;
  return largest(input, rank, returnIndices, label, (best, dim, i) => bestAlong(best, dim, axes[i]!));
}

/** Values, and where they come from, or -1 where there is no element. */
export interface Best {
  values: Tensor;
  places: Tensor | null;
}

/** What every number is at least. */
export const lowest = ({ dtype }: Tensor): Scalar => integerBounds.get(dtype)?.[0] ?? -Infinity;

/**
 * The largest elements of windows, dimension by dimension, the last first: places grow along every dimension, so the
 * first of the largest elements of rows is the first of all. `reduce` takes spatial dimension i, which is `dim`.
 */
export function largest(
  input: Tensor,
  rank: number,
  returnIndices: boolean,
  label: string,
  reduce: (best: Best, dim: number, i: number) => Best,
): Tensor | OutputAndIndices {
  const { shape, device } = input;
  const requiresGrad = input.requiresGrad && isGradEnabled();
  const spatial = shape.slice(-rank);
  const first = shape.length - rank;
  // Whole numbers while floats hold them: vectors of floats are selected faster.
  const numbers = arange(count(spatial), {
    dtype: count(spatial) <= 2 ** 24 ? "float32" : "float64",
    device,
  });
  let best: Best = {
    values: input.detach(),
    places:
      requiresGrad || returnIndices ? numbers.reshape(...Array<number>(first).fill(1), ...spatial) : null,
  };
  for (let i = rank - 1; i >= 0; --i) best = reduce(best, first + i, i);
  const { values, places } = best;
  if (places === null) return values;
  const indices = places.to("int64").expand(values.shape);
  if (!requiresGrad) return { output: values, indices };
  // Of a window that has no element there is no place either.
  const leading = shape.slice(0, first);
  const flat = indices.reshape(...leading, count(values.shape.slice(first)));
  const taken = input
    .reshape(...leading, count(spatial))
    .gather(-1, flat.maximum(0))
    .reshape(values.shape);
  const output = named(indices.lt(0).where(values, taken), label);
  return returnIndices ? { output, indices } : output;
}

function bestAlong({ values, places }: Best, dim: number, axis: Axis): Best {
  const around = surrounded(values, dim, axis, lowest(values));
  const numbers = places === null ? null : surrounded(places, dim, axis, -1);
  if (axis.kernel > mostTaps) {
    const { windows, over } = windowsAlong(around, dim, axis);
    return bestOfWindows(windows, numbers && windowsAlong(numbers, dim, axis).windows, over);
  }
  const [value, ...others] = tapsOf(around, dim, axis) as [Tensor, ...Tensor[]];
  if (numbers === null) return { values: others.reduce((a, b) => a.maximum(b), value), places };
  const [place, ...otherPlaces] = tapsOf(numbers, dim, axis) as [Tensor, ...Tensor[]];
  const best = { values: value, places: place };
  for (const [k, candidate] of others.entries()) {
    const isLarger = candidate.gt(best.values);
    const wins = isFloating(values.dtype) ? isLarger.logicalOr(candidate.isnan()) : isLarger;
    const isBetter = axis.padding > 0 ? wins.logicalOr(best.places.lt(0)) : wins;
    best.values = isBetter.where(candidate, best.values);
    best.places = isBetter.where(otherPlaces[k]!, best.places);
  }
  return best;
}

/** The best along the dimension `over`, which goes along the elements of a window. */
export function bestOfWindows(values: Tensor, places: Tensor | null, over: number): Best {
  const top = values.amax(over);
  if (places === null) return { values: top, places };
  const among = values.eq(top.unsqueeze(over)).logicalAnd(places.ge(0));
  const first = among.where(places, Infinity).amin(over);
  return {
    values: top,
    places: isFloating(values.dtype)
      ? top.isnan().where(values.isnan().where(places, -1).amax(over), first)
      : first,
  };
}
