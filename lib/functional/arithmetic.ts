import { integerBounds } from "../dtype.js";
import { makeError } from "../errors.js";
import { elementwise, type Scalar } from "../native.js";
import type { OpaqueScalar } from "../opaque.js";
import { readOptions } from "../options.js";
import { binary, isTensor, ternary, type Factor, type Operand, type Tensor } from "../tensor.js";
import { times } from "./alpha.js";
import { named } from "./history.js";

const factorDefaults: Readonly<{ value: Factor }> = Object.freeze({ value: 1 });

/** other - x */
export function rsub(x: Tensor, other: Scalar | OpaqueScalar): Tensor {
  return named(binary(elementwise.sub, other, x), "Rsub", "1");
}

/** x within [min, max] */
export function clamp(x: Tensor, min?: Operand | null, max?: Operand | null): Tensor {
  if ((min ?? max ?? undefined) === undefined)
    throw makeError(
      TypeError,
      "torch.clamp: At least one of 'min' or 'max' must not be None; clamp: give a bound",
      { code: "ERR_ARGUMENT", op: "clamp" },
    );
  const [lowest, highest] = integerBounds.get(x.dtype) ?? [-Infinity, Infinity];
  const out = ternary(elementwise.clamp, x, min ?? lowest, max ?? highest);
  return isTensor(min) || isTensor(max) ? out : named(out, "Clamp", "1");
}

/** x + value * a * b */
export function addcmul(x: Tensor, a: Tensor, b: Operand, options?: { value?: Factor }): Tensor {
  const { value } = readOptions("addcmul", options, factorDefaults);
  return named(x.add(times("addcmul", a, value).mul(b)), "Addcmul");
}

/** x + value * a / b */
export function addcdiv(x: Tensor, a: Tensor, b: Operand, options?: { value?: Factor }): Tensor {
  const { value } = readOptions("addcdiv", options, factorDefaults);
  return named(x.add(times("addcdiv", a, value).div(b)), "Addcdiv");
}
