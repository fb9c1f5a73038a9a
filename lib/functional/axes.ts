import { makeError } from "../errors.js";
import { native } from "../native.js";
import { describe } from "../options.js";
import { handleOf, type Dims, type Tensor } from "../tensor.js";

/** The dimensions that are meant, in ascending order; none of a 0-d tensor. */
export function axesOf(op: string, x: Tensor, dim: Dims): number[] {
  return native.axes(handleOf(x, op), typeof dim === "number" ? [dim] : (dim ?? null), op);
}

/** The one dimension that is meant, counted from 0; 0 of a 0-d tensor. */
export function axisOf(op: string, x: Tensor, dim: number): number {
  handleOf(x, op);
  return axisWithin(op, dim, x.shape.length);
}

/** The one of `rank` dimensions that is meant, counted from 0. */
export function axisWithin(op: string, dim: number, rank: number): number {
  if (!Number.isInteger(dim))
    throw makeError(TypeError, `${op}: a dimension must be a whole number, got ${describe(dim)}`, {
      code: "ERR_ARGUMENT",
      op,
    });
  const count = Math.max(rank, 1);
  if (dim < -count || dim >= count)
    throw makeError(
      RangeError,
      `Dimension out of range (expected to be in range of [${-count}, ${count - 1}], but got ${dim}); ${op}`,
      { code: "ERR_DIM", op },
    );
  return dim < 0 ? dim + count : dim;
}
