import { isFloating, wordOf } from "../dtype.js";
import { makeError } from "../errors.js";
import { describe } from "../options.js";
import type { Tensor } from "../tensor.js";

/** Refuses an order that is no number, or negative where the op says so. */
export function checkOrder(op: string, p: unknown, sentence?: string): asserts p is number {
  if (typeof p !== "number" || Number.isNaN(p))
    throw makeError(TypeError, `${op}: p must be a number, got ${describe(p)}`, { code: "ERR_ARGUMENT", op });
  if (sentence !== undefined && p < 0)
    throw makeError(RangeError, `${sentence}; ${op}: p is ${p}`, { code: "ERR_VALUE", op });
}

/** Refuses what has no fractions. */
export function checkFloating(op: string, x: Tensor): void {
  if (isFloating(x.dtype)) return;
  throw makeError(
    TypeError,
    `linalg.vector_norm: Expected a floating point or complex tensor as input. Got ${wordOf(x.dtype)}; ${op}: convert with .to("float32") first`,
    { code: "ERR_DTYPE", op },
  );
}

/**
 * (sum |x|**p)**(1/p) over axes, of a floating tensor; the largest magnitude for p = Infinity, the smallest for -Infinity,
 * the number of nonzero elements for 0. Powers of elements neither overflow nor vanish
 * unless `isScaled` is false, which saves looking at all elements twice. Gradients are PyTorch's: 0 where
 * the norm is 0 and at elements that are 0, and equal shares for equal extremes.
 */
export function normOver(
  op: string,
  x: Tensor,
  p: number,
  axes: readonly number[],
  keepdim: boolean,
  isScaled = true,
): Tensor {
  const kept = { keepdim };
  const size = x.abs();
  const { shape } = x;
  const isEmpty = axes.some((axis) => shape[axis] === 0);
  if (isEmpty && (p < 0 || p === Infinity))
    throw makeError(
      RangeError,
      `linalg.vector_norm cannot compute the ${p} norm on an empty tensor because the operation does not have an identity; ${op}: there is nothing along it`,
      { code: "ERR_SHAPE", op, shapes: [shape] },
    );
  if (p === Infinity) return size.amax(axes, kept);
  if (p === -Infinity) return size.amin(axes, kept);
  // Written so that it has a gradient, which is 0.
  if (p === 0) return x.isnan().where(1, x.sign().abs()).sum(axes, kept);
  if (p === 1 || isEmpty) return size.sum(axes, kept);
  // Squares of float32 fit in float64.
  if (p === 2 && isScaled && x.dtype === "float32")
    return rootOf(x.to("float64").square().sum(axes, kept), p).to("float32");
  const scale = isScaled ? scaleOf(size.detach(), p, axes) : null;
  const parts = scale ? size.div(scale) : size;
  const isZero = parts.detach().eq(0);
  // Powers below 1 have no finite gradient at 0.
  const powers = p === 2 ? parts.square() : isZero.where(p > 0 ? 0 : Infinity, isZero.where(1, parts).pow(p));
  const root = rootOf(powers.sum(axes, kept), p);
  return scale ? root.mul(keepdim ? scale : scale.reshape(root.shape)) : root;
}

/** total**(1/p), with a gradient of 0 where that is 0. */
function rootOf(total: Tensor, p: number): Tensor {
  const vanishes = total.detach().eq(p > 0 ? 0 : Infinity);
  const safe = vanishes.where(1, total);
  return vanishes.where(0, p === 2 ? safe.sqrt() : safe.pow(1 / p));
}

/** A power of two near the element that counts most, so that dividing by it changes no bits; 1 where there is none. */
function scaleOf(size: Tensor, p: number, axes: readonly number[]): Tensor {
  const kept = { keepdim: true };
  const anchor = p > 0 ? size.amax(axes, kept) : size.amin(axes, kept);
  const most = size.dtype === "float32" ? 120 : 1000;
  const scale = anchor.log2().floor().clamp(-most, most).exp2();
  return anchor.gt(0).logicalAnd(anchor.isfinite()).where(scale, 1);
}
