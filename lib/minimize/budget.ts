// What ends a minimisation beside its method, as options say it.
import { describe } from "../options.js";
import { type Check, finite, flag, option, optionError } from "../optim/checks.js";
import { progressBar } from "./progress.js";
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
  /** Show a bar with the iterations and the value in the terminal, if there is one; needs the package cli-progress. */
  progress?: boolean;
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
  progress: option<boolean>(false, flag),
};

/** The limits that options set, from now on; `defaults` for those that they leave out. */
export function limitsFrom(
  what: string,
  options: object,
  defaults: { readonly maxIter: number; readonly maxFev: number },
  onIteration: (iterate: Iterate, nit: number) => boolean,
): Limits {
  const {
    maxFev = defaults.maxFev,
    timeLimit = Infinity,
    signal = null,
    progress,
  } = options as Budget<never>;
  const maxIter = (options as Budget<never>).maxIter ?? defaults.maxIter;
  const bar = progress === true ? progressBar(what, maxIter) : undefined;
  return {
    maxIter,
    maxFev,
    until: performance.now() + timeLimit,
    signal,
    onIteration(iterate, nit) {
      bar?.update(nit, iterate.fun);
      return onIteration(iterate, nit);
    },
    onEnd() {
      bar?.stop();
    },
  };
}
