import { readOptions } from "../../options.js";
import { handleOf, type Tensor } from "../../tensor.js";
import { requireFloating, shapeError, sizes, tensorFrom } from "./checks.js";
import { lossDefaults, olderWords, reduced, reductionFrom, type LossOptions } from "./reduction.js";
import { softplusOf, softplusTail } from "./smooth.js";

// Losses of probabilities that something is so.

/** Options of {@link binaryCrossEntropy} and {@link multilabelSoftMarginLoss}. */
export interface ElementLossOptions extends LossOptions {
  /** A factor for each element; broadcasts. */
  weight?: Tensor | null;
}

/** Options of {@link binaryCrossEntropyWithLogits}. */
export interface LogitsLossOptions extends ElementLossOptions {
  /** A factor of the loss of what is true; broadcasts, as one number for each class. */
  posWeight?: Tensor | null;
}

const elementDefaults = Object.freeze({ ...lossDefaults, weight: undefined as Tensor | null | undefined });
const logitsDefaults = Object.freeze({
  ...elementDefaults,
  posWeight: undefined as Tensor | null | undefined,
});
const leastProduct = 1e-12;
const leastLog = -100;

/**
 * -(target * log(input) + (1 - target) * log(1 - input)) of probabilities, with logarithms of at least -100. The gradient is
 * (input - target) / max(input * (1 - input), 1e-12), as in PyTorch. Input and target have one shape. A probability
 * outside [0, 1] gives NaN.
 * @throws RangeError (`ERR_SHAPE`) for another shape of the target, TypeError (`ERR_DTYPE`) unless the input is floating.
 */
export function binaryCrossEntropy(input: Tensor, target: Tensor, options?: ElementLossOptions): Tensor {
  const op = "binaryCrossEntropy";
  const given = readOptions(op, options, elementDefaults, olderWords);
  const reduction = reductionFrom(op, given.reduction);
  requireFloating(op, "binary_cross_entropy", input);
  handleOf(target, op);
  const [of, to] = [input.shape, target.shape];
  if (String(of) !== String(to))
    throw shapeError(
      op,
      `Using a target size (${sizes(to)}) that is different to the input size (${sizes(of)}) is deprecated. Please ensure they have the same size.`,
      "expand the target first",
      [of, to],
    );
  const rest = target.neg().add(1);
  // Where the product of the gradient's denominator is too small, the loss is a line with the slope that PyTorch gives.
  const isEdge = input.mul(input.neg().add(1)).le(leastProduct).logicalOr(input.isnan());
  const inside = isEdge.where(0.5, input);
  const smooth = target.mul(inside.log()).add(rest.mul(inside.neg().log1p())).neg();
  const fixed = input.detach();
  const edge = target
    .mul(fixed.log().clamp(leastLog))
    .add(rest.mul(fixed.neg().log1p().clamp(leastLog)))
    .neg();
  const slope = fixed.sub(target.detach()).div(leastProduct);
  const losses = isEdge.where(edge.add(input.sub(fixed).mul(slope)), smooth);
  const weight = tensorFrom(op, given.weight);
  return reduced(weight ? losses.mul(weight) : losses, reduction, "BinaryCrossEntropy");
}

/**
 * {@link binaryCrossEntropy} of sigmoid(input), without overflow:
 * (1 - target) * input + (1 + (posWeight - 1) * target) * log(1 + e**-input).
 * @throws RangeError (`ERR_SHAPE`) for another shape of the target, TypeError (`ERR_DTYPE`) unless the input is floating.
 */
export function binaryCrossEntropyWithLogits(
  input: Tensor,
  target: Tensor,
  options?: LogitsLossOptions,
): Tensor {
  const op = "binaryCrossEntropyWithLogits";
  const given = readOptions(op, options, logitsDefaults, olderWords);
  const reduction = reductionFrom(op, given.reduction);
  requireFloating(op, "binary_cross_entropy_with_logits", input);
  handleOf(target, op);
  const [of, to] = [input.shape, target.shape];
  if (String(of) !== String(to))
    throw shapeError(
      op,
      `Target size (${sizes(to)}) must be the same as input size (${sizes(of)})`,
      "expand the target first",
      [of, to],
    );
  const posWeight = tensorFrom(op, given.posWeight);
  const weight = tensorFrom(op, given.weight);
  // The parts that grow with the input are put together first, so that what is left of a loss near 0 does not cancel.
  const isAbove = input.gt(0);
  const hits = posWeight ? posWeight.mul(target) : target;
  const tail = softplusTail(input, isAbove);
  const losses = isAbove
    .where(target.neg().add(1), hits.neg())
    .mul(input)
    .add(posWeight ? hits.sub(target).add(1).mul(tail) : tail);
  return reduced(weight ? losses.mul(weight) : losses, reduction, "BinaryCrossEntropyWithLogits");
}

/** log(1 + e**(-target * input)), for targets of 1 and -1, without overflow. They broadcast. */
export function softMarginLoss(input: Tensor, target: Tensor, options?: LossOptions): Tensor {
  const given = readOptions("softMarginLoss", options, lossDefaults, olderWords);
  const reduction = reductionFrom("softMarginLoss", given.reduction);
  requireFloating("softMarginLoss", "soft_margin_cpu", input);
  handleOf(target, "softMarginLoss");
  return reduced(softplusOf(target.neg().mul(input)), reduction, "SoftMarginLoss");
}

/**
 * The mean over classes, the last dimension, of {@link binaryCrossEntropyWithLogits}; the reduction is over the others.
 * @throws RangeError (`ERR_SHAPE`) where shapes do not broadcast.
 */
export function multilabelSoftMarginLoss(
  input: Tensor,
  target: Tensor,
  options?: ElementLossOptions,
): Tensor {
  const op = "multilabelSoftMarginLoss";
  const given = readOptions(op, options, elementDefaults, olderWords);
  const reduction = reductionFrom(op, given.reduction);
  requireFloating(op, "log_sigmoid_cpu", input);
  handleOf(target, op);
  const losses = target.mul(softplusOf(input.neg())).add(target.neg().add(1).mul(softplusOf(input)));
  const weight = tensorFrom(op, given.weight);
  const all = weight ? losses.mul(weight) : losses;
  return reduced(all.mean(-1), reduction);
}
