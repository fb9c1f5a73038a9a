import { computedDtype, isFloating } from "../../dtype.js";
import { axesOf } from "../../functional/axes.js";
import { normOver } from "../../functional/norms.js";
import { noGrad } from "../../gradients.js";
import { ones, zeros } from "../../creation.js";
import { makeError } from "../../errors.js";
import { positionsAlong } from "../../functional/places.js";
import { named } from "../../functional/history.js";
import { describe, readOptions } from "../../options.js";
import { handleOf, recordRoutine, type Tensor } from "../../tensor.js";
import {
  flagFrom,
  indicesFrom,
  numberFrom,
  shapeError,
  sizes,
  tensorFrom,
  valueError,
  wholeFrom,
} from "./checks.js";

// Rows of a matrix by their numbers.

/** Options of {@link embedding}. */
export interface EmbeddingOptions {
  /** A row that gets no gradient; negative ones count from the end. */
  paddingIdx?: number | null;
  /** Rows that are used and longer than that are shortened to it first, in place. */
  maxNorm?: number | null;
  /** Which norm that is: the 2-norm when left out. */
  normType?: number;
  /** Divide the gradient of a row by how often it is used. */
  scaleGradByFreq?: boolean;
}

/** Options of {@link embeddingBag}. */
export interface EmbeddingBagOptions extends EmbeddingOptions {
  /** Where each bag begins in a vector of numbers, in ascending order; the first is 0. */
  offsets?: Tensor | null;
  /** What becomes of the rows of a bag; `"mean"` when left out. */
  mode?: "sum" | "mean" | "max";
  /** A factor for each row, in the shape of the numbers; with `"sum"` alone. */
  perSampleWeights?: Tensor | null;
  /** Whether the last of the offsets is the end of the last bag. */
  includeLastOffset?: boolean;
}

type Mode = Required<EmbeddingBagOptions>["mode"];
const defaults: Readonly<Required<EmbeddingOptions>> = Object.freeze({
  paddingIdx: null,
  maxNorm: null,
  normType: 2,
  scaleGradByFreq: false,
});
const bagDefaults: Readonly<Required<EmbeddingBagOptions>> = Object.freeze({
  ...defaults,
  offsets: null,
  mode: "mean",
  perSampleWeights: null,
  includeLastOffset: false,
});
const refused: Record<string, string> = Object.freeze({ sparse: "gradients are dense" });
const whole = ["int64", "int32"];

/** How often each row is used. */
function usesOf(weight: Tensor, index: Tensor): Tensor {
  const { dtype, device } = weight;
  const each = ones([index.numel()], { dtype, device });
  return zeros([weight.shape[0]!], { dtype, device }).scatterAdd(0, index, each);
}

/** Shortens the rows that are used, in place. */
function shorten(op: string, weight: Tensor, index: Tensor, given: Required<EmbeddingOptions>): void {
  if (given.maxNorm === null) return;
  const longest = numberFrom(op, "maxNorm", given.maxNorm);
  const p = numberFrom(op, "normType", given.normType);
  noGrad(() => {
    const length = normOver(op, weight, p, axesOf(op, weight, [1]), true);
    const isLong = usesOf(weight, index).gt(0).unsqueeze(1).logicalAnd(length.gt(longest));
    weight.copy_(isLong.where(weight.mul(length.add(1e-7).reciprocal().mul(longest)), weight));
  });
}

/** The number of a row that is padding, from 0 on; none is -1. */
function paddingOf(op: string, weight: Tensor, given: number | null): number {
  if (given === null) return -1;
  const rows = weight.shape[0]!;
  const index = wholeFrom(op, "paddingIdx", given);
  if (index < -rows || index >= rows)
    throw valueError(
      op,
      `Padding_idx must be within num_embeddings`,
      `paddingIdx is ${index}, and there are ${rows} rows`,
    );
  return index < 0 ? index + rows : index;
}

/** Rows by a vector of numbers, with the gradient that the options ask for. */
function rowsOf(weight: Tensor, index: Tensor, padding: number, scalesGrad: boolean): Tensor {
  const rows = weight.indexSelect(0, index);
  if (padding < 0 && !scalesGrad) return rows;
  const fixed = rows.detach();
  const share = scalesGrad ? usesOf(weight, index).indexSelect(0, index).unsqueeze(1).reciprocal() : 1;
  // This is 0; it has the gradient alone.
  const change = rows.sub(fixed).mul(share);
  return fixed.add(padding < 0 ? change : index.eq(padding).unsqueeze(1).where(0, change));
}

function requireMatrix(op: string, weight: Tensor): void {
  if (weight.ndim === 2) return;
  throw shapeError(op, `'weight' must be 2-D`, `it is ${weight.ndim}-D; it has a row for each number`, [
    weight.shape,
  ]);
}

/**
 * The rows of a matrix `[V, D]` that whole numbers name: of numbers in any shape to that shape with D at its end. A number
 * out of range is an error (`ERR_INDEX`) when the result is read.
 * @throws RangeError (`ERR_SHAPE`) for a weight that is no matrix, (`ERR_VALUE`) for a `paddingIdx` that is no row, TypeError
 * (`ERR_DTYPE`) unless the numbers are int64 or int32.
 */
export function embedding(input: Tensor, weight: Tensor, options?: EmbeddingOptions): Tensor {
  const op = "embedding";
  const given = readOptions(op, options, defaults, refused);
  const numbers = indicesFrom(op, "indices", input, whole);
  handleOf(weight, op);
  requireMatrix(op, weight);
  const padding = paddingOf(op, weight, given.paddingIdx);
  const scalesGrad = flagFrom(op, "scaleGradByFreq", given.scaleGradByFreq);
  const index = numbers.reshape(-1);
  shorten(op, weight, index, given);
  const rows = rowsOf(weight, index, padding, scalesGrad);
  return named(rows.reshape([...input.shape, weight.shape[1]!]), "Embedding");
}

/**
 * Sums, means or the largest elements of bags of rows of a matrix `[V, D]`: `[B, D]`. Numbers in the shape `[B, n]` are bags
 * of n rows each; a vector of numbers has `offsets`, a vector that says where each bag begins. An empty bag gives zeros.
 * Rows of `paddingIdx` are not in the bag. A number or an offset out of range is an error (`ERR_INDEX`) when the result is
 * read.
 * @throws RangeError (`ERR_SHAPE`) for other shapes, (`ERR_VALUE`) for another mode or a `paddingIdx` that is no row,
 * TypeError (`ERR_ARGUMENT`) for offsets missing, or beside bags of n rows each, or options that do not go with the mode;
 * (`ERR_DTYPE`) unless the numbers are int64 or int32.
 */
export function embeddingBag(input: Tensor, weight: Tensor, options?: EmbeddingBagOptions): Tensor {
  const op = "embeddingBag";
  const given = readOptions(op, options, bagDefaults, refused);
  const { mode } = given;
  const numbers = indicesFrom(op, "indices", input, whole);
  handleOf(weight, op);
  const offsets = tensorFrom(op, given.offsets);
  const factors = tensorFrom(op, given.perSampleWeights);
  const hasEnd = flagFrom(op, "includeLastOffset", given.includeLastOffset);
  const scalesGrad = flagFrom(op, "scaleGradByFreq", given.scaleGradByFreq);
  const refuse = (sentence: string, hint: string) =>
    makeError(TypeError, `${sentence}; ${op}: ${hint}`, { code: "ERR_ARGUMENT", op });
  const { shape } = input;
  if (factors && String(factors.shape) !== String(shape))
    throw shapeError(
      op,
      `embedding_bag: If per_sample_weights (${sizes(factors.shape)}) is not None, then it must have the same shape as the input (${sizes(shape)})`,
      "give a factor for each number",
      [shape, factors.shape],
    );
  if (weight.ndim !== 2)
    throw shapeError(
      op,
      `weight has to be a 2D Tensor, but got Tensor of dimension ${weight.ndim}`,
      "it has a row for each number",
      [weight.shape],
    );
  if (shape.length !== 1 && shape.length !== 2)
    throw shapeError(
      op,
      `input has to be 1D or 2D Tensor, but got Tensor of dimension ${shape.length}`,
      "use reshape",
      [shape],
    );
  if (shape.length === 2 && offsets)
    throw refuse(
      "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed length sequences.",
      "leave the offsets out",
    );
  if (shape.length === 1 && offsets?.ndim !== 1)
    throw refuse(
      offsets ? "offsets has to be a 1D Tensor" : "offsets has to be a 1D Tensor but got None",
      "say where each bag begins",
    );
  if (!(["sum", "mean", "max"] as unknown[]).includes(mode))
    throw valueError(op, "mode has to be one of sum, mean or max", `it is ${describe(mode)}`);
  if (mode === "max" && scalesGrad)
    throw refuse("max mode does not support scaling the gradient by the frequency", "use mean or sum");
  if (factors && mode !== "sum")
    throw refuse(
      `embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum' (got mode='${mode}').`,
      "use sum",
    );
  if (offsets && hasEnd && offsets.shape[0] === 0)
    throw refuse(
      "include_last_offset: number of offsets should be at least 1",
      "say where the last bag ends",
    );
  const padding = paddingOf(op, weight, given.paddingIdx);
  const starts = offsets && indicesFrom(op, "offsets", offsets, whole);
  const index = numbers.reshape(-1);
  shorten(op, weight, index, given);
  // All rows of bags of one size, as they are, need not be laid side by side first.
  const size = shape[1] ?? 0;
  if (size > 0 && padding < 0 && !scalesGrad && !factors && mode !== "max" && isFloating(weight.dtype)) {
    const [sums] = recordRoutine("embeddingBag", [weight.to(computedDtype(weight.dtype)), numbers]);
    return named((mode === "sum" ? sums! : sums!.div(size)).to(weight.dtype), "EmbeddingBag");
  }
  const plain = rowsOf(weight, index, padding, scalesGrad).to(computedDtype(weight.dtype));
  const rows = factors ? plain.mul(factors.reshape([-1, 1])) : plain;
  const isIn = index.ne(padding);
  const bags = starts ? bagsOf(starts, index.numel(), hasEnd) : undefined;
  const result = bags
    ? ofVector(rows, isIn, bags, mode)
    : ofMatrix(rows.reshape([...shape, weight.shape[1]!]), isIn.reshape(shape), mode);
  return named(result.to(weight.dtype), "EmbeddingBag");
}

interface Bags {
  count: number;
  /** The bag of each element of the vector; what is beyond the last end has a bag of its own, after all others. */
  ids: Tensor;
}

function bagsOf(starts: Tensor, length: number, hasEnd: boolean): Bags {
  const given = starts.shape[0]!;
  const { device } = starts;
  const counts = zeros([length + 1], { dtype: "int64", device }).scatterAdd(
    0,
    starts,
    ones([given], { dtype: "int64", device }),
  );
  return {
    count: hasEnd ? given - 1 : given,
    ids: counts.cumsum(0).narrow(0, 0, length).sub(1),
  };
}

function ofMatrix(rows: Tensor, isIn: Tensor, mode: Mode): Tensor {
  const mask = isIn.unsqueeze(2);
  if (rows.shape[1] === 0) return rows.sum(1);
  if (mode === "max") return largest(rows, mask);
  const sum = mask.where(rows, 0).sum(1);
  return mode === "sum" ? sum : sum.div(isIn.to(rows.dtype).sum(1, { keepdim: true }).clamp(1));
}

function ofVector(rows: Tensor, isIn: Tensor, { count, ids }: Bags, mode: Mode): Tensor {
  const { dtype, device, shape } = rows;
  const [length, columns] = shape as [number, number];
  if (mode === "max") {
    if (length === 0) return zeros([count, columns], { dtype, device }).add(rows.sum(0));
    const bag = zeros([count, 1], { dtype: "int64", device });
    const isHere = positionsAlong(bag, 0).eq(ids.unsqueeze(0)).logicalAnd(isIn.unsqueeze(0));
    return largest(rows.unsqueeze(0), isHere.unsqueeze(2));
  }
  const add = (values: Tensor) => {
    const width = values.shape[1]!;
    // One more for what is in no bag.
    const sums = zeros([count + 1, width], { dtype, device });
    return sums.scatterAdd(0, ids.unsqueeze(1).expand(length, width), values).narrow(0, 0, count);
  };
  const mask = isIn.unsqueeze(1);
  const sum = add(mask.where(rows, 0));
  return mode === "sum" ? sum : sum.div(add(mask.to(dtype)).clamp(1));
}

/** The largest rows along dimension 1 where a mask is true; 0 where it is nowhere. */
function largest(rows: Tensor, mask: Tensor): Tensor {
  const isSome = mask.any(1);
  return isSome.where(mask.where(rows, -Infinity).amax(1), 0);
}
