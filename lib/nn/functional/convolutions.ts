import { isGradEnabled } from "../../gradients.js";
import { cat } from "../../joining.js";
import { makeError } from "../../errors.js";
import { named } from "../../functional/history.js";
import { describe } from "../../options.js";
import type { Tensor } from "../../tensor.js";
import { checkOperands, checkSizes, optionsOf } from "./convolutionchecks.js";
import { fullSizes, imagesOf, patchesOf } from "./patches.js";
import { atLeast, count, inBrackets, sizesOf, type Sizes } from "./sizes.js";

/** Options of {@link conv1d}, {@link conv2d} and {@link conv3d}. */
export interface ConvolutionOptions {
  /** A number for each output channel, added to the result. */
  bias?: Tensor | null;
  /** The distance between neighbouring windows. */
  stride?: Sizes;
  /**
   * How many zeros are around the input, on each side. `"valid"` is none; `"same"` as many as give the result the
   * input's size, the odd one behind.
   */
  padding?: Sizes | "same" | "valid";
  /** The distance between neighbouring elements of a window. */
  dilation?: Sizes;
  /** Into how many groups channels fall, each with output channels of its own. */
  groups?: number;
}

/** Options of {@link convTranspose1d}, {@link convTranspose2d} and {@link convTranspose3d}. */
export interface TransposedConvolutionOptions extends Omit<ConvolutionOptions, "padding"> {
  /** How many elements are cut off from the result, on each side. */
  padding?: Sizes;
  /** How many elements are added behind the result, for there are several sizes that a convolution gives one size. */
  outputPadding?: Sizes;
}

const defaults: Readonly<Required<ConvolutionOptions>> = Object.freeze({
  bias: null,
  stride: 1,
  padding: 0,
  dilation: 1,
  groups: 1,
});
const transposedDefaults: Readonly<Required<TransposedConvolutionOptions>> = Object.freeze({
  ...defaults,
  padding: 0,
  outputPadding: 0,
});

/**
 * The cross-correlation of signals `[N, C, L]` or `[C, L]` with weights `[O, C / groups, k]`:
 * `out[n, o, i] = bias[o] + sum over c, j of weight[o, c, j] * input[n, c, i * stride + j * dilation - padding]`, of the
 * size `floor((L + 2 * padding - dilation * (k - 1) - 1) / stride) + 1`. Input, weight and bias have one dtype, float32,
 * float64 or int64.
 *
 * @throws RangeError (`ERR_SHAPE`) where shapes do not fit, (`ERR_ARGUMENT`) for sizes out of range; TypeError
 * (`ERR_DTYPE`) for other or different dtypes.
 */
export function conv1d(input: Tensor, weight: Tensor, options?: ConvolutionOptions): Tensor {
  return convolved("conv1d", 1, input, weight, options);
}

/** {@link conv1d} of images: `[N, C, H, W]` or `[C, H, W]`, with weights `[O, C / groups, kh, kw]`. */
export function conv2d(input: Tensor, weight: Tensor, options?: ConvolutionOptions): Tensor {
  return convolved("conv2d", 2, input, weight, options);
}

/** {@link conv1d} of volumes: `[N, C, D, H, W]` or `[C, D, H, W]`, with weights `[O, C / groups, kd, kh, kw]`. */
export function conv3d(input: Tensor, weight: Tensor, options?: ConvolutionOptions): Tensor {
  return convolved("conv3d", 3, input, weight, options);
}

/**
 * The gradient of {@link conv1d} with regard to its input, as an op of its own: from `[N, C, L]` or `[C, L]` and weights
 * `[C, O / groups, k]`, every element spreads over a window. The result has O channels of the size
 * `(L - 1) * stride - 2 * padding + dilation * (k - 1) + outputPadding + 1`.
 *
 * @throws as {@link conv1d} does, and where `outputPadding` is smaller than neither stride nor dilation.
 */
export function convTranspose1d(
  input: Tensor,
  weight: Tensor,
  options?: TransposedConvolutionOptions,
): Tensor {
  return transposed("convTranspose1d", 1, input, weight, options);
}

/** {@link convTranspose1d} of images: `[N, C, H, W]` or `[C, H, W]`, with weights `[C, O / groups, kh, kw]`. */
export function convTranspose2d(
  input: Tensor,
  weight: Tensor,
  options?: TransposedConvolutionOptions,
): Tensor {
  return transposed("convTranspose2d", 2, input, weight, options);
}

/** {@link convTranspose1d} of volumes: `[N, C, D, H, W]` or `[C, D, H, W]`, with weights `[C, O / groups, kd, kh, kw]`. */
export function convTranspose3d(
  input: Tensor,
  weight: Tensor,
  options?: TransposedConvolutionOptions,
): Tensor {
  return transposed("convTranspose3d", 3, input, weight, options);
}

function convolved(
  op: string,
  rank: number,
  input: Tensor,
  weight: Tensor,
  options: ConvolutionOptions | undefined,
): Tensor {
  const { bias, groups, ...given } = optionsOf(op, options, defaults);
  checkOperands(op, rank, input, weight, bias, groups, false);
  const stride = sizesOf(op, "stride", given.stride, rank);
  const dilation = sizesOf(op, "dilation", given.dilation, rank);
  checkSizes(op, stride, dilation);
  const kernel = weight.shape.slice(2);
  const { x: images, padding } = padded(op, batchOf(input, rank), kernel, stride, dilation, given.padding);
  const room = images.shape.slice(2).map((size, i) => size + 2 * padding[i]!);
  const spans = kernel.map((size, i) => dilation[i]! * (size - 1) + 1);
  if (room.some((size, i) => size < spans[i]!))
    throw makeError(
      RangeError,
      `Calculated padded input size per channel: (${room.join(" x ")}). Kernel size: (${spans.join(" x ")}). ` +
        `Kernel size can't be greater than actual input size; ${op}: enlarge padding`,
      { code: "ERR_SHAPE", op, shapes: [input.shape, weight.shape] },
    );
  const products = (some: Tensor): Tensor => {
    const { columns, finish } = patchesOf(some, kernel, stride, padding, dilation);
    const [batch, rows, width] = columns.shape as [number, number, number];
    const outputs = weight.shape[0]!;
    return finish(
      groups === 1
        ? weight.reshape(outputs, rows).matmul(columns)
        : weight
            .reshape(groups, outputs / groups, rows / groups)
            .matmul(columns.reshape(batch, groups, rows / groups, width))
            .reshape(batch, outputs, width),
    );
  };
  const windows = room.map((size, i) => Math.floor((size - spans[i]!) / stride[i]!) + 1);
  const elements = images.shape[0]! * images.shape[1]! * count(kernel) * count(windows);
  const isTracked = isGradEnabled() && [input, weight].some(({ requiresGrad }) => requiresGrad);
  // History keeps all columns; without it a part of the images at a time leaves their memory to the next.
  const out = isTracked ? products(images) : inParts(images, Math.ceil(elements / mostColumns), products);
  return finished(out, bias, input, rank);
}

/** So many elements of windows are laid side by side at a time. */
const mostColumns = 2 ** 24;

function inParts(images: Tensor, parts: number, compute: (some: Tensor) => Tensor): Tensor {
  const batch = images.shape[0]!;
  const each = Math.ceil(batch / Math.max(parts, 1));
  if (each >= batch) return compute(images);
  const starts = Array.from({ length: Math.ceil(batch / each) }, (_, i) => i * each);
  return cat(starts.map((start) => compute(images.narrow(0, start, Math.min(each, batch - start)))));
}

function transposed(
  op: string,
  rank: number,
  input: Tensor,
  weight: Tensor,
  options: TransposedConvolutionOptions | undefined,
): Tensor {
  const { bias, groups, ...given } = optionsOf(op, options, transposedDefaults);
  checkOperands(op, rank, input, weight, bias, groups, true);
  const stride = sizesOf(op, "stride", given.stride, rank);
  const dilation = sizesOf(op, "dilation", given.dilation, rank);
  checkSizes(op, stride, dilation);
  const padding = sizesOf(op, "padding", given.padding, rank);
  atLeast(op, "padding", padding, 0, "negative padding is not supported");
  const more = sizesOf(op, "outputPadding", given.outputPadding, rank);
  atLeast(op, "outputPadding", more, 0, "negative output_padding is not supported");
  if (more.some((size, i) => size >= Math.max(stride[i]!, dilation[i]!)))
    throw makeError(
      RangeError,
      `output padding must be smaller than either stride or dilation, but got ${inBrackets(more)}; ${op}: ` +
        `stride is ${inBrackets(stride)}, dilation ${inBrackets(dilation)}`,
      { code: "ERR_ARGUMENT", op },
    );
  const images = batchOf(input, rank);
  const [batch, channels, ...sizes] = images.shape as [number, number, ...number[]];
  const kernel = weight.shape.slice(2);
  const full = fullSizes(sizes, kernel, stride, dilation);
  const out = full.map((size, i) => size - 2 * padding[i]! + more[i]!);
  if (out.some((size) => size < 1))
    throw makeError(
      RangeError,
      `Given input size per channel: (${sizes.join(" x ")}). Calculated output size per channel: ` +
        `(${out.join(" x ")}). Output size is too small; ${op}: less padding, or a larger input`,
      { code: "ERR_SHAPE", op, shapes: [input.shape, weight.shape] },
    );
  const spread = weight.reshape(groups, channels / groups, -1).transpose(1, 2);
  const columns = spread
    .matmul(images.reshape(batch, groups, channels / groups, count(sizes)))
    .reshape(batch, groups * spread.shape[1]!, count(sizes));
  // All that windows reach is summed first: outputPadding may uncover what padding alone would cut off.
  const whole = imagesOf(columns, sizes, kernel, stride, dilation);
  const edges = padding.flatMap((size, i) => [[-size, more[i]! - size]]).reverse();
  const cut = edges.flat().some((width) => width !== 0) ? whole.pad(edges.flat()) : whole;
  return finished(cut, bias, input, rank);
}

function batchOf(x: Tensor, rank: number): Tensor {
  return x.ndim === rank + 1 ? x.unsqueeze(0) : x;
}

/** With the bias of each channel, and without the batch that was not given. */
function finished(out: Tensor, bias: Tensor | null, input: Tensor, rank: number): Tensor {
  const channels = out.shape[1]!;
  const biased = bias === null ? out : out.add(bias.reshape(channels, ...Array<number>(rank).fill(1)));
  const result = input.ndim === rank + 1 ? biased.reshape(biased.shape.slice(1)) : biased;
  return named(result, "Convolution");
}

/** Sizes as numbers; with `"same"` the odd zero is put behind the input itself. */
function padded(
  op: string,
  x: Tensor,
  kernel: readonly number[],
  stride: readonly number[],
  dilation: readonly number[],
  given: unknown,
): { x: Tensor; padding: number[] } {
  if (given === "valid") return { x, padding: kernel.map(() => 0) };
  if (given === "same") {
    if (stride.some((step) => step !== 1))
      throw makeError(
        RangeError,
        `padding='same' is not supported for strided convolutions; ${op}: give the padding in numbers`,
        { code: "ERR_ARGUMENT", op },
      );
    const totals = kernel.map((size, i) => dilation[i]! * (size - 1));
    const odd = totals.flatMap((total) => [[0, total % 2]]).reverse();
    return {
      x: odd.flat().some((width) => width > 0) ? x.pad(odd.flat()) : x,
      padding: totals.map((total) => Math.floor(total / 2)),
    };
  }
  if (typeof given === "string")
    throw makeError(
      TypeError,
      `Invalid padding string: ${describe(given)}; ${op}: use "same", "valid" or numbers`,
      { code: "ERR_ARGUMENT", op },
    );
  const padding = sizesOf(op, "padding", given, kernel.length);
  atLeast(op, "padding", padding, 0, "negative padding is not supported");
  return { x, padding };
}
