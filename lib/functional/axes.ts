import { native } from "../native.js";
import { handleOf, type Dims, type Tensor } from "../tensor.js";

/** The dimensions that are meant, in ascending order; none of a 0-d tensor. */
export function axesOf(op: string, x: Tensor, dim: Dims): number[] {
  return native.axes(handleOf(x, op), typeof dim === "number" ? [dim] : (dim ?? null), op);
}
