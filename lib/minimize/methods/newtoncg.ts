import { finite, option } from "../../optim/checks.js";
import { firstTrial, searchAlong } from "../linesearch.js";
import { ending, type Outcome } from "../outcome.js";
import { type Asking, gradientAt, iterated, productAt, type Vector } from "../questions.js";
import { along, dot, isFiniteVector, length, times } from "../vectors.js";
import { tolerance } from "./bfgs.js";

/** Options of "newton-cg". */
export interface NewtonCgOptions {
  /** It has converged where the elements of a step are smaller than this on average; 1e-5 by default. */
  xtol: number;
  /** How much of the decrease that a slope promises is asked for; 1e-4 by default. */
  c1: number;
  /** By how much a slope must flatten; 0.9 by default. */
  c2: number;
}

export const newtonCgRows = {
  xtol: option<number>(1e-5, tolerance),
  c1: option<number>(1e-4, finite("Invalid c1 value", { above: 0, below: 1 })),
  c2: option<number>(0.9, finite("Invalid c2 value", { above: 0, below: 1 })),
};

const sizes = (x: Vector) => x.reduce((sum, value) => sum + Math.abs(value), 0);

/**
 * Newton's method, whose systems are solved by conjugate gradients as far as it pays: Nocedal and Wright, "Numerical
 * Optimization", algorithm 7.1, with SciPy's rules of stopping. Of the Hessian it needs products alone.
 */
export function* newtonCg(x0: Vector, { xtol, c1, c2 }: NewtonCgOptions): Asking<Outcome> {
  const n = x0.length;
  let at: { x: Vector; fun: number; grad: Vector } = { x: x0, ...(yield* gradientAt(x0)) };
  let funBefore = at.fun + length(at.grad) / 2;
  for (;;) {
    if (!Number.isFinite(at.fun) || !isFiniteVector(at.grad)) return ending(at, "nonFinite");
    const size = sizes(at.grad);
    if (size === 0) return ending(at, "converged");
    const d = yield* newtonStep(at.x, at.grad, Math.min(0.5, Math.sqrt(size)) * size, 20 * n);
    const slope = dot(at.grad, d);
    const { point } = yield* searchAlong(at, d, firstTrial(at.fun, funBefore, slope), { c1, c2 });
    if (point === undefined) return ending(at, "lineSearchFailed");
    funBefore = at.fun;
    at = point;
    yield* iterated(at);
    if (sizes(times(d, point.t)) <= n * xtol) return ending(at, "converged");
  }
}

/** About -H^-1 grad, which descends whatever the Hessian. */
function* newtonStep(x: Vector, grad: Vector, enough: number, most: number): Asking<Vector> {
  let step: Vector = new Float64Array(x.length);
  let rest = grad;
  let d = times(grad, -1);
  let squared = dot(rest, rest);
  for (let i = 0; i < most && sizes(rest) > enough; ++i) {
    const product = yield* productAt(x, d);
    const curvature = dot(d, product);
    if (curvature >= 0 && curvature <= 3 * Number.EPSILON) break;
    if (!(curvature > 0)) return i > 0 ? step : times(grad, -squared / Math.abs(curvature || 1));
    const t = squared / curvature;
    step = along(step, d, t);
    rest = along(rest, product, t);
    const next = dot(rest, rest);
    d = along(times(rest, -1), d, next / squared);
    squared = next;
  }
  return dot(step, grad) < 0 ? step : times(grad, -1);
}
