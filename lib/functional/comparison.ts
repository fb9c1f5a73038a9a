import { finfo, getDefaultDtype, isFloating, largestOf, wordOf } from "../dtype.js";
import { makeError } from "../errors.js";
import { elementwise } from "../native.js";
import { describe, readOptions } from "../options.js";
import { binary, handleOf, unary, type Operand, type Tensor } from "../tensor.js";
import { areHalves } from "./halves.js";
import { named } from "./history.js";

/** Options of {@link isclose} and {@link allclose}. */
export interface ClosenessOptions {
  /** The distance that is allowed, in parts of `other`. */
  rtol?: number;
  /** The distance that is allowed at any size. */
  atol?: number;
  /** NaN is close to NaN. */
  equalNan?: boolean;
}

const closenessDefaults: Readonly<Required<ClosenessOptions>> = Object.freeze({
  rtol: 1e-5,
  atol: 1e-8,
  equalNan: false,
});

/**
 * Where |x - other| is at most atol + rtol * |other|, as bool; equal infinities are close. Both have one dtype.
 * @throws TypeError (`ERR_DTYPE`) for two dtypes, RangeError (`ERR_OPTION`) for a negative tolerance.
 */
export function isclose(x: Tensor, other: Tensor, options?: ClosenessOptions): Tensor {
  return closeness("isclose", x, other, options);
}

/** Whether all elements are close, as {@link isclose} says. Waits for the values. */
export function allclose(x: Tensor, other: Tensor, options?: ClosenessOptions): boolean {
  return closeness("allclose", x, other, options).all().item<boolean>();
}

function closeness(op: string, x: Tensor, other: Tensor, options: ClosenessOptions | undefined): Tensor {
  const { rtol, atol, equalNan } = readOptions(op, options, closenessDefaults);
  handleOf(other, op);
  if (x.dtype !== other.dtype)
    throw makeError(
      TypeError,
      `${wordOf(x.dtype)} did not match ${wordOf(other.dtype)}; ${op}: convert one of them, as in other.to(x.dtype)`,
      { code: "ERR_DTYPE", op },
    );
  for (const [name, value] of Object.entries({ rtol, atol }))
    if (typeof value !== "number" || !(value >= 0))
      throw makeError(
        RangeError,
        `${name} must be greater than or equal to zero, but got ${describe(value)}; ${op}`,
        {
          code: "ERR_OPTION",
          op,
        },
      );
  const [a, b] = [x.detach(), other.detach()];
  const isFloat = isFloating(x.dtype);
  let close = a.eq(b);
  if (equalNan && isFloat) close = close.logicalOr(a.isnan().logicalAnd(b.isnan()));
  if (rtol === 0 && atol === 0) return close;
  const [u, v] = isFloat ? [a, b] : [a.to(getDefaultDtype()), b.to(getDefaultDtype())];
  const distance = u.sub(v).abs();
  return close.logicalOr(distance.isfinite().logicalAnd(distance.le(v.mul(rtol).abs().add(atol))));
}

/** Whether both have one shape and equal elements; NaN equals nothing. Waits for the values. */
export function equal(x: Tensor, other: Tensor): boolean {
  handleOf(other, "equal");
  const [a, b] = [x.shape, other.shape];
  if (a.length !== b.length || a.some((size, dim) => size !== b[dim])) return false;
  return x.eq(other).all().item<boolean>();
}

/**
 * The larger of the two, or the one that is not NaN. Of equal ones, the gradient goes to x.
 */
export function fmax(x: Tensor, other: Tensor): Tensor {
  handleOf(other, "fmax");
  return named(x.ge(other).logicalOr(other.isnan()).where(x, other), "Fmax");
}

/** The smaller of the two, or the one that is not NaN. Of equal ones, the gradient goes to x. */
export function fmin(x: Tensor, other: Tensor): Tensor {
  handleOf(other, "fmin");
  return named(x.le(other).logicalOr(other.isnan()).where(x, other), "Fmin");
}

/** Where one of both is nonzero and the other is not. */
export function logicalXor(x: Tensor, other: Tensor): Tensor {
  handleOf(other, "logicalXor");
  return x.logicalNot().ne(other.logicalNot());
}

/** Where it is infinite and positive. */
export function isposinf(x: Tensor): Tensor {
  return x.eq(Infinity);
}

/** Where it is infinite and negative. */
export function isneginf(x: Tensor): Tensor {
  return x.eq(-Infinity);
}

/** Where its sign is a minus; that of -0 is. */
export function signbit(x: Tensor): Tensor {
  return unary(elementwise.signbit, x);
}

/** 0 where x is negative or NaN, 1 where it is positive, `values` where it is 0. Both have one dtype; no gradient. */
export function heaviside(x: Tensor, values: Tensor): Tensor {
  handleOf(values, "heaviside");
  if (x.dtype !== values.dtype)
    throw makeError(
      TypeError,
      `heaviside is not yet implemented for tensors with different dtypes.; heaviside: got ${x.dtype} and ${values.dtype}, convert one of them`,
      { code: "ERR_DTYPE", op: "heaviside" },
    );
  const a = x.detach();
  return a.eq(0).where(values.detach(), a.gt(0).to(x.dtype));
}

/** The size of x with the sign of `other`, where that of -0 is a minus; integers give the default dtype. */
export function copysign(x: Tensor, other: Operand): Tensor {
  return binary(elementwise.copysign, x, other);
}

/** The floating number next to x on the side of `other`; `other` where they are equal. */
export function nextafter(x: Tensor, other: Tensor): Tensor {
  handleOf(other, "nextafter");
  if (areHalves(x, other)) return nextHalf(x, other);
  return binary(elementwise.nextafter, x, other);
}

/** The same of halves: the sum with a part of the distance to a neighbour, a little more than half of it, rounded. */
function nextHalf(x: Tensor, other: Tensor): Tensor {
  const { dtype } = x;
  const { eps, tiny } = finfo(dtype);
  const [from, to] = [x.detach().to("float32"), other.detach().to("float32")];
  // Of distances on both sides of a power of two the shorter is half the other.
  const part = from
    .abs()
    .mul(0.6 * eps)
    .maximum(0.6 * eps * tiny);
  const moved = to.gt(from).where(from.add(part), from.sub(part)).to(dtype);
  const next = x.add(to.eq(from).where(0, moved.sub(from)).to(dtype));
  const inside = from
    .isinf()
    .logicalAnd(to.ne(from))
    .where(from.sign().mul(largestOf(dtype)).to(dtype), next);
  return named(to.isnan().where(other.detach(), inside), "Nextafter");
}
