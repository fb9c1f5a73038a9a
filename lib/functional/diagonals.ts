import type { Scalar } from "../native.js";
import { readOptions } from "../options.js";
import { arange } from "../ranges.js";
import { handleOf, type Tensor } from "../tensor.js";
import { axisWithin } from "./axes.js";
import { named } from "./history.js";
import { dtypeOfPlaces } from "./places.js";
import { shapeError, sizes, whole } from "./refusals.js";

// Diagonals and triangles of matrices.

/** Options of {@link diag}, {@link tril} and {@link triu}. */
export interface DiagonalOption {
  /** Which diagonal: 0 is the main one, 1 the one above it, -1 the one below. */
  diagonal?: number;
}
/** Options of {@link diagflat}. */
export interface OffsetOption {
  /** Which diagonal: 0 is the main one, 1 the one above it, -1 the one below. */
  offset?: number;
}
/** Options of {@link diagonal}, {@link diagEmbed} and {@link diagonalScatter}. */
export interface DiagonalOptions extends OffsetOption {
  /** The dimension of rows. */
  dim1?: number;
  /** The dimension of columns. */
  dim2?: number;
}

const diagonalDefault: Readonly<Required<DiagonalOption>> = Object.freeze({ diagonal: 0 });
const offsetDefault: Readonly<Required<OffsetOption>> = Object.freeze({ offset: 0 });
const ofFirstDims: Readonly<Required<DiagonalOptions>> = Object.freeze({ offset: 0, dim1: 0, dim2: 1 });
const ofLastDims: Readonly<Required<DiagonalOptions>> = Object.freeze({ offset: 0, dim1: -2, dim2: -1 });

/** The two dimensions of the matrices among `rank`, and the offset. */
function matrixDims(op: string, given: Required<DiagonalOptions>, rank: number): [number, number, number] {
  const offset = whole(op, "offset", given.offset);
  const dim1 = axisWithin(op, given.dim1, rank);
  const dim2 = axisWithin(op, given.dim2, rank);
  if (dim1 === dim2)
    throw shapeError(op, `diagonal dimensions cannot be identical ${given.dim1}, ${given.dim2}`);
  return [dim1, dim2, offset];
}

/** The length of a diagonal. */
function lengthOf(rows: number, columns: number, offset: number): number {
  return Math.max(offset >= 0 ? Math.min(rows, columns - offset) : Math.min(rows + offset, columns), 0);
}

/** Diagonals of the matrices in the last two dimensions, in one dimension: an element of each row. */
function taken(matrices: Tensor, offset: number): Tensor {
  const { shape, device } = matrices;
  const [rows, columns] = shape.slice(-2) as [number, number];
  const length = lengthOf(rows, columns, offset);
  const lines = [...shape.slice(0, -2), length];
  if (length === 0)
    return matrices
      .narrow(-2, 0, 0)
      .reshape([...lines, columns])
      .narrow(-1, 0, 0)
      .reshape(lines);
  const start = Math.max(offset, 0);
  const places = arange(start, start + length, { dtype: "int64", device }).unsqueeze(-1);
  return matrices
    .narrow(-2, Math.max(-offset, 0), length)
    .gather(shape.length - 1, places.expand([...lines, 1]))
    .reshape(lines);
}

/** Of every element of matrices beside x, its column less its row. */
function difference(rows: number, columns: number, x: Tensor): Tensor {
  const { device } = x;
  const dtype = dtypeOfPlaces(rows + columns);
  const places = (count: number) => arange(count, { dtype, device });
  return places(columns).sub(places(rows).unsqueeze(-1));
}

/** Matrices of zeros, or of others, but for their diagonals, which are the last dimension. */
function spread(
  diagonals: Tensor,
  rows: number,
  columns: number,
  offset: number,
  others: Tensor | Scalar,
): Tensor {
  const length = diagonals.shape.at(-1)!;
  // Along an edge that is at least as long as the diagonal.
  const edge = offset >= 0 ? rows : columns;
  const values = edge === length ? diagonals : diagonals.pad([0, edge - length]);
  const isDiagonal = difference(rows, columns, diagonals).eq(offset);
  return isDiagonal.where(values.unsqueeze(offset >= 0 ? -1 : -2), others);
}

const nothing = (x: Tensor): Scalar => (x.dtype === "bool" ? false : 0);

/**
 * The diagonals of matrices, in a new last dimension. The matrices are in `dim1` and `dim2`, which go away, the first
 * two when left out.
 *
 * @throws RangeError (`ERR_SHAPE`) where the two dimensions are one, (`ERR_DIM`) where there are none such.
 */
export function diagonal(x: Tensor, options?: DiagonalOptions): Tensor {
  const given = readOptions("diagonal", options, ofFirstDims);
  handleOf(x, "diagonal");
  const [dim1, dim2, offset] = matrixDims("diagonal", given, x.shape.length);
  return named(taken(x.movedim([dim1, dim2], [-2, -1]), offset), "Diagonal");
}

/**
 * Matrices of zeros with the last dimension of the tensor on their diagonals. They are in the dimensions `dim1` and
 * `dim2` of the result, the last two when left out.
 *
 * @throws RangeError (`ERR_SHAPE`) where the two dimensions are one, (`ERR_DIM`) where there are none such.
 */
export function diagEmbed(x: Tensor, options?: DiagonalOptions): Tensor {
  const given = readOptions("diagEmbed", options, ofLastDims);
  handleOf(x, "diagEmbed");
  const { shape } = x;
  const [dim1, dim2, offset] = matrixDims("diagEmbed", given, shape.length + 1);
  const size = shape.at(-1)! + Math.abs(offset);
  const matrices = spread(x, size, size, offset, nothing(x));
  return named(matrices.movedim([-2, -1], [dim1, dim2]), "DiagEmbed");
}

/** The diagonal of a matrix, or the matrix of zeros that has a vector on its diagonal. */
export function diag(x: Tensor, options?: DiagonalOption): Tensor {
  const { diagonal: offset } = readOptions("diag", options, diagonalDefault);
  handleOf(x, "diag");
  const { shape } = x;
  if (shape.length !== 1 && shape.length !== 2)
    throw shapeError("diag", `diag(): Supports 1D or 2D tensors. Got ${shape.length}D`, shape);
  whole("diag", "diagonal", offset);
  return shape.length === 1 ? diagEmbed(x, { offset }) : diagonal(x, { offset });
}

/** The matrix of zeros that has all elements on its diagonal. */
export function diagflat(x: Tensor, options?: OffsetOption): Tensor {
  const { offset } = readOptions("diagflat", options, offsetDefault);
  handleOf(x, "diagflat");
  whole("diagflat", "offset", offset);
  return diagEmbed(x.reshape(-1), { offset });
}

/**
 * The tensor with `src` in place of the diagonals of its matrices, which are those of {@link diagonal}.
 *
 * @throws RangeError (`ERR_SHAPE`) where `src` does not have the shape of the diagonals.
 */
export function diagonalScatter(x: Tensor, src: Tensor, options?: DiagonalOptions): Tensor {
  const given = readOptions("diagonalScatter", options, ofFirstDims);
  handleOf(x, "diagonalScatter");
  handleOf(src, "diagonalScatter");
  const [dim1, dim2, offset] = matrixDims("diagonalScatter", given, x.shape.length);
  const matrices = x.movedim([dim1, dim2], [-2, -1]);
  const [rows, columns] = matrices.shape.slice(-2) as [number, number];
  const wanted = [...matrices.shape.slice(0, -2), lengthOf(rows, columns, offset)];
  if (String(wanted) !== String(src.shape))
    throw shapeError(
      "diagonalScatter",
      `expected src to have a size equal to the slice of self. src size = ${sizes(src.shape)}, slice size = ${sizes(wanted)}`,
      x.shape,
      src.shape,
    );
  const replaced = spread(src.to(x.dtype), rows, columns, offset, matrices);
  return named(replaced.movedim([-2, -1], [dim1, dim2]), "DiagonalScatter");
}

/** The sum of a matrix' diagonal; integers and bool add up in int64. */
export function trace(x: Tensor): Tensor {
  handleOf(x, "trace");
  const { shape } = x;
  if (shape.length !== 2)
    throw shapeError("trace", `trace: expected a matrix, but got tensor with dim ${shape.length}`, shape);
  return named(taken(x, 0).sum(), "Trace");
}

function triangle(op: "tril" | "triu", x: Tensor, options: DiagonalOption | undefined): Tensor {
  const { diagonal: offset } = readOptions(op, options, diagonalDefault);
  handleOf(x, op);
  if (x.shape.length < 2)
    throw shapeError(op, `${op}: input tensor must have at least 2 dimensions`, x.shape);
  whole(op, "diagonal", offset);
  const [rows, columns] = x.shape.slice(-2) as [number, number];
  const places = difference(rows, columns, x);
  const isKept = op === "tril" ? places.le(offset) : places.ge(offset);
  return named(isKept.where(x, nothing(x)), op === "tril" ? "Tril" : "Triu");
}

/** Matrices with zeros above a diagonal. @throws RangeError (`ERR_SHAPE`) for fewer than two dimensions. */
export function tril(x: Tensor, options?: DiagonalOption): Tensor {
  return triangle("tril", x, options);
}

/** Matrices with zeros below a diagonal. @throws RangeError (`ERR_SHAPE`) for fewer than two dimensions. */
export function triu(x: Tensor, options?: DiagonalOption): Tensor {
  return triangle("triu", x, options);
}
