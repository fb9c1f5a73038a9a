import { isFloating } from "./dtype.js";
import { zeros, type CreationOptions } from "./creation.js";
import type { Device } from "./device.js";
import { makeError } from "./errors.js";
import { flooredQuotient } from "./functional/wholes.js";
import { stack, tensorsOf } from "./joining.js";
import type { Scalar } from "./native.js";
import { describe, readOptions } from "./options.js";
import { arange } from "./ranges.js";
import { handleOf, type Tensor } from "./tensor.js";

// Grids: every element of one tensor with every element of others, and the positions of triangles.

/** Options of {@link meshgrid}. */
export interface MeshgridOptions {
  /** "ij": the first tensor is along dimension 0. "xy": the first one is along dimension 1, the second along 0. */
  indexing?: "ij" | "xy";
}
/** Options of {@link combinations}. */
export interface CombinationsOptions {
  /** How many elements each has. */
  r?: number;
  /** Whether an element may come several times. */
  withReplacement?: boolean;
}
/** Options of {@link trilIndices} and {@link triuIndices}. */
export interface TriangleOptions extends Pick<CreationOptions, "dtype" | "device"> {
  /** Which diagonal is the last one: 0 is the main one, 1 the one above it, -1 the one below. */
  offset?: number;
}

const meshgridDefaults: Readonly<Required<MeshgridOptions>> = Object.freeze({ indexing: "ij" });
const triangleDefaults = Object.freeze({
  offset: 0,
  dtype: "int64",
  device: undefined as Device | undefined,
});
const combinationsDefaults: Readonly<Required<CombinationsOptions>> = Object.freeze({
  r: 2,
  withReplacement: false,
});

function refused(op: string, message: string, ...shapes: number[][]): RangeError {
  return makeError(RangeError, `${message}; ${op}`, {
    code: shapes.length > 0 ? "ERR_SHAPE" : "ERR_VALUE",
    op,
    ...(shapes.length > 0 && { shapes }),
  });
}

/**
 * The coordinates of a grid: vectors, or numbers, each expanded over all dimensions, of which each has one of its own.
 *
 * @throws RangeError (`ERR_SHAPE`) for more dimensions, TypeError (`ERR_DTYPE`) for several dtypes.
 */
export function meshgrid(tensors: readonly Tensor[], options?: MeshgridOptions): Tensor[] {
  const { indexing } = readOptions("meshgrid", options, meshgridDefaults);
  if (!["ij", "xy"].includes(indexing))
    throw makeError(
      TypeError,
      `torch.meshgrid: indexing must be one of "xy" or "ij", but received: ${describe(indexing)}; meshgrid`,
      { code: "ERR_OPTION", op: "meshgrid" },
    );
  const vectors = tensorsOf("meshgrid", tensors).map((x) => {
    if (x.shape.length > 1)
      throw refused("meshgrid", "torch.meshgrid: Expected 0D or 1D tensor in the tensor list", x.shape);
    return x.reshape(-1);
  });
  if (vectors.some(({ dtype }) => dtype !== vectors[0]!.dtype))
    throw makeError(TypeError, "torch.meshgrid expects all tensors to have the same dtype; meshgrid", {
      code: "ERR_DTYPE",
      op: "meshgrid",
    });
  // The dimension of each vector.
  const dims = vectors.map((_, i) => (indexing === "xy" && vectors.length > 1 && i < 2 ? 1 - i : i));
  const shape = vectors.map((_, dim) => vectors[dims.indexOf(dim)]!.numel());
  return vectors.map((vector, i) =>
    vector.reshape(shape.map((extent, dim) => (dim === dims[i] ? extent : 1))).expand(shape),
  );
}

/** Every choice of an element of each vector, a row for each; of one vector, itself. */
export function cartesianProd(tensors: readonly Tensor[]): Tensor {
  for (const { shape } of tensorsOf("cartesianProd", tensors))
    if (shape.length !== 1)
      throw refused("cartesianProd", `Expect a 1D vector, but got shape [${shape.join(", ")}]`, shape);
  if (tensors.length === 1) return tensors[0]!;
  return stack(
    meshgrid(tensors).map((grid) => grid.reshape(-1)),
    1,
  );
}

/** Every choice of `r` elements of a vector in its order, 2 when left out, a row for each. */
export function combinations(x: Tensor, options?: CombinationsOptions): Tensor {
  const op = "combinations";
  const { r, withReplacement } = readOptions(op, options, combinationsDefaults);
  handleOf(x, op);
  const { shape, device } = x;
  if (shape.length !== 1) throw refused(op, `Expect a 1D vector, but got shape [${shape.join(", ")}]`, shape);
  if (!Number.isInteger(r) || r < 0)
    throw refused(op, `Expect a non-negative number, but got ${describe(r)}`);
  if (r === 0) return zeros([0], { dtype: x.dtype, device });
  const count = shape[0]!;
  if (count === 0 || (!withReplacement && r > count)) return x.narrow(0, 0, 0).unsqueeze(1).expand([0, r]);
  // The positions in a grid of r dimensions whose coordinates ascend.
  const places = meshgrid(new Array<Tensor>(r).fill(arange(count, { dtype: "int64", device })));
  const ascends = places
    .slice(1)
    .map((place, i) => (withReplacement ? place.ge(places[i]!) : place.gt(places[i]!)));
  const isChosen = ascends.reduce((all, one) => all.logicalAnd(one), places[0]!.ge(0));
  return x.indexSelect(0, isChosen.nonzero().reshape(-1)).reshape(-1, r);
}

/** The rows and the columns of all elements of a matrix on and below a diagonal, row after row: a 2 x n tensor. */
export function trilIndices(row: number, col: number, options?: TriangleOptions): Tensor {
  return triangle("trilIndices", row, col, options);
}

/** The rows and the columns of all elements of a matrix on and above a diagonal, row after row: a 2 x n tensor. */
export function triuIndices(row: number, col: number, options?: TriangleOptions): Tensor {
  return triangle("triuIndices", row, col, options);
}

function triangle(op: string, row: number, col: number, options: TriangleOptions | undefined): Tensor {
  const { offset, dtype, device } = readOptions(op, options, triangleDefaults);
  if (!Number.isInteger(offset))
    throw makeError(TypeError, `${op}: offset must be a whole number, got ${describe(offset)}`, {
      code: "ERR_OPTION",
      op,
    });
  for (const [name, value] of Object.entries({ row, col }))
    if (!Number.isInteger(value) || value < 0)
      throw refused(op, `${name} must be non-negative, got ${describe(value)}`);
  const places = (count: number) => arange(count, { dtype: "int64", ...(device && { device }) });
  const difference = places(col).sub(places(row).unsqueeze(-1));
  const isInside = op === "trilIndices" ? difference.le(offset) : difference.ge(offset);
  return isInside.nonzero().transpose(0, 1).to(dtype);
}

const greatest = 2n ** 63n - 1n;

/**
 * The coordinates, a tensor for each dimension of `shape`, of elements whose positions in row-major order are those of
 * an integer tensor.
 *
 * @throws TypeError (`ERR_DTYPE`) for positions that are no integers, RangeError (`ERR_VALUE`) for negative sizes.
 */
export function unravelIndex(indices: Tensor, shape: number | readonly Scalar[]): Tensor[] {
  const op = "unravelIndex";
  handleOf(indices, op);
  if (indices.dtype === "bool" || isFloating(indices.dtype))
    throw makeError(
      TypeError,
      `expected 'indices' to be integer dtype, but got ${indices.dtype}; unravelIndex: convert with .to("int64")`,
      { code: "ERR_DTYPE", op },
    );
  const given = typeof shape === "number" ? [shape] : shape;
  if (!Array.isArray(given) || !given.every((size) => typeof size === "bigint" || Number.isInteger(size)))
    throw makeError(TypeError, `expected 'shape' to be whole numbers; unravelIndex: got ${describe(shape)}`, {
      code: "ERR_ARGUMENT",
      op,
    });
  const extents = (given as Scalar[]).map(BigInt);
  if (extents.some((size) => size < 0n))
    throw refused(op, `'shape' cannot have negative values, but got (${extents.join(", ")})`);
  if (extents.includes(0n) && indices.numel() > 0)
    throw refused(op, `a grid of shape (${extents.join(", ")}) has no elements`);
  const places = indices.to("int64");
  const strides = extents.map((_, i) => extents.slice(i + 1).reduce((product, size) => product * size, 1n));
  return extents.map((size, i) => {
    const whole = quotient(places, strides[i]!);
    return whole.sub(quotient(whole, size).mul(size > greatest ? 0n : size));
  });
}

/** Positions divided by a size, rounded down; by one beyond all positions, 0. */
function quotient(places: Tensor, size: bigint): Tensor {
  if (size === 1n) return places;
  return size > greatest ? places.mul(0n) : flooredQuotient(places, places.mul(0n).add(size));
}
