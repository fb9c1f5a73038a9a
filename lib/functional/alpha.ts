import { isFloating } from "../dtype.js";
import { makeError } from "../errors.js";
import { OpaqueScalar } from "../opaque.js";
import { readOptions } from "../options.js";
import { handleOf, isTensor, type Factor, type Operand, type Tensor } from "../tensor.js";

const alphaDefaults: Readonly<{ alpha: Factor }> = Object.freeze({ alpha: 1 });

/** The operand `other` of `add`, `sub` and `rsub` on x, times alpha. */
export function scaled(
  op: string,
  x: Tensor,
  other: Operand,
  options: { alpha?: Factor } | undefined,
): Operand {
  if (options === undefined) return other;
  const { alpha } = readOptions(op, options, alphaDefaults);
  const isWhole =
    !isFloating(x.dtype) && (isTensor(other) ? !isFloating(other.dtype) : Number.isInteger(other));
  if (isWhole && typeof alpha === "number" && !Number.isInteger(alpha))
    throw makeError(
      TypeError,
      `For integral input tensors, argument alpha must not be a floating point number.; ${op}: convert x with .to("float32") first`,
      { code: "ERR_ARGUMENT", op },
    );
  // Times a fraction, an integer would become the default dtype, which may be narrower than that of x.
  if (isTensor(other)) return times(op, isWhole || isFloating(other.dtype) ? other : wide(x, other), alpha);
  if (alpha === 1) return other;
  // This throws, since an opaque scalar has no value.
  if (alpha instanceof OpaqueScalar || other instanceof OpaqueScalar) return Number(alpha) * Number(other);
  if (typeof alpha !== "number" || !["number", "bigint", "boolean"].includes(typeof other))
    throw makeError(TypeError, `${op}: alpha and the operand must be numbers`, { code: "ERR_ARGUMENT", op });
  return Number(other) * alpha;
}

/** An integer tensor in the dtype of a floating x, where that is the dtype of the sum. */
const wide = (x: Tensor, other: Tensor) =>
  isFloating(x.dtype) && (x.ndim > 0 || other.ndim === 0) ? other.to(x.dtype) : other;

/** A tensor times a factor; itself where that is 1. */
export function times(op: string, tensor: Tensor, factor: Factor): Tensor {
  handleOf(tensor, op);
  return factor === 1 ? tensor : tensor.mul(factor);
}
