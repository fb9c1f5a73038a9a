import type { Tensor } from "../tensor.js";
import { named } from "./history.js";
import { below, keepdim, shares, type SoftmaxOptions } from "./shares.js";

/** e**x divided by the sum of e**x along `dim`, without overflow. */
export function softmax(x: Tensor, dim: number, options?: SoftmaxOptions): Tensor {
  return shares("softmax", x, dim, options);
}

/** The logarithm of {@link softmax}, accurate where that is small. */
export function logSoftmax(x: Tensor, dim: number, options?: SoftmaxOptions): Tensor {
  const { axes, shifted } = below("logSoftmax", "log_softmax", x, dim, options);
  return named(shifted.sub(shifted.exp().sum(axes, keepdim).log()), "LogSoftmax");
}
