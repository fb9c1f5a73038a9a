import { dtypeIndex, isFloating, wordOf, type DType } from "../dtype.js";
import { makeError } from "../errors.js";
import { axesOf } from "../functional/axes.js";
import { named } from "../functional/history.js";
import { checkFloating, checkMatrix, checkSquare, listed } from "../functional/matrices.js";
import { normOver } from "../functional/norms.js";
import { inverseOf } from "../functional/solutions.js";
import { describe, readOptions } from "../options.js";
import { handleOf, recordRoutine, type Dims, type Tensor } from "../tensor.js";

/** Options of norms, which may also name the arguments before them. */
export interface NormOptions<Order> {
  /** Which norm. */
  ord?: Order | null;
  /** Which dimensions. */
  dim?: Dims;
  /** Keep the dimensions, with size 1. */
  keepdim?: boolean;
  /** The dtype that the tensor is converted to first. */
  dtype?: DType | null;
}
/** Norms of matrices: of Frobenius, of singular values, their sum and extremes, and of sums along columns and rows. */
export type MatrixOrder = "fro" | "nuc" | number;

interface Given {
  ord: unknown;
  dim: Dims;
  keepdim: boolean;
  dtype: DType | null;
}
const defaults: Readonly<Given> = Object.freeze({ ord: null, dim: undefined, keepdim: false, dtype: null });

/** The arguments of a norm, some of which may be among the options. */
function read(op: string, given: readonly unknown[]): Given {
  const isOptions = (value: unknown) => typeof value === "object" && value !== null && !Array.isArray(value);
  const last = given.findIndex(isOptions);
  const plain = last < 0 ? given : given.slice(0, last);
  const options = readOptions(op, last < 0 ? undefined : given[last], defaults);
  const ord: unknown = plain[0] ?? options.ord ?? null;
  const dim = (plain[1] ?? options.dim) as Dims;
  const { keepdim, dtype } = options;
  if (typeof keepdim !== "boolean")
    throw makeError(TypeError, `${op}: keepdim must be true or false, got ${describe(keepdim)}`, {
      code: "ERR_OPTION",
      op,
    });
  return { ord, dim, keepdim, dtype };
}

/** The tensor in the dtype that is asked for, which must be floating. */
function inputOf(op: string, x: Tensor, dtype: DType | null): Tensor {
  handleOf(x, op);
  const wanted = dtype ?? x.dtype;
  if (!isFloating(wanted))
    throw makeError(
      TypeError,
      `linalg.${op}: Expected a floating point or complex tensor as input. Got ${wordOf(wanted)}; convert it with ` +
        `{ dtype: "float32" }`,
      { code: "ERR_DTYPE", op },
    );
  if (dtype !== null && isFloating(x.dtype) && dtypeIndex(dtype) < dtypeIndex(x.dtype))
    throw makeError(
      TypeError,
      `linalg.${op}: the dtype of the input (${wordOf(x.dtype)}) should be convertible without narrowing to the specified dtype (${wordOf(dtype)})`,
      { code: "ERR_DTYPE", op },
    );
  return dtype === null ? x : x.to(dtype);
}

/**
 * The norm of vectors: (sum of |x|**ord)**(1 / ord) over the dimensions `dim`, all of them when left out; `ord` is 2 when
 * left out. For Infinity and -Infinity it is the largest and the smallest |x|, for 0 the number of elements that are not 0.
 * Squares do not overflow. The gradient at 0 is 0, and equal extremes share it.
 *
 * `ord` and `dim` may be among the options as well.
 *
 * @throws TypeError (`ERR_DTYPE`) for integers, RangeError (`ERR_DIM`), RangeError (`ERR_SHAPE`) for the extreme of nothing.
 */
export function vectorNorm(
  x: Tensor,
  ord?: number | NormOptions<number> | null,
  dim?: Dims | NormOptions<number>,
  options?: NormOptions<number>,
): Tensor {
  const op = "vectorNorm";
  const given = read(op, [ord, dim, options]);
  const input = inputOf(op, x, given.dtype);
  const order = given.ord ?? 2;
  if (typeof order !== "number" || Number.isNaN(order))
    throw makeError(
      TypeError,
      `linalg.vectorNorm: Expected a non-complex scalar as the order of norm, got ${describe(order)}`,
      {
        code: "ERR_ARGUMENT",
        op,
      },
    );
  const axes = axesOf(op, input, given.dim);
  return vectorsOf(op, input, order, axes, given.keepdim);
}

function vectorsOf(op: string, x: Tensor, ord: number, axes: readonly number[], keepdim: boolean): Tensor {
  return named(normOver(op, x, ord, axes, keepdim), "LinalgVectorNorm");
}

/**
 * The norm of matrices, in the dimensions `dim`, rows and columns: the last two when left out. `ord` is `"fro"` when left out
 * (the root of the sum of squares), `"nuc"` (the sum of singular values), 2 or -2 (the largest and the smallest singular
 * value), 1 or -1 (of the sums of |x| along columns), Infinity or -Infinity (along rows). The gradient at 0 is 0.
 *
 * `ord` and `dim` may be among the options as well.
 *
 * @throws RangeError (`ERR_SHAPE`) for fewer than two dimensions, RangeError (`ERR_ARGUMENT`) for any other `ord`.
 */
export function matrixNorm(
  x: Tensor,
  ord?: MatrixOrder | NormOptions<MatrixOrder> | null,
  dim?: Dims | NormOptions<MatrixOrder>,
  options?: NormOptions<MatrixOrder>,
): Tensor {
  const given = read("matrixNorm", [ord, dim, options]);
  return matricesOf("matrixNorm", x, given);
}

function matricesOf(op: string, x: Tensor, given: Given): Tensor {
  handleOf(x, op);
  const { ord, keepdim } = given;
  const order = ord ?? "fro";
  const dims = given.dim === undefined || given.dim === null ? [-2, -1] : given.dim;
  checkMatrix("matrixNorm", x);
  const input = inputOf(op, x, given.dtype);
  const rank = x.shape.length;
  if (typeof dims === "number" || dims.length !== 2)
    throw makeError(RangeError, `linalg.matrix_norm: dim must be a 2-tuple. Got ${describe(given.dim)}`, {
      code: "ERR_DIM",
      op,
    });
  axesOf(op, input, [dims[0]!]);
  axesOf(op, input, [dims[1]!]);
  const [rows, columns] = dims.map((one) => (one < 0 ? one + rank : one)) as [number, number];
  if (rows === columns)
    throw makeError(RangeError, `linalg.matrix_norm: dims must be different. Got (${dims[0]}, ${dims[1]})`, {
      code: "ERR_DIM",
      op,
    });
  const axes = [Math.min(rows, columns), Math.max(rows, columns)];
  if (order === "fro") return vectorsOf(op, input, 2, axes, keepdim);
  const isSingular = order === "nuc" || order === 2 || order === -2;
  const isSum = order === 1 || order === -1 || order === Infinity || order === -Infinity;
  if (!isSingular && !isSum)
    throw makeError(
      RangeError,
      `linalg.matrix_norm: Order ${typeof order === "string" ? order : describe(order)} not supported.; ${op}: use "fro", "nuc", 2, -2, 1, -1, Infinity or -Infinity`,
      { code: "ERR_ARGUMENT", op },
    );
  // Rows and columns as the last dimensions, and then what is left of them at their places.
  const others = input.shape.map((_, dim) => dim).filter((dim) => !axes.includes(dim));
  const matrices = input.permute([...others, rows, columns]);
  // The norm of an empty matrix is 0, as in PyTorch.
  const extreme = (values: Tensor, isLargest: boolean) =>
    values.shape.at(-1) === 0 ? values.sum(-1) : isLargest ? values.amax(-1) : values.amin(-1);
  let norm: Tensor;
  if (isSingular) {
    const values = recordRoutine("svd", [matrices], 0)[1]!;
    norm = order === "nuc" ? values.sum(-1) : extreme(values, order === 2);
  } else {
    norm = extreme(matrices.abs().sum(Math.abs(order) === 1 ? -2 : -1), order > 0);
  }
  if (!keepdim) return norm;
  return norm.reshape(input.shape.map((size, dim) => (axes.includes(dim) ? 1 : size)));
}

/**
 * {@link vectorNorm} or {@link matrixNorm}: the latter for two dimensions `dim`, or where there is an `ord` and the tensor
 * is a matrix. Without `ord` it is the root of the sum of squares over `dim`, all dimensions when left out.
 *
 * `ord` and `dim` may be among the options as well.
 */
export function norm(
  x: Tensor,
  ord?: MatrixOrder | NormOptions<MatrixOrder> | null,
  dim?: Dims | NormOptions<MatrixOrder>,
  options?: NormOptions<MatrixOrder>,
): Tensor {
  const op = "norm";
  handleOf(x, op);
  const given = read(op, [ord, dim, options]);
  const { ord: order, keepdim, dtype } = given;
  const dims = given.dim === undefined || given.dim === null ? null : given.dim;
  const rank = x.shape.length;
  const hasOrder = order !== null;
  if (hasOrder && dims === null && rank !== 1 && rank !== 2)
    throw makeError(
      RangeError,
      "linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got " +
        `${rank}D.; norm: the shape is ${listed(x.shape)}`,
      { code: "ERR_SHAPE", op, shapes: [x.shape] },
    );
  if (hasOrder && Array.isArray(dims) && dims.length > 2)
    throw makeError(
      RangeError,
      `linalg.norm: If dim is specified, it must be of length 1 or 2. Got ${listed(dims as number[])}`,
      { code: "ERR_DIM", op },
    );
  const isMatrix = hasOrder && (dims === null ? rank === 2 : typeof dims !== "number" && dims.length === 2);
  if (isMatrix) return matricesOf(op, x, given);
  if (typeof order === "string")
    throw makeError(
      RangeError,
      `linalg.norm: Order ${order} is one of matrices; norm: give two dimensions, as in { dim: [0, 1] }`,
      { code: "ERR_ARGUMENT", op },
    );
  const input = inputOf(op, x, dtype);
  if (hasOrder && typeof order !== "number")
    throw makeError(TypeError, `norm: ord must be a number, "fro" or "nuc", got ${describe(order)}`, {
      code: "ERR_ARGUMENT",
      op,
    });
  return vectorsOf(op, input, order ?? 2, axesOf(op, input, dims), keepdim);
}

/** Options of {@link cond}. */
export interface CondOptions {
  /** The norm: that of singular values, 2, when left out. */
  p?: MatrixOrder | null;
}

/**
 * The condition of matrices: the largest singular value divided by the smallest one, the reverse for p = -2, and for other
 * norms, of square matrices, the norm times that of the inverse. Infinity for singular matrices.
 */
export function cond(x: Tensor, options?: CondOptions | MatrixOrder | null): Tensor {
  const op = "cond";
  const isPlain = typeof options === "string" || typeof options === "number";
  const { p } = isPlain
    ? { p: options }
    : readOptions(op, options ?? undefined, { p: null as MatrixOrder | null });
  checkMatrix(op, x);
  checkFloating(op, x);
  if (p === null || p === 2 || p === -2) {
    if (x.numel() === 0 && Math.min(...x.shape.slice(-2)) === 0) return x.sum([-2, -1]);
    const values = recordRoutine("svd", [x], 0)[1]!;
    const [largest, smallest] = [values.select(-1, 0), values.select(-1, -1)];
    return p === -2 ? smallest.div(largest) : largest.div(smallest);
  }
  checkSquare(op, x);
  const direct = matrixNorm(x, p);
  const inverse = inverseOf(x, "nobody");
  // Where there is no inverse, its elements are no numbers.
  const exists = inverse.detach().isfinite().all(-1).all(-1);
  const safe = exists.unsqueeze(-1).unsqueeze(-1).where(inverse, 0);
  return exists.where(direct.mul(matrixNorm(safe, p)), Infinity);
}
