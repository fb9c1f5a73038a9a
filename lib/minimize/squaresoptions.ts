// What least squares can be told, and the runs that follow from it.
import { makeError } from "../errors.js";
import { describe, readOptions } from "../options.js";
import { checkOptions, defaultsOf, finite, type Given, oneOf, option, optionError } from "../optim/checks.js";
import type { Tensor } from "../tensor.js";
import { Bounds, type BoundsInit } from "./bounds.js";
import { aFunction, type Budget, budgetRows, limitsFrom } from "./budget.js";
import { costOf, type LossName, losses, weighted } from "./losses.js";
import { dogbox } from "./methods/dogbox.js";
import { lm, type SquaresOutcome } from "./methods/lm.js";
import { trf } from "./methods/trf.js";
import type { Argument, Start } from "./layout.js";
import type { Asking, Vector } from "./questions.js";
import { type Limits, SquaresRun } from "./run.js";
import { largest } from "./vectors.js";

/** What `onIteration` is told. */
export interface SquaresProgress<X extends Start = Start> {
  nit: number;
  x: Argument<X>;
  /** Half the loss of the residuals. */
  cost: number;
}

/** Options of `leastSquares`. */
export interface LeastSquaresOptions<X extends Start = Start> extends Omit<
  Budget<SquaresProgress<X>>,
  "maxIter" | "maxFev"
> {
  /**
   * "lm", Levenberg and Marquardt's, without bounds and losses; "trf", a trust region that bounds reflect, the default;
   * "dogbox", doglegs in a box, for few elements with bounds.
   */
  method?: SquaresMethod;
  /** Bounds of all elements, or of each; null stands for none. */
  bounds?: BoundsInit;
  /** The Jacobian, a row for each residual; by differentiation when left out. */
  jac?: (x: Argument<X>) => Tensor;
  /** It has converged where the cost falls by less than this part of it; 1e-8 by default. */
  ftol?: number;
  /** And where a step is shorter than this part of the point; 1e-8 by default. */
  xtol?: number;
  /** And where the gradient is smaller than this: its elements, scaled by the distance to bounds ("trf"), those that
   * lead out of no bound ("dogbox"), or the cosines of its angles with the Jacobian's columns ("lm"); 1e-8 by default. */
  gtol?: number;
  /** What the elements of a step are measured by: numbers, or the Jacobian's columns ("jac"); 1 by default. */
  xScale?: number | readonly number[] | "jac";
  /** What residuals count for; "linear", their squares, by default. */
  loss?: LossName;
  /** From what size on residuals count less; 1 by default. */
  fScale?: number;
  /** The most evaluations of the residuals; 100 for each element by default. */
  maxNfev?: number;
}

/** The names of the methods. */
export type SquaresMethod = "lm" | "trf" | "dogbox";

const tolerance = finite("Invalid tolerance", { min: 0 });
const positive = finite("`x_scale` must be 'jac' or array_like with positive numbers", { above: 0 });

const { timeLimit, signal, onIteration, progress } = budgetRows;

const rows = {
  timeLimit,
  signal,
  onIteration,
  progress,
  method: option<string | undefined>(undefined, (what, name, value) => {
    if (value !== undefined) oneOf(["lm", "trf", "dogbox"])(what, name, value);
  }),
  bounds: option<unknown>(undefined, () => undefined),
  jac: option<unknown>(undefined, aFunction),
  ftol: option<number>(1e-8, tolerance),
  xtol: option<number>(1e-8, tolerance),
  gtol: option<number>(1e-8, tolerance),
  xScale: option<number | readonly number[] | "jac">(1, (what, name, value) => {
    if (value === "jac") return;
    if (Array.isArray(value)) value.forEach((one: unknown, i) => positive(what, `${name}[${i}]`, one));
    else positive(what, name, value);
  }),
  loss: option<LossName>("linear", oneOf(Object.keys(losses))),
  fScale: option<number>(1, finite("Invalid fScale", { above: 0 })),
  maxNfev: option<number | undefined>(undefined, (what, name, value) => {
    if (value !== undefined)
      finite("`max_nfev` must be None or positive integer", { min: 1, integer: true })(what, name, value);
  }),
};

/** Defaults that differ from those of `leastSquares`. */
export type SquaresDefaults = Given<Omit<LeastSquaresOptions, "onIteration" | "jac">>;

/** What options say of a problem of n elements, for each start that it has. @internal */
export function readSquares(what: string, given: unknown, defaults: SquaresDefaults, n: number) {
  const options = readOptions<Record<string, unknown>>(what, given, {
    ...defaultsOf(rows as never),
    ...defaults,
  });
  checkOptions(what, rows as never, options);
  const { ftol, xtol, gtol, loss, fScale, xScale, maxNfev } = options as {
    ftol: number;
    xtol: number;
    gtol: number;
    loss: LossName;
    fScale: number;
    xScale: number | readonly number[] | "jac";
    maxNfev: number | undefined;
  };
  const hasBounds = options["bounds"] !== undefined;
  const method = (options["method"] ?? "trf") as SquaresMethod;
  if (method === "lm" && hasBounds)
    throw optionError(TypeError, `${what}: Method 'lm' doesn't support bounds. Use 'trf' instead.`);
  if (method === "lm" && loss !== "linear")
    throw optionError(
      TypeError,
      `${what}: method='lm' supports only 'linear' loss function. Use 'trf' instead.`,
    );
  if (Array.isArray(xScale) && xScale.length !== n)
    throw optionError(
      RangeError,
      `${what}: xScale must be a number or ${n} of them, but got ${xScale.length}`,
    );
  const bounds = Bounds.from(what, options["bounds"] ?? [null, null], n);
  const scale =
    xScale === "jac"
      ? xScale
      : Float64Array.from({ length: n }, (_, i) => 1 / (typeof xScale === "number" ? xScale : xScale[i]!));
  const shared = { ftol, xtol, gtol, scale };
  const all = { ...shared, loss, fScale };
  const byMethod: Record<SquaresMethod, (x0: Vector) => Asking<SquaresOutcome>> = {
    lm: (x0) => lm(x0, shared),
    trf: (x0) => trf(x0, all, bounds),
    dogbox: (x0) => dogbox(x0, all, bounds),
  };
  const budget = { maxIter: Infinity, maxFev: maxNfev ?? 100 * (n + 1) };
  return {
    options,
    /** A run from a start. */
    begin(x0: Vector, onIteration: Limits["onIteration"]): SquaresRun {
      const outside = bounds.outside(x0);
      if (outside >= 0)
        throw optionError(
          RangeError,
          `${what}: Initial guess is outside of provided bounds (element ${outside} is ${x0[outside]})`,
        );
      return new SquaresRun(byMethod[method](x0), limitsFrom(what, options, budget, onIteration));
    },
    /** Refuses a number of residuals that the method cannot do with. */
    checkCount(count: number): void {
      if (method === "lm" && count < n)
        throw optionError(
          RangeError,
          `${what}: Method 'lm' doesn't work when the number of residuals is less than the number of variables ` +
            `(${count} and ${n}); use 'trf'`,
        );
    },
    /** What there is to say of the end of a run, beside its counts. */
    summary({ outcome }: SquaresRun) {
      const { x, residuals: f0, jacobian: j0 } = outcome!;
      const { residuals: f1, jacobian: j1 } = weighted(loss, fScale, f0, j0);
      const gradient = new Float64Array(n);
      f1.forEach((value, i) => {
        for (let j = 0; j < n; ++j) gradient[j]! += value * j1[i * n + j]!;
      });
      const activeMask = Array.from(x, (value, j) => {
        const near = (bound: number) =>
          Number.isFinite(bound) && Math.abs(value - bound) <= xtol * Math.max(1, Math.abs(bound));
        return near(bounds.lower[j]!) ? -1 : near(bounds.upper[j]!) ? 1 : 0;
      });
      const scaled = gradient.map((g, j) => {
        if (method === "dogbox") return activeMask[j]! * g < 0 ? 0 : g;
        const bound = g < 0 ? bounds.upper[j]! - x[j]! : x[j]! - bounds.lower[j]!;
        return Number.isFinite(bound) ? g * bound : g;
      });
      return {
        cost: costOf(loss, fScale, f0),
        residuals: f0,
        jacobian: j1,
        gradient,
        optimality: largest(scaled),
        activeMask,
      };
    },
  };
}

/** Refuses what is no function. @internal */
export function checkResiduals(what: string, f: unknown): void {
  if (typeof f !== "function")
    throw makeError(TypeError, `${what}: the residuals must be a function, but got ${describe(f)}`, {
      code: "ERR_ARGUMENT",
      op: what,
    });
}
