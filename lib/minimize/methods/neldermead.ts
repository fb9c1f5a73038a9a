import { flag, option, optionError } from "../../optim/checks.js";
import { describe } from "../../options.js";
import { ending, type Outcome } from "../outcome.js";
import { type Asking, iterated, valueAt, type Vector } from "../questions.js";
import { tolerance } from "./bfgs.js";
import type { Bounds } from "../bounds.js";

/** Options of "nelder-mead". */
export interface NelderMeadOptions {
  /** It has converged where the simplex is no wider than this; 1e-4 by default. */
  xatol: number;
  /** And where its values differ by no more than this; 1e-4 by default. */
  fatol: number;
  /** Factors that depend on the number of dimensions, for many of them; false by default. */
  adaptive: boolean;
  /** The first simplex: a point more than there are dimensions; null, the default, makes one around the start. */
  initialSimplex: readonly (readonly number[])[] | null;
}

export const nelderMeadRows = {
  xatol: option<number>(1e-4, tolerance),
  fatol: option<number>(1e-4, tolerance),
  adaptive: option<boolean>(false, flag),
  initialSimplex: option<readonly (readonly number[])[] | null>(null, (what, name, value) => {
    if (value !== null && !(Array.isArray(value) && value.every(Array.isArray)))
      throw optionError(
        TypeError,
        `${what}: ${name} must be an array of points, or null, but got ${describe(value)}`,
      );
  }),
};

interface Corner {
  readonly x: Vector;
  readonly fun: number;
}

/**
 * The simplex of Nelder and Mead, "A simplex method for function minimization", The Computer Journal 7, 1965, with SciPy's
 * numbers; `adaptive` after Gao and Han, Computational Optimization and Applications 51, 2012. Needs no gradients.
 */
export function* nelderMead(
  x0: Vector,
  { xatol, fatol, adaptive, initialSimplex }: NelderMeadOptions,
  bounds?: Bounds,
): Asking<Outcome> {
  const n = x0.length;
  const [expand, contract, shrink] = adaptive ? [1 + 2 / n, 0.75 - 1 / (2 * n), 1 - 1 / n] : [2, 0.5, 0.5];
  const within = (x: Vector) => (bounds === undefined ? x : bounds.clipped(x));
  const points = initialSimplex?.map((point) => Float64Array.from(point)) ?? around(x0, bounds);
  if (points.length !== n + 1 || points.some((point) => point.length !== n))
    throw optionError(
      RangeError,
      `nelder-mead: initialSimplex must have ${n + 1} points of ${n} numbers for ${n} dimensions`,
    );
  let corners: Corner[] = [];
  for (const point of points) {
    const x = within(point);
    corners.push({ x, fun: valueOf(yield* valueAt(x)) });
  }
  const sort = () => {
    corners = corners
      .map((corner, i) => ({ corner, i }))
      .sort((a, b) => a.corner.fun - b.corner.fun || a.i - b.i)
      .map(({ corner }) => corner);
  };
  sort();
  for (;;) {
    const best = corners[0]!;
    if (best.fun === Infinity) return ending(best, "nonFinite");
    let width = 0;
    let height = 0;
    for (const { x, fun } of corners) {
      x.forEach((value, i) => (width = Math.max(width, Math.abs(value - best.x[i]!))));
      height = Math.max(height, Math.abs(fun - best.fun));
    }
    if (width <= xatol && height <= fatol) return ending(best, "converged");
    const worst = corners[n]!;
    const centre = new Float64Array(n);
    for (const { x } of corners.slice(0, n)) x.forEach((value, i) => (centre[i]! += value / n));
    const across = function* (factor: number): Asking<Corner> {
      const x = within(centre.map((value, i) => (1 + factor) * value - factor * worst.x[i]!));
      return { x, fun: valueOf(yield* valueAt(x)) };
    };
    const reflected = yield* across(1);
    let replacement: Corner | undefined;
    if (reflected.fun < best.fun) {
      const expanded = yield* across(expand);
      replacement = expanded.fun < reflected.fun ? expanded : reflected;
    } else if (reflected.fun < corners[n - 1]!.fun) {
      replacement = reflected;
    } else if (reflected.fun < worst.fun) {
      const outside = yield* across(contract);
      if (outside.fun <= reflected.fun) replacement = outside;
    } else {
      const inside = yield* across(-contract);
      if (inside.fun < worst.fun) replacement = inside;
    }
    if (replacement !== undefined) {
      corners[n] = replacement;
    } else {
      for (let k = 1; k <= n; ++k) {
        const x = within(corners[k]!.x.map((value, i) => best.x[i]! + shrink * (value - best.x[i]!)));
        corners[k] = { x, fun: valueOf(yield* valueAt(x)) };
      }
    }
    sort();
    yield* iterated(corners[0]!);
  }
}

/** A value that is none is higher than any other. */
const valueOf = (fun: number) => (Number.isNaN(fun) ? Infinity : fun);

/** A point, and one a little further along each axis. */
function around(x0: Vector, bounds?: Bounds): Vector[] {
  const others = Array.from(x0, (value, i) => {
    const x = x0.slice();
    x[i] = value === 0 ? 0.00025 : 1.05 * value;
    // Inside of the bounds, for a simplex that is flat cannot move.
    if (bounds !== undefined && x[i] > bounds.upper[i]!) x[i] = 2 * bounds.upper[i]! - x[i];
    return x;
  });
  return [x0, ...others];
}
