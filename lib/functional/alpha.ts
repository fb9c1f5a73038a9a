import { makeError } from "../errors.js";
import { OpaqueScalar } from "../opaque.js";
import { readOptions } from "../options.js";
import { handleOf, isTensor, type Factor, type Operand, type Tensor } from "../tensor.js";

const alphaDefaults: Readonly<{ alpha: Factor }> = Object.freeze({ alpha: 1 });

/** The operand of `add` and `sub`, times alpha. */
export function scaled(op: string, other: Operand, options: { alpha?: Factor } | undefined): Operand {
  if (options === undefined) return other;
  const { alpha } = readOptions(op, options, alphaDefaults);
  if (isTensor(other)) return times(op, other, alpha);
  if (alpha === 1) return other;
  // This throws, since an opaque scalar has no value.
  if (alpha instanceof OpaqueScalar || other instanceof OpaqueScalar) return Number(alpha) * Number(other);
  if (typeof alpha !== "number" || !["number", "bigint", "boolean"].includes(typeof other))
    throw makeError(TypeError, `${op}: alpha and the operand must be numbers`, { code: "ERR_ARGUMENT", op });
  return Number(other) * alpha;
}

/** A tensor times a factor; itself where that is 1. */
export function times(op: string, tensor: Tensor, factor: Factor): Tensor {
  handleOf(tensor, op);
  return factor === 1 ? tensor : tensor.mul(factor);
}
