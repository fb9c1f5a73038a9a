import { isGradEnabled } from "../../gradients.js";
import { arange } from "../../ranges.js";
import { makeError } from "../../errors.js";
import { named } from "../../functional/history.js";
import { describe, readOptions } from "../../options.js";
import { handleOf, type Tensor } from "../../tensor.js";
import { axesOfPool } from "./pools.js";
import {
  count,
  inBrackets,
  requireFlags,
  requireFloating,
  requireImages,
  sizesOf,
  type Sizes,
} from "./sizes.js";
import { alongDim, mostTaps, surrounded, tapsOf, windowsAlong, type Axis } from "./taps.js";

/** Options of {@link avgPool1d}. */
export interface AveragePool1dOptions {
  /** The distance between neighbouring windows: `kernelSize` when left out. */
  stride?: Sizes | null;
  /** How many zeros are around the input, on each side: at most half of a window. */
  padding?: Sizes;
  /** Also windows that reach over the far edge, as long as they begin before it. */
  ceilMode?: boolean;
  /** Whether zeros of the padding are among the elements of a mean: true when left out. */
  countIncludePad?: boolean;
}

/** Options of {@link avgPool2d} and {@link avgPool3d}. */
export interface AveragePoolOptions extends AveragePool1dOptions {
  /** What sums are divided by in place of the number of elements. */
  divisorOverride?: number | null;
}

/** Options of {@link lpPool1d}, {@link lpPool2d} and {@link lpPool3d}. */
export interface PowerPoolOptions {
  /** The distance between neighbouring windows: `kernelSize` when left out. */
  stride?: Sizes | null;
  /** Also windows that reach over the far edge, as long as they begin before it. */
  ceilMode?: boolean;
}

const defaults: Readonly<Required<AveragePool1dOptions>> = Object.freeze({
  stride: null,
  padding: 0,
  ceilMode: false,
  countIncludePad: true,
});
const withDivisor: Readonly<Required<AveragePoolOptions>> = Object.freeze({
  ...defaults,
  divisorOverride: null,
});
const powerDefaults: Readonly<Required<PowerPoolOptions>> = Object.freeze({ stride: null, ceilMode: false });

/**
 * The mean of each window of `[N, C, L]` or `[C, L]`, float32 or float64, of which there are
 * `floor((L + 2 * padding - kernelSize) / stride) + 1`. What lies behind the padding, as `ceilMode` allows, never counts.
 *
 * @throws RangeError (`ERR_SHAPE`) for other dimensions, or where no window fits; (`ERR_ARGUMENT`) for sizes out of range;
 * TypeError (`ERR_DTYPE`) unless it is floating.
 */
export function avgPool1d(input: Tensor, kernelSize: Sizes, options?: AveragePool1dOptions): Tensor {
  const given = readOptions("avgPool1d", options, defaults);
  return averages("avgPool1d", 1, input, kernelSize, { ...given, divisorOverride: null });
}

/** {@link avgPool1d} of images, `[N, C, H, W]` or `[C, H, W]`. */
export function avgPool2d(input: Tensor, kernelSize: Sizes, options?: AveragePoolOptions): Tensor {
  return averages("avgPool2d", 2, input, kernelSize, readOptions("avgPool2d", options, withDivisor));
}

/** {@link avgPool1d} of volumes, `[N, C, D, H, W]` or `[C, D, H, W]`. */
export function avgPool3d(input: Tensor, kernelSize: Sizes, options?: AveragePoolOptions): Tensor {
  return averages("avgPool3d", 3, input, kernelSize, readOptions("avgPool3d", options, withDivisor));
}

/**
 * The p-norm of each window of `[N, C, L]` or `[C, L]`, for `p = normType`: the sum of `x ** p`, to the power of 1 / p, with
 * the sign of the sum. As in PyTorch elements count with their signs for odd p, and the gradient at a sum of 0 is NaN
 * for p > 1.
 *
 * @throws as {@link avgPool1d} does, and for a `normType` that is not a number, or is 0 (`ERR_ARGUMENT`).
 */
export function lpPool1d(
  input: Tensor,
  normType: number,
  kernelSize: Sizes,
  options?: PowerPoolOptions,
): Tensor {
  return powers("lpPool1d", 1, input, normType, kernelSize, options);
}

/** {@link lpPool1d} of images, `[N, C, H, W]` or `[C, H, W]`. */
export function lpPool2d(
  input: Tensor,
  normType: number,
  kernelSize: Sizes,
  options?: PowerPoolOptions,
): Tensor {
  return powers("lpPool2d", 2, input, normType, kernelSize, options);
}

/** {@link lpPool1d} of volumes, `[N, C, D, H, W]` or `[C, D, H, W]`. */
export function lpPool3d(
  input: Tensor,
  normType: number,
  kernelSize: Sizes,
  options?: PowerPoolOptions,
): Tensor {
  return powers("lpPool3d", 3, input, normType, kernelSize, options);
}

function averages(
  op: string,
  rank: number,
  input: Tensor,
  kernelSize: Sizes,
  { ceilMode, countIncludePad, divisorOverride, ...sizes }: Required<AveragePoolOptions>,
): Tensor {
  handleOf(input, op);
  requireFlags(op, { ceilMode, countIncludePad });
  requireFloating(op, `avg_pool${rank}d`, input);
  requireImages(op, input, rank);
  if (divisorOverride !== null && !Number.isSafeInteger(divisorOverride))
    throw makeError(
      TypeError,
      `${op}: divisorOverride must be a whole number, got ${describe(divisorOverride)}`,
      { code: "ERR_ARGUMENT", op },
    );
  if (divisorOverride === 0)
    throw makeError(RangeError, `divisor must be not zero; ${op}: leave divisorOverride out`, {
      code: "ERR_ARGUMENT",
      op,
    });
  const axes = axesOfPool(op, input, rank, kernelSize, sizes, ceilMode);
  const { shape } = input;
  if (rank === 3 && axes.some(({ kernel }, i) => kernel > shape.at(i - rank)!))
    throw makeError(
      RangeError,
      `input image ${inBrackets(shape.slice(-rank))} smaller than kernel size ${inBrackets(axes.map(({ kernel }) => kernel))}; ` +
        `${op}: use pad() to enlarge it`,
      { code: "ERR_SHAPE", op, shapes: [shape] },
    );
  const first = shape.length - rank;
  let sums = input;
  for (let i = rank - 1; i >= 0; --i) sums = sumAlong(sums, first + i, axes[i]!);
  const means =
    divisorOverride === null
      ? sums.div(counts(input, axes, first, countIncludePad))
      : sums.div(divisorOverride);
  return named(means, rank === 1 ? "Squeeze" : `AvgPool${rank}D`, rank === 1 ? "1" : "0");
}

function sumAlong(x: Tensor, dim: number, axis: Axis): Tensor {
  const around = surrounded(x, dim, axis, 0);
  // The gradient of windows that overlap is quicker summed up by fold than of slices.
  const isFolded = axis.stride < axis.kernel && x.requiresGrad && isGradEnabled();
  if (axis.kernel <= mostTaps && !isFolded) return tapsOf(around, dim, axis).reduce((a, b) => a.add(b));
  const { windows, over } = windowsAlong(around, dim, axis);
  return windows.sum(over);
}

/** How many elements each window has: a number, where all have as many. */
function counts(
  { shape, dtype, device }: Tensor,
  axes: readonly Axis[],
  first: number,
  countsPadding: boolean,
): Tensor | number {
  return axes
    .map(({ kernel, stride, padding, count: windows }, i): Tensor | number => {
      const size = shape[first + i]!;
      const limit = countsPadding ? size + padding : size;
      const end = (windows - 1) * stride - padding + kernel;
      if ((countsPadding || padding === 0) && end <= limit) return kernel;
      const begins = arange(windows, { dtype, device }).mul(stride).sub(padding);
      const lengths = begins
        .add(kernel)
        .minimum(limit)
        .sub(countsPadding ? begins : begins.maximum(0));
      return alongDim(lengths, first + i, shape.length);
    })
    .reduce((a, b) => (typeof a === "number" ? (typeof b === "number" ? a * b : b.mul(a)) : a.mul(b)));
}

function powers(
  op: string,
  rank: number,
  input: Tensor,
  normType: number,
  kernelSize: Sizes,
  options: PowerPoolOptions | undefined,
): Tensor {
  const given = readOptions(op, options, powerDefaults);
  handleOf(input, op);
  if (typeof normType !== "number" || normType === 0)
    throw makeError(RangeError, `${op}: normType must be a number other than 0, got ${describe(normType)}`, {
      code: "ERR_ARGUMENT",
      op,
    });
  const elements = count(sizesOf(op, "kernelSize", kernelSize, rank));
  const means = averages(op, rank, input.pow(normType), kernelSize, { ...withDivisor, ...given });
  return means
    .sign()
    .mul(means.abs().relu())
    .mul(elements)
    .pow(1 / normType);
}
