import type { DType } from "../dtype.js";
import { makeError } from "../errors.js";
import { describe, readOptions, withOptions } from "../options.js";
import { matrixNorm } from "../linalg/norms.js";
import { handleOf, type Dims, type ReduceOptions, type Tensor } from "../tensor.js";
import { axesOf, axisOf } from "./axes.js";
import { named } from "./history.js";
import { checkFloating, checkOrder, normOver } from "./norms.js";

/** Options of {@link norm}. */
export interface NormOptions extends ReduceOptions {
  /** The dtype that the tensor is converted to first. */
  dtype?: DType;
}

const normDefaults = Object.freeze({ keepdim: false, dtype: undefined as DType | undefined });
const distDefaults: Readonly<{ p: number }> = Object.freeze({ p: 2 });

/**
 * The p-norm along `dim`, or of all elements: (sum |x|**p)**(1/p); the largest magnitude for p = Infinity, the smallest for
 * -Infinity, the number of nonzero elements for 0. Without a `p`, or with "fro", p is 2. With "nuc" it is the sum of the
 * singular values of matrices, in two dimensions. The gradient is 0 where the norm is 0; equal extremes share it.
 *
 * @throws TypeError (`ERR_DTYPE`) unless the tensor is floating; give `dtype` otherwise.
 */
export function norm(
  x: Tensor,
  p?: number | "fro" | "nuc" | null,
  dim?: Dims | NormOptions,
  options?: NormOptions,
): Tensor {
  const [along, given] = withOptions<Dims, NormOptions>(dim, options);
  const { keepdim, dtype } = readOptions("norm", given, normDefaults);
  handleOf(x, "norm");
  if (p === "nuc") return matrixNorm(x, p, along, { keepdim, dtype: dtype ?? null });
  const order: unknown = (p ?? "fro") === "fro" ? 2 : p;
  if (typeof order === "string")
    throw makeError(RangeError, `norm: p must be a number, "fro" or "nuc", got ${describe(p)}`, {
      code: "ERR_VALUE",
      op: "norm",
    });
  checkOrder("norm", order);
  const input = dtype === undefined ? x : x.to(dtype);
  checkFloating("norm", input);
  return named(normOver("norm", input, order, axesOf("norm", input, along), keepdim), "LinalgVectorNorm");
}

/** The p-norm of the difference, which broadcasts: the Euclidean distance when `p` is left out. See {@link norm}. */
export function dist(x: Tensor, other: Tensor, options?: { p?: number }): Tensor {
  const { p } = readOptions("dist", options, distDefaults);
  handleOf(other, "dist");
  checkOrder("dist", p);
  const difference = x.sub(other);
  checkFloating("dist", difference);
  return named(normOver("dist", difference, p, axesOf("dist", difference, null), false), "Dist");
}

/**
 * The slices along `dim`, those whose p-norm exceeds `maxnorm` scaled down to it: by maxnorm / (norm + 1e-7), as PyTorch
 * does. p is positive.
 */
export function renorm(x: Tensor, p: number, dim: number, maxnorm: number): Tensor {
  const axis = axisOf("renorm", x, dim);
  const { shape } = x;
  checkOrder("renorm", p);
  const refusal =
    p <= 0
      ? `non-positive-norm not supported; renorm: p is ${p}`
      : !(typeof maxnorm === "number" && maxnorm >= 0)
        ? `expected maxnorm to be >= 0 but got ${describe(maxnorm)}; renorm: it is the largest norm that is left`
        : undefined;
  if (refusal !== undefined)
    throw makeError(RangeError, `renorm: ${refusal}`, { code: "ERR_VALUE", op: "renorm" });
  if (shape.length < 2)
    throw makeError(
      RangeError,
      `renorm: input needs at least 2 dimensions, got ${shape.length} dimensions; renorm: slices are along dim`,
      { code: "ERR_SHAPE", op: "renorm", shapes: [shape] },
    );
  checkFloating("renorm", x);
  const others = shape.map((_, i) => i).filter((i) => i !== axis);
  const size = normOver("renorm", x, p, others, true);
  const factor = size.gt(maxnorm).where(size.add(1e-7).reciprocal().mul(maxnorm), 1);
  return named(x.mul(factor), "Renorm");
}
