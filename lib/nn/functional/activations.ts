import { axesOf } from "../../functional/axes.js";
import { shares, type SoftmaxOptions } from "../../functional/shares.js";
import type { Tensor } from "../../tensor.js";

/** {@link softmax} of -x: the smallest get the largest shares. */
export function softmin(x: Tensor, dim: number, options?: SoftmaxOptions): Tensor {
  axesOf("softmin", x, [dim]);
  return shares("softmin", x.neg(), dim, options);
}
