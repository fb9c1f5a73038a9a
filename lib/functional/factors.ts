import { zeros } from "../creation.js";
import { makeError } from "../errors.js";
import { readOptions } from "../options.js";
import { handleOf, recordRoutine, type Tensor } from "../tensor.js";
import { named } from "./history.js";
import {
  checkFloating,
  checkMatrix,
  checkSameDtype,
  checkSquare,
  identities,
  listed,
  sizesOf,
  transposed,
} from "./matrices.js";
import { pseudoinverseOf } from "./pseudoinverse.js";
import { eliminated, infoOf } from "./solutions.js";
import { eliminatedSolution } from "./elimination.js";

// Factors of matrices, and equations that are solved with them, as torch has them; linalg has newer names for most.

/** Options of {@link cholesky}, {@link choleskyInverse} and {@link choleskySolve}. */
export interface CholeskyOptions {
  /** The factor is the upper triangle U with U' U = A, of which the upper triangle is read. */
  upper?: boolean;
}

/** Options of {@link triangularSolve}. */
export interface TriangularSolveOptions {
  /** Which triangle of A is read: the upper one when left out. */
  upper?: boolean;
  /** Solve A' X = b. */
  transpose?: boolean;
  /** Take the diagonal of A as ones, without reading it. */
  unitriangular?: boolean;
}

/** The result of {@link triangularSolve}. */
export interface TriangularSolution {
  solution: Tensor;
  /** A, as a value of its own. */
  clonedCoefficient: Tensor;
}

/** Options of the method `lu`. */
export interface LuOptions {
  /** Exchange rows, so that all factors are small. */
  pivot?: boolean;
  /** Also give what `linalg.luFactorEx` calls `info`, instead of refusing singular matrices. */
  getInfos?: boolean;
}

/** Options of the method `qr`. */
export interface QrOptions {
  /** As many columns of Q as A has, or rows where those are fewer; otherwise a square Q. */
  some?: boolean;
}

/** Orthogonal columns, and an upper triangle. */
export interface OrthogonalFactors {
  Q: Tensor;
  R: Tensor;
}

/** Options of the method `svd`. */
export interface SvdOptions {
  /** As many vectors as there are singular values; otherwise square matrices of them. */
  some?: boolean;
  /** Without it U and V are zeros. */
  computeUv?: boolean;
}

/** Options of {@link pinverse}. */
export interface PinverseOptions {
  /** Singular values of at most this share of the largest one count as 0. */
  rcond?: number | Tensor;
}

const choleskyDefaults: Readonly<Required<CholeskyOptions>> = Object.freeze({ upper: false });
const triangularDefaults: Readonly<Required<TriangularSolveOptions>> = Object.freeze({
  upper: true,
  transpose: false,
  unitriangular: false,
});
const luDefaults: Readonly<Required<LuOptions>> = Object.freeze({ pivot: true, getInfos: false });
const qrDefaults: Readonly<Required<QrOptions>> = Object.freeze({ some: true });
const svdDefaults: Readonly<Required<SvdOptions>> = Object.freeze({ some: true, computeUv: true });
const pinverseDefaults: Readonly<Required<PinverseOptions>> = Object.freeze({ rcond: 1e-15 });

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
export function cholesky(x: Tensor, options?: CholeskyOptions): Tensor {
  const { upper } = readOptions("cholesky", options, choleskyDefaults);
  return recordRoutine("cholesky", [x], Number(upper), 1)[0]!;
}

/**
 * The inverses of L L', or of U' U with `upper`, of which the factors are given. Only their triangles are read, but the
 * gradient is PyTorch's, as if the other elements were there.
 */
export function choleskyInverse(x: Tensor, options?: CholeskyOptions): Tensor {
  const op = "choleskyInverse";
  const { upper } = readOptions(op, options, choleskyDefaults);
  checkSquare(op, x);
  checkFloating(op, x);
  return named(choleskySolution(identities(x, sizesOf(x)[0]), x, upper), "CholeskyInverse");
}

/**
 * The solution X of L L' X = B, or of U' U X = B with `upper`; B has the shape `[..., n, k]`, and batches broadcast. Only
 * triangles are read, but the gradient is PyTorch's, as if the other elements were there.
 */
export function choleskySolve(x: Tensor, input2: Tensor, options?: CholeskyOptions): Tensor {
  const op = "choleskySolve";
  const { upper } = readOptions(op, options, choleskyDefaults);
  checkMatrix(op, x, "b");
  checkSquare(op, input2);
  checkSameDtype(op, x, input2);
  checkRows(op, input2, x);
  return choleskySolution(x, input2, upper);
}

function choleskySolution(right: Tensor, factor: Tensor, upper: boolean): Tensor {
  return recordRoutine("choleskySolve", [right, factor], Number(upper))[0]!;
}

function checkRows(op: string, a: Tensor, b: Tensor): void {
  const [x, y] = [a.shape, b.shape];
  if (x.at(-1) !== y.at(-2))
    throw makeError(
      RangeError,
      `Incompatible matrix sizes for ${op}: each A matrix is ${x.at(-1)} by ${x.at(-1)} but each b matrix is ` +
        `${y.at(-2)} by ${y.at(-1)}; the shapes are ${listed(x)} and ${listed(y)}`,
      { code: "ERR_SHAPE", op, shapes: [x, y] },
    );
}

/** The solution X of A X = b for a triangular A; `linalg.solveTriangular(A, b)` is the newer name. Batches broadcast. */
export function triangularSolve(x: Tensor, A: Tensor, options?: TriangularSolveOptions): TriangularSolution {
  const op = "triangularSolve";
  const { upper, transpose, unitriangular } = readOptions(op, options, triangularDefaults);
  checkMatrix(op, x, "b");
  checkSquare(op, A);
  checkSameDtype(op, x, A);
  checkRows(op, A, x);
  const matrix = transpose ? transposed(A) : A;
  const isUpper = upper !== transpose;
  const solution = recordRoutine(
    "solveTriangular",
    [matrix, x],
    Number(isUpper),
    1,
    Number(unitriangular),
  )[0]!;
  const batch = solution.shape.slice(0, -2);
  return {
    solution: named(solution, "TriangularSolve"),
    clonedCoefficient: A.expand([...batch, ...A.shape.slice(-2)]).clone(),
  };
}

/**
 * The elimination of matrices, in one matrix, and the int32 rows (from 1 on) that rows were exchanged with; with
 * `getInfos`, thirdly, what `linalg.luFactorEx` calls `info`.
 *
 * @throws Error (`ERR_LINALG`) when a result is read, for singular matrices, unless `getInfos`.
 */
export function lu(x: Tensor, options?: LuOptions): Tensor[] {
  const { pivot, getInfos } = readOptions("lu", options, luDefaults);
  const { LU, pivots } = eliminated(x, pivot, getInfos ? "nobody" : "luFactor");
  return getInfos ? [LU, pivots, infoOf(LU)] : [LU, pivots];
}

/** The solution X of A X = b, where LU and pivots are the elimination of A; batches broadcast. */
export function luSolve(x: Tensor, LU: Tensor, pivots: Tensor): Tensor {
  return eliminatedSolution("luSolve", LU, pivots, x, true, false);
}

/** Q R = A, of which Q has orthogonal columns and R is an upper triangle: see `linalg.qr`. */
export function qr(x: Tensor, options?: QrOptions): OrthogonalFactors {
  const { some } = readOptions("qr", options, qrDefaults);
  const [Q, R] = recordRoutine("qr", [x], Number(!some));
  return { Q: Q!, R: R! };
}

/** U diag(S) V' = A: see `linalg.svd`, which gives V' instead of V. */
export function svd(x: Tensor, options?: SvdOptions): { U: Tensor; S: Tensor; V: Tensor } {
  const { some, computeUv } = readOptions("svd", options, svdDefaults);
  const [U, S, Vh] = recordRoutine("svd", [x], Number(!some && computeUv)) as [Tensor, Tensor, Tensor];
  if (computeUv) return { U, S, V: transposed(Vh) };
  const [rows, columns] = sizesOf(x);
  const batch = x.shape.slice(0, -2);
  const none = (size: number) => zeros([...batch, size, size], { dtype: x.dtype, device: x.device });
  return { U: none(rows), S, V: none(columns) };
}

/** The pseudoinverses of matrices: see `linalg.pinv`. */
export function pinverse(x: Tensor, options?: PinverseOptions): Tensor {
  const { rcond } = readOptions("pinverse", options, pinverseDefaults);
  handleOf(x, "pinverse");
  return pseudoinverseOf("pinverse", x, { atol: null, rtol: rcond, hermitian: false });
}
