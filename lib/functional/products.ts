import { makeError } from "../errors.js";
import { handleOf, type Tensor } from "../tensor.js";
import { crossAlong } from "./cross.js";
import { listed } from "./matrices.js";

/** The sum of products of two 1-D tensors of one length. */
export function dot(x: Tensor, other: Tensor): Tensor {
  return vectorProduct("dot", x, other);
}

/** The same as {@link dot}: nothing here is complex. */
export function vdot(x: Tensor, other: Tensor): Tensor {
  return vectorProduct("vdot", x, other);
}

function vectorProduct(op: string, x: Tensor, other: Tensor): Tensor {
  handleOf(other, op);
  const shapes = [x.shape, other.shape];
  if (shapes.some((shape) => shape.length !== 1))
    throw makeError(
      RangeError,
      `1D tensors expected, but got ${shapes[0]!.length}D and ${shapes[1]!.length}D tensors; ${op}: use matmul`,
      { code: "ERR_SHAPE", op, shapes },
    );
  return x.matmul(other);
}

/** The product of two matrices; nothing broadcasts. Both have one dtype. */
export function mm(x: Tensor, mat2: Tensor): Tensor {
  checkRank("mm", x, 2, "self must be a matrix");
  checkRank("mm", mat2, 2, "mat2 must be a matrix");
  return x.matmul(mat2);
}

/** The product of a matrix and a vector. Both have one dtype. */
export function mv(x: Tensor, vec: Tensor): Tensor {
  const sentence = `vector + matrix @ vector expected, got 1, ${rankOf("mv", x)}, ${rankOf("mv", vec)}`;
  checkRank("mv", x, 2, sentence);
  checkRank("mv", vec, 1, sentence);
  return x.matmul(vec);
}

/** The products of the matrices of two batches, `[b, n, k]` and `[b, k, m]`; nothing broadcasts. */
export function bmm(x: Tensor, mat2: Tensor): Tensor {
  checkRank("bmm", x, 3, "batch1 must be a 3D tensor");
  checkRank("bmm", mat2, 3, "batch2 must be a 3D tensor");
  const [batch, , inner] = x.shape as [number, number, number];
  const { shape } = mat2;
  if (shape[0] !== batch || shape[1] !== inner)
    throw makeError(
      RangeError,
      `Expected size for first two dimensions of batch2 tensor to be: [${batch}, ${inner}] but got: ` +
        `[${shape[0]}, ${shape[1]}].; bmm: the shapes are ${listed(x.shape)} and ${listed(shape)}`,
      { code: "ERR_SHAPE", op: "bmm", shapes: [x.shape, shape] },
    );
  return x.matmul(mat2);
}

/** The products of all pairs of elements of two vectors, a row for each element of the first. */
export function outer(x: Tensor, vec2: Tensor): Tensor {
  return pairs("outer", x, vec2);
}

/** The same as {@link outer}. */
export function ger(x: Tensor, vec2: Tensor): Tensor {
  return pairs("ger", x, vec2);
}

function pairs(op: string, x: Tensor, vec2: Tensor): Tensor {
  checkRank(op, x, 1, `${op}: Expected 1-D argument self, but got ${rankOf(op, x)}-D`);
  checkRank(op, vec2, 1, `${op}: Expected 1-D argument vec2, but got ${rankOf(op, vec2)}-D`);
  return x.reshape(-1, 1).mul(vec2);
}

/**
 * The sums of products along the last dimensions, which have one size: of shapes `[...a, k]` and `[...b, k]` the result has
 * the shape `[...a, ...b]`. A 0-d tensor is a factor.
 */
export function inner(x: Tensor, other: Tensor): Tensor {
  handleOf(other, "inner");
  const [a, b] = [x.shape, other.shape];
  if (a.length === 0 || b.length === 0) return x.mul(other);
  if (a.at(-1) !== b.at(-1))
    throw makeError(
      RangeError,
      `inner() the last dimension must match on both input tensors but got shapes ${listed(a)} and ${listed(b)}`,
      { code: "ERR_SHAPE", op: "inner", shapes: [a, b] },
    );
  const size = a.at(-1)!;
  const count = (shape: readonly number[]) => shape.slice(0, -1).reduce((product, one) => product * one, 1);
  return x
    .reshape(count(a), size)
    .matmul(other.reshape(count(b), size).T)
    .reshape([...a.slice(0, -1), ...b.slice(0, -1)]);
}

/**
 * Kronecker's product: every element of the first tensor times the whole second one, side by side, so that sizes multiply.
 * The tensor of fewer dimensions gets more of size 1 in front.
 */
export function kron(x: Tensor, other: Tensor): Tensor {
  handleOf(other, "kron");
  const rank = Math.max(x.shape.length, other.shape.length);
  const raised = (shape: readonly number[]) => [...Array<number>(rank - shape.length).fill(1), ...shape];
  const [a, b] = [raised(x.shape), raised(other.shape)];
  return x
    .reshape(a.flatMap((size) => [size, 1]))
    .mul(other.reshape(b.flatMap((size) => [1, size])))
    .reshape(a.map((size, i) => size * b[i]!));
}

/**
 * The cross product of vectors of three elements along `dim`, which is the first dimension of size 3 when left out; other
 * dimensions broadcast.
 */
export function cross(x: Tensor, other: Tensor, dim?: number | null): Tensor {
  handleOf(other, "cross");
  if (dim !== undefined && dim !== null) return crossAlong("cross", x, other, dim);
  const found = x.shape.findIndex((size) => size === 3);
  if (found < 0)
    throw makeError(RangeError, `no dimension of size 3 in input; cross: the shape is ${listed(x.shape)}`, {
      code: "ERR_SHAPE",
      op: "cross",
      shapes: [x.shape],
    });
  return crossAlong("cross", x, other, found);
}

function checkRank(op: string, x: Tensor, rank: number, sentence: string): void {
  if (rankOf(op, x) !== rank)
    throw makeError(RangeError, `${sentence}; ${op}: the shape is ${listed(x.shape)}`, {
      code: "ERR_SHAPE",
      op,
      shapes: [x.shape],
    });
}

function rankOf(op: string, x: Tensor): number {
  handleOf(x, op);
  return x.shape.length;
}
