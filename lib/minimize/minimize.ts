import { makeError } from "../errors.js";
import { describe, nearestName, readOptions } from "../options.js";
import {
  checkOptions,
  defaultsOf,
  finite,
  flag,
  option,
  optionError,
  type OptionRows,
} from "../optim/checks.js";
import type { Tensor } from "../tensor.js";
import { Bounds, type BoundsInit } from "./bounds.js";
import { batched, type BatchResult, withoutBatch } from "./batch.js";
import { boundedMethods, chanceFrom, listed, type Method, type MethodOptions, methods } from "./methods.js";
import { aFunction, type Budget, budgetRows, limitsFrom } from "./budget.js";
import { type Constraint, Constraints } from "./constraints.js";
import type { Status } from "./outcome.js";
import { type Argument, Layout, type Start } from "./layout.js";
import { Problem } from "./problem.js";
import type { Vector } from "./questions.js";
import { drive, driveSync, type Limits, Run } from "./run.js";

/** What `onIteration` is told. */
export interface Progress<X extends Start = Start> {
  /** The number of iterations so far. */
  nit: number;
  /** The point, in the form of the start. */
  x: Argument<X>;
  /** The function's value there. */
  fun: number;
}

/** The options of all methods of {@link minimize}; each has some of its own beside these. */
export interface CommonOptions<X extends Start = Start> extends Budget<Progress<X>> {
  /** The method; "bfgs" by default, "lbfgsb" where there are bounds, "slsqp" where there are constraints. */
  method?: Method;
  /** Bounds of all elements, or of each, for "lbfgsb", "nelder-mead", "powell" and "slsqp"; null stands for none. */
  bounds?: BoundsInit;
  /** What must hold of the point, for "slsqp": equations, and what is not to be negative. */
  constraints?: Constraint<Argument<X>> | readonly Constraint<Argument<X>>[];
  /** The gradient, in the form of the start; by differentiation when left out. */
  jac?: (x: Argument<X>) => Tensor | readonly Tensor[];
  /** The Hessian over all elements, one after another. */
  hess?: (x: Argument<X>) => Tensor;
  /** The Hessian's product with v. */
  hessp?: (x: Argument<X>, v: Argument<X>) => Tensor | readonly Tensor[];
  /** The most iterations; 200 for each element by default, 1000 of "powell", 100 in all of "slsqp", 15000 of "lbfgs" and "lbfgsb", 1000 of optimizers. */
  maxIter?: number;
  /**
   * The most evaluations of the function; as many as needed by default, but for "lbfgs", "lbfgsb" (15000), "nelder-mead" (200
   * for each element) and "powell" (1000 for each).
   */
  maxFev?: number;
  /** Keep the points of all iterations in the result; false by default. */
  history?: boolean;
  /** Sets all tolerances of the method that are not given. */
  tol?: number;
}

/** Options of {@link minimize}: those of all methods, and those of the method. */
export type MinimizeOptions<X extends Start = Start> = CommonOptions<X> & MethodOptions;

/** The result of {@link minimize}. */
export interface MinimizeResult<X extends Start = Start> {
  /** The best point, in the form of the start. */
  x: Argument<X>;
  /** The function's value there. */
  fun: number;
  /** The gradient there, where the method knows it. */
  grad: Argument<X> | null;
  /** The numbers of iterations, of evaluations of the function, of its gradient, and of its Hessian or products with it. */
  nit: number;
  nfev: number;
  njev: number;
  nhev: number;
  /** What ended it, in a word and in a sentence. */
  status: Status;
  message: string;
  /** Whether the method says that it has converged. */
  success: boolean;
  /** The last population of "differential-evolution", in the form of the start with a first dimension of its members. */
  population?: Argument<X>;
  /** The function's values of its members. */
  populationEnergies?: Tensor;
  /** The points that iterations have reached, where `history` asks for them; optimizers tell of those that they leave. */
  history?: { x: Argument<X>; fun: number }[];
}

const commonRows = {
  ...budgetRows,
  method: option<unknown>(undefined, () => undefined),
  bounds: option<unknown>(undefined, () => undefined),
  constraints: option<unknown>(undefined, () => undefined),
  jac: option<unknown>(undefined, aFunction),
  hess: option<unknown>(undefined, aFunction),
  hessp: option<unknown>(undefined, aFunction),
  history: option<boolean>(false, flag),
  tol: option<number | undefined>(undefined, (what, name, value) => {
    if (value !== undefined) finite("Invalid tolerance", { min: 0 })(what, name, value);
  }),
};

const tolerances = ["gtol", "xtol", "ftol", "xatol", "fatol"];

/** A problem, the method for it, and what ends it. */
interface Plan<X extends Start> {
  readonly what: string;
  readonly layout: Layout;
  readonly problem: Problem;
  readonly begin: (x0: Vector) => Run;
  readonly result: (run: Run) => MinimizeResult<X>;
}

/** What the options say of a method and its limits, for a problem of n elements. */
function readAll(what: string, given: unknown, n: number) {
  const asked = (given as { method?: unknown } | undefined)?.method;
  const hasBounds = (given as { bounds?: unknown } | undefined)?.bounds !== undefined;
  const hasConstraints = (given as { constraints?: unknown } | undefined)?.constraints !== undefined;
  const name = asked ?? (hasConstraints ? "slsqp" : hasBounds ? "lbfgsb" : "bfgs");
  if (typeof name !== "string" || !Object.hasOwn(methods, name)) {
    const known = Object.keys(methods);
    const nearest = typeof name === "string" ? nearestName(name, known) : undefined;
    throw optionError(
      TypeError,
      `${what}: there is no method ${typeof name === "string" ? `'${name}'` : describe(name)}` +
        (nearest === undefined ? `, known are ${known.join(", ")}` : `, did you mean '${nearest}'?`),
    );
  }
  const method = methods[name as Method];
  const rows = { ...commonRows, ...method.rows } as unknown as OptionRows<Record<string, unknown>>;
  const options = readOptions(`${what} (${name})`, given, defaultsOf(rows));
  checkOptions(`${what} (${name})`, rows, options);
  if (options["tol"] !== undefined)
    for (const one of tolerances)
      if (one in method.rows && (given as Record<string, unknown>)[one] === undefined)
        options[one] = options["tol"];
  if (hasBounds && method.takesBounds !== true)
    throw optionError(TypeError, `${what}: method '${name}' takes no bounds; ${listed(boundedMethods())} do`);
  if (hasConstraints && method.takesConstraints !== true)
    throw optionError(TypeError, `${what}: method '${name}' takes no constraints; "slsqp" does`);
  const bounds = hasBounds ? Bounds.from(what, options["bounds"], n) : undefined;
  const isFinite = bounds?.lower.every(Number.isFinite) === true && bounds.upper.every(Number.isFinite);
  if (method.needsBounds === true && !isFinite)
    throw optionError(
      TypeError,
      `${what}: method '${name}' draws points within bounds: give bounds, all of them finite`,
    );
  const most = { maxIter: method.maxIter(n), maxFev: method.maxFev?.(n) ?? Infinity };
  return {
    method,
    options,
    bounds,
    limits: (onIteration: Limits["onIteration"]) => limitsFrom(what, options, most, onIteration),
  };
}

function checkInside(what: string, bounds: Bounds | undefined, x0: Vector): void {
  const outside = bounds?.outside(x0) ?? -1;
  if (outside >= 0)
    throw optionError(
      RangeError,
      `${what}: x0 is outside of the bounds (element ${outside} is ${x0[outside]}, the bounds are ` +
        `[${bounds!.lower[outside]}, ${bounds!.upper[outside]}])`,
    );
}

function plan<X extends Start>(
  what: string,
  f: unknown,
  start: X,
  given: MinimizeOptions<X> | undefined,
): Plan<X> {
  if (typeof f !== "function")
    throw makeError(TypeError, `${what}: f must be a function, but got ${describe(f)}`, {
      code: "ERR_ARGUMENT",
      op: what,
    });
  const layout = new Layout(what, start);
  const { method, options, bounds, limits } = readAll(what, given, layout.x0.length);
  checkInside(what, bounds, layout.x0);
  const onIteration = options["onIteration"] as ((progress: Progress<X>) => unknown) | undefined;
  const history: { x: Vector; fun: number }[] = [];
  const keepsHistory = options["history"] === true;
  const restored = (x: Vector) => layout.restored(x) as Argument<X>;
  const all = limits(({ x, fun }, nit) => {
    if (keepsHistory) history.push({ x, fun });
    return onIteration?.({ nit, x: restored(x), fun }) === true;
  });
  const constraints =
    options["constraints"] === undefined ? undefined : new Constraints(what, layout, options["constraints"]);
  const { jac, hess, hessp } = options as {
    jac?: () => unknown;
    hess?: () => unknown;
    hessp?: () => unknown;
  };
  return {
    what,
    layout,
    problem: new Problem(what, layout, {
      f: f as () => unknown,
      jac,
      hess,
      hessp,
      constraints,
      vectorized: options["vectorized"] === true,
    }),
    begin: (x0) => new Run(method.run(x0, options as never, bounds, chanceFrom(method, options)), all),
    result(run) {
      const { x, fun, grad, status, message } = run.outcome!;
      const { nit, nfev, njev, nhev, population } = run;
      return {
        x: restored(x),
        fun,
        grad: grad === undefined ? null : restored(grad),
        nit,
        nfev,
        njev,
        nhev,
        status,
        message,
        success: status === "converged" || (method.isOpenEnded === true && status === "maxIterations"),
        ...(population !== undefined && {
          population: layout.restoredMany(population.points) as Argument<X>,
          populationEnergies: layout.leaf(population.values, false),
        }),
        ...(keepsHistory && { history: history.map((one) => ({ x: restored(one.x), fun: one.fun })) }),
      };
    },
  };
}

/**
 * Minimises a function of tensors, to local minima.
 *
 * `f` gets what has the form of `x0` (a tensor, a list of tensors; for numbers a tensor of float64) and returns a tensor of
 * one element. Gradients and products with the Hessian are found by differentiation unless they are given. Methods and their
 * options are SciPy's, in camelCase, and so are the rules of stopping; their own arithmetic is in double, on the host, and
 * `f` computes on the device of `x0`. Whatever ends it, the result holds the best point.
 *
 * The event loop goes on meanwhile; {@link minimizeSync} is faster for small problems.
 *
 * @example
 * import { minimize } from "adjoint";
 *
 * const valley = (p) => p.at(1).sub(p.at(0).square()).square().mul(100).add(p.at(0).rsub(1).square());
 * const result = await minimize(valley, [-1.2, 1]);
 * console.log(result.nit, result.nfev); // 32 39
 *
 * @throws TypeError and RangeError (`ERR_OPTION`, `ERR_ARGUMENT`, `ERR_ASYNC`, `ERR_AUTOGRAD`) for what cannot be minimised; what `f` throws.
 */
export async function minimize<const X extends Start>(
  f: (x: Argument<X>) => Tensor,
  x0: X,
  options: MinimizeOptions<X> & { batch: true },
): Promise<BatchResult>;
export async function minimize<const X extends Start>(
  f: (x: Argument<X>) => Tensor,
  x0: X,
  options?: MinimizeOptions<X>,
): Promise<MinimizeResult<X>>;
export async function minimize<const X extends Start>(
  f: (x: Argument<X>) => Tensor,
  x0: X,
  options?: MinimizeOptions<X> & { batch?: boolean },
): Promise<MinimizeResult<X> | BatchResult> {
  const { batch, rest } = withoutBatch("minimize", options);
  if (batch) {
    const all = inBatch("minimize", f, x0, rest);
    for (let pending = all.next(); pending !== undefined; pending = all.next())
      all.answer(await pending.packed.data<Float64Array>());
    return all.result();
  }
  const { problem, layout, begin, result } = plan("minimize", f, x0, rest);
  const run = begin(layout.x0);
  await drive(run, (question) => problem.ask(question));
  return result(run);
}

/** {@link minimize}, at once: as fast as small problems allow. */
export function minimizeSync<const X extends Start>(
  f: (x: Argument<X>) => Tensor,
  x0: X,
  options: MinimizeOptions<X> & { batch: true },
): BatchResult;
export function minimizeSync<const X extends Start>(
  f: (x: Argument<X>) => Tensor,
  x0: X,
  options?: MinimizeOptions<X>,
): MinimizeResult<X>;
export function minimizeSync<const X extends Start>(
  f: (x: Argument<X>) => Tensor,
  x0: X,
  options?: MinimizeOptions<X> & { batch?: boolean },
): MinimizeResult<X> | BatchResult {
  const { batch, rest } = withoutBatch("minimizeSync", options);
  if (batch) {
    const all = inBatch("minimizeSync", f, x0, rest);
    for (let pending = all.next(); pending !== undefined; pending = all.next())
      all.answer(pending.packed.dataSync<Float64Array>());
    return all.result();
  }
  const { problem, layout, begin, result } = plan("minimizeSync", f, x0, rest);
  const run = begin(layout.x0);
  driveSync(run, (question) => problem.ask(question));
  return result(run);
}

function inBatch(what: string, f: unknown, start: Start, given: unknown) {
  return batched(what, f, start, (n) => {
    const { method, options, bounds, limits } = readAll(what, given, n);
    for (const name of ["jac", "hess", "hessp", "onIteration"])
      if (options[name] !== undefined)
        throw optionError(
          TypeError,
          `${what}: '${name}' is not for batches, whose gradients are found by differentiation`,
        );
    for (const name of ["history", "constraints", "progress"])
      if (options[name] !== undefined && options[name] !== false)
        throw optionError(TypeError, `${what}: '${name}' is not for batches`);
    if (method.takesConstraints === true || "vectorized" in method.rows)
      throw optionError(
        TypeError,
        `${what}: method '${options["method"] as string}' is not for batches; "lbfgsb" keeps to bounds`,
      );
    return (x0) => {
      checkInside(what, bounds, x0);
      return new Run(
        method.run(x0, options as never, bounds, chanceFrom(method, options)),
        limits(() => false),
      );
    };
  });
}
