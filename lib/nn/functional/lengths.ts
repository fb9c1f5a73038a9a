import { axesOf } from "../../functional/axes.js";
import type { Tensor } from "../../tensor.js";

const keepdim = Object.freeze({ keepdim: true });

/**
 * (sum |x|**p)**(1 / p) along one dimension, which is kept. Elements are divided by the largest first, so that no power
 * overflows. The gradient is 0 at 0, also of each element by itself.
 */
export function lengthAlong(op: string, x: Tensor, p: number, dim: number): Tensor {
  const axes = axesOf(op, x, [dim]);
  const distance = x.abs();
  if (p === 1) return distance.sum(axes, keepdim);
  if (p === Infinity) return distance.amax(axes, keepdim);
  if (p === -Infinity) return distance.amin(axes, keepdim);
  if (p === 0) return x.ne(0).to(x.dtype).sum(axes, keepdim);
  if (p < 0)
    return distance
      .pow(p)
      .sum(axes, keepdim)
      .pow(1 / p);
  const isZero = distance.eq(0);
  const isEmpty = axes.some((axis) => x.shape[axis] === 0);
  const top = isEmpty ? undefined : x.detach().abs().amax(axes, keepdim);
  // No line has nothing but zeros or an infinity as its unit.
  const unit = top && top.eq(0).logicalOr(top.isinf()).where(1, top);
  const ratio = unit ? distance.div(unit) : distance;
  const power = p === 2 ? ratio.square() : isZero.where(0, isZero.where(1, ratio).pow(p));
  const total = power.sum(axes, keepdim);
  const isNothing = total.eq(0);
  const inside = isNothing.where(1, total);
  const root = isNothing.where(0, p === 2 ? inside.sqrt() : inside.pow(1 / p));
  return unit ? root.mul(unit) : root;
}
