import { makeError } from "./errors.js";
import { native, type TypedArray } from "./native.js";
import { describe } from "./options.js";

/**
 * The kinds of element. `float32` is the default of new tensors, `int64` of bigints, `bool` of booleans. `float16` and
 * `bfloat16` take two bytes; ops on them compute in float32, and round their results.
 */
export type DType = "float16" | "bfloat16" | "float32" | "float64" | "int32" | "int64" | "uint8" | "bool";

/** The least and the greatest element of the integer dtypes. */
export const integerBounds = new Map<DType, readonly [number | bigint, number | bigint]>([
  ["uint8", [0, 255]],
  ["int32", [-(2 ** 31), 2 ** 31 - 1]],
  ["int64", [-(2n ** 63n), 2n ** 63n - 1n]],
]);

const indices = new Map(native.dtypes.map((name, index) => [name, index]));

/** The dtype with this number in native code's table. */
export function dtypeName(index: number): DType {
  return native.dtypes[index] as DType;
}

/** The number that native code knows a dtype by; undefined is the default dtype. */
export function dtypeIndex(dtype: DType | undefined): number {
  if (dtype === undefined) return native.defaultDtype();
  const index = indices.get(dtype);
  if (index === undefined)
    throw makeError(TypeError, `unknown dtype: ${describe(dtype)}; use one of ${native.dtypes.join(", ")}`, {
      code: "ERR_DTYPE",
    });
  return index;
}

/** A dtype as PyTorch's messages spell it: `"Long"`. */
export function wordOf(dtype: DType): string {
  return native.dtypeWords[dtypeIndex(dtype)]!;
}

/** Whether elements of a dtype have fractions. */
export function isFloating(dtype: string): boolean {
  return dtype.startsWith("float") || dtype === "bfloat16";
}

/** Whether elements of a dtype are floating and take two bytes. */
export function isHalfDtype(dtype: DType): boolean {
  return dtype === "float16" || dtype === "bfloat16";
}

/** The dtype that ops on elements of this one compute in. */
export function computedDtype(dtype: DType): DType {
  return isHalfDtype(dtype) ? "float32" : dtype;
}

/** The largest finite element of a floating dtype. */
export function largestOf(dtype: DType): number {
  return native.largestElements[dtypeIndex(dtype)]!;
}

/** The typed array that holds elements of a dtype: of halves their values, as there is no array of them in every JavaScript. */
export function typedArrayOf(dtype: DType, length: number): TypedArray {
  switch (dtype) {
    case "float16":
    case "bfloat16":
    case "float32":
      return new Float32Array(length);
    case "float64":
      return new Float64Array(length);
    case "int32":
      return new Int32Array(length);
    case "int64":
      return new BigInt64Array(length);
    case "uint8":
    case "bool":
      return new Uint8Array(length);
  }
}

/**
 * Changes the dtype of tensors made without one: `"float32"` (at the start) or `"float64"`.
 * @throws TypeError with code ERR_DTYPE for any other dtype.
 */
export function setDefaultDtype(dtype: DType): void {
  native.setDefaultDtype(dtypeIndex(dtype));
}

/** The dtype of tensors made without one. */
export function getDefaultDtype(): DType {
  return dtypeName(native.defaultDtype());
}
