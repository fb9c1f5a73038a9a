import { makeError } from "../errors.js";
import { describe } from "../options.js";
import { recordRoutine, type Tensor } from "../tensor.js";
import { exponentialOf } from "./exponential.js";
import { named } from "./history.js";
import { checkFloating, checkSquare, identities, sizesOf } from "./matrices.js";
import { inverseOf, signAndLog } from "./solutions.js";

// Functions of square matrices.

/** The sign and the logarithm of the size of determinants. */
export interface SignAndLog {
  /** -1, 0 or 1. */
  sign: Tensor;
  /** -Infinity where the determinant is 0. */
  logabsdet: Tensor;
}

/**
 * The inverses of square matrices, float32 or float64.
 *
 * @throws Error (`ERR_LINALG`) with PyTorch's sentence when the result is read, where a matrix has none.
 */
export function inverse(x: Tensor): Tensor {
  return inverseOf(x, "inv");
}

/**
 * The determinants of square matrices, float32 or float64. The gradient is the matrix of cofactors, also where the
 * determinant is 0; gradients of that gradient need an inverse.
 */
export function det(x: Tensor): Tensor {
  return recordRoutine("det", [x])[0]!;
}

/** The logarithms of determinants: NaN where they are negative, and -Infinity where they are 0. */
export function logdet(x: Tensor): Tensor {
  checkSquare("logdet", x);
  const { sign, logabsdet } = signAndLog(x);
  return named(sign.detach().eq(-1).where(NaN, logabsdet), "LinalgSlogdet");
}

/** The sign and the logarithm of the size of determinants, which may be too large or too small to be numbers themselves. */
export function slogdet(x: Tensor): SignAndLog {
  checkSquare("slogdet", x);
  return signAndLog(x);
}

/**
 * Square matrices to the power of a whole number: products of squares; for negative numbers of the inverse. Power 0 is the
 * identity, with a gradient of zero.
 *
 * @throws Error (`ERR_LINALG`) when the result is read, for a negative power of a matrix that has no inverse.
 */
export function matrixPower(a: Tensor, n: number): Tensor {
  const op = "matrixPower";
  checkSquare(op, a);
  if (!Number.isSafeInteger(n))
    throw makeError(TypeError, `matrixPower: n must be a whole number, got ${describe(n)}`, {
      code: "ERR_ARGUMENT",
      op,
    });
  if (n === 0) return identities(a, sizesOf(a)[0]).add(a.sign().mul(0));
  let base = n < 0 ? inverseOf(a, "inv") : a;
  let result: Tensor | null = null;
  for (let rest = Math.abs(n); ; base = base.matmul(base)) {
    if (rest % 2 === 1) result = result ? result.matmul(base) : base;
    rest = Math.floor(rest / 2);
    if (rest === 0) return result === a ? a.clone() : result!;
  }
}

/**
 * The exponentials of square matrices: the sum of A**k / k!. float32 or float64. A is halved until its 1-norm is at most 1,
 * which the function reads; a Taylor polynomial of degree 19 follows, and squaring. Gradients are those of these steps.
 */
export function matrixExp(x: Tensor): Tensor {
  checkSquare("matrixExp", x);
  checkFloating("matrixExp", x);
  return named(exponentialOf(x), "LinalgMatrixExp");
}
