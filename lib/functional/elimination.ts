import { arange } from "../ranges.js";
import { makeError } from "../errors.js";
import { handleOf, recordRoutine, type Tensor } from "../tensor.js";
import { named } from "./history.js";
import {
  checkMatrix,
  checkSameDtype,
  checkSquare,
  identities,
  listed,
  lower,
  sizesOf,
  transposed,
  upper,
} from "./matrices.js";
import { orderOf, rowsInOrder } from "./solutions.js";

/** Solves equations whose matrices are eliminated already, for the op of a name: A X = B, or with A', or X on the left. */
export function eliminatedSolution(
  op: string,
  LU: Tensor,
  pivots: Tensor,
  b: Tensor,
  left: boolean,
  adjoint: boolean,
): Tensor {
  checkSquare(op, LU, "LU");
  checkMatrix(op, b, "B");
  checkSameDtype(op, LU, b);
  checkPivots(op, LU, pivots);
  const [size] = sizesOf(LU);
  const [x, y] = [LU.shape, b.shape];
  if (y.at(left ? -2 : -1) !== size)
    throw makeError(
      RangeError,
      `linalg.${op}: Incompatible shapes of A and B for the equation ${left ? "AX = B" : "XA = B"} ` +
        `(${size}x${size} and ${y.at(-2)}x${y.at(-1)}); the shapes are ${listed(x)} and ${listed(y)}`,
      { code: "ERR_SHAPE", op, shapes: [x, y] },
    );
  const right = left ? b : transposed(b);
  const isTransposed = adjoint === left;
  const order = orderOf(pivots, size);
  const triangles = (matrix: Tensor, of: Tensor, isUpper: boolean, isUnit: boolean) =>
    recordRoutine("solveTriangular", [matrix, of], Number(isUpper), 1, Number(isUnit))[0]!;
  let result: Tensor;
  if (isTransposed) {
    const half = triangles(transposed(LU), right, false, false);
    result = permuted(triangles(transposed(LU), half, true, true), order.argsort(-1));
  } else {
    const batch = batchOf(LU, right);
    const wide = right.expand([...batch, ...right.shape.slice(-2)]);
    result = triangles(LU, triangles(LU, permuted(wide, order), false, true), true, false);
  }
  return named(left ? result : transposed(result), "LinalgLuSolve");
}

function permuted(matrices: Tensor, order: Tensor): Tensor {
  const batch = matrices.shape.slice(0, -2);
  return rowsInOrder(matrices, order.expand([...batch, order.shape.at(-1)!]));
}

function batchOf(a: Tensor, b: Tensor): number[] {
  const [x, y] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
  const rank = Math.max(x.length, y.length);
  return Array.from({ length: rank }, (_, i) => {
    const [one, other] = [x[i - rank + x.length] ?? 1, y[i - rank + y.length] ?? 1];
    return one === 1 ? other : one;
  });
}

/** Refuses pivots that are not those of such an elimination. */
export function checkPivots(op: string, LU: Tensor, pivots: Tensor): void {
  handleOf(pivots, op);
  const { shape } = pivots;
  const wanted = [...LU.shape.slice(0, -2), Math.min(...sizesOf(LU))];
  if (shape.length !== wanted.length || shape.some((size, i) => size !== wanted[i]))
    throw makeError(
      RangeError,
      `${op}: Expected LU_pivots to have the same shape as LU_data without its rows; the shapes are ${listed(LU.shape)} ` +
        `and ${listed(shape)}`,
      { code: "ERR_SHAPE", op, shapes: [LU.shape, shape] },
    );
  if (pivots.dtype !== "int32")
    throw makeError(
      TypeError,
      `torch.${op}: pivots should be a Tensor of scalar type torch.int32; they are ${pivots.dtype}`,
      { code: "ERR_DTYPE", op },
    );
}

/** The matrices P with P L U = A, of the order of rows in L U. */
export function exchanges(LU: Tensor, order: Tensor): Tensor {
  const [rows] = sizesOf(LU);
  const places = arange(0, rows, 1, { dtype: "int64", device: LU.device }).reshape(rows, 1);
  return places.eq(order.unsqueeze(-2)).to(LU.dtype);
}

/** L, with ones on its diagonal, and U, of both in one matrix. */
export function trianglesOf(LU: Tensor): { L: Tensor; U: Tensor } {
  const [rows, columns] = sizesOf(LU);
  const size = Math.min(rows, columns);
  const left = LU.narrow(-1, 0, size);
  const top = LU.narrow(-2, 0, size);
  const ones = rows === size ? identities(left, size) : identities(left, size).pad([0, 0, 0, rows - size]);
  return { L: lower(left, -1).add(ones), U: upper(top) };
}
