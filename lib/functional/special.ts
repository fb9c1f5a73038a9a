// PyTorch's torch.special.
import { binary, handleOf, isTensor, unary, type Operand, type Tensor } from "../tensor.js";
import { makeError } from "../errors.js";
import { polygamma as polygammaOf } from "./gamma.js";
import { elementwise, native } from "../native.js";

export {
  digamma,
  digamma as psi,
  erf,
  erfc,
  erfinv,
  exp2,
  expm1,
  i0,
  igamma as gammainc,
  igammac as gammaincc,
  lgamma as gammaln,
  log1p,
  logSoftmax,
  logit,
  logsumexp,
  mvlgamma as multigammaln,
  round,
  sigmoid as expit,
  sinc,
  softmax,
} from "../functions.js";

const rowOf =
  (row: "entr" | "erfcx" | "i0e" | "i1" | "i1e" | "logNdtr" | "ndtri") =>
  (x: Tensor): Tensor => {
    handleOf(x, row);
    return unary(elementwise[row], x);
  };

/** -x * log(x): 0 at 0, negative infinity below. */
export const entr: (x: Tensor) => Tensor = rowOf("entr");

/** e**(x**2) * erfc(x), which falls no faster than 1 / x. */
export const erfcx: (x: Tensor) => Tensor = rowOf("erfcx");

/** e**-|x| times the modified Bessel function of the first kind of order 0, which does not overflow. */
export const i0e: (x: Tensor) => Tensor = rowOf("i0e");

/** The modified Bessel function of the first kind of order 1. */
export const i1: (x: Tensor) => Tensor = rowOf("i1");

/** e**-|x| times the modified Bessel function of the first kind of order 1, which does not overflow. */
export const i1e: (x: Tensor) => Tensor = rowOf("i1e");

/** The logarithm of {@link ndtr}, accurate on both sides. */
export const logNdtr: (x: Tensor) => Tensor = rowOf("logNdtr");

/** The inverse of {@link ndtr}: where a share x of the standard normal distribution lies below. NaN outside [0, 1]. */
export const ndtri: (x: Tensor) => Tensor = rowOf("ndtri");

/**
 * The share of the standard normal distribution that lies below x: (1 + erf(x / sqrt(2))) / 2. As in PyTorch, small shares
 * have only the digits that 1 leaves them; their logarithm is {@link logNdtr}.
 */
export function ndtr(x: Tensor): Tensor {
  handleOf(x, "ndtr");
  return x.mul(Math.SQRT1_2).erf().add(1).mul(0.5);
}

/** x * log(other); 0 where x is, unless `other` is NaN. One of them may be a number. */
export function xlogy(x: Operand, other: Operand): Tensor {
  return binary(elementwise.xlogy, x, other);
}

/** x * log(1 + other), accurate for small `other`; 0 where x is, unless `other` is NaN. One of them may be a number. */
export function xlog1py(x: Operand, other: Operand): Tensor {
  return binary(elementwise.xlog1py, x, other);
}

/**
 * Hurwitz's zeta function: the sum of (other + k)**-x over k = 0, 1, ...; infinite for x = 1 and where `other` is 0 or a
 * negative whole number, NaN for x < 1, and for other negative numbers unless x is whole. One of them may be a number.
 * Only `other` has a gradient.
 * @throws Error (`ERR_AUTOGRAD`) where x requires a gradient.
 */
export function zeta(x: Operand, other: Operand): Tensor {
  if (isTensor(x) && x.requiresGrad && native.isGradEnabled())
    throw makeError(
      Error,
      "the derivative for 'zeta' is not implemented.; zeta: use detach() on the first argument",
      { code: "ERR_AUTOGRAD", op: "zeta" },
    );
  return binary(elementwise.zeta, x, other);
}

/**
 * The derivative number n of {@link digamma}, which itself is that of number 0. The arguments may come the other way
 * round, as in the method.
 * @throws RangeError (`ERR_ARGUMENT`) unless n is a whole number from 0 on.
 */
export function polygamma(n: number, x: Tensor): Tensor;
export function polygamma(x: Tensor, n: number): Tensor;
export function polygamma(first: number | Tensor, second: number | Tensor): Tensor {
  const [x, n] = isTensor(first) ? [first, second] : [second, first];
  handleOf(x, "polygamma");
  return polygammaOf(x as Tensor, n as number);
}
