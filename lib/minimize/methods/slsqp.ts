import { option } from "../../optim/checks.js";
import type { Bounds } from "../bounds.js";
import { ending, type Outcome } from "../outcome.js";
import { cholesky, extended, type Halfspace, quadraticProgram } from "../quadratic.js";
import { type Asking, type Constrained, constrainedAt, iterated, type Vector } from "../questions.js";
import { along, applied, dot, identity, isFiniteVector, length, minus, times } from "../vectors.js";
import { tolerance } from "./bfgs.js";

/** Options of "slsqp". */
export interface SlsqpOptions {
  /** It has converged where the value changes by less than this, and constraints are violated by less; 1e-6 by default. */
  ftol: number;
}

export const slsqpRows = { ftol: option<number>(1e-6, tolerance) };

const descents = "Positive directional derivative for linesearch";
const mostResets = 5;

/** A quadratic model of the Lagrangian, minimised over linear constraints. */
interface Step {
  readonly d: Vector;
  /** Of the constraints, without those of bounds. */
  readonly multipliers: Vector;
  /** How much of the constraints' violation the step takes away, from 0 to 1. */
  readonly part: number;
}

/**
 * Sequential quadratic programming: Kraft, "A software package for sequential quadratic programming", DFVLR-FB 88-28, 1988,
 * as SciPy has it. The model of the Lagrangian gets Powell's damped updates of BFGS; steps are shortened until the sum of
 * the value and of weighted violations falls.
 */
export function* slsqp(x0: Vector, { ftol }: SlsqpOptions, bounds?: Bounds): Asking<Outcome> {
  const n = x0.length;
  let x = x0;
  let at = yield* constrainedAt(x, true);
  const count = at.constraints.length;
  const weights = new Float64Array(count);
  let model = identity(n);
  let resets = 0;
  const end = (status: Outcome["status"], message?: string) =>
    ending({ x, fun: at.fun, grad: at.grad! }, status, message);
  const violation = ({ constraints, equations }: Constrained, j: number) =>
    Math.max(-constraints[j]!, j < equations ? constraints[j]! : 0);
  const sumOf = (of: (j: number) => number) => {
    let sum = 0;
    for (let j = 0; j < count; ++j) sum += of(j);
    return sum;
  };
  for (;;) {
    if (!Number.isFinite(at.fun) || !isFiniteVector(at.grad!) || !isFiniteVector(at.constraints))
      return end("nonFinite");
    const step = stepOf(model, x, at, bounds);
    if (step === undefined) return end("infeasible");
    const { d, multipliers, part } = step;
    const slope = dot(at.grad!, d);
    const lagrangian = lagrangianOf(at, multipliers);
    const violated = sumOf((j) => violation(at, j));
    const bound = Math.abs(slope) + sumOf((j) => Math.abs(multipliers[j]!) * Math.abs(at.constraints[j]!));
    for (let j = 0; j < count; ++j) {
      const size = Math.abs(multipliers[j]!);
      weights[j] = Math.max(size, (weights[j]! + size) / 2);
    }
    if (bound < ftol && violated < ftol) {
      yield* iterated({ x, fun: at.fun, grad: at.grad! });
      return end("converged");
    }
    const promised = slope - part * sumOf((j) => weights[j]! * violation(at, j));
    if (promised >= 0) {
      if (++resets <= mostResets) {
        model = identity(n);
        continue;
      }
      if (violated >= 10 * ftol) return end("infeasible");
      return bound < 10 * ftol ? end("converged") : end("lineSearchFailed", descents);
    }
    const merit = (point: Constrained) => point.fun + sumOf((j) => weights[j]! * violation(point, j));
    const before = merit(at);
    let alpha = 1;
    let expected = promised;
    let taken = d;
    let trial = x;
    let point: Constrained = at;
    for (let line = 1; ; ++line) {
      expected *= alpha;
      taken = times(taken, alpha);
      trial = bounds === undefined ? along(x, taken, 1) : bounds.clipped(along(x, taken, 1));
      point = yield* constrainedAt(trial, false);
      const change = merit(point) - before;
      if (change <= expected / 10 || line > 10) break;
      alpha = Number.isFinite(change) ? Math.max(expected / (2 * (expected - change)), 0.1) : 0.1;
    }
    const changed = Math.abs(point.fun - at.fun);
    if (!Number.isFinite(point.fun) || !isFiniteVector(point.constraints)) return end("nonFinite");
    const rest = sumOf((j) => violation(point, j));
    const next = yield* constrainedAt(trial, true);
    x = trial;
    at = next;
    yield* iterated({ x, fun: at.fun, grad: at.grad! });
    if ((changed < ftol || length(taken) < ftol) && rest < ftol) return end("converged");
    if (isFiniteVector(at.grad!))
      model = updated(model, taken, minus(lagrangianOf(at, multipliers), lagrangian));
  }
}

/** The gradient of the Lagrangian. */
function lagrangianOf({ grad, rows }: Constrained, multipliers: Vector): Vector {
  const result = grad!.slice();
  const n = result.length;
  multipliers.forEach((multiplier, j) => {
    for (let i = 0; i < n; ++i) result[i]! -= multiplier * rows![j * n + i]!;
  });
  return result;
}

/** Powell's damped update: the curvature along a step is not less than a fifth of the model's. */
function updated(model: Float64Array, step: Vector, change: Vector): Float64Array {
  const n = step.length;
  const predicted = applied(model, step);
  const curvature = dot(step, predicted);
  if (!(curvature > 0)) return model;
  let seen = dot(step, change);
  let damped = change;
  if (seen < 0.2 * curvature) {
    const theta = (0.8 * curvature) / (curvature - seen);
    damped = along(times(change, theta), predicted, 1 - theta);
    seen = 0.2 * curvature;
  }
  const result = model.slice();
  for (let i = 0; i < n; ++i)
    for (let j = 0; j < n; ++j)
      result[i * n + j]! += (damped[i]! * damped[j]!) / seen - (predicted[i]! * predicted[j]!) / curvature;
  return cholesky(result, n) === undefined ? identity(n) : result;
}

function stepOf(model: Float64Array, x: Vector, at: Constrained, bounds?: Bounds): Step | undefined {
  const n = x.length;
  const { grad, constraints, rows, equations } = at;
  const linear: Halfspace[] = Array.from(constraints, (offset, j) => ({
    normal: rows!.subarray(j * n, (j + 1) * n),
    offset,
    isEquation: j < equations,
  }));
  const boxes = bounds === undefined ? [] : boxAround(x, bounds);
  const found = quadraticProgram(cholesky(model, n)!, grad!, [...linear, ...boxes]);
  if (found !== undefined)
    return { d: found.x, multipliers: found.multipliers.subarray(0, constraints.length), part: 1 };
  // No point is on all sides of all constraints: as much of them as can be had.
  const widened = linear.map((one, j) => ({
    ...one,
    normal: extended(one.normal, j < equations ? -one.offset : Math.max(-one.offset, 0)),
  }));
  const interval: Halfspace[] = [
    { normal: extended(new Float64Array(n), 1), offset: 0, isEquation: false },
    { normal: extended(new Float64Array(n), -1), offset: 1, isEquation: false },
  ];
  for (let weight = 100; weight <= 1e7; weight *= 10) {
    const larger = new Float64Array((n + 1) ** 2);
    for (let i = 0; i < n; ++i) larger.set(model.subarray(i * n, (i + 1) * n), i * (n + 1));
    larger[(n + 1) ** 2 - 1] = weight;
    const all = [
      ...widened,
      ...boxes.map((one) => ({ ...one, normal: extended(one.normal, 0) })),
      ...interval,
    ];
    const relaxed = quadraticProgram(cholesky(larger, n + 1)!, extended(grad!, 0), all);
    if (relaxed === undefined) continue;
    return {
      d: relaxed.x.slice(0, n),
      multipliers: relaxed.multipliers.subarray(0, constraints.length),
      part: 1 - relaxed.x[n]!,
    };
  }
  return undefined;
}

/** The bounds, as halfspaces of steps. */
function boxAround(x: Vector, bounds: Bounds): Halfspace[] {
  const sides: Halfspace[] = [];
  x.forEach((value, i) => {
    const side = (sign: number, bound: number) => {
      if (!Number.isFinite(bound)) return;
      const normal = new Float64Array(x.length);
      normal[i] = sign;
      sides.push({ normal, offset: sign * (value - bound), isEquation: false });
    };
    side(1, bounds.lower[i]!);
    side(-1, bounds.upper[i]!);
  });
  return sides;
}
