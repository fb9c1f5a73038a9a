import { list, type Listed } from "../lists.js";
import { handleOf, type Tensor } from "../tensor.js";
import { axisOf } from "./axes.js";
import { named } from "./history.js";
import { matricesTransposed } from "./transposes.js";
import { argumentError, shapeError, sizes, wholes } from "./refusals.js";

// The same elements in other shapes. All of these are fused into the kernels that use them.

/** The tensor expanded to `size`, as in {@link Tensor.expand}: dimensions of size 1 are repeated, new ones come in front. */
export function broadcastTo(x: Tensor, ...size: Listed): Tensor {
  return x.expand(list("broadcastTo", size));
}

/** The tensor expanded to the shape of another. */
export function expandAs(x: Tensor, other: Tensor): Tensor {
  handleOf(other, "expandAs");
  return x.expand(other.shape);
}

/** The tensor itself: here every tensor is contiguous. */
export function contiguous(x: Tensor): Tensor {
  return x;
}

/**
 * The sum over the dimensions that expanding `size` to this shape would repeat: what a gradient does on the way back
 * through {@link broadcastTo}. The tensor itself where nothing is to be added up. Integers and bool add up in int64.
 *
 * @throws RangeError (`ERR_SHAPE`) where `size` does not expand to the shape of the tensor.
 */
export function sumToSize(x: Tensor, ...size: Listed): Tensor {
  const wanted = wholes("sumToSize", "size", list("sumToSize", size));
  const { shape } = x;
  const added = shape.length - wanted.length;
  const fits = added >= 0 && wanted.every((extent, i) => extent === 1 || extent === shape[added + i]);
  if (!fits)
    throw shapeError("sumToSize", `size {${sizes(wanted)}} is not expandable to size {${sizes(shape)}}.`, [
      ...shape,
    ]);
  const dims = shape.flatMap((extent, i) =>
    i < added || (wanted[i - added] === 1 && extent !== 1) ? [i] : [],
  );
  if (dims.length === 0) return x;
  const total = x.sum(dims, { keepdim: true });
  return added === 0 ? total : total.reshape(wanted);
}

/** The same elements in the shape of another tensor. */
export function reshapeAs(x: Tensor, other: Tensor): Tensor {
  handleOf(other, "reshapeAs");
  return x.reshape(other.shape);
}

/** The same as {@link Tensor.reshape}: here every tensor can be viewed in every shape of as many elements. */
export function view(x: Tensor, ...shape: Listed): Tensor {
  return named(x.reshape(list("view", shape)), "View");
}

/** The same as {@link reshapeAs}. */
export function viewAs(x: Tensor, other: Tensor): Tensor {
  handleOf(other, "viewAs");
  return x.reshape(other.shape);
}

/** The elements in one dimension. */
export function ravel(x: Tensor): Tensor {
  return x.reshape(-1);
}

/**
 * One dimension as several, of these sizes; one of them may be -1.
 *
 * @throws RangeError (`ERR_SHAPE`) where their product is not the size of the dimension.
 */
export function unflatten(x: Tensor, dim: number, shape: readonly number[]): Tensor {
  const axis = axisOf("unflatten", x, dim);
  const given = wholes("unflatten", "sizes", shape);
  if (given.length === 0) throw shapeError("unflatten", "unflatten: sizes must be non-empty", x.shape);
  const own = x.shape;
  const extent = own[axis] ?? 1;
  const known = given.reduce((product, size) => (size === -1 ? product : product * size), 1);
  const inferred = given.filter((size) => size === -1).length;
  const fits =
    inferred === 0
      ? known === extent
      : inferred === 1 && known > 0 && extent % known === 0 && given.every((size) => size >= -1);
  if (!fits)
    throw shapeError(
      "unflatten",
      `unflatten: Provided sizes ${sizes(given)} don't multiply up to the size of dim ${axis} (${extent}) in the input tensor`,
      own,
    );
  const parts = given.map((size) => (size === -1 ? extent / known : size));
  return named(x.reshape([...own.slice(0, axis), ...parts, ...own.slice(axis + 1)]), "View");
}

/**
 * With the dimensions `source` at the places `destination`; the others keep their order.
 *
 * @throws RangeError (`ERR_DIM`) for a dimension out of range or named twice.
 */
export function movedim(
  x: Tensor,
  source: number | readonly number[],
  destination: number | readonly number[],
): Tensor {
  return moved("movedim", x, source, destination);
}

/** The same as {@link movedim}. */
export function moveaxis(
  x: Tensor,
  source: number | readonly number[],
  destination: number | readonly number[],
): Tensor {
  return moved("moveaxis", x, source, destination);
}

function moved(
  op: string,
  x: Tensor,
  source: number | readonly number[],
  destination: number | readonly number[],
): Tensor {
  if (Array.isArray(source) !== Array.isArray(destination))
    throw argumentError(op, "source and destination must both be numbers or both arrays");
  const axes = (given: number | readonly number[]) =>
    wholes(op, "source and destination", typeof given === "number" ? [given] : given).map((dim) =>
      axisOf(op, x, dim),
    );
  const [from, to] = [axes(source), axes(destination)];
  if (from.length !== to.length)
    throw shapeError(
      op,
      `${op}: Invalid source or destination dims: source (${sizes(from)} dims) should contain the same number of dims as destination (${sizes(to)} dims)`,
      x.shape,
    );
  for (const [name, dims] of Object.entries({ source: from, destination: to }))
    if (new Set(dims).size !== dims.length)
      throw shapeError(op, `${op}: repeated dim in \`${name}\` (${sizes(dims)})`, x.shape);
  const rest = x.shape.map((_, dim) => dim).filter((dim) => !from.includes(dim));
  const order = x.shape.map((_, place) => {
    const k = to.indexOf(place);
    return k >= 0 ? from[k]! : rest.shift()!;
  });
  return x.permute(order);
}

/** The same as {@link Tensor.transpose}. */
export function swapaxes(x: Tensor, axis0: number, axis1: number): Tensor {
  return x.transpose(axis0, axis1);
}

/** The same as {@link Tensor.transpose}. */
export function swapdims(x: Tensor, dim0: number, dim1: number): Tensor {
  return x.transpose(dim0, dim1);
}

/** A matrix transposed; tensors of fewer dimensions as they are. @throws RangeError (`ERR_SHAPE`) for more dimensions. */
export function t(x: Tensor): Tensor {
  const { shape } = x;
  if (shape.length > 2)
    throw shapeError(
      "t",
      `t() expects a tensor with <= 2 dimensions, but self is ${shape.length}D; use mT or transpose`,
      shape,
    );
  return named(shape.length < 2 ? x.reshape(shape) : x.transpose(0, 1), "T");
}

/** With the last two dimensions exchanged: matrices transposed. @throws RangeError (`ERR_SHAPE`) for fewer than 2. */
export function adjoint(x: Tensor): Tensor {
  return matricesTransposed("adjoint", x);
}
