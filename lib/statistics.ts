import { momentsOf, type VarianceOptions } from "./functional/spread.js";
import { named } from "./functional/history.js";
import type { Dims, Tensor } from "./tensor.js";

// Moments in pairs, which PyTorch has as functions alone.

/** The variance of a floating tensor as {@link Tensor.var} gives it, and the mean. */
export function varMean(
  x: Tensor,
  dim?: Dims | VarianceOptions,
  options?: VarianceOptions,
): [variance: Tensor, mean: Tensor] {
  const moments = momentsOf("varMean", x, dim, options);
  return [named(moments.variance(), "VarMean"), moments.mean()];
}

/** The standard deviation of a floating tensor as {@link Tensor.std} gives it, and the mean. */
export function stdMean(
  x: Tensor,
  dim?: Dims | VarianceOptions,
  options?: VarianceOptions,
): [deviation: Tensor, mean: Tensor] {
  const moments = momentsOf("stdMean", x, dim, options);
  return [named(moments.deviation(), "StdMean"), moments.mean()];
}
