import { isFloating } from "../../dtype.js";
import { makeError } from "../../errors.js";
import { named } from "../../functional/history.js";
import { rand } from "../../creation.js";
import { readOptions } from "../../options.js";
import { handleOf, type Tensor } from "../../tensor.js";
import { flagFrom, numberFrom, requireFloating, shapeError, valueError, withoutInplace } from "./checks.js";

// Activations that are put together of pieces. Where a piece would overflow outside its part, it is given another input
// there, so that no gradient is zero times infinity.

const none = Object.freeze({});
const slopeDefaults = Object.freeze({ negativeSlope: 0.01 });
const rangeDefaults = Object.freeze({ minVal: -1, maxVal: 1 });
const lambdDefaults = Object.freeze({ lambd: 0.5 });
const rreluDefaults = Object.freeze({ lower: 1 / 8, upper: 1 / 3, training: false });

/** Options of {@link leakyRelu}. */
export interface LeakyReluOptions {
  /** The slope where x is not positive. */
  negativeSlope?: number;
}

/** Options of {@link hardtanh}. */
export interface HardtanhOptions {
  /** The lower end. */
  minVal?: number;
  /** The upper end. */
  maxVal?: number;
}

/** Options of {@link hardshrink} and {@link softshrink}. */
export interface ShrinkOptions {
  /** How far from 0 elements become 0. */
  lambd?: number;
}

/** Options of {@link rrelu}. */
export interface RreluOptions {
  /** The least slope. */
  lower?: number;
  /** The greatest slope. */
  upper?: number;
  /** Draw a slope for each element, instead of taking the one in the middle. */
  training?: boolean;
}

/** max(x, 0). The gradient is 0 at 0 and 1 at NaN. Any dtype but bool. */
export function relu(x: Tensor, options?: Readonly<Record<string, never>>): Tensor {
  handleOf(x, "relu");
  readOptions("relu", options, none, withoutInplace);
  return x.relu();
}

/** min(max(x, 0), 6). The gradient is 0 at both ends. */
export function relu6(x: Tensor, options?: Readonly<Record<string, never>>): Tensor {
  handleOf(x, "relu6");
  readOptions("relu6", options, none, withoutInplace);
  return within("relu6", x, 0, 6);
}

/**
 * x within [minVal, maxVal], which are -1 and 1 when left out; for whole numbers their fractions are cut off. The gradient is
 * 0 at both ends.
 * @throws RangeError (`ERR_VALUE`) where minVal is greater than maxVal.
 */
export function hardtanh(x: Tensor, options?: HardtanhOptions): Tensor {
  const { minVal, maxVal } = readOptions("hardtanh", options, rangeDefaults, withoutInplace);
  handleOf(x, "hardtanh");
  if (numberFrom("hardtanh", "minVal", minVal) > numberFrom("hardtanh", "maxVal", maxVal))
    throw valueError(
      "hardtanh",
      "min_val cannot be greater than max_val",
      `minVal is ${minVal}, maxVal ${maxVal}`,
    );
  return within("hardtanh", x, minVal, maxVal);
}

/** A number as an element of x: of whole numbers the fraction is cut off. */
const elementOf = (x: Tensor, value: number): number => (isFloating(x.dtype) ? value : Math.trunc(value));

function within(op: string, x: Tensor, minVal: number, maxVal: number): Tensor {
  const { dtype } = x;
  if (dtype === "bool")
    throw makeError(
      TypeError,
      `Bool inputs not supported for hardtanh; ${op}: convert with .to("int64") first`,
      {
        code: "ERR_DTYPE",
        op,
      },
    );
  const [low, high] = [elementOf(x, minVal), elementOf(x, maxVal)];
  if (dtype === "uint8" && low < 0)
    throw valueError(op, "cannot do hardtanh on an unsigned type with negative limits", "give a minVal of 0");
  return named(x.le(low).where(low, x.ge(high).where(high, x)), "Hardtanh");
}

/** (x + 3) / 6 within [0, 1]. The gradient is 0 at -3 and 3. Floating. */
export function hardsigmoid(x: Tensor, options?: Readonly<Record<string, never>>): Tensor {
  readOptions("hardsigmoid", options, none, withoutInplace);
  requireFloating("hardsigmoid", "hardsigmoid_cpu", x);
  return named(x.le(-3).where(0, x.ge(3).where(1, x.add(3).div(6))), "Hardsigmoid");
}

/** x times x + 3 within [0, 6], over 6. The gradient is 0 at -3 and 1 at 3. Floating. */
export function hardswish(x: Tensor, options?: Readonly<Record<string, never>>): Tensor {
  readOptions("hardswish", options, none, withoutInplace);
  requireFloating("hardswish", "hardswish_cpu", x);
  return named(x.mul(within("hardswish", x.add(3), 0, 6)).div(6), "Hardswish");
}

/** x where it is positive, negativeSlope (0.01 when left out) times x elsewhere: the gradient at 0 too. Floating. */
export function leakyRelu(x: Tensor, options?: LeakyReluOptions): Tensor {
  const { negativeSlope } = readOptions("leakyRelu", options, slopeDefaults, withoutInplace);
  requireFloating("leakyRelu", "leaky_relu_cpu", x);
  return leaky(x, numberFrom("leakyRelu", "negativeSlope", negativeSlope), "LeakyRelu");
}

function leaky(x: Tensor, slope: Tensor | number, label: string): Tensor {
  const isAbove = x.gt(0);
  return named(isAbove.where(x, isAbove.where(0, x).mul(slope)), label);
}

/**
 * x where it is positive, weight times x elsewhere. The weight has one element, or one for each channel: the second
 * dimension of x. The gradient at 0 is that of the negative part. One floating dtype.
 * @throws RangeError (`ERR_SHAPE`) for a weight of another shape, TypeError (`ERR_DTYPE`) for one of another dtype.
 */
export function prelu(x: Tensor, weight: Tensor): Tensor {
  requireFloating("prelu", "prelu_cpu", x);
  requireFloating("prelu", "prelu_cpu", weight);
  const { shape } = x;
  const { shape: of } = weight;
  if (x.dtype !== weight.dtype)
    throw makeError(
      TypeError,
      `prelu: Type promoting not supported. Got ${x.dtype} and ${weight.dtype}; prelu: convert with weight.to(x)`,
      { code: "ERR_DTYPE", op: "prelu" },
    );
  if (of.length > 1)
    throw shapeError(
      "prelu",
      `prelu: Expected \`weight\` to be a scalar or 1D tensor, but got: ndim = ${of.length}`,
      "use one number for each channel",
      [shape, of],
    );
  const count = of[0] ?? 1;
  if (count === 1) return leaky(x, weight.reshape([]), "PreluKernel");
  if (shape.length === 0)
    throw shapeError("prelu", "Not allow zero-dim input tensor.", "a 0-d input has one weight", [shape, of]);
  const channels = shape[1] ?? 1;
  if (channels !== count)
    throw shapeError(
      "prelu",
      `Mismatch of parameter numbers and input channel size. Found parameter numbers = ${count} and channel size = ${channels}.`,
      "the channels are the second dimension",
      [shape, of],
    );
  const slope = weight.reshape([count, ...shape.slice(2).map(() => 1)]);
  return leaky(x, slope, "PreluKernel");
}

/**
 * x where it is greater than the threshold, value elsewhere: the gradient at the threshold is 0. For whole numbers the
 * fractions of both are cut off.
 */
export function threshold(x: Tensor, limit: number, value: number): Tensor {
  handleOf(x, "threshold");
  numberFrom("threshold", "threshold", limit);
  numberFrom("threshold", "value", value);
  return named(x.le(elementOf(x, limit)).where(elementOf(x, value), x), "Threshold");
}

/** x, and 0 in [-lambd, lambd], where lambd is 0.5 when left out; the gradient is 0 there as well. Floating. */
export function hardshrink(x: Tensor, options?: ShrinkOptions): Tensor {
  const { lambd } = readOptions("hardshrink", options, lambdDefaults);
  requireFloating("hardshrink", "hardshrink_cpu", x);
  numberFrom("hardshrink", "lambd", lambd);
  return named(x.ge(-lambd).logicalAnd(x.le(lambd)).where(0, x), "Hardshrink");
}

/**
 * x moved towards 0 by lambd (0.5 when left out), and 0 in [-lambd, lambd]; the gradient is 0 there as well. Floating.
 * @throws RangeError (`ERR_VALUE`) for a negative lambd.
 */
export function softshrink(x: Tensor, options?: ShrinkOptions): Tensor {
  const { lambd } = readOptions("softshrink", options, lambdDefaults);
  requireFloating("softshrink", "softshrink_cpu", x);
  if (!(numberFrom("softshrink", "lambd", lambd) >= 0))
    throw valueError(
      "softshrink",
      `lambda must be in range [0, inf) for input dtype ${x.dtype}, but found ${lambd}`,
      "give a lambd of 0 or more",
    );
  // Times zero, so that NaN stays NaN.
  const inside = x.gt(lambd).where(x.sub(lambd), x.lt(-lambd).where(x.add(lambd), x.mul(0)));
  return named(inside, "Softshrink");
}

/**
 * x where it is positive, a slope times x elsewhere: (lower + upper) / 2, or, with `training`, a number drawn for each
 * element from [lower, upper). Floating.
 * @throws RangeError (`ERR_VALUE`) where lower is greater than upper.
 */
export function rrelu(x: Tensor, options?: RreluOptions): Tensor {
  const { lower, upper, training } = readOptions("rrelu", options, rreluDefaults, withoutInplace);
  requireFloating("rrelu", "rrelu_cpu", x);
  if (!(numberFrom("rrelu", "lower", lower) <= numberFrom("rrelu", "upper", upper)))
    throw valueError(
      "rrelu",
      "Lower bound should be less than or equal to the upper bound",
      `lower is ${lower}, upper ${upper}`,
    );
  const slope = flagFrom("rrelu", "training", training)
    ? rand(x.shape, { dtype: x.dtype, device: x.device })
        .mul(upper - lower)
        .add(lower)
    : (lower + upper) / 2;
  return leaky(x, slope, "RreluWithNoise");
}
