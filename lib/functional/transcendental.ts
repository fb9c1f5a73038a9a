import { makeError } from "../errors.js";
import { elementwise } from "../native.js";
import { describe, readOptions } from "../options.js";
import { binary, handleOf, isTensor, unary, type Operand, type Tensor } from "../tensor.js";
import { named } from "./history.js";

// Functions that are not elementary, and elementary ones of forms that lose nothing. Integers give the default dtype.

/** The inverse of the error function; infinite at -1 and 1, NaN beyond. */
export function erfinv(x: Tensor): Tensor {
  return unary(elementwise.erfinv, x);
}

/** The modified Bessel function of the first kind of order 0. */
export function i0(x: Tensor): Tensor {
  return unary(elementwise.i0, x);
}

/** Options of {@link logit}. */
export interface LogitOptions {
  /** x is brought into [eps, 1 - eps] first; outside, the gradient is 0. */
  eps?: number | null;
}

const logitDefaults: Readonly<Required<LogitOptions>> = Object.freeze({ eps: null });

/** log(x / (1 - x)), the inverse of the sigmoid; NaN outside [0, 1], and so is the gradient. */
export function logit(x: Tensor, options?: LogitOptions): Tensor {
  const { eps } = readOptions("logit", options, logitDefaults);
  if (eps === null) return unary(elementwise.logit, x);
  if (typeof eps !== "number" || Number.isNaN(eps))
    throw makeError(TypeError, `logit: eps must be a number, got ${describe(eps)}`, {
      code: "ERR_OPTION",
      op: "logit",
    });
  return named(unary(elementwise.logit, x.clamp(eps, 1 - eps)), "Logit");
}

/** The coefficients of sin(t) / t in t**2, from t**10 down: (-1)**k / (2k + 1)! */
const sineOverAngle = [-1 / 39916800, 1 / 362880, -1 / 5040, 1 / 120, -1 / 6, 1];

/** sin(pi x) / (pi x); 1 at 0, where the gradient is 0. */
export function sinc(x: Tensor): Tensor {
  // The gradient of the quotient would cancel near 0.
  const angle = x.mul(Math.PI);
  const isNear = angle.abs().lt(0.3);
  const square = isNear.where(angle, 0).square();
  const series = sineOverAngle
    .slice(1)
    .reduce(
      (sum, coefficient) => sum.mul(square).add(coefficient),
      square.mul(1 / 6227020800).add(sineOverAngle[0]!),
    );
  const far = isNear.where(1, angle);
  return named(isNear.where(series, far.sin().div(far)), "Sinc");
}

/** x * log(other); 0 where x is, unless `other` is NaN. Where x and `other` are 0, the gradient of x is 0. */
export function xlogy(x: Tensor, other: Operand): Tensor {
  return binary(elementwise.xlogy, x, other);
}

/** log(e**x + e**other) without overflow. */
export function logaddexp(x: Tensor, other: Tensor): Tensor {
  handleOf(other, "logaddexp");
  return binary(elementwise.logaddexp, x, other);
}

/** log2(2**x + 2**other) without overflow. */
export function logaddexp2(x: Tensor, other: Tensor): Tensor {
  handleOf(other, "logaddexp2");
  return binary(elementwise.logaddexp2, x, other);
}

/** x ** exponent, computed in float64 whatever the dtypes are. */
export function floatPower(x: Tensor, exponent: Operand): Tensor {
  return x.to("float64").pow(isTensor(exponent) ? exponent.to("float64") : exponent);
}
