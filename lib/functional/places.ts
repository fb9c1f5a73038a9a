import { arange } from "../ranges.js";
import type { Tensor } from "../tensor.js";

/**
 * 0, 1, ... along a dimension of x, in a shape that broadcasts with it, and in a dtype in which they are exact: one of few
 * bits, since such arithmetic is the fastest. They lie in no memory.
 */
export function positionsAlong(x: Tensor, axis: number): Tensor {
  const { shape, device } = x;
  const length = shape[axis]!;
  const places = arange(length, { dtype: length <= 2 ** 24 ? "float32" : "float64", device });
  return places.reshape(shape.map((size, i) => (i === axis ? size : 1)));
}
