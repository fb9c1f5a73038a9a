import { isFloating } from "../dtype.js";
import { makeError } from "../errors.js";
import { describe, readOptions, withOptions } from "../options.js";
import type { Dims, ReduceOptions, Tensor } from "../tensor.js";
import { axesOf } from "./axes.js";

/** Options of `var` and `std`. */
export interface VarianceOptions extends ReduceOptions {
  /** The divisor is the number of elements less this: 1 (Bessel's correction) when left out. */
  correction?: number | null;
  /** PyTorch's older word: true is a correction of 1, false one of 0. */
  unbiased?: boolean;
}

interface AllVarianceOptions {
  correction: number | null | undefined;
  unbiased: boolean | undefined;
  keepdim: boolean;
}

const varianceDefaults: Readonly<AllVarianceOptions> = Object.freeze({
  correction: undefined,
  unbiased: undefined,
  keepdim: false,
});

/** The variance, the standard deviation or the mean of the lines along `dim`: what is wanted is computed. */
export interface Moments {
  variance: () => Tensor;
  deviation: () => Tensor;
  mean: () => Tensor;
}

/** What `var`, `std`, `varMean` and `stdMean` give. */
export function momentsOf(
  op: string,
  x: Tensor,
  first: Dims | VarianceOptions,
  second: VarianceOptions | undefined,
): Moments {
  const [dim, options] = withOptions<Dims, VarianceOptions>(first, second);
  const { correction: given, unbiased, keepdim } = readOptions(op, options, varianceDefaults);
  const correction = correctionOf(op, given, unbiased);
  const axes = axesOf(op, x, dim);
  const { shape, dtype } = x;
  if (!isFloating(dtype))
    throw makeError(
      TypeError,
      `std and var only support floating point and complex dtypes; ${op}: x is ${dtype}, convert with .to("float32") first`,
      { code: "ERR_DTYPE", op },
    );
  const count = axes.reduce((product, axis) => product * shape[axis]!, 1);
  const mean = x.mean(axes, { keepdim: true });
  const squared = x
    .sub(mean)
    .square()
    .sum(axes, { keepdim })
    .div(Math.max(count - correction, 0));
  return {
    variance: () => squared,
    deviation: () => {
      // The root's gradient is infinite at 0.
      const varies = squared.ne(0);
      return varies.where(varies.where(squared, 1).sqrt(), 0);
    },
    mean: () => (keepdim ? mean : mean.squeeze(axes)),
  };
}

function correctionOf(op: string, given: unknown, unbiased: unknown): number {
  if (unbiased !== undefined && (typeof unbiased !== "boolean" || (given ?? undefined) !== undefined))
    throw makeError(
      TypeError,
      `${op}: unbiased must be true or false, and excludes correction, got ${describe(unbiased)}`,
      { code: "ERR_OPTION", op },
    );
  const correction = given ?? Number(unbiased ?? true);
  if (typeof correction !== "number" || Number.isNaN(correction))
    throw makeError(TypeError, `${op}: correction must be a number, got ${describe(correction)}`, {
      code: "ERR_OPTION",
      op,
    });
  return correction;
}
