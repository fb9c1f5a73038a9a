import { zeros } from "./creation.js";
import { makeError } from "./errors.js";
import { native } from "./native.js";
import { create, handleOf, isTensor, type Tensor } from "./tensor.js";

// Tensors made of a list of tensors.

/** The list, if it is one of tensors, with something in it. */
export function tensorsOf(op: string, tensors: readonly Tensor[], least = 1): readonly Tensor[] {
  if (!Array.isArray(tensors))
    throw makeError(TypeError, `${op}: expected an array of Tensors`, { code: "ERR_ARGUMENT", op });
  for (const one of tensors) handleOf(one, op);
  if (tensors.length < least)
    throw makeError(RangeError, `${op} expects a non-empty TensorList`, { code: "ERR_VALUE", op });
  return tensors as readonly Tensor[];
}

function shapeError(op: string, message: string, ...shapes: number[][]): RangeError {
  return makeError(RangeError, `${message}; ${op}`, { code: "ERR_SHAPE", op, shapes });
}

const handlesOf = (op: string, tensors: readonly Tensor[]) => tensors.map((tensor) => handleOf(tensor, op));

/**
 * Joins tensors along an existing dimension. As in PyTorch, 1-d tensors of no elements fit everywhere.
 *
 * @throws RangeError (`ERR_SHAPE`) where other dimensions differ, (`ERR_VALUE`) for an empty list.
 */
export function cat(tensors: readonly Tensor[], dim = 0): Tensor {
  tensorsOf("cat", tensors, 0);
  const isNothing = tensors.map(({ shape }) => shape.length === 1 && shape[0] === 0);
  const joined = tensors.filter((_, i) => !isNothing[i]);
  const isLegacy = joined.length < tensors.length && joined.some(({ shape }) => shape.length !== 1);
  const parts = isLegacy ? joined : tensors;
  const { length: rank } = parts[0]?.shape ?? [];
  for (const { shape } of parts)
    if (rank > 0 && shape.length !== rank)
      throw shapeError(
        "cat",
        `Tensors must have same number of dimensions: got ${rank} and ${shape.length}`,
        parts[0]!.shape,
        shape,
      );
  const whole = create((out) => native.cat(out, handlesOf("cat", parts), dim));
  if (!isLegacy) return whole;
  // Those of no elements count for the dtype.
  const nothing = tensors.map((tensor) => tensor.detach().reshape(-1).narrow(0, 0, 0));
  return whole.to(create((out) => native.cat(out, handlesOf("cat", nothing), 0)).dtype);
}

/** The same as {@link cat}. */
export function concat(tensors: readonly Tensor[], dim = 0): Tensor {
  return cat(tensors, dim);
}

/** The same as {@link cat}. */
export function concatenate(tensors: readonly Tensor[], dim = 0): Tensor {
  return cat(tensors, dim);
}

/** Joins tensors of one shape along a new dimension. */
export function stack(tensors: readonly Tensor[], dim = 0): Tensor {
  const handles = handlesOf("stack", tensorsOf("stack", tensors, 0));
  return create((out) => native.stack(out, handles, dim));
}

/** A tensor, or each of a list, with at least one dimension: a 0-d tensor becomes a vector. */
export function atleast1d(tensors: Tensor): Tensor;
export function atleast1d(tensors: readonly Tensor[]): Tensor[];
export function atleast1d(tensors: Tensor | readonly Tensor[]): Tensor | Tensor[] {
  return each("atleast1d", tensors, (x) => (x.shape.length === 0 ? x.reshape(1) : x));
}

/** A tensor, or each of a list, with at least two dimensions: a vector becomes a row. */
export function atleast2d(tensors: Tensor): Tensor;
export function atleast2d(tensors: readonly Tensor[]): Tensor[];
export function atleast2d(tensors: Tensor | readonly Tensor[]): Tensor | Tensor[] {
  return each("atleast2d", tensors, (x) => (x.shape.length < 2 ? x.reshape(1, x.numel()) : x));
}

/** A tensor, or each of a list, with at least three dimensions: a vector becomes 1 x n x 1, a matrix m x n x 1. */
export function atleast3d(tensors: Tensor): Tensor;
export function atleast3d(tensors: readonly Tensor[]): Tensor[];
export function atleast3d(tensors: Tensor | readonly Tensor[]): Tensor | Tensor[] {
  return each("atleast3d", tensors, (x) =>
    x.shape.length < 2 ? x.reshape(1, x.numel(), 1) : x.shape.length === 2 ? x.unsqueeze(-1) : x,
  );
}

function each(
  op: string,
  tensors: Tensor | readonly Tensor[],
  compute: (x: Tensor) => Tensor,
): Tensor | Tensor[] {
  return isTensor(tensors) ? compute(tensors) : tensorsOf(op, tensors, 0).map(compute);
}

/** Joins tensors side by side: along dimension 1, vectors along 0. */
export function hstack(tensors: readonly Tensor[]): Tensor {
  const parts = atleast1d(tensorsOf("hstack", tensors));
  return cat(parts, parts[0]!.shape.length === 1 ? 0 : 1);
}

/** Joins tensors one below the other: along dimension 0, vectors as rows. */
export function vstack(tensors: readonly Tensor[]): Tensor {
  return cat(atleast2d(tensorsOf("vstack", tensors)), 0);
}

/** The same as {@link vstack}. */
export function rowStack(tensors: readonly Tensor[]): Tensor {
  return cat(atleast2d(tensorsOf("rowStack", tensors)), 0);
}

/** Joins tensors one behind the other: along dimension 2. */
export function dstack(tensors: readonly Tensor[]): Tensor {
  return cat(atleast3d(tensorsOf("dstack", tensors)), 2);
}

/** Joins tensors along dimension 1, vectors as columns. */
export function columnStack(tensors: readonly Tensor[]): Tensor {
  const columns = tensorsOf("columnStack", tensors).map((x) =>
    x.shape.length < 2 ? x.reshape(x.numel(), 1) : x,
  );
  return cat(columns, 1);
}

/** Every tensor expanded to the shape to which all of them broadcast. */
export function broadcastTensors(tensors: readonly Tensor[]): Tensor[] {
  const shapes = tensorsOf("broadcastTensors", tensors, 0).map(({ shape }) => shape);
  const common = broadcastShapes(...shapes);
  return tensors.map((tensor) => tensor.expand(common));
}

/** The shape to which shapes broadcast. @throws RangeError (`ERR_SHAPE`) where they do not. */
export function broadcastShapes(...shapes: (readonly number[])[]): number[] {
  if (
    !shapes.every(
      (shape) => Array.isArray(shape) && shape.every((size) => Number.isInteger(size) && size >= 0),
    )
  )
    throw makeError(TypeError, "broadcastShapes: shapes must be arrays of whole numbers", {
      code: "ERR_ARGUMENT",
      op: "broadcastShapes",
    });
  return shapes.reduce<number[]>((a, b) => {
    const rank = Math.max(a.length, b.length);
    return Array.from({ length: rank }, (_, i) => {
      const [first, second] = [a[i - rank + a.length] ?? 1, b[i - rank + b.length] ?? 1];
      if (first !== second && first !== 1 && second !== 1)
        throw shapeError(
          "broadcastShapes",
          `The size of tensor a (${first}) must match the size of tensor b (${second}) at non-singleton dimension ${i}`,
          [...a],
          [...b],
        );
      return first === 1 ? second : first;
    });
  }, []);
}

/** A matrix of zeros with matrices along its diagonal; vectors are rows. */
export function blockDiag(tensors: readonly Tensor[]): Tensor {
  const blocks = tensorsOf("blockDiag", tensors, 0).map((x, i) => {
    if (x.shape.length > 2)
      throw shapeError(
        "blockDiag",
        `torch.block_diag: Input tensors must have 2 or fewer dimensions. Input ${i} has ${x.shape.length} dimensions`,
        x.shape,
      );
    return x.shape.length < 2 ? x.reshape(1, x.numel()) : x;
  });
  if (blocks.length === 0) return zeros([1, 0]);
  const columns = blocks.reduce((sum, { shape }) => sum + shape[1]!, 0);
  let before = 0;
  const rows = blocks.map((block) => {
    const row = block.pad([before, columns - before - block.shape[1]!]);
    before += block.shape[1]!;
    return row;
  });
  return cat(rows, 0);
}
