import { full } from "../creation.js";
import { isFloating, wordOf } from "../dtype.js";
import { makeError } from "../errors.js";
import { describe, readOptions } from "../options.js";
import { handleOf, type Tensor } from "../tensor.js";
import { named } from "./history.js";
import { listed } from "./matrices.js";

// Products that are added to something.

/** Options of {@link addmm} and its like. */
export interface WeightedSumOptions {
  /** The factor of the tensor: 1 when left out. Where it is 0, the tensor is not used, so that its NaN do not count. */
  beta?: number;
  /** The factor of the product: 1 when left out. */
  alpha?: number;
}

const defaults: Readonly<Required<WeightedSumOptions>> = Object.freeze({ beta: 1, alpha: 1 });

/** beta * x + alpha * (mat1 @ mat2), of two matrices; x broadcasts to the product, and all have one dtype. */
export function addmm(x: Tensor, mat1: Tensor, mat2: Tensor, options?: WeightedSumOptions): Tensor {
  check("addmm", "mat1 must be a matrix", mat1, 2);
  check("addmm", "mat2 must be a matrix", mat2, 2);
  return sumOf("addmm", x, mat1.matmul(mat2), options);
}

/** beta * x + alpha * (mat @ vec), of a matrix and a vector; x broadcasts to the product, and all have one dtype. */
export function addmv(x: Tensor, mat: Tensor, vec: Tensor, options?: WeightedSumOptions): Tensor {
  const sentence = "vector + matrix @ vector expected";
  check("addmv", sentence, mat, 2);
  check("addmv", sentence, vec, 1);
  return sumOf("addmv", x, mat.matmul(vec), options);
}

/** beta * x + alpha * the sum of the products of the matrices of two batches; x broadcasts to it. */
export function addbmm(x: Tensor, batch1: Tensor, batch2: Tensor, options?: WeightedSumOptions): Tensor {
  const product = batches("addbmm", batch1, batch2);
  const total = product.sum(0);
  return sumOf("addbmm", x, total.dtype === product.dtype ? total : total.to(product.dtype), options);
}

/** beta * x + alpha * the products of the matrices of two batches; x broadcasts to them. */
export function baddbmm(x: Tensor, batch1: Tensor, batch2: Tensor, options?: WeightedSumOptions): Tensor {
  return sumOf("baddbmm", x, batches("baddbmm", batch1, batch2), options);
}

/** beta * x + alpha * outer(vec1, vec2); x broadcasts to the product. */
export function addr(x: Tensor, vec1: Tensor, vec2: Tensor, options?: WeightedSumOptions): Tensor {
  check("addr", "addr: Expected 1-D argument vec1", vec1, 1);
  check("addr", "addr: Expected 1-D argument vec2", vec2, 1);
  const product = vec1.reshape(-1, 1).mul(vec2);
  return weighted("addr", x, product, options);
}

function batches(op: string, batch1: Tensor, batch2: Tensor): Tensor {
  check(op, "batch1 must be a 3D tensor", batch1, 3);
  check(op, "batch2 must be a 3D tensor", batch2, 3);
  const [a, b] = [batch1.shape, batch2.shape];
  if (a[0] !== b[0])
    throw makeError(
      RangeError,
      `batch1 and batch2 must have same number of batches, got ${a[0]} and ${b[0]}; ${op}: the shapes are ` +
        `${listed(a)} and ${listed(b)}`,
      { code: "ERR_SHAPE", op, shapes: [a, b] },
    );
  return batch1.matmul(batch2);
}

function check(op: string, sentence: string, x: Tensor, rank: number): void {
  handleOf(x, op);
  const { shape } = x;
  if (shape.length !== rank)
    throw makeError(
      RangeError,
      `${sentence}, got ${shape.length}-D tensor; ${op}: the shape is ${listed(shape)}`,
      {
        code: "ERR_SHAPE",
        op,
        shapes: [shape],
      },
    );
}

function sumOf(op: string, x: Tensor, product: Tensor, options: WeightedSumOptions | undefined): Tensor {
  if (x.dtype !== product.dtype)
    throw makeError(
      TypeError,
      `self and mat2 must have the same dtype, but got ${wordOf(x.dtype)} and ${wordOf(product.dtype)}; ` +
        `${op}: convert one with .to()`,
      { code: "ERR_DTYPE", op },
    );
  return weighted(op, x, product, options);
}

function weighted(op: string, x: Tensor, product: Tensor, options: WeightedSumOptions | undefined): Tensor {
  const { beta, alpha } = readOptions(op, options, defaults);
  for (const [name, value] of Object.entries({ beta, alpha }))
    if (typeof value !== "number")
      throw makeError(TypeError, `${op}: ${name} must be a number, got ${describe(value)}`, {
        code: "ERR_OPTION",
        op,
      });
  const shape = broadcastTo(op, x, product.shape);
  // Integers take the factors' whole parts, as in PyTorch.
  const factor = (value: number) => (isFloating(product.dtype) ? value : Math.trunc(value));
  const scaled = (part: Tensor, by: number) => (by === 1 ? part : part.mul(by));
  const term = scaled(product, factor(alpha));
  // Without x, its gradient is 0 rather than none.
  const never = () => full([], false, { dtype: "bool", device: x.device });
  const base = factor(beta) === 0 ? never().where(x, 0) : scaled(x, factor(beta));
  const label = op.slice(0, 1).toUpperCase() + op.slice(1);
  return named(base.expand(shape).add(term), label);
}

function broadcastTo(op: string, x: Tensor, shape: readonly number[]): readonly number[] {
  const own = x.shape;
  const fits =
    own.length <= shape.length &&
    own.every((size, i) => {
      const wanted = shape[shape.length - own.length + i]!;
      return size === wanted || size === 1;
    });
  if (!fits)
    throw makeError(
      RangeError,
      `${op}: input of shape ${listed(own)} is not expandable to the shape ${listed(shape)} of the product`,
      { code: "ERR_SHAPE", op, shapes: [own, [...shape]] },
    );
  return shape;
}
