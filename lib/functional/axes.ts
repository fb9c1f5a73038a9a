import { makeError } from "../errors.js";
import { native } from "../native.js";
import { describe } from "../options.js";
import { handleOf, type Dims, type Tensor } from "../tensor.js";

/** The one dimension of an op that takes no more; everything when left out. */
export type Dim = number | null | undefined;

/** The dimensions that are meant, in ascending order; none of a 0-d tensor. */
export function axesOf(op: string, x: Tensor, dim: Dims): number[] {
  return native.axes(handleOf(x, op), typeof dim === "number" ? [dim] : (dim ?? null), op);
}

/** The one dimension that is meant, counted from 0; 0 of a 0-d tensor. */
export function axisOf(op: string, x: Tensor, dim: number): number {
  handleOf(x, op);
  return axisWithin(op, dim, x.shape.length);
}

/** The one of `rank` dimensions that is meant, counted from 0. */
export function axisWithin(op: string, dim: number, rank: number): number {
  if (!Number.isInteger(dim))
    throw makeError(TypeError, `${op}: a dimension must be a whole number, got ${describe(dim)}`, {
      code: "ERR_ARGUMENT",
      op,
    });
  const count = Math.max(rank, 1);
  if (dim < -count || dim >= count)
    throw makeError(
      RangeError,
      `Dimension out of range (expected to be in range of [${-count}, ${count - 1}], but got ${dim}); ${op}`,
      { code: "ERR_DIM", op },
    );
  return dim < 0 ? dim + count : dim;
}

/** A tensor along a dimension: one of no dimensions is a line of one element. */
export interface Line {
  /** The tensor, with at least one dimension. */
  lines: Tensor;
  /** The dimension along which its lines are. */
  axis: number;
  /** How many elements a line has. */
  length: number;
  /** Takes the dimension, which has become one element long, away from a result; keeps it with `keepdim`. */
  finish: (result: Tensor, keepdim: boolean) => Tensor;
  /** Gives a result with lines of any length the tensor's own number of dimensions, where it can. */
  restore: (result: Tensor) => Tensor;
}

/** The lines of a tensor along `dim`. */
export function lineOf(op: string, x: Tensor, dim: number): Line {
  const axis = axisOf(op, x, dim);
  const { shape } = x;
  const isScalar = shape.length === 0;
  return {
    lines: isScalar ? x.reshape(1) : x,
    axis,
    length: isScalar ? 1 : shape[axis]!,
    finish: (result, keepdim) => (isScalar ? result.reshape([]) : keepdim ? result : result.squeeze(axis)),
    restore: (result) => (isScalar && result.numel() === 1 ? result.reshape([]) : result),
  };
}

/** {@link lineOf} of everything as one line, or along a dimension where one is given. */
export function lineOfAll(op: string, x: Tensor, dim: Dim): Line {
  if (dim !== undefined && dim !== null) return lineOf(op, x, dim);
  handleOf(x, op);
  const { ndim } = x;
  const lines = x.reshape(-1);
  return {
    lines,
    axis: 0,
    length: lines.numel(),
    finish: (result, keepdim) => result.reshape(keepdim ? Array<number>(ndim).fill(1) : []),
    restore: (result) => result,
  };
}

/** Refuses lines of no elements, of which there is no largest, middle or most frequent one. */
export function refuseEmpty(op: string, x: Tensor, { axis, length }: Line, dim: Dim): void {
  if (length > 0) return;
  throw makeError(
    RangeError,
    dim === undefined || dim === null
      ? `${op}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' argument.; ${op}: x is empty`
      : `${op}(): Expected reduction dim ${axis} to have non-zero size.; ${op}: there is nothing along it`,
    { code: "ERR_SHAPE", op, shapes: [x.shape] },
  );
}

/** With `value` added along an axis, so many times before and after the elements. */
export function padAlong(
  x: Tensor,
  axis: number,
  before: number,
  after: number,
  value: number | boolean,
): Tensor {
  return x.pad([...Array<number>(2 * (x.ndim - 1 - axis)).fill(0), before, after], { value });
}

/** The differences of neighbours, or another comparison of each element with the one before, along an axis. */
export function neighbours<T>(x: Tensor, axis: number, combine: (after: Tensor, before: Tensor) => T): T {
  const length = Math.max(x.shape[axis]! - 1, 0);
  return combine(x.narrow(axis, x.shape[axis]! - length, length), x.narrow(axis, 0, length));
}

/** Whether an element differs from the one before it along an axis; true of the first. */
export function startsRun(x: Tensor, axis: number): Tensor {
  return padAlong(
    neighbours(x, axis, (after, before) => after.ne(before)),
    axis,
    Math.min(x.shape[axis]!, 1),
    0,
    true,
  );
}
