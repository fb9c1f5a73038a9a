import { arange } from "../ranges.js";
import { getDefaultDtype, isFloating } from "../dtype.js";
import { makeError } from "../errors.js";
import { elementwise, native } from "../native.js";
import { describe } from "../options.js";
import { binary, handleOf, unary, type Tensor } from "../tensor.js";
import { named } from "./history.js";

// The gamma function and its relatives. Integers give the default dtype.

/** The logarithm of the size of the gamma function; infinite at 0 and negative whole numbers. */
export function lgamma(x: Tensor): Tensor {
  return unary(elementwise.lgamma, x);
}

/** The derivative of {@link lgamma}; NaN at negative whole numbers, and infinite at 0. */
export function digamma(x: Tensor): Tensor {
  return unary(elementwise.digamma, x);
}

/**
 * The derivative number n of {@link digamma}, which itself is that of number 0:
 * (-1)**(n + 1) n! zeta(n + 1, x) (DLMF 25.11.12).
 * @throws RangeError (`ERR_ARGUMENT`) unless n is a whole number from 0 on.
 */
export function polygamma(x: Tensor, n: number): Tensor {
  if (!Number.isInteger(n) || n < 0)
    throw makeError(
      RangeError,
      `polygamma(n, x) does not support negative n.; polygamma: n must be a whole number from 0 on, got ${describe(n)}`,
      { code: "ERR_ARGUMENT", op: "polygamma" },
    );
  if (n === 0) return named(digamma(x), "Polygamma");
  let factor = n % 2 === 1 ? 1 : -1;
  for (let k = 2; k <= n && Number.isFinite(factor); ++k) factor *= k;
  return named(binary(elementwise.zeta, n + 1, x).mul(factor), "Polygamma");
}

/**
 * The logarithm of the gamma function of p dimensions:
 * p (p - 1) / 4 log(pi) + the sum of lgamma(x - j / 2) over j = 0, ..., p - 1 (DLMF 35.3.4).
 * @throws RangeError (`ERR_ARGUMENT`) unless p is a whole number from 1 on.
 */
export function mvlgamma(x: Tensor, p: number): Tensor {
  if (!Number.isInteger(p) || p < 1)
    throw makeError(RangeError, `p has to be greater than or equal to 1; mvlgamma: got ${describe(p)}`, {
      code: "ERR_ARGUMENT",
      op: "mvlgamma",
    });
  const dtype = isFloating(x.dtype) ? x.dtype : getDefaultDtype();
  const halves = arange(p, { dtype, device: x.device }).div(2);
  const sum = lgamma(x.unsqueeze(-1).sub(halves)).sum(-1);
  return named(sum.add(((p * (p - 1)) / 4) * Math.log(Math.PI)), "Mvlgamma");
}

/**
 * The regularised incomplete gamma function P(x, other): the share of the integral of t**(x - 1) e**-t that lies below
 * `other`. x and `other` are not negative, or the result is NaN. Only `other` has a gradient.
 * @throws Error (`ERR_AUTOGRAD`) where x requires a gradient.
 */
export function igamma(x: Tensor, other: Tensor): Tensor {
  handleOf(other, "igamma");
  refuseGradient("igamma", "igamma: input", x);
  return binary(elementwise.igamma, x, other);
}

/** 1 - {@link igamma}, accurate where that is small. */
export function igammac(x: Tensor, other: Tensor): Tensor {
  handleOf(other, "igammac");
  refuseGradient("igammac", "igammac: input", x);
  return binary(elementwise.igammac, x, other);
}

function refuseGradient(op: string, what: string, x: Tensor): void {
  if (!x.requiresGrad || !native.isGradEnabled()) return;
  throw makeError(
    Error,
    `the derivative for '${what}' is not implemented.; ${op}: use detach() on the first argument`,
    { code: "ERR_AUTOGRAD", op },
  );
}
