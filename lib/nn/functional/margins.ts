import { positionsAlong } from "../../functional/places.js";
import { handleOf, type Tensor } from "../../tensor.js";
import { readOptions } from "../../options.js";
import {
  indicesFrom,
  numberFrom,
  requireFloating,
  shapeError,
  sizes,
  tensorFrom,
  valueError,
} from "./checks.js";
import { gatherAlong, weightsOf } from "./classes.js";
import { lossDefaults, olderWords, reduced, reductionFrom, type LossOptions } from "./reduction.js";

// Losses of classes by the distances of their scores.

/** Options of {@link multiMarginLoss}. */
export interface MultiMarginLossOptions extends LossOptions {
  /** 1, or 2 for the squares of what is missing. */
  p?: number;
  /** How much more the score of the class has to be than any other. */
  margin?: number;
  /** A factor for each class. */
  weight?: Tensor | null;
}

const multiDefaults: Readonly<Required<MultiMarginLossOptions>> = Object.freeze({
  ...lossDefaults,
  p: 1,
  margin: 1,
  weight: null,
});

/** The input as rows of classes. */
function rowsFrom(op: string, input: Tensor, target: Tensor): Tensor {
  const { shape } = input;
  if (shape.length <= 2 && shape.slice(-1).every((size) => size > 0))
    return shape.length === 2 ? input : input.reshape([1, -1]);
  throw shapeError(
    op,
    `Expected non-empty vector or matrix with optional 0-dim batch size, but got: ${sizes(shape)}`,
    "a row has a score for each class",
    [shape, target.shape],
  );
}

/**
 * The mean over classes of max(0, margin - x[class] + x[i])**p, for all classes i but the one of the target, times its
 * weight. The input is `[N, C]` with a target of `[N]`, or `[C]` with `[]`; p and the margin are 1 when left out. The
 * gradient is 0 where nothing is missing. A class out of range is an error (`ERR_INDEX`) when the result is read.
 * @throws RangeError (`ERR_SHAPE`) for other shapes, (`ERR_VALUE`) for any other p, TypeError (`ERR_DTYPE`).
 */
export function multiMarginLoss(input: Tensor, target: Tensor, options?: MultiMarginLossOptions): Tensor {
  const op = "multiMarginLoss";
  const given = readOptions(op, options, multiDefaults, olderWords);
  const reduction = reductionFrom(op, given.reduction);
  const margin = numberFrom(op, "margin", given.margin);
  if (given.p !== 1 && given.p !== 2) throw valueError(op, "only p == 1 and p == 2 supported", "use 1 or 2");
  requireFloating(op, "multi_margin_loss", input);
  handleOf(target, op);
  const weight = tensorFrom(op, given.weight);
  const rows = rowsFrom(op, input, target);
  const [count, classes] = rows.shape as [number, number];
  if (weight && (weight.ndim !== 1 || weight.shape[0] !== classes))
    throw shapeError(
      op,
      weight.ndim === 1
        ? `inconsistent weight size, expected ${classes} but got ${sizes(weight.shape)}`
        : "weight must be one-dimensional",
      "give one weight for each class",
      [input.shape, weight.shape],
    );
  if (target.ndim > 1 || target.numel() !== count)
    throw shapeError(
      op,
      `target tensor should be 1-D with size equal to the batch size. Expected target size [${count}], but got ${sizes(target.shape)}`,
      "give one class for each row",
      [input.shape, target.shape],
    );
  const index = indicesFrom(op, "classes", target).reshape([count]);
  const places = positionsAlong(rows, 1);
  const missing = rows
    .sub(gatherAlong(rows, 1, index).unsqueeze(1))
    .add(margin)
    .relu();
  const powers = given.p === 1 ? missing : missing.square();
  const weights = weightsOf(op, rows, 1, index, weight);
  const isTarget = places.eq(index.to(places.dtype).unsqueeze(1));
  const losses = isTarget.where(0, powers).sum(1).div(classes).mul(weights);
  return reduced(losses.reshape(target.shape), reduction, "MultiMarginLoss");
}

/**
 * The sum of max(0, 1 - (x[i] - x[j])) over the classes i of the target and all others j, divided by the number of
 * classes. A row of the target lists its classes, up to the first -1. Input and target are `[N, C]` or `[C]`. A class out
 * of range is an error (`ERR_INDEX`) when the result is read.
 * @throws RangeError (`ERR_SHAPE`) for other shapes, TypeError (`ERR_DTYPE`) for a target that is not int64.
 */
export function multilabelMarginLoss(input: Tensor, target: Tensor, options?: LossOptions): Tensor {
  const op = "multilabelMarginLoss";
  const given = readOptions(op, options, lossDefaults, olderWords);
  const reduction = reductionFrom(op, given.reduction);
  requireFloating(op, "multilabel_margin_loss", input);
  handleOf(target, op);
  const rows = rowsFrom(op, input, target);
  const [of, to] = [input.shape, target.shape];
  if (String(of) !== String(to) && !(of.length + to.length === 1 && rows.numel() === target.numel()))
    throw shapeError(
      op,
      `inconsistent target size: ${sizes(to)} for input of size: ${sizes(of)}`,
      "targets are filled up with -1",
      [of, to],
    );
  const classes = rows.shape[1]!;
  const lists = indicesFrom(op, "classes", target).reshape(rows.shape);
  const places = positionsAlong(rows, 1);
  const end = lists.eq(-1).where(places, classes).amin(1, { keepdim: true });
  const isListed = places.lt(end);
  const index = isListed.where(lists, 0);
  // How often each class is in the list of its row.
  const hits = isListed.unsqueeze(1).logicalAnd(index.unsqueeze(1).eq(places.unsqueeze(2)));
  const counts = hits.to(rows.dtype).sum(2);
  const listed = isListed.where(weightsOf(op, rows, 1, index, undefined), 0).sum(1);
  const missing = rows.unsqueeze(1).sub(rows.unsqueeze(2)).add(1).relu();
  const losses = counts
    .eq(0)
    .unsqueeze(1)
    .where(missing.mul(counts.unsqueeze(2)), 0)
    .sum([1, 2])
    .div(classes);
  // What is listed is looked up, so that classes out of range are found.
  const whole = listed.lt(0).where(0, losses);
  return reduced(input.ndim < 2 ? whole.reshape([]) : whole, reduction, "MultilabelMarginLoss");
}
