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

/** What {@link finfo} says. */
export interface FloatInfo {
  dtype: DType;
  /** How many bits an element takes. */
  bits: number;
  /** The distance from 1 to the next larger number. */
  eps: number;
  /** The largest finite number. */
  max: number;
  /** Its negative. */
  min: number;
  /** The smallest positive number of full precision. */
  smallestNormal: number;
  /** The same, by its older name. */
  tiny: number;
  /** The power of ten that the digits of a decimal number still tell apart, near 1. */
  resolution: number;
}

/** What {@link iinfo} says; int64's bounds are bigints. */
export interface IntegerInfo {
  dtype: DType;
  bits: number;
  min: number | bigint;
  max: number | bigint;
}

/** Of a floating dtype: its bits, those of its fraction, and the exponent of its smallest normal number. */
const formats = new Map<DType, readonly [bits: number, fraction: number, leastExponent: number]>([
  ["float16", [16, 10, -14]],
  ["bfloat16", [16, 7, -126]],
  ["float32", [32, 23, -126]],
  ["float64", [64, 52, -1022]],
]);

/**
 * The limits of a floating dtype, the default one where none is given.
 * @throws TypeError with code ERR_DTYPE for any other dtype.
 */
export function finfo(dtype: DType = getDefaultDtype()): FloatInfo {
  const max = largestOf(dtype);
  const format = formats.get(dtype);
  if (format === undefined)
    throw makeError(
      TypeError,
      `finfo() requires a floating point input type, got ${dtype}; use iinfo for it`,
      {
        code: "ERR_DTYPE",
        op: "finfo",
      },
    );
  const [bits, fraction, leastExponent] = format;
  const tiny = 2 ** leastExponent;
  const resolution = Number(`1e-${Math.floor(fraction * Math.log10(2))}`);
  return { dtype, bits, eps: 2 ** -fraction, max, min: -max, smallestNormal: tiny, tiny, resolution };
}

/**
 * The limits of an integer dtype.
 * @throws TypeError with code ERR_DTYPE for any other dtype.
 */
export function iinfo(dtype: DType): IntegerInfo {
  if ((dtype as unknown) === undefined)
    throw makeError(
      TypeError,
      'iinfo() requires an integer input type, got none; name one, as in iinfo("int64")',
      {
        code: "ERR_DTYPE",
        op: "iinfo",
      },
    );
  dtypeIndex(dtype);
  const bounds = integerBounds.get(dtype);
  if (bounds === undefined)
    throw makeError(
      TypeError,
      `iinfo() requires an integer input type, got ${dtype}${isFloating(dtype) ? "; use finfo for it" : ""}`,
      { code: "ERR_DTYPE", op: "iinfo" },
    );
  const [min, max] = bounds;
  return { dtype, bits: BigInt(max).toString(2).length + (min < 0 ? 1 : 0), min, max };
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
