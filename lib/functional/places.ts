import type { DType } from "../dtype.js";
import { arange } from "../ranges.js";
import type { Tensor } from "../tensor.js";

/** A dtype in which positions below `count` are exact: one of few bits, since such arithmetic is the fastest. */
export function dtypeOfPlaces(count: number): DType {
  return count <= 2 ** 24 ? "float32" : "float64";
}

/** 0, 1, ... along a dimension of x, in a shape that broadcasts with it. They lie in no memory. */
export function positionsAlong(x: Tensor, axis: number): Tensor {
  const { shape, device } = x;
  const length = shape[axis]!;
  const places = arange(length, { dtype: dtypeOfPlaces(length), device });
  return places.reshape(shape.map((size, i) => (i === axis ? size : 1)));
}
