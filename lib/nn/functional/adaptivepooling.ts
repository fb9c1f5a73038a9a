import { isFloating } from "../../dtype.js";
import { makeError } from "../../errors.js";
import { named } from "../../functional/history.js";
import { cat } from "../../joining.js";
import { describe, readOptions } from "../../options.js";
import { handleOf, type Tensor } from "../../tensor.js";
import { bestOfWindows, largest, lowest, type Best, type OutputAndIndices } from "./maxpooling.js";
import { inBrackets, requireFlags, requireFloating, severalOf } from "./sizes.js";
import { alongDim, evenWindows, mostTaps, windowsAlong } from "./taps.js";

/** The wanted size of each spatial dimension, or one for all; null keeps the input's. */
export type OutputSize = number | null | readonly (number | null)[];

/** Options of {@link adaptiveMaxPool1d}, {@link adaptiveMaxPool2d} and {@link adaptiveMaxPool3d}. */
export interface AdaptiveMaxPoolOptions {
  /** Also the places of the largest elements. */
  returnIndices?: boolean;
}

const maxDefaults: Readonly<Required<AdaptiveMaxPoolOptions>> = Object.freeze({ returnIndices: false });

/**
 * The means of windows that share `[N, C, L]` or `[C, L]` evenly: for each i below `outputSize` that of the elements from
 * `floor(i * L / outputSize)` to before `ceil((i + 1) * L / outputSize)`. float32 or float64.
 *
 * @throws RangeError (`ERR_SHAPE`) for other dimensions, (`ERR_ARGUMENT`) for sizes that are negative or not as many as
 * there are spatial dimensions; TypeError (`ERR_DTYPE`) unless it is floating.
 */
export function adaptiveAvgPool1d(input: Tensor, outputSize: OutputSize): Tensor {
  return adaptiveMeans("adaptiveAvgPool1d", 1, input, outputSize);
}

/** {@link adaptiveAvgPool1d} of images, `[N, C, H, W]` or `[C, H, W]`. */
export function adaptiveAvgPool2d(input: Tensor, outputSize: OutputSize): Tensor {
  return adaptiveMeans("adaptiveAvgPool2d", 2, input, outputSize);
}

/** {@link adaptiveAvgPool1d} of volumes, `[N, C, D, H, W]` or `[C, D, H, W]`. */
export function adaptiveAvgPool3d(input: Tensor, outputSize: OutputSize): Tensor {
  return adaptiveMeans("adaptiveAvgPool3d", 3, input, outputSize);
}

/**
 * The largest elements of the windows that {@link adaptiveAvgPool1d} takes means of; with `returnIndices` also their places,
 * as {@link maxPool1d} gives them, with its gradient.
 */
export function adaptiveMaxPool1d(
  input: Tensor,
  outputSize: OutputSize,
  options: { returnIndices: true },
): OutputAndIndices;
export function adaptiveMaxPool1d(
  input: Tensor,
  outputSize: OutputSize,
  options?: { returnIndices?: false },
): Tensor;
export function adaptiveMaxPool1d(input: Tensor, outputSize: OutputSize, options?: AdaptiveMaxPoolOptions) {
  return adaptiveLargest("adaptiveMaxPool1d", 1, input, outputSize, options);
}

/** {@link adaptiveMaxPool1d} of images, `[N, C, H, W]` or `[C, H, W]`. */
export function adaptiveMaxPool2d(
  input: Tensor,
  outputSize: OutputSize,
  options: { returnIndices: true },
): OutputAndIndices;
export function adaptiveMaxPool2d(
  input: Tensor,
  outputSize: OutputSize,
  options?: { returnIndices?: false },
): Tensor;
export function adaptiveMaxPool2d(input: Tensor, outputSize: OutputSize, options?: AdaptiveMaxPoolOptions) {
  return adaptiveLargest("adaptiveMaxPool2d", 2, input, outputSize, options);
}

/** {@link adaptiveMaxPool1d} of volumes, `[N, C, D, H, W]` or `[C, D, H, W]`. */
export function adaptiveMaxPool3d(
  input: Tensor,
  outputSize: OutputSize,
  options: { returnIndices: true },
): OutputAndIndices;
export function adaptiveMaxPool3d(
  input: Tensor,
  outputSize: OutputSize,
  options?: { returnIndices?: false },
): Tensor;
export function adaptiveMaxPool3d(input: Tensor, outputSize: OutputSize, options?: AdaptiveMaxPoolOptions) {
  return adaptiveLargest("adaptiveMaxPool3d", 3, input, outputSize, options);
}

function adaptiveMeans(op: string, rank: number, input: Tensor, outputSize: OutputSize): Tensor {
  const counts = countsOf(op, rank, input, outputSize);
  return named(
    evenMeans(input, counts),
    rank === 1 ? "Squeeze" : `AdaptiveAvgPool${rank}D`,
    rank === 1 ? "1" : "0",
  );
}

/** Means of even windows along the last dimensions, of which there are `counts`. */
export function evenMeans(input: Tensor, counts: readonly number[]): Tensor {
  const { shape, dtype, device } = input;
  const first = shape.length - counts.length;
  if (counts.every((count) => count === 1))
    return input.mean(
      counts.map((_, i) => first + i),
      { keepdim: true },
    );
  // Lines of the first dimension lie apart, so taking them first leaves less to do along the others.
  let means = input;
  for (let i = 0; i < counts.length; ++i) {
    const [size, count, dim] = [shape[first + i]!, counts[i]!, first + i];
    if (size === count) continue;
    if (count > 0 && size % count === 0) {
      const { windows, over } = windowsAlong(means, dim, evenAxis(size, count));
      means = windows.mean(over);
      continue;
    }
    // Slices of lines are read where they lie. Along more dimensions they would meet in one gradient, of pieces that are
    // small and many.
    if (i === 0 && counts.length > 1 && count > 0 && count <= mostTaps) {
      means = cat(
        Array.from({ length: count }, (_, k) => {
          const begin = Math.floor((k * size) / count);
          const end = Math.ceil(((k + 1) * size) / count);
          return means.narrow(dim, begin, end - begin).mean(dim, { keepdim: true });
        }),
        dim,
      );
      continue;
    }
    const { places, isInside, lengths } = evenWindows(size, count, device);
    const windows = means.indexSelect(dim, places.reshape(-1)).reshape(split(means.shape, dim, places.shape));
    const divisors = alongDim(lengths.to(dtype), dim, shape.length);
    means = behind(isInside, dim, windows.ndim)
      .where(windows, 0)
      .sum(dim + 1)
      .div(divisors);
  }
  return means === input ? input.clone() : means;
}

function adaptiveLargest(
  op: string,
  rank: number,
  input: Tensor,
  outputSize: OutputSize,
  options: AdaptiveMaxPoolOptions | undefined,
): Tensor | OutputAndIndices {
  const { returnIndices } = readOptions(op, options, maxDefaults);
  requireFlags(op, { returnIndices });
  const counts = countsOf(op, rank, input, outputSize);
  const label = rank === 1 ? "Squeeze" : `AdaptiveMaxPool${rank}D`;
  return largest(input, rank, returnIndices, label, ({ values, places }, dim, i): Best => {
    const [size, count] = [values.shape[dim]!, counts[i]!];
    if (count > 0 && size % count === 0) {
      const axis = evenAxis(size, count);
      const { windows, over } = windowsAlong(values, dim, axis);
      return bestOfWindows(windows, places && windowsAlong(places, dim, axis).windows, over);
    }
    const windows = evenWindows(size, count, values.device);
    const taken = (x: Tensor, otherwise: Parameters<Tensor["where"]>[1]) => {
      const all = x
        .indexSelect(dim, windows.places.reshape(-1))
        .reshape(split(x.shape, dim, windows.places.shape));
      return behind(windows.isInside, dim, all.ndim).where(all, otherwise);
    };
    return bestOfWindows(taken(values, lowest(values)), places && taken(places, -1), dim + 1);
  });
}

/** The windows along a dimension of which there is a whole number. */
const evenAxis = (size: number, count: number) => ({
  kernel: size / count,
  stride: size / count,
  dilation: 1,
  padding: 0,
  count,
});

/** The shape with `parts` in place of a dimension. */
const split = (shape: readonly number[], dim: number, parts: readonly number[]): number[] => [
  ...shape.slice(0, dim),
  ...parts,
  ...shape.slice(dim + 1),
];

/** `[count, longest]` in the shape that broadcasts with windows along `dim` of a tensor of `rank` dimensions. */
const behind = (table: Tensor, dim: number, rank: number): Tensor =>
  table.reshape(...table.shape, ...Array<number>(rank - 2 - dim).fill(1));

function countsOf(op: string, rank: number, input: Tensor, outputSize: OutputSize): number[] {
  handleOf(input, op);
  if (!isFloating(input.dtype)) requireFloating(op, `${op}_kernel`, input);
  const { shape } = input;
  const isBatch = shape.length === rank + 2;
  if (!isBatch && shape.length !== rank + 1)
    throw makeError(
      RangeError,
      `Expected ${rank + 1}D or ${rank + 2}D tensor, but got ${inBrackets(shape)}: Input dimension should be at least ` +
        `${rank + 1}; ${op}: the channels come before the spatial dimensions`,
      { code: "ERR_SHAPE", op, shapes: [shape] },
    );
  const empty = shape.findIndex((size, dim) => size === 0 && dim >= (isBatch ? 1 : 0));
  if (empty >= 0)
    throw makeError(
      RangeError,
      `Expected input to have non-zero size for non-batch dimensions, but input has sizes ${inBrackets(shape)} with ` +
        `dimension ${empty} being empty; ${op}: only the batch may be empty`,
      { code: "ERR_SHAPE", op, shapes: [shape] },
    );
  const given: readonly unknown[] = Array.isArray(outputSize)
    ? outputSize
    : Array.from({ length: rank }, () => outputSize as unknown);
  if (given.length !== rank)
    throw makeError(
      RangeError,
      `output_size must be ${rank}; ${op}: outputSize must be a whole number or ${severalOf[rank]}, got ${given.length}`,
      { code: "ERR_ARGUMENT", op },
    );
  return given.map((size, i) => {
    if (size === null) return shape[shape.length - rank + i]!;
    if (Number.isSafeInteger(size) && (size as number) >= 0) return size as number;
    throw makeError(
      RangeError,
      `elements of output_size must be greater than or equal to 0; ${op}: outputSize must be whole numbers, got ${describe(size)}`,
      { code: "ERR_ARGUMENT", op },
    );
  });
}
