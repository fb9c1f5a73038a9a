import { normOver } from "../../functional/norms.js";
import { isFloating, wordOf } from "../../dtype.js";
import { makeError } from "../../errors.js";
import { axesOf } from "../../functional/axes.js";
import { named } from "../../functional/history.js";
import { readOptions, withDim } from "../../options.js";
import { handleOf, type Tensor } from "../../tensor.js";
import { flagFrom, numberFrom, requireFloating, shapeError, sizes, valueError } from "./checks.js";
import { lossDefaults, olderWords, reduced, reductionFrom, type LossOptions } from "./reduction.js";

// Distances and directions, and losses that are made of them.

/** Options of {@link normalize}. */
export interface NormalizeOptions {
  /** Which norm: the 2-norm when left out. */
  p?: number;
  /** Along which dimension; 1 when left out. */
  dim?: number;
  /** The least length that is divided by. */
  eps?: number;
}

/** Options of {@link cosineSimilarity}. */
export interface CosineSimilarityOptions {
  /** The least length that is divided by. */
  eps?: number;
}

/** Options of {@link pairwiseDistance}. */
export interface PairwiseDistanceOptions {
  /** Which norm: the 2-norm when left out. */
  p?: number;
  /** Added to each difference, so that no distance is 0. */
  eps?: number;
  /** Keep the last dimension, with size 1. */
  keepdim?: boolean;
}

/** Options of {@link cosineEmbeddingLoss}, {@link marginRankingLoss} and {@link hingeEmbeddingLoss}. */
export interface MarginLossOptions extends LossOptions {
  /** The distance from which on nothing is lost. */
  margin?: number;
}

/** Options of {@link tripletMarginLoss}. */
export interface TripletMarginLossOptions extends MarginLossOptions {
  /** Which norm: the 2-norm when left out. */
  p?: number;
  /** Added to each difference. */
  eps?: number;
  /** Take the distance of the negative from the positive, where that is smaller. */
  swap?: boolean;
}

/** Options of {@link tripletMarginWithDistanceLoss}. */
export interface TripletDistanceLossOptions extends MarginLossOptions {
  /** The distance; {@link pairwiseDistance} when left out. */
  distanceFunction?: ((a: Tensor, b: Tensor) => Tensor) | null;
  /** Take the distance of the negative from the positive, where that is smaller. */
  swap?: boolean;
}

const normalizeDefaults = Object.freeze({ p: 2, dim: 1, eps: 1e-12 });
const cosineDefaults = Object.freeze({ eps: 1e-8 });
const distanceDefaults = Object.freeze({ p: 2, eps: 1e-6, keepdim: false });
const tripletDefaults = Object.freeze({ ...lossDefaults, margin: 1, p: 2, eps: 1e-6, swap: false });
const tripletDistanceDefaults = Object.freeze({
  ...lossDefaults,
  margin: 1,
  swap: false,
  distanceFunction: undefined as TripletDistanceLossOptions["distanceFunction"],
});
const withMargin = (margin: number) => Object.freeze({ ...lossDefaults, margin });
const [marginOfZero, marginOfOne] = [withMargin(0), withMargin(1)];

/**
 * x divided by its length along a dimension, which counts as at least eps (1e-12 when left out), so that zeros stay zeros.
 * Floating.
 */
export function normalize(
  x: Tensor,
  dim?: NormalizeOptions["dim"] | NormalizeOptions,
  options?: NormalizeOptions,
): Tensor {
  const given = readOptions("normalize", withDim(dim, options), normalizeDefaults, {
    out: "the result is a tensor of its own",
  });
  requireFloating("normalize", "linalg.vector_norm", x);
  const [p, eps] = [numberFrom("normalize", "p", given.p), numberFrom("normalize", "eps", given.eps)];
  return x.div(normOver("normalize", x, p, axesOf("normalize", x, [given.dim]), true).clamp(eps));
}

/**
 * The cosine of the angle between vectors along `dim`, 1 when left out: their product divided by their lengths, each of
 * which counts as at least eps (1e-8 when left out). The two broadcast.
 * @throws TypeError (`ERR_DTYPE`) unless one of them is floating.
 */
export function cosineSimilarity(x1: Tensor, x2: Tensor, dim = 1, options?: CosineSimilarityOptions): Tensor {
  const op = "cosineSimilarity";
  const eps = numberFrom(op, "eps", readOptions(op, options, cosineDefaults).eps);
  handleOf(x1, op);
  handleOf(x2, op);
  // Of nothing but their dtypes and shapes.
  const { dtype, shape } = x1.detach().add(x2.detach());
  if (!isFloating(dtype))
    throw makeError(
      TypeError,
      `expected common dtype to be floating point, yet common dtype is ${wordOf(dtype)}; ${op}: convert first, as in x.to("float32")`,
      { code: "ERR_DTYPE", op },
    );
  const [a, b] = [x1, x2].map((x) => {
    const whole = x.to(dtype).expand(shape);
    const length = normOver(op, whole, 2, axesOf(op, whole, [dim]), true);
    // As in PyTorch, the least length takes the place of a shorter one behind the back of its gradient.
    const fixed = length.detach();
    return whole.div(length.sub(fixed).add(fixed.clamp(eps)));
  }) as [Tensor, Tensor];
  return a.mul(b).sum(axesOf(op, a, [dim]));
}

/**
 * The length of x1 - x2 + eps along the last dimension; eps is 1e-6 when left out. The two broadcast.
 * @throws TypeError (`ERR_DTYPE`) unless one of them is floating.
 */
export function pairwiseDistance(x1: Tensor, x2: Tensor, options?: PairwiseDistanceOptions): Tensor {
  const op = "pairwiseDistance";
  const given = readOptions(op, options, distanceDefaults);
  handleOf(x1, op);
  handleOf(x2, op);
  const keeps = flagFrom(op, "keepdim", given.keepdim);
  const d = x1.sub(x2).add(numberFrom(op, "eps", given.eps));
  const length = normOver(op, d, numberFrom(op, "p", given.p), axesOf(op, d, [-1]), true);
  return named(keeps ? length : length.squeeze(-1), "Norm", "1");
}

/**
 * 1 - cos of the angle between vectors with a target of 1, max(0, cos - margin) with a target of -1, and 0 with any other.
 * Inputs are vectors with a 0-d target, or matrices of one shape with a vector as target.
 * @throws RangeError (`ERR_SHAPE`) for other dimensions.
 */
export function cosineEmbeddingLoss(
  input1: Tensor,
  input2: Tensor,
  target: Tensor,
  options?: MarginLossOptions,
): Tensor {
  const op = "cosineEmbeddingLoss";
  const given = readOptions(op, options, marginOfZero, olderWords);
  const reduction = reductionFrom(op, given.reduction);
  const margin = numberFrom(op, "margin", given.margin);
  for (const x of [input1, input2, target]) handleOf(x, op);
  const [of, other, to] = [input1.shape, input2.shape, target.shape];
  if (to.length > 1 || of.length !== to.length + 1 || other.length !== of.length)
    throw shapeError(
      op,
      to.length > 1
        ? "0D or 1D target tensor expected, multi-target not supported"
        : `${to.length}D target tensor expects ${to.length + 1}D input tensors, but found inputs with sizes ${sizes(of)} and ${sizes(other)}.`,
      "vectors have one target, matrices one for each row",
      [of, other, to],
    );
  const least = 1e-12;
  const product = input1.mul(input2).sum(-1);
  const squares = [input1, input2].map((x) => x.mul(x).sum(-1).add(least)) as [Tensor, Tensor];
  const cos = product.div(squares[0].mul(squares[1]).sqrt());
  const apart = cos.sub(margin).clamp(0);
  const losses = target.eq(1).where(cos.neg().add(1), 0).add(target.eq(-1).where(apart, 0));
  return reduced(losses, reduction);
}

/**
 * The input where the target is 1, max(0, margin - input) where it is -1, and their sum elsewhere; the margin is 1 when
 * left out. The two broadcast.
 */
export function hingeEmbeddingLoss(input: Tensor, target: Tensor, options?: MarginLossOptions): Tensor {
  const op = "hingeEmbeddingLoss";
  const given = readOptions(op, options, marginOfOne, olderWords);
  const reduction = reductionFrom(op, given.reduction);
  const margin = numberFrom(op, "margin", given.margin);
  handleOf(input, op);
  handleOf(target, op);
  const apart = input.neg().add(margin).clamp(0);
  const losses = target.ne(1).where(apart, 0).add(target.ne(-1).where(input, 0));
  return reduced(losses, reduction);
}

/**
 * max(0, margin - target * (input1 - input2)): nothing is lost where the first is larger by the margin and the target is 1,
 * or smaller by it and the target is -1. The margin is 0 when left out. All have as many dimensions, and broadcast.
 * @throws RangeError (`ERR_SHAPE`) for different numbers of dimensions.
 */
export function marginRankingLoss(
  input1: Tensor,
  input2: Tensor,
  target: Tensor,
  options?: MarginLossOptions,
): Tensor {
  const op = "marginRankingLoss";
  const given = readOptions(op, options, marginOfZero, olderWords);
  const reduction = reductionFrom(op, given.reduction);
  const margin = numberFrom(op, "margin", given.margin);
  const shapes = [input1, input2, target].map((x) => {
    handleOf(x, op);
    return x.shape;
  });
  if (shapes.some((shape) => shape.length !== shapes[0]!.length))
    throw shapeError(
      op,
      `margin_ranking_loss : All input tensors should have same dimension but got sizes: ${shapes.map(sizes).join(", ")}`,
      "use unsqueeze",
      shapes,
    );
  return reduced(target.neg().mul(input1.sub(input2)).add(margin).clamp(0), reduction);
}

/**
 * max(0, margin + distance(anchor, positive) - distance(anchor, negative)) by {@link pairwiseDistance}. The margin is 1, p
 * is 2 and eps is 1e-6 when left out. With `swap`, the distance of the negative from the positive is taken where it is
 * smaller than that from the anchor (Balntas et al., BMVC 2016).
 * @throws RangeError (`ERR_SHAPE`) for different numbers of dimensions, (`ERR_VALUE`) unless the margin is positive.
 */
export function tripletMarginLoss(
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  options?: TripletMarginLossOptions,
): Tensor {
  const op = "tripletMarginLoss";
  const { p, eps, ...given } = readOptions(op, options, tripletDefaults, olderWords);
  const distance = (a: Tensor, b: Tensor) => pairwiseDistance(a, b, { p, eps });
  return triplet(op, [anchor, positive, negative], distance, given);
}

/** {@link tripletMarginLoss} by a distance of one's own. */
export function tripletMarginWithDistanceLoss(
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  options?: TripletDistanceLossOptions,
): Tensor {
  const op = "tripletMarginWithDistanceLoss";
  const { distanceFunction, ...given } = readOptions(op, options, tripletDistanceDefaults);
  const distance = distanceFunction ?? pairwiseDistance;
  if (typeof distance !== "function")
    throw makeError(TypeError, `${op}: distanceFunction must be a function of two tensors`, {
      code: "ERR_ARGUMENT",
      op,
    });
  return triplet(op, [anchor, positive, negative], (a, b) => distance(a, b), given);
}

function triplet(
  op: string,
  three: [Tensor, Tensor, Tensor],
  distance: (a: Tensor, b: Tensor) => Tensor,
  given: Required<MarginLossOptions> & { swap: boolean },
): Tensor {
  const reduction = reductionFrom(op, given.reduction);
  const margin = numberFrom(op, "margin", given.margin);
  if (!(margin > 0))
    throw valueError(op, `margin must be greater than 0, got ${margin}`, "give a positive margin");
  const swap = flagFrom(op, "swap", given.swap);
  const shapes = three.map((x) => {
    handleOf(x, op);
    return x.shape;
  });
  const [a, b, c] = shapes.map(({ length }) => length);
  if (a !== b || b !== c)
    throw shapeError(
      op,
      `The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: anchor ${a}D, positive ${b}D, and negative ${c}D inputs`,
      "use unsqueeze",
      shapes,
    );
  const [anchor, positive, negative] = three;
  const near = distance(anchor, positive);
  const far = distance(anchor, negative);
  const nearest = swap ? far.minimum(distance(positive, negative)) : far;
  return reduced(near.sub(nearest).add(margin).clamp(0), reduction);
}
