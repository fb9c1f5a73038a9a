import { native } from "../native.js";
import { handleOf, type Tensor } from "../tensor.js";

/** Gives the last step of a composition PyTorch's name: `"Softmax"` is printed as SoftmaxBackward0. */
export function named(result: Tensor, label: string, suffix = "0"): Tensor {
  native.nameGradient(handleOf(result, label), label, suffix);
  return result;
}
