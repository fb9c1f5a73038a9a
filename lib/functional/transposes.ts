import type { Tensor } from "../tensor.js";
import { shapeError } from "./refusals.js";

/** The matrices transposed, for the method of a name. */
export function matricesTransposed(op: string, x: Tensor): Tensor {
  const { shape } = x;
  if (shape.length < 2)
    throw shapeError(
      op,
      `tensor.${op} is only supported on matrices or batches of matrices. Got ${shape.length}-D tensor.`,
      shape,
    );
  return x.transpose(-2, -1);
}
