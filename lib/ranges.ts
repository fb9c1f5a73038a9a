import { fitting } from "./calls.js";
import { finish, fullLike, readCreation, type CreationOptions } from "./creation.js";
import { deviceOf, type Device } from "./device.js";
import { computedDtype, dtypeIndex, dtypeName, integerBounds, isFloating, type DType } from "./dtype.js";
import { makeError } from "./errors.js";
import { native, type Scalar } from "./native.js";
import { describe, readOptions } from "./options.js";
import { create, handleOf, isTensor, type Tensor } from "./tensor.js";

// Tensors of numbers that follow from their positions. They lie in memory only where they are wanted.

function finite(op: string, name: string, value: unknown): number {
  const number = typeof value === "bigint" || typeof value === "boolean" ? Number(value) : value;
  if (typeof number === "number" && Number.isFinite(number)) return number;
  throw makeError(RangeError, `${op}: ${name} must be a finite number, got ${describe(value)}`, {
    code: "ERR_ARGUMENT",
    op,
  });
}

/**
 * start, start + step, ... up to but without `end`: `arange(end)` or `arange(start, end, step)`. The dtype is
 * the default one unless `dtype` says otherwise, since JavaScript does not tell whole numbers apart, or a bound is a
 * bigint, which makes int64. Integer dtypes take what is whole of start and step; int64 counts by them.
 * @throws RangeError (`ERR_ARGUMENT`) for a step of zero or one that leads away from `end`.
 */
export function arange(end: Scalar, options?: CreationOptions): Tensor;
export function arange(start: Scalar, end: Scalar, options?: CreationOptions): Tensor;
export function arange(start: Scalar, end: Scalar, step: Scalar, options?: CreationOptions): Tensor;
export function arange(...given: (Scalar | CreationOptions | undefined)[]): Tensor {
  const numbers = given.filter((value) => ["number", "bigint", "boolean"].includes(typeof value)) as Scalar[];
  const count = Math.min(numbers.length, 3);
  const [options] = fitting("arange", given, count + 1).slice(count) as (CreationOptions | undefined)[];
  const { dtype, device, requiresGrad } = readCreation("arange", options);
  const chosen = dtype ?? (numbers.some((value) => typeof value === "bigint") ? "int64" : undefined);
  const [start, end, step] =
    numbers.length < 2 ? [0, numbers[0], 1] : [numbers[0], numbers[1], numbers[2] ?? 1];
  const bound = (name: string, value: unknown) =>
    typeof value === "bigint" ? value : finite("arange", name, value);
  const bounds = { start: bound("start", start), end: bound("end", end), step: bound("step", step) };
  const range = chosen === "int64" ? wholeRange(bounds) : rangeOf(bounds);
  const make = (from: number, by: number) =>
    create((out) => native.arange(out, [range.count], dtypeIndex(chosen), device, from, by));
  // Doubles do not hold every bigint.
  if (Number.isSafeInteger(Number(range.start)) || chosen !== "int64")
    return finish(make(Number(range.start), Number(range.step)), requiresGrad);
  return finish(make(0, Number(range.step)).add(range.start), requiresGrad);
}

/** The numbers of {@link arange}. */
interface Range {
  start: number | bigint;
  end: number | bigint;
  step: number | bigint;
}

function checkRange({ start, end, step }: Range): void {
  if (Number(step) === 0)
    throw makeError(RangeError, "step must be nonzero; arange", { code: "ERR_ARGUMENT", op: "arange" });
  if (step > 0 ? end < start : end > start)
    throw makeError(
      RangeError,
      `upper bound and lower bound inconsistent with step sign; arange: from ${start} to ${end} by ${step}`,
      { code: "ERR_ARGUMENT", op: "arange" },
    );
}

/** Of other dtypes: they count by the numbers that are given. */
function rangeOf(given: Range) {
  checkRange(given);
  const [start, end, step] = [Number(given.start), Number(given.end), Number(given.step)];
  return { start, step, count: Math.ceil((end - start) / step) };
}

/** Of int64: all numbers are what is whole of those given. */
function wholeRange(given: Range) {
  const integer = (value: number | bigint) => BigInt(typeof value === "number" ? Math.trunc(value) : value);
  const range = { start: integer(given.start), end: integer(given.end), step: integer(given.step) };
  checkRange(range);
  const { start, end, step } = range;
  return { ...range, count: Number((end - start + step - (step > 0n ? 1n : -1n)) / step) };
}

/** A bound of a range: a number, or a 0-d tensor. */
export type Bound = Scalar | Tensor;

function stepsOf(op: string, steps: unknown): number {
  if (typeof steps !== "number" || !Number.isInteger(steps))
    throw makeError(TypeError, `${op}: steps must be a whole number, got ${describe(steps)}`, {
      code: "ERR_ARGUMENT",
      op,
    });
  if (steps < 0)
    throw makeError(RangeError, `number of steps must be non-negative; ${op}: got ${steps}`, {
      code: "ERR_VALUE",
      op,
    });
  return steps;
}

/**
 * `steps` evenly spaced numbers from `start` to `end`, both included. Bounds are numbers or 0-d tensors, to which
 * gradients flow. Integer dtypes take what is whole of the bounds, and of the numbers between them.
 *
 * @throws RangeError (`ERR_VALUE`) for a negative number of steps, (`ERR_SHAPE`) for a bound with dimensions.
 */
export function linspace(start: Bound, end: Bound, steps: number, options?: CreationOptions): Tensor {
  const count = stepsOf("linspace", steps);
  if (isTensor(start) || isTensor(end)) return between("linspace", start, end, count, options);
  const { dtype, device, requiresGrad } = readCreation("linspace", options);
  const bound = (name: string, value: unknown) => {
    const number = finite("linspace", name, value);
    return integerBounds.has(dtype ?? "float32") ? Math.trunc(number) : number;
  };
  const [from, to] = [bound("start", start), bound("end", end)];
  const step = count > 1 ? (to - from) / (count - 1) : 0;
  return finish(
    create((out) =>
      native.linspace(out, [count], dtypeIndex(dtype), device, from, count > 1 ? to : from, step),
    ),
    requiresGrad,
  );
}

/** The device of the bounds that are tensors, where options name no other. */
function deviceOption(
  op: string,
  bounds: readonly Bound[],
  options: CreationOptions | undefined,
): CreationOptions {
  for (const bound of bounds)
    if (isTensor(bound)) {
      if (bound.shape.length > 0)
        throw makeError(
          RangeError,
          `${op} only supports 0-dimensional start and end tensors, but got ${bound.shape.length} dimension(s)`,
          { code: "ERR_SHAPE", op, shapes: [bound.shape] },
        );
      return { device: deviceOf(handleOf(bound, op)), ...options };
    }
  return options ?? {};
}

/** Evenly spaced numbers between bounds of which one is a tensor at least, counted from both ends. */
function between(
  op: string,
  start: Bound,
  end: Bound,
  steps: number,
  options: CreationOptions | undefined,
): Tensor {
  for (const bound of [start, end]) deviceOption(op, [bound], undefined);
  const given = readCreation(op, deviceOption(op, [start, end], options));
  const target = dtypeName(dtypeIndex(given.dtype));
  const dtype = isFloating(target) ? computedDtype(target) : "float64";
  const make = (from: number, by: number) =>
    create((out) => native.arange(out, [steps], dtypeIndex(dtype), given.device, from, by));
  const like = (isTensor(start) ? start : end) as Tensor;
  const bound = (name: string, value: Bound): Tensor => {
    const there = isTensor(value) ? value.to(dtype) : fullLike(like, finite(op, name, value), { dtype });
    return isFloating(target) ? there : there.trunc();
  };
  const [from, to] = [bound("start", start), bound("end", end)];
  if (steps === 1) return finish(from.reshape(1).to(target), given.requiresGrad);
  const step = to.sub(from).div(Math.max(steps - 1, 1));
  const rising = from.add(step.mul(make(0, 1)));
  const falling = to.sub(step.mul(make(steps - 1, -1)));
  const spaced = make(0, 1)
    .lt(Math.floor(steps / 2))
    .where(rising, falling);
  return finish(spaced.to(target), given.requiresGrad);
}

/** Options of {@link logspace}. */
export interface LogspaceOptions extends CreationOptions {
  /** The number whose powers they are. */
  base?: number;
}

const logspaceDefaults = Object.freeze({
  base: 10,
  dtype: undefined as DType | undefined,
  device: undefined as Device | undefined,
  requiresGrad: false,
});

/**
 * The powers of `base` (10 when left out) whose exponents are `steps` evenly spaced numbers from `start` to `end`, both
 * included. Bounds are those of {@link linspace}; integer dtypes take what is whole of bounds, base and powers.
 *
 * @throws RangeError as linspace does.
 */
export function logspace(start: Bound, end: Bound, steps: number, options?: LogspaceOptions): Tensor {
  const op = "logspace";
  const count = stepsOf(op, steps);
  for (const bound of [start, end]) deviceOption(op, [bound], undefined);
  const { base: given, ...creation } = readOptions(
    op,
    deviceOption(op, [start, end], options),
    logspaceDefaults,
  );
  const { device, requiresGrad, dtype } = creation;
  const target = dtypeName(dtypeIndex(dtype));
  const isWhole = !isFloating(target);
  const base = isWhole ? Math.trunc(finite(op, "base", given)) : finite(op, "base", given);
  const bound = (value: Bound): Bound =>
    !isWhole ? value : isTensor(value) ? value.to("float64").trunc() : Math.trunc(Number(value));
  const exponents = linspace(bound(start), bound(end), count, {
    dtype: isWhole ? "float64" : computedDtype(target),
    ...(device !== undefined && { device }),
  });
  const powers = exponents.rpow(base);
  return finish(powers.to(target), requiresGrad);
}

/** The identity matrix of n rows and m (or n) columns. @throws RangeError (`ERR_VALUE`) for a negative number. */
export function eye(n: number, m: number | CreationOptions = n, options?: CreationOptions): Tensor {
  const columns = typeof m === "number" ? m : n;
  for (const [name, value] of Object.entries({ n, m: columns }))
    if (typeof value !== "number" || !(value >= 0))
      throw makeError(RangeError, `${name} must be greater or equal to 0, got ${describe(value)}; eye`, {
        code: "ERR_VALUE",
        op: "eye",
      });
  const { dtype, device, requiresGrad } = readCreation("eye", typeof m === "number" ? options : m);
  return finish(
    create((out) => native.eye(out, [n, columns], dtypeIndex(dtype), device)),
    requiresGrad,
  );
}
