import { chainOf } from "../contractions.js";
import { makeError } from "../errors.js";
import { axesOf } from "../functional/axes.js";
import { crossAlong } from "../functional/cross.js";
import { diagonals, listed } from "../functional/matrices.js";
import { named } from "../functional/history.js";
import { powersOf } from "../functional/powers.js";
import { describe, readOptions } from "../options.js";
import { handleOf, type Tensor } from "../tensor.js";

/** Options of {@link vander}. */
export interface LinalgVanderOptions {
  /** How many powers; as many as there are elements when left out. */
  N?: number | null;
}

/** Options of {@link diagonal}. */
export interface LinalgDiagonalOptions {
  /** How far above the main diagonal, or below it where negative. */
  offset?: number;
  /** The dimension of rows. */
  dim1?: number;
  /** The dimension of columns. */
  dim2?: number;
}

const diagonalDefaults: Readonly<Required<LinalgDiagonalOptions>> = Object.freeze({
  offset: 0,
  dim1: -2,
  dim2: -1,
});

/** The cross product of vectors of three elements along `dim`, the last one when left out; other dimensions broadcast. */
export function cross(x: Tensor, other: Tensor, dim = -1): Tensor {
  return crossAlong("cross", x, other, dim);
}

/** The sums of products along `dim`, the last one when left out; other dimensions broadcast. */
export function vecdot(x: Tensor, y: Tensor, dim = -1): Tensor {
  handleOf(x, "vecdot");
  handleOf(y, "vecdot");
  const product = x.mul(y);
  return product.sum(axesOf("vecdot", product, [dim]));
}

/**
 * The product of an array of two or more matrices, multiplied in the order that takes fewest multiplications. The first and
 * the last may be vectors, a row and a column.
 */
export function multiDot(tensors: readonly Tensor[]): Tensor {
  return chainOf("multiDot", tensors);
}

/** The powers 0, 1, ... of the elements of vectors, a row for each element: `[..., n]` gives `[..., n, N]`. */
export function vander(x: Tensor, options?: LinalgVanderOptions): Tensor {
  handleOf(x, "vander");
  const { N } = readOptions("vander", options, { N: null as number | null });
  const vectors = x.shape.length === 0 ? x.reshape(1) : x;
  const count = N ?? vectors.shape.at(-1)!;
  if (N !== null && !(Number.isInteger(N) && N > 1))
    throw makeError(RangeError, `N must be greater than 1.; vander: it is ${describe(N)}`, {
      code: "ERR_VALUE",
      op: "vander",
    });
  return powersOf(vectors, count);
}

/**
 * The diagonals of matrices, in a last dimension, as a value of its own: `offset` counts upwards, and `dim1` and `dim2`, the
 * last two when left out, are the matrices' rows and columns.
 */
export function diagonal(a: Tensor, options?: LinalgDiagonalOptions): Tensor {
  const op = "diagonal";
  handleOf(a, op);
  const { offset, dim1, dim2 } = readOptions(op, options, diagonalDefaults);
  if (!Number.isSafeInteger(offset))
    throw makeError(TypeError, `diagonal: offset must be a whole number, got ${describe(offset)}`, {
      code: "ERR_OPTION",
      op,
    });
  const rank = a.shape.length;
  const place = (dim: number) => {
    if (!Number.isInteger(dim) || dim < -rank || dim >= rank)
      throw makeError(
        RangeError,
        `Dimension out of range (expected to be in range of [${-rank}, ${rank - 1}], but got ${describe(dim)})`,
        { code: "ERR_DIM", op, shapes: [a.shape] },
      );
    return dim < 0 ? dim + rank : dim;
  };
  const [first, second] = [place(dim1), place(dim2)];
  if (first === second)
    throw makeError(
      RangeError,
      `diagonal dimensions cannot be identical ${dim1}, ${dim2}; the shape is ${listed(a.shape)}`,
      {
        code: "ERR_DIM",
        op,
        shapes: [a.shape],
      },
    );
  const others = a.shape.map((_, dim) => dim).filter((dim) => dim !== first && dim !== second);
  return named(diagonals(a.permute([...others, first, second]), offset), "Diagonal");
}
