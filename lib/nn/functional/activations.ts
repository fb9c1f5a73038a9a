import { axesOf } from "../../functional/axes.js";
import { named } from "../../functional/history.js";
import { shares, type SoftmaxOptions } from "../../functional/shares.js";
import { makeError } from "../../errors.js";
import { describe, readOptions } from "../../options.js";
import { elementwise } from "../../native.js";
import { handleOf, unary, type Tensor } from "../../tensor.js";
import { numberFrom, requireFloating, shapeError, withoutInplace } from "./checks.js";
import { softplusOf } from "./smooth.js";

// Smooth activations.

const none = Object.freeze({});
const alphaDefaults = Object.freeze({ alpha: 1 });
const geluDefaults: Readonly<Required<GeluOptions>> = Object.freeze({ approximate: "none" });
const softplusDefaults = Object.freeze({ beta: 1, threshold: 20 });
const seluAlpha = 1.6732632423543772;
const seluScale = 1.0507009873554805;

/** Options of {@link elu} and {@link celu}. */
export interface EluOptions {
  /** Where the function ends far below 0, as -alpha. */
  alpha?: number;
}

/** Options of {@link gelu}. */
export interface GeluOptions {
  /** `"tanh"` for the approximation by tanh. */
  approximate?: "none" | "tanh";
}

/** Options of {@link softplus}. */
export interface SoftplusOptions {
  /** How sharp the bend is. */
  beta?: number;
  /** From where on, of beta * x, the result is x itself. */
  threshold?: number;
}

/** {@link softmax} of -x: the smallest get the largest shares. */
export function softmin(x: Tensor, dim: number, options?: SoftmaxOptions): Tensor {
  axesOf("softmin", x, [dim]);
  return shares("softmin", x.neg(), dim, options);
}

/** 1 / (1 + e**-x); integers give the default dtype. */
export function sigmoid(x: Tensor): Tensor {
  handleOf(x, "sigmoid");
  return x.sigmoid();
}

/** The hyperbolic tangent; integers give the default dtype. */
export function tanh(x: Tensor): Tensor {
  handleOf(x, "tanh");
  return x.tanh();
}

/** log(sigmoid(x)), accurate for large negative x. Floating. */
export function logsigmoid(x: Tensor): Tensor {
  requireFloating("logsigmoid", "log_sigmoid_cpu", x);
  return named(softplusOf(x.neg()).neg(), "LogSigmoid");
}

/** x * sigmoid(x), also called swish. Floating. */
export function silu(x: Tensor, options?: Readonly<Record<string, never>>): Tensor {
  readOptions("silu", options, none, withoutInplace);
  requireFloating("silu", "silu_cpu", x);
  return named(x.mul(x.sigmoid()), "Silu");
}

/** x * tanh(log(1 + e**x)). Floating. */
export function mish(x: Tensor, options?: Readonly<Record<string, never>>): Tensor {
  readOptions("mish", options, none, withoutInplace);
  requireFloating("mish", "mish_cpu", x);
  return named(x.mul(softplusOf(x).tanh()), "Mish");
}

/**
 * x times the probability that a standard normal number is less than x; with `approximate: "tanh"`,
 * x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x**3))) (Hendrycks and Gimpel, arXiv:1606.08415). Floating.
 * @throws RangeError (`ERR_VALUE`) for any other `approximate`.
 */
export function gelu(x: Tensor, options?: GeluOptions): Tensor {
  const { approximate } = readOptions("gelu", options, geluDefaults);
  requireFloating("gelu", "GeluKernelImpl", x);
  const known: readonly unknown[] = ["none", "tanh"];
  if (!known.includes(approximate))
    throw makeError(
      RangeError,
      `approximate argument must be either none or tanh.; gelu: got ${describe(approximate)}`,
      { code: "ERR_VALUE", op: "gelu" },
    );
  if (approximate === "none") return unary(elementwise.gelu, x);
  // (1 + tanh(z)) / 2 is sigmoid(2 z), where nothing cancels; beyond the bounds it is 0 or 1 in every dtype.
  const near = x.clamp(-30, 30);
  const scale = Math.sqrt(8 / Math.PI);
  const inner = near.mul(
    near
      .square()
      .mul(0.044715 * scale)
      .add(scale),
  );
  return named(x.mul(inner.sigmoid()), "Gelu");
}

/**
 * log(1 + e**(beta * x)) / beta, and x itself where beta * x is greater than the threshold. beta is 1 and the threshold
 * 20 when left out. Floating.
 */
export function softplus(x: Tensor, options?: SoftplusOptions): Tensor {
  const { beta, threshold } = readOptions("softplus", options, softplusDefaults);
  requireFloating("softplus", "softplus_cpu", x);
  const scaled = x.mul(numberFrom("softplus", "beta", beta));
  const isLinear = scaled.gt(numberFrom("softplus", "threshold", threshold));
  return named(isLinear.where(x, softplusOf(isLinear.where(0, scaled)).div(beta)), "Softplus");
}

/** x / (1 + |x|) */
export function softsign(x: Tensor): Tensor {
  handleOf(x, "softsign");
  return x.div(x.abs().add(1));
}

/** x - tanh(x) */
export function tanhshrink(x: Tensor): Tensor {
  handleOf(x, "tanhshrink");
  return x.sub(x.tanh());
}

/** x where it is positive, scale * alpha * (e**(x / width) - 1) elsewhere, times scale. */
function exponential(x: Tensor, alpha: number, scale: number, width: number): Tensor {
  const isAbove = x.gt(0);
  const below = isAbove.where(0, width === 1 ? x : x.div(width)).expm1();
  return isAbove.where(scale === 1 ? x : x.mul(scale), below.mul(alpha * scale));
}

/** x where it is positive, alpha * (e**x - 1) elsewhere; alpha is 1 when left out. The gradient at 0 is alpha. Floating. */
export function elu(x: Tensor, options?: EluOptions): Tensor {
  const { alpha } = readOptions("elu", options, alphaDefaults, withoutInplace);
  requireFloating("elu", "elu_cpu", x);
  return named(exponential(x, numberFrom("elu", "alpha", alpha), 1, 1), "Elu");
}

/**
 * x where it is positive, alpha * (e**(x / alpha) - 1) elsewhere; alpha is 1 when left out. Floating.
 * @throws RangeError (`ERR_VALUE`) where alpha is 0.
 */
export function celu(x: Tensor, options?: EluOptions): Tensor {
  const { alpha } = readOptions("celu", options, alphaDefaults, withoutInplace);
  requireFloating("celu", "elu_cpu", x);
  if (numberFrom("celu", "alpha", alpha) === 0)
    throw makeError(RangeError, "ZeroDivisionError: alpha cannot be 0 for CELU; celu: use relu", {
      code: "ERR_VALUE",
      op: "celu",
    });
  return named(exponential(x, alpha, 1, alpha), "Celu");
}

/**
 * {@link elu} times 1.0507 with an alpha of 1.6733, for which activations keep mean 0 and variance 1 (Klambauer et al.,
 * arXiv:1706.02515). The gradient at 0 is the product of the two. Floating.
 */
export function selu(x: Tensor, options?: Readonly<Record<string, never>>): Tensor {
  readOptions("selu", options, none, withoutInplace);
  requireFloating("selu", "elu_cpu", x);
  return named(exponential(x, seluAlpha, seluScale, 1), "Elu");
}

/**
 * a * sigmoid(b), of the halves a and b of x along `dim`, the last one when left out (Dauphin et al., arXiv:1612.08083).
 * Floating.
 * @throws RangeError (`ERR_SHAPE`) unless that dimension has an even size.
 */
export function glu(x: Tensor, dim = -1): Tensor {
  requireFloating("glu", "glu_cpu", x);
  const { shape } = x;
  if (shape.length === 0)
    throw shapeError("glu", "glu does not support 0-dimensional tensors", "there is nothing to halve", [
      shape,
    ]);
  const axis = axesOf("glu", x, [dim])[0]!;
  const half = shape[axis]! / 2;
  if (!Number.isInteger(half))
    throw shapeError(
      "glu",
      `Halving dimension must be even, but dimension ${axis} is size ${shape[axis]!}`,
      "the halves are the values and their gates",
      [shape],
    );
  return named(x.narrow(axis, 0, half).mul(x.narrow(axis, half, half).sigmoid()), "Glu");
}
