import { isFloating } from "../../dtype.js";
import { readOptions } from "../../options.js";
import { handleOf, type Tensor } from "../../tensor.js";
import { flagFrom, numberFrom, requireFloating, shapeError, tensorFrom, valueError } from "./checks.js";
import {
  lossDefaults,
  olderWords,
  reduced,
  reductionFrom,
  type LossOptions,
  type Reduction,
} from "./reduction.js";

// Losses of numbers. Inputs and targets broadcast.

/** Options of {@link mseLoss} and {@link l1Loss}. */
export interface WeightedLossOptions extends LossOptions {
  /** A factor for each element, in the shape of the input; the mean is one by weights. */
  weight?: Tensor | null;
}

/** Options of {@link smoothL1Loss}. */
export interface SmoothL1LossOptions extends LossOptions {
  /** The distance from which on the loss is linear. */
  beta?: number;
}

/** Options of {@link huberLoss}. */
export interface HuberLossOptions extends LossOptions {
  /** The distance from which on the loss is linear. */
  delta?: number;
  /** A factor for each element, in the shape of the input. */
  weight?: Tensor | null;
}

/** Options of {@link poissonNllLoss}. */
export interface PoissonNllLossOptions extends LossOptions {
  /** Whether the input is the logarithm of the expected count. */
  logInput?: boolean;
  /** Add Stirling's approximation of log(target!) where the target is greater than 1. */
  full?: boolean;
  /** Added to an input that is no logarithm, before its logarithm is taken. */
  eps?: number;
}

/** Options of {@link gaussianNllLoss}. */
export interface GaussianNllLossOptions extends LossOptions {
  /** Add the constant log(2 pi) / 2. */
  full?: boolean;
  /** The least variance. */
  eps?: number;
}

/** Options of {@link klDiv}. */
export interface KlDivOptions {
  /** What becomes of the losses of elements; `"batchmean"` is their sum divided by the size of the first dimension. */
  reduction?: Reduction | "batchmean";
  /** Whether the target is given by its logarithm, too. */
  logTarget?: boolean;
}

const weightedDefaults = Object.freeze({ ...lossDefaults, weight: undefined as Tensor | null | undefined });
const smoothDefaults = Object.freeze({ ...lossDefaults, beta: 1 });
const huberDefaults = Object.freeze({ ...weightedDefaults, delta: 1 });
const poissonDefaults = Object.freeze({ ...lossDefaults, logInput: true, full: false, eps: 1e-8 });
const gaussianDefaults = Object.freeze({ ...lossDefaults, full: false, eps: 1e-6 });
const klDefaults: Readonly<Required<KlDivOptions>> = Object.freeze({ reduction: "mean", logTarget: false });

/** input - target, floating. */
function difference(op: string, kernel: string, input: Tensor, target: Tensor): Tensor {
  handleOf(input, op);
  handleOf(target, op);
  const distance = input.sub(target);
  requireFloating(op, kernel, distance);
  return distance;
}

/** Weights in the shape of the input, if there are any. */
function weightsFrom(op: string, given: Tensor | null | undefined, input: Tensor): Tensor | undefined {
  const weight = tensorFrom(op, given);
  if (weight === undefined || String(weight.shape) === String(input.shape)) return weight;
  throw shapeError(op, "Weights and input must have the same size.", "expand the weights first", [
    input.shape,
    weight.shape,
  ]);
}

function weighted(losses: Tensor, weight: Tensor, reduction: Reduction): Tensor {
  const products = losses.mul(weight);
  return reduction === "mean" ? products.sum().div(weight.sum()) : reduced(products, reduction);
}

/**
 * (input - target)**2. With weights, the mean is the sum of the weighted losses divided by the sum of the weights.
 * @throws RangeError (`ERR_SHAPE`) where shapes do not broadcast or weights have another shape than the input,
 * (`ERR_VALUE`) for an unknown reduction, TypeError (`ERR_DTYPE`) unless one of the two is floating.
 */
export function mseLoss(input: Tensor, target: Tensor, options?: WeightedLossOptions): Tensor {
  const given = readOptions("mseLoss", options, weightedDefaults, olderWords);
  const reduction = reductionFrom("mseLoss", given.reduction);
  const losses = difference("mseLoss", "mse_cpu", input, target).square();
  const weight = weightsFrom("mseLoss", given.weight, input);
  return weight ? weighted(losses, weight, reduction) : reduced(losses, reduction, "MseLoss");
}

/** |input - target|, with a gradient of 0 where they are equal; weights and errors as in {@link mseLoss}. */
export function l1Loss(input: Tensor, target: Tensor, options?: WeightedLossOptions): Tensor {
  const given = readOptions("l1Loss", options, weightedDefaults, olderWords);
  const reduction = reductionFrom("l1Loss", given.reduction);
  const losses = difference("l1Loss", "l1_cpu", input, target).abs();
  const weight = weightsFrom("l1Loss", given.weight, input);
  return weight ? weighted(losses, weight, reduction) : reduced(losses, reduction);
}

/** d**2 / (2 * bend) where |d| is less than bend, |d| - bend / 2 elsewhere, times scale. */
function bent(d: Tensor, bend: number, scale: number): Tensor {
  const distance = d.abs();
  const isNear = distance.lt(bend);
  // Far away the square would overflow.
  const near = isNear
    .where(distance, 0)
    .square()
    .mul(scale / (2 * bend));
  return isNear.where(near, distance.sub(bend / 2).mul(scale));
}

/**
 * d**2 / (2 * beta) where |d| < beta, |d| - beta / 2 elsewhere, for d = input - target; beta is 1 when left out, and with
 * 0 it is {@link l1Loss}.
 * @throws RangeError (`ERR_VALUE`) for a negative beta; others as in {@link mseLoss}.
 */
export function smoothL1Loss(input: Tensor, target: Tensor, options?: SmoothL1LossOptions): Tensor {
  const given = readOptions("smoothL1Loss", options, smoothDefaults, olderWords);
  const reduction = reductionFrom("smoothL1Loss", given.reduction);
  const beta = numberFrom("smoothL1Loss", "beta", given.beta);
  if (!(beta >= 0))
    throw valueError(
      "smoothL1Loss",
      "smooth_l1_loss does not support negative values for beta.",
      `beta is ${beta}`,
    );
  const d = difference("smoothL1Loss", "smooth_l1_cpu", input, target);
  return beta === 0 ? reduced(d.abs(), reduction) : reduced(bent(d, beta, 1), reduction, "SmoothL1Loss");
}

/**
 * d**2 / 2 where |d| < delta, delta * (|d| - delta / 2) elsewhere, for d = input - target; delta is 1 when left out. The
 * mean of weighted losses is a plain one, as in PyTorch.
 * @throws RangeError (`ERR_VALUE`) unless delta is positive; others as in {@link mseLoss}.
 */
export function huberLoss(input: Tensor, target: Tensor, options?: HuberLossOptions): Tensor {
  const given = readOptions("huberLoss", options, huberDefaults, olderWords);
  const reduction = reductionFrom("huberLoss", given.reduction);
  const delta = numberFrom("huberLoss", "delta", given.delta);
  if (!(delta > 0))
    throw valueError(
      "huberLoss",
      "huber_loss does not support non-positive values for delta.",
      `delta is ${delta}`,
    );
  const losses = bent(difference("huberLoss", "huber_cpu", input, target), delta, delta);
  const weight = weightsFrom("huberLoss", given.weight, input);
  return weight ? reduced(losses.mul(weight), reduction) : reduced(losses, reduction, "HuberLoss");
}

/**
 * The negative log likelihood of counts by Poisson's distribution, without log(target!): e**input - target * input, or
 * input - target * log(input + eps) with `logInput: false`. eps is 1e-8 when left out. With `full`, Stirling's
 * target * log(target) - target + log(2 pi target) / 2 is added where the target is greater than 1.
 */
export function poissonNllLoss(input: Tensor, target: Tensor, options?: PoissonNllLossOptions): Tensor {
  const op = "poissonNllLoss";
  const given = readOptions(op, options, poissonDefaults, olderWords);
  const reduction = reductionFrom(op, given.reduction);
  const eps = numberFrom(op, "eps", given.eps);
  handleOf(input, op);
  handleOf(target, op);
  const losses = flagFrom(op, "logInput", given.logInput)
    ? input.exp().sub(target.mul(input))
    : input.sub(target.mul(input.add(eps).log()));
  if (!flagFrom(op, "full", given.full)) return reduced(losses, reduction);
  const isSmall = target.le(1);
  const count = isSmall.where(1, target);
  const factorial = count
    .mul(count.log())
    .sub(count)
    .add(
      count
        .mul(2 * Math.PI)
        .log()
        .mul(0.5),
    );
  return reduced(losses.add(isSmall.where(0, factorial)), reduction);
}

/**
 * The negative log likelihood of numbers by normal distributions with the input as mean:
 * (log(var) + (input - target)**2 / var) / 2. The variance is a number, or a tensor in the shape of the input, without its
 * last dimension, or with one dimension of size 1 instead. Variances less than eps (1e-6 when left out), negative ones
 * too, count as eps, but have the gradient of what eps is put in place of.
 * @throws RangeError (`ERR_SHAPE`) for a variance of another shape, (`ERR_VALUE`) for a negative number.
 */
export function gaussianNllLoss(
  input: Tensor,
  target: Tensor,
  variance: Tensor | number,
  options?: GaussianNllLossOptions,
): Tensor {
  const op = "gaussianNllLoss";
  const given = readOptions(op, options, gaussianDefaults);
  const reduction = reductionFrom(op, given.reduction);
  const eps = numberFrom(op, "eps", given.eps);
  const d = difference(op, "gaussian_nll_cpu", input, target);
  const spread = varianceOf(op, input, variance, eps);
  const losses = spread.log().add(d.square().div(spread)).mul(0.5);
  return reduced(
    flagFrom(op, "full", given.full) ? losses.add(0.5 * Math.log(2 * Math.PI)) : losses,
    reduction,
  );
}

function varianceOf(op: string, input: Tensor, given: Tensor | number, eps: number): Tensor {
  if (typeof given === "number") {
    if (!(given >= 0)) throw valueError(op, "var has negative entry/entries", `var is ${given}`);
    return input.detach().mul(0).add(Math.max(given, eps));
  }
  handleOf(given, op);
  const { shape } = input;
  const { shape: of } = given;
  let variance = given;
  if (String(of) !== String(shape)) {
    const different = shape.flatMap((size, i) => (size === of[i] ? [] : [of[i]]));
    if (String(of) === String(shape.slice(0, -1))) variance = given.unsqueeze(-1);
    else if (of.length !== shape.length || different.length !== 1 || different[0] !== 1)
      throw shapeError(
        op,
        "var is of incorrect size",
        "use the shape of the input, with 1 in place of its last size, or without it",
        [shape, of],
      );
  }
  if (!isFloating(variance.dtype)) variance = variance.to(input.dtype);
  const fixed = variance.detach();
  return variance.sub(fixed).add(fixed.clamp(eps));
}

/**
 * The Kullback-Leibler divergence of distributions, the input by its logarithm: target * (log(target) - input), which is 0
 * where the target is 0; with `logTarget` e**target * (target - input). What is called the mean divides by all elements,
 * `"batchmean"` by the first dimension alone.
 */
export function klDiv(input: Tensor, target: Tensor, options?: KlDivOptions): Tensor {
  const op = "klDiv";
  const { reduction: given, logTarget } = readOptions(op, options, klDefaults, olderWords);
  const reduction = reductionFrom(op, given, ["mean", "sum", "none", "batchmean"]) as Reduction | "batchmean";
  handleOf(input, op);
  handleOf(target, op);
  const losses = flagFrom(op, "logTarget", logTarget)
    ? target.exp().mul(target.sub(input))
    : entropyOf(target).sub(target.mul(input));
  if (reduction !== "batchmean") return reduced(losses, reduction);
  const { shape } = input;
  return shape.length === 0 ? losses.sum() : losses.sum().div(shape[0]!);
}

/** x * log(x), and 0 at 0. */
function entropyOf(x: Tensor): Tensor {
  const isZero = x.eq(0);
  const safe = isZero.where(1, x);
  return isZero.where(0, safe.mul(safe.log()));
}
