import type { Status } from "../outcome.js";
import {
  type Asking,
  iterated,
  jacobianAt,
  type ResidualsAndJacobian,
  residualsAt,
  type Vector,
} from "../questions.js";
import { along, applied, dot, isFiniteVector, length, minus, product, times } from "../vectors.js";
import { backSolved, factored, unpermuted } from "../dense.js";

/** Where a search for a root ends. */
export interface RootOutcome {
  readonly x: Vector;
  readonly residuals: Vector;
  readonly status: Status;
  readonly message: string;
}

/** Options of "hybr". */
export interface HybrOptions {
  /** It has converged where the trust region is smaller than this part of the point. */
  readonly xtol: number;
  /** How large the first trust region is, beside the start. */
  readonly factor: number;
}

const converged = "The solution converged.";
const endings = {
  precision: `xtol is too small, no further improvement in the approximate solution is possible.`,
  jacobians:
    "The iteration is not making good progress, as measured by the improvement from the last five Jacobian evaluations.",
  iterations:
    "The iteration is not making good progress, as measured by the improvement from the last ten iterations.",
  nonFinite: "The function or its Jacobian is NaN or infinite where a finite value is needed.",
};

/**
 * Powell's hybrid method: steps of a dog's leg within a trust region, and Broyden's updates of the Jacobian, which is only
 * computed again where two of them in a row have failed. Moré, Garbow and Hillstrom, "User guide for MINPACK-1", Argonne
 * National Laboratory ANL-80-74, 1980: hybrj, with its numbers.
 */
export function* hybr(x0: Vector, { xtol, factor }: HybrOptions): Asking<RootOutcome> {
  const n = x0.length;
  let x = x0;
  let scale: Vector | undefined;
  let radius = 0;
  let size = 0; // of x, scaled
  let [successes, failures, slowSteps, slowJacobians] = [0, 0, 0, 0];
  let isFirst = true;
  const end = (residuals: Vector, status: Status, message: string): RootOutcome => ({
    x,
    residuals,
    status,
    message,
  });
  for (;;) {
    const there: ResidualsAndJacobian = yield* jacobianAt(x);
    let { residuals } = there;
    const jacobian = there.jacobian.slice();
    if (!isFiniteVector(residuals) || !isFiniteVector(jacobian))
      return end(residuals, "nonFinite", endings.nonFinite);
    const columns = columnLengths(jacobian, n);
    if (scale === undefined) {
      scale = columns.map((column) => column || 1);
      size = length(product(scale, x));
      radius = factor * size || factor;
    } else scale = scale.map((value, i) => Math.max(value, columns[i]!));
    let norm = length(residuals);
    let isNew = true;
    for (;;) {
      const step = dogLeg(jacobian, residuals, scale, radius);
      const stepSize = length(product(scale, step));
      if (isFirst) radius = Math.min(radius, stepSize);
      const trial = along(x, step, 1);
      const next = yield* residualsAt(trial);
      const nextNorm = isFiniteVector(next) ? length(next) : Infinity;
      const change = applied(jacobian, step);
      const predictedNorm = length(along(residuals, change, 1));
      const actual = nextNorm < norm ? 1 - (nextNorm / norm) ** 2 : -1;
      const predicted = predictedNorm < norm ? 1 - (predictedNorm / norm) ** 2 : 0;
      const ratio = predicted > 0 ? actual / predicted : 0;
      if (ratio < 0.1) {
        successes = 0;
        ++failures;
        radius *= 0.5;
      } else {
        failures = 0;
        ++successes;
        if (ratio >= 0.5 || successes > 1) radius = Math.max(radius, stepSize / 0.5);
        if (Math.abs(ratio - 1) <= 0.1) radius = stepSize / 0.5;
      }
      const difference = minus(next, along(residuals, change, 1));
      if (ratio >= 1e-4) {
        x = trial;
        size = length(product(scale, x));
        residuals = next;
        norm = nextNorm;
        isFirst = false;
        yield* iterated({ x, fun: norm });
      }
      slowSteps = actual >= 0.001 ? 0 : slowSteps + 1;
      if (isNew) slowJacobians = actual >= 0.1 ? 0 : slowJacobians + 1;
      if (radius <= xtol * size || norm === 0) return end(residuals, "converged", converged);
      if (0.1 * Math.max(0.1 * radius, stepSize) <= Number.EPSILON * size)
        return end(residuals, "noProgress", endings.precision);
      if (slowJacobians === 5) return end(residuals, "noProgress", endings.jacobians);
      if (slowSteps === 10) return end(residuals, "noProgress", endings.iterations);
      if (failures === 2) break;
      if (isFiniteVector(difference)) update(jacobian, difference, scale, step, stepSize);
      isNew = false;
    }
  }
}

function columnLengths(matrix: Float64Array, n: number): Vector {
  return Float64Array.from({ length: n }, (_, j) =>
    length(Float64Array.from({ length: n }, (__, i) => matrix[i * n + j]!)),
  );
}

/** Broyden's update: the change of the matrix, least in the scaled norm, with which it predicts what has happened. */
function update(matrix: Float64Array, difference: Vector, scale: Vector, step: Vector, stepSize: number) {
  const n = step.length;
  if (stepSize === 0) return;
  const v = step.map((value, j) => (scale[j]! * ((scale[j]! * value) / stepSize)) / stepSize);
  for (let i = 0; i < n; ++i) for (let j = 0; j < n; ++j) matrix[i * n + j]! += difference[i]! * v[j]!;
}

/** Towards Newton's step, along the gradient first where that is too long: Powell's dog leg. */
function dogLeg(jacobian: Float64Array, residuals: Vector, scale: Vector, radius: number): Vector {
  const n = residuals.length;
  const { r, qtb, columns } = factored(jacobian, residuals, n);
  // A zero on the diagonal is replaced by a rounding of its column, as MINPACK does.
  for (let j = 0; j < n; ++j) {
    if (r[j * n + j] !== 0) continue;
    let most = 0;
    for (let i = 0; i <= j; ++i) most = Math.max(most, Math.abs(r[i * n + j]!));
    r[j * n + j] = Number.EPSILON * most || Number.EPSILON;
  }
  const newton = times(unpermuted(backSolved(r, qtb), columns), -1);
  const newtonSize = length(product(scale, newton));
  if (newtonSize <= radius) return newton;
  const gradient = new Float64Array(n);
  for (let i = 0; i < n; ++i)
    for (let j = 0; j < n; ++j) gradient[j]! += jacobian[i * n + j]! * residuals[i]!;
  const scaled = gradient.map((value, j) => value / scale[j]!);
  const slope = length(scaled);
  if (slope === 0) return times(newton, radius / newtonSize);
  const downhill = scaled.map((value, j) => -value / slope / scale[j]!);
  const flatness = length(applied(jacobian, downhill));
  const lowest = slope / flatness / flatness;
  if (!(lowest < radius)) return times(downhill, radius);
  const [part, whole] = [lowest / radius, radius / newtonSize];
  const start = (length(residuals) / slope) * (length(residuals) / newtonSize) * part;
  const root = Math.sqrt((start - whole) ** 2 + (1 - whole ** 2) * (1 - part ** 2));
  const alpha = (whole * (1 - part ** 2)) / (start - whole * part ** 2 + root);
  return along(times(downhill, (1 - alpha) * lowest), newton, alpha);
}

/** Options of "newton". */
export interface NewtonOptions {
  /** It has converged where a step is shorter than this part of the point. */
  readonly xtol: number;
}

/**
 * Newton's method: the step to the root of the linear function that the Jacobian describes, or a shorter one where the
 * residuals would not fall (Nocedal and Wright, "Numerical Optimization", algorithm 11.4, with backtracking). Where the
 * Jacobian is singular, and the step does not lead downhill, it goes along the gradient.
 */
export function* newton(x0: Vector, { xtol }: NewtonOptions): Asking<RootOutcome> {
  const n = x0.length;
  let x = x0;
  for (;;) {
    const { residuals, jacobian } = yield* jacobianAt(x);
    const end = (status: Status, message: string): RootOutcome => ({ x, residuals, status, message });
    const norm = length(residuals);
    if (norm === 0) return end("converged", converged);
    if (!isFiniteVector(residuals) || !isFiniteVector(jacobian)) return end("nonFinite", endings.nonFinite);
    const { r, qtb, columns } = factored(jacobian, residuals, n);
    let step = times(unpermuted(backSolved(r, qtb), columns), -1);
    const gradient = new Float64Array(n);
    for (let i = 0; i < n; ++i)
      for (let j = 0; j < n; ++j) gradient[j]! += jacobian[i * n + j]! * residuals[i]!;
    if (!isFiniteVector(step) || !(dot(step, gradient) < 0)) {
      step = times(gradient, -1);
      if (length(step) === 0)
        return end("noProgress", "The Jacobian is singular, and no direction lowers the residuals.");
    }
    const slope = dot(step, gradient) / norm;
    let found: Vector | undefined;
    let t = 1;
    for (let halvings = 0; halvings < 50; ++halvings) {
      const trial = along(x, step, t);
      const next = yield* residualsAt(trial);
      const nextNorm = isFiniteVector(next) ? length(next) : Infinity;
      if (nextNorm <= norm + 1e-4 * t * slope) {
        found = trial;
        break;
      }
      // The minimum of a parabola, no less than a tenth and no more than half of the last trial.
      const least = (-slope * t * t) / (2 * (nextNorm - norm - slope * t));
      t = Math.min(Math.max(Number.isFinite(least) ? least : 0, t / 10), t / 2);
    }
    if (found === undefined)
      return length(step) <= xtol * length(x)
        ? end("converged", converged)
        : end("noProgress", "No shorter step lowers the residuals either; they may have no root near by.");
    const isShort = t === 1 && length(step) <= xtol * (length(found) || 1);
    x = found;
    yield* iterated({ x, fun: norm });
    if (isShort) return { x, residuals: yield* residualsAt(x), status: "converged", message: converged };
  }
}
