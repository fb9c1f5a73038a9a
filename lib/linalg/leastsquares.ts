import { makeError } from "../errors.js";
import { checkFloating, checkSameDtype, listed, sizesOf } from "../functional/matrices.js";
import { counted, pseudoinverseOf } from "../functional/pseudoinverse.js";
import { isVectorFor } from "../functional/solutions.js";
import { describe, readOptions } from "../options.js";
import { handleOf, recordRoutine, type Tensor } from "../tensor.js";
import { wholeBatch } from "../functional/batches.js";

/** Options of {@link lstsq}. */
export interface LstsqOptions {
  /** Singular values of at most this share of the largest one count as 0; not for the driver `"gels"`. */
  rcond?: number | null;
  /** LAPACK's name of the method, which says what else is given: `"gelsy"` when left out. */
  driver?: "gels" | "gelsy" | "gelsd" | "gelss" | null;
}

/** The result of {@link lstsq}; what there is not is empty. */
export interface LeastSquares {
  /** The X that makes A X - B smallest, and of several the smallest one. */
  solution: Tensor;
  /** The sums of squares of A X - B, for more rows than columns and full rank. */
  residuals: Tensor;
  /** Of each matrix, unless the driver is `"gels"`. */
  rank: Tensor;
  /** Of A, for the drivers `"gelsd"` and `"gelss"`. */
  singularValues: Tensor;
}

const lstsqDefaults: Readonly<Required<LstsqOptions>> = Object.freeze({ rcond: null, driver: null });

/**
 * Least squares: the X for which the sum of squares of A X - B is smallest, of shapes `[..., m, n]` and `[..., m, k]`; a B
 * of one dimension less holds vectors. It is the pseudoinverse of A times B, whichever driver is named, and gradients are
 * those. Computed on the CPU in double precision, by Q R where A has full rank beyond doubt, and otherwise, or with `rcond`,
 * by singular values.
 */
export function lstsq(a: Tensor, b: Tensor, options?: LstsqOptions): LeastSquares {
  const op = "lstsq";
  const { rcond, driver: named } = readOptions(op, options, lstsqDefaults);
  const driver = named ?? "gelsy";
  handleOf(a, op);
  handleOf(b, op);
  if (!["gels", "gelsy", "gelsd", "gelss"].includes(driver))
    throw makeError(
      RangeError,
      `torch.linalg.lstsq: parameter \`driver\` should be one of (gels, gelsy, gelsd, gelss), got ${describe(driver)}`,
      { code: "ERR_OPTION", op },
    );
  if (a.shape.length < 2)
    throw makeError(
      RangeError,
      `torch.linalg.lstsq: input must have at least 2 dimensions.; lstsq: the shape is ${listed(a.shape)}`,
      { code: "ERR_SHAPE", op, shapes: [a.shape] },
    );
  checkFloating(op, a);
  checkSameDtype(op, a, b);
  const isVector = isVectorFor(a, b);
  const right = isVector ? b.unsqueeze(-1) : b;
  const [rows, columns] = sizesOf(a);
  if (right.shape.length < 2 || right.shape.at(-2) !== rows)
    throw makeError(
      RangeError,
      `torch.linalg.lstsq: input.size(-2) should match other.size(-${isVector ? 1 : 2}); lstsq: the shapes are ` +
        `${listed(a.shape)} and ${listed(b.shape)}`,
      { code: "ERR_SHAPE", op, shapes: [a.shape, b.shape] },
    );
  const tolerances = { atol: null, rtol: driver === "gels" ? 0 : rcond, hermitian: false };
  // A bound of one's own is one on singular values.
  const solution =
    rcond !== null && driver !== "gels"
      ? pseudoinverseOf(op, a, tolerances).matmul(right)
      : recordRoutine("lstsq", [a, right], Number(driver !== "gels"))[0]!;
  const plain = a.detach();
  const none = (like: Tensor) => like.reshape(-1).narrow(0, 0, 0);
  const values = recordRoutine("svd", [plain], 0)[1]!;
  const rank = counted(op, plain, values, tolerances).sum(-1);
  const residual = right.sub(a.matmul(solution));
  const isKnown = rows > columns && (driver === "gels" || isFull(driver, rank, columns));
  return {
    solution: isVector ? solution.squeeze(-1) : solution,
    residuals: isKnown ? residual.square().sum(-2) : none(solution.detach()),
    rank: driver === "gels" ? none(rank) : rank,
    singularValues: driver === "gelsd" || driver === "gelss" ? values : none(values),
  };
}

/** Whether all matrices have full rank, which a result's shape depends on. */
function isFull(driver: string, rank: Tensor, columns: number): boolean {
  return driver !== "gelsy" && wholeBatch(rank.eq(columns)).all().item<boolean>();
}
