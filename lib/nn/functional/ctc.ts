import { tensor, zeros } from "../../creation.js";
import { stack } from "../../joining.js";
import { arange } from "../../ranges.js";
import { makeError } from "../../errors.js";
import type { TypedArray } from "../../native.js";
import { describe, readOptions } from "../../options.js";
import { handleOf, isTensor, recordRoutine, type Tensor } from "../../tensor.js";
import {
  flagFrom,
  indicesFrom,
  requireFloating,
  shapeError,
  sizes,
  valueError,
  wholeFrom,
} from "./checks.js";
import { pickAlong } from "./classes.js";
import { lossDefaults, reduced, reductionFrom, type LossOptions } from "./reduction.js";

/** Options of {@link ctcLoss}. */
export interface CtcLossOptions extends LossOptions {
  /** The class that is no label; 0 when left out. */
  blank?: number;
  /** Give 0, without a gradient, where a target is too long for its input. */
  zeroInfinity?: boolean;
}

/** Lengths: a tensor of whole numbers, or a list of them. */
export type Lengths = Tensor | readonly number[];

const defaults: Readonly<Required<CtcLossOptions>> = Object.freeze({
  ...lossDefaults,
  blank: 0,
  zeroInfinity: false,
});
const op = "ctcLoss";

/** Lengths as numbers, one for each example. */
function lengthsFrom(name: string, given: Lengths, count: number, most: number): number[] {
  const list = isTensor(given)
    ? Array.from(indicesFrom(op, name, given, ["int64", "int32"]).reshape(-1).dataSync<TypedArray>(), Number)
    : given;
  if (!Array.isArray(list))
    throw makeError(TypeError, `${op}: ${name} must be a tensor or an array, got ${describe(given)}`, {
      code: "ERR_ARGUMENT",
      op,
    });
  const lengths = list as number[];
  if (lengths.length !== count)
    throw makeError(
      RangeError,
      `${name} must be of size batch_size; ${op}: there are ${lengths.length} lengths for ${count} examples`,
      { code: "ERR_SHAPE", op },
    );
  for (const length of lengths)
    if (!(wholeFrom(op, name, length) >= 0 && length <= most))
      throw valueError(
        op,
        `Expected ${name} to have value from 0 to ${most}, but got value ${length}`,
        "lengths count what is there",
      );
  return lengths;
}

/** Targets as rows, `[N, S]`: they are that already, or stand one after the other in a vector. */
function rowsFrom(targets: Tensor, lengths: readonly number[]): Tensor {
  const classes = indicesFrom(op, "targets", targets, ["int64", "int32"]);
  if (targets.ndim === 2) return classes;
  const longest = Math.max(0, ...lengths);
  let start = 0;
  const places = lengths.flatMap((length) => {
    const row = Array.from({ length: longest }, (_, i) => (i < length ? start + i : 0));
    start += length;
    return row;
  });
  if (targets.numel() === 0)
    return zeros([lengths.length, longest], { dtype: "int64", device: targets.device });
  const index = tensor(BigInt64Array.from(places, BigInt), { device: targets.device });
  return classes.indexSelect(0, index).reshape([lengths.length, longest]);
}

/** log(e**a + e**b) of tensors that may be -Infinity, without NaN in gradients. */
function logSum(a: Tensor, b: Tensor): Tensor {
  const top = a.detach().maximum(b.detach());
  const base = top.eq(-Infinity).where(0, top);
  const sum = a.sub(base).exp().add(b.sub(base).exp());
  return logOf(sum, base);
}

/** log(x) + base, and -Infinity where x is 0. */
function logOf(x: Tensor, base: Tensor): Tensor {
  const isZero = x.eq(0);
  return isZero.where(-Infinity, isZero.where(1, x).log().add(base));
}

/** One step later along the first dimension, with a value at the start. */
function later(x: Tensor, value: number): Tensor {
  return x.pad([0, 0, 1, -1], { value });
}

/**
 * The logarithm of the running sum of e**x along the first dimension. Sums are kept as multiples of e to the largest x so
 * far, so that nothing overflows; which multiples cancels out of the result and of its gradient.
 */
function logRunningSum(x: Tensor): Tensor {
  const top = x.detach().cummax(0).values;
  const isNothing = top.eq(-Infinity);
  const base = isNothing.where(0, top);
  const before = later(top, -Infinity);
  const wasNothing = before.eq(-Infinity);
  const kept = wasNothing.where(0, wasNothing.where(0, before).sub(base).exp());
  const sums = recordRoutine("recurrence", [wasNothing.where(0, kept), x.sub(base).exp()], 0)[0]!;
  return logOf(sums, base);
}

/** A logarithm of 0, finite, so that differences of sums hold; so small that no sum of others is. */
const least = -1e9;

/**
 * The logarithm of the sum over all ways through the path, for each example that ends at each place of it after its last
 * step: `[N, places]`. The forward variable of a place follows from those before it,
 * a[t] = p[t] (a[t - 1] + b[t - 1]), which with the products P of p is a[t] / P[t] = the running sum of b[t - 1] / P[t - 1]:
 * for each place one running sum over all steps.
 */
function throughPath(scores: Tensor, mayJump: Tensor, ends: Tensor): Tensor {
  const [, count, places] = scores.shape as [number, number, number];
  const { dtype, device } = scores;
  const nothing = zeros([], { dtype, device }).sub(Infinity);
  const finals: Tensor[] = [];
  let [second, first] = [nothing, nothing];
  for (let place = 0; place < places; ++place) {
    const products = scores.select(2, place).cumsum(0);
    const jumped = mayJump.select(1, place).where(second, -Infinity);
    const entering = later(
      logSum(first, jumped).sub(products).expand(products.shape),
      place < 2 ? 0 : -Infinity,
    );
    const here = logRunningSum(entering).add(products);
    finals.push(pickAlong(here, 0, ends));
    [second, first] = [first, here];
  }
  return stack(finals, 1).reshape([count, places]);
}

/**
 * The negative logarithm of the probability that a sequence of classes becomes the target when blanks, and classes that repeat
 * without a blank between, are taken out (Graves et al., ICML 2006): the sum over all such sequences.
 *
 * `logProbs` are `[T, N, C]` or `[T, C]`, as {@link logSoftmax} gives them; targets are `[N, S]`, or all in one vector, one
 * after the other; the lengths of inputs and targets are tensors or arrays, which are looked at now. The mean is that of each
 * loss divided by the length of its target, or by 1. An impossible target costs Infinity. The gradient is that of the formula;
 * PyTorch's has e**logProbs in addition, which makes no difference behind logSoftmax.
 *
 * A class out of range is an error (`ERR_INDEX`) when the result is read.
 * @throws RangeError (`ERR_SHAPE`, `ERR_VALUE`), TypeError (`ERR_DTYPE`, `ERR_ARGUMENT`).
 */
export function ctcLoss(
  logProbs: Tensor,
  targets: Tensor,
  inputLengths: Lengths,
  targetLengths: Lengths,
  options?: CtcLossOptions,
): Tensor {
  const given = readOptions(op, options, defaults);
  const reduction = reductionFrom(op, given.reduction);
  requireFloating(op, "ctc_loss_cpu", logProbs);
  handleOf(targets, op);
  const { shape, device, dtype } = logProbs;
  if (shape.length !== 2 && shape.length !== 3)
    throw shapeError(
      op,
      `Expected log_probs to be 2-D or 3-D, but got ${sizes(shape)}`,
      "they are [T, N, C], or [T, C]",
      [shape, targets.shape],
    );
  const isBatched = shape.length === 3;
  const logs = isBatched ? logProbs : logProbs.unsqueeze(1);
  const [steps, count, classes] = logs.shape as [number, number, number];
  if (steps === 0)
    throw shapeError(op, "Expected tensor to have size at least 1 at dimension 0", "there is no input", [
      shape,
    ]);
  const blank = wholeFrom(op, "blank", given.blank);
  if (blank < 0 || blank >= classes)
    throw valueError(op, "blank must be in label range", `it is ${blank}, and there are ${classes} classes`);
  const inputs = lengthsFrom("input_lengths", inputLengths, count, steps);
  const rank = targets.ndim;
  if ((rank !== 1 && rank !== 2) || (rank === 2 && targets.shape[0] !== count))
    throw shapeError(
      op,
      `Expected targets to be a vector, or to have ${count} rows, but got ${sizes(targets.shape)}`,
      "they are [N, S], or all in one vector",
      [shape, targets.shape],
    );
  const most = rank === 2 ? targets.shape[1]! : targets.numel();
  const lengths = lengthsFrom("target_lengths", targetLengths, count, most);
  const total = lengths.reduce((a, b) => a + b, 0);
  if (rank === 1 && total !== targets.numel())
    throw valueError(
      op,
      `Expected targets to have ${total} elements, but got ${targets.numel()}`,
      "the lengths add up to what is there",
    );

  const rows = rowsFrom(targets, lengths);
  const whole = (list: readonly number[]) => tensor(BigInt64Array.from(list, BigInt), { device });
  const ends = whole(lengths);
  const labels = rows.shape[1]!;
  // What is beyond the end of a target is no label, whatever is there.
  const isLabel = arange(labels, { dtype: "int64", device }).lt(ends.unsqueeze(1));
  const known = isLabel.where(rows, blank);
  // A blank before, between and after all labels.
  const path = known
    .unsqueeze(2)
    .pad([1, 0], { value: blank })
    .reshape([count, 2 * labels])
    .pad([0, 1], { value: blank });
  const places = path.shape[1]!;
  const scores = logs
    .to("float64")
    .clamp(least)
    .gather(2, path.unsqueeze(0).expand(steps, count, places));
  const mayJump = path.ne(blank).logicalAnd(path.ne(path.pad([2, 0], { value: blank }).narrow(1, 0, places)));
  const durations = whole(inputs);
  const alpha = throughPath(scores, mayJump, durations.sub(1).clamp(0));
  const last = ends.mul(2);
  const atLabel = ends.eq(0).where(-Infinity, pickAlong(alpha, 1, last.sub(1).clamp(0)));
  const reached = logSum(pickAlong(alpha, 1, last), atLabel);
  // Without an input, nothing can become nothing alone.
  const sums = durations.eq(0).where(ends.eq(0).where(reached.mul(0), -Infinity), reached);
  const impossible = sums.lt(least / 2);
  const losses = impossible
    .where(flagFrom(op, "zeroInfinity", given.zeroInfinity) ? 0 : Infinity, impossible.where(0, sums).neg())
    .to(dtype);
  if (reduction === "mean") return losses.div(ends.clamp(1)).mean();
  return reduced(isBatched ? losses : losses.squeeze(0), reduction);
}
