import { isFloating, wordOf } from "../../dtype.js";
import { makeError } from "../../errors.js";
import { describe } from "../../options.js";
import { handleOf, type Tensor } from "../../tensor.js";

// What the functions of this folder ask of their arguments.

/** Why there is no `inplace`. */
export const withoutInplace: Record<string, string> = Object.freeze({
  inplace: "results are tensors of their own, and a chain of them is one kernel without memory between",
});

/** A shape as PyTorch's messages write it. */
export const sizes = (shape: readonly number[]): string => `[${shape.join(", ")}]`;

/** A number that is an argument. @throws TypeError (`ERR_ARGUMENT`) for anything else. */
export function numberFrom(op: string, name: string, value: unknown): number {
  if (typeof value === "number") return value;
  throw makeError(TypeError, `${op}: ${name} must be a number, got ${describe(value)}`, {
    code: "ERR_ARGUMENT",
    op,
  });
}

/** A whole number that is an argument. @throws TypeError (`ERR_ARGUMENT`) for anything else. */
export function wholeFrom(op: string, name: string, value: unknown): number {
  if (Number.isSafeInteger(value)) return value as number;
  throw makeError(TypeError, `${op}: ${name} must be a whole number, got ${describe(value)}`, {
    code: "ERR_ARGUMENT",
    op,
  });
}

/** True or false. @throws TypeError (`ERR_ARGUMENT`) for anything else. */
export function flagFrom(op: string, name: string, value: unknown): boolean {
  if (typeof value === "boolean") return value;
  throw makeError(TypeError, `${op}: ${name} must be true or false, got ${describe(value)}`, {
    code: "ERR_ARGUMENT",
    op,
  });
}

/** A tensor that may be left out; null is none. @throws TypeError (`ERR_ARGUMENT`) for anything else. */
export function tensorFrom(op: string, value: Tensor | null | undefined): Tensor | undefined {
  if (value === undefined || value === null) return undefined;
  handleOf(value, op);
  return value;
}

/**
 * Refuses a tensor whose elements have no fractions.
 * @throws TypeError (`ERR_DTYPE`) with PyTorch's sentence, in which its kernel has a name.
 */
export function requireFloating(op: string, kernel: string, x: Tensor): void {
  handleOf(x, op);
  const { dtype } = x;
  if (isFloating(dtype)) return;
  throw makeError(
    TypeError,
    `"${kernel}" not implemented for '${wordOf(dtype)}'; ${op}: convert first, as in x.to("float32")`,
    { code: "ERR_DTYPE", op },
  );
}

/** Refuses a tensor of another dtype than the input's. @throws TypeError (`ERR_DTYPE`) with PyTorch's sentence. */
export function requireDtypeOf(op: string, input: Tensor, name: string, other: Tensor): void {
  if (input.dtype === other.dtype) return;
  throw makeError(
    TypeError,
    `expected scalar type ${wordOf(input.dtype)} but found ${wordOf(other.dtype)}; ${op}: convert ${name} with .to(input)`,
    { code: "ERR_DTYPE", op },
  );
}

/** Indices as int64. @throws TypeError (`ERR_DTYPE`) unless they are whole numbers of one of `dtypes`. */
export function indicesFrom(
  op: string,
  name: string,
  indices: Tensor,
  dtypes: readonly string[] = ["int64"],
): Tensor {
  handleOf(indices, op);
  const { dtype } = indices;
  if (dtypes.includes(dtype)) return indices.to("int64");
  throw makeError(
    TypeError,
    `expected scalar type Long but found ${wordOf(dtype)}; ${op}: ${name} are whole numbers, convert them with .to("int64")`,
    { code: "ERR_DTYPE", op },
  );
}

/** An error about shapes: PyTorch's sentence, then what to do. */
export function shapeError(op: string, sentence: string, hint: string, shapes: number[][]): RangeError {
  return makeError(RangeError, `${sentence}; ${op}: ${hint}`, { code: "ERR_SHAPE", op, shapes });
}

/** An error about a number that is out of its range: PyTorch's sentence, then what to do. */
export function valueError(op: string, sentence: string, hint: string): RangeError {
  return makeError(RangeError, `${sentence}; ${op}: ${hint}`, { code: "ERR_VALUE", op });
}
