import { arange } from "../ranges.js";
import { makeError } from "../errors.js";
import { recordRoutine, type Tensor } from "../tensor.js";
import { named } from "./history.js";
import {
  checkFloating,
  checkSameDtype,
  checkSquare,
  diagonals,
  listed,
  sizesOf,
  transposed,
} from "./matrices.js";

// Elimination, and equations that are solved by it, for methods and for linalg.

/** Who refuses a singular matrix, when the result is read: see `enum class Caller` in native/ops/op.h. */
export type Caller = "nobody" | "solve" | "inv" | "luFactor";
const callers: readonly Caller[] = ["nobody", "solve", "inv", "luFactor"];

/** L without its diagonal, and U, in one matrix, and the rows (from 1 on) that each row was exchanged with. */
export interface Eliminated {
  LU: Tensor;
  pivots: Tensor;
}

/** The elimination of matrices, for the op of a name. */
export function eliminated(x: Tensor, pivot: boolean, caller: Caller): Eliminated {
  const [LU, pivots] = recordRoutine("lu", [x], Number(pivot), callers.indexOf(caller));
  return { LU: LU!, pivots: pivots! };
}

/** Of each matrix, 0, or the place (from 1 on) of the first zero on U's diagonal; int32. */
export function infoOf(LU: Tensor): Tensor {
  return firstOf(diagonals(LU.detach()).eq(0));
}

/** Of bool vectors, the place (from 1 on) of the first true element, or 0; int32. */
export function firstOf(found: Tensor): Tensor {
  const size = found.shape.at(-1)!;
  if (size === 0) return found.any(-1).to("int32");
  const places = arange(1, size + 1, 1, { dtype: "int64", device: found.device });
  const first = found.where(places, size + 1).amin(-1);
  return first.le(size).where(first, 0).to("int32");
}

/** Row i of the result is row order[i] of the matrices. */
export function rowsInOrder(matrices: Tensor, order: Tensor): Tensor {
  const columns = sizesOf(matrices)[1];
  return matrices.gather(-2, order.unsqueeze(-1).expand([...order.shape, columns]));
}

/** The order in which exchanges put rows. */
export function orderOf(pivots: Tensor, rows: number): Tensor {
  return recordRoutine("permutation", [pivots], rows)[0]!;
}

/** The inverses of square matrices; where there are none, `caller` says so, or they are not finite. */
export function inverseOf(x: Tensor, caller: Caller): Tensor {
  return recordRoutine("inverse", [x], callers.indexOf(caller))[0]!;
}

/** Whether a right side is a vector for each matrix rather than a matrix. */
export function isVectorFor(a: Tensor, b: Tensor): boolean {
  const [x, y] = [a.shape, b.shape];
  return y.length === 1 || (x.length - 1 === y.length && y.every((size, i) => size === x[i]));
}

/** The solution X of A X = B, or of X A = B. */
export function solutionOf(op: string, a: Tensor, b: Tensor, left: boolean, caller: Caller): Tensor {
  checkSquare(op, a);
  checkFloating(op, a);
  checkSameDtype(op, a, b);
  const isVector = isVectorFor(a, b);
  if (isVector && !left)
    throw makeError(
      RangeError,
      "linalg.solve: Vector broadcasting of the left hand side is not supported for left=False. In this case " +
        `linalg.solve is equivalent to B / A.squeeze(-1); ${op}: the shapes are ${listed(a.shape)} and ${listed(b.shape)}`,
      { code: "ERR_SHAPE", op, shapes: [a.shape, b.shape] },
    );
  const number = callers.indexOf(caller);
  if (!left) return transposed(recordRoutine("solve", [transposed(a), transposed(b)], number)[0]!);
  if (!isVector) return recordRoutine("solve", [a, b], number)[0]!;
  return named(recordRoutine("solve", [a, b.unsqueeze(-1)], number)[0]!.squeeze(-1), "LinalgSolveEx");
}

/** The sign and the logarithm of the size of determinants; the gradient of the latter is the transposed inverse. */
export function signAndLog(x: Tensor): { sign: Tensor; logabsdet: Tensor } {
  const { LU, pivots } = eliminated(x, true, "nobody");
  const diagonal = diagonals(LU);
  const size = diagonal.shape.at(-1)!;
  const values = diagonal.detach();
  const places = arange(1, size + 1, 1, { dtype: "int32", device: x.device });
  const turns = values.lt(0).ne(pivots.ne(places)).sum(-1);
  const isOdd = turns.sub(turns.div(2).floor().to("int64").mul(2)).eq(1);
  const isZero = values.eq(0).any(-1);
  const isUnknown = values.isnan().any(-1);
  // PyTorch's sign has a history, with a gradient of 0.
  const logabsdet = named(diagonal.abs().log().sum(-1), "LinalgSlogdet");
  const none = logabsdet.sign().mul(0);
  const plain = isUnknown.where(NaN, isZero.where(0, isOdd.where(-1, 1))).to(x.dtype);
  return { sign: named(plain.add(none), "LinalgSlogdet"), logabsdet };
}
