// What ends a minimisation beside its method, as options say it.
import { describe } from "../options.js";
import { type Check, finite, option, optionError } from "../optim/checks.js";
import type { Iterate } from "./questions.js";
import type { Limits } from "./run.js";

/** Options that all minimisations have. */
export interface Budget<P> {
  /** The most iterations. */
  maxIter?: number;
  /** The most evaluations of the function. */
  maxFev?: number;
  /** Milliseconds after which to end with the best point so far; none by default. */
  timeLimit?: number;
  /** Ends it with the best point so far. */
  signal?: AbortSignal;
  /** Called after every iteration; ends it by returning true. */
  onIteration?: (progress: P) => unknown;
}

/** A function, or nothing. */
export const aFunction: Check = (what, name, value) => {
  if (value !== undefined && typeof value !== "function")
    throw optionError(TypeError, `${what}: ${name} must be a function, but got ${describe(value)}`);
};

const limit: Check = (what, name, value) => {
  if (value !== undefined && value !== Infinity)
    finite(`Invalid ${name}`, { min: 1, integer: true })(what, name, value);
};

/** The rows of these options. */
export const budgetRows = {
  maxIter: option<number | undefined>(undefined, limit),
  maxFev: option<number | undefined>(undefined, limit),
  timeLimit: option<number>(Infinity, (what, name, value) => {
    if (value !== Infinity) finite("Invalid time limit", { above: 0 })(what, name, value);
  }),
  signal: option<unknown>(undefined, (what, name, value) => {
    if (value !== undefined && !(value instanceof AbortSignal))
      throw optionError(TypeError, `${what}: ${name} must be an AbortSignal, but got ${describe(value)}`);
  }),
  onIteration: option<unknown>(undefined, aFunction),
};

/** The limits that options set, from now on; `defaults` for those that they leave out. */
export function limitsFrom(
  options: object,
  defaults: { readonly maxIter: number; readonly maxFev: number },
  onIteration: (iterate: Iterate, nit: number) => boolean,
): Limits {
  const { maxIter, maxFev, timeLimit, signal } = options as Budget<never>;
  return {
    maxIter: maxIter ?? defaults.maxIter,
    maxFev: maxFev ?? defaults.maxFev,
    until: performance.now() + (timeLimit ?? Infinity),
    signal: signal ?? null,
    onIteration,
  };
}
