import { rand, randn } from "../creation.js";
import { computedDtype, isFloating, wordOf } from "../dtype.js";
import { makeError } from "../errors.js";
import { describe, readOptions } from "../options.js";
import { searchsorted } from "../searching.js";
import { handleOf, isTensor, rebind, type Tensor } from "../tensor.js";
import { named } from "./history.js";
import { exponentialOf, parameterOf, requireWithin, uniformOf, wholeOf, wholesOf } from "./draws.js";
import { wholeBatch } from "./batches.js";

// What is drawn has no gradient: where a tensor says the probabilities, its history ends.

/** Options of {@link bernoulli}. */
export interface BernoulliOptions {
  /** One probability for all, instead of the tensor's elements. */
  p?: number;
}

/** Options of {@link multinomial}. */
export interface MultinomialOptions {
  /** Whether a category can be drawn more than once. */
  replacement?: boolean;
}

const bernoulliDefaults = Object.freeze({ p: undefined as number | undefined });
const multinomialDefaults: Readonly<Required<MultinomialOptions>> = Object.freeze({ replacement: false });
const refused: Record<string, string> = Object.freeze({
  generator: "there is one sequence of random numbers, which manualSeed starts",
});

function valueError(op: string, sentence: string, hint: string): RangeError {
  return makeError(RangeError, `${sentence}; ${op}: ${hint}`, { code: "ERR_VALUE", op });
}

function requireFloating(op: string, x: Tensor, sentence: (word: string) => string): void {
  handleOf(x, op);
  if (!isFloating(x.dtype))
    throw makeError(TypeError, `${sentence(wordOf(x.dtype))}; ${op}: convert first, as in x.to("float32")`, {
      code: "ERR_DTYPE",
      op,
    });
}

function requireProbability(op: string, p: unknown): number {
  if (typeof p !== "number")
    throw makeError(TypeError, `${op}: p must be a number, got ${describe(p)}`, { code: "ERR_ARGUMENT", op });
  if (p >= 0 && p <= 1) return p;
  throw valueError(op, `${op} expects p to be in [0, 1], but got p=${p}`, "it is a probability");
}

/** x := value, in the dtype of x. What x was computed from has a gradient of zero, as in PyTorch. */
function become(op: string, x: Tensor, value: Tensor): Tensor {
  const label = op.slice(0, 1).toUpperCase() + op.slice(1, -1);
  return named(rebind(op, x, value.to(x.dtype), "overwrites"), label);
}

/**
 * 1 with the probability that each element of x says, else 0, in the dtype of x; with `p`, that probability for all. A
 * probability of less than 0 counts as 0, one of more than 1 as 1, and NaN as 0. Floating.
 * @throws RangeError (`ERR_VALUE`) for a `p` outside [0, 1], TypeError (`ERR_DTYPE`) for another dtype.
 */
export function bernoulli(x: Tensor, options?: BernoulliOptions): Tensor {
  const { p } = readOptions("bernoulli", options, bernoulliDefaults, refused);
  handleOf(x, "bernoulli");
  const { shape, device, dtype } = x;
  if (p !== undefined) return uniformOf(shape, device).lt(requireProbability("bernoulli", p)).to(dtype);
  requireFloating("bernoulli", x, (word) => `"bernoulli_tensor_cpu_p_" not implemented for '${word}'`);
  return uniformOf(shape, device).lt(x.detach()).to(dtype);
}

/**
 * `numSamples` categories, int64, drawn by the weights in x: a vector, or a matrix whose rows are drawn from one by one.
 * Weights need not have the sum 1; they are looked at now. Without `replacement` no category is drawn twice, by the largest
 * of numbers that are the weights divided by exponential ones (Efraimidis and Spirakis, 2006). Floating.
 * @throws RangeError (`ERR_SHAPE`) for other dimensions, (`ERR_VALUE`) for weights that are negative, infinite, NaN or all 0,
 * or too few categories; TypeError (`ERR_DTYPE`) for another dtype.
 */
export function multinomial(x: Tensor, numSamples: number, options?: MultinomialOptions): Tensor {
  const op = "multinomial";
  const { replacement } = readOptions(op, options, multinomialDefaults, refused);
  if (typeof replacement !== "boolean")
    throw makeError(TypeError, `${op}: replacement must be true or false`, { code: "ERR_OPTION", op });
  requireFloating(op, x, (word) => `multinomial only supports floating-point dtypes for input, got: ${word}`);
  const { shape, device } = x;
  if (shape.length !== 1 && shape.length !== 2)
    throw makeError(RangeError, `prob_dist must be 1 or 2 dim; ${op}: it is ${shape.length}-D`, {
      code: "ERR_SHAPE",
      op,
      shapes: [shape],
    });
  const count = Number(wholeOf(op, "numSamples", numSamples));
  if (!(count > 0)) throw valueError(op, "cannot sample n_sample <= 0 samples", `numSamples is ${count}`);
  const categories = shape.at(-1)!;
  if (categories > 2 ** 24)
    throw valueError(op, "number of categories cannot exceed 2^24", `there are ${categories}`);
  if (!replacement && count > categories)
    throw valueError(
      op,
      "cannot sample n_sample > prob_dist.size(-1) samples without replacement",
      `there are ${categories} categories`,
    );
  const weights = x.detach().to("float64");
  checkWeights(op, weights, replacement ? 1 : count);
  if (replacement) return withReplacement(weights, count);
  const keys = weights.gt(0).where(weights.div(exponentialOf(shape, device)), -1);
  return keys.topk(count).indices;
}

/** Refuses weights that are none, or too few. Their values are computed now. */
function checkWeights(op: string, weights: Tensor, least: number): void {
  const isWrong = weights.ge(0).logicalAnd(weights.isfinite()).logicalNot().any();
  const isEmpty = weights.sum(-1).le(0).any();
  const isFew = weights.gt(0).sum(-1).lt(least).any();
  // The first sentence that is true of an example; 4 is for none.
  const found = wholeBatch(isWrong.where(1, isEmpty.where(2, isFew.where(3, 4))))
    .amin()
    .item();
  const sentences = [
    "probability tensor contains either `inf`, `nan` or element < 0",
    "invalid multinomial distribution (sum of probabilities <= 0)",
    "invalid multinomial distribution (with replacement=False, not enough non-negative category to sample)",
  ];
  if (found !== 4)
    throw valueError(op, sentences[found - 1]!, "weights are finite and not negative, some of them positive");
}

/** For each draw the first category up to which the sum of weights is larger. */
function withReplacement(weights: Tensor, count: number): Tensor {
  const { shape, device } = weights;
  const sums = weights.cumsum(-1);
  const total = sums.narrow(-1, shape.at(-1)! - 1, 1);
  return searchsorted(sums, uniformOf([...shape.slice(0, -1), count], device).mul(total), { right: true });
}

/** x := numbers of [from, to), which is [0, 1) when left out. @throws RangeError (`ERR_VALUE`) where from is greater than to. */
export function uniform_(x: Tensor, from = 0, to = 1): Tensor {
  const op = "uniform_";
  requireFloating(op, x, (word) => `"uniform" not implemented for '${word}'`);
  const [low, high] = [parameterOf(op, "from", from), parameterOf(op, "to", to)];
  if (!(low <= high))
    throw valueError(
      op,
      `uniform_ expects to return a [from, to) range, but found from=${low} > to=${high}`,
      "exchange them",
    );
  const { shape, dtype, device } = x;
  const drawn = rand(shape, { dtype: computedDtype(dtype), device })
    .mul(high - low)
    .add(low)
    .to(dtype);
  // Rounded up, a number could be the end itself.
  return become(op, x, low === high ? drawn : drawn.ge(high).where(low, drawn));
}

/** Standard normal numbers in the shape of x, and in the dtype that it computes in. */
const normalLike = ({ shape, dtype, device }: Tensor): Tensor =>
  randn(shape, { dtype: computedDtype(dtype), device });

/** x := normal numbers; their mean is 0 and their standard deviation 1 when left out. @throws RangeError (`ERR_VALUE`) for a negative one. */
export function normal_(x: Tensor, mean = 0, std = 1): Tensor {
  const op = "normal_";
  requireFloating(op, x, (word) => `"normal_kernel_cpu" not implemented for '${word}'`);
  parameterOf(op, "mean", mean);
  if (!(parameterOf(op, "std", std) >= 0))
    throw valueError(op, `normal expects std >= 0.0, but found std ${std}`, "it is a standard deviation");
  return become(op, x, normalLike(x).mul(std).add(mean));
}

/** x := 1 with probability p, 0.5 when left out, else 0; of a tensor that broadcasts with x, each element is one. Any dtype. */
export function bernoulli_(x: Tensor, p: number | Tensor = 0.5): Tensor {
  const op = "bernoulli_";
  handleOf(x, op);
  const chance = isTensor(p) ? p.detach() : requireProbability(op, p);
  return become(op, x, uniformOf(x.shape, x.device).lt(chance));
}

/** x := numbers of the exponential distribution with rate lambd, 1 when left out, and mean 1 / lambd. Floating. */
export function exponential_(x: Tensor, lambd = 1): Tensor {
  const op = "exponential_";
  requireContinuous(op, "Exponential", x);
  if (!(parameterOf(op, "lambd", lambd) > 0))
    throw valueError(op, `exponential_ expects lambda > 0.0, but found lambda=${lambd}`, "it is a rate");
  return become(op, x, exponentialOf(x.shape, x.device).div(lambd));
}

/** x := the numbers of trials up to the first success, of probability p. Any dtype but bool. */
export function geometric_(x: Tensor, p: number): Tensor {
  const op = "geometric_";
  handleOf(x, op);
  if (!(parameterOf(op, "p", p) > 0 && p < 1))
    throw valueError(op, `geometric_ expects p to be in (0, 1), but got p=${p}`, "it is a probability");
  const failures = exponentialOf(x.shape, x.device).div(-Math.log1p(-p)).floor();
  return become(op, x, failures.add(1));
}

/** x := numbers of Cauchy's distribution around a median of 0, with a sigma of 1 when left out. Floating. */
export function cauchy_(x: Tensor, median = 0, sigma = 1): Tensor {
  const op = "cauchy_";
  requireContinuous(op, "Cauchy", x);
  parameterOf(op, "median", median);
  if (!(parameterOf(op, "sigma", sigma) > 0))
    throw valueError(op, `cauchy_ expects sigma > 0.0, but found sigma=${sigma}`, "it is a width");
  const angles = uniformOf(x.shape, x.device).sub(0.5).mul(Math.PI);
  return become(op, x, angles.tan().mul(sigma).add(median));
}

/** x := e**y for normal y, whose mean is 1 and whose standard deviation 2 when left out. Floating. */
export function logNormal_(x: Tensor, mean = 1, std = 2): Tensor {
  const op = "logNormal_";
  requireContinuous(op, "LogNormal", x);
  parameterOf(op, "mean", mean);
  if (!(parameterOf(op, "std", std) > 0))
    throw valueError(op, `log_normal_ expects std > 0.0, but found std=${std}`, "it is a standard deviation");
  return become(op, x, normalLike(x).mul(std).add(mean).exp());
}

function requireContinuous(op: string, name: string, x: Tensor): void {
  requireFloating(
    op,
    x,
    (word) =>
      `${name} distribution is a continuous probability distribution. dtype must be a floating point but you specified ${word}`,
  );
}

/**
 * x := whole numbers, each as likely as any other: of [from, to), or of [0, from) with one number. With none, of all from 0 on
 * that the dtype holds; up to 2**11, 2**8 and 2**24 for float16, bfloat16 and float32, below 2**53 for float64.
 * @throws RangeError (`ERR_VALUE`) for an empty range, or one beyond the dtype.
 */
export function random_(x: Tensor, from?: number | bigint, to?: number | bigint): Tensor {
  const op = "random_";
  handleOf(x, op);
  const { dtype, shape, device } = x;
  const ends: Record<string, bigint> = {
    bool: 2n,
    uint8: 2n ** 8n,
    int32: 2n ** 31n,
    int64: 2n ** 63n,
    float16: 2n ** 11n + 1n,
    bfloat16: 2n ** 8n + 1n,
    float32: 2n ** 24n + 1n,
    float64: 2n ** 53n,
  };
  const low = from === undefined || to === undefined ? 0n : wholeOf(op, "from", from);
  const high = from === undefined ? ends[dtype]! : wholeOf(op, to === undefined ? "to" : "from", to ?? from);
  if (low < high) {
    requireWithin(op, "from", low, dtype);
    requireWithin(op, "to - 1", high - 1n, dtype);
  }
  return become(op, x, wholesOf(op, shape, low, high, device));
}
