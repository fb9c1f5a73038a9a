import { deviceNumber, deviceOf, type Device } from "./device.js";
import {
  dtypeIndex,
  getDefaultDtype,
  integerBounds,
  isHalfDtype,
  typedArrayOf,
  type DType,
} from "./dtype.js";
import { makeError } from "./errors.js";
import { native, type Scalar, type TypedArray } from "./native.js";
import { readOptions } from "./options.js";
import { create, handleOf, isTensor, type Tensor } from "./tensor.js";

/** The data that {@link tensor} accepts: elements, nested arrays of them, or a typed array. */
export type TensorData = Scalar | TypedArray | Uint8ClampedArray | readonly TensorData[];
/** The size of each dimension; a number is one dimension. */
export type ShapeLike = number | readonly number[];

/** Options of everything that makes a tensor. */
export interface CreationOptions {
  /** The kind of element; otherwise it follows from the data, or is the default dtype. */
  dtype?: DType;
  /** Where the tensor lives; otherwise on the default device. */
  device?: Device;
  /** Whether gradients accumulate in its `grad`. */
  requiresGrad?: boolean;
}

const creationDefaults = Object.freeze({
  dtype: undefined as DType | undefined,
  device: undefined as Device | undefined,
  requiresGrad: false,
});
const deepest = 32;
const mostElements = 2 ** 32;

/** The options of what makes a tensor, with its device as a number. */
export function readCreation(op: string, options: CreationOptions | undefined) {
  if (typeof options === "number")
    throw makeError(
      TypeError,
      `${op}: expected options, got ${String(options)}; a shape is one array, as in ${op}([2, 3])`,
      {
        code: "ERR_OPTION",
        op,
      },
    );
  const { dtype, device, requiresGrad } = readOptions(op, options, creationDefaults);
  if (typeof requiresGrad !== "boolean")
    throw makeError(TypeError, `${op}: requiresGrad must be true or false`, { code: "ERR_OPTION", op });
  return { dtype, requiresGrad, device: deviceNumber(op, device) };
}

/** The tensor that has been made, with a gradient if that is wanted. */
export function finish(made: Tensor, requiresGrad: boolean): Tensor {
  if (!requiresGrad) return made;
  try {
    return made.requiresGrad_();
  } catch (error) {
    made.dispose();
    throw error;
  }
}

/** A shape as a list. */
export function shapeOf(shape: ShapeLike): readonly number[] {
  if (typeof shape === "number") return [shape];
  // Left out, it would be the shape of a 0-d tensor.
  if ((shape as unknown) !== undefined && (shape as unknown) !== null) return shape;
  throw makeError(TypeError, "the shape must be a number or an array of numbers; [] is 0-d", {
    code: "ERR_ARGUMENT",
  });
}

/**
 * Makes a tensor from data, which is copied now.
 *
 * Numbers (whole ones too) make the default dtype, booleans bool, bigints int64; typed arrays keep their type, also as
 * rows of an array, and those of a kind that no dtype has are widened. `dtype` converts.
 * @throws RangeError (`ERR_RAGGED`) for rows of unequal length, with the place; TypeError for an element that is
 * no number.
 */
export function tensor(data: TensorData, options?: CreationOptions): Tensor {
  const { dtype, device, requiresGrad } = readCreation("tensor", options);
  if (ArrayBuffer.isView(data)) return finish(fromTypedArray(data, dtype, device), requiresGrad);
  const shape = shapeOfNested(data);
  const chosen = dtype ?? inferDtype(data, shape.length);
  dtypeIndex(chosen);
  const elements = shape.reduce((product, size) => product * size, 1);
  // Real arrays are smaller; sparse ones must not ask for what they do not have.
  if (elements > mostElements)
    throw makeError(RangeError, `tensor: ${shape.join(" x ")} elements are more than an array can hold`, {
      code: "ERR_SHAPE",
      op: "tensor",
      shapes: [shape],
    });
  // Halves are numbers first, so that they are rounded once.
  const held = isHalfDtype(chosen) ? "float64" : chosen;
  const flat = typedArrayOf(held, elements);
  fill(flat, data, shape, held);
  const made = create((out) => native.fromArray(out, flat, shape, held === "bool", device));
  return finish(convertedTo(chosen, made), requiresGrad);
}

function fromTypedArray(data: ArrayBufferView, dtype: DType | undefined, device: number): Tensor {
  if (data.byteLength === 0) refuseOutOfBounds(data);
  const elements = readable(data);
  return convertedTo(
    dtype ?? dtypesOfArrays[kindOf(data)]!,
    create((out) => native.fromArray(out, elements, null, false, device)),
  );
}

/** The tensor that has been made in another dtype, in place of it. */
function convertedTo(dtype: DType, made: Tensor): Tensor {
  if (dtype === made.dtype) return made;
  try {
    return made.to(dtype);
  } finally {
    made.dispose();
  }
}

/** The sizes along the first elements; rows are compared with them while they are copied. */
function shapeOfNested(data: unknown): number[] {
  const shape: number[] = [];
  let level = data;
  while (isRow(level)) {
    if (shape.length === deepest)
      throw makeError(RangeError, `tensor: arrays are nested deeper than ${deepest} levels`, {
        code: "ERR_RAGGED",
        op: "tensor",
      });
    shape.push(level.length);
    level = level[0];
  }
  return shape;
}

function isRow(level: unknown): level is ArrayLike<unknown> {
  if (Array.isArray(level)) return true;
  if (!ArrayBuffer.isView(level) || level instanceof DataView) return false;
  if (level.byteLength === 0) refuseOutOfBounds(level);
  return true;
}

const typedArrays = Object.getPrototypeOf(Uint8Array.prototype) as Uint8Array;

/** An array whose resizable buffer has shrunk below its end looks empty; only walking it tells. */
function refuseOutOfBounds(data: ArrayBufferView): void {
  refuseDetached(data.buffer);
  try {
    typedArrays.keys.call(data as Uint8Array);
  } catch {
    throw makeError(
      TypeError,
      "tensor: the buffer of an array has shrunk, and the array lies outside of it",
      {
        code: "ERR_DETACHED",
        op: "tensor",
      },
    );
  }
}

/** A detached buffer looks empty; only making a view of it tells. */
function refuseDetached(buffer: ArrayBufferLike): void {
  try {
    new Uint8Array(buffer);
  } catch {
    throw makeError(
      TypeError,
      "tensor: the buffer of an array is detached (it was transferred to another thread)",
      {
        code: "ERR_DETACHED",
        op: "tensor",
      },
    );
  }
}

/**
 * What typed arrays are as tensors: the five kinds as they are, the others as the narrowest dtype that holds all of their
 * elements (int64 for BigUint64Array, whose larger elements are refused).
 */
const dtypesOfArrays: Readonly<Record<string, DType>> = Object.freeze({
  Float32Array: "float32",
  Float64Array: "float64",
  Int32Array: "int32",
  BigInt64Array: "int64",
  Uint8Array: "uint8",
  Uint8ClampedArray: "uint8",
  Int8Array: "int32",
  Int16Array: "int32",
  Uint16Array: "int32",
  Uint32Array: "int64",
  BigUint64Array: "int64",
  Float16Array: "float16",
});

/** The kind of a view of memory, whatever its prototype has become. */
function kindOf(data: ArrayBufferView): string {
  const kind: unknown = Reflect.get(typedArrays, Symbol.toStringTag, data);
  return typeof kind === "string" ? kind : "DataView";
}

/** A typed array as one of the kinds that native code reads. */
function readable(data: ArrayBufferView): TypedArray {
  const kind = kindOf(data);
  const dtype = dtypesOfArrays[kind];
  if (dtype === undefined)
    throw makeError(TypeError, `tensor: expected numbers or a typed array, got a ${kind}`, {
      code: "ERR_ARGUMENT",
      op: "tensor",
    });
  const made = typedArrayOf(dtype, 0);
  if (made.constructor.name === kind) return data as TypedArray;
  const values = data as unknown as ArrayLike<number | bigint>;
  const copy = typedArrayOf(dtype, values.length);
  for (let i = 0; i < values.length; ++i) copy[i] = element(values[i], dtype, () => `[${i}]`) as never;
  return copy;
}

/**
 * The dtype of nested data: what the rows promote to. A typed array has its own; of other rows, booleans alone make bool,
 * bigints alone int64, and anything else the default dtype.
 */
function inferDtype(data: unknown, rank: number): DType {
  let dtype: DType | undefined;
  const join = (next: DType) => {
    dtype = dtype === undefined || dtypeIndex(next) > dtypeIndex(dtype) ? next : dtype;
  };
  const kinds = new Set<string>();
  const visit = (level: unknown, depth: number): void => {
    if (ArrayBuffer.isView(level)) join(dtypesOfArrays[kindOf(level)] ?? getDefaultDtype());
    else if (depth === rank || !Array.isArray(level)) kinds.add(typeof level);
    else
      for (const item of level) {
        visit(item, depth + 1);
        // Anything but a boolean and a bigint settles it, where an array may be long and hold nothing.
        if (depth === rank - 1 && typeof item !== "boolean" && typeof item !== "bigint") break;
      }
  };
  visit(data, 0);
  if (kinds.size === 1 && kinds.has("boolean")) join("bool");
  else if (kinds.size === 1 && kinds.has("bigint")) join("int64");
  else if (kinds.size > 0) join(getDefaultDtype());
  return dtype ?? getDefaultDtype();
}

const typeNames = { number: "numbers", boolean: "booleans", bigint: "bigints" };

/** Copies the leaves of `data` into `flat`, row after row. */
function fill(flat: TypedArray, data: unknown, shape: readonly number[], dtype: DType): void {
  let next = 0;
  const path: number[] = [];
  const place = () => (path.length === 0 ? "the value" : `[${path.join("][")}]`);
  const visit = (level: unknown, depth: number): void => {
    if (depth === shape.length) {
      flat[next++] = element(level, dtype, place) as never;
      return;
    }
    if (!isRow(level) || level.length !== shape[depth])
      throw makeError(
        RangeError,
        `expected sequence of length ${shape[depth]} at dim ${depth} (got ${isRow(level) ? level.length : describe(level)}); ` +
          `tensor: ${place()} does not have the shape of its siblings`,
        { code: "ERR_RAGGED", op: "tensor" },
      );
    const { length } = level;
    for (let i = 0; i < length; ++i) {
      path[depth] = i;
      visit(level[i], depth + 1);
    }
    path.length = depth;
  };
  visit(data, 0);
}

function element(value: unknown, dtype: DType, place: () => string): Scalar {
  const kind = typeof value;
  if (kind !== "number" && kind !== "boolean" && kind !== "bigint") {
    const hint = isTensor(value) ? "; use stack() to join tensors" : "";
    if (isRow(value))
      throw makeError(
        RangeError,
        `tensor: ${place()} is an array, but its siblings are ${typeNames.number}`,
        {
          code: "ERR_RAGGED",
          op: "tensor",
        },
      );
    throw makeError(
      TypeError,
      `tensor: ${place()} must be a number, boolean or bigint, got ${describe(value)}${hint}`,
      {
        code: "ERR_ARGUMENT",
        op: "tensor",
      },
    );
  }
  if (dtype === "bool") return Number(Boolean(value));
  const bounds = integerBounds.get(dtype);
  if (!bounds) return Number(value);
  const whole = kind === "bigint" ? (value as bigint) : Math.trunc(Number(value));
  if (!(whole >= bounds[0] && whole <= bounds[1]))
    throw makeError(
      RangeError,
      `value cannot be converted to type ${dtype} without overflow; tensor: ${place()} is ${String(value)}`,
      { code: "ERR_ARGUMENT", op: "tensor" },
    );
  return dtype === "int64" ? BigInt(whole) : Number(whole);
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (isTensor(value)) return "a Tensor";
  return typeof value === "string" ? JSON.stringify(value.slice(0, 20)) : `a ${typeof value}`;
}

/** A tensor of one value, for the function of a name. */
export function filled(
  op: string,
  shape: ShapeLike,
  value: Scalar,
  options: CreationOptions | undefined,
): Tensor {
  const { dtype, device, requiresGrad } = readCreation(op, options);
  const inferred =
    dtype ?? (typeof value === "boolean" ? "bool" : typeof value === "bigint" ? "int64" : undefined);
  return finish(
    create((out) => native.full(out, shapeOf(shape), dtypeIndex(inferred), value, op, device)),
    requiresGrad,
  );
}

/** A tensor of zeros. */
export function zeros(shape: ShapeLike, options?: CreationOptions): Tensor {
  return filled("zeros", shape, 0, options);
}
/** A tensor of ones. */
export function ones(shape: ShapeLike, options?: CreationOptions): Tensor {
  return filled("ones", shape, 1, options);
}
/** A tensor of one value, whose type gives the dtype as in {@link tensor}. */
export function full(shape: ShapeLike, value: Scalar, options?: CreationOptions): Tensor {
  return filled("full", shape, value, options);
}

/** Options with the dtype and the device of a tensor where they name no other. */
export function optionsLike(op: string, like: Tensor, options: CreationOptions | undefined): CreationOptions {
  const handle = handleOf(like, op);
  const { dtype, device, requiresGrad } = readOptions(op, options, creationDefaults);
  return { dtype: dtype ?? like.dtype, device: device ?? deviceOf(handle), requiresGrad };
}
/** Zeros of another tensor's shape and dtype, on its device. */
export function zerosLike(like: Tensor, options?: CreationOptions): Tensor {
  const given = optionsLike("zerosLike", like, options);
  return filled("zerosLike", like.shape, 0, given);
}
/** Ones of another tensor's shape and dtype, on its device. */
export function onesLike(like: Tensor, options?: CreationOptions): Tensor {
  const given = optionsLike("onesLike", like, options);
  return filled("onesLike", like.shape, 1, given);
}
/** One value in another tensor's shape and dtype, on its device. */
export function fullLike(like: Tensor, value: Scalar, options?: CreationOptions): Tensor {
  const given = optionsLike("fullLike", like, options);
  return filled("fullLike", like.shape, value, given);
}

function drawn(op: "rand" | "randn", shape: ShapeLike, options: CreationOptions | undefined): Tensor {
  const { dtype, device, requiresGrad } = readCreation(op, options);
  return finish(
    create((out) => native[op](out, shapeOf(shape), dtypeIndex(dtype), device)),
    requiresGrad,
  );
}
/** Uniform random numbers in [0, 1), by Philox: fixed by {@link manualSeed} and the order of calls. */
export function rand(shape: ShapeLike, options?: CreationOptions): Tensor {
  return drawn("rand", shape, options);
}
/** Standard normal random numbers, by Philox: fixed by {@link manualSeed} and the order of calls. */
export function randn(shape: ShapeLike, options?: CreationOptions): Tensor {
  return drawn("randn", shape, options);
}
/**
 * Starts the random numbers afresh from a whole number of 64 bits: from then on they are the same in every run, on every
 * device and for any number of threads. Without it, each process and each worker draws its own ({@link initialSeed}).
 */
export function manualSeed(seed: number | bigint): void {
  native.manualSeed(seed);
}
/** Starts the random numbers afresh from a seed that nobody can foretell, and returns it. */
export function seed(): bigint {
  return native.seed();
}
/** The seed that the random numbers have started from: {@link manualSeed} of it repeats them. */
export function initialSeed(): bigint {
  return native.initialSeed();
}

/** Where the random numbers are: plain data, to be saved with whatever is to go on with the same numbers. */
export interface RngState {
  seed: bigint;
  /** How many counters have been drawn since. */
  offset: bigint;
}
/** Where the random numbers are. */
export function getRngState(): RngState {
  const [start, offset] = native.randomState();
  return { seed: start, offset };
}
/**
 * Goes on with the random numbers from a state of {@link getRngState}.
 * @throws TypeError (`ERR_ARGUMENT`) for what is none.
 */
export function setRngState(state: RngState): void {
  const { seed: start, offset } = { ...state } as { seed?: unknown; offset?: unknown };
  if (typeof start !== "bigint" || typeof offset !== "bigint")
    throw makeError(TypeError, "setRngState: expected a state of getRngState, { seed, offset }", {
      code: "ERR_ARGUMENT",
      op: "setRngState",
    });
  native.setRandomState(start, offset);
}

/** One value in a 0-d tensor of the default dtype. */
export function scalarTensor(value: Scalar, options?: CreationOptions): Tensor {
  return filled("scalarTensor", [], value, { dtype: getDefaultDtype(), ...options });
}

/**
 * Elements of `then` where `condition` (bool) is true, of `otherwise` elsewhere. Of a condition alone, the positions where
 * it is not zero: a vector for each dimension.
 */
export function where(condition: Tensor): Tensor[];
export function where(condition: Tensor, then: Tensor | Scalar, otherwise: Tensor | Scalar): Tensor;
export function where(
  condition: Tensor,
  then?: Tensor | Scalar,
  otherwise?: Tensor | Scalar,
): Tensor | Tensor[] {
  handleOf(condition, "where");
  if (then === undefined && otherwise === undefined) return condition.nonzero({ asTuple: true });
  return condition.where(then!, otherwise!);
}
