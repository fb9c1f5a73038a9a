// Least squares: residuals of tensors, and the methods that minimise the sum of their squares.
import * as autograd from "../gradients.js";
import { refusePromise } from "../engine.js";
import { tensor, zeros } from "../creation.js";
import { makeError } from "../errors.js";
import { cat } from "../joining.js";
import { describe, readOptions } from "../options.js";
import {
  type Check,
  checkOptions,
  defaultsOf,
  finite,
  type Given,
  oneOf,
  option,
  optionError,
} from "../optim/checks.js";
import { eye } from "../ranges.js";
import { isTensor, type Tensor } from "../tensor.js";
import { Bounds, type BoundsInit } from "./bounds.js";
import { costOf, type LossName, losses, weighted } from "./losses.js";
import { lm } from "./methods/lm.js";
import { trf } from "./methods/trf.js";
import type { Status } from "./outcome.js";
import { type Argument, Layout, type Pending, type Start } from "./problem.js";
import type { Question, ResidualsAndJacobian, Vector } from "./questions.js";
import { type Limits, SquaresRun } from "./run.js";
import { largest } from "./vectors.js";

/** What `onIteration` is told. */
export interface SquaresProgress<X extends Start = Start> {
  nit: number;
  x: Argument<X>;
  /** Half the loss of the residuals. */
  cost: number;
}

/** Options of {@link leastSquares}. */
export interface LeastSquaresOptions<X extends Start = Start> {
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
  /** Milliseconds after which to end with the point so far; none by default. */
  timeLimit?: number;
  /** Ends it with the point so far. */
  signal?: AbortSignal;
  /** Called after every iteration; ends it by returning true. */
  onIteration?: (progress: SquaresProgress<X>) => unknown;
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

const aFunction: Check = (what, name, value) => {
  if (value !== undefined && typeof value !== "function")
    throw optionError(TypeError, `${what}: ${name} must be a function, but got ${describe(value)}`);
};
const tolerance = finite("Invalid tolerance", { min: 0 });
const positive = finite("`x_scale` must be 'jac' or array_like with positive numbers", { above: 0 });

const rows = {
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
  timeLimit: option<number>(Infinity, (what, name, value) => {
    if (value !== Infinity) finite("Invalid time limit", { above: 0 })(what, name, value);
  }),
  signal: option<unknown>(undefined, (what, name, value) => {
    if (value !== undefined && !(value instanceof AbortSignal))
      throw optionError(TypeError, `${what}: ${name} must be an AbortSignal, but got ${describe(value)}`);
  }),
  onIteration: option<unknown>(undefined, aFunction),
};

/** Defaults that differ from those of {@link leastSquares}. */
export type SquaresDefaults = Given<Omit<LeastSquaresOptions, "onIteration" | "jac">>;

/** Residuals as a method asks for them. */
class Residuals {
  constructor(
    private readonly what: string,
    private readonly layout: Layout,
    private readonly f: (x: never) => unknown,
    private readonly jac: ((x: never) => unknown) | undefined,
  ) {}

  ask({ ask, ...question }: Question): Pending {
    const { x } = question as { x: Vector };
    return autograd.enableGrad(() => (ask === "residuals" ? this.#residuals(x) : this.#jacobian(x)));
  }

  #residuals(x: Vector): Pending {
    const { flat } = this.#call(this.layout.leaf(x, false));
    return { packed: flat.detach(), decode: (values) => Float64Array.from(values) };
  }

  #jacobian(x: Vector): Pending {
    const n = x.length;
    const leaf = this.layout.leaf(x, true);
    const { flat } = this.#call(leaf);
    const m = flat.numel();
    const like = { dtype: leaf.dtype, device: leaf.device } as never;
    const decodeBy =
      (place: (i: number, j: number) => number) =>
      (values: ArrayLike<number>): ResidualsAndJacobian => {
        const jacobian = new Float64Array(m * n);
        for (let i = 0; i < m; ++i)
          for (let j = 0; j < n; ++j) jacobian[i * n + j] = values[m + place(i, j)]!;
        return { residuals: Float64Array.from({ length: m }, (_, i) => values[i]!), jacobian };
      };
    const byRows = decodeBy((i, j) => i * n + j);
    const residuals = flat.detach();
    if (this.jac !== undefined) {
      const given: unknown = this.jac(this.layout.argument(leaf) as never);
      refusePromise(`${this.what}: jac`, given);
      if (isTensor(given) && given.numel() === m * n)
        return { packed: cat([residuals, given.detach().reshape(-1).to(leaf.dtype)], 0), decode: byRows };
      throw makeError(
        TypeError,
        `${this.what}: jac must return a Tensor of shape [${m}, ${n}], a row for each residual, but got ` +
          (isTensor(given) ? `shape [${given.shape.join(", ")}]` : describe(given)),
        { code: "ERR_ARGUMENT", op: this.what },
      );
    }
    if (!flat.requiresGrad)
      throw makeError(
        Error,
        `${this.what}: the residuals do not depend on x by operations of tensors, so they have no Jacobian; ` +
          "compute with methods of tensors, not with numbers read from them, or give it as jac",
        { code: "ERR_AUTOGRAD", op: this.what },
      );
    if (n > m) {
      const [found] = autograd.grad(flat, leaf, { gradOutputs: eye(m, like), isGradsBatched: true });
      return { packed: cat([residuals, found!.reshape(-1)], 0), decode: byRows };
    }
    // The product w^T J is linear in w, and its derivatives are the columns of J: one for each element of x, all at once.
    const w = zeros([m], { ...(like as object), requiresGrad: true });
    const [product] = autograd.grad(flat, leaf, { gradOutputs: w, createGraph: true });
    const [columns] = autograd.grad(product!, w, { gradOutputs: eye(n, like), isGradsBatched: true });
    return { packed: cat([residuals, columns!.reshape(-1)], 0), decode: decodeBy((i, j) => j * m + i) };
  }

  #call(leaf: Tensor): { flat: Tensor } {
    const value: unknown = this.f(this.layout.argument(leaf) as never);
    refusePromise(`${this.what}: the residuals`, value);
    if (isTensor(value) && value.numel() > 0) return { flat: value.reshape(-1).to(leaf.dtype) };
    throw makeError(
      TypeError,
      `${this.what}: the residuals must be a Tensor with at least one element, but got ` +
        (isTensor(value) ? `shape [${value.shape.join(", ")}]` : describe(value)),
      { code: "ERR_ARGUMENT", op: this.what },
    );
  }
}

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
  const { ftol, xtol, gtol, loss, fScale, xScale, timeLimit, maxNfev, signal } = options as {
    ftol: number;
    xtol: number;
    gtol: number;
    loss: LossName;
    fScale: number;
    xScale: number | readonly number[] | "jac";
    timeLimit: number;
    maxNfev: number | undefined;
    signal: AbortSignal | undefined;
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
  const limits: Limits = {
    maxIter: Infinity,
    maxFev: maxNfev ?? 100 * (n + 1),
    until: performance.now() + timeLimit,
    signal: signal ?? null,
    onIteration: ({ x, fun }, nit) =>
      onIteration?.({ nit, x: layout.restored(x) as Argument<X>, cost: fun }) === true,
  };
  const shared = { ftol, xtol, gtol, scale };
  const residuals = new Residuals(what, layout, f as () => unknown, options["jac"] as () => unknown);
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
