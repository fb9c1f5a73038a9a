import { filled, optionsLike, type CreationOptions, type ShapeLike } from "../creation.js";
import type { Scalar } from "../native.js";
import type { Tensor } from "../tensor.js";

// New tensors with the dtype and on the device of another, unless options say otherwise.

/** Zeros of a shape, with the dtype and on the device of this tensor. */
export function newZeros(x: Tensor, size: ShapeLike, options?: CreationOptions): Tensor {
  return filled("newZeros", size, 0, optionsLike("newZeros", x, options));
}

/** Ones of a shape, with the dtype and on the device of this tensor. */
export function newOnes(x: Tensor, size: ShapeLike, options?: CreationOptions): Tensor {
  return filled("newOnes", size, 1, optionsLike("newOnes", x, options));
}

/** One value in a shape, with the dtype and on the device of this tensor. */
export function newFull(x: Tensor, size: ShapeLike, fillValue: Scalar, options?: CreationOptions): Tensor {
  return filled("newFull", size, fillValue, optionsLike("newFull", x, options));
}
