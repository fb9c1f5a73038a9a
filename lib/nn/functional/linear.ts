import { makeError } from "../../errors.js";
import { wordOf } from "../../dtype.js";
import { named } from "../../functional/history.js";
import { readOptions } from "../../options.js";
import { handleOf, type Tensor } from "../../tensor.js";
import { shapeError, tensorFrom } from "./checks.js";

// Products with weights.

/** Options of {@link linear} and {@link bilinear}. */
export interface BiasOptions {
  /** Added to the products: a number for each output. */
  bias?: Tensor | null;
}

const biasDefaults = Object.freeze({ bias: undefined as Tensor | null | undefined });

function added(op: string, products: Tensor, given: Tensor | null | undefined): Tensor {
  const bias = tensorFrom(op, given);
  if (bias === undefined) return products;
  const sum = products.add(bias);
  if (sum.ndim !== products.ndim || String(sum.shape) !== String(products.shape))
    throw shapeError(
      op,
      `The expanded size of the tensor must match the existing size. Target sizes: [${products.shape.join(", ")}]. Tensor sizes: [${bias.shape.join(", ")}]`,
      "a bias has a number for each output",
      [products.shape, bias.shape],
    );
  return sum;
}

/**
 * x times the weights, transposed, plus a bias: of `[..., n]` with weights of `[m, n]` and a bias of `[m]` to `[..., m]`.
 * Weights of `[n]` give `[...]`.
 * @throws RangeError (`ERR_SHAPE`) where the shapes do not fit.
 */
export function linear(x: Tensor, weight: Tensor, options?: BiasOptions): Tensor {
  const { bias } = readOptions("linear", options, biasDefaults);
  handleOf(x, "linear");
  handleOf(weight, "linear");
  const [of, by] = [x.shape, weight.shape];
  if (by.length > 2)
    throw shapeError(
      "linear",
      `t() expects a tensor with <= 2 dimensions, but self is ${by.length}D`,
      "weights have a row for each output",
      [of, by],
    );
  if (of.length === 0 || by.length === 0)
    throw shapeError(
      "linear",
      `both arguments to linear need to be at least 1D, but they are ${of.length}D and ${by.length}D`,
      "use unsqueeze",
      [of, by],
    );
  if (of.at(-1) !== by.at(-1))
    throw shapeError(
      "linear",
      `mat1 and mat2 shapes cannot be multiplied (${of.slice(0, -1).reduce((a, b) => a * b, 1)}x${of.at(-1)!} and ${by.at(-1)!}x${by.length > 1 ? by[0]! : 1})`,
      "rows of weights are as long as the last dimension of x",
      [of, by],
    );
  const result = added("linear", x.matmul(weight.T), bias);
  return bias && of.length === 2 && by.length === 2 ? named(result, "Addmm") : result;
}

/**
 * x1' A x2 for the matrix A of each output, plus a bias: of `[..., n]` and `[..., m]` with weights of `[k, n, m]` and a
 * bias of `[k]` to `[..., k]`.
 * @throws RangeError (`ERR_SHAPE`) where the shapes do not fit, TypeError (`ERR_DTYPE`) for different dtypes.
 */
export function bilinear(x1: Tensor, x2: Tensor, weight: Tensor, options?: BiasOptions): Tensor {
  const { bias } = readOptions("bilinear", options, biasDefaults);
  for (const x of [x1, x2, weight]) handleOf(x, "bilinear");
  const [first, second, by] = [x1.shape, x2.shape, weight.shape];
  const refuse = (sentence: string, hint: string) =>
    shapeError("bilinear", `bilinear(): ${sentence}`, hint, [first, second, by]);
  if (by.length !== 3) throw refuse(`weight must be 3D, got ${by.length}D`, "give a matrix for each output");
  if (first.length === 0 || first.length !== second.length)
    throw refuse(
      `input dimensions do not match: got ${first.length} and ${second.length}`,
      "both inputs are vectors, or batches of one shape",
    );
  first.slice(0, -1).forEach((size, dim) => {
    if (size !== second[dim])
      throw refuse(
        `input batch dimensions do not match at dim ${dim}: got ${size} and ${second[dim]!}`,
        "both inputs are batches of one shape",
      );
  });
  [first, second].forEach((shape, i) => {
    if (shape.at(-1) !== by[i + 1])
      throw refuse(
        `input${i + 1} size does not match weight size: got ${shape.at(-1)!} but expected ${by[i + 1]!}`,
        "weights have a row for each element of the first input, a column for each of the second",
      );
  });
  if (x1.dtype !== x2.dtype || x1.dtype !== weight.dtype)
    throw makeError(
      TypeError,
      `expected scalar type ${wordOf(x1.dtype)} but found ${wordOf(x1.dtype === x2.dtype ? weight.dtype : x2.dtype)}; bilinear: convert with .to(x1)`,
      { code: "ERR_DTYPE", op: "bilinear" },
    );
  const [outputs, rows, columns] = by as [number, number, number];
  const batch = first.slice(0, -1);
  const left = x1.matmul(weight.permute(1, 0, 2).reshape([rows, outputs * columns]));
  const products = left.reshape([...batch, outputs, columns]).mul(x2.unsqueeze(-2));
  return added("bilinear", products.sum(-1), bias);
}
