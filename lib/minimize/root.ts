// Roots of functions from n elements to n.
import { tensor } from "../creation.js";
import { makeError } from "../errors.js";
import { describe, readOptions } from "../options.js";
import { checkOptions, defaultsOf, finite, oneOf, option, optionError } from "../optim/checks.js";
import type { Tensor } from "../tensor.js";
import { aFunction, type Budget, budgetRows, limitsFrom } from "./budget.js";
import { tolerance } from "./methods/bfgs.js";
import { hybr, newton, type RootOutcome } from "./methods/hybr.js";
import { lm } from "./methods/lm.js";
import type { Status } from "./outcome.js";
import { type Argument, Layout, type Start } from "./layout.js";
import type { Asking, ResidualsAndJacobian, Vector } from "./questions.js";
import { drive, driveSync, RootRun } from "./run.js";
import { Residuals } from "./residuals.js";

/** What `onIteration` is told. */
export interface RootProgress<X extends Start = Start> {
  nit: number;
  x: Argument<X>;
  /** The length of the residuals. */
  norm: number;
}

/** Options of {@link root}. */
export interface RootOptions<X extends Start = Start> extends Budget<RootProgress<X>> {
  /**
   * "hybr", Powell's hybrid method, the default; "newton", with the exact Jacobian in every step; "lm", Levenberg and
   * Marquardt's, which also ends where the residuals are least and not zero.
   */
  method?: RootMethod;
  /** The Jacobian, a row for each element of f; by differentiation when left out. */
  jac?: (x: Argument<X>) => Tensor;
  /** It has converged where the next step is shorter than this part of the point; 1.49012e-8 by default. */
  xtol?: number;
  /** And, for "lm", where the squares fall by less than this part; 1.49012e-8 by default. */
  ftol?: number;
  /** Sets the tolerances that are not given. */
  tol?: number;
  /** How large the first step of "hybr" may be, beside the start, from 0.1 to 100; 100 by default. */
  factor?: number;
}

/** The names of the methods. */
export type RootMethod = "hybr" | "newton" | "lm";

/** The result of {@link root}. */
export interface RootResult<X extends Start = Start> {
  /** The point, in the form of the start. */
  x: Argument<X>;
  /** What f is there, in one vector. */
  fun: Tensor;
  /** The numbers of iterations, of evaluations of the function, and of its Jacobian. */
  nit: number;
  nfev: number;
  njev: number;
  /** What ended it, in a word and in a sentence. */
  status: Status;
  message: string;
  /** Whether the method says that it has converged; of "lm" to a point where the residuals are least. */
  success: boolean;
}

const precision = 1.49012e-8;
const unsetTolerance = option<number | undefined>(undefined, (what, name, value) => {
  if (value !== undefined) tolerance(what, name, value);
});
const rows = {
  ...budgetRows,
  method: option<RootMethod>("hybr", oneOf(["hybr", "newton", "lm"])),
  jac: option<unknown>(undefined, aFunction),
  xtol: unsetTolerance,
  ftol: unsetTolerance,
  tol: unsetTolerance,
  factor: option<number>(100, finite("Invalid factor", { min: 0.1, max: 100 })),
};

function* levenberg(x0: Vector, xtol: number, ftol: number): Asking<RootOutcome> {
  const scale = "jac";
  const { x, residuals, status, message } = yield* lm(x0, { ftol, xtol, gtol: 0, scale });
  return { x, residuals, status, message };
}

function begin<X extends Start>(what: string, f: unknown, start: X, given: RootOptions<X> | undefined) {
  if (typeof f !== "function")
    throw makeError(TypeError, `${what}: f must be a function, but got ${describe(f)}`, {
      code: "ERR_ARGUMENT",
      op: what,
    });
  const layout = new Layout(what, start);
  const n = layout.x0.length;
  const options = readOptions<Record<string, unknown>>(what, given, defaultsOf(rows));
  checkOptions(what, rows as never, options);
  const { method, tol, factor, jac, onIteration } = options as RootOptions<X>;
  if (method !== "lm" && options["ftol"] !== undefined)
    throw optionError(TypeError, `${what}: method '${method!}' takes no ftol, but xtol`);
  const xtol = (options["xtol"] as number | undefined) ?? tol ?? precision;
  const ftol = (options["ftol"] as number | undefined) ?? tol ?? precision;
  const { x0 } = layout;
  const search =
    method === "lm"
      ? levenberg(x0, xtol, ftol)
      : method === "newton"
        ? newton(x0, { xtol })
        : hybr(x0, { xtol, factor: factor! });
  const restored = (x: Vector) => layout.restored(x) as Argument<X>;
  const run = new RootRun(
    search,
    limitsFrom(
      what,
      options,
      { maxIter: Infinity, maxFev: 100 * (n + 1) },
      ({ x, fun }, nit) =>
        onIteration?.({ nit, x: restored(x), norm: method === "lm" ? Math.sqrt(2 * fun) : fun }) === true,
    ),
  );
  const residuals = new Residuals(what, "f", layout, f as () => unknown, jac);
  const answer = (values: unknown): void => {
    const count = Array.isArray(values) || ArrayBuffer.isView(values) ? values : undefined;
    const { length } = (count ?? (values as ResidualsAndJacobian).residuals) as Vector;
    if (length !== n)
      throw makeError(
        RangeError,
        `${what}: f must return as many elements as x0 has, ${n}, but returned ${length}; leastSquares takes any number`,
        { code: "ERR_SHAPE", op: what },
      );
    run.answer(values);
  };
  const result = (): RootResult<X> => {
    const { x, residuals: found, status, message } = run.outcome!;
    return {
      x: restored(x),
      fun: tensor(found, { dtype: layout.dtype, device: layout.device } as never),
      nit: run.nit,
      nfev: run.nfev,
      njev: run.njev,
      status,
      message,
      success: status === "converged",
    };
  };
  return { run, residuals, answer, result };
}

/**
 * Finds a point at which a function is zero: SciPy's root. `f` gets what has the form of `x0` and returns a tensor of as many
 * elements. Jacobians are found by differentiation, all columns in one run. Whatever ends it, the result holds the point
 * with the smallest residuals.
 *
 * @example
 * import { root, stack } from "adjoint";
 *
 * const circleAndLine = (p) => stack([p.square().sum().sub(4), p.at(0).sub(p.at(1))]);
 * const { x } = await root(circleAndLine, [1, 0]);
 * console.log(x.toString()); // tensor([1.4142, 1.4142], dtype=torch.float64)
 *
 * @throws TypeError and RangeError (`ERR_OPTION`, `ERR_ARGUMENT`, `ERR_SHAPE`, `ERR_ASYNC`, `ERR_AUTOGRAD`); what `f` throws.
 */
export async function root<const X extends Start>(
  f: (x: Argument<X>) => Tensor,
  x0: X,
  options?: RootOptions<X>,
): Promise<RootResult<X>> {
  const { run, residuals, answer, result } = begin("root", f, x0, options);
  await drive(run, (question) => residuals.ask(question), answer);
  return result();
}

/** {@link root}, at once. */
export function rootSync<const X extends Start>(
  f: (x: Argument<X>) => Tensor,
  x0: X,
  options?: RootOptions<X>,
): RootResult<X> {
  const { run, residuals, answer, result } = begin("rootSync", f, x0, options);
  driveSync(run, (question) => residuals.ask(question), answer);
  return result();
}
