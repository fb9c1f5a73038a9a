import { makeError, type ErrorDetails } from "./errors.js";
import { describe, isPlainObject } from "./options.js";

// What people can call, functions and methods alike, goes through `guarded`: JavaScript drops arguments that a function does
// not take, here they are errors; and errors name what was called, not what it is made of. What is inside calls the functions
// themselves, and methods.

type AnyFunction = (this: unknown, ...given: unknown[]) => unknown;

/** How many arguments a guarded function takes. */
const known = new WeakMap<object, number>();

/** How many arguments a function takes at most, by its own text; infinitely many where it takes a rest. */
export function arityOf(f: (this: never, ...given: never[]) => unknown): number {
  const found = known.get(f);
  if (found !== undefined) return found;
  // Function.length counts no further than the first default.
  const text = Function.prototype.toString.call(f);
  if (/^(async )?\w+ =>/.test(text)) return 1;
  const [, names] = /^[^(]*\(([\w, ]*)\)/.exec(text) ?? [];
  if (names !== undefined) return names === "" ? 0 : names.split(",").length;
  const signs = /\/\*.*?\*\/|\/\/.*|"[^"]*"|'[^']*'|`[^`]*`|\.\.\.|[^\s]/gs;
  signs.lastIndex = text.indexOf("(") + 1;
  let count = 0;
  let isBetween = true;
  for (let depth = 1; depth > 0;) {
    const sign = signs.exec(text)![0];
    if (sign.startsWith("/")) continue;
    if (depth === 1 && sign === "...") return Infinity;
    if ("([{".includes(sign)) ++depth;
    else if (")]}".includes(sign)) --depth;
    if (depth === 1 && sign === ",") isBetween = true;
    else if (depth > 0 && isBetween) {
      ++count;
      isBetween = false;
    }
  }
  return count;
}

/**
 * The first `most` of the arguments.
 * @throws TypeError (`ERR_ARGUMENT`, `ERR_OPTION` for options) where there are more, unless those are undefined, or what
 * Array's own methods add: `[x, y].map(sin)` calls sin(x, 0, [x, y]).
 */
export function fitting(name: string, given: readonly unknown[], most: number): unknown[] {
  // An element that an array has not may be its prototype's.
  const [surplus, list] = given.slice(most);
  const isCallback = Array.isArray(list) && most > 0 && list[surplus as number] === given[most - 1];
  if (surplus !== undefined && !isCallback) {
    const count = most === 0 ? "no arguments" : most === 1 ? "1 argument" : `at most ${most} arguments`;
    const isOptions = isPlainObject(surplus);
    const what = isOptions ? `{ ${Object.keys(surplus as object).join(", ")} }` : describe(surplus);
    throw makeError(TypeError, `${name}: expected ${count}, got more: ${what}`, {
      code: isOptions ? "ERR_OPTION" : "ERR_ARGUMENT",
      op: name,
    });
  }
  return given.slice(0, most);
}

/** The error of something inside a call, as one of the call. What a callback throws is its own. */
function told(error: unknown, name: string, given: readonly unknown[]): unknown {
  if (!(error instanceof Error) || given.some((one) => typeof one === "function")) return error;
  const { op, code } = error as Partial<ErrorDetails>;
  if (op === name || !ofCalls.has(String(code))) return error;
  if (op === undefined) return Object.assign(error, { op: name });
  const { message, stack } = error;
  const named = message.replaceAll(new RegExp(`(?<=^|; )${op}(?=[:( ]|$)`, "g"), name);
  return Object.assign(error, { message: named, op: name, stack: stack?.replace(message, () => named) });
}

/** The codes of errors that are thrown at the call, whatever values are. */
const ofCalls = new Set(["ERR_ARGUMENT", "ERR_DIM", "ERR_DTYPE", "ERR_OPTION", "ERR_SHAPE", "ERR_VALUE"]);

/** The function that people have called, while it runs. */
let running: string | undefined;
/** They call what people give them. */
const hosts = new Set([
  "detectAnomaly",
  "enableGrad",
  "gradcheck",
  "gradgradcheck",
  "inferenceMode",
  "hvp",
  "jvp",
  "checkpoint",
  "curveFit",
  "curveFitSync",
  "leastSquares",
  "leastSquaresSync",
  "linearize",
  "minimize",
  "minimizeScalar",
  "minimizeScalarSync",
  "minimizeSync",
  "multiStart",
  "multiStartSync",
  "noGrad",
  "root",
  "rootSync",
  "tidy",
  "tripletMarginWithDistanceLoss",
  "vjp",
]);

/** The function that people have called, where one is running: whom errors are to name. */
export function caller(): string | undefined {
  return running;
}

/** `f`, which is the caller while it runs; for functions that are made of others. */
export function calling<F extends (this: never, ...given: never[]) => unknown>(name: string, given: F): F {
  if (hosts.has(name)) return given;
  const f = given as unknown as AnyFunction;
  return function (this: unknown, ...all: unknown[]) {
    const outer = running;
    running ??= name;
    try {
      return f.apply(this, all);
    } finally {
      running = outer;
    }
  } as unknown as F;
}

type Fit = (...given: unknown[]) => unknown[];
type Tell = (error: unknown, ...given: unknown[]) => unknown;
/** For each number of arguments what calls `f` with them, and looks at those behind only when the first of them is there. */
const forms: ((f: AnyFunction, fit: Fit, tell: Tell) => AnyFunction)[] = [
  (f, fit, tell) =>
    function (s, t, u) {
      try {
        return s === undefined ? f.call(this) : f.apply(this, fit(s, t, u));
      } catch (error) {
        throw tell(error);
      }
    },
  (f, fit, tell) =>
    function (a, s, t, u) {
      try {
        return s === undefined ? f.call(this, a) : f.apply(this, fit(a, s, t, u));
      } catch (error) {
        throw tell(error, a);
      }
    },
  (f, fit, tell) =>
    function (a, b, s, t, u) {
      try {
        return s === undefined ? f.call(this, a, b) : f.apply(this, fit(a, b, s, t, u));
      } catch (error) {
        throw tell(error, a, b);
      }
    },
  (f, fit, tell) =>
    function (a, b, c, s, t, u) {
      try {
        return s === undefined ? f.call(this, a, b, c) : f.apply(this, fit(a, b, c, s, t, u));
      } catch (error) {
        throw tell(error, a, b, c);
      }
    },
  (f, fit, tell) =>
    function (a, b, c, d, s, t, u) {
      try {
        return s === undefined ? f.call(this, a, b, c, d) : f.apply(this, fit(a, b, c, d, s, t, u));
      } catch (error) {
        throw tell(error, a, b, c, d);
      }
    },
];

/** `f`, which refuses arguments that it does not take, of which there are `most`, and whose errors name it. */
export function guarded<F extends (this: never, ...given: never[]) => unknown>(
  name: string,
  given: F,
  most = arityOf(given),
): F {
  const f = given as unknown as AnyFunction;
  if (known.has(f) && f.name === name) return given;
  const fit: Fit = (...all) => fitting(name, all, most);
  const tell: Tell = (error, ...all) => told(error, name, all);
  const checked =
    forms[most]?.(f, fit, tell) ??
    function (this: unknown, ...all) {
      try {
        return f.apply(this, all.length <= most ? all : fit(...all));
      } catch (error) {
        throw tell(error, ...all);
      }
    };
  known.set(checked, most);
  return Object.defineProperty(checked, "name", { value: name }) as unknown as F;
}
