// Quadratic programs of small dense matrices.
import type { Vector } from "./questions.js";
import { advance, dot, length, times } from "./vectors.js";

/** An inequality, or an equation: normal . x + offset is not less than zero, or zero. */
export interface Halfspace {
  readonly normal: Vector;
  readonly offset: number;
  readonly isEquation: boolean;
}

/** The lower triangle of Cholesky's factorization, row by row; undefined where the matrix is not positive definite. */
export function cholesky(matrix: Float64Array, n: number): Float64Array | undefined {
  const l = new Float64Array(n * n);
  for (let i = 0; i < n; ++i)
    for (let j = 0; j <= i; ++j) {
      let sum = matrix[i * n + j]!;
      for (let k = 0; k < j; ++k) sum -= l[i * n + k]! * l[j * n + k]!;
      if (i !== j) l[i * n + j] = sum / l[j * n + j]!;
      else if (!(sum > 0)) return undefined;
      else l[i * n + i] = Math.sqrt(sum);
    }
  return l;
}

/** Solves L y = b. */
function lowerSolved(l: Float64Array, b: Vector): Vector {
  const n = b.length;
  const y = b.slice();
  for (let i = 0; i < n; ++i) {
    for (let k = 0; k < i; ++k) y[i]! -= l[i * n + k]! * y[k]!;
    y[i]! /= l[i * n + i]!;
  }
  return y;
}

/** Solves L^T y = b. */
function transposedSolved(l: Float64Array, b: Vector): Vector {
  const n = b.length;
  const y = b.slice();
  for (let i = n - 1; i >= 0; --i) {
    for (let k = i + 1; k < n; ++k) y[i]! -= l[k * n + i]! * y[k]!;
    y[i]! /= l[i * n + i]!;
  }
  return y;
}

/** Directions that are kept to, as an orthonormal basis and a triangle; most of them come and go a few times. */
class Kept {
  readonly #basis: Vector[] = [];
  readonly #triangle: Vector[] = [];

  constructor(directions: readonly Vector[]) {
    for (const direction of directions) {
      const { rest, parts } = this.split(direction);
      const size = length(rest);
      this.#basis.push(times(rest, size > 0 ? 1 / size : 0));
      this.#triangle.push(Float64Array.of(...parts, size));
    }
  }

  /** A direction less its parts along the basis. */
  split(direction: Vector): { rest: Vector; parts: Vector } {
    const rest = direction.slice();
    const parts = new Float64Array(this.#basis.length);
    // Twice is enough.
    for (let round = 0; round < 2; ++round)
      this.#basis.forEach((one, i) => {
        const part = dot(one, rest);
        parts[i]! += part;
        advance(rest, one, -part);
      });
    return { rest, parts };
  }

  /** What the directions have to be multiplied with to give the parts along the basis. */
  weights(parts: Vector): Vector {
    const result = parts.slice();
    for (let j = result.length - 1; j >= 0; --j) {
      result[j]! /= this.#triangle[j]![j]! || 1;
      for (let i = 0; i < j; ++i) result[i]! -= this.#triangle[j]![i]! * result[j]!;
    }
    return result;
  }
}

/**
 * Minimises x . B x / 2 + g . x over halfspaces, with B of Cholesky's triangle: the dual method of Goldfarb and Idnani, "A
 * numerically stable dual method for solving strictly convex quadratic programs", Mathematical Programming 27, 1983. Begins
 * at the minimum without constraints and takes up one that is violated after another. Returns the point and the multiplier
 * of each halfspace; undefined where no point is in all of them.
 */
export function quadraticProgram(
  triangle: Float64Array,
  gradient: Vector,
  halfspaces: readonly Halfspace[],
): { x: Vector; multipliers: Vector } | undefined {
  // In coordinates in which B is the identity.
  const normals = halfspaces.map(({ normal }) => lowerSolved(triangle, normal));
  const sizes = normals.map(length);
  const y = times(lowerSolved(triangle, gradient), -1);
  const multipliers = new Float64Array(halfspaces.length);
  const signs = new Float64Array(halfspaces.length).fill(1);
  let active: number[] = [];
  const slack = (i: number) => dot(normals[i]!, y) + halfspaces[i]!.offset;
  /** Halfspaces that follow from others, and are met but for rounding. */
  const implied = new Set<number>();
  const scaleOf = (i: number) => Math.abs(halfspaces[i]!.offset) + sizes[i]! * (length(y) + 1e-3);
  const isViolated = (i: number) => {
    const { isEquation } = halfspaces[i]!;
    const rounding = (implied.has(i) ? 1e-9 : 1e-13) * scaleOf(i);
    return isEquation ? Math.abs(slack(i)) > rounding : slack(i) < -rounding;
  };
  for (let round = 0; round < 100 * (halfspaces.length + 1); ++round) {
    let next = -1;
    let worst = 0;
    halfspaces.forEach(({ isEquation }, i) => {
      if (active.includes(i) || !isViolated(i)) return;
      // Equations come first, and stay.
      const violation = Math.abs(slack(i)) / (sizes[i]! || 1) + (isEquation ? 1e300 : 0);
      if (violation > worst) [worst, next] = [violation, i];
    });
    if (next < 0)
      return { x: transposedSolved(triangle, y), multipliers: multipliers.map((u, i) => u * signs[i]!) };
    signs[next] = halfspaces[next]!.isEquation && slack(next) > 0 ? -1 : 1;
    const direction = times(normals[next]!, signs[next]!);
    for (;;) {
      const kept = new Kept(active.map((i) => times(normals[i]!, signs[i]!)));
      const { rest, parts } = kept.split(direction);
      const weights = kept.weights(parts);
      let most = Infinity; // how far until a multiplier is zero
      let leaving = -1;
      active.forEach((i, k) => {
        if (halfspaces[i]!.isEquation || !(weights[k]! > 0)) return;
        const far = multipliers[i]! / weights[k]!;
        if (far < most) [most, leaving] = [far, i];
      });
      const steepness = dot(rest, direction);
      const isDependent = steepness <= 1e-14 * sizes[next]! ** 2;
      const whole = isDependent ? Infinity : -(signs[next]! * slack(next)) / steepness;
      const t = Math.min(most, whole);
      if (t === Infinity) {
        if (implied.has(next) || Math.abs(slack(next)) > 1e-9 * scaleOf(next)) return undefined;
        implied.add(next);
        break;
      }
      if (!isDependent) advance(y, rest, t);
      active.forEach((i, k) => (multipliers[i]! -= t * weights[k]!));
      multipliers[next]! += t;
      if (whole <= most) {
        active = [...active, next];
        break;
      }
      multipliers[leaving] = 0;
      active = active.filter((i) => i !== leaving);
    }
  }
  return undefined;
}

/** A vector with one more element. */
export function extended(x: Vector, value: number): Vector {
  const result = new Float64Array(x.length + 1);
  result.set(x);
  result[x.length] = value;
  return result;
}
