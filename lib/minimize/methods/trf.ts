import type { Bounds } from "../bounds.js";
import { dampedToRadius, factored } from "../dense.js";
import { costOf, type LossName, weighted } from "../losses.js";
import { type Asking, iterated, jacobianAt, residualsAt, type Vector } from "../questions.js";
import { along, dot, isFiniteVector, largest, length, times } from "../vectors.js";
import { type LmOptions, type SquaresOutcome, squaresSentences } from "./lm.js";

/** Options of "trf". */
export interface TrfOptions extends LmOptions {
  readonly loss: LossName;
  readonly fScale: number;
}

/**
 * A trust region that bounds reflect: Branch, Coleman and Li, "A Subspace, Interior, and Conjugate Gradient Method for
 * Large-Scale Bound-Constrained Minimization Problems", SIAM Journal on Scientific Computing 21, 1999, as SciPy has it.
 */
export function* trf(
  x0: Vector,
  { ftol, xtol, gtol, scale: given, loss, fScale }: TrfOptions,
  { lower, upper }: Bounds,
): Asking<SquaresOutcome> {
  const n = x0.length;
  let x = strictlyInside(x0, lower, upper, 1e-10);
  let raw = yield* jacobianAt(x);
  let cost = costOf(loss, fScale, raw.residuals);
  let inverseScale = new Float64Array(n);
  const ended = (status: SquaresOutcome["status"], message: string): SquaresOutcome => ({
    x,
    ...raw,
    status,
    message,
  });
  if (!Number.isFinite(cost) || !isFiniteVector(raw.jacobian))
    return ended("nonFinite", "Residuals are not finite in the initial point.");
  let radius = 0;
  let par = 0;
  for (let iteration = 0; ; ++iteration) {
    const { residuals, jacobian } = weighted(loss, fScale, raw.residuals, raw.jacobian);
    const m = residuals.length;
    const gradient = new Float64Array(n);
    const norms = new Float64Array(n);
    for (let i = 0; i < m; ++i)
      for (let j = 0; j < n; ++j) {
        gradient[j]! += jacobian[i * n + j]! * residuals[i]!;
        norms[j]! += jacobian[i * n + j]! ** 2;
      }
    if (given === "jac")
      inverseScale = inverseScale.map((value, j) =>
        Math.max(value, Math.sqrt(norms[j]!) || (iteration === 0 ? 1 : 0)),
      );
    else inverseScale = given.slice();
    const { v, dv } = distances(x, gradient, lower, upper);
    if (largest(gradient.map((g, j) => g * v[j]!)) < gtol) return ended("converged", squaresSentences.gtol);
    dv.forEach((value, j) => {
      if (value !== 0) v[j]! *= inverseScale[j]!;
    });
    if (iteration === 0)
      radius = length(x0.map((value, j) => (value * inverseScale[j]!) / Math.sqrt(v[j]!))) || 1;
    // In the variables that the bounds and the scale make.
    const d = v.map((value, j) => Math.sqrt(value) / inverseScale[j]!);
    const diagonal = gradient.map((g, j) => (g * dv[j]!) / inverseScale[j]!);
    const scaledGradient = gradient.map((g, j) => g * d[j]!);
    const scaled = new Float64Array((m + n) * n);
    for (let i = 0; i < m; ++i) for (let j = 0; j < n; ++j) scaled[i * n + j] = jacobian[i * n + j]! * d[j]!;
    for (let j = 0; j < n; ++j) scaled[(m + j) * n + j] = Math.sqrt(Math.max(0, diagonal[j]!));
    const right = new Float64Array(m + n);
    right.set(residuals);
    const factors = factored(scaled, right, n);
    const model: Model = { jacobian: scaled.subarray(0, m * n), m, diagonal, gradient: scaledGradient };
    const theta = Math.max(0.995, 1 - largest(gradient.map((g, j) => g * v[j]!)));
    const ones = new Float64Array(n).fill(1);
    for (;;) {
      const found = dampedToRadius(factors, ones, radius, par);
      par = found.par;
      const stepScaled = times(found.x, -1);
      const chosen = chooseStep(x, model, stepScaled, d, radius, lower, upper, theta);
      const trial = strictlyInside(along(x, chosen.step, 1), lower, upper, 0);
      const trialResiduals = yield* residualsAt(trial);
      const size = length(chosen.scaled);
      const trialCost = costOf(loss, fScale, trialResiduals);
      if (!Number.isFinite(trialCost)) {
        radius = 0.25 * size;
        if (radius <= Number.EPSILON * Math.max(length(x), Number.MIN_VALUE))
          return ended("lineSearchFailed", squaresSentences.limit);
        continue;
      }
      const actual = cost - trialCost;
      const { predicted } = chosen;
      const ratio = predicted > 0 ? actual / predicted : predicted === 0 && actual === 0 ? 1 : 0;
      let next = radius;
      if (ratio < 0.25) next = 0.25 * size;
      else if (ratio > 0.75 && size > 0.95 * radius) next = 2 * radius;
      const byF = actual < ftol * cost && ratio > 0.25;
      const byX = length(chosen.step) < xtol * (xtol + length(x));
      par *= radius / next;
      radius = next;
      if (actual > 0) {
        x = trial;
        raw = yield* jacobianAt(x);
        cost = trialCost;
        yield* iterated({ x, fun: cost });
      }
      if (byF || byX)
        return ended(
          "converged",
          byF && byX ? squaresSentences.both : byF ? squaresSentences.ftol : squaresSentences.xtol,
        );
      if (actual > 0) break;
    }
  }
}

/** A point that is on no bound. */
function strictlyInside(x: Vector, lower: Vector, upper: Vector, margin: number): Vector {
  return x.map((value, i) => {
    const [low, high] = [lower[i]!, upper[i]!];
    let inside = value;
    const gap = (bound: number) => margin * Math.max(1, Math.abs(bound));
    if (inside <= low) inside = margin === 0 ? nextTowards(low, high) : low + gap(low);
    if (inside >= high) inside = margin === 0 ? nextTowards(high, low) : high - gap(high);
    return inside < low || inside > high || (inside === low && low < high) ? 0.5 * (low + high) : inside;
  });
}

function nextTowards(value: number, goal: number): number {
  if (goal === value) return value;
  const step = Math.max(Math.abs(value) * Number.EPSILON, Number.MIN_VALUE);
  return goal > value ? value + step : value - step;
}

/** How far each element is from the bound that its gradient leads to, 1 where there is none; and that distance's derivative. */
function distances(x: Vector, gradient: Vector, lower: Vector, upper: Vector): { v: Vector; dv: Vector } {
  const [v, dv] = [new Float64Array(x.length).fill(1), new Float64Array(x.length)];
  gradient.forEach((g, i) => {
    if (g < 0 && Number.isFinite(upper[i]!)) {
      v[i] = upper[i]! - x[i]!;
      dv[i] = -1;
    } else if (g > 0 && Number.isFinite(lower[i]!)) {
      v[i] = x[i]! - lower[i]!;
      dv[i] = 1;
    }
  });
  return { v, dv };
}

/** The quadratic 0.5 s^T (J^T J + diag) s + g^T s. */
interface Model {
  readonly jacobian: Float64Array;
  readonly m: number;
  readonly diagonal: Vector;
  readonly gradient: Vector;
}

function product({ jacobian, m }: Model, s: Vector): Vector {
  const n = s.length;
  const result = new Float64Array(m);
  for (let i = 0; i < m; ++i) {
    let sum = 0;
    for (let j = 0; j < n; ++j) sum += jacobian[i * n + j]! * s[j]!;
    result[i] = sum;
  }
  return result;
}

const weightedDot = (weights: Vector, a: Vector, b: Vector) =>
  a.reduce((sum, value, i) => sum + weights[i]! * value * b[i]!, 0);

/** a t^2 + b t + c along s from s0. */
function alongLine(model: Model, s: Vector, s0?: Vector): { a: number; b: number; c: number } {
  const v = product(model, s);
  const a = 0.5 * (dot(v, v) + weightedDot(model.diagonal, s, s));
  const b = dot(model.gradient, s);
  if (s0 === undefined) return { a, b, c: 0 };
  const u = product(model, s0);
  return {
    a,
    b: b + dot(u, v) + weightedDot(model.diagonal, s, s0),
    c: 0.5 * dot(u, u) + dot(model.gradient, s0) + 0.5 * weightedDot(model.diagonal, s0, s0),
  };
}

function leastBetween({ a, b, c }: { a: number; b: number; c: number }, from: number, to: number) {
  const value = (t: number) => t * (a * t + b) + c;
  const candidates = [from, to];
  const vertex = (-0.5 * b) / a;
  if (a !== 0 && vertex > from && vertex < to) candidates.push(vertex);
  return candidates
    .map((t) => ({ t, value: value(t) }))
    .reduce((best, one) => (one.value < best.value ? one : best));
}

/** How far a direction leads to the first bound, and which elements meet it there. */
function toBounds(x: Vector, s: Vector, lower: Vector, upper: Vector): { t: number; hits: boolean[] } {
  const reach = Array.from(s, (value, i) =>
    value === 0 ? Infinity : Math.max((lower[i]! - x[i]!) / value, (upper[i]! - x[i]!) / value),
  );
  const t = Math.min(...reach);
  return { t, hits: reach.map((one) => one === t) };
}

/** The best of the step itself, of the step reflected at the first bound, and of the gradient, all inside. */
function chooseStep(
  x: Vector,
  model: Model,
  scaled: Vector,
  d: Vector,
  radius: number,
  lower: Vector,
  upper: Vector,
  theta: number,
): { step: Vector; scaled: Vector; predicted: number } {
  const unscaled = (s: Vector) => s.map((value, i) => value * d[i]!);
  const valueAt = (s: Vector) => {
    const { a, b } = alongLine(model, s);
    return a + b;
  };
  const whole = unscaled(scaled);
  const isInside = whole.every((value, i) => x[i]! + value >= lower[i]! && x[i]! + value <= upper[i]!);
  if (isInside) return { step: whole, scaled, predicted: -valueAt(scaled) };
  const { t: reach, hits } = toBounds(x, whole, lower, upper);
  const reflected = scaled.map((value, i) => (hits[i] === true ? -value : value));
  const atBound = times(scaled, reach);
  const onBound = along(x, unscaled(atBound), 1);
  // From the bound along the reflection, within the radius and the other bounds.
  const [ra, rb, rc] = [
    dot(reflected, reflected),
    dot(atBound, reflected),
    dot(atBound, atBound) - radius ** 2,
  ];
  const toRadius = (-rb + Math.sqrt(Math.max(0, rb * rb - ra * rc))) / ra;
  const toOther = toBounds(onBound, unscaled(reflected), lower, upper).t;
  const furthest = Math.min(toRadius, toOther);
  let reflection: { scaled: Vector; value: number } | undefined;
  if (furthest > 0) {
    const from = ((1 - theta) * reach) / furthest;
    const to = furthest === toOther ? theta * toOther : toRadius;
    if (from <= to) {
      const { t, value } = leastBetween(alongLine(model, reflected, atBound), from, to);
      reflection = { scaled: along(atBound, reflected, t), value };
    }
  }
  const inner = times(scaled, theta * reach);
  const candidates = [{ scaled: inner, value: valueAt(inner) }];
  if (reflection !== undefined) candidates.push(reflection);
  const down = times(model.gradient, -1);
  const downReach = toBounds(x, unscaled(down), lower, upper).t;
  const downRadius = radius / length(down);
  const { t, value } = leastBetween(
    alongLine(model, down),
    0,
    downReach < downRadius ? theta * downReach : downRadius,
  );
  candidates.push({ scaled: times(down, t), value });
  const best = candidates.reduce((a, b) => (b.value < a.value ? b : a));
  return { step: unscaled(best.scaled), scaled: best.scaled, predicted: -best.value };
}
