import { isFloating } from "../dtype.js";
import { makeError } from "../errors.js";
import { describe, readOptions } from "../options.js";
import { handleOf, type Tensor } from "../tensor.js";
import { named } from "./history.js";
import { wholeBatch } from "./batches.js";

/** Options of {@link cov}. */
export interface CovarianceOptions {
  /** The divisor is the weight of all observations less this: 1 (Bessel's correction) when left out. */
  correction?: number;
  /** How often each observation was made: whole numbers. */
  fweights?: Tensor | null;
  /** How much each observation counts: floating numbers. */
  aweights?: Tensor | null;
}

const covarianceDefaults: Readonly<Required<CovarianceOptions>> = Object.freeze({
  correction: 1,
  fweights: null,
  aweights: null,
});

/**
 * The covariances of variables, which are the rows of x, over observations, which are its columns: the mean of
 * (x[i] - mean[i]) (x[j] - mean[j]). A vector is one variable, and gives its variance, of no dimensions. Integers give the
 * default dtype. Weights are multiplied; the divisor with them is PyTorch's, and 0 or less gives infinities and NaN.
 *
 * @throws RangeError (`ERR_SHAPE`) for more than two dimensions, or weights that are no vector of one for each observation;
 * TypeError (`ERR_DTYPE`) for fractional `fweights` or whole `aweights`; RangeError (`ERR_VALUE`) for negative weights, for
 * which their values are computed.
 */
export function cov(x: Tensor, options?: CovarianceOptions): Tensor {
  return named(covariance("cov", x, options), "Cov");
}

function covariance(op: string, x: Tensor, options: CovarianceOptions | undefined): Tensor {
  const { correction, fweights, aweights } = readOptions(op, options, covarianceDefaults);
  handleOf(x, op);
  const { shape } = x;
  if (typeof correction !== "number" || Number.isNaN(correction))
    throw makeError(TypeError, `${op}: correction must be a number, got ${describe(correction)}`, {
      code: "ERR_ARGUMENT",
      op,
    });
  if (shape.length > 2)
    throw makeError(
      RangeError,
      `${op}(): expected input to have two or fewer dimensions but got an input with ${shape.length} dimensions; ${op}: rows are variables, columns observations`,
      { code: "ERR_SHAPE", op, shapes: [shape] },
    );
  const rows = shape.length < 2 ? x.reshape(1, -1) : x;
  const count = rows.shape[1]!;
  for (const [name, weights] of [
    ["fweights", fweights],
    ["aweights", aweights],
  ] as const)
    if (weights !== null) checkWeights(op, name, weights, count);
  const weights = fweights !== null && aweights !== null ? fweights.mul(aweights) : (fweights ?? aweights);
  const kept = { keepdim: true };
  const total = weights?.sum() ?? count;
  const mean = (weights === null ? rows : rows.mul(weights)).sum(1, kept).div(total);
  const lost =
    aweights === null || weights === null || correction === 0
      ? correction
      : weights.mul(aweights).sum().div(total).mul(correction);
  const distance = rows.sub(mean);
  const products = distance.matmul((weights === null ? distance : distance.mul(weights)).T);
  const divisor = typeof total === "number" ? Math.max(total - Number(lost), 0) : positive(total.sub(lost));
  return products.div(divisor).squeeze();
}

/** A number below 0 as 0. */
function positive(x: Tensor): Tensor {
  return x.le(0).where(0, x);
}

function checkWeights(op: string, name: "fweights" | "aweights", weights: Tensor, count: number): void {
  handleOf(weights, op);
  const { shape, dtype } = weights;
  if (shape.length > 1)
    throw makeError(
      RangeError,
      `${op}(): expected ${name} to have one or fewer dimensions but got ${name} with ${shape.length} dimensions; ${op}: one for each observation`,
      { code: "ERR_SHAPE", op, shapes: [shape] },
    );
  const wantsFractions = name === "aweights";
  if (isFloating(dtype) !== wantsFractions || dtype === "bool")
    throw makeError(
      TypeError,
      `${op}(): expected ${name} to have ${wantsFractions ? "floating point" : "integral"} dtype but got ${name} with ${dtype} dtype; ${op}: convert first`,
      { code: "ERR_DTYPE", op },
    );
  if (weights.numel() !== count)
    throw makeError(
      RangeError,
      `${op}(): expected ${name} to have the same numel as there are observations in the input but got ${weights.numel()} != ${count}; ${op}: one for each observation`,
      { code: "ERR_SHAPE", op, shapes: [shape] },
    );
  if (wholeBatch(weights.detach().lt(0)).any().item<boolean>())
    throw makeError(RangeError, `${op}(): ${name} cannot be negative; ${op}: one is`, {
      code: "ERR_VALUE",
      op,
    });
}

/**
 * The correlations of variables, which are the rows of x, over observations, which are its columns: their covariances
 * divided by both deviations, within [-1, 1]. A vector gives 1. NaN for a variable that does not vary.
 */
export function corrcoef(x: Tensor): Tensor {
  const c = covariance("corrcoef", x, undefined);
  if (c.ndim === 0) return named(c.div(c), "Div");
  const size = c.shape[0]!;
  const deviation = c
    .flatten()
    .at(`::${size + 1}`)
    .sqrt();
  return named(c.div(deviation.unsqueeze(1)).div(deviation).clamp(-1, 1), "Clamp");
}
