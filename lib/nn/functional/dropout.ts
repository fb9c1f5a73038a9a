import { rand } from "../../creation.js";
import { computedDtype, finfo } from "../../dtype.js";
import { axesOf } from "../../functional/axes.js";
import { named } from "../../functional/history.js";
import { positionsAlong } from "../../functional/places.js";
import { readOptions } from "../../options.js";
import type { Tensor } from "../../tensor.js";
import { flagFrom, numberFrom, requireFloating, shapeError, valueError, withoutInplace } from "./checks.js";

// Functions that draw. What is drawn is fixed by manualSeed and the order of calls.

/** Options of {@link dropout} and its kin. */
export interface DropoutOptions {
  /** The probability to be dropped: 0.5 when left out. */
  p?: number;
  /** Whether anything is dropped; true for dropout and its dimensions when left out, false for the alpha ones. */
  training?: boolean;
}

/** Options of {@link gumbelSoftmax}. */
export interface GumbelSoftmaxOptions {
  /** The temperature; 1 when left out. */
  tau?: number;
  /** Give 1 to the largest share and 0 to the others, with the gradient of the shares. */
  hard?: boolean;
  /** The dimension of classes; the last one when left out. */
  dim?: number;
}

const dropoutDefaults = Object.freeze({ p: 0.5, training: true });
const alphaDefaults = Object.freeze({ p: 0.5, training: false });
const gumbelDefaults = Object.freeze({ tau: 1, hard: false, dim: -1 });
/** Where {@link selu} ends far below 0, negated. */
const alpha = 1.7580993408473766;

/** The probability, and whether anything is dropped. */
function read(
  op: string,
  x: Tensor,
  options: DropoutOptions | undefined,
  defaults: Readonly<Required<DropoutOptions>>,
): { p: number; isIdle: boolean } {
  const given = readOptions(op, options, defaults, withoutInplace);
  requireFloating(op, "dropout", x);
  const p = numberFrom(op, "p", given.p);
  if (!(p >= 0 && p <= 1))
    throw valueError(
      op,
      `dropout probability has to be between 0 and 1, but got ${p}`,
      "it is the part that is dropped",
    );
  const training = flagFrom(op, "training", given.training);
  return { p, isIdle: !training || p === 0 };
}

/** Which numbers of a shape are kept; each is dropped with probability p. */
function kept(x: Tensor, shape: number[], p: number): Tensor {
  return rand(shape, { dtype: computedDtype(x.dtype), device: x.device }).ge(p);
}

/** A number for each feature: each example's channel. */
const ofFeatures = (shape: number[]): number[] => shape.map((size, axis) => (axis < 2 ? size : 1));

/** x with what is dropped 0, and the rest divided by the part that is kept. */
function dropped(x: Tensor, shape: number[], p: number): Tensor {
  return p === 1 ? x.mul(0) : named(kept(x, shape, p).where(x.mul(1 / (1 - p)), 0), "Mul");
}

/**
 * x with elements set to 0 with probability p, 0.5 when left out, and the others divided by 1 - p; x without `training`
 * (Hinton et al., arXiv:1207.0580). Floating.
 * @throws RangeError (`ERR_VALUE`) for a p outside [0, 1].
 */
export function dropout(x: Tensor, options?: DropoutOptions): Tensor {
  const { p, isIdle } = read("dropout", x, options, dropoutDefaults);
  return isIdle ? x.clone() : dropped(x, x.shape, p);
}

function features(
  op: string,
  x: Tensor,
  options: DropoutOptions | undefined,
  counts: readonly [number, number],
  needsBatch: boolean,
): Tensor {
  const { p, isIdle } = read(op, x, options, dropoutDefaults);
  const { shape } = x;
  if (!counts.includes(shape.length))
    throw shapeError(
      op,
      `${op}: Expected ${counts[0]}D or ${counts[1]}D input, but received a ${shape.length}D input.`,
      "whole channels are dropped: give them a batch, or use dropout",
      [shape],
    );
  if (isIdle) return x.clone();
  const isBatched = needsBatch || shape.length === counts[1];
  const mask = isBatched ? ofFeatures(shape) : shape.map((size, axis) => (axis < 1 ? size : 1));
  return dropped(x, mask, p);
}

/** {@link dropout} of whole channels of `[N, C, L]` or `[C, L]`. */
export function dropout1d(x: Tensor, options?: DropoutOptions): Tensor {
  return features("dropout1d", x, options, [2, 3], false);
}

/** {@link dropout} of whole channels of `[N, C, H, W]`, or of `[N, C, L]`, as in PyTorch. */
export function dropout2d(x: Tensor, options?: DropoutOptions): Tensor {
  return features("dropout2d", x, options, [3, 4], true);
}

/** {@link dropout} of whole channels of `[N, C, D, H, W]` or `[C, D, H, W]`. */
export function dropout3d(x: Tensor, options?: DropoutOptions): Tensor {
  return features("dropout3d", x, options, [4, 5], false);
}

/** What is dropped goes to where selu ends, and everything is moved so that mean and variance stay 0 and 1. */
function alphaDropped(x: Tensor, shape: number[], p: number): Tensor {
  if (p === 1) return x.mul(0);
  const scale = 1 / Math.sqrt((alpha * alpha * p + 1) * (1 - p));
  const mask = kept(x, shape, p);
  const shift = scale * alpha * p;
  return mask.where(x.mul(scale).add(shift), shift - scale * alpha);
}

/**
 * Dropout for {@link selu}: elements become -1.7581 with probability p, and everything is scaled and moved so that a mean of 0
 * and a variance of 1 stay (Klambauer et al., arXiv:1706.02515). Nothing is dropped unless `training` says so. Floating.
 */
export function alphaDropout(x: Tensor, options?: DropoutOptions): Tensor {
  const { p, isIdle } = read("alphaDropout", x, options, alphaDefaults);
  return isIdle ? x.clone() : alphaDropped(x, x.shape, p);
}

/** {@link alphaDropout} of whole channels of `[N, C, ...]`. */
export function featureAlphaDropout(x: Tensor, options?: DropoutOptions): Tensor {
  const { p, isIdle } = read("featureAlphaDropout", x, options, alphaDefaults);
  const { shape } = x;
  if (shape.length < 2)
    throw shapeError(
      "featureAlphaDropout",
      "Feature dropout requires at least 2 dimensions in the input",
      "whole channels are dropped: use alphaDropout",
      [shape],
    );
  return isIdle ? x.clone() : alphaDropped(x, ofFeatures(shape), p);
}

/**
 * softmax((logits + g) / tau) along `dim`, where g are numbers of Gumbel's distribution: a smooth draw of a class with the
 * probabilities softmax(logits) (Jang et al., arXiv:1611.01144). With `hard`, the draw itself, of ones and zeros, with the
 * gradient of the smooth one. tau is 1 when left out, and the dimension the last one. Floating.
 */
export function gumbelSoftmax(logits: Tensor, options?: GumbelSoftmaxOptions): Tensor {
  const op = "gumbelSoftmax";
  const given = readOptions(op, options, gumbelDefaults, { eps: "it has no effect in PyTorch" });
  requireFloating(op, "softmax_lastdim_kernel_impl", logits);
  const tau = numberFrom(op, "tau", given.tau);
  const isHard = flagFrom(op, "hard", given.hard);
  const axis = axesOf(op, logits, [given.dim])[0];
  const { dtype, device, shape } = logits;
  // 1 less a number of [0, 1) is not 0. Of two numbers the larger one is not 1 with any probability to speak of; where it
  // is, its class is not chosen.
  const exponential = rand(shape, { dtype, device }).neg().log1p().neg();
  const least = finfo(dtype).tiny;
  const shares = logits.sub(exponential.clamp(least).log()).div(tau).softmax(given.dim);
  if (!isHard) return shares;
  if (axis === undefined) return shares.sub(shares.detach()).add(1);
  const fixed = shares.detach();
  const places = positionsAlong(fixed, axis);
  const size = shape[axis]!;
  if (size === 0) return shares;
  const keepdim = { keepdim: true };
  const first = fixed.eq(fixed.amax(axis, keepdim)).where(places, size).amin(axis, keepdim);
  return places.eq(first).where(1, fixed.mul(0)).add(shares.sub(fixed));
}
