// The line search of Moré and Thuente, "Line search algorithms with guaranteed sufficient decrease", ACM Transactions on
// Mathematical Software 20, 1994: MINPACK-2's dcsrch and dcstep, as SciPy uses them. Its own numbers are in double.
import { type Asking, gradientAt, type ValueAndGradient, type Vector } from "./questions.js";
import { along, dot, isFiniteVector } from "./vectors.js";

/** A point along the direction. */
export interface LinePoint extends ValueAndGradient {
  readonly x: Vector;
  /** How far it is. */
  readonly t: number;
  /** The derivative along the direction. */
  readonly slope: number;
}

/** The numbers of a search. */
export interface SearchOptions {
  /** How much of the decrease that the slope promises is asked for. */
  readonly c1: number;
  /** By how much the slope must have flattened. */
  readonly c2: number;
  /** The relative width of the interval at which it gives up. */
  readonly xtol?: number;
  readonly least?: number;
  readonly most?: number;
  readonly maxEvaluations?: number;
}

interface End {
  readonly t: number;
  readonly f: number;
  readonly slope: number;
}

/** The evaluation at a distance. */
export function* evaluateAlong(x: Vector, d: Vector, t: number): Asking<LinePoint> {
  const at = along(x, d, t);
  const { fun, grad } = yield* gradientAt(at);
  return { x: at, t, fun, grad, slope: dot(grad, d) };
}

/**
 * Searches along a direction for a point that satisfies the strong Wolfe conditions.
 *
 * A trial whose value or slope is not finite counts as a step too long.
 *
 * @returns the point; where there is none, the lowest one that was found, if it is lower than the start
 */
export function* searchAlong(
  start: ValueAndGradient & { readonly x: Vector },
  d: Vector,
  first: number,
  options: SearchOptions,
): Asking<{ point: LinePoint | undefined; isWolfe: boolean }> {
  const { c1, c2, xtol = 1e-14, least = 1e-100, most = 1e100, maxEvaluations = 100 } = options;
  const slope0 = dot(start.grad, d);
  const test = c1 * slope0;
  let low: End = { t: 0, f: start.fun, slope: slope0 };
  let high: End = low;
  let isBracketed = false;
  let isFirstStage = true;
  let width = most - least;
  let widthBefore = 2 * width;
  let [from, to] = [0, first + 4 * first];
  let ceiling = most;
  let t = Math.min(Math.max(first, least), most);
  let best: LinePoint | undefined;
  for (let evaluations = 0; evaluations < maxEvaluations; ++evaluations) {
    const point = yield* evaluateAlong(start.x, d, t);
    if (!Number.isFinite(point.fun) || !Number.isFinite(point.slope) || !isFiniteVector(point.grad)) {
      ceiling = t;
      if (ceiling - low.t <= xtol * ceiling) break;
      t = low.t + 0.5 * (t - low.t);
      to = Math.min(to, ceiling);
      continue;
    }
    const now: End = { t, f: point.fun, slope: point.slope };
    if (now.f < start.fun && (best === undefined || now.f < best.fun)) best = point;
    const bar = start.fun + t * test;
    if (isFirstStage && now.f <= bar && now.slope >= 0) isFirstStage = false;
    if (now.f <= bar && Math.abs(now.slope) <= c2 * -slope0) return { point, isWolfe: true };
    const isStuck =
      (isBracketed && (t <= from || t >= to || to - from <= xtol * to)) ||
      (t === most && now.f <= bar && now.slope <= test) ||
      (t === least && (now.f > bar || now.slope >= test));
    if (isStuck) break;
    if (isFirstStage && now.f <= low.f && now.f > bar) {
      // Of the function less the line that asks for decrease, while nothing has satisfied it.
      const less = (end: End): End => ({ t: end.t, f: end.f - end.t * test, slope: end.slope - test });
      const more = (end: End): End => ({ t: end.t, f: end.f + end.t * test, slope: end.slope + test });
      const next = stepBetween(less(low), less(high), less(now), isBracketed, from, to);
      [low, high, t, isBracketed] = [more(next.low), more(next.high), next.t, next.isBracketed];
    } else {
      ({ low, high, t, isBracketed } = stepBetween(low, high, now, isBracketed, from, to));
    }
    if (isBracketed) {
      const size = Math.abs(high.t - low.t);
      if (size >= 0.66 * widthBefore) t = low.t + 0.5 * (high.t - low.t);
      widthBefore = width;
      width = size;
      [from, to] = [Math.min(low.t, high.t), Math.max(low.t, high.t)];
    } else {
      [from, to] = [t + 1.1 * (t - low.t), t + 4 * (t - low.t)];
    }
    t = Math.min(Math.max(t, least), most);
    if (t >= ceiling) t = 0.5 * (low.t + ceiling);
    if (isBracketed && (t <= from || t >= to || to - from <= xtol * to)) t = low.t;
  }
  return { point: best, isWolfe: false };
}

/** The next trial from two ends of an interval and a trial, and what the ends become. */
function stepBetween(low: End, high: End, now: End, isBracketed: boolean, from: number, to: number) {
  const signs = now.slope * Math.sign(low.slope);
  const cubic = (a: End, b: End) => {
    const theta = (3 * (a.f - b.f)) / (b.t - a.t) + a.slope + b.slope;
    const size = Math.max(Math.abs(theta), Math.abs(a.slope), Math.abs(b.slope));
    const root = (theta / size) ** 2 - (a.slope / size) * (b.slope / size);
    return { theta, gamma: size * Math.sqrt(Math.max(0, root)) };
  };
  let t: number;
  let bracketed = isBracketed;
  if (now.f > low.f) {
    // Higher: the minimum lies between.
    const { theta, gamma: size } = cubic(low, now);
    const gamma = now.t < low.t ? -size : size;
    const ratio = (gamma - low.slope + theta) / (gamma - low.slope + gamma + now.slope);
    const byCubic = low.t + ratio * (now.t - low.t);
    const bySquare =
      low.t + (low.slope / ((low.f - now.f) / (now.t - low.t) + low.slope) / 2) * (now.t - low.t);
    t = Math.abs(byCubic - low.t) < Math.abs(bySquare - low.t) ? byCubic : byCubic + (bySquare - byCubic) / 2;
    bracketed = true;
  } else if (signs < 0) {
    // Lower, and the slope has changed its sign.
    const { theta, gamma: size } = cubic(low, now);
    const gamma = now.t > low.t ? -size : size;
    const ratio = (gamma - now.slope + theta) / (gamma - now.slope + gamma + low.slope);
    const byCubic = now.t + ratio * (low.t - now.t);
    const bySecant = now.t + (now.slope / (now.slope - low.slope)) * (low.t - now.t);
    t = Math.abs(byCubic - now.t) > Math.abs(bySecant - now.t) ? byCubic : bySecant;
    bracketed = true;
  } else if (Math.abs(now.slope) < Math.abs(low.slope)) {
    // Lower, and flatter.
    const { theta, gamma: size } = cubic(low, now);
    const gamma = now.t > low.t ? -size : size;
    const ratio = (gamma - now.slope + theta) / (gamma + (low.slope - now.slope) + gamma);
    const byCubic = ratio < 0 && gamma !== 0 ? now.t + ratio * (low.t - now.t) : now.t > low.t ? to : from;
    const bySecant = now.t + (now.slope / (now.slope - low.slope)) * (low.t - now.t);
    const isCubicNearer = Math.abs(byCubic - now.t) < Math.abs(bySecant - now.t);
    if (isBracketed) {
      t = isCubicNearer ? byCubic : bySecant;
      const bound = now.t + 0.66 * (high.t - now.t);
      t = now.t > low.t ? Math.min(bound, t) : Math.max(bound, t);
    } else {
      t = Math.min(Math.max(isCubicNearer ? bySecant : byCubic, from), to);
    }
  } else if (isBracketed) {
    // Lower, and no flatter.
    const { theta, gamma: size } = cubic(high, now);
    const gamma = now.t > high.t ? -size : size;
    const ratio = (gamma - now.slope + theta) / (gamma - now.slope + gamma + high.slope);
    t = now.t + ratio * (high.t - now.t);
  } else {
    t = now.t > low.t ? to : from;
  }
  if (now.f > low.f) return { low, high: now, t, isBracketed: bracketed };
  return { low: now, high: signs < 0 ? low : high, t, isBracketed: bracketed };
}

/** The first trial of a quasi-Newton search: SciPy's guess from the last decrease, and 1 at most. */
export function firstTrial(fun: number, funBefore: number, slope: number): number {
  if (slope === 0) return 1;
  const guess = Math.min(1, (1.01 * 2 * (fun - funBefore)) / slope);
  return guess < 0 ? 1 : guess;
}
