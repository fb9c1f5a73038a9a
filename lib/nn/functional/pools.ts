import { makeError } from "../../errors.js";
import type { Tensor } from "../../tensor.js";
import { atLeast, inBrackets, isLeftOut, sizesOf, type Sizes } from "./sizes.js";
import type { Axis } from "./taps.js";

/** The sizes among the options of a pool. */
export interface PoolSizes {
  stride?: Sizes | null;
  padding?: Sizes;
  dilation?: Sizes;
}

/** The windows along each of the last `rank` dimensions, checked in PyTorch's words. */
export function axesOfPool(
  op: string,
  input: Tensor,
  rank: number,
  kernelSize: Sizes,
  given: PoolSizes,
  ceilMode: boolean,
): Axis[] {
  const kernels = sizesOf(op, "kernelSize", kernelSize, rank);
  atLeast(op, "kernelSize", kernels, 1, "kernel size should be greater than zero");
  const strides = isLeftOut(given.stride) ? kernels : sizesOf(op, "stride", given.stride, rank);
  atLeast(op, "stride", strides, 1, "stride should be greater than zero");
  const dilations = sizesOf(op, "dilation", given.dilation ?? 1, rank);
  atLeast(op, "dilation", dilations, 1, "dilation should be greater than zero");
  const paddings = sizesOf(op, "padding", given.padding ?? 0, rank);
  atLeast(op, "padding", paddings, 0, "pad must be non-negative");
  const { shape } = input;
  const sizes = shape.slice(-rank);
  const axes = sizes.map((size, i) => {
    const [kernel, stride, dilation, padding] = [kernels[i]!, strides[i]!, dilations[i]!, paddings[i]!];
    const span = dilation * (kernel - 1) + 1;
    if (padding > Math.floor(span / 2))
      throw makeError(
        RangeError,
        `pad should be at most half of effective kernel size, but got pad=${padding}, kernel_size=${kernel} and ` +
          `dilation=${dilation}; ${op}: use pad() for more`,
        { code: "ERR_ARGUMENT", op },
      );
    const room = size + 2 * padding - span;
    let count = (ceilMode ? Math.ceil(room / stride) : Math.floor(room / stride)) + 1;
    // The last window begins inside, or in the padding in front.
    if (ceilMode && (count - 1) * stride >= size + padding) --count;
    return { kernel, stride, dilation, padding, count };
  });
  const counts = axes.map(({ count }) => count);
  if (counts.some((count) => count < 1))
    throw makeError(
      RangeError,
      `Given input size: (${inBrackets(shape.slice(-rank - 1))}). Calculated output size: (${inBrackets(counts)}). ` +
        `Output size is too small; ${op}: no window fits`,
      { code: "ERR_SHAPE", op, shapes: [shape] },
    );
  return axes;
}
