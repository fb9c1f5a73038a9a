import { filled } from "../creation.js";
import type { Scalar } from "../native.js";
import { isTensor, type Tensor } from "../tensor.js";
import { argumentError, shapeError } from "./refusals.js";
import { describe } from "../options.js";

/** A number or a 0-d tensor as a 0-d tensor of the dtype of another, on its device. */
export function filling(op: string, word: string, x: Tensor, value: Tensor | Scalar): Tensor {
  const { dtype, device } = x;
  if (isTensor(value)) {
    if (value.shape.length > 0)
      throw shapeError(
        op,
        `${word} only supports a 0-dimensional value tensor, but got tensor with ${value.shape.length} dimension(s).`,
        value.shape,
      );
    return value.to(dtype);
  }
  if (!["number", "bigint", "boolean"].includes(typeof value))
    throw argumentError(op, `${op}: the value must be a number or a 0-d tensor, got ${describe(value)}`);
  return filled(op, [], value, { dtype, device });
}
