import type { Tensor } from "../../tensor.js";

/** log(1 + e**x) without overflow, with its smooth gradient at 0 as well: the two pieces are told apart by one mask. */
export function softplusOf(x: Tensor): Tensor {
  const isAbove = x.gt(0);
  return isAbove.where(x, 0).add(softplusTail(x, isAbove));
}

/** log(1 + e**-|x|), what {@link softplusOf} is above the larger one of x and 0. */
export function softplusTail(x: Tensor, isAbove: Tensor): Tensor {
  return isAbove.where(x.neg(), x).exp().log1p();
}
