import { makeError } from "./errors.js";
import { describe, isPlainObject } from "./options.js";

// JavaScript drops arguments that a function does not take. Here they are errors: what people can call, functions and
// methods alike, goes through `counted`. What is inside calls the functions themselves.

type AnyFunction = (this: unknown, ...given: unknown[]) => unknown;

/** How many arguments a counted function takes. */
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
  const surplus = given[most];
  const list = given[most + 1];
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

type Fit = (...given: unknown[]) => unknown[];
/** For each number of arguments what calls `f` with them, and looks at those behind only when the first of them is there. */
const forms: ((f: AnyFunction, fit: Fit) => AnyFunction)[] = [
  (f, fit) =>
    function (s, t, u) {
      return s === undefined ? f.call(this) : f.apply(this, fit(s, t, u));
    },
  (f, fit) =>
    function (a, s, t, u) {
      return s === undefined ? f.call(this, a) : f.apply(this, fit(a, s, t, u));
    },
  (f, fit) =>
    function (a, b, s, t, u) {
      return s === undefined ? f.call(this, a, b) : f.apply(this, fit(a, b, s, t, u));
    },
  (f, fit) =>
    function (a, b, c, s, t, u) {
      return s === undefined ? f.call(this, a, b, c) : f.apply(this, fit(a, b, c, s, t, u));
    },
  (f, fit) =>
    function (a, b, c, d, s, t, u) {
      return s === undefined ? f.call(this, a, b, c, d) : f.apply(this, fit(a, b, c, d, s, t, u));
    },
];

/** `f`, which refuses arguments that it does not take, of which there are `most`. */
export function counted<F extends (this: never, ...given: never[]) => unknown>(
  name: string,
  given: F,
  most = arityOf(given),
): F {
  const f = given as unknown as AnyFunction;
  if (most === Infinity || known.has(f)) return given;
  const fit: Fit = (...all) => fitting(name, all, most);
  const checked =
    forms[most]?.(f, fit) ??
    function (this: unknown, ...all) {
      return f.apply(this, all[most] === undefined ? all : fit(...all));
    };
  known.set(checked, most);
  return Object.defineProperty(checked, "name", { value: name }) as unknown as F;
}

/** A module's functions, {@link counted}; what else it exports stays. */
export function countedAll<M extends object>(module: M): M {
  return Object.fromEntries(
    Object.entries(module).map(([name, value]) => [
      name,
      typeof value === "function" ? counted(name, value as AnyFunction) : (value as unknown),
    ]),
  ) as M;
}
