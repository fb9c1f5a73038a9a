import { makeError } from "../errors.js";
import { exchanges, trianglesOf } from "../functional/elimination.js";
import type { OrthogonalFactors } from "../functional/factors.js";
import { checkFloating, checkMatrix, diagonals, sizesOf } from "../functional/matrices.js";
import { eliminated, firstOf, infoOf, orderOf, type Eliminated } from "../functional/solutions.js";
import { describe, readOptions } from "../options.js";
import { recordRoutine, type Tensor } from "../tensor.js";

export { cholesky } from "../functional/factors.js";
export type { CholeskyOptions, OrthogonalFactors } from "../functional/factors.js";
export type { Eliminated } from "../functional/solutions.js";

/** Options of {@link choleskyEx}. */
export interface CholeskyExOptions {
  /** Give the upper triangle U with U' U = A, and read the upper triangle of A. */
  upper?: boolean;
  /** Refuse what {@link cholesky} refuses. */
  checkErrors?: boolean;
}

/** Options of {@link lu} and {@link luFactor}. */
export interface EliminationOptions {
  /** Exchange rows, so that no factor is larger than 1; without it a zero on the way gives infinities. */
  pivot?: boolean;
}

/** Options of {@link luFactorEx}. */
export interface LuFactorExOptions extends EliminationOptions {
  /** Refuse what {@link luFactor} refuses. */
  checkErrors?: boolean;
}

/** Options of {@link qr}. */
export interface LinalgQrOptions {
  /** `"reduced"` when left out, `"complete"` for a square Q, `"r"` for R alone. */
  mode?: "reduced" | "complete" | "r";
}

/** Options of {@link svd}. */
export interface LinalgSvdOptions {
  /** Square matrices of vectors, as when left out; otherwise as many vectors as there are singular values. */
  fullMatrices?: boolean;
  /** PyTorch's name of a routine on GPUs; here there is one. */
  driver?: null;
}

/** Options of {@link eigh} and {@link eigvalsh}. */
export interface EighOptions {
  /** The triangle that is read: the lower one when left out. */
  UPLO?: "L" | "U" | "l" | "u";
}

/** Eigenvalues in ascending order, and the eigenvectors as columns. */
export interface Eigenvalues {
  eigenvalues: Tensor;
  eigenvectors: Tensor;
}

/** Singular values in descending order, and the vectors as columns of U and rows of Vh. */
export interface SingularValues {
  U: Tensor;
  S: Tensor;
  Vh: Tensor;
}

const choleskyDefaults: Readonly<Required<CholeskyExOptions>> = Object.freeze({
  upper: false,
  checkErrors: false,
});
const pivotDefaults: Readonly<Required<EliminationOptions>> = Object.freeze({ pivot: true });
const luDefaults: Readonly<Required<LuFactorExOptions>> = Object.freeze({ pivot: true, checkErrors: false });
const qrDefaults: Readonly<Required<LinalgQrOptions>> = Object.freeze({ mode: "reduced" });
const svdDefaults: Readonly<Required<LinalgSvdOptions>> = Object.freeze({ fullMatrices: true, driver: null });
const driverDefaults: Readonly<{ driver: null }> = Object.freeze({ driver: null });
const eighDefaults: Readonly<Required<EighOptions>> = Object.freeze({ UPLO: "L" });

/**
 * The same as {@link cholesky}, without refusing matrices that are not positive definite: `info` is 0, or the order of the
 * leading minor that is not, and L is NaN from that row on.
 */
export function choleskyEx(a: Tensor, options?: CholeskyExOptions): { L: Tensor; info: Tensor } {
  const { upper, checkErrors } = readOptions("choleskyEx", options, choleskyDefaults);
  const L = recordRoutine("cholesky", [a], Number(upper), Number(checkErrors))[0]!;
  return { L, info: firstOf(diagonals(L.detach()).isnan()) };
}

/**
 * Elimination with exchanges of rows: P L U = A, for a permutation P, a lower triangle L with ones on its diagonal and an
 * upper triangle U. A has the shape `[..., m, n]` and is float32 or float64. The gradients are those of L and U (Axen,
 * 2021), and not finite where the first min(m, n) rows or columns are singular.
 */
export function lu(a: Tensor, options?: EliminationOptions): { P: Tensor; L: Tensor; U: Tensor } {
  const { pivot } = readOptions("lu", options, pivotDefaults);
  const { LU, pivots } = eliminated(a, pivot, "nobody");
  return { P: exchanges(LU, orderOf(pivots, sizesOf(LU)[0])), ...trianglesOf(LU) };
}

/**
 * The elimination of matrices in one matrix: L without its diagonal, and U. `pivots` are int32: row i was exchanged with
 * row pivots[i], counted from 1.
 *
 * @throws Error (`ERR_LINALG`) when a result is read, for singular matrices.
 */
export function luFactor(a: Tensor, options?: EliminationOptions): Eliminated {
  const { pivot } = readOptions("luFactor", options, pivotDefaults);
  return eliminated(a, pivot, "luFactor");
}

/** The same, without refusing singular matrices: `info` is 0, or the place (from 1 on) of the first zero on U's diagonal. */
export function luFactorEx(a: Tensor, options?: LuFactorExOptions): Eliminated & { info: Tensor } {
  const { pivot, checkErrors } = readOptions("luFactorEx", options, luDefaults);
  const { LU, pivots } = eliminated(a, pivot, checkErrors ? "luFactor" : "nobody");
  return { LU, pivots, info: infoOf(LU) };
}

/**
 * Q R = A, of which Q has orthogonal columns and R is an upper triangle: `[..., m, n]` gives `[..., m, k]` and `[..., k, n]`
 * with k = min(m, n), or k = m for the mode `"complete"`. The mode `"r"` gives an empty Q, and has no gradient, as in
 * PyTorch. Computed on the CPU, by reflections, in double precision; signs are as LAPACK chooses them.
 *
 * Gradients need k = m or n <= m, and the first k columns to be independent.
 */
export function qr(a: Tensor, options?: LinalgQrOptions): OrthogonalFactors {
  const { mode } = readOptions("qr", options, qrDefaults);
  if (!["reduced", "complete", "r"].includes(mode))
    throw makeError(
      RangeError,
      `qr received unrecognized mode '${mode}' but expected one of 'reduced' (default), 'r', or 'complete'`,
      { code: "ERR_OPTION", op: "qr" },
    );
  checkMatrix("qr", a);
  const [Q, R] = recordRoutine("qr", [mode === "r" ? a.detach() : a], Number(mode === "complete"));
  return { Q: mode === "r" ? Q!.reshape(-1).narrow(0, 0, 0) : Q!, R: R! };
}

/**
 * Singular values and vectors: U diag(S) Vh = A, float32 or float64. Computed on the CPU in double precision; with at most
 * 24 rows or columns by Jacobi's rotations, so that small singular values are as precise as large ones. Vectors are free up
 * to a common sign; gradients through them need distinct values, and need values other than 0 where A is not square
 * (Townsend, 2016).
 *
 * @throws Error (`ERR_LINALG`) when a result is read, where an element is not finite.
 */
export function svd(a: Tensor, options?: LinalgSvdOptions): SingularValues {
  const { fullMatrices, driver } = readOptions("svd", options, svdDefaults);
  refuseDriver("svd", driver);
  const [U, S, Vh] = recordRoutine("svd", [a], Number(fullMatrices)) as [Tensor, Tensor, Tensor];
  return { U, S, Vh };
}

/** The singular values of {@link svd} alone; their gradients are defined for equal values, too. */
export function svdvals(a: Tensor, options?: { driver?: null }): Tensor {
  const { driver } = readOptions("svdvals", options, driverDefaults);
  refuseDriver("svdvals", driver);
  return recordRoutine("svd", [a], 0)[1]!;
}

function refuseDriver(op: string, driver: unknown): void {
  if (driver !== null)
    throw makeError(
      TypeError,
      `linalg.${op}: keyword argument \`driver=\` is only supported on CUDA inputs with cuSOLVER backend.; ` +
        `${op}: leave it out, got ${describe(driver)}`,
      { code: "ERR_OPTION", op },
    );
}

/**
 * The eigenvalues of symmetric matrices in ascending order, and their eigenvectors as columns, float32 or float64; one
 * triangle is read. Computed on the CPU, in double precision. Vectors are free up to their signs, and gradients through them
 * need distinct values. The gradient is symmetric, as if the matrix could only change so.
 *
 * @throws Error (`ERR_LINALG`) when a result is read, where an element is not finite.
 */
export function eigh(a: Tensor, options?: EighOptions): Eigenvalues {
  return eigenvaluesOf("eigh", a, options);
}

/** The eigenvalues of {@link eigh} alone; their gradients are defined for equal values, too. */
export function eigvalsh(a: Tensor, options?: EighOptions): Tensor {
  return eigenvaluesOf("eigvalsh", a, options).eigenvalues;
}

function eigenvaluesOf(op: string, a: Tensor, options: EighOptions | undefined): Eigenvalues {
  const { UPLO } = readOptions(op, options, eighDefaults);
  const letter: unknown = typeof UPLO === "string" ? UPLO.toUpperCase() : UPLO;
  if (letter !== "L" && letter !== "U")
    throw makeError(
      RangeError,
      `Expected UPLO argument to be 'L' or 'U', but got ${describe(UPLO)}; ${op}: it is the triangle that is read`,
      { code: "ERR_OPTION", op },
    );
  checkMatrix(op, a);
  checkFloating(op, a);
  const [eigenvalues, eigenvectors] = recordRoutine("eigh", [a], Number(letter === "U")) as [Tensor, Tensor];
  return { eigenvalues, eigenvectors };
}
