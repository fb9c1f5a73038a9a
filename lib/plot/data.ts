import { makeError } from "../errors.js";
import { describe } from "../options.js";

/** A list of numbers: an array, a typed array, or anything that has `toArray()`, such as a Tensor. */
export type Numbers = ArrayLike<number | bigint | boolean> | { toArray(): unknown };

/** The ends of an axis. */
export type Range = readonly [number, number];

/** A function of the plane. */
export type Surface = (x: number, y: number) => number;

/** Numbers beyond this are treated as infinite, so that the length of an axis never overflows. */
const largest = 1e300;

/** Axes around numbers below this show them as zero, for doubles so small have few digits. */
const smallest = 1e-290;

/** Whether a number has a place on an axis. */
export function isPlottable(value: number): boolean {
  return Math.abs(value) <= largest;
}

/** Copies a list of numbers, or says what is wrong with it. */
export function toNumbers(what: string, name: string, given: unknown): number[] {
  const list = toList(what, name, given);
  return Array.from(list, (value, i) => {
    if (typeof value === "number") return value;
    if (typeof value === "bigint" || typeof value === "boolean") return Number(value);
    if (Array.isArray(value)) {
      const shape = shapeOf(list);
      const message = `${what}: ${name} must be one-dimensional, but has shape [${shape.join(",")}]`;
      throw makeError(RangeError, message, { code: "ERR_SHAPE", op: what, shapes: [shape] });
    }
    throw typeError(what, `${name}[${i}] must be a number, but is ${describe(value)}`);
  });
}

/** A list of anything, out of an array, a typed array or a Tensor. */
export function toList(what: string, name: string, given: unknown): ArrayLike<unknown> {
  const list = hasToArray(given) ? given.toArray() : given;
  if (Array.isArray(list)) return list as unknown[];
  if (ArrayBuffer.isView(list) && "length" in list) return list as unknown as ArrayLike<unknown>;
  const got = hasToArray(given) && typeof list === "number" ? "a tensor of shape []" : describe(list);
  throw typeError(what, `${name} must be an array of numbers or a 1-D tensor, but is ${got}`);
}

/** Whether something is an array, a typed array or a Tensor, rather than an object with names. */
export function isList(given: unknown): boolean {
  return Array.isArray(given) || ArrayBuffer.isView(given) || hasToArray(given);
}

function hasToArray(given: unknown): given is { toArray(): unknown } {
  if (typeof given !== "object" || given === null || Array.isArray(given)) return false;
  return typeof (given as { toArray?: unknown }).toArray === "function";
}

function shapeOf(list: ArrayLike<unknown>): number[] {
  const shape: number[] = [];
  for (let level: unknown = list; Array.isArray(level); level = level[0]) shape.push(level.length);
  return shape;
}

/** Throws unless two lists have the same length. */
export function checkSameLength(what: string, x: readonly number[], y: readonly number[]): void {
  if (x.length === y.length) return;
  const message = `${what}: x has ${x.length} points and y has ${y.length}`;
  throw makeError(RangeError, message, { code: "ERR_SHAPE", op: what, shapes: [[x.length], [y.length]] });
}

/** A pair of plottable numbers. */
export function checkPoint(what: string, name: string, given: unknown): [number, number] {
  const pair = toNumbers(what, name, given);
  if (pair.length !== 2 || !pair.every(isPlottable)) {
    throw rangeError(what, `${name} must be two finite numbers, but is [${pair.slice(0, 4).join(", ")}]`);
  }
  return [pair[0]!, pair[1]!];
}

/** The ends of an axis, in rising order. */
export function checkRange(what: string, name: string, given: unknown): Range {
  const [from, to] = checkPoint(what, name, given);
  if (from >= to) throw rangeError(what, `${name} must rise, but is [${from}, ${to}]`);
  return [from, to];
}

/** A number between two others. */
export function checkNumber(what: string, name: string, value: unknown, from: number, to: number): number {
  if (typeof value !== "number" || !(value >= from && value <= to)) {
    throw rangeError(what, `${name} must be a number from ${from} to ${to}, but is ${describe(value)}`);
  }
  return value;
}

/** True or false. */
export function checkBoolean(what: string, name: string, value: unknown): boolean {
  if (typeof value === "boolean") return value;
  throw typeError(what, `${name} must be true or false, but is ${describe(value)}`);
}

/** Text as XML can carry it: without control characters and broken surrogates. */
export function checkText(what: string, name: string, value: unknown): string {
  if (typeof value !== "string") throw typeError(what, `${name} must be a string, but is ${describe(value)}`);

  return value.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu, "\ufffd");
}

/** A CSS colour: a name, #hex, or a function such as rgb(0 0 0 / 50%). */
export function checkColor(what: string, value: unknown): string {
  if (typeof value !== "string" || !/^#?[a-z0-9]+(\([a-z0-9.,%/\s+-]*\))?$/i.test(value)) {
    throw rangeError(what, `color must be a CSS colour, but is ${describe(value)}`);
  }
  return value;
}

/** Calls a user's function and checks that it returned a number. */
export function callForNumber(what: string, f: (...args: number[]) => unknown, ...args: number[]): number {
  const value = f(...args);
  if (typeof value === "number") return value;
  throw typeError(
    what,
    `f(${args.join(", ")}) must return a number, but returned ${describe(value)} (of a tensor, return item())`,
  );
}

/** A TypeError for an argument of the wrong kind. */
export function typeError(what: string, problem: string): TypeError {
  return makeError(TypeError, `${what}: ${problem}`, { code: "ERR_ARGUMENT", op: what });
}

/** A RangeError for an argument of the right kind with a value that cannot be. */
export function rangeError(what: string, problem: string): RangeError {
  return makeError(RangeError, `${what}: ${problem}`, { code: "ERR_ARGUMENT", op: what });
}

/** The range of the values that can be plotted, widened from `range` where that is given. */
export function extent(values: Iterable<number>, range?: Range): Range | undefined {
  let [from, to] = range ?? [Infinity, -Infinity];
  for (const value of values) {
    if (!isPlottable(value)) continue;
    from = Math.min(from, value);
    to = Math.max(to, value);
  }
  return from <= to ? [from, to] : undefined;
}

/** A range with a margin at either end; one too short to have ticks grows around its middle. */
export function withMargin([from, to]: Range, margin = 0.05): Range {
  const length = to - from;
  const size = Math.max(Math.abs(from), Math.abs(to));
  if (size < smallest) return [-0.5, 0.5];
  if (length <= 1e-9 * size) return [from - 0.05 * size, to + 0.05 * size];
  return [from - margin * length, to + margin * length];
}
