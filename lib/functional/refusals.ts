import { makeError } from "../errors.js";
import { describe } from "../options.js";
import type { DType } from "../dtype.js";

// What compositions say to arguments that they refuse.

/** The error for shapes that do not fit. */
export function shapeError(op: string, sentence: string, ...shapes: number[][]): RangeError {
  return makeError(RangeError, `${sentence}; ${op}`, { code: "ERR_SHAPE", op, shapes });
}

/** The error for an argument of a wrong value. */
export function valueError(op: string, sentence: string): RangeError {
  return makeError(RangeError, `${sentence}; ${op}`, { code: "ERR_VALUE", op });
}

/** The error for an argument of a wrong kind. */
export function argumentError(op: string, sentence: string): TypeError {
  return makeError(TypeError, `${sentence}; ${op}`, { code: "ERR_ARGUMENT", op });
}

/** The error for a dtype that an op does not take. */
export function dtypeError(op: string, sentence: string): TypeError {
  return makeError(TypeError, `${sentence}; ${op}`, { code: "ERR_DTYPE", op });
}

/** A whole number that fits into a double exactly. */
export function whole(op: string, name: string, value: unknown): number {
  if (typeof value === "number" && Number.isSafeInteger(value)) return value;
  throw argumentError(op, `${name} must be a whole number, got ${describe(value)}`);
}

/** An array of whole numbers. */
export function wholes(op: string, name: string, values: unknown): readonly number[] {
  if (!Array.isArray(values))
    throw argumentError(op, `${name} must be an array of whole numbers, got ${describe(values)}`);
  return values.map((value) => whole(op, `an element of ${name}`, value));
}

/** Sizes in PyTorch's spelling: `[2, 3]`. */
export function sizes(shape: readonly number[]): string {
  return `[${shape.join(", ")}]`;
}

/** Refuses a tensor of positions that are not whole numbers. */
export function checkPositions(op: string, dtype: DType): void {
  if (dtype === "int64" || dtype === "int32") return;
  throw dtypeError(
    op,
    `Expected dtype int32/int64 for index, but got ${dtype}; convert it with .to("int64")`,
  );
}
