import { readOptions } from "../../options.js";
import { handleOf, recordRoutine, type Tensor } from "../../tensor.js";
import { sizesOf } from "./sizes.js";

/** One number for height and width, or both. */
export type Pair = number | readonly [number, number];

/** Which windows there are. */
export interface WindowOptions {
  /** The distance between neighbouring elements of a window. */
  dilation?: Pair;
  /** How many zeros are around the image, on each side. */
  padding?: Pair;
  /** The distance between neighbouring windows. */
  stride?: Pair;
}

const defaults: Readonly<Required<WindowOptions>> = Object.freeze({ dilation: 1, padding: 0, stride: 1 });

/** As native code takes them: pairs (height, width), one after the other. */
function numbersOf(op: string, kernelSize: Pair, options: WindowOptions | undefined): number[] {
  const { dilation, padding, stride } = readOptions(op, options, defaults);
  return Object.entries({ kernelSize, dilation, padding, stride }).flatMap(([name, value]) =>
    sizesOf(op, name, value, 2),
  );
}

/**
 * The windows of images side by side (im2col): from `[N, C, H, W]` or `[C, H, W]` to `[N, C * kh * kw, L]` or
 * `[C * kh * kw, L]`, with a column for each of the L windows, row by row, and in it the elements of the window,
 * channel by channel. There are `floor((H + 2 * padding - dilation * (kh - 1) - 1) / stride) + 1` rows of windows, and so
 * many columns by W. Elements of the padding are 0. Any dtype; the gradient is {@link fold}.
 *
 * @throws RangeError (`ERR_SHAPE`) for other dimensions, or where no window fits; (`ERR_ARGUMENT`) for sizes that are
 * not positive.
 */
export function unfold(input: Tensor, kernelSize: Pair, options?: WindowOptions): Tensor {
  handleOf(input, "unfold");
  return recordRoutine("unfold", [input], ...numbersOf("unfold", kernelSize, options))[0]!;
}

/**
 * Images as sums over windows (col2im): from `[N, C * kh * kw, L]` or `[C * kh * kw, L]`, as {@link unfold} gives them,
 * to `[N, C, H, W]` or `[C, H, W]` with `outputSize` as H and W. An element is the sum of what the windows have where it
 * lies, in a fixed order, so its bits are always the same; bool is true where one of them is. The gradient is
 * {@link unfold}.
 *
 * @throws RangeError (`ERR_SHAPE`) for other dimensions, or where L is not the number of windows that `outputSize` has;
 * (`ERR_ARGUMENT`) for sizes that are not positive.
 */
export function fold(input: Tensor, outputSize: Pair, kernelSize: Pair, options?: WindowOptions): Tensor {
  handleOf(input, "fold");
  const numbers = [
    ...sizesOf("fold", "outputSize", outputSize, 2),
    ...numbersOf("fold", kernelSize, options),
  ];
  return recordRoutine("fold", [input], ...numbers)[0]!;
}
