import { computedDtype } from "../../dtype.js";
import { noGrad } from "../../gradients.js";
import { realize } from "../../engine.js";
import { makeError } from "../../errors.js";
import { named } from "../../functional/history.js";
import { readOptions } from "../../options.js";
import type { Tensor } from "../../tensor.js";
import { flagFrom, numberFrom, requireFloating, shapeError, sizes, valueError } from "./checks.js";
import { normDefaults, perChannel, scaledAndShifted, standardized } from "./norms.js";

// Normalisation by statistics that are kept from call to call.

/** Options of {@link batchNorm}. */
export interface BatchNormOptions {
  /** A factor for each channel. */
  weight?: Tensor | null;
  /** Added to each channel. */
  bias?: Tensor | null;
  /** Take the statistics of the batch, and let the running ones follow them. */
  training?: boolean;
  /** How far running statistics go towards those of the batch. */
  momentum?: number;
  /** Added to the variance. */
  eps?: number;
}

/** Options of {@link instanceNorm}. */
export interface InstanceNormOptions {
  /** The mean of each channel so far. */
  runningMean?: Tensor | null;
  /** The variance of each channel so far. */
  runningVar?: Tensor | null;
  /** A factor for each channel. */
  weight?: Tensor | null;
  /** Added to each channel. */
  bias?: Tensor | null;
  /** Take the statistics of each example, and let the running ones follow them. */
  useInputStats?: boolean;
  /** How far running statistics go towards those of the examples. */
  momentum?: number;
  /** Added to the variance. */
  eps?: number;
}

const batchDefaults = Object.freeze({ ...normDefaults, training: false, momentum: 0.1 });
const instanceDefaults = Object.freeze({
  ...normDefaults,
  runningMean: undefined as Tensor | null | undefined,
  runningVar: undefined as Tensor | null | undefined,
  useInputStats: true,
  momentum: 0.1,
});

/**
 * Lets running statistics follow the mean and the variance (n - 1 as divisor) over some dimensions; where those are not all
 * but the channels', their means over the batch.
 *
 * They are computed now: nobody may read them for many steps, and until then they would keep the inputs of every step.
 */
function follow(
  x: Tensor,
  axes: readonly number[],
  mean: Tensor | undefined,
  variance: Tensor | undefined,
  momentum: number,
): void {
  const overBatch = (found: Tensor) => (axes.includes(0) ? found : found.mean(0));
  const moved = (old: Tensor, found: Tensor) =>
    old.copy_(old.mul(1 - momentum).add(overBatch(found), { alpha: momentum }));
  noGrad(() => {
    if (mean) moved(mean, x.mean(axes));
    if (variance) moved(variance, x.var(axes));
  });
  if (mean || variance) realize([x, mean, variance].filter((one) => one !== undefined));
}

/** x less a mean, divided by the square root of a variance plus eps, for each channel. */
function byRunning(x: Tensor, mean: Tensor, variance: Tensor, eps: number, shape: number[]): Tensor {
  const factor = variance.to(computedDtype(variance.dtype)).add(eps).rsqrt();
  return x.sub(mean.reshape(shape)).mul(factor.reshape(shape));
}

/**
 * x, `[N, C]` or `[N, C, ...]`, with mean 0 and variance 1 in each channel, times a weight, plus a bias, for each channel
 * (Ioffe and Szegedy, arXiv:1502.03167). The statistics are the running ones, or with `training` those of x; then running
 * ones that are given change in place: new = (1 - momentum) * old + momentum * that of x, with the number of elements less
 * one as divisor of the variance. momentum is 0.1 and eps, which is added to the variance, 1e-5 when left out. Floating.
 * @throws RangeError (`ERR_SHAPE`) for shapes that do not fit or, in training, one value per channel; (`ERR_VALUE`) for an eps
 * that is negative or, in training, 0; TypeError (`ERR_ARGUMENT`) without running statistics unless in training.
 */
export function batchNorm(
  x: Tensor,
  runningMean: Tensor | null,
  runningVar: Tensor | null,
  options?: BatchNormOptions,
): Tensor {
  const op = "batchNorm";
  const given = readOptions(op, options, batchDefaults);
  requireFloating(op, "batch_norm", x);
  const training = flagFrom(op, "training", given.training);
  const momentum = numberFrom(op, "momentum", given.momentum);
  const eps = numberFrom(op, "eps", given.eps);
  const { shape } = x;
  if (training ? !(eps > 0) : !(eps >= 0))
    throw valueError(
      op,
      training
        ? `batch_norm eps must be positive during training, but got ${eps}`
        : `batch_norm eps must be non-negative, but got ${eps}`,
      "it is added to the variance",
    );
  // PyTorch takes anything that is empty.
  if (shape.length < 2 && x.numel() > 0)
    throw shapeError(
      op,
      `expected at least 2D input (got ${shape.length}D input)`,
      "the channels are the second dimension",
      [shape],
    );
  const channels = shape[1] ?? 0;
  if (training && x.numel() === channels && channels > 0)
    throw shapeError(
      op,
      `Expected more than 1 value per channel when training, got input size ${sizes(shape)}`,
      "one value is always 0",
      [shape],
    );
  const [mean, variance, weight, bias] = Object.entries({
    running_mean: runningMean,
    running_var: runningVar,
    weight: given.weight,
    bias: given.bias,
  }).map(([name, tensor]) => perChannel(op, name, tensor, x, channels));
  if (!training && (mean === undefined || variance === undefined))
    throw makeError(
      TypeError,
      `${mean ? "running_var" : "running_mean"} must be defined in evaluation mode; ${op}: give it, or training: true`,
      { code: "ERR_ARGUMENT", op },
    );
  if (x.numel() === 0) return x.clone();
  const axes = shape.map((_, axis) => axis).filter((axis) => axis !== 1);
  const along = [channels, ...shape.slice(2).map(() => 1)];
  const wide = x.to(computedDtype(x.dtype));
  const even = training ? standardized(wide, axes, eps) : byRunning(wide, mean!, variance!, eps, along);
  const result = named(scaledAndShifted(even, weight, bias, along).to(x.dtype), "NativeBatchNorm");
  if (training) follow(wide, axes, mean, variance, momentum);
  return result;
}

/**
 * x, `[N, C, ...]`, with mean 0 and variance 1 in each channel of each example, times a weight, plus a bias, for each channel
 * (Ulyanov et al., arXiv:1607.08022). Running statistics that are given change in place as in {@link batchNorm}, by the means
 * of those of the examples; with `useInputStats: false` they are taken instead. Floating.
 * @throws RangeError (`ERR_SHAPE`) for shapes that do not fit, or examples of one value per channel; TypeError
 * (`ERR_ARGUMENT`) without the running statistics that are to be taken.
 */
export function instanceNorm(x: Tensor, options?: InstanceNormOptions): Tensor {
  const op = "instanceNorm";
  const given = readOptions(op, options, instanceDefaults);
  requireFloating(op, "instance_norm", x);
  const useInputStats = flagFrom(op, "useInputStats", given.useInputStats);
  const momentum = numberFrom(op, "momentum", given.momentum);
  const eps = numberFrom(op, "eps", given.eps);
  const { shape } = x;
  if (shape.length < 2)
    throw shapeError(
      op,
      `expected at least 2D input (got ${shape.length}D input)`,
      "the channels are the second dimension",
      [shape],
    );
  if (useInputStats && shape.slice(2).reduce((a, b) => a * b, 1) === 1)
    throw shapeError(
      op,
      `Expected more than 1 spatial element when training, got input size ${sizes(shape)}`,
      "one value is always 0",
      [shape],
    );
  const channels = shape[1]!;
  const [mean, variance, weight, bias] = Object.entries({
    running_mean: given.runningMean,
    running_var: given.runningVar,
    weight: given.weight,
    bias: given.bias,
  }).map(([name, tensor]) => perChannel(op, name, tensor, x, channels));
  if (!useInputStats && (mean === undefined || variance === undefined))
    throw makeError(
      TypeError,
      `Expected running_mean and running_var to be defined when use_input_stats is false; ${op}: give them`,
      { code: "ERR_ARGUMENT", op },
    );
  if (x.numel() === 0) return x.clone();
  const axes = shape.map((_, axis) => axis).slice(2);
  const along = [channels, ...axes.map(() => 1)];
  const wide = x.to(computedDtype(x.dtype));
  const even = useInputStats ? standardized(wide, axes, eps) : byRunning(wide, mean!, variance!, eps, along);
  const result = scaledAndShifted(even, weight, bias, along).to(x.dtype);
  if (useInputStats) follow(wide, axes, mean, variance, momentum);
  return result;
}
