// Least squares of small dense matrices: Householder's QR with columns exchanged, and what MINPACK does with it.
import type { Vector } from "./questions.js";
import { length, lengthWithin, product } from "./vectors.js";

/** A factorization A P = Q R: R upper triangular, row by row; Q^T b; and which column of A each column of R is. */
export interface Factors {
  readonly r: Float64Array;
  readonly qtb: Vector;
  readonly columns: readonly number[];
  /** The lengths of A's columns. */
  readonly norms: Vector;
}

/** Columns that are worked on, one after another: kept, since a fit factors many matrices of one size. */
let workspace = new Float64Array(0);

/** Factors an m by n matrix, row by row, with a right-hand side. Columns are taken the longest rest first. */
export function factored(matrix: Float64Array, right: Vector, n: number): Factors {
  const m = right.length;
  const most = Math.min(m, n);
  // Householder's reflections work on columns; the right-hand side is one more.
  if (workspace.length < m * (n + 1)) workspace = new Float64Array(m * (n + 1));
  const a = workspace;
  for (let j = 0; j < n; ++j) for (let i = 0; i < m; ++i) a[j * m + i] = matrix[i * n + j]!;
  for (let i = 0; i < m; ++i) a[n * m + i] = right[i]!;
  const norms = new Float64Array(n);
  const rest = new Float64Array(n);
  const columns: number[] = [];
  for (let j = 0; j < n; ++j) {
    norms[j] = rest[j] = lengthWithin(a, j * m, (j + 1) * m);
    columns.push(j);
  }
  const r = new Float64Array(n * n);
  for (let k = 0; k < most; ++k) {
    let longest = k;
    for (let j = k + 1; j < n; ++j) if (rest[j]! > rest[longest]!) longest = j;
    if (longest !== k) {
      for (let i = 0; i < m; ++i) {
        const value = a[k * m + i]!;
        a[k * m + i] = a[longest * m + i]!;
        a[longest * m + i] = value;
      }
      for (let i = 0; i < k; ++i) {
        const value = r[i * n + k]!;
        r[i * n + k] = r[i * n + longest]!;
        r[i * n + longest] = value;
      }
      [rest[k], rest[longest]] = [rest[longest]!, rest[k]!];
      [columns[k], columns[longest]] = [columns[longest]!, columns[k]!];
    }
    const [begin, end] = [k * m, (k + 1) * m];
    const size = lengthWithin(a, begin + k, end) * (a[begin + k]! < 0 ? -1 : 1);
    if (size !== 0) {
      for (let i = begin + k; i < end; ++i) a[i]! /= size;
      a[begin + k]! += 1;
      for (let j = k + 1; j <= n; ++j) {
        reflect(a, j * m + k, begin + k, m - k);
        if (j < n) rest[j] = lengthWithin(a, j * m + k + 1, (j + 1) * m);
      }
    }
    r[k * n + k] = -size;
    for (let j = k + 1; j < n; ++j) r[k * n + j] = a[j * m + k]!;
  }
  const qtb = new Float64Array(n);
  for (let i = 0; i < most; ++i) qtb[i] = a[n * m + i]!;
  return { r, qtb, columns, norms };
}

/** Householder's reflection of `count` elements of a, by others that begin with what is not zero. */
function reflect(a: Float64Array, x: number, v: number, count: number): void {
  let sum = 0;
  for (let i = 0; i < count; ++i) sum += a[v + i]! * a[x + i]!;
  const factor = sum / a[v]!;
  for (let i = 0; i < count; ++i) a[x + i]! -= factor * a[v + i]!;
}

/** Solves R x = b, as if what a zero on the diagonal decides were 0. */
export function backSolved(r: Float64Array, b: Vector): Vector {
  const n = b.length;
  const x = b.slice();
  let rank = 0;
  while (rank < n && r[rank * n + rank] !== 0) ++rank;
  x.fill(0, rank);
  for (let i = rank - 1; i >= 0; --i) {
    let sum = x[i]!;
    for (let j = i + 1; j < rank; ++j) sum -= r[i * n + j]! * x[j]!;
    x[i] = sum / r[i * n + i]!;
  }
  return x;
}

/** Solves R^T x = b. */
export function forwardSolved(r: Float64Array, b: Vector): Vector {
  const n = b.length;
  const x = b.slice();
  for (let j = 0; j < n; ++j) {
    let sum = x[j]!;
    for (let i = 0; i < j; ++i) sum -= r[i * n + j]! * x[i]!;
    x[j] = sum / r[j * n + j]!;
  }
  return x;
}

/** In the order of A's columns. */
export function unpermuted(x: Vector, columns: readonly number[]): Vector {
  const result = new Float64Array(x.length);
  columns.forEach((column, j) => {
    result[column] = x[j]!;
  });
  return result;
}

/**
 * Of the least squares of [A; sqrt(par) D] x = [b; 0] with diagonal D: x, and the triangle that it was solved with.
 * @param scale D, in the order of A's columns
 */
export function damped(
  { r, qtb, columns }: Factors,
  scale: Vector,
  par: number,
): { x: Vector; s: Float64Array } {
  const n = qtb.length;
  const s = r.slice();
  const right = qtb.slice();
  const root = Math.sqrt(par);
  // Each row of sqrt(par) D is turned into the triangle by rotations.
  for (let k = 0; k < n; ++k) {
    const row = new Float64Array(n);
    row[k] = root * scale[columns[k]!]!;
    let extra = 0;
    for (let j = k; j < n; ++j) {
      if (row[j] === 0) continue;
      const top = s[j * n + j]!;
      const size = Math.hypot(top, row[j]!);
      const [c, d] = [top / size, row[j]! / size];
      for (let l = j; l < n; ++l) {
        const [above, below] = [s[j * n + l]!, row[l]!];
        s[j * n + l] = c * above + d * below;
        row[l] = c * below - d * above;
      }
      const [above, below] = [right[j]!, extra];
      right[j] = c * above + d * below;
      extra = c * below - d * above;
    }
  }
  return { x: unpermuted(backSolved(s, right), columns), s };
}

/**
 * The damping with which a step has about the length `radius`, and that step: Moré, "The Levenberg-Marquardt algorithm:
 * implementation and theory", Lecture Notes in Mathematics 630, 1978; MINPACK's lmpar.
 */
export function dampedToRadius(
  factors: Factors,
  scale: Vector,
  radius: number,
  before: number,
): { par: number; x: Vector } {
  const { r, qtb, columns } = factors;
  const n = qtb.length;
  const scaled = (x: Vector) => product(scale, x);
  const newton = unpermuted(backSolved(r, qtb), columns);
  let dx = scaled(newton);
  let size = length(dx);
  let excess = size - radius;
  if (excess <= 0.1 * radius) return { par: 0, x: newton };
  const correction = (triangle: Float64Array) => {
    const w = Float64Array.from(columns, (column) => scale[column]! * (dx[column]! / size));
    const root = length(forwardSolved(triangle, w));
    return excess / radius / root / root;
  };
  const isRegular = columns.every((_, i) => r[i * n + i] !== 0);
  let lower = isRegular ? correction(r) : 0;
  const slopes = Float64Array.from(columns, (column, j) => {
    let sum = 0;
    for (let i = 0; i <= j; ++i) sum += r[i * n + j]! * qtb[i]!;
    return sum / scale[column]!;
  });
  const slope = length(slopes);
  let upper = slope / radius || Number.MIN_VALUE / Math.min(radius, 0.1);
  let par = Math.min(Math.max(before, lower), upper) || slope / size;
  for (let iteration = 1; ; ++iteration) {
    if (par === 0) par = Math.max(Number.MIN_VALUE, 0.001 * upper);
    const { x, s } = damped(factors, scale, par);
    dx = scaled(x);
    size = length(dx);
    const excessBefore = excess;
    excess = size - radius;
    if (
      Math.abs(excess) <= 0.1 * radius ||
      (lower === 0 && excess <= excessBefore && excessBefore < 0) ||
      iteration === 10
    )
      return { par, x };
    const change = correction(s);
    if (excess > 0) lower = Math.max(lower, par);
    else upper = Math.min(upper, par);
    par = Math.max(lower, par + change);
  }
}
