import { option, optionError } from "../../optim/checks.js";
import { describe } from "../../options.js";
import type { Bounds } from "../bounds.js";
import { ending, type Outcome } from "../outcome.js";
import { type Asking, iterated, valueAt, type Vector } from "../questions.js";
import { along, minus, times } from "../vectors.js";
import { tolerance } from "./bfgs.js";
import { type Along, bounded, bracketed, brent } from "./onedimension.js";

/** Options of "powell". */
export interface PowellOptions {
  /** How well each direction is searched, relative to the step; 1e-4 by default. */
  xtol: number;
  /** It has converged where an iteration lowers the value by less than this part of it; 1e-4 by default. */
  ftol: number;
  /** The first directions, as many as there are dimensions; null, the default, takes the axes. */
  directions: readonly (readonly number[])[] | null;
}

export const powellRows = {
  xtol: option<number>(1e-4, tolerance),
  ftol: option<number>(1e-4, tolerance),
  directions: option<readonly (readonly number[])[] | null>(null, (what, name, value) => {
    if (value !== null && !(Array.isArray(value) && value.every(Array.isArray)))
      throw optionError(
        TypeError,
        `${what}: ${name} must be an array of directions, or null, but got ${describe(value)}`,
      );
  }),
};

interface Point {
  readonly x: Vector;
  readonly fun: number;
}

/**
 * Searches along directions, one after another, and puts the way of a whole iteration in the place of the direction that
 * gave most: Powell, "An efficient method for finding the minimum of a function of several variables without calculating
 * derivatives", The Computer Journal 7, 1964, with SciPy's numbers. Needs no gradients.
 */
export function* powell(
  x0: Vector,
  { xtol, ftol, directions: given }: PowellOptions,
  bounds?: Bounds,
): Asking<Outcome> {
  const n = x0.length;
  const directions: Vector[] =
    given?.map((direction) => Float64Array.from(direction)) ??
    Array.from(x0, (_, i) => Float64Array.from(x0, (__, j) => Number(i === j)));
  if (directions.length !== n || directions.some((direction) => direction.length !== n))
    throw optionError(
      RangeError,
      `powell: directions must be ${n} directions of ${n} numbers for ${n} dimensions`,
    );
  let at: Point = { x: x0, fun: yield* valueAt(x0) };
  let origin = x0; // of the way that an iteration has gone
  for (;;) {
    const before = at;
    let most = 0;
    let best = 0;
    for (const [i, direction] of directions.entries()) {
      const next = (yield* searched(at, direction, 100 * xtol, bounds)).to;
      if (at.fun - next.fun > most) [most, best] = [at.fun - next.fun, i];
      at = next;
    }
    if (!Number.isFinite(at.fun)) return ending(at, "nonFinite");
    const fell = before.fun - at.fun;
    if (2 * fell <= ftol * (Math.abs(before.fun) + Math.abs(at.fun)) + 1e-20) {
      // The last iteration counts as one too.
      yield* iterated(at);
      return ending(at, "converged");
    }
    yield* iterated(at);
    const way = minus(at.x, origin);
    origin = at.x;
    const reach = bounds === undefined ? 1 : Math.min(reachOf(at.x, way, bounds)[1], 1);
    const beyond = yield* valueAt(along(at.x, way, reach));
    if (!(before.fun > beyond)) continue;
    const curvature = 2 * (before.fun + beyond - 2 * at.fun) * (fell - most) ** 2;
    if (curvature - most * (before.fun - beyond) ** 2 >= 0) continue;
    const { to, step } = yield* searched(at, way, 100 * xtol, bounds);
    at = to;
    if (step.every((value) => value === 0)) continue;
    directions[best] = directions[n - 1]!;
    directions[n - 1] = step;
  }
}

/** Nobody is told of what happens along a direction. */
function* untold(): Asking<void> {
  // Iterations are those of the whole method.
}

/** The lowest point along a direction, and the way there. */
function* searched(
  from: Point,
  direction: Vector,
  tolerance: number,
  bounds: Bounds | undefined,
): Asking<{ to: Point; step: Vector }> {
  if (direction.every((value) => value === 0)) return { to: from, step: direction };
  const within = (x: Vector) => (bounds === undefined ? x : bounds.clipped(x));
  const f: Along = (t) => valueAt(within(along(from.x, direction, t)));
  const [low, high] = bounds === undefined ? [-Infinity, Infinity] : reachOf(from.x, direction, bounds);
  let found: { readonly t: number; readonly fun: number };
  if (low === -Infinity && high === Infinity) {
    const bracket = yield* bracketed(f, 0, 1);
    found = bracket.isValid
      ? yield* brent(f, bracket, tolerance, 500, untold)
      : { t: bracket.b, fun: bracket.fb };
  } else if (Number.isFinite(low) && Number.isFinite(high)) {
    found = yield* bounded(f, low, high, tolerance / 100, 500, untold);
  } else {
    // Half a line, as the tangents of an interval.
    const { t, fun } = yield* bounded(
      (angle) => f(Math.tan(angle)),
      Math.atan(low),
      Math.atan(high),
      tolerance / 100,
      500,
      untold,
    );
    found = { t: Math.tan(t), fun };
  }
  const step = times(direction, found.t);
  return { to: { x: within(along(from.x, step, 1)), fun: found.fun }, step };
}

/** How far one may go along a direction, back and forth, without leaving the bounds. */
function reachOf(x: Vector, direction: Vector, bounds: Bounds): [low: number, high: number] {
  let [low, high] = [-Infinity, Infinity];
  direction.forEach((slope, i) => {
    if (slope === 0) return;
    const ends = [(bounds.lower[i]! - x[i]!) / slope, (bounds.upper[i]! - x[i]!) / slope];
    low = Math.max(low, Math.min(...ends));
    high = Math.min(high, Math.max(...ends));
  });
  return high >= low ? [low, high] : [0, 0];
}
