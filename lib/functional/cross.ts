import { cat } from "../joining.js";
import { makeError } from "../errors.js";
import { handleOf, type Tensor } from "../tensor.js";
import { axesOf } from "./axes.js";
import { named } from "./history.js";
import { listed } from "./matrices.js";

/** The cross product along a dimension, for the op of a name. */
export function crossAlong(op: string, x: Tensor, other: Tensor, dim: number): Tensor {
  handleOf(x, op);
  handleOf(other, op);
  const [a, b] = [x.shape, other.shape];
  if (a.length !== b.length)
    throw makeError(
      RangeError,
      `linalg.cross: inputs must have the same number of dimensions.; the shapes are ${listed(a)} and ${listed(b)}`,
      { code: "ERR_SHAPE", op, shapes: [a, b] },
    );
  const axis = axesOf(op, x, [dim])[0];
  if (axis === undefined || a[axis] !== 3 || b[axis] !== 3)
    throw makeError(
      RangeError,
      `linalg.cross: inputs dimension ${dim} must have length 3. Got ${a.at(dim) ?? 1} and ${b.at(dim) ?? 1}; ` +
        `the shapes are ${listed(a)} and ${listed(b)}`,
      { code: "ERR_SHAPE", op, shapes: [a, b] },
    );
  // Elements 1, 2, 0 and 2, 0, 1.
  const turned = (v: Tensor, by: number) => cat([v.narrow(axis, by, 3 - by), v.narrow(axis, 0, by)], axis);
  const ahead = turned(x, 1).mul(turned(other, 2));
  return named(ahead.sub(turned(x, 2).mul(turned(other, 1))), "LinalgCross");
}
