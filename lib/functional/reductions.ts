import { getDefaultDtype, isFloating } from "../dtype.js";
import { makeError } from "../errors.js";
import { readOptions, withOptions } from "../options.js";
import {
  reduceDefaults,
  totalDefaults,
  type Dims,
  type ReduceOptions,
  type Tensor,
  type TotalOptions,
} from "../tensor.js";
import { axesOf } from "./axes.js";
import { named } from "./history.js";
import { momentsOf, type VarianceOptions } from "./spread.js";

/** log(sum(e**x)) without overflow; integers and bool give the default dtype. */
export function logsumexp(x: Tensor, dim?: Dims | ReduceOptions, options?: ReduceOptions): Tensor {
  const [along, given] = withOptions<Dims, ReduceOptions>(dim, options);
  const { keepdim } = readOptions("logsumexp", given, reduceDefaults);
  const axes = axesOf("logsumexp", x, along);
  const input = isFloating(x.dtype) ? x : x.to(getDefaultDtype());
  const { shape } = input;
  // An empty line has no largest element.
  if (axes.some((axis) => shape[axis] === 0))
    return named(input.exp().sum(axes, { keepdim }).log(), "Logsumexp");
  const base = finiteTop(input, axes);
  const total = input.sub(base).exp().sum(axes, { keepdim }).log();
  return named(total.add(keepdim ? base : base.reshape(total.shape)), "Logsumexp");
}

/** The largest elements, 0 in place of infinite ones; without history, since they are added again at the end. */
function finiteTop(x: Tensor, axes: readonly number[]): Tensor {
  const top = x.detach().amax(axes, { keepdim: true });
  return top.isinf().where(0, top);
}

/** The sum of what is not NaN; the gradient is 0 at NaN. */
export function nansum(x: Tensor, dim?: Dims | TotalOptions, options?: TotalOptions): Tensor {
  const present = isFloating(x.dtype) ? x.isnan().where(0, x) : x;
  return named(present.sum(dim, options), "Nansum");
}

/** The mean of what is not NaN, of a floating tensor; NaN where nothing is. */
export function nanmean(x: Tensor, dim?: Dims | TotalOptions, options?: TotalOptions): Tensor {
  const [along, given] = withOptions<Dims, TotalOptions>(dim, options);
  if (!isFloating(x.dtype))
    throw makeError(
      TypeError,
      `nanmean(): expected input to have floating point or complex dtype but got ${x.dtype}; nanmean: convert with .to("float32") first`,
      { code: "ERR_DTYPE", op: "nanmean" },
    );
  const { keepdim } = readOptions("nanmean", given, totalDefaults);
  return nansum(x, along, given).div(x.isnan().logicalNot().sum(along, { keepdim }));
}

/** How many elements are not zero, in int64; NaN is not zero. */
export function countNonzero(x: Tensor, dim?: Dims, options?: Readonly<Record<string, never>>): Tensor {
  readOptions("countNonzero", options, {});
  return x.ne(0).sum(dim);
}

/**
 * The variance of a floating tensor: the sum of the squared distances of elements from their mean, divided by their
 * number less `correction`, which is 1 when left out.
 */
function variance(x: Tensor, dim?: Dims | VarianceOptions, options?: VarianceOptions): Tensor {
  return named(momentsOf("var", x, dim, options).variance(), "Var");
}

/** The standard deviation of a floating tensor; the gradient is 0 where it is 0. */
export function std(x: Tensor, dim?: Dims | VarianceOptions, options?: VarianceOptions): Tensor {
  return named(momentsOf("std", x, dim, options).deviation(), "Std");
}

export { variance as var };
