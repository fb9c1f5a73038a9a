import { makeError } from "../errors.js";
import { readOptions } from "../options.js";
import { recordRoutine, type Tensor } from "../tensor.js";

/** Options of {@link cholesky}. */
export interface CholeskyOptions {
  /** Give the upper triangle U with U' U = A, and read the upper triangle of A. */
  upper?: boolean;
}

/** Options of {@link solveTriangular}. */
export interface TriangularOptions {
  /** Which triangle of A is read. */
  upper: boolean;
  /** Whether A is on the left of X. */
  left?: boolean;
  /** Take the diagonal of A as ones, without reading it. */
  unitriangular?: boolean;
}

const choleskyDefaults: Readonly<Required<CholeskyOptions>> = Object.freeze({ upper: false });
const triangularDefaults = Object.freeze({
  upper: undefined as boolean | undefined,
  left: true,
  unitriangular: false,
});

/**
 * The Cholesky factor of symmetric, positive definite matrices: the lower triangular L with L L' = A. A has the shape
 * `[..., n, n]` and is float32 or float64; only its lower triangle is read, and the gradient is symmetric, as if A could
 * only change symmetrically (Murray, arXiv:1602.07527).
 *
 * A matrix that is not positive definite, or has a NaN, is found while it is computed: where a value that depends on it
 * is read, that throws an Error (`ERR_LINALG`) with PyTorch's sentence, `op` and `shapes`, and nothing has changed.
 *
 * @throws RangeError (`ERR_SHAPE`) unless the matrices are square, TypeError (`ERR_DTYPE`) unless they are floating.
 */
export function cholesky(a: Tensor, options?: CholeskyOptions): Tensor {
  const { upper } = readOptions("cholesky", options, choleskyDefaults);
  return recordRoutine("cholesky", [a], Number(upper))[0]!;
}

/**
 * The solution X of A X = B, or of X A = B with `left: false`, for a triangular A of the shape `[..., n, n]`, of which the
 * other triangle is not read. B has the shape `[..., n, k]`, or `[..., k, n]` with `left: false`; batches broadcast.
 * float32 or float64. A zero on the diagonal gives infinities and NaN. The gradient of A is a triangle as well.
 *
 * @throws RangeError (`ERR_SHAPE`) where the shapes do not fit, TypeError (`ERR_DTYPE`) unless both have one floating dtype,
 * TypeError (`ERR_OPTION`) without `upper`.
 */
export function solveTriangular(a: Tensor, b: Tensor, options: TriangularOptions): Tensor {
  const { upper, left, unitriangular } = readOptions("solveTriangular", options, triangularDefaults);
  if (upper === undefined)
    throw makeError(
      TypeError,
      "solveTriangular: say which triangle of A is meant, as in { upper: false } or { upper: true }",
      { code: "ERR_OPTION", op: "solveTriangular" },
    );
  const numbers = [upper, left, unitriangular].map(Number);
  return recordRoutine("solveTriangular", [a, b], ...numbers)[0]!;
}
