// Elements as bytes of a file, little-endian.
import { tensor } from "../creation.js";
import { typedArrayOf, type DType } from "../dtype.js";
import type { TypedArray } from "../native.js";
import { type Tensor } from "../tensor.js";

const isLittleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** The bytes of an array, in a file's order; no copy where the machine has the same. */
function bytesOf(values: TypedArray | Uint16Array): Uint8Array {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return isLittleEndian || values.BYTES_PER_ELEMENT === 1 ? bytes : swapped(bytes, values.BYTES_PER_ELEMENT);
}

function swapped(bytes: Uint8Array, width: number): Uint8Array {
  const result = new Uint8Array(bytes.length);
  for (let i = 0; i < bytes.length; ++i) result[i] = bytes[i - (i % width) + width - 1 - (i % width)]!;
  return result;
}

/** How many bytes an element takes in a file. */
export function widthOf(dtype: DType): number {
  return dtype === "float16" || dtype === "bfloat16" ? 2 : typedArrayOf(dtype, 0).BYTES_PER_ELEMENT;
}

/** A tensor's elements, in order. Waits for them. */
export function elementsOf(x: Tensor): Uint8Array {
  const values = x.dataSync<TypedArray>();
  if (x.dtype === "float16") return bytesOf(Uint16Array.from(values as Float32Array, bitsOfHalf));
  if (x.dtype === "bfloat16") {
    const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
    return bytesOf(Uint16Array.from(bits, (word) => word >>> 16));
  }
  return bytesOf(values);
}

/** A tensor of these elements, which are copied. */
export function tensorOf(bytes: Uint8Array, shape: readonly number[], dtype: DType, device?: string): Tensor {
  const width = widthOf(dtype);
  const ordered = isLittleEndian ? bytes : swapped(bytes, width);
  // A part of a file may begin at any byte, and arrays of numbers must not.
  const copy = new Uint8Array(ordered).buffer;
  const options = { dtype, ...(device !== undefined && { device }) };
  return tensor(arrayOf(copy, dtype), options as never).reshape([...shape]);
}

function arrayOf(buffer: ArrayBuffer, dtype: DType): TypedArray {
  switch (dtype) {
    case "float16":
      return Float32Array.from(new Uint16Array(buffer), halfOfBits);
    case "bfloat16": {
      const words = Uint32Array.from(new Uint16Array(buffer), (bits) => bits << 16);
      return new Float32Array(words.buffer);
    }
    case "float32":
      return new Float32Array(buffer);
    case "float64":
      return new Float64Array(buffer);
    case "int32":
      return new Int32Array(buffer);
    case "int64":
      return new BigInt64Array(buffer);
    case "uint8":
    case "bool":
      return new Uint8Array(buffer);
  }
}

/** IEEE 754's binary16 of a number that it can hold. */
function bitsOfHalf(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (Number.isNaN(value)) return 0x7e00;
  if (size === Infinity) return sign | 0x7c00;
  if (size < 2 ** -14) return sign | (size * 2 ** 24);
  const exponent = Math.floor(Math.log2(size));
  return sign | ((exponent + 15) << 10) | ((size / 2 ** exponent - 1) * 1024);
}

function halfOfBits(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
