import { inspect } from "node:util";
import { caller as callerOf } from "./calls.js";
import { cudaDevice, deviceOf, getDefaultDevice, type Device } from "./device.js";
import { dtypeName, getDefaultDtype, type DType } from "./dtype.js";
import { makeError } from "./errors.js";
import { scaled } from "./functional/alpha.js";
import { at, isBasic, put } from "./functional/advanced.js";
import { to, type Conversion } from "./functional/conversion.js";
import { areHalves, inFloat32 } from "./functional/halves.js";
import { matricesTransposed } from "./functional/transposes.js";
import { narrowFrom } from "./functional/narrowing.js";
import { parseIndices, type BasicIndex } from "./indexing.js";
import { list, type Listed } from "./lists.js";
import { divided, type DivisionOptions } from "./functional/quotients.js";
import { rounded, type RoundOptions } from "./functional/rounding.js";
import {
  elementwise,
  native,
  reductions,
  routines,
  type ElementwiseEntry,
  type Handle,
  type ReductionRow,
  type Scalar,
  type TypedArray,
} from "./native.js";
import { checkRoomForArrays } from "./nested.js";
import { forgetOpaque, handleOfOpaque, type OpaqueScalar } from "./opaque.js";
import { describe, readOptions, withOptions } from "./options.js";
import { formatTensor } from "./print.js";

// A Tensor is an integer. Native code keeps the value behind it, checks every shape and dtype at the call, and
// computes when a value is read. Elementwise entries take one handle per input, then one number per input, used
// where the handle is 0. An op that is made of other ops is a composition, in functional/.

/** The operand that an elementwise method combines a tensor with. */
export type Operand = Tensor | Scalar | OpaqueScalar;
/** A factor among the options of a method. */
export type Factor = number | OpaqueScalar;
/** A nested array of elements. */
export type NestedArray = Scalar | NestedArray[];
/** The typed arrays of every dtype but int64. */
export type NumberArray = Exclude<TypedArray, BigInt64Array>;
/** Which dimensions a reduction takes away; all of them when left out, for which options may follow at once. Negative ones count from the end. */
export type Dims = number | readonly number[] | null | undefined;

/**
 * One entry of an index: a position, a range in Python's spelling such as `":"`, `"1:"`, `":-1"`, `"::2"`, `"..."` for
 * all the dimensions that are not named, null for a new dimension, or a tensor: integers, uint8 among them, are
 * positions, and several such tensors broadcast; bool says for each position of as many dimensions whether it is meant. An
 * array of whole numbers or of booleans is such a tensor, and a boolean is one of no dimension.
 */
export type Index = BasicIndex | Tensor | null | boolean | IndexArray;
/** Positions in nested arrays, or for each position whether it is meant. */
export type IndexArray = readonly (number | boolean | IndexArray)[];

/** Options of reductions. */
export interface ReduceOptions {
  /** Keep the reduced dimensions, with size 1. */
  keepdim?: boolean;
}

/** Options of reductions that add up or multiply. */
export interface TotalOptions extends ReduceOptions {
  /** The dtype that the tensor is converted to first, and that of the result. */
  dtype?: DType;
}

/** Options of {@link Tensor.backward}. */
export interface BackwardOptions {
  /** Keep the graph, so that backward can run again. */
  retainGraph?: boolean;
  /** Record the gradients' own history, for gradients of gradients. */
  createGraph?: boolean;
  /** Accumulate in these leaves only. */
  inputs?: readonly Tensor[];
}

const backwardDefaults = Object.freeze({
  retainGraph: false,
  createGraph: false,
  inputs: null as readonly Tensor[] | null,
});
const multiply = routines.get("matmul")!.entry;
export const reduceDefaults: Readonly<Required<ReduceOptions>> = Object.freeze({ keepdim: false });
export const totalDefaults = Object.freeze({ keepdim: false, dtype: undefined as DType | undefined });
const padDefaults: { value: Scalar } = Object.freeze({ value: 0 });

const disposed: Handle = 0xffffffff;
/** Only this module can make a Tensor; others go through {@link create}. */
const key = Symbol("adjoint");
/**
 * What libraries find that compare objects by their own properties, such as node:assert: dtype, shape and elements, read
 * when they are looked at. structuredClone and postMessage refuse it, so that a tensor never arrives empty in a worker.
 */
class Contents implements ProxyHandler<object> {
  readonly #tensor: Tensor;
  constructor(tensor: Tensor) {
    this.#tensor = tensor;
  }
  ownKeys() {
    return ["dtype", "shape", "data"];
  }
  has(_: object, name: string | symbol) {
    return this.ownKeys().includes(name as string);
  }
  get(_: object, name: string | symbol): unknown {
    if (name === "data") return this.#tensor.dataSync();
    return name === "dtype" || name === "shape" ? this.#tensor[name] : undefined;
  }
  getOwnPropertyDescriptor(target: object, name: string | symbol) {
    return { value: this.get(target, name), enumerable: true, configurable: true };
  }
  getPrototypeOf() {
    return Object.prototype;
  }
}
/** What node:assert prints of it. */
const unread = { hint: "toArray() shows the elements" };

/** Whether a new value owes nothing to the old one, which then has a gradient of zero; or has its elements in another shape. */
export type Rebinding = "overwrites" | "reshapes";

let handleOfTensor: (tensor: unknown) => Handle | undefined;
let handleOfOperand: (operand: unknown) => Handle | undefined;
let haveHandles: (tensors: readonly Tensor[], handles: Uint32Array, first: number) => boolean;
let unary: (entry: ElementwiseEntry, x: Tensor) => Tensor;
let binary: (entry: ElementwiseEntry, a: Operand, b: Operand) => Tensor;
let ternary: (entry: ElementwiseEntry, a: Operand, b: Operand, c: Operand) => Tensor;
let create: (record: (out: object) => Handle) => Tensor;
let rebind: <T extends Tensor>(op: string, target: T, value: Tensor, how?: Rebinding) => T;
let forget: (tensors: readonly object[]) => void;
let fresh: (count: number, record: (out: object[]) => Handle[]) => (Tensor | null)[];

/**
 * An n-dimensional array with a dtype, on a device, that can take part in gradients.
 *
 * Methods record what to compute and return at once; values are computed when they are read. Operands broadcast
 * as in NumPy. Methods whose names end in `_` give the tensor itself a new value. Shapes and dtypes are checked at
 * the call: errors are RangeError (`ERR_SHAPE`, `ERR_DIM`, `ERR_INDEX`) and TypeError (`ERR_DTYPE`, `ERR_ARGUMENT`),
 * with the op in `op`, and the shapes in `shapes` where shapes are the matter.
 */
export class Tensor {
  #handle: Handle = disposed;
  protected readonly contents: object = new Proxy(unread, new Contents(this));

  static {
    handleOfTensor = (tensor) =>
      typeof tensor === "object" && tensor !== null && #handle in tensor ? tensor.#handle : undefined;
    handleOfOperand = (operand) =>
      typeof operand !== "object" || operand === null
        ? undefined
        : #handle in operand
          ? operand.#handle
          : handleOfOpaque(operand);
    haveHandles = (tensors, handles, first) => {
      for (let i = 0; i < tensors.length; ++i) {
        const tensor: object = tensors[i]!;
        if (!(#handle in tensor) || tensor.#handle !== handles[first + i]) return false;
      }
      return true;
    };
    create = (record) => {
      const out = new Tensor(key);
      out.#handle = record(out);
      return out;
    };
    unary = (entry, x) => x.#unary(entry);
    binary = (entry, a, b) => {
      const first = handleOfOperand(a);
      const second = handleOfOperand(b);
      const out = new Tensor(key);
      out.#handle =
        first !== undefined && second !== undefined
          ? entry(out, first, second)
          : entry(
              out,
              first ?? 0,
              second ?? 0,
              first === undefined ? (a as Scalar) : 0,
              second === undefined ? (b as Scalar) : 0,
            );
      return out;
    };
    ternary = (entry, a, b, c) => {
      const [first, second, third] = [handleOfOperand(a), handleOfOperand(b), handleOfOperand(c)];
      const out = new Tensor(key);
      out.#handle = entry(
        out,
        first ?? 0,
        second ?? 0,
        third ?? 0,
        first === undefined ? (a as Scalar) : 0,
        second === undefined ? (b as Scalar) : 0,
        third === undefined ? (c as Scalar) : 0,
      );
      return out;
    };
    rebind = (op, target, value, how) => {
      if (value === target) return target;
      try {
        const [overwrites, reshapes] = [how === "overwrites", how === "reshapes"];
        native.rebind(target.#handle, value.#handle, 0, op, overwrites, reshapes);
      } finally {
        value.dispose();
      }
      return target;
    };
    forget = (tensors) => {
      for (const tensor of tensors)
        if (#handle in tensor) tensor.#handle = disposed;
        else forgetOpaque(tensor);
    };
    fresh = (count, record) => {
      const out: Tensor[] = [];
      while (out.length < count) out.push(new Tensor(key));
      return record(out).map((handle, i) => {
        if (handle === 0) return null;
        out[i]!.#handle = handle;
        return out[i]!;
      });
    };
  }

  /** Tensors come from {@link tensor}, {@link zeros} and their like, not from `new`. */
  constructor(token: symbol) {
    if (token !== key)
      throw makeError(TypeError, "Tensor: use tensor(data) to make one", { code: "ERR_ARGUMENT" });
  }

  // --- What it is ----------------------------------------------------------------------------------------------

  /** The size of each dimension; a fresh array. */
  get shape(): number[] {
    return native.shape(this.#handle);
  }
  /** The kind of element. */
  get dtype(): DType {
    return dtypeName(native.dtype(this.#handle));
  }
  /** Where the elements live. */
  get device(): Device {
    return deviceOf(this.#handle);
  }
  /** The number of dimensions. */
  get ndim(): number {
    return this.shape.length;
  }
  /** The number of elements. */
  numel(): number {
    return this.shape.reduce((product, size) => product * size, 1);
  }
  /** The size of one dimension; negative ones count from the end. */
  size(dim: number): number {
    const { shape } = this;
    const size = Number.isInteger(dim) ? shape.at(dim) : undefined;
    if (size === undefined)
      throw makeError(
        RangeError,
        `Dimension out of range (expected to be in range of [${-shape.length}, ${shape.length - 1}], but got ${describe(dim)})`,
        { code: "ERR_DIM", op: "size", shapes: [shape] },
      );
    return size;
  }

  // --- Reading -------------------------------------------------------------------------------------------------

  /**
   * The only element: a number, a boolean for bool, a bigint for an int64 beyond 2**53. Waits for the value.
   * @throws Error (`ERR_ITEM`) unless there is exactly one element.
   */
  item<T extends Scalar = number>(): T {
    return native.item(this.#handle) as T;
  }
  /** {@link item}, as a promise; the event loop is free while a large computation runs. */
  async itemAsync<T extends Scalar = number>(): Promise<T> {
    return (await native.read(this.#handle, true)) as T;
  }
  /**
   * The elements, row after row, in a new typed array: a BigInt64Array for int64, 0 and 1 in a Uint8Array for bool, the
   * values of float16 and bfloat16 in a Float32Array.
   * Waits for the value.
   * @throws Error (`ERR_HOST_OOM`) where there is no room for the array.
   */
  dataSync<T extends TypedArray = NumberArray>(): T {
    return native.data(this.#handle) as T;
  }
  /** {@link dataSync}, as a promise; the event loop is free while a large computation runs. */
  async data<T extends TypedArray = NumberArray>(): Promise<T> {
    return (await native.read(this.#handle, false)) as T;
  }
  /**
   * The elements as nested arrays; a 0-d tensor gives its element. Waits for the value.
   * @throws Error (`ERR_HOST_OOM`) where there is no room for them.
   */
  toArray(): NestedArray {
    const { shape, dtype } = this;
    checkRoomForArrays("toArray", shape, dtype, 1);
    const values = this.dataSync<TypedArray>();
    const element = (i: number): Scalar => (dtype === "bool" ? values[i] === 1 : values[i]!);
    let next = 0;
    const level = (dim: number): NestedArray =>
      dim === shape.length ? element(next++) : Array.from({ length: shape[dim]! }, () => level(dim + 1));
    return level(0);
  }
  /** PyTorch's text; see {@link setPrintOptions}. Waits for the value. Inside of vmap, the text of the whole batch. */
  toString(): string {
    const levels = native.countLevels(this.#handle);
    if (levels > 0) {
      const whole = create((out) => native.wholeBatch(out, this.#handle)).toString();
      return `BatchedTensor(lvl=${levels}, bdim=0, value=\n    ${whole.replaceAll("\n", "\n    ")}\n)`;
    }
    const gradFn = native.gradFn(this.#handle);
    const { device } = this;
    return formatTensor({
      shape: this.shape,
      dtype: this.dtype,
      values: this.dataSync<TypedArray>(),
      gradFn,
      requiresGrad: this.requiresGrad,
      device: device === getDefaultDevice() ? null : device,
      defaultDtype: getDefaultDtype(),
    });
  }
  [inspect.custom](): string {
    return this.toString();
  }
  /** Nested arrays; int64 elements become numbers, as JSON has nothing else. JSON.stringify says under which key. */
  // eslint-disable-next-line @typescript-eslint/no-unused-vars -- it is there so that it is no surplus argument
  toJSON(_key?: string): unknown {
    checkRoomForArrays("toJSON", this.shape, this.dtype, 2);
    const plain = (value: NestedArray): unknown =>
      Array.isArray(value) ? value.map(plain) : typeof value === "bigint" ? Number(value) : value;
    return plain(this.toArray());
  }
  /**
   * Its slices along the first dimension, for `for ... of` and destructuring. A 0-d tensor is not iterable, which also lets
   * `toEqual` of Vitest and Jest compare its element.
   */
  get [Symbol.iterator](): () => Generator<Tensor, void> {
    const [size] = this.shape;
    if (size === undefined) return undefined as never;
    return function* (this: Tensor) {
      for (let i = 0; i < size; ++i) yield this.select(0, i);
    };
  }
  /** A text that is the same for tensors of one dtype, shape and elements; for libraries that compare by it. */
  valueOf(): string {
    const data = this.dataSync<TypedArray>();
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    return `${this.dtype} [${this.shape.join()}] ${bytes.toString("base64")}`;
  }
  /** Text where text is wanted; JavaScript's operators would silently compute nonsense, so they throw. */
  [Symbol.toPrimitive](hint: string): string {
    if (hint === "string") return this.toString();
    throw makeError(
      TypeError,
      "JavaScript operators do not work on tensors; use methods: x.add(y), x.sub(y), x.mul(y), x.div(y), x.pow(2), " +
        "x.neg(), x.lt(y), x.eq(y); x.item() gives a number, `${x}` text",
      { code: "ERR_OPERATOR" },
    );
  }

  // --- Gradients -----------------------------------------------------------------------------------------------

  /** Whether gradients flow to or through it. Settable on leaves. */
  get requiresGrad(): boolean {
    return (native.flags(this.#handle) & 1) !== 0;
  }
  set requiresGrad(wanted: boolean) {
    native.requireGrad(this.#handle, wanted);
  }
  /**
   * Sets {@link requiresGrad} and returns the tensor.
   * @throws TypeError (`ERR_DTYPE`) for integers and bool, Error (`ERR_AUTOGRAD`) for switching off a result.
   */
  requiresGrad_(wanted = true): this {
    native.requireGrad(this.#handle, wanted);
    return this;
  }
  /** Whether it was made by the user rather than by an op with history. */
  get isLeaf(): boolean {
    return (native.flags(this.#handle) & 2) !== 0;
  }
  /**
   * Whether it was made inside `inferenceMode`. Outside, an op that would keep it for its gradient refuses it (`ERR_AUTOGRAD`), and
   * so do changes in place and `requiresGrad_`; a clone is an ordinary tensor.
   */
  isInference(): boolean {
    return (native.flags(this.#handle) & 4) !== 0;
  }
  /** The accumulated gradient of a leaf: the same tensor until it is set to null. */
  get grad(): Tensor | null {
    const grad = native.grad(this.#handle);
    if (grad !== undefined) return grad as Tensor | null;
    const out = new Tensor(key);
    out.#handle = native.bindGrad(out, this.#handle);
    return out;
  }
  set grad(grad: Tensor | null) {
    if (grad !== null && handleOfTensor(grad) === undefined)
      throw makeError(TypeError, `assigned grad expected to be a Tensor or null but got ${typeof grad}`, {
        code: "ERR_ARGUMENT",
        op: "grad",
      });
    native.setGrad(this.#handle, grad === null ? 0 : grad.#handle);
  }
  /** The name of the step of history that made it, such as `"PowBackward0"`; null for a leaf. */
  get gradFn(): string | null {
    return native.gradFn(this.#handle);
  }
  /**
   * Adds the gradient of this tensor to `grad` of the leaves it was computed from. `gradient` weighs the elements
   * and has this tensor's shape; for a tensor of one element it is 1. The graph's saved values are freed unless
   * `retainGraph` or `createGraph`.
   * @throws Error (`ERR_AUTOGRAD`) with PyTorch's sentences: no history, not a scalar, a second time.
   */
  backward(gradient?: Tensor | null, options?: BackwardOptions): void {
    const { retainGraph, createGraph, inputs } = readOptions("backward", options, backwardDefaults);
    const seed = gradient === undefined || gradient === null ? 0 : seedHandle(gradient);
    if (inputs !== null && !(Array.isArray(inputs) && inputs.length > 0))
      throw makeError(
        TypeError,
        "`inputs` argument to `backward()` cannot be empty.; backward: inputs must be an array of leaves",
        { code: "ERR_ARGUMENT", op: "backward" },
      );
    const leaves = inputs === null ? null : inputs.map((leaf) => handleOf(leaf, "backward"));
    native.backward(this.#handle, seed, leaves, retainGraph, createGraph);
  }
  /** The same value without history. */
  detach(): Tensor {
    return create((out) => native.detach(out, this.#handle));
  }

  // --- Memory --------------------------------------------------------------------------------------------------

  /** Lets go of the value at once; using the tensor afterwards throws `ERR_DISPOSED`. A second time does nothing. */
  dispose(): void {
    if (this.#handle === disposed) return;
    native.dispose(this.#handle);
    this.#handle = disposed;
  }
  [Symbol.dispose](): void {
    this.dispose();
  }

  // --- One element at a time: of one tensor --------------------------------------------------------------------

  #unary(entry: ElementwiseEntry): Tensor {
    const out = new Tensor(key);
    out.#handle = entry(out, this.#handle);
    return out;
  }
  /** A copy with a history of its own. */
  clone(): Tensor {
    return this.#unary(elementwise.clone);
  }
  /** -x */
  neg(): Tensor {
    return this.#unary(elementwise.neg);
  }
  /** |x|; the gradient at 0 is 0. */
  abs(): Tensor {
    return this.#unary(elementwise.abs);
  }
  /** -1, 0 or 1; 0 at NaN. */
  sign(): Tensor {
    return this.#unary(elementwise.sign);
  }
  /** x * x */
  square(): Tensor {
    return this.#unary(elementwise.square);
  }
  /** The largest whole number that is not above. */
  floor(): Tensor {
    return this.#unary(elementwise.floor);
  }
  /** The smallest whole number that is not below. */
  ceil(): Tensor {
    return this.#unary(elementwise.ceil);
  }
  /** The nearest whole number, or the nearest with so many `decimals`; halves go to the even one. */
  round(options?: RoundOptions): Tensor {
    return options === undefined ? this.#unary(elementwise.round) : rounded(this, options);
  }
  /** Towards zero. */
  trunc(): Tensor {
    return this.#unary(elementwise.trunc);
  }
  /** max(x, 0); the gradient at 0 is 0. */
  relu(): Tensor {
    return this.#unary(elementwise.relu);
  }
  /** The square root; NaN below 0, infinite gradient at 0. */
  sqrt(): Tensor {
    return this.#unary(elementwise.sqrt);
  }
  /** 1 / sqrt(x) */
  rsqrt(): Tensor {
    return this.#unary(elementwise.rsqrt);
  }
  /** 1 / x */
  reciprocal(): Tensor {
    return this.#unary(elementwise.reciprocal);
  }
  /** e**x */
  exp(): Tensor {
    return this.#unary(elementwise.exp);
  }
  /** 2**x */
  exp2(): Tensor {
    return this.#unary(elementwise.exp2);
  }
  /** e**x - 1, accurate near 0. */
  expm1(): Tensor {
    return this.#unary(elementwise.expm1);
  }
  /** The natural logarithm. */
  log(): Tensor {
    return this.#unary(elementwise.log);
  }
  /** The logarithm to base 2. */
  log2(): Tensor {
    return this.#unary(elementwise.log2);
  }
  /** The logarithm to base 10. */
  log10(): Tensor {
    return this.#unary(elementwise.log10);
  }
  /** log(1 + x), accurate near 0. */
  log1p(): Tensor {
    return this.#unary(elementwise.log1p);
  }
  /** The sine of x in radians. */
  sin(): Tensor {
    return this.#unary(elementwise.sin);
  }
  /** The cosine of x in radians. */
  cos(): Tensor {
    return this.#unary(elementwise.cos);
  }
  /** The tangent of x in radians. */
  tan(): Tensor {
    return this.#unary(elementwise.tan);
  }
  /** The inverse sine, in radians. */
  asin(): Tensor {
    return this.#unary(elementwise.asin);
  }
  /** The inverse cosine, in radians. */
  acos(): Tensor {
    return this.#unary(elementwise.acos);
  }
  /** The inverse tangent, in radians. */
  atan(): Tensor {
    return this.#unary(elementwise.atan);
  }
  /** The hyperbolic sine. */
  sinh(): Tensor {
    return this.#unary(elementwise.sinh);
  }
  /** The hyperbolic cosine. */
  cosh(): Tensor {
    return this.#unary(elementwise.cosh);
  }
  /** The hyperbolic tangent. */
  tanh(): Tensor {
    return this.#unary(elementwise.tanh);
  }
  /** The inverse hyperbolic sine. */
  asinh(): Tensor {
    return this.#unary(elementwise.asinh);
  }
  /** The inverse hyperbolic cosine; NaN below 1. */
  acosh(): Tensor {
    return this.#unary(elementwise.acosh);
  }
  /** The inverse hyperbolic tangent; NaN outside [-1, 1]. */
  atanh(): Tensor {
    return this.#unary(elementwise.atanh);
  }
  /** 1 / (1 + e**-x) */
  sigmoid(): Tensor {
    return this.#unary(elementwise.sigmoid);
  }
  /** The error function. */
  erf(): Tensor {
    return this.#unary(elementwise.erf);
  }
  /** 1 - erf(x), accurate where that is small. */
  erfc(): Tensor {
    return this.#unary(elementwise.erfc);
  }
  /** Where it is NaN. */
  isnan(): Tensor {
    return this.#unary(elementwise.isnan);
  }
  /** Where it is infinite. */
  isinf(): Tensor {
    return this.#unary(elementwise.isinf);
  }
  /** Where it is neither NaN nor infinite. */
  isfinite(): Tensor {
    return this.#unary(elementwise.isfinite);
  }
  /** Where it is zero or false. */
  logicalNot(): Tensor {
    return this.#unary(elementwise.logicalNot);
  }

  // --- One element at a time: of two and three -----------------------------------------------------------------

  /** x + alpha * other */
  add(other: Operand, options?: { alpha?: Factor }): Tensor {
    if (options && areHalves(this, other))
      return inFloat32((x, y) => x.add(y, options), this as Tensor, other);
    return binary(elementwise.add, this, scaled("add", this, other, options));
  }
  /** x - alpha * other */
  sub(other: Operand, options?: { alpha?: Factor }): Tensor {
    if (options && areHalves(this, other))
      return inFloat32((x, y) => x.sub(y, options), this as Tensor, other);
    return binary(elementwise.sub, this, scaled("sub", this, other, options));
  }
  /** x * other */
  mul(other: Operand): Tensor {
    return binary(elementwise.mul, this, other);
  }
  /**
   * x / other; integers give the default dtype. With `roundingMode` `"trunc"` or `"floor"` the quotient is a whole
   * number, of the operands' own dtype; see {@link floorDivide}.
   */
  div(other: Operand, options?: DivisionOptions): Tensor {
    return options === undefined ? binary(elementwise.div, this, other) : divided(this, other, options);
  }
  /** other / x, for an operand on the left. */
  rdiv(other: Operand): Tensor {
    return binary(elementwise.div, other, this);
  }
  /** x ** other. The gradient of x**0 is 0 everywhere. */
  pow(other: Operand): Tensor {
    return binary(elementwise.pow, this, other);
  }
  /** other ** x, for an operand on the left. */
  rpow(other: Operand): Tensor {
    return binary(elementwise.pow, other, this);
  }
  /** The larger of the two; NaN wins, and equal ones share the gradient. */
  maximum(other: Operand): Tensor {
    return binary(elementwise.maximum, this, other);
  }
  /** The smaller of the two; NaN wins, and equal ones share the gradient. */
  minimum(other: Operand): Tensor {
    return binary(elementwise.minimum, this, other);
  }
  /** The angle of the point (other, x), in radians, in (-pi, pi]. */
  atan2(other: Operand): Tensor {
    return binary(elementwise.atan2, this, other);
  }
  /** sqrt(x**2 + other**2) without overflow. */
  hypot(other: Operand): Tensor {
    return binary(elementwise.hypot, this, other);
  }
  /** x == other, as bool. */
  eq(other: Operand): Tensor {
    return binary(elementwise.eq, this, other);
  }
  /** x != other, as bool. */
  ne(other: Operand): Tensor {
    return binary(elementwise.ne, this, other);
  }
  /** x < other, as bool. */
  lt(other: Operand): Tensor {
    return binary(elementwise.lt, this, other);
  }
  /** x <= other, as bool. */
  le(other: Operand): Tensor {
    return binary(elementwise.le, this, other);
  }
  /** x > other, as bool. */
  gt(other: Operand): Tensor {
    return binary(elementwise.gt, this, other);
  }
  /** x >= other, as bool. */
  ge(other: Operand): Tensor {
    return binary(elementwise.ge, this, other);
  }
  /** Where both are nonzero. */
  logicalAnd(other: Operand): Tensor {
    return binary(elementwise.logicalAnd, this, other);
  }
  /** Where at least one is nonzero. */
  logicalOr(other: Operand): Tensor {
    return binary(elementwise.logicalOr, this, other);
  }
  /** Elements of `then` where this bool tensor is true, of `otherwise` elsewhere. */
  where(then: Operand, otherwise: Operand): Tensor {
    return ternary(elementwise.where, this, then, otherwise);
  }
  /** x + weight * (end - x), exact at both ends. */
  lerp(end: Operand, weight: Operand): Tensor {
    return ternary(elementwise.lerp, this, end, weight);
  }
  // --- Reductions ----------------------------------------------------------------------------------------------

  #reduce(op: ReductionRow, first: Dims | ReduceOptions, second: ReduceOptions | undefined): Tensor {
    const [dim, options] = withOptions<Dims, ReduceOptions>(first, second);
    const { keepdim } = readOptions(op, options, reduceDefaults);
    const axes = typeof dim === "number" ? [dim] : (dim ?? null);
    return create((out) => reductions[op](out, this.#handle, axes, keepdim));
  }
  #total(op: "sum" | "mean" | "prod", first: Dims | TotalOptions, second: TotalOptions | undefined): Tensor {
    const [dim, options] = withOptions<Dims, TotalOptions>(first, second);
    const { dtype, keepdim } = readOptions(op, options, totalDefaults);
    const axes = typeof dim === "number" ? [dim] : (dim ?? null);
    const handle = dtype === undefined ? this.#handle : this.to(dtype).#handle;
    const out = create((out) => reductions[op](out, handle, axes, keepdim));
    return dtype === undefined ? out : out.to(dtype);
  }
  /** The sum; in int64 for integers and bool. Added up in pairs, so that errors stay small. */
  sum(dim?: Dims | TotalOptions, options?: TotalOptions): Tensor {
    return this.#total("sum", dim, options);
  }
  /** The arithmetic mean of a floating tensor; NaN of nothing. */
  mean(dim?: Dims | TotalOptions, options?: TotalOptions): Tensor {
    return this.#total("mean", dim, options);
  }
  /** The product; in int64 for integers and bool. 1 of nothing. Its gradient holds where elements are 0. */
  prod(dim?: Dims | TotalOptions, options?: TotalOptions): Tensor {
    return this.#total("prod", dim, options);
  }
  /** The largest element; NaN wins, and equal ones share the gradient. */
  amax(dim?: Dims | ReduceOptions, options?: ReduceOptions): Tensor {
    return this.#reduce("amax", dim, options);
  }
  /** The smallest element; NaN wins, and equal ones share the gradient. */
  amin(dim?: Dims | ReduceOptions, options?: ReduceOptions): Tensor {
    return this.#reduce("amin", dim, options);
  }
  /** Whether an element is nonzero. */
  any(dim?: Dims | ReduceOptions, options?: ReduceOptions): Tensor {
    return this.#reduce("any", dim, options);
  }
  /** Whether no element is zero. */
  all(dim?: Dims | ReduceOptions, options?: ReduceOptions): Tensor {
    return this.#reduce("all", dim, options);
  }

  // --- Products ------------------------------------------------------------------------------------------------

  /** The matrix product, as in NumPy: 1-D tensors are vectors, dimensions before the last two are batches. */
  matmul(other: Tensor): Tensor {
    return create((out) => multiply(out, this.#handle, handleOf(other, "matmul")) as Handle);
  }
  // --- Shape and position --------------------------------------------------------------------------------------

  /** The same elements in another shape; one size may be -1. */
  reshape(...shape: Listed): Tensor {
    return create((out) => native.reshape(out, this.#handle, list("reshape", shape)));
  }
  /** The dimensions from `startDim` to `endDim` as one. */
  flatten(startDim = 0, endDim = -1): Tensor {
    return create((out) => native.flatten(out, this.#handle, startDim, endDim));
  }
  /** With a new dimension of size 1 at `dim`. */
  unsqueeze(dim: number): Tensor {
    return create((out) => native.unsqueeze(out, this.#handle, dim));
  }
  /** Without the dimensions of size 1, or those among `dim`. */
  squeeze(dim?: Dims): Tensor {
    const dims = typeof dim === "number" ? [dim] : (dim ?? null);
    if (dims?.length === 0) return this.reshape(this.shape);
    return create((out) => native.squeeze(out, this.#handle, dims));
  }
  /** With its dimensions in another order. */
  permute(...dims: Listed): Tensor {
    return create((out) => native.permute(out, this.#handle, list("permute", dims)));
  }
  /** With two dimensions exchanged. */
  transpose(dim0: number, dim1: number): Tensor {
    return create((out) => native.transpose(out, this.#handle, dim0, dim1));
  }
  /** With its dimensions reversed: a matrix transposed. */
  get T(): Tensor {
    return this.permute(this.shape.map((_, dim) => dim).reverse());
  }
  /** With the last two dimensions exchanged: matrices transposed. */
  get mT(): Tensor {
    return matricesTransposed("mT", this);
  }
  /** The same as {@link mT}: elements are real. */
  get mH(): Tensor {
    return matricesTransposed("mH", this);
  }
  /** With dimensions of size 1 repeated to `shape`, and new ones in front; -1 keeps a size. */
  expand(...shape: Listed): Tensor {
    return create((out) => native.expand(out, this.#handle, list("expand", shape)));
  }
  /** Backwards along `dims`. */
  flip(...dims: Listed): Tensor {
    return create((out) => native.flip(out, this.#handle, list("flip", dims)));
  }
  /**
   * `length` positions from `start` along `dim`. A start that is a 0-d integer tensor need not be known yet; out of range
   * it is an error (`ERR_INDEX`) when the result is read.
   */
  narrow(dim: number, start: number | Tensor, length: number): Tensor {
    if (isTensor(start)) return narrowFrom(this, dim, start, length);
    return create((out) => native.narrow(out, this.#handle, dim, start, length));
  }
  /** One position along `dim`, which goes away. */
  select(dim: number, index: number): Tensor {
    return create((out) => native.select(out, this.#handle, dim, index));
  }
  /**
   * Reads a part, as Python's brackets do: `x.at(0)` is `x[0]`, `x.at("1:", -1)` is `x[1:, -1]`, and
   * `x.at("...", "::2")` is `x[..., ::2]`. Tensors name positions: `x.at(rows, columns)` and `x.at(mask)`. What they name
   * comes in the place of the dimensions that they name it in, or in front where these are no neighbours. The result is
   * a value of its own.
   * @throws RangeError (`ERR_INDEX`) for positions out of range: where a tensor has them, when the result is read.
   */
  at(...index: Index[]): Tensor {
    if (!isBasic(index)) return at(this, index);
    return create((out) => native.at(out, this.#handle, parseIndices("at", index)));
  }
  /**
   * With `widths` more elements at the edges: pairs (before, after), the last dimension first; negative ones crop.
   */
  pad(widths: readonly number[], options?: { value?: Scalar }): Tensor {
    const { value } = readOptions("pad", options, padDefaults);
    return create((out) => native.pad(out, this.#handle, widths, value));
  }
  /**
   * In another dtype, where fractions are cut off towards zero; on another device, for which the value is computed now
   * and copied; or both: `x.to("cuda", "float64")`, `x.to({ device, dtype })`, or as another tensor has them,
   * `x.to(other)`. Gradients go the way back. Where nothing is to be changed the result is the tensor itself; `clone()`
   * makes another.
   * @throws TypeError (`ERR_ARGUMENT`, `ERR_OPTION`, `ERR_DTYPE`) for any other argument, RangeError (`ERR_DEVICE`) where
   * there is no such device, Error (`ERR_NO_CUDA`) where no GPU can be used.
   */
  to(target: Conversion, dtype?: DType): Tensor {
    return to(this, target, dtype);
  }
  /** The same as `to("cpu")`. */
  cpu(): Tensor {
    return this.to("cpu");
  }
  /** The same as `to("cuda")`, or as `to("cuda:1")` with a number. */
  cuda(index = 0): Tensor {
    return this.to(cudaDevice("cuda", index));
  }

  // --- In place ------------------------------------------------------------------------------------------------

  // These rebind: the tensor gets a new value, and uses of the old one keep it.

  /** x := source, broadcast and converted to this shape and dtype. */
  copy_(source: Tensor): this {
    native.rebind(this.#handle, handleOf(source, "copy_"), 0, "copy_", true, false);
    return this;
  }
  /** x := value everywhere: a number, or the element of a 0-d tensor. */
  fill_(value: Scalar | Tensor): this {
    if (!isTensor(value)) {
      native.rebind(this.#handle, 0, value, "fill_", true, false);
      return this;
    }
    const { shape } = value;
    if (shape.length > 0)
      throw makeError(
        RangeError,
        `fill_ only supports 0-dimension value tensor but got tensor with ${shape.length} dimensions.; fill_: use copy_, which broadcasts`,
        { code: "ERR_SHAPE", op: "fill_", shapes: [shape] },
      );
    return this.copy_(value);
  }
  /** x := 0 everywhere. */
  zero_(): this {
    native.rebind(this.#handle, 0, 0, "zero_", true, false);
    return this;
  }
  /**
   * Gives a part new values: `x.set([0], 5)` is `x[0] = 5`, `x.set(["1:", -1], y)` is `x[1:, -1] = y`. The value
   * broadcasts. Indices are those of {@link at}; of several values for one element the last one counts.
   */
  set(index: Index | readonly Index[], value: Operand): this {
    const entries = Array.isArray(index) ? (index as readonly Index[]) : [index as Index];
    if (!isBasic(entries)) return rebind("set", this, put("set", this, entries, value, false));
    const indices = parseIndices("set", entries);
    const handle = handleOfOperand(value);
    const whole = create((out) =>
      native.splice(out, this.#handle, indices, handle ?? 0, handle === undefined ? (value as Scalar) : 0),
    );
    return rebind("set", this, whole);
  }
}

function seedHandle(gradient: Tensor): Handle {
  if (!isTensor(gradient) && Object.keys(gradient).some((name) => Object.hasOwn(backwardDefaults, name)))
    throw makeError(TypeError, "backward: options come second, as in backward(null, { retainGraph: true })", {
      code: "ERR_ARGUMENT",
      op: "backward",
    });
  return handleOf(gradient, "backward");
}

/** Whether `value` is a Tensor of this copy of the library. */
export function isTensor(value: unknown): value is Tensor {
  return handleOfTensor(value) !== undefined;
}

/** The integer behind a tensor. @throws TypeError (`ERR_ARGUMENT`) for anything else. */
export function handleOf(tensor: unknown, op: string): Handle {
  const handle = handleOfTensor(tensor);
  if (handle !== undefined) return handle;
  const isForeign = (tensor as { constructor?: { name?: unknown } } | null)?.constructor?.name === "Tensor";
  throw makeError(
    TypeError,
    isForeign
      ? `${op}: this Tensor belongs to another copy of adjoint, or to another library`
      : `${op}: expected a Tensor, got ${tensor === null ? "null" : Array.isArray(tensor) ? "an array; use tensor(data)" : typeof tensor}`,
    { code: "ERR_ARGUMENT", op },
  );
}

/** Whom errors of what is recorded next name, when they show only as it runs; "" is the op that fails. */
let named = "";
function nameCaller(op: string): void {
  const caller = callerOf() ?? op;
  const wanted = caller === op ? "" : caller;
  if (wanted !== named) native.setCaller((named = wanted));
}

/** Records a row of native/ops/routines.def over tensors and its whole numbers: a tensor for each of its results. */
function recordRoutine(name: string, inputs: readonly Tensor[], ...numbers: number[]): Tensor[] {
  const { entry, results } = routines.get(name)!;
  nameCaller(name);
  return fresh(results, (out) => {
    const handles = entry(...out, ...inputs.map((input) => handleOf(input, name)), ...numbers);
    return typeof handles === "number" ? [handles] : handles;
  }) as Tensor[];
}

// `unary` records an elementwise op of a tensor; `binary` and `ternary` one of operands any of which may be a number; `create` makes a
// tensor from an entry that records a value for the fresh object it is given; `fresh` makes several, null
// where the entry gives no handle; `rebind` gives a tensor another's value; `forget` marks tensors that native code has disposed of; `haveHandles`
// tells whether these handles are still those of these tensors.
export { binary, create, forget, fresh, haveHandles, rebind, recordRoutine, ternary, unary };
