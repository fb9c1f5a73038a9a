import { ones } from "../../creation.js";
import { positionsAlong } from "../../functional/places.js";
import { wordOf } from "../../dtype.js";
import { makeError } from "../../errors.js";
import type { Tensor } from "../../tensor.js";
import { requireDtypeOf, shapeError, sizes } from "./checks.js";

// Targets that are classes, which are looked up: one out of range is an error when the result is read.

/** Of each line along a dimension of x, which lies in memory, the element that `index` names; the dimension goes away. */
export function gatherAlong(x: Tensor, dim: number, index: Tensor): Tensor {
  return x.gather(dim, index.unsqueeze(dim)).squeeze(dim);
}

/**
 * The same where x is computed, and other parts of it are wanted too: the index is compared with the places of elements,
 * which takes part in the kernel that makes them. An index out of range names nothing.
 */
export function pickAlong(x: Tensor, dim: number, index: Tensor): Tensor {
  const places = positionsAlong(x, dim);
  return places.eq(index.to(places.dtype).unsqueeze(dim)).where(x, 0).sum(dim);
}

/** The weight of each class that `index` names; without weights it is 1. */
export function weightsOf(
  op: string,
  x: Tensor,
  dim: number,
  index: Tensor,
  weight: Tensor | undefined,
): Tensor {
  const count = x.shape[dim]!;
  const { shape } = index;
  const table = checkedWeight(op, x, dim, weight) ?? ones([count], { dtype: x.dtype, device: x.device });
  return table.indexSelect(0, index.reshape(-1)).reshape(shape);
}

/** Weights of classes, one for each. @throws RangeError (`ERR_SHAPE`), TypeError (`ERR_DTYPE`) */
export function checkedWeight(
  op: string,
  x: Tensor,
  dim: number,
  weight: Tensor | undefined,
): Tensor | undefined {
  if (weight === undefined) return undefined;
  const count = x.shape[dim]!;
  const { shape } = weight;
  if (shape.length !== 1 || shape[0] !== count)
    throw shapeError(
      op,
      `weight tensor should be defined either for all ${count} classes or no classes but got weight tensor of shape: ${sizes(shape)}`,
      "give one weight for each class",
      [x.shape, shape],
    );
  requireDtypeOf(op, x, "weight", weight);
  return weight;
}

/** Classes as int64. @throws TypeError (`ERR_DTYPE`) unless they are int64 or uint8. */
export function classesFrom(op: string, target: Tensor): Tensor {
  const { dtype } = target;
  if (dtype === "int64" || dtype === "uint8") return target.to("int64");
  throw makeError(
    TypeError,
    `expected target dtype to be Long or Byte, but got ${wordOf(dtype)}; ${op}: classes are whole numbers, convert them with .to("int64")`,
    { code: "ERR_DTYPE", op },
  );
}
