import { isFloating } from "../dtype.js";
import { arange } from "../ranges.js";
import type { Tensor } from "../tensor.js";
import { axisOf } from "./axes.js";
import { named } from "./history.js";
import { dtypeError, shapeError, valueError, whole } from "./refusals.js";

/** `length` positions along `dim` from one that only a 0-d tensor knows. */
export function narrowFrom(x: Tensor, dim: number, start: Tensor, length: number): Tensor {
  const op = "narrow";
  if (x.shape.length === 0) throw shapeError(op, "narrow() cannot be applied to a 0-dim tensor.", []);
  const axis = axisOf(op, x, dim);
  if (start.shape.length > 0 || start.dtype === "bool" || isFloating(start.dtype))
    throw dtypeError(op, "start must be an 0-dim integral Tensor.");
  const extent = x.shape[axis]!;
  if (whole(op, "length", length) < 0) throw valueError(op, "narrow(): length must be non-negative.");
  if (length > extent)
    throw shapeError(
      op,
      `start (a tensor) + length (${length}) exceeds dimension size (${extent}).`,
      x.shape,
    );
  const first = start.to("int64");
  const places = first
    .lt(0)
    .where(first.add(extent), first)
    .add(arange(length, { dtype: "int64", device: x.device }));
  return named(x.indexSelect(axis, places), "Slice");
}
