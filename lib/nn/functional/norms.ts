import { finfo } from "../../dtype.js";
import { named } from "../../functional/history.js";
import { readOptions } from "../../options.js";
import type { Tensor } from "../../tensor.js";
import {
  numberFrom,
  requireDtypeOf,
  requireFloating,
  shapeError,
  sizes,
  tensorFrom,
  wholeFrom,
} from "./checks.js";

// Normalisation by statistics of each example.

/** Options of {@link layerNorm} and {@link groupNorm}. */
export interface NormOptions {
  /** A factor for each element, or each channel. */
  weight?: Tensor | null;
  /** Added to each element, or each channel. */
  bias?: Tensor | null;
  /** Added to the variance. */
  eps?: number;
}

/** Options of {@link rmsNorm}. */
export interface RmsNormOptions {
  /** A factor for each element. */
  weight?: Tensor | null;
  /** Added to the mean of squares: the distance from 1 to the next number when left out. */
  eps?: number | null;
}

/** Options of {@link localResponseNorm}. */
export interface LocalResponseNormOptions {
  /** The factor of the mean of squares. */
  alpha?: number;
  /** The exponent. */
  beta?: number;
  /** Added to the mean of squares. */
  k?: number;
}

export const normDefaults = Object.freeze({
  weight: undefined as Tensor | null | undefined,
  bias: undefined as Tensor | null | undefined,
  eps: 1e-5,
});
const rmsDefaults = Object.freeze({
  weight: undefined as Tensor | null | undefined,
  eps: undefined as number | null | undefined,
});
const localDefaults = Object.freeze({ alpha: 1e-4, beta: 0.75, k: 1 });
const keepdim = Object.freeze({ keepdim: true });

/** x with mean 0 and variance 1 over some dimensions, up to eps; the divisor is the number of elements. */
export function standardized(x: Tensor, axes: readonly number[], eps: number): Tensor {
  const deviation = x.sub(x.mean(axes, keepdim));
  return deviation.mul(deviation.square().mean(axes, keepdim).add(eps).rsqrt());
}

/** Times a weight, plus a bias, as far as there are any, in a shape that broadcasts. */
export function scaledAndShifted(
  x: Tensor,
  weight: Tensor | undefined,
  bias: Tensor | undefined,
  shape: readonly number[],
): Tensor {
  const product = weight ? x.mul(weight.reshape(shape)) : x;
  return bias ? product.add(bias.reshape(shape)) : product;
}

/** A number for each channel. @throws RangeError (`ERR_SHAPE`) with PyTorch's sentence for another shape, TypeError (`ERR_DTYPE`). */
export function perChannel(
  op: string,
  name: string,
  given: Tensor | null | undefined,
  x: Tensor,
  channels: number,
): Tensor | undefined {
  const tensor = tensorFrom(op, given);
  if (tensor === undefined) return undefined;
  const { shape } = tensor;
  if (shape.length !== 1 || shape[0] !== channels)
    throw shapeError(
      op,
      `${name} should contain ${channels} elements not ${tensor.numel()}`,
      "give one number for each channel, the second dimension of the input",
      [x.shape, shape],
    );
  requireDtypeOf(op, x, name, tensor);
  return tensor;
}

/** The last dimensions, which have to be of a shape, and the tensors that have it. */
function lastDims(
  op: string,
  x: Tensor,
  given: number | readonly number[],
  tensors: Record<string, Tensor | null | undefined>,
): { axes: number[]; shape: readonly number[]; tensors: (Tensor | undefined)[] } {
  const shape = (Array.isArray(given) ? given : [given]) as readonly number[];
  for (const size of shape) wholeFrom(op, "normalizedShape", size);
  if (shape.length === 0)
    throw shapeError(
      op,
      "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got normalized_shape = []",
      "say the sizes of the last dimensions",
      [x.shape],
    );
  const of = x.shape;
  const start = of.length - shape.length;
  if (start < 0 || String(of.slice(start)) !== String(shape))
    throw shapeError(
      op,
      `Given normalized_shape=${sizes(shape)}, expected input with shape [*, ${shape.join(", ")}], but got input of size${sizes(of)}`,
      "say the sizes of the last dimensions",
      [of],
    );
  const checked = Object.entries(tensors).map(([name, value]) => {
    const tensor = tensorFrom(op, value);
    if (tensor === undefined) return undefined;
    if (tensor.ndim !== shape.length || String(tensor.shape) !== String(shape))
      throw shapeError(
        op,
        `Expected ${name} to be of same shape as normalized_shape, but got ${name} of shape ${sizes(tensor.shape)} and normalized_shape = ${sizes(shape)}`,
        "give a number for each element",
        [of, tensor.shape],
      );
    requireDtypeOf(op, x, name, tensor);
    return tensor;
  });
  return { axes: shape.map((_, i) => start + i), shape, tensors: checked };
}

/**
 * x with mean 0 and variance 1 over its last dimensions, whose sizes are `normalizedShape`, times a weight, plus a bias, of
 * that shape (Ba et al., arXiv:1607.06450). eps, 1e-5 when left out, is added to the variance. Floating.
 * @throws RangeError (`ERR_SHAPE`) for other shapes, TypeError (`ERR_DTYPE`) for different dtypes.
 */
export function layerNorm(
  x: Tensor,
  normalizedShape: number | readonly number[],
  options?: NormOptions,
): Tensor {
  const { weight, bias, eps } = readOptions("layerNorm", options, normDefaults);
  requireFloating("layerNorm", "LayerNormKernelImpl", x);
  const { axes, shape, tensors } = lastDims("layerNorm", x, normalizedShape, { weight, bias });
  const even = standardized(x, axes, numberFrom("layerNorm", "eps", eps));
  return named(scaledAndShifted(even, tensors[0], tensors[1], shape), "NativeLayerNorm");
}

/**
 * x divided by the square root of the mean of its squares over its last dimensions, plus eps, times a weight of their shape
 * (Zhang and Sennrich, arXiv:1910.07467). Floating.
 * @throws RangeError (`ERR_SHAPE`) for other shapes, TypeError (`ERR_DTYPE`) for different dtypes.
 */
export function rmsNorm(
  x: Tensor,
  normalizedShape: number | readonly number[],
  options?: RmsNormOptions,
): Tensor {
  const { weight, eps } = readOptions("rmsNorm", options, rmsDefaults);
  requireFloating("rmsNorm", "rms_norm", x);
  const { axes, shape, tensors } = lastDims("rmsNorm", x, normalizedShape, { weight });
  const least = eps ?? finfo(x.dtype).eps;
  const scale = x
    .square()
    .mean(axes, keepdim)
    .add(numberFrom("rmsNorm", "eps", least))
    .rsqrt();
  return scaledAndShifted(x.mul(scale), tensors[0], undefined, shape);
}

/**
 * x, `[N, C, ...]`, with mean 0 and variance 1 over each of `numGroups` equal groups of channels, times a weight, plus a
 * bias, for each channel (Wu and He, arXiv:1803.08494). eps, 1e-5 when left out, is added to the variance. Floating.
 * @throws RangeError (`ERR_SHAPE`) where the channels cannot be divided so, or the shapes do not fit.
 */
export function groupNorm(x: Tensor, numGroups: number, options?: NormOptions): Tensor {
  const op = "groupNorm";
  const { weight, bias, eps } = readOptions(op, options, normDefaults);
  requireFloating(op, "GroupNormKernelImpl", x);
  const { shape } = x;
  if (shape.length < 2)
    throw shapeError(
      op,
      `Expected at least 2 dimensions for input tensor but received ${shape.length}`,
      "the channels are the second dimension",
      [shape],
    );
  const [batch, channels] = shape as [number, number];
  if (!(wholeFrom(op, "numGroups", numGroups) > 0) || channels % numGroups !== 0)
    throw shapeError(
      op,
      `Expected number of channels in input to be divisible by num_groups, but got input of shape ${sizes(shape)} and num_groups=${numGroups}`,
      "groups have equal numbers of channels",
      [shape],
    );
  const space = shape.slice(2).reduce((a, b) => a * b, 1);
  if (((batch * channels) / numGroups) * space === 1)
    throw shapeError(
      op,
      `Expected more than 1 value per channel when training, got input size ${sizes([(batch * channels) / numGroups, numGroups, ...shape.slice(2)])}`,
      "a group of one element is always 0",
      [shape],
    );
  const groups = x.reshape([batch, numGroups, (channels / numGroups) * space]);
  const even = standardized(groups, [2], numberFrom(op, "eps", eps)).reshape(shape);
  const along = [channels, ...shape.slice(2).map(() => 1)];
  const [factor, shift] = Object.entries({ weight, bias }).map(([name, tensor]) =>
    perChannel(op, name, tensor, x, channels),
  );
  return named(scaledAndShifted(even, factor, shift, along), "NativeGroupNorm");
}

/**
 * x / (k + alpha * mean)**beta, where the mean is that of the squares of `size` neighbouring channels, the second dimension,
 * of which `floor(size / 2)` come before; there are zeros beyond the ends (Krizhevsky et al., 2012). alpha is 1e-4, beta 0.75
 * and k 1 when left out. Floating.
 * @throws RangeError (`ERR_SHAPE`) for less than three dimensions.
 */
export function localResponseNorm(x: Tensor, size: number, options?: LocalResponseNormOptions): Tensor {
  const op = "localResponseNorm";
  const given = readOptions(op, options, localDefaults);
  requireFloating(op, "local_response_norm", x);
  const [alpha, beta, k] = (["alpha", "beta", "k"] as const).map((name) => numberFrom(op, name, given[name]));
  const { shape } = x;
  if (shape.length < 3)
    throw shapeError(
      op,
      `Expected 3D or higher dimensionality input (got ${shape.length} dimensions)`,
      "the channels are the second dimension",
      [shape],
    );
  if (!(wholeFrom(op, "size", size) > 0))
    throw shapeError(op, `size must be positive, but got ${size}`, "it is a number of channels", [shape]);
  if (x.numel() === 0) return x.clone();
  const before = Math.floor(size / 2);
  const edges = shape.slice(2).flatMap(() => [0, 0]);
  const squares = x.square().pad([...edges, before, size - 1 - before]);
  let sum = squares.narrow(1, 0, shape[1]!);
  for (let i = 1; i < size; ++i) sum = sum.add(squares.narrow(1, i, shape[1]!));
  return x.div(
    sum
      .mul(alpha! / size)
      .add(k!)
      .pow(beta!),
  );
}
