import { finite, option } from "../../optim/checks.js";
import { firstTrial, searchAlong } from "../linesearch.js";
import { ending, type Outcome } from "../outcome.js";
import { type Asking, gradientAt, iterated, type Vector } from "../questions.js";
import { applied, dot, identity, isFiniteVector, length, minus, normOf, times } from "../vectors.js";

/** Options of the methods that search along directions. */
export interface SearchMethodOptions {
  /** It has converged where the gradient's norm is at most this; 1e-5 by default. */
  gtol: number;
  /** The order of that norm; Infinity by default. */
  norm: number;
  /** How much of the decrease that a slope promises is asked for; 1e-4 by default. */
  c1: number;
  /** By how much a slope must flatten. */
  c2: number;
}

/** A positive number. */
export const tolerance = finite("Invalid tolerance", { min: 0 });
/** The order of a norm. */
export const order = (what: string, name: string, value: unknown): void => {
  if (value !== Infinity) finite("Invalid order of a norm", { above: 0 })(what, name, value);
};

/** The rows of these options. */
export const searchRows = (c2: number) => ({
  gtol: option<number>(1e-5, tolerance),
  norm: option<number>(Infinity, order),
  c1: option<number>(1e-4, finite("Invalid c1 value", { above: 0, below: 1 })),
  c2: option<number>(c2, finite("Invalid c2 value", { above: 0, below: 1 })),
});

/** Options of "bfgs". */
export interface BfgsOptions extends SearchMethodOptions {
  /** It has converged where a step is shorter than this, relative to the point; 0 by default. */
  xrtol: number;
}

export const bfgsRows = { ...searchRows(0.9), xrtol: option<number>(0, tolerance) };

/**
 * The quasi-Newton method of Broyden, Fletcher, Goldfarb and Shanno: Nocedal and Wright, "Numerical Optimization",
 * algorithm 6.1, with an approximation of the inverse Hessian, and SciPy's rules of stopping.
 */
export function* bfgs(x0: Vector, { gtol, norm, c1, c2, xrtol }: BfgsOptions): Asking<Outcome> {
  const n = x0.length;
  let at: { x: Vector; fun: number; grad: Vector } = { x: x0, ...(yield* gradientAt(x0)) };
  let inverse = identity(n);
  let isIdentity = true;
  let funBefore = at.fun + length(at.grad) / 2;
  for (;;) {
    if (!Number.isFinite(at.fun) || !isFiniteVector(at.grad)) return ending(at, "nonFinite");
    if (normOf(at.grad, norm) <= gtol) return ending(at, "converged");
    let d = times(applied(inverse, at.grad), -1);
    let slope = dot(d, at.grad);
    if (!(slope < 0)) {
      inverse = identity(n);
      isIdentity = true;
      d = times(at.grad, -1);
      slope = -dot(at.grad, at.grad);
    }
    const { point } = yield* searchAlong(at, d, firstTrial(at.fun, funBefore, slope), { c1, c2 });
    if (point === undefined) {
      // What the past has taught may be wrong here: once more along the gradient.
      if (isIdentity) return ending(at, "lineSearchFailed");
      inverse = identity(n);
      isIdentity = true;
      funBefore = at.fun + length(at.grad) / 2;
      continue;
    }
    const s = times(d, point.t);
    const y = minus(point.grad, at.grad);
    funBefore = at.fun;
    at = point;
    yield* iterated(at);
    if (normOf(at.grad, norm) <= gtol) return ending(at, "converged");
    if (length(s) <= xrtol * (xrtol + length(at.x))) return ending(at, "converged");
    update(inverse, s, y);
    isIdentity = false;
  }
}

/** The inverse Hessian after a step s that has changed the gradient by y. */
function update(inverse: Float64Array, s: Vector, y: Vector): void {
  const n = s.length;
  const ys = dot(y, s);
  const rho = ys === 0 ? 1000 : 1 / ys;
  const hy = applied(inverse, y);
  const factor = rho * (1 + rho * dot(y, hy));
  for (let i = 0; i < n; ++i)
    for (let j = 0; j < n; ++j)
      inverse[i * n + j]! += factor * s[i]! * s[j]! - rho * (hy[i]! * s[j]! + s[i]! * hy[j]!);
}
