import { integerBounds, isFloating } from "../dtype.js";
import { makeError } from "../errors.js";
import { elementwise } from "../native.js";
import { OpaqueScalar } from "../opaque.js";
import { readOptions } from "../options.js";
import { binary, handleOf, isTensor, ternary, type Factor, type Operand, type Tensor } from "../tensor.js";
import { scaled, times } from "./alpha.js";
import { named } from "./history.js";
import { areHalves, inFloat32 } from "./halves.js";

const factorDefaults: Readonly<{ value: Factor }> = Object.freeze({ value: 1 });

/** other - alpha * x */
export function rsub(x: Tensor, other: Operand, options?: { alpha?: Factor }): Tensor {
  if (options && areHalves(x, other)) return inFloat32(rsub, x, other, options);
  const result = binary(elementwise.sub, other, scaled("rsub", x, x, options));
  return named(result, "Rsub", isTensor(other) ? "0" : "1");
}

/** The bounds of {@link clamp} by name. */
export interface ClampOptions {
  min?: Operand | null;
  max?: Operand | null;
}

const clampDefaults: Readonly<Required<ClampOptions>> = Object.freeze({ min: null, max: null });

/**
 * x within [min, max], of which one may be left out; also as `x.clamp({ min, max })`. Of crossed bounds max counts. At a
 * bound the gradient goes to x, beyond it to the bound; NaN has none.
 */
export function clamp(x: Tensor, min?: Operand | ClampOptions | null, max?: Operand | null): Tensor {
  if (min === undefined || min === null || isOperand(min)) return bounded("clamp", x, min, max);
  const bounds = readOptions("clamp", min, clampDefaults);
  return bounded("clamp", x, bounds.min, bounds.max ?? max);
}

/** The smaller of x and `max`; as {@link clamp} with one bound. */
export function clampMax(x: Tensor, max: Operand): Tensor {
  return named(bounded("clampMax", x, null, max), "ClampMax", isTensor(max) ? "1" : "0");
}

/** The larger of x and `min`; as {@link clamp} with one bound. */
export function clampMin(x: Tensor, min: Operand): Tensor {
  return named(bounded("clampMin", x, min, null), "ClampMin", isTensor(min) ? "1" : "0");
}

const isOperand = (value: unknown): value is Operand =>
  typeof value !== "object" || isTensor(value) || value instanceof OpaqueScalar;

function bounded(
  op: string,
  x: Tensor,
  min: Operand | null | undefined,
  max: Operand | null | undefined,
): Tensor {
  const only = min ?? max ?? undefined;
  if (only === undefined)
    throw makeError(
      TypeError,
      `torch.clamp: At least one of 'min' or 'max' must not be None; ${op}: give a bound`,
      { code: "ERR_ARGUMENT", op },
    );
  const [lowest, highest] = extremes(x, only);
  const out = ternary(elementwise.clamp, x, min ?? lowest, max ?? highest);
  return isTensor(min) || isTensor(max) ? out : named(out, "Clamp", "1");
}

/** Bounds that no element of x reaches, beside another bound with which they must not decide the dtype. */
function extremes(x: Tensor, bound: Operand): readonly [number | bigint, number | bigint] {
  const infinities = [-Infinity, Infinity] as const;
  if (typeof bound === "number" && !Number.isInteger(bound)) return infinities;
  const isOther = isTensor(bound) && bound.dtype !== x.dtype;
  const dtype = isOther ? binary(elementwise.maximum, x, bound).dtype : x.dtype;
  return integerBounds.get(dtype === "bool" ? "int64" : dtype) ?? infinities;
}

/** x + value * a * b */
export function addcmul(x: Tensor, a: Tensor, b: Operand, options?: { value?: Factor }): Tensor {
  const { value } = readOptions("addcmul", options, factorDefaults);
  return named(x.add(times("addcmul", a, value).mul(b)), "Addcmul");
}

/** x + value * a / b */
export function addcdiv(x: Tensor, a: Tensor, b: Operand, options?: { value?: Factor }): Tensor {
  const { value } = readOptions("addcdiv", options, factorDefaults);
  handleOf(a, "addcdiv");
  if (isTensor(b) && !isFloating(a.dtype) && !isFloating(b.dtype))
    throw makeError(
      TypeError,
      'Integer division with addcdiv is no longer supported; addcdiv: convert one of the tensors, as in b.to("float32")',
      { code: "ERR_DTYPE", op: "addcdiv" },
    );
  return named(x.add(times("addcdiv", a, value).div(b)), "Addcdiv");
}
