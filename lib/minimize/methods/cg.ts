import { firstTrial, searchAlong } from "../linesearch.js";
import { ending, type Outcome } from "../outcome.js";
import { type Asking, gradientAt, iterated, type Vector } from "../questions.js";
import { along, dot, isFiniteVector, length, minus, normOf, times } from "../vectors.js";
import { type SearchMethodOptions, searchRows } from "./bfgs.js";

export const cgRows = searchRows(0.4);

/**
 * The conjugate gradients of Polak and Ribière, begun anew where they would not descend: Nocedal and Wright, "Numerical
 * Optimization", section 5.2, with SciPy's rules of stopping. Takes memory for a few vectors.
 */
export function* cg(x0: Vector, { gtol, norm, c1, c2 }: SearchMethodOptions): Asking<Outcome> {
  let at: { x: Vector; fun: number; grad: Vector } = { x: x0, ...(yield* gradientAt(x0)) };
  let d = times(at.grad, -1);
  let isSteepest = true;
  let funBefore = at.fun + length(at.grad) / 2;
  for (;;) {
    if (!Number.isFinite(at.fun) || !isFiniteVector(at.grad)) return ending(at, "nonFinite");
    if (normOf(at.grad, norm) <= gtol) return ending(at, "converged");
    const first = firstTrial(at.fun, funBefore, dot(at.grad, d));
    const { point } = yield* searchAlong(at, d, first, { c1, c2 });
    if (point === undefined) {
      if (isSteepest) return ending(at, "lineSearchFailed");
      d = times(at.grad, -1);
      isSteepest = true;
      continue;
    }
    const beta = Math.max(0, dot(minus(point.grad, at.grad), point.grad) / dot(at.grad, at.grad));
    d = along(times(point.grad, -1), d, beta);
    isSteepest = beta === 0;
    funBefore = at.fun;
    at = point;
    yield* iterated(at);
    if (!(dot(d, at.grad) <= -0.01 * dot(at.grad, at.grad))) {
      d = times(at.grad, -1);
      isSteepest = true;
    }
  }
}
