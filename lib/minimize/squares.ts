// Least squares: residuals of tensors, and the methods that minimise the sum of their squares.
import { tensor } from "../creation.js";
import type { Tensor } from "../tensor.js";
import { withoutBatch } from "./batch.js";
import type { Status } from "./outcome.js";
import { type Argument, Layout, type Start } from "./layout.js";
import type { ResidualsAndJacobian } from "./questions.js";
import { Residuals } from "./residuals.js";
import { drive, driveSync } from "./run.js";
import {
  type BatchedSquaresOptions,
  type BatchedSquaresResult,
  manySquares,
  manySquaresSync,
} from "./squaresbatch.js";
import {
  checkResiduals,
  type LeastSquaresOptions,
  readSquares,
  type SquaresDefaults,
  type SquaresProgress,
} from "./squaresoptions.js";

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

function begin<X extends Start>(
  what: string,
  f: unknown,
  start: X,
  given: LeastSquaresOptions<X> | undefined,
  defaults: SquaresDefaults,
) {
  checkResiduals(what, f);
  const layout = new Layout(what, start);
  const n = layout.x0.length;
  const problem = readSquares(what, given, defaults, n);
  const { options } = problem;
  const onIteration = options["onIteration"] as ((progress: SquaresProgress<X>) => unknown) | undefined;
  const residuals = new Residuals(
    what,
    "the residuals",
    layout,
    f as () => unknown,
    options["jac"] as () => unknown,
  );
  const run = problem.begin(
    layout.x0,
    ({ x, fun }, nit) => onIteration?.({ nit, x: layout.restored(x) as Argument<X>, cost: fun }) === true,
  );
  const proceed = (result: unknown): void => {
    if (run.njev === 0 && run.question!.ask === "jacobian")
      problem.checkCount((result as ResidualsAndJacobian).residuals.length);
    run.answer(result);
  };
  const result = (): LeastSquaresResult<X> => {
    const { x, status, message } = run.outcome!;
    const { residuals: found, jacobian, gradient, ...rest } = problem.summary(run);
    const like = { dtype: layout.dtype, device: layout.device } as never;
    return {
      x: layout.restored(x) as Argument<X>,
      ...rest,
      fun: tensor(found, like),
      jac: tensor(jacobian, like).reshape(found.length, n),
      grad: tensor(gradient, like),
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
  driveSync(run, (question) => residuals.ask(question), proceed);
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
  await drive(run, (question) => residuals.ask(question), proceed);
  return result();
}

/**
 * Minimises half the sum of squares of residuals, or of a loss of them: SciPy's least_squares. `residuals` gets what has the
 * form of `x0` and returns a tensor of any shape. Jacobians are found by differentiation, all columns in one run.
 *
 * With `batch: true` the first dimension of `x0` counts problems, and so does that of the residuals: each has its own steps,
 * convergence and status, and ends where it ends alone.
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
export async function leastSquares(
  residuals: (x: Tensor) => Tensor,
  x0: Tensor,
  options: BatchedSquaresOptions & { batch: true },
): Promise<BatchedSquaresResult>;
export async function leastSquares<const X extends Start>(
  residuals: (x: Argument<X>) => Tensor,
  x0: X,
  options?: LeastSquaresOptions<X>,
): Promise<LeastSquaresResult<X>>;
export async function leastSquares(
  residuals: (x: never) => Tensor,
  x0: Start,
  options?: object,
): Promise<LeastSquaresResult | BatchedSquaresResult> {
  const { batch, rest } = withoutBatch("leastSquares", options);
  if (batch) return manySquares("leastSquares", residuals, x0, rest, {});
  return squares("leastSquares", residuals, x0, rest, {});
}

/** {@link leastSquares}, at once. */
export function leastSquaresSync(
  residuals: (x: Tensor) => Tensor,
  x0: Tensor,
  options: BatchedSquaresOptions & { batch: true },
): BatchedSquaresResult;
export function leastSquaresSync<const X extends Start>(
  residuals: (x: Argument<X>) => Tensor,
  x0: X,
  options?: LeastSquaresOptions<X>,
): LeastSquaresResult<X>;
export function leastSquaresSync(
  residuals: (x: never) => Tensor,
  x0: Start,
  options?: object,
): LeastSquaresResult | BatchedSquaresResult {
  const { batch, rest } = withoutBatch("leastSquaresSync", options);
  if (batch) return manySquaresSync("leastSquaresSync", residuals, x0, rest, {});
  return squaresSync("leastSquaresSync", residuals, x0, rest, {});
}
