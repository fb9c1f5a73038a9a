import type { Bounds } from "../bounds.js";
import { backSolved, factored, unpermuted } from "../dense.js";
import { costOf, weighted } from "../losses.js";
import {
  type Asking,
  iterated,
  jacobianAt,
  type ResidualsAndJacobian,
  residualsAt,
  type Vector,
} from "../questions.js";
import { along, dot, isFiniteVector, largest, length, product, times } from "../vectors.js";
import { type SquaresOutcome, squaresSentences } from "./lm.js";
import type { TrfOptions } from "./trf.js";

/**
 * A dogleg in a trust region that is a box, cut off where the bounds are: Voglis and Lagaris, "A Rectangular Trust Region
 * Dogleg Approach for Unconstrained and Bound Constrained Nonlinear Optimization", WSEAS International Conference on Applied
 * Mathematics, 2004, as SciPy has it. Elements at bounds that the gradient leads out of stand still; the others take the step.
 */
export function* dogbox(
  x0: Vector,
  { ftol, xtol, gtol, scale: given, loss, fScale }: TrfOptions,
  { lower, upper }: Bounds,
): Asking<SquaresOutcome> {
  let x = x0;
  let raw = yield* jacobianAt(x);
  let cost = costOf(loss, fScale, raw.residuals);
  const ended = (status: SquaresOutcome["status"], message: string): SquaresOutcome => {
    return { x, ...raw, status, message };
  };
  if (!Number.isFinite(cost) || !isFiniteVector(raw.jacobian))
    return ended("nonFinite", "Residuals are not finite in the initial point.");
  // Which bound each element is at: -1, 1, or 0.
  let sides = x.map((value, j) => (value === lower[j] ? -1 : value === upper[j] ? 1 : 0));
  let inverseScale: Vector | undefined;
  let radius = 0;
  for (;;) {
    const linear = weighted(loss, fScale, raw.residuals, raw.jacobian);
    const gradient = gradientOf(linear, x.length);
    inverseScale = given === "jac" ? columnSizes(linear.jacobian, inverseScale, x.length) : given;
    radius ||= largest(product(x, inverseScale)) || 1;
    const free = Array.from(sides.keys()).filter((j) => !(sides[j]! * gradient[j]! < 0));
    const model = modelOf(linear, gradient, free);
    if (free.length === 0 || largest(model.gradient) < gtol) return ended("converged", squaresSentences.gtol);
    const box = boxAround(x, lower, upper, free);
    for (;;) {
      const reach = Float64Array.from(free, (j) => radius / inverseScale![j]!);
      const chosen = dogleg(model, box, reach);
      const step = new Float64Array(x.length);
      free.forEach((j, k) => {
        step[j] = chosen.step[k]!;
      });
      const trial = along(x, step, 1).map((value, j) => Math.min(Math.max(value, lower[j]!), upper[j]!));
      const trialResiduals = yield* residualsAt(trial);
      const size = largest(product(step, inverseScale));
      const trialCost = costOf(loss, fScale, trialResiduals);
      if (!Number.isFinite(trialCost)) {
        radius = 0.25 * size;
        if (radius <= Number.EPSILON * Math.max(length(x), Number.MIN_VALUE))
          return ended("lineSearchFailed", squaresSentences.limit);
        continue;
      }
      const actual = cost - trialCost;
      const ratio = ratioOf(actual, -model.value(chosen.step));
      if (ratio < 0.25) radius = 0.25 * size;
      else if (ratio > 0.75 && chosen.isAtRadius) radius *= 2;
      const byF = actual < ftol * cost && ratio > 0.25;
      const byX = length(step) < xtol * (xtol + length(x));
      if (actual > 0) {
        sides = sides.slice();
        free.forEach((j, k) => {
          sides[j] = chosen.sides[k]!;
        });
        // To the bound itself, whatever rounding has made of the way there.
        x = trial.map((value, j) => (sides[j]! < 0 ? lower[j]! : sides[j]! > 0 ? upper[j]! : value));
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

/** How much of a decrease that was promised there is. */
function ratioOf(actual: number, predicted: number): number {
  if (predicted > 0) return actual / predicted;
  return predicted === 0 && actual === 0 ? 1 : 0;
}

function gradientOf({ residuals, jacobian }: ResidualsAndJacobian, n: number): Vector {
  const gradient = new Float64Array(n);
  for (let i = 0; i < residuals.length; ++i)
    for (let j = 0; j < n; ++j) gradient[j]! += jacobian[i * n + j]! * residuals[i]!;
  return gradient;
}

/** The lengths of the Jacobian's columns, or what they were before where that is more. */
function columnSizes(jacobian: Float64Array, before: Vector | undefined, n: number): Vector {
  const squares = new Float64Array(n);
  jacobian.forEach((value, k) => {
    squares[k % n]! += value * value;
  });
  return squares.map((square, j) =>
    before === undefined ? Math.sqrt(square) || 1 : Math.max(before[j]!, Math.sqrt(square)),
  );
}

/** Half the square of J s + f, less that of f, for steps s of the free elements. */
interface Model {
  readonly gradient: Vector;
  /** The step to its minimum. */
  readonly newton: Vector;
  readonly value: (step: Vector) => number;
}

function modelOf({ residuals, jacobian }: ResidualsAndJacobian, whole: Vector, free: number[]): Model {
  const [m, n, count] = [residuals.length, whole.length, free.length];
  const part = new Float64Array(m * count);
  for (let i = 0; i < m; ++i)
    for (let k = 0; k < count; ++k) part[i * count + k] = jacobian[i * n + free[k]!]!;
  const gradient = Float64Array.from(free, (j) => whole[j]!);
  const { r, qtb, columns } = factored(part, residuals, count);
  return {
    gradient,
    newton: times(unpermuted(backSolved(r, qtb), columns), -1),
    value(step) {
      let squares = 0;
      for (let i = 0; i < m; ++i) {
        let sum = 0;
        for (let k = 0; k < count; ++k) sum += part[i * count + k]! * step[k]!;
        squares += sum * sum;
      }
      return 0.5 * squares + dot(gradient, step);
    },
  };
}

/** How far the free elements are from their bounds. */
interface Box {
  readonly lower: Vector;
  readonly upper: Vector;
}

function boxAround(x: Vector, lower: Vector, upper: Vector, free: number[]): Box {
  return {
    lower: Float64Array.from(free, (j) => lower[j]! - x[j]!),
    upper: Float64Array.from(free, (j) => upper[j]! - x[j]!),
  };
}

/**
 * The step along the gradient to the least value and from there towards the Newton step, as far as the bounds and the trust
 * region let it go; which bounds it ends at, and whether the trust region ends it.
 */
function dogleg(
  { gradient, newton, value }: Model,
  { lower, upper }: Box,
  reach: Vector,
): { step: Vector; sides: number[]; isAtRadius: boolean } {
  const inner: Box = {
    lower: lower.map((bound, k) => Math.max(bound, -reach[k]!)),
    upper: upper.map((bound, k) => Math.min(bound, reach[k]!)),
  };
  if (newton.every((s, k) => s >= inner.lower[k]! && s <= inner.upper[k]!))
    return { step: newton, sides: Array.from(newton, () => 0), isAtRadius: false };
  const down = times(gradient, -1);
  const most = reachOf(new Float64Array(down.length), down, inner).t;
  // Along the gradient the model is a t^2 - |g|^2 t.
  const a = value(down) + dot(gradient, gradient);
  const cauchy = times(down, Math.min(most, (0.5 * dot(gradient, gradient)) / a));
  const across = along(newton, cauchy, -1);
  const { t, hits } = reachOf(cauchy, across, inner);
  const isBound = (hit: number, k: number) =>
    (hit < 0 && inner.lower[k] === lower[k]) || (hit > 0 && inner.upper[k] === upper[k]);
  return {
    step: along(cauchy, across, t),
    sides: hits.map((hit, k) => (isBound(hit, k) ? hit : 0)),
    isAtRadius: hits.some(
      (hit, k) => (hit < 0 && inner.lower[k] === -reach[k]!) || (hit > 0 && inner.upper[k] === reach[k]),
    ),
  };
}

/** How far a direction leads within a box, and at which of its sides each element ends: -1, 1, or 0. */
function reachOf(from: Vector, direction: Vector, { lower, upper }: Box): { t: number; hits: number[] } {
  const ways = Array.from(direction, (s, k) =>
    s === 0 ? Infinity : Math.max((lower[k]! - from[k]!) / s, (upper[k]! - from[k]!) / s),
  );
  const t = Math.min(...ways);
  return { t, hits: ways.map((way, k) => (way === t ? Math.sign(direction[k]!) : 0)) };
}
