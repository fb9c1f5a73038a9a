import { makeError } from "../errors.js";
import { describe, own } from "../options.js";

// An option of an optimizer or scheduler is a row: its default and its check. The checks run at construction,
// and again whenever the value is about to be used, because parameter groups are there to be edited.

/** Refuses a value that the option `name` of `what` cannot have. */
export type Check = (what: string, name: string, value: unknown) => void;

/** One option: its default, and the values it may have. */
export interface Option<V> {
  /** Its default. */
  readonly value: V;
  /** Throws for a value that it may not have. */
  readonly check: Check;
}

/** Every option of `O` with its row. */
export type OptionRows<O> = { readonly [K in keyof O]-?: Option<O[K]> };

/** Options as a caller gives them: all optional. */
export type Given<O> = { [K in keyof O]?: O[K] | undefined };

/** Makes the row of an option. */
export function option<V>(value: V, check: Check): Option<V> {
  return { value, check };
}

/** The defaults of a table of options. */
export function defaultsOf<O extends object>(rows: OptionRows<O>): O {
  return Object.fromEntries(
    Object.entries<Option<unknown>>(rows).map(([name, { value }]) => [name, copyOf(value)]),
  ) as O;
}

/** Checks every option of a table in `values`. */
export function checkOptions<O extends object>(what: string, rows: OptionRows<O>, values: O): void {
  for (const name in rows) if (Object.hasOwn(rows, name)) rows[name].check(what, name, values[name]);
}

/** The names in a table of options: its own, so that a polluted prototype adds none. */
export function namesOf<T extends object>(rows: T): (keyof T & string)[] {
  return Object.keys(rows) as (keyof T & string)[];
}

/** An option's value for keeping: arrays are copied, since they belong to the caller. */
export function copyOf(value: unknown): unknown {
  return Array.isArray(value) ? [...(value as unknown[])] : value;
}

/** The bounds of a number, which must be finite anyway. */
export interface Bounds {
  /** The least that is allowed. */
  min?: number;
  /** The most that is allowed. */
  max?: number;
  /** Excluded, unlike `max`. */
  below?: number;
  /** Excluded, unlike `min`. */
  above?: number;
  /** Whether it has to be whole. */
  integer?: boolean;
}

/** A finite number within bounds; `sentence` is PyTorch's, such as `Invalid learning rate`. */
export function finite(sentence: string, given: Bounds = {}): Check {
  const bounds = own(given);
  const allowed = phrase(bounds);
  return (what, name, value) => {
    if (typeof value === "number" && isWithin(value, bounds)) return;
    refuse(sentence, value, `${what}: ${name} must be ${allowed}`);
  };
}

/** `Invalid learning rate: -1`. Like every number here it must be finite; PyTorch's SGD lets NaN pass. */
export const learningRate: Check = finite("Invalid learning rate", { min: 0 });

/** true or false. */
export const flag: Check = (what, name, value) => {
  if (typeof value !== "boolean") {
    throw optionError(TypeError, `${what}: ${name} must be true or false, but got ${describe(value)}`);
  }
};

/** An array of numbers, with the sentence and the bounds of each. */
export function tuple(kinds: readonly (readonly [sentence: string, bounds: Bounds])[]): Check {
  const checks = kinds.map(([sentence, bounds]) => finite(sentence, bounds));
  const count = ["no", "one", "two", "three"][kinds.length] ?? String(kinds.length);
  return (what, name, value) => {
    if (!Array.isArray(value) || value.length !== kinds.length)
      throw optionError(
        TypeError,
        `${what}: ${name} must be an array of ${count} numbers, but got ${describe(value)}`,
      );
    checks.forEach((check, index) => {
      check(what, `${name}[${index}]`, value[index]);
    });
  };
}

/** Decays of running averages, each at least 0 and below 1. */
export const decays = (count: number): Check =>
  tuple(
    Array.from({ length: count }, (_, index) => [
      `Invalid beta parameter at index ${index}`,
      { min: 0, below: 1 },
    ]),
  );

/** A pair of decays. */
export const betas: Check = decays(2);

/** One of a few words, or of other values that are among them. */
export function oneOf(words: readonly (string | boolean | null)[], sentence?: string): Check {
  const allowed = words.map((word) => JSON.stringify(word)).join(" or ");
  return (what, name, value) => {
    if (words.includes(value as string | boolean | null)) return;
    const hint = `${what}: ${name} must be ${allowed}, but got ${describe(value)}`;
    throw optionError(RangeError, sentence === undefined ? hint : `${sentence} (${hint})`);
  };
}

/** Makes the error of a refused option. */
export function optionError<E extends Error>(Type: new (message: string) => E, message: string): E {
  return makeError(Type, message, { code: "ERR_OPTION" });
}

function isWithin(value: number, { min, max, below, above, integer }: Bounds): boolean {
  return (
    Number.isFinite(value) &&
    (min === undefined || value >= min) &&
    (max === undefined || value <= max) &&
    (below === undefined || value < below) &&
    (above === undefined || value > above) &&
    (integer !== true || Number.isSafeInteger(value))
  );
}

function phrase({ min, max, below, above, integer }: Bounds): string {
  const limits = [
    min !== undefined && `>= ${min}`,
    above !== undefined && `> ${above}`,
    max !== undefined && `<= ${max}`,
    below !== undefined && `< ${below}`,
  ].filter((limit) => limit !== false);
  return `a ${integer === true ? "whole" : "finite"} number${limits.length > 0 ? " " : ""}${limits.join(" and ")}`;
}

function refuse(sentence: string, value: unknown, hint: string): never {
  if (typeof value === "number") throw optionError(RangeError, `${sentence}: ${value} (${hint})`);
  const shown = typeof value === "string" ? value.slice(0, 40) : describe(value);
  throw optionError(TypeError, `${sentence}: ${shown} (${hint}, but got ${describe(value)})`);
}
