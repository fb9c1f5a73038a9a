import { makeError } from "../errors.js";
import { eliminatedSolution } from "../functional/elimination.js";
import { checkFloating, checkMatrix } from "../functional/matrices.js";
import { counted, pseudoinverseOf, sizesOfMatrix, type Tolerances } from "../functional/pseudoinverse.js";
import { eliminated, infoOf, inverseOf, isVectorFor, solutionOf } from "../functional/solutions.js";
import { readOptions } from "../options.js";
import { recordRoutine, type Tensor } from "../tensor.js";

export { det, matrixExp, matrixPower, slogdet } from "../functional/squares.js";
export type { SignAndLog } from "../functional/squares.js";

/** Options of {@link solveTriangular}. */
export interface TriangularOptions {
  /** Which triangle of A is read. */
  upper: boolean;
  /** Whether A is on the left of X. */
  left?: boolean;
  /** Take the diagonal of A as ones, without reading it. */
  unitriangular?: boolean;
}

/** Options of {@link solve}. */
export interface SolveOptions {
  /** Whether A is on the left of X. */
  left?: boolean;
}

/** Options of {@link solveEx}. */
export interface SolveExOptions extends SolveOptions {
  /** Refuse what {@link solve} refuses. */
  checkErrors?: boolean;
}

/** Options of {@link luSolve}. */
export interface LuSolveOptions extends SolveOptions {
  /** Solve with A' instead of A. */
  adjoint?: boolean;
}

/** Options of {@link pinv}. */
export interface PinvOptions {
  /** Values of at most this size count as 0. */
  atol?: number | Tensor | null;
  /** Values of at most this share of the largest one count as 0; a rounding error times the larger size when left out. */
  rtol?: number | Tensor | null;
  /** An older name of `rtol`. */
  rcond?: number | Tensor | null;
  /** The matrices are symmetric, of which the lower triangle is read. */
  hermitian?: boolean;
}

/** Options of {@link matrixRank}. */
export interface MatrixRankOptions extends Omit<PinvOptions, "rcond"> {
  /** An older name of `atol`. */
  tol?: number | Tensor | null;
}

const triangularDefaults = Object.freeze({
  upper: undefined as boolean | undefined,
  left: true,
  unitriangular: false,
});
const solveDefaults: Readonly<Required<SolveOptions>> = Object.freeze({ left: true });
const solveExDefaults: Readonly<Required<SolveExOptions>> = Object.freeze({ left: true, checkErrors: false });
const luSolveDefaults: Readonly<Required<LuSolveOptions>> = Object.freeze({ left: true, adjoint: false });
const invDefaults: Readonly<{ checkErrors: boolean }> = Object.freeze({ checkErrors: false });
const pinvDefaults: Readonly<Required<PinvOptions>> = Object.freeze({
  atol: null,
  rtol: null,
  rcond: null,
  hermitian: false,
});
const rankDefaults: Readonly<Required<MatrixRankOptions>> = Object.freeze({
  tol: null,
  atol: null,
  rtol: null,
  hermitian: false,
});

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

/**
 * The solution X of A X = B, or of X A = B with `left: false`, by elimination. A has the shape `[..., n, n]`, and B
 * `[..., n, k]`, or `[..., k, n]` with `left: false`; batches broadcast. A B of one dimension, or of the shape of A without
 * its last dimension, holds vectors. float32 or float64.
 *
 * @throws RangeError (`ERR_SHAPE`) where the shapes do not fit, TypeError (`ERR_DTYPE`) unless both have one floating dtype,
 * Error (`ERR_LINALG`) with PyTorch's sentence when the result is read, where A is singular.
 */
export function solve(a: Tensor, b: Tensor, options?: SolveOptions): Tensor {
  const { left } = readOptions("solve", options, solveDefaults);
  return solutionOf("solve", a, b, left, "solve");
}

/** The same, without refusing singular matrices: `info` is 0, or the place of the first zero on U's diagonal. */
export function solveEx(a: Tensor, b: Tensor, options?: SolveExOptions): { result: Tensor; info: Tensor } {
  const { left, checkErrors } = readOptions("solveEx", options, solveExDefaults);
  const result = solutionOf("solveEx", a, b, left, checkErrors ? "solve" : "nobody");
  const info = infoOf(eliminated(a.detach(), true, "nobody").LU);
  return { result, info: isVectorFor(a, b) ? info : info.expand(result.shape.slice(0, -2)) };
}

/**
 * The inverses of square matrices, float32 or float64. {@link solve} is faster and more precise than a product with an
 * inverse.
 *
 * @throws Error (`ERR_LINALG`) with PyTorch's sentence when the result is read, where a matrix has none.
 */
export function inv(a: Tensor): Tensor {
  return inverseOf(a, "inv");
}

/** The same, without refusing singular matrices: `info` is 0, or the place of the first zero on U's diagonal. */
export function invEx(a: Tensor, options?: { checkErrors?: boolean }): { inverse: Tensor; info: Tensor } {
  const { checkErrors } = readOptions("invEx", options, invDefaults);
  const inverse = inverseOf(a, checkErrors ? "inv" : "nobody");
  return { inverse, info: infoOf(eliminated(a.detach(), true, "nobody").LU) };
}

/**
 * The solution X of A X = B, of X A = B with `left: false`, and of the same with A' with `adjoint`, where LU and pivots are
 * what {@link luFactor} gives of A. Batches broadcast.
 */
export function luSolve(LU: Tensor, pivots: Tensor, b: Tensor, options?: LuSolveOptions): Tensor {
  const { left, adjoint } = readOptions("luSolve", options, luSolveDefaults);
  return eliminatedSolution("luSolve", LU, pivots, b, left, adjoint);
}

/**
 * The pseudoinverses of matrices (Moore and Penrose): `[..., m, n]` gives `[..., n, m]`. Singular values of at most
 * max(atol, rtol * the largest) count as 0; tensors hold a bound for each matrix. The gradient is that of matrices which
 * keep their rank (Golub and Pereyra, 1973), so that equal singular values do no harm.
 */
export function pinv(a: Tensor, options?: PinvOptions): Tensor {
  const { rcond, ...given } = readOptions("pinv", options, pinvDefaults);
  return pseudoinverseOf("pinv", a, { ...given, rtol: given.rtol ?? rcond });
}

/** How many singular values are more than max(atol, rtol * the largest): int64, a number for each matrix. */
export function matrixRank(a: Tensor, options?: MatrixRankOptions): Tensor {
  const op = "matrixRank";
  const { tol, ...given } = readOptions(op, options, rankDefaults);
  const tolerances: Tolerances = { ...given, atol: given.atol ?? tol };
  checkMatrix(op, a);
  checkFloating(op, a);
  const x = a.detach();
  return counted(op, x, sizesOfMatrix(op, x, tolerances.hermitian), tolerances).sum(-1);
}
