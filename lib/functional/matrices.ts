import { arange, eye } from "../ranges.js";
import { isFloating, wordOf } from "../dtype.js";
import { makeError } from "../errors.js";
import { handleOf, type Tensor } from "../tensor.js";

// What functions of matrices share: checks, and small compositions. The matrices of a batch are its last two dimensions.

/** Refuses what is no matrix, in PyTorch's words. */
export function checkMatrix(op: string, x: Tensor, word = "A"): void {
  handleOf(x, op);
  const { shape } = x;
  if (shape.length < 2)
    throw makeError(
      RangeError,
      `linalg.${op}: The input tensor ${word} must have at least 2 dimensions.; it has shape [${shape.join(", ")}]`,
      { code: "ERR_SHAPE", op, shapes: [shape] },
    );
}

/** Refuses matrices that are not square, in PyTorch's words. */
export function checkSquare(op: string, x: Tensor, word = "A"): void {
  checkMatrix(op, x, word);
  const { shape } = x;
  const [rows, columns] = sizesOf(x);
  if (rows !== columns)
    throw makeError(
      RangeError,
      `linalg.${op}: ${word} must be batches of square matrices, but they are ${rows} by ${columns} matrices; ` +
        `the shape is [${shape.join(", ")}]`,
      { code: "ERR_SHAPE", op, shapes: [shape] },
    );
}

/** Refuses integers and bool, in PyTorch's words. */
export function checkFloating(op: string, x: Tensor): void {
  handleOf(x, op);
  if (!isFloating(x.dtype))
    throw makeError(
      TypeError,
      `linalg.${op}: Expected a floating point or complex tensor as input. Got ${wordOf(x.dtype)}; ` +
        `convert it with .to("float32")`,
      { code: "ERR_DTYPE", op },
    );
}

/** Refuses two dtypes where one is wanted. */
export function checkSameDtype(op: string, a: Tensor, b: Tensor): void {
  handleOf(b, op);
  if (a.dtype !== b.dtype)
    throw makeError(
      TypeError,
      `${op}: expected both tensors to have the same dtype, but got ${wordOf(a.dtype)} and ${wordOf(b.dtype)}; ` +
        "convert one with .to()",
      { code: "ERR_DTYPE", op },
    );
}

/** How many rows and columns the matrices have. */
export function sizesOf(x: Tensor): [rows: number, columns: number] {
  const { shape } = x;
  return [shape.at(-2)!, shape.at(-1)!];
}

/** Every matrix of a batch transposed. */
export function transposed(x: Tensor): Tensor {
  return x.transpose(-2, -1);
}

/** The elements of matrices on and below the diagonal at `offset`, and zeros. */
export function lower(x: Tensor, offset = 0): Tensor {
  const [rows, columns] = sizesOf(x);
  return distance(x, rows, columns).ge(-offset).where(x, 0);
}

/** The elements of matrices on and above the diagonal at `offset`, and zeros. */
export function upper(x: Tensor, offset = 0): Tensor {
  const [rows, columns] = sizesOf(x);
  return distance(x, rows, columns).le(-offset).where(x, 0);
}

/** How far below the diagonal each element lies. */
function distance(like: Tensor, rows: number, columns: number): Tensor {
  const places = (size: number) => arange(0, size, 1, { dtype: "int64", device: like.device });
  return places(rows).reshape(rows, 1).sub(places(columns));
}

/** The diagonals of matrices, as vectors in a last dimension; `offset` counts upwards. */
export function diagonals(x: Tensor, offset = 0): Tensor {
  const [rows, columns] = sizesOf(x);
  const first = offset >= 0 ? offset : -offset * columns;
  const length = Math.max(0, Math.min(rows + Math.min(offset, 0), columns - Math.max(offset, 0)));
  const batch = x.shape.slice(0, -2);
  const lines = x.reshape([...batch, rows * columns]);
  if (length === 0) return lines.narrow(-1, 0, 0);
  const step = columns + 1;
  return lines.at("...", `${first}:${first + (length - 1) * step + 1}:${step}`);
}

/** Identity matrices that are as many as the others of a batch, of some size. */
export function identities(
  like: Tensor,
  size: number,
  batch: readonly number[] = like.shape.slice(0, -2),
): Tensor {
  return eye(size, { dtype: like.dtype, device: like.device }).expand([...batch, size, size]);
}

/** Sizes as PyTorch's messages list them. */
export function listed(shape: readonly number[]): string {
  return `[${shape.join(", ")}]`;
}
