import { finite, option } from "../../optim/checks.js";
import type { Bounds } from "../bounds.js";
import { searchAlong } from "../linesearch.js";
import { ending, type Outcome } from "../outcome.js";
import { type Asking, gradientAt, iterated, type Vector } from "../questions.js";
import { advance, along, dot, inverted, isFiniteVector, largest, length, minus, times } from "../vectors.js";
import { tolerance } from "./bfgs.js";

/** Options of "lbfgs" and "lbfgsb". */
export interface LbfgsOptions {
  /** How many past steps approximate the Hessian; 10 by default. */
  maxcor: number;
  /** It has converged where a step lowers the value by less than this part of the larger one, or of 1; 2.22e-9 by default. */
  ftol: number;
  /** And where no element of the gradient, projected on the bounds, is larger than this; 1e-5 by default. */
  gtol: number;
  /** The most evaluations of a line search; 20 by default. */
  maxls: number;
}

export const lbfgsRows = {
  maxcor: option<number>(10, finite("Invalid number of corrections", { min: 1, integer: true })),
  ftol: option<number>(2.220446049250313e-9, tolerance),
  gtol: option<number>(1e-5, tolerance),
  maxls: option<number>(20, finite("maxls must be positive", { min: 1, integer: true })),
};

/** A gradient so large, relative to the value, says that a minimum is not near. */
const steep = 1e-2;

interface At {
  readonly x: Vector;
  readonly fun: number;
  readonly grad: Vector;
}

const converged = {
  gradient: "CONVERGENCE: NORM OF PROJECTED GRADIENT <= PGTOL",
  decrease: "CONVERGENCE: RELATIVE REDUCTION OF F <= FACTR*EPSMCH",
};

/**
 * Limited-memory BFGS, within bounds where there are any: Byrd, Lu, Nocedal and Zhu, "A limited memory algorithm for bound
 * constrained optimization", SIAM Journal on Scientific Computing 16, 1995, with SciPy's rules of stopping.
 */
export function* lbfgsb(
  x0: Vector,
  { maxcor, ftol, gtol, maxls }: LbfgsOptions,
  bounds?: Bounds,
): Asking<Outcome> {
  let at: At = { x: x0, ...(yield* gradientAt(x0)) };
  let past = new Corrections(x0.length);
  let isFirst = true;
  for (;;) {
    if (!Number.isFinite(at.fun) || !isFiniteVector(at.grad)) return ending(at, "nonFinite");
    if (largest(projected(at, bounds)) <= gtol) return ending(at, "converged", converged.gradient);
    const d = bounds === undefined ? past.direction(at.grad) : minus(past.minimumWithin(at, bounds), at.x);
    const slope = dot(d, at.grad);
    const reach = bounds === undefined ? 1e10 : isFirst ? 1 : reachOf(at.x, d, bounds);
    const isBoxed = bounds?.lower.every(Number.isFinite) === true && bounds.upper.every(Number.isFinite);
    const first = isFirst && !isBoxed ? Math.min(1 / length(d), reach) : Math.min(1, reach);
    const { point } =
      slope < 0
        ? yield* searchAlong(at, d, first, {
            c1: 1e-3,
            c2: 0.9,
            xtol: 0.1,
            least: 0,
            most: reach,
            maxEvaluations: maxls,
          })
        : { point: undefined };
    if (point === undefined) {
      if (past.count === 0) return ending(at, "lineSearchFailed", "ABNORMAL_TERMINATION_IN_LNSRCH");
      past = new Corrections(x0.length);
      continue;
    }
    isFirst = false;
    // Rounding must not lead outside.
    const next: At = bounds === undefined ? point : { ...point, x: bounds.clipped(point.x) };
    const s = minus(next.x, at.x);
    const y = minus(next.grad, at.grad);
    if (dot(s, y) > Number.EPSILON * -slope * point.t) past.push(s, y, maxcor);
    const decrease = (at.fun - next.fun) / Math.max(Math.abs(at.fun), Math.abs(next.fun), 1);
    at = next;
    yield* iterated(at);
    if (largest(projected(at, bounds)) <= gtol) return ending(at, "converged", converged.gradient);
    if (decrease > ftol) continue;
    const isSteep = largest(projected(at, bounds)) > steep * Math.max(Math.abs(at.fun), 1);
    if (!isSteep || past.count === 0) return ending(at, "converged", converged.decrease);
    // The model has led along the bounds to where it sees no decrease, though the gradient does.
    past = new Corrections(x0.length);
  }
}

/** The gradient as far as it points inside. */
function projected({ x, grad }: At, bounds?: Bounds): Vector {
  if (bounds === undefined) return grad;
  return grad.map((g, i) =>
    g < 0 ? Math.max(x[i]! - bounds.upper[i]!, g) : Math.min(x[i]! - bounds.lower[i]!, g),
  );
}

/** How far a direction can be followed inside of the bounds. */
function reachOf(x: Vector, d: Vector, { lower, upper }: Bounds): number {
  let reach = 1e10;
  d.forEach((value, i) => {
    if (value > 0) reach = Math.min(reach, (upper[i]! - x[i]!) / value);
    else if (value < 0) reach = Math.min(reach, (lower[i]! - x[i]!) / value);
  });
  return reach;
}

/** The last steps s, and the changes y of the gradient. */
class Corrections {
  readonly #s: Vector[] = [];
  readonly #y: Vector[] = [];
  /** y . s */
  readonly #ys: number[] = [];
  #theta = 1;

  constructor(private readonly n: number) {}

  get count(): number {
    return this.#s.length;
  }

  push(s: Vector, y: Vector, most: number): void {
    if (this.#s.length >= most) {
      this.#s.shift();
      this.#y.shift();
      this.#ys.shift();
    }
    const ys = dot(y, s);
    this.#s.push(s);
    this.#y.push(y);
    this.#ys.push(ys);
    this.#theta = dot(y, y) / ys;
  }

  /** The two-loop recursion: minus the inverse Hessian times the gradient. */
  direction(grad: Vector): Vector {
    const { count } = this;
    const q = times(grad, -1);
    const alphas = new Float64Array(count);
    for (let i = count - 1; i >= 0; --i) {
      alphas[i] = dot(this.#s[i]!, q) / this.#ys[i]!;
      advance(q, this.#y[i]!, -alphas[i]!);
    }
    for (let i = 0; i < q.length; ++i) q[i]! /= this.#theta;
    for (let i = 0; i < count; ++i) advance(q, this.#s[i]!, alphas[i]! - dot(this.#y[i]!, q) / this.#ys[i]!);
    return q;
  }

  /** The minimum of the model within bounds: along the projected gradient first, then of what is free there. */
  minimumWithin({ x, grad }: At, bounds: Bounds): Vector {
    const theta = this.#theta;
    const w = this.#rows();
    const m = this.#middle();
    const rowOf = (i: number) => Float64Array.from(w, (column) => column[i]!);
    const times2 = (v: Vector) => m.map((row) => dot(row, v));
    const cauchy = cauchyPoint(x, grad, bounds, theta, w, rowOf, (v) => Float64Array.from(times2(v)));
    const free = Array.from({ length: this.n }, (_, i) => i).filter(
      (i) => cauchy.x[i]! > bounds.lower[i]! && cauchy.x[i]! < bounds.upper[i]!,
    );
    if (free.length === 0) return cauchy.x;
    const mc = Float64Array.from(times2(cauchy.c));
    const r = Float64Array.from(free, (i) => grad[i]! + theta * (cauchy.x[i]! - x[i]!) - dot(rowOf(i), mc));
    const step = times(r, -1 / theta);
    if (w.length > 0) {
      const wr = Float64Array.from(w, (column) => free.reduce((sum, i, k) => sum + column[i]! * r[k]!, 0));
      const v = Float64Array.from(times2(wr));
      const inner = w.map((a) =>
        Float64Array.from(w, (b) => free.reduce((sum, i) => sum + a[i]! * b[i]!, 0) / theta),
      );
      // I - M N
      const system = m.map((row, i) =>
        Float64Array.from(
          w,
          (_, j) => Number(i === j) - w.reduce((sum, __, k) => sum + row[k]! * inner[k]![j]!, 0),
        ),
      );
      const inverse = inverted(system);
      if (inverse !== undefined) {
        const solvedFor = inverse.map((row) => dot(row, v));
        free.forEach((i, k) => {
          step[k]! -= w.reduce((sum, column, j) => sum + column[i]! * solvedFor[j]!, 0) / theta ** 2;
        });
      }
    }
    const target = cauchy.x.slice();
    free.forEach((i, k) => (target[i]! += step[k]!));
    const inside = bounds.clipped(target);
    if (dot(minus(inside, x), grad) < 0) return inside;
    // Projected, the step need not descend: then only as far as the first bound.
    let t = 1;
    free.forEach((i, k) => {
      if (step[k]! > 0) t = Math.min(t, (bounds.upper[i]! - cauchy.x[i]!) / step[k]!);
      else if (step[k]! < 0) t = Math.min(t, (bounds.lower[i]! - cauchy.x[i]!) / step[k]!);
    });
    const shorter = cauchy.x.slice();
    free.forEach((i, k) => (shorter[i]! += t * step[k]!));
    return shorter;
  }

  /** The columns of W = [Y, theta S]: B = theta I - W M W^T. */
  #rows(): Vector[] {
    return [...this.#y, ...this.#s.map((s) => times(s, this.#theta))];
  }

  /** M. */
  #middle(): Vector[] {
    const k = this.count;
    if (k === 0) return [];
    const [s, y] = [this.#s, this.#y];
    const matrix = Array.from({ length: 2 * k }, () => new Float64Array(2 * k));
    for (let i = 0; i < k; ++i)
      for (let j = 0; j < k; ++j) {
        if (i === j) matrix[i]![i] = -dot(s[i]!, y[i]!);
        if (i > j) matrix[k + i]![j] = matrix[j]![k + i] = dot(s[i]!, y[j]!);
        matrix[k + i]![k + j] = this.#theta * dot(s[i]!, s[j]!);
      }
    return inverted(matrix) ?? matrix.map((row) => row.fill(0));
  }
}

/** The first minimum of the model along the path of the projected gradient, and W^T (x - x0). */
function cauchyPoint(
  x: Vector,
  grad: Vector,
  { lower, upper }: Bounds,
  theta: number,
  w: readonly Vector[],
  rowOf: (i: number) => Vector,
  middle: (v: Vector) => Vector,
): { x: Vector; c: Vector } {
  const ends = grad.map((g, i) =>
    g < 0 ? (x[i]! - upper[i]!) / g : g > 0 ? (x[i]! - lower[i]!) / g : Infinity,
  );
  const d = grad.map((g, i) => (ends[i] === 0 ? 0 : -g));
  const breaks = Array.from(ends.keys())
    .filter((i) => ends[i]! > 0 && d[i] !== 0)
    .sort((a, b) => ends[a]! - ends[b]!);
  let p: Vector = Float64Array.from(w, (column) => dot(column, d));
  let c: Vector = new Float64Array(w.length);
  const at = x.slice();
  let slope = -dot(d, d);
  if (slope === 0) return { x: at, c };
  const leastCurvature = Number.EPSILON * theta * -slope;
  let curvature = -theta * slope - dot(p, middle(p));
  let best = -slope / curvature;
  let before = 0;
  for (const i of breaks) {
    const step = ends[i]! - before;
    if (best < step) break;
    at[i] = d[i]! > 0 ? upper[i]! : lower[i]!;
    const z = at[i] - x[i]!;
    const g = grad[i]!;
    c = along(c, p, step);
    const row = rowOf(i);
    const mrow = middle(row);
    slope += step * curvature + g * g + theta * g * z - g * dot(mrow, c);
    curvature += -theta * g * g - 2 * g * dot(mrow, p) - g * g * dot(mrow, row);
    curvature = Math.max(curvature, leastCurvature);
    p = along(p, row, g);
    d[i] = 0;
    before = ends[i]!;
    best = -slope / curvature;
    if (best <= 0) break;
  }
  best = Math.max(best, 0);
  const t = before + best;
  d.forEach((value, i) => {
    if (value !== 0) at[i] = x[i]! + t * value;
  });
  return { x: at, c: along(c, p, best) };
}
