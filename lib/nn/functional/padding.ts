import { tensor } from "../../creation.js";
import { makeError } from "../../errors.js";
import { named } from "../../functional/history.js";
import type { Scalar } from "../../native.js";
import { describe, readOptions } from "../../options.js";
import { handleOf, type Tensor } from "../../tensor.js";
import { inBrackets } from "./sizes.js";

/** What is put around a tensor. */
export type PadMode = "constant" | "reflect" | "replicate" | "circular";

/** Options of {@link pad}. */
export interface PadOptions {
  /** `"constant"` when left out. */
  mode?: PadMode;
  /** What is put around with `"constant"`: 0 when left out. */
  value?: Scalar | null;
}

const defaults: Readonly<Required<PadOptions>> = Object.freeze({ mode: "constant", value: null });
const constantDefaults: Readonly<{ value: Scalar }> = Object.freeze({ value: 0 });

/**
 * With more elements at the edges: `widths` are pairs (before, after), the last dimension first; negative ones crop. The
 * elements are one value (`"constant"`), the input mirrored at its edges, which are not repeated (`"reflect"`), the edges
 * themselves (`"replicate"`), or the input's other end (`"circular"`).
 *
 * All but `"constant"` take the last 1, 2 or 3 dimensions of a tensor with one or two dimensions in front of them, two for
 * `"circular"`. The input may be extended by less than its size when it is reflected, and by its size in circles.
 *
 * @throws RangeError (`ERR_SHAPE`) where widths do not fit the shape, TypeError (`ERR_ARGUMENT`) for anything else.
 */
export function pad(input: Tensor, widths: readonly number[], options?: PadOptions): Tensor {
  const { mode, value } = readOptions("pad", options, defaults);
  handleOf(input, "pad");
  if (mode === "constant") return named(input.pad(widths, { value: value ?? 0 }), "ConstantPadNd");
  const pairs = checkedPairs(input, widths, mode, value);
  const dims = pairs.length;
  const crops = pairs.flat().map((width) => Math.min(width, 0));
  const crop = (x: Tensor) => (crops.some((width) => width < 0) ? x.pad(crops) : x);
  // What is cropped is mirrored or repeated all the same, but is on no circle.
  let result = mode === "circular" ? crop(input) : input;
  for (const [i, [before, after]] of pairs.entries()) {
    const dim = input.ndim - 1 - i;
    result = extended(result, dim, Math.max(before, 0), Math.max(after, 0), mode);
  }
  const cropped = mode === "circular" ? result : crop(result);
  const label = { reflect: "Reflection", replicate: "Replication", circular: "" }[mode];
  const whole = cropped === input ? input.clone() : cropped;
  return label === "" ? whole : named(whole, `${label}Pad${dims}D`);
}

/** {@link pad} with one value, of any dimensions: PyTorch's torch.constant_pad_nd. */
export function constantPadNd(x: Tensor, widths: readonly number[], options?: { value?: Scalar }): Tensor {
  const { value } = readOptions("constantPadNd", options, constantDefaults);
  handleOf(x, "constantPadNd");
  return named(x.pad(widths, { value }), "ConstantPadNd");
}

function extended(
  x: Tensor,
  dim: number,
  before: number,
  after: number,
  mode: "reflect" | "replicate" | "circular",
): Tensor {
  if (before === 0 && after === 0) return x;
  const size = x.shape[dim]!;
  const last = size - 1;
  const from = {
    reflect: (i: number) => last - Math.abs(last - Math.abs(i)),
    replicate: (i: number) => Math.min(Math.max(i, 0), last),
    circular: (i: number) => (i + size) % size,
  }[mode];
  const places = Array.from({ length: before + size + after }, (_, i) => from(i - before));
  return x.indexSelect(dim, tensor(places, { dtype: "int64", device: x.device }));
}

function checkedPairs(
  { shape }: Tensor,
  widths: readonly number[],
  mode: unknown,
  value: Scalar | null,
): [number, number][] {
  const wrong = (problem: string, hint: string) =>
    makeError(TypeError, `${problem}; pad: ${hint}`, { code: "ERR_ARGUMENT", op: "pad" });
  if (mode !== "reflect" && mode !== "replicate" && mode !== "circular")
    throw wrong(
      `Unrecognised padding mode ${describe(mode)}`,
      'mode is "constant", "reflect", "replicate" or "circular"',
    );
  if (value !== null && value !== 0)
    throw wrong(`Padding mode "${mode}" doesn't take in value argument`, "leave value out");
  const given: unknown = widths;
  if (!Array.isArray(given) || !given.every(Number.isSafeInteger))
    throw wrong(
      `pad must be an array of whole numbers, got ${describe(given)}`,
      "the last dimension is first",
    );
  if (widths.length % 2 !== 0)
    throw wrong("Padding length must be divisible by 2", "widths are pairs (before, after)");
  const pairs = Array.from({ length: widths.length / 2 }, (_, i): [number, number] => [
    widths[2 * i]!,
    widths[2 * i + 1]!,
  ]);
  const leading = shape.length - pairs.length;
  const misfit = (problem: string, hint: string) =>
    makeError(RangeError, `${problem}; pad: ${hint}`, { code: "ERR_SHAPE", op: "pad", shapes: [shape] });
  const isFitting = pairs.length >= 1 && pairs.length <= 3;
  if (mode === "circular" && leading !== 2)
    throw misfit(
      `Invalid padding size, expected ${Math.max(2 * shape.length - 4, 0)} but got ${widths.length}`,
      "circular padding is for all dimensions but the first two",
    );
  if (!isFitting || leading < 1 || leading > 2)
    throw misfit(
      "Only 2D, 3D, 4D, 5D padding with non-constant padding are supported for now",
      `${mode} padding is for all dimensions but the first or the first two, at most three; the shape is ${inBrackets(shape)}`,
    );
  for (const [i, [before, after]] of pairs.entries()) {
    const dim = shape.length - 1 - i;
    const size = shape[dim]!;
    const given = `(${before}, ${after}) at dimension ${dim} of input ${inBrackets(shape)}`;
    const most = Math.max(before, after);
    if (mode === "reflect" && most >= size)
      throw misfit(
        `Padding size should be less than the corresponding input dimension, but got: padding ${given}`,
        "reflect twice",
      );
    if (mode === "circular" && most > size + Math.min(before, 0) + Math.min(after, 0))
      throw misfit("Padding value causes wrapping around more than once.", `it is ${given}`);
    if (size + before + after < 0)
      throw misfit(
        `Negative padding value is resulting in an empty dimension: size ${size} becomes ${size + before + after}`,
        `the padding is ${given}`,
      );
  }
  // An empty result is refused only where no dimension is left.
  const out = pairs.map(([before, after], i) => shape[shape.length - 1 - i]! + before + after);
  if (mode !== "circular" && out.every((size) => size < 1))
    throw misfit(
      `input ${inBrackets(shape)} is too small. Calculated output size: ${inBrackets(out.reverse())}`,
      "crop less",
    );
  if (shape.slice(leading === 2 ? 1 : 0).some((size) => size === 0))
    throw misfit(
      `Expected ${pairs.length + 1}D or ${pairs.length + 2}D (batch mode) tensor with possibly 0 batch size and other ` +
        `non-zero dimensions for input, but got: ${inBrackets(shape)}`,
      "only the batch may be empty",
    );
  return pairs;
}
