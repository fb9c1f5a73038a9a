// Least squares: residuals of tensors, and the methods that minimise the sum of their squares.
import { tensor } from "../creation.js";
import { makeError } from "../errors.js";
import { describe, readOptions } from "../options.js";
import { checkOptions, defaultsOf, finite, type Given, oneOf, option, optionError } from "../optim/checks.js";
import type { Tensor } from "../tensor.js";
import { Bounds, type BoundsInit } from "./bounds.js";
import { aFunction, type Budget, budgetRows, limitsFrom } from "./budget.js";
import { costOf, type LossName, losses, weighted } from "./losses.js";
import { lm } from "./methods/lm.js";
import { trf } from "./methods/trf.js";
import type { Status } from "./outcome.js";
import { type Argument, Layout, type Start } from "./problem.js";
import type { ResidualsAndJacobian } from "./questions.js";
import { Residuals } from "./residuals.js";
import { SquaresRun } from "./run.js";
import { largest } from "./vectors.js";

/** What `onIteration` is told. */
export interface SquaresProgress<X extends Start = Start> {
  nit: number;
  x: Argument<X>;
  /** Half the loss of the residuals. */
  cost: number;
}

/** Options of {@link leastSquares}. */
export interface LeastSquaresOptions<X extends Start = Start> extends Omit<
  Budget<SquaresProgress<X>>,
  "maxIter" | "maxFev"
> {
  /** "lm", Levenberg and Marquardt's, without bounds and losses; "trf", a trust region that bounds reflect, the default. */
  method?: SquaresMethod;
  /** Bounds of all elements, or of each; null stands for none. */
  bounds?: BoundsInit;
  /** The Jacobian, a row for each residual; by differentiation when left out. */
  jac?: (x: Argument<X>) => Tensor;
  /** It has converged where the cost falls by less than this part of it; 1e-8 by default. */
  ftol?: number;
  /** And where a step is shorter than this part of the point; 1e-8 by default. */
  xtol?: number;
  /** And where the gradient is smaller than this: its elements, scaled by the distance to bounds ("trf"), or the cosines of
   * its angles with the Jacobian's columns ("lm"); 1e-8 by default. */
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
export type SquaresMethod = "lm" | "trf";

/** The result of {@link leastSquares}. */
export interface LeastSquaresResult<X extends Start = Start> {
  /** The point, in the form of the start. */
  x: Argument<X>;
  /** Half the loss of the residuals. */
  cost: number;
  /** The residuals, in one vector. */
  fun: Tensor;
  /** Their Jacobian, a row for each; weighted where there is a loss. */
  jac: Tensor;
  /** The gradient of the cost over all elements. */
  grad: Tensor;
  /** The largest element of the gradient, scaled by the distance to the bounds. */
  optimality: number;
  /** For each element -1 at its lower bound, 1 at its upper one, and 0. */
  activeMask: number[];
  nfev: number;
  njev: number;
  nit: number;
  status: Status;
  message: string;
  success: boolean;
}

const tolerance = finite("Invalid tolerance", { min: 0 });
const positive = finite("`x_scale` must be 'jac' or array_like with positive numbers", { above: 0 });

const { timeLimit, signal, onIteration } = budgetRows;

const rows = {
  timeLimit,
  signal,
  onIteration,
  method: option<string | undefined>(undefined, (what, name, value) => {
    if (value !== undefined) oneOf(["lm", "trf"])(what, name, value);
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

/** Defaults that differ from those of {@link leastSquares}. */
export type SquaresDefaults = Given<Omit<LeastSquaresOptions, "onIteration" | "jac">>;

function begin<X extends Start>(
  what: string,
  f: unknown,
  start: X,
  given: LeastSquaresOptions<X> | undefined,
  defaults: SquaresDefaults,
) {
  if (typeof f !== "function")
    throw makeError(TypeError, `${what}: the residuals must be a function, but got ${describe(f)}`, {
      code: "ERR_ARGUMENT",
      op: what,
    });
  const layout = new Layout(what, start);
  const n = layout.x0.length;
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
  const method = options["method"] ?? "trf";
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
  const outside = bounds.outside(layout.x0);
  if (outside >= 0)
    throw optionError(
      RangeError,
      `${what}: Initial guess is outside of provided bounds (element ${outside} is ${layout.x0[outside]})`,
    );
  const scale =
    xScale === "jac"
      ? xScale
      : Float64Array.from({ length: n }, (_, i) => 1 / (typeof xScale === "number" ? xScale : xScale[i]!));
  const onIteration = options["onIteration"] as ((progress: SquaresProgress<X>) => unknown) | undefined;
  const limits = limitsFrom(
    options,
    { maxIter: Infinity, maxFev: maxNfev ?? 100 * (n + 1) },
    ({ x, fun }, nit) => onIteration?.({ nit, x: layout.restored(x) as Argument<X>, cost: fun }) === true,
  );
  const shared = { ftol, xtol, gtol, scale };
  const residuals = new Residuals(
    what,
    "the residuals",
    layout,
    f as () => unknown,
    options["jac"] as () => unknown,
  );
  const run = new SquaresRun(
    method === "lm" ? lm(layout.x0, shared) : trf(layout.x0, { ...shared, loss, fScale }, bounds),
    limits,
  );
  const proceed = (result: unknown): void => {
    const { question } = run;
    if (method === "lm" && run.njev === 0 && question!.ask === "jacobian") {
      const { length } = (result as ResidualsAndJacobian).residuals;
      if (length < n)
        throw optionError(
          RangeError,
          `${what}: Method 'lm' doesn't work when the number of residuals is less than the number of variables ` +
            `(${length} and ${n}); use 'trf'`,
        );
    }
    run.answer(result);
  };
  const result = (): LeastSquaresResult<X> => {
    const { x, residuals: f0, jacobian: j0, status, message } = run.outcome!;
    const { residuals: f1, jacobian: j1 } = weighted(loss, fScale, f0, j0);
    const gradient = new Float64Array(n);
    f1.forEach((value, i) => {
      for (let j = 0; j < n; ++j) gradient[j]! += value * j1[i * n + j]!;
    });
    const like = { dtype: layout.dtype, device: layout.device } as never;
    const scaled = gradient.map((g, j) => {
      const bound = g < 0 ? bounds.upper[j]! - x[j]! : x[j]! - bounds.lower[j]!;
      return Number.isFinite(bound) ? g * bound : g;
    });
    return {
      x: layout.restored(x) as Argument<X>,
      cost: costOf(loss, fScale, f0),
      fun: tensor(f0, like),
      jac: tensor(j1, like).reshape(f0.length, n),
      grad: tensor(gradient, like),
      optimality: largest(scaled),
      activeMask: Array.from(x, (value, j) => {
        const near = (bound: number) =>
          Number.isFinite(bound) && Math.abs(value - bound) <= xtol * Math.max(1, Math.abs(bound));
        return near(bounds.lower[j]!) ? -1 : near(bounds.upper[j]!) ? 1 : 0;
      }),
      nfev: run.nfev,
      njev: run.njev,
      nit: run.nit,
      status,
      message,
      success: status === "converged",
    };
  };
  return { run, residuals, proceed, result };
}

/** {@link leastSquaresSync}, with defaults of its own. @internal */
export function squaresSync<X extends Start>(
  what: string,
  f: unknown,
  x0: X,
  options: LeastSquaresOptions<X> | undefined,
  defaults: SquaresDefaults,
): LeastSquaresResult<X> {
  const { run, residuals, proceed, result } = begin(what, f, x0, options, defaults);
  while (run.question !== undefined) {
    const { packed, decode } = residuals.ask(run.question);
    proceed(decode(packed.dataSync() as ArrayLike<number>));
  }
  return result();
}

/** {@link leastSquares}, with defaults of its own. @internal */
export async function squares<X extends Start>(
  what: string,
  f: unknown,
  x0: X,
  options: LeastSquaresOptions<X> | undefined,
  defaults: SquaresDefaults,
): Promise<LeastSquaresResult<X>> {
  const { run, residuals, proceed, result } = begin(what, f, x0, options, defaults);
  while (run.question !== undefined) {
    const { packed, decode } = residuals.ask(run.question);
    proceed(decode((await packed.data()) as ArrayLike<number>));
  }
  return result();
}

/**
 * Minimises half the sum of squares of residuals, or of a loss of them: SciPy's least_squares. `residuals` gets what has the
 * form of `x0` and returns a tensor of any shape. Jacobians are found by differentiation, all columns in one run.
 *
 * @example
 * import { leastSquares } from "adjoint";
 *
 * const residuals = (p) => stack([p.at(1).sub(p.at(0).square()).mul(10), p.at(0).rsub(1)]);
 * const result = await leastSquares(residuals, [-1.2, 1], { method: "lm" });
 * console.log(result.nfev); // 21
 *
 * @throws TypeError and RangeError (`ERR_OPTION`, `ERR_ARGUMENT`, `ERR_ASYNC`, `ERR_AUTOGRAD`) for what cannot be minimised;
 * what `residuals` throws.
 */
export async function leastSquares<const X extends Start>(
  residuals: (x: Argument<X>) => Tensor,
  x0: X,
  options?: LeastSquaresOptions<X>,
): Promise<LeastSquaresResult<X>> {
  return squares("leastSquares", residuals, x0, options, {});
}

/** {@link leastSquares}, at once. */
export function leastSquaresSync<const X extends Start>(
  residuals: (x: Argument<X>) => Tensor,
  x0: X,
  options?: LeastSquaresOptions<X>,
): LeastSquaresResult<X> {
  return squaresSync("leastSquaresSync", residuals, x0, options, {});
}
