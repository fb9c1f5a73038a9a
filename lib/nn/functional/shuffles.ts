import { makeError } from "../../errors.js";
import { named } from "../../functional/history.js";
import { describe } from "../../options.js";
import { handleOf, type Tensor } from "../../tensor.js";
import { inBrackets } from "./sizes.js";

/**
 * Channels as finer images: from `[..., C * r * r, H, W]` to `[..., C, H * r, W * r]`, r being `upscaleFactor`. The r * r
 * channels of a result's channel are the elements of squares, row by row (Shi et al., arXiv:1609.05158).
 *
 * @throws RangeError (`ERR_SHAPE`) for fewer than 3 dimensions, or where the channels do not divide by r * r.
 */
export function pixelShuffle(input: Tensor, upscaleFactor: number): Tensor {
  const op = "pixelShuffle";
  const { leading, channels, height, width } = imagesOf(op, "pixel_shuffle", input);
  const r = positive(op, "upscaleFactor", upscaleFactor);
  if (channels % (r * r) !== 0)
    throw misfit(
      op,
      `pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, but ` +
        `input.size(-3)=${channels} is not divisible by ${r * r}`,
      input,
    );
  const parts = input.reshape(...leading, channels / (r * r), r, r, height, width);
  const n = leading.length;
  const order = [...leading.keys(), n, n + 3, n + 1, n + 4, n + 2];
  return named(
    parts.permute(order).reshape(...leading, channels / (r * r), height * r, width * r),
    "PixelShuffle",
  );
}

/**
 * The inverse of {@link pixelShuffle}: from `[..., C, H * r, W * r]` to `[..., C * r * r, H, W]`, r being `downscaleFactor`.
 *
 * @throws RangeError (`ERR_SHAPE`) for fewer than 3 dimensions, or where height and width do not divide by r.
 */
export function pixelUnshuffle(input: Tensor, downscaleFactor: number): Tensor {
  const op = "pixelUnshuffle";
  const { leading, channels, height, width } = imagesOf(op, "pixel_unshuffle", input);
  const r = positive(op, "downscaleFactor", downscaleFactor);
  for (const [name, size] of Object.entries({ height, width }))
    if (size % r !== 0)
      throw misfit(
        op,
        `pixel_unshuffle expects ${name} to be divisible by downscale_factor, but input.size(${name === "height" ? -2 : -1})=` +
          `${size} is not divisible by ${r}`,
        input,
      );
  const parts = input.reshape(...leading, channels, height / r, r, width / r, r);
  const n = leading.length;
  const order = [...leading.keys(), n, n + 2, n + 4, n + 1, n + 3];
  return named(
    parts.permute(order).reshape(...leading, channels * r * r, height / r, width / r),
    "PixelUnshuffle",
  );
}

/**
 * `[N, C, ...]` with the channels of `groups` groups taken in turn: the first of each, the second of each, and so on
 * (Zhang et al., arXiv:1707.01083).
 *
 * @throws RangeError (`ERR_SHAPE`) for fewer than 3 dimensions, or where the channels do not divide by `groups`.
 */
export function channelShuffle(input: Tensor, groups: number): Tensor {
  const op = "channelShuffle";
  handleOf(input, op);
  const { shape } = input;
  if (shape.length < 3)
    throw misfit(
      op,
      `channel_shuffle expects input with > 2 dims, but got input with sizes ${inBrackets(shape)}`,
      input,
    );
  const parts = positive(op, "groups", groups);
  const [batch, channels, ...sizes] = shape as [number, number, ...number[]];
  if (channels % parts !== 0)
    throw misfit(
      op,
      `Number of channels must be divisible by groups. Got ${channels} channels and ${parts} groups.`,
      input,
    );
  const turned = input.reshape(batch, parts, channels / parts, ...sizes).transpose(1, 2);
  return named(turned.reshape(shape), "View");
}

const misfit = (op: string, problem: string, { shape }: Tensor) =>
  makeError(RangeError, `${problem}; ${op}: the shape is ${inBrackets(shape)}`, {
    code: "ERR_SHAPE",
    op,
    shapes: [shape],
  });

function positive(op: string, name: string, value: unknown): number {
  if (Number.isSafeInteger(value) && (value as number) > 0) return value as number;
  throw makeError(RangeError, `${op}: ${name} must be a whole number of at least 1, got ${describe(value)}`, {
    code: "ERR_ARGUMENT",
    op,
  });
}

function imagesOf(op: string, kernel: string, input: Tensor) {
  handleOf(input, op);
  const { shape } = input;
  if (shape.length < 3)
    throw misfit(
      op,
      `${kernel} expects input to have at least 3 dimensions, but got input with ${shape.length} dimension(s)`,
      input,
    );
  const [channels, height, width] = shape.slice(-3) as [number, number, number];
  return { leading: shape.slice(0, -3), channels, height, width };
}
