import { makeError } from "../errors.js";
import { native } from "../native.js";
import { handleOf, type Tensor } from "../tensor.js";

/** The sum of products of two 1-D tensors of one length. */
export function dot(x: Tensor, other: Tensor): Tensor {
  const shapes = [x.shape, native.shape(handleOf(other, "dot"))];
  if (shapes.some((shape) => shape.length !== 1))
    throw makeError(
      RangeError,
      `1D tensors expected, but got ${shapes[0]!.length}D and ${shapes[1]!.length}D tensors; dot: use matmul`,
      { code: "ERR_SHAPE", op: "dot", shapes },
    );
  return x.matmul(other);
}
