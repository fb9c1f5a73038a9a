// Many problems of least squares at once: every row has its own method at work, and what they ask is answered for all rows in
// one run.
import * as autograd from "../gradients.js";
import { tensor, zeros } from "../creation.js";
import { refusePromise } from "../engine.js";
import { makeError } from "../errors.js";
import { cat } from "../joining.js";
import { describe } from "../options.js";
import { optionError } from "../optim/checks.js";
import { eye } from "../ranges.js";
import { isTensor, type Tensor } from "../tensor.js";
import { checkBatch, part, put } from "./batch.js";
import type { Status } from "./outcome.js";
import type { SquaresRun } from "./run.js";
import {
  checkResiduals,
  type LeastSquaresOptions,
  readSquares,
  type SquaresDefaults,
} from "./squaresoptions.js";

/** Options of batches of least squares: those of each problem. */
export type BatchedSquaresOptions = Omit<LeastSquaresOptions, "jac" | "onIteration" | "progress">;

/** The result of a batch: of every row what `LeastSquaresResult` says. */
export interface BatchedSquaresResult {
  /** The points, of the start's shape. */
  x: Tensor;
  /** Half the loss of the residuals of every row. */
  cost: Tensor;
  /** The residuals, `[B, m]`. */
  fun: Tensor;
  /** Their Jacobians, `[B, m, n]`; weighted where there is a loss. */
  jac: Tensor;
  /** The gradients of the costs, `[B, n]`. */
  grad: Tensor;
  optimality: number[];
  activeMask: number[][];
  nfev: number[];
  njev: number[];
  nit: number[];
  status: Status[];
  message: string[];
  success: boolean[];
}

interface Pending {
  readonly packed: Tensor;
}

/** The rows at work: `next` begins to answer their questions, `answer` goes on with the numbers. */
function begin(
  what: string,
  f: unknown,
  start: unknown,
  given: unknown,
  defaults: SquaresDefaults,
): { next(): Pending | undefined; answer(values: ArrayLike<number>): void; result(): BatchedSquaresResult } {
  checkResiduals(what, f);
  checkBatch(what, start);
  const { shape, dtype, device } = start;
  const count = shape[0]!;
  const n = start.numel() / count;
  const problem = readSquares(what, given, defaults, n);
  for (const name of ["jac", "onIteration", "progress"])
    if (problem.options[name] !== undefined && problem.options[name] !== false)
      throw optionError(TypeError, `${what}: '${name}' is not for batches`);
  const points = Float64Array.from(start.detach().dataSync() as ArrayLike<number>);
  const bad = points.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0)
    throw optionError(RangeError, `${what}: x0 must be finite, but element ${bad} is ${points[bad]}`);
  const runs = Array.from({ length: count }, (_, i) =>
    problem.begin(points.slice(i * n, (i + 1) * n), () => false),
  );
  const like = { dtype, device } as never;
  let m = 0; // residuals of a row
  let withJacobians = true;

  /** The residuals of all rows, `[B, m]`. */
  const residualsAt = (leaf: Tensor): Tensor => {
    const value: unknown = (f as (x: Tensor) => unknown)(leaf.reshape(...shape));
    refusePromise(`${what}: the residuals`, value);
    if (isTensor(value) && value.numel() > 0 && value.shape[0] === count)
      return value.reshape(count, -1).to(dtype);
    throw makeError(
      TypeError,
      `${what}: with batch, the residuals must be a Tensor whose first dimension is ${count}, a row for each problem, but got ` +
        (isTensor(value) ? `shape [${value.shape.join(", ")}]` : describe(value)),
      { code: "ERR_ARGUMENT", op: what },
    );
  };
  const jacobians = (): Tensor => {
    const leaf = tensor(points, { dtype, device, requiresGrad: true });
    const found = residualsAt(leaf);
    m = found.shape[1]!;
    problem.checkCount(m);
    if (!found.requiresGrad)
      throw makeError(
        Error,
        `${what}: what f returns does not depend on x by operations of tensors, so it has no Jacobian`,
        { code: "ERR_AUTOGRAD", op: what },
      );
    // No row depends on another: column k of all Jacobians is the derivative along element k of all rows.
    const w = zeros([count, m], { ...(like as object), requiresGrad: true });
    const [product] = autograd.grad(found, leaf, { gradOutputs: w, createGraph: true });
    const [columns] = autograd.grad(product!, w, {
      gradOutputs: eye(n, like).repeat(1, count),
      isGradsBatched: true,
    });
    return cat([found.detach().reshape(-1), columns!.reshape(-1)], 0);
  };

  let active = runs.map((run, row) => ({ run, row }));
  const isAnswered = (run: SquaresRun) => withJacobians || run.question!.ask === "residuals";
  return {
    next() {
      active = active.filter(({ run }) => run.question !== undefined);
      if (active.length === 0) return undefined;
      // Jacobians come with residuals; they wait until no row asks for residuals alone.
      withJacobians = active.every(({ run }) => run.question!.ask === "jacobian");
      for (const { run, row } of active)
        if (isAnswered(run)) put(points, row * n, (run.question as { x: Float64Array }).x);
      return {
        packed: autograd.enableGrad(() =>
          withJacobians ? jacobians() : residualsAt(tensor(points, like)).detach().reshape(-1),
        ),
      };
    },
    answer(values) {
      for (const { run, row } of active) {
        if (!isAnswered(run)) continue;
        const residuals = part(values, row * m, m);
        if (!withJacobians) {
          run.answer(residuals);
          continue;
        }
        const jacobian = new Float64Array(m * n);
        for (let k = 0; k < n; ++k) {
          const column = (count * (k + 1) + row) * m;
          for (let i = 0; i < m; ++i) jacobian[i * n + k] = values[column + i]!;
        }
        run.answer({ residuals, jacobian });
      }
    },
    result() {
      const summaries = runs.map((run) => problem.summary(run));
      const all = (size: number, of: (i: number) => ArrayLike<number>) => {
        const joined = new Float64Array(count * size);
        runs.forEach((_, i) => {
          joined.set(of(i), i * size);
        });
        return tensor(joined, like);
      };
      return {
        x: all(n, (i) => runs[i]!.outcome!.x).reshape(...shape),
        cost: all(1, (i) => [summaries[i]!.cost]),
        fun: all(m, (i) => summaries[i]!.residuals).reshape(count, m),
        jac: all(m * n, (i) => summaries[i]!.jacobian).reshape(count, m, n),
        grad: all(n, (i) => summaries[i]!.gradient).reshape(count, n),
        optimality: summaries.map(({ optimality }) => optimality),
        activeMask: summaries.map(({ activeMask }) => activeMask),
        nfev: runs.map(({ nfev }) => nfev),
        njev: runs.map(({ njev }) => njev),
        nit: runs.map(({ nit }) => nit),
        status: runs.map(({ outcome }) => outcome!.status),
        message: runs.map(({ outcome }) => outcome!.message),
        success: runs.map(({ outcome }) => outcome!.status === "converged"),
      };
    },
  };
}

/** A batch of least squares. @internal */
export async function manySquares(
  what: string,
  f: unknown,
  start: unknown,
  given: unknown,
  defaults: SquaresDefaults,
): Promise<BatchedSquaresResult> {
  const all = begin(what, f, start, given, defaults);
  for (let pending = all.next(); pending !== undefined; pending = all.next())
    all.answer(await pending.packed.data<Float64Array>());
  return all.result();
}

/** The same at once. @internal */
export function manySquaresSync(
  what: string,
  f: unknown,
  start: unknown,
  given: unknown,
  defaults: SquaresDefaults,
): BatchedSquaresResult {
  const all = begin(what, f, start, given, defaults);
  for (let pending = all.next(); pending !== undefined; pending = all.next())
    all.answer(pending.packed.dataSync<Float64Array>());
  return all.result();
}
