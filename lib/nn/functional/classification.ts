import { isFloating, wordOf } from "../../dtype.js";
import { makeError } from "../../errors.js";
import { named } from "../../functional/history.js";
import { below, keepdim } from "../../functional/shares.js";
import { readOptions } from "../../options.js";
import { handleOf, type Tensor } from "../../tensor.js";
import {
  numberFrom,
  requireFloating,
  shapeError,
  sizes,
  tensorFrom,
  valueError,
  wholeFrom,
} from "./checks.js";
import { checkedWeight, classesFrom, gatherAlong, weightsOf } from "./classes.js";
import { linear } from "./linear.js";
import {
  lossDefaults,
  olderWords,
  reduced,
  reductionFrom,
  type LossOptions,
  type Reduction,
} from "./reduction.js";

// Losses of classes by their logarithmic probabilities.

/** Options of {@link nllLoss}. */
export interface NllLossOptions extends LossOptions {
  /** A factor for each class. */
  weight?: Tensor | null;
  /** The class that costs nothing and is not counted: -100 when left out. */
  ignoreIndex?: number;
}

/** Options of {@link crossEntropy}. */
export interface CrossEntropyOptions extends NllLossOptions {
  /** How much of the target is spread evenly over all classes, from 0 to 1. */
  labelSmoothing?: number;
}

/** Options of {@link linearCrossEntropy}. */
export interface LinearCrossEntropyOptions extends CrossEntropyOptions {
  /** Added to the products: the shape of the weights without its last size. */
  linearBias?: Tensor | null;
}

const nllDefaults: Readonly<Required<NllLossOptions>> = Object.freeze({
  ...lossDefaults,
  weight: null,
  ignoreIndex: -100,
});
const entropyDefaults: Readonly<Required<CrossEntropyOptions>> = Object.freeze({
  ...nllDefaults,
  labelSmoothing: 0,
});
const linearDefaults = Object.freeze({
  ...entropyDefaults,
  ignoreIndex: undefined as number | undefined,
  linearBias: null as Tensor | null,
});

interface Picked {
  /** The negative logarithm of the target's class, times its weight; 0 where it is ignored. */
  losses: Tensor;
  /** The weights that a mean is divided by. */
  weights: Tensor;
  isIgnored: Tensor;
}

/** The dimension of the classes: the first of a vector, the second of everything else. */
const classDim = (x: Tensor) => (x.ndim === 1 ? 0 : 1);

/** What `target` picks; `logOf` turns elements of x, one for each class of the target, into logarithms. */
function picked(
  op: string,
  x: Tensor,
  target: Tensor,
  weight: Tensor | undefined,
  ignoreIndex: number,
  logOf = (elements: Tensor) => elements,
): Picked {
  const dim = classDim(x);
  const classes = classesFrom(op, target);
  const isIgnored = classes.eq(ignoreIndex);
  const index = isIgnored.where(0, classes);
  const weights =
    weight === undefined
      ? isIgnored.logicalNot().to(x.dtype)
      : isIgnored.where(0, weightsOf(op, x, dim, index, weight));
  const losses = isIgnored.where(0, logOf(gatherAlong(x, dim, index)).neg());
  return { losses: weight === undefined ? losses : losses.mul(weights), weights, isIgnored };
}

function requireClassShapes(op: string, input: Tensor, target: Tensor): void {
  const [of, to] = [input.shape, target.shape];
  if (of.length === 0)
    throw shapeError(
      op,
      `Expected 1 or more dimensions (got ${of.length})`,
      "give one number for each class",
      [of, to],
    );
  const wanted = of.filter((_, axis) => axis !== classDim(input));
  if (String(wanted) === String(to) && wanted.length === to.length) return;
  const sentence =
    of.length <= 2 && to.length > 1
      ? "0D or 1D target tensor expected, multi-target not supported"
      : of.length > 1 && of[0] !== to[0]
        ? `Expected input batch_size (${of[0]!}) to match target batch_size (${to[0] ?? 1}).`
        : `Expected target size ${sizes(wanted)}, got ${sizes(to)}`;
  throw shapeError(op, sentence, `an input of ${sizes(of)} has a target of ${sizes(wanted)}`, [of, to]);
}

function mean({ losses, weights }: Pick<Picked, "losses" | "weights">, reduction: Reduction): Tensor {
  return reduction === "mean" ? losses.sum().div(weights.sum()) : reduced(losses, reduction);
}

/**
 * The negative logarithm that the input has for the class of the target, times the weight of the class. Inputs are
 * logarithms of probabilities, `[C]`, `[N, C]` or `[N, C, d1, ...]`, as {@link logSoftmax} gives them, and targets have the
 * shape without C. The mean is divided by the sum of the weights. Where the target is `ignoreIndex`, the loss is 0 and is
 * not counted.
 *
 * A class out of range is an error (`ERR_INDEX`) when the result is read.
 * @throws RangeError (`ERR_SHAPE`, `ERR_VALUE`), TypeError (`ERR_DTYPE`) for a target that is not int64 or uint8, or a
 * weight of another dtype than the input's.
 */
export function nllLoss(input: Tensor, target: Tensor, options?: NllLossOptions): Tensor {
  const op = "nllLoss";
  const given = readOptions(op, options, nllDefaults, olderWords);
  const reduction = reductionFrom(op, given.reduction);
  const ignoreIndex = wholeFrom(op, "ignoreIndex", given.ignoreIndex);
  requireFloating(op, "nll_loss_out_frame", input);
  handleOf(target, op);
  requireClassShapes(op, input, target);
  const found = picked(op, input, target, tensorFrom(op, given.weight), ignoreIndex);
  return named(mean(found, reduction), input.ndim > 2 ? "NllLoss2D" : "NllLoss");
}

/**
 * The cross entropy of a target and softmax(input), over classes: the only dimension of the input or its second one, as in
 * {@link nllLoss}.
 *
 * The target is classes, in the shape of the input without that dimension, or their probabilities, floating and in the
 * shape of the input. With `labelSmoothing` s, it is mixed: 1 - s of the target, and s of the even distribution (Szegedy
 * et al., arXiv:1512.00567). The mean is divided by the sum of the weights of the target's classes; for probabilities by
 * the number of distributions.
 *
 * A class out of range is an error (`ERR_INDEX`) when the result is read.
 * @throws RangeError (`ERR_SHAPE`, `ERR_VALUE`), TypeError (`ERR_DTYPE`).
 */
export function crossEntropy(input: Tensor, target: Tensor, options?: CrossEntropyOptions): Tensor {
  return entropy(
    "crossEntropy",
    input,
    target,
    readOptions("crossEntropy", options, entropyDefaults, olderWords),
  );
}

function entropy(op: string, input: Tensor, target: Tensor, given: Required<CrossEntropyOptions>): Tensor {
  const reduction = reductionFrom(op, given.reduction);
  const ignoreIndex = wholeFrom(op, "ignoreIndex", given.ignoreIndex);
  const smoothing = numberFrom(op, "labelSmoothing", given.labelSmoothing);
  if (!(smoothing >= 0 && smoothing <= 1))
    throw valueError(
      op,
      `label_smoothing must be between 0.0 and 1.0. Got: ${smoothing}`,
      "it is the part that is spread over all classes",
    );
  requireFloating(op, "log_softmax_lastdim_kernel_impl", input);
  handleOf(target, op);
  const weight = tensorFrom(op, given.weight);
  if (input.ndim > 0 && String(input.shape) === String(target.shape) && input.ndim === target.ndim)
    return ofProbabilities(op, input, target, weight, ignoreIndex, reduction, smoothing);
  requireClassShapes(op, input, target);
  const dim = classDim(input);
  const { axes, largest, shifted } = below(op, "log_softmax", input, dim, undefined);
  const logSum = shifted.exp().sum(axes, keepdim).log();
  const logOf = (elements: Tensor) => elements.sub(largest?.squeeze(dim) ?? 0).sub(logSum.squeeze(dim));
  const found = picked(op, input, target, weight, ignoreIndex, logOf);
  if (smoothing === 0) return named(mean(found, reduction), input.ndim > 2 ? "NllLoss2D" : "NllLoss");
  const { losses, weights, isIgnored } = found;
  const logs = shifted.sub(logSum);
  const spread = isIgnored.where(0, weighted(op, logs, weight).sum(dim).neg());
  const mixed = losses.mul(1 - smoothing).add(spread.mul(smoothing / input.shape[dim]!));
  return mean({ losses: mixed, weights }, reduction);
}

/** Logarithms, each times the weight of its class. */
function weighted(op: string, logs: Tensor, weight: Tensor | undefined): Tensor {
  const dim = classDim(logs);
  const factors = checkedWeight(op, logs, dim, weight);
  if (factors === undefined) return logs;
  return logs.mul(factors.reshape(logs.shape.map((size, axis) => (axis === dim ? size : 1))));
}

function ofProbabilities(
  op: string,
  input: Tensor,
  target: Tensor,
  weight: Tensor | undefined,
  ignoreIndex: number,
  reduction: Reduction,
  smoothing: number,
): Tensor {
  if (!isFloating(target.dtype))
    throw makeError(
      TypeError,
      `Expected floating point type for target with class probabilities, got ${wordOf(target.dtype)}; ${op}: classes have the shape of the input without its dimension of classes`,
      { code: "ERR_DTYPE", op },
    );
  if (ignoreIndex >= 0)
    throw valueError(
      op,
      "ignore_index is not supported for floating point target",
      "give probabilities of 0 to what is to cost nothing",
    );
  const dim = classDim(input);
  const count = input.shape[dim]!;
  const mixed = smoothing === 0 ? target : target.mul(1 - smoothing).add(smoothing / count);
  const losses = weighted(op, input.logSoftmax(dim), weight).mul(mixed).sum(dim).neg();
  return reduced(losses, reduction);
}

/**
 * {@link crossEntropy} of input times the weights, transposed, plus a bias: of `[D]` or `[N, D]` with weights of `[C, D]`,
 * or of `[N, D]` with `[C, d1, ..., D]`, which gives `[N, C, d1, ...]`.
 * @throws RangeError (`ERR_SHAPE`) for other shapes, (`ERR_VALUE`) for an `ignoreIndex` where the target is probabilities.
 */
export function linearCrossEntropy(
  input: Tensor,
  linearWeight: Tensor,
  target: Tensor,
  options?: LinearCrossEntropyOptions,
): Tensor {
  const op = "linearCrossEntropy";
  const { linearBias, ignoreIndex, ...rest } = readOptions(op, options, linearDefaults, {
    ...olderWords,
    options: "kernels are fused anyway, there are no chunks to choose",
  });
  for (const x of [input, linearWeight, target]) handleOf(x, op);
  const [of, by] = [input.shape, linearWeight.shape];
  const refuse = (sentence: string, hint: string) => shapeError(op, sentence, hint, [of, by]);
  if (of.length < 1 || of.length > 2)
    throw refuse(
      `expected input with dimensionality 1 or 2, got ${of.length}`,
      "flatten the dimensions before the last",
    );
  if (by.length < 2)
    throw refuse(
      `expected linear_weight with dimensionality at least 2, got ${by.length}`,
      "give a row for each class",
    );
  if (of.at(-1) !== by.at(-1))
    throw refuse(
      `expected equal input and linear_weight last dimensions (in_features), got ${of.at(-1)!} and ${by.at(-1)!}, respectively`,
      "rows of weights are as long as the input's",
    );
  const bias = tensorFrom(op, linearBias);
  const rows = by.slice(0, -1);
  if (bias && String(bias.shape) !== String(rows))
    throw refuse(
      `expected linear_bias shape (${rows.join(", ")}${rows.length === 1 ? "," : ""}), got (${bias.shape.join(", ")}${bias.ndim === 1 ? "," : ""})`,
      "give one number for each row of weights",
    );
  if (rows.length > 1 && of.length === 1)
    throw refuse(
      `K-dimensional loss defined by linear_weight shape (${by.join(", ")}) requires batched input, (N, ${of[0]!}), got unbatched input with shape (${of[0]!},)`,
      "use unsqueeze(0)",
    );
  const shape = [...of.slice(0, -1), ...rows];
  if (ignoreIndex !== undefined && String(target.shape) === String(shape))
    throw valueError(
      op,
      "ignore_index cannot be specified when target contains probabilities",
      "give probabilities of 0 to what is to cost nothing",
    );
  const flat = linear(input, linearWeight.reshape([-1, by.at(-1)!]), {
    bias: bias?.reshape(-1) ?? null,
  });
  return entropy(op, flat.reshape(shape), target, { ...rest, ignoreIndex: ignoreIndex ?? -100 });
}
