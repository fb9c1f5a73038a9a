import { getDefaultDtype, isFloating } from "../dtype.js";
import { makeError } from "../errors.js";
import { describe, readOptions } from "../options.js";
import { reduceDefaults, type Dims, type ReduceOptions, type Tensor } from "../tensor.js";
import { axesOf } from "./axes.js";
import { named } from "./history.js";

/** Options of `var` and `std`. */
export interface VarianceOptions extends ReduceOptions {
  /** The divisor is the number of elements less this: 1 (Bessel's correction) when left out. */
  correction?: number;
}

const varianceDefaults: Readonly<Required<VarianceOptions>> = Object.freeze({
  correction: 1,
  keepdim: false,
});
const refused = { unbiased: "give correction: 1 for true, 0 for false" };

/** The largest of all elements; {@link Tensor.amax} takes dimensions. */
export function max(x: Tensor, ...unexpected: []): Tensor {
  refuseDims("max", "amax", unexpected);
  return named(x.amax(), "Max", "1");
}

/** The smallest of all elements; {@link Tensor.amin} takes dimensions. */
export function min(x: Tensor, ...unexpected: []): Tensor {
  refuseDims("min", "amin", unexpected);
  return named(x.amin(), "Min", "1");
}

function refuseDims(op: string, instead: string, given: readonly unknown[]): void {
  if (given.length === 0) return;
  throw makeError(TypeError, `${op}: takes no dim, it reduces everything; use ${instead}(dim)`, {
    code: "ERR_ARGUMENT",
    op,
  });
}

/** log(sum(e**x)) without overflow; integers and bool give the default dtype. */
export function logsumexp(x: Tensor, dim?: Dims, options?: ReduceOptions): Tensor {
  const { keepdim } = readOptions("logsumexp", options, reduceDefaults);
  const axes = axesOf("logsumexp", x, dim);
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

/**
 * The variance of a floating tensor: the sum of the squared distances of elements from their mean, divided by their
 * number less `correction`, which is 1 when left out.
 */
function variance(x: Tensor, dim?: Dims, options?: VarianceOptions): Tensor {
  return named(spread("var", x, dim, options), "Var");
}

/** The standard deviation of a floating tensor; the gradient is 0 where it is 0. */
export function std(x: Tensor, dim?: Dims, options?: VarianceOptions): Tensor {
  const squared = spread("std", x, dim, options);
  const varies = squared.ne(0);
  return named(varies.where(varies.where(squared, 1).sqrt(), 0), "Std");
}

function spread(op: string, x: Tensor, dim: Dims, options: VarianceOptions | undefined): Tensor {
  const { correction, keepdim } = readOptions(op, options, varianceDefaults, refused);
  if (typeof correction !== "number" || Number.isNaN(correction))
    throw makeError(TypeError, `${op}: correction must be a number, got ${describe(correction)}`, {
      code: "ERR_OPTION",
      op,
    });
  const axes = axesOf(op, x, dim);
  const { shape, dtype } = x;
  if (!isFloating(dtype))
    throw makeError(
      TypeError,
      `std and var only support floating point and complex dtypes; ${op}: x is ${dtype}, convert with .to("float32") first`,
      { code: "ERR_DTYPE", op },
    );
  const count = axes.reduce((product, axis) => product * shape[axis]!, 1);
  const deviation = x.sub(x.mean(axes, { keepdim: true }));
  return deviation
    .square()
    .sum(axes, { keepdim })
    .div(Math.max(count - correction, 0));
}

export { variance as var };
