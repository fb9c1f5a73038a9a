import type { Tensor } from "../../tensor.js";
import { count } from "./sizes.js";
import { fold, unfold } from "./windows.js";

// Windows over one, two or three spatial dimensions as columns of matrices, made of windows of images.

/** Windows side by side, and what makes images of a product with them. */
export interface Patches {
  /** `[B, C * kernel elements, windows]`; for volumes B counts slices of the result as well. */
  columns: Tensor;
  /** From `[B, O, windows]` to `[N, O, ...sizes]`. */
  finish: (products: Tensor) => Tensor;
}

type Numbers = readonly number[];

/** The windows of `[N, C, ...sizes]`. A volume's are taken along its depth first, as further channels, then in its slices. */
export function patchesOf(
  x: Tensor,
  kernel: Numbers,
  stride: Numbers,
  padding: Numbers,
  dilation: Numbers,
): Patches {
  const [batch, channels, ...sizes] = x.shape as [number, number, ...number[]];
  const out = sizes.map(
    (size, i) => Math.floor((size + 2 * padding[i]! - dilation[i]! * (kernel[i]! - 1) - 1) / stride[i]!) + 1,
  );
  // Windows of one element are the elements themselves.
  if (kernel.every((size) => size === 1) && padding.every((size) => size === 0)) {
    const chosen = stride.every((step) => step === 1)
      ? x
      : x.at("...", ...out.map((size, i) => `0:${(size - 1) * stride[i]! + 1}:${stride[i]}`));
    return {
      columns: chosen.reshape(batch, channels, count(out)),
      finish: (products) => products.reshape(batch, products.shape[1]!, ...out),
    };
  }
  const plane = (images: Tensor, i: number) =>
    unfold(images, pairAt(kernel, i, 1), {
      stride: pairAt(stride, i, 1),
      padding: pairAt(padding, i, 0),
      dilation: pairAt(dilation, i, 1),
    });
  if (sizes.length < 3) {
    const [height, width] = pairAt(sizes, sizes.length - 2, 1);
    return {
      columns: plane(x.reshape(batch, channels, height, width), sizes.length - 2),
      finish: (products) => products.reshape(batch, products.shape[1]!, ...out),
    };
  }
  const [depth, height, width] = sizes as [number, number, number];
  const along = unfold(x.reshape(batch, channels, depth, height * width), [kernel[0]!, 1], {
    stride: [stride[0]!, 1],
    padding: [padding[0]!, 0],
    dilation: [dilation[0]!, 1],
  });
  const slices = along
    .reshape(batch, channels * kernel[0]!, out[0]!, height, width)
    .transpose(1, 2)
    .reshape(batch * out[0]!, channels * kernel[0]!, height, width);
  return {
    columns: plane(slices, 1),
    finish: (products) =>
      products.reshape(batch, out[0]!, products.shape[1]!, out[1]!, out[2]!).transpose(1, 2),
  };
}

/** The sizes of all that windows reach, one for each element of `sizes`. */
export function fullSizes(sizes: Numbers, kernel: Numbers, stride: Numbers, dilation: Numbers): number[] {
  return sizes.map((size, i) => (size - 1) * stride[i]! + dilation[i]! * (kernel[i]! - 1) + 1);
}

/** Sums over windows: from `[N, C * kernel elements, elements of sizes]` to `[N, C, ...fullSizes]`. */
export function imagesOf(
  columns: Tensor,
  sizes: Numbers,
  kernel: Numbers,
  stride: Numbers,
  dilation: Numbers,
): Tensor {
  const full = fullSizes(sizes, kernel, stride, dilation);
  const batch = columns.shape[0]!;
  const channels = columns.shape[1]! / count(kernel);
  const plane = (patches: Tensor, i: number) =>
    fold(patches, pairAt(full, i, 1), pairAt(kernel, i, 1), {
      stride: pairAt(stride, i, 1),
      dilation: pairAt(dilation, i, 1),
    });
  if (sizes.length < 3) return plane(columns, sizes.length - 2).reshape(batch, channels, ...full);
  const area = sizes[1]! * sizes[2]!;
  const slices = columns
    .reshape(batch, channels * kernel[0]!, kernel[1]! * kernel[2]!, sizes[0]!, area)
    .permute(0, 3, 1, 2, 4)
    .reshape(batch * sizes[0]!, channels * count(kernel), area);
  const along = plane(slices, 1)
    .reshape(batch, sizes[0]!, channels * kernel[0]!, full[1]! * full[2]!)
    .transpose(1, 2)
    .reshape(batch, channels * kernel[0]!, sizes[0]! * full[1]! * full[2]!);
  return fold(along, [full[0]!, full[1]! * full[2]!], [kernel[0]!, 1], {
    stride: [stride[0]!, 1],
    dilation: [dilation[0]!, 1],
  }).reshape(batch, channels, ...full);
}

/** Height and width from index i on; a signal is an image of one row. */
function pairAt(values: Numbers, i: number, single: number): [number, number] {
  return i < 0 ? [single, values[0]!] : [values[i]!, values[i + 1]!];
}
