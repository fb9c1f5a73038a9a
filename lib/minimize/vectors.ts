// Arithmetic of vectors and of small matrices, row by row, in double.
import type { Vector } from "./questions.js";

/** a . b */
export function dot(a: Vector, b: Vector): number {
  let sum = 0;
  for (let i = 0; i < a.length; ++i) sum += a[i]! * b[i]!;
  return sum;
}

/** x + t d */
export function along(x: Vector, d: Vector, t: number): Vector {
  const result = new Float64Array(x.length);
  for (let i = 0; i < x.length; ++i) result[i] = x[i]! + t * d[i]!;
  return result;
}

/** Adds t d to x, in place. */
export function advance(x: Vector, d: Vector, t: number): void {
  for (let i = 0; i < x.length; ++i) x[i]! += t * d[i]!;
}

/** a - b */
export function minus(a: Vector, b: Vector): Vector {
  return along(a, b, -1);
}

/** t x */
export function times(x: Vector, t: number): Vector {
  const result = new Float64Array(x.length);
  for (let i = 0; i < x.length; ++i) result[i] = t * x[i]!;
  return result;
}

/** a b, element by element. */
export function product(a: Vector, b: Vector): Vector {
  const result = new Float64Array(a.length);
  for (let i = 0; i < a.length; ++i) result[i] = a[i]! * b[i]!;
  return result;
}

/** The length of some elements, without over- or underflow of the squares. */
export function lengthWithin(x: Vector, begin: number, end: number): number {
  let sum = 0;
  for (let i = begin; i < end; ++i) sum += x[i]! * x[i]!;
  return sum > 1e-280 && sum < 1e280 ? Math.sqrt(sum) : length(x.subarray(begin, end));
}

/** The length, without over- or underflow of the squares. */
export function length(x: Vector): number {
  const sum = dot(x, x);
  if (sum > 1e-280 && sum < 1e280) return Math.sqrt(sum);
  const most = largest(x);
  if (most === 0 || !Number.isFinite(most)) return most;
  let scaled = 0;
  for (const value of x) scaled += (value / most) ** 2;
  return most * Math.sqrt(scaled);
}

/** The largest size of an element; NaN where one is NaN. */
export function largest(x: Vector): number {
  let most = 0;
  for (const value of x) {
    const size = Math.abs(value);
    if (size > most || Number.isNaN(size)) most = size;
  }
  return most;
}

/** A norm of SciPy's: of order 1, 2, or Infinity, or another. */
export function normOf(x: Vector, order: number): number {
  if (order === Infinity) return largest(x);
  if (order === 2) return length(x);
  return x.reduce((sum, value) => sum + Math.abs(value) ** order, 0) ** (1 / order);
}

/** Whether all elements are finite. */
export function isFiniteVector(x: Vector): boolean {
  for (let i = 0; i < x.length; ++i) if (!Number.isFinite(x[i])) return false;
  return true;
}

/** A square matrix times a vector. */
export function applied(matrix: Float64Array, x: Vector): Vector {
  const n = x.length;
  const result = new Float64Array(n);
  for (let i = 0; i < n; ++i) {
    let sum = 0;
    for (let j = 0; j < n; ++j) sum += matrix[i * n + j]! * x[j]!;
    result[i] = sum;
  }
  return result;
}

/** The identity. */
export function identity(n: number): Float64Array {
  const result = new Float64Array(n * n);
  for (let i = 0; i < n; ++i) result[i * n + i] = 1;
  return result;
}

/** Eigenvalues, and eigenvectors as rows, of a symmetric matrix: Jacobi's rotations. */
export function eigen(matrix: Float64Array, n: number): { values: Vector; vectors: Vector[] } {
  const a = Array.from({ length: n }, (_, i) => matrix.slice(i * n, (i + 1) * n));
  const v = Array.from({ length: n }, (_, i) => Float64Array.from({ length: n }, (__, j) => Number(i === j)));
  for (let sweep = 0; sweep < 60; ++sweep) {
    let off = 0;
    let on = 0;
    for (let i = 0; i < n; ++i) {
      on += a[i]![i]! ** 2;
      for (let j = i + 1; j < n; ++j) off += a[i]![j]! ** 2;
    }
    if (off <= 1e-34 * on || off === 0) break;
    for (let p = 0; p < n; ++p)
      for (let q = p + 1; q < n; ++q) {
        const apq = a[p]![q]!;
        if (apq === 0) continue;
        const theta = (a[q]![q]! - a[p]![p]!) / (2 * apq);
        const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.hypot(theta, 1));
        const c = 1 / Math.hypot(t, 1);
        const s = t * c;
        for (let k = 0; k < n; ++k) {
          const [kp, kq] = [a[k]![p]!, a[k]![q]!];
          a[k]![p] = c * kp - s * kq;
          a[k]![q] = s * kp + c * kq;
        }
        for (let k = 0; k < n; ++k) {
          const [pk, qk] = [a[p]![k]!, a[q]![k]!];
          a[p]![k] = c * pk - s * qk;
          a[q]![k] = s * pk + c * qk;
          const [vp, vq] = [v[p]![k]!, v[q]![k]!];
          v[p]![k] = c * vp - s * vq;
          v[q]![k] = s * vp + c * vq;
        }
      }
  }
  return { values: Float64Array.from(a, (row, i) => row[i]!), vectors: v };
}

/** The inverse of a small matrix of rows; undefined where it is singular. */
export function inverted(matrix: readonly Float64Array[]): Float64Array[] | undefined {
  const n = matrix.length;
  const a = matrix.map((row) => row.slice());
  const b = matrix.map((_, i) => Float64Array.from({ length: n }, (__, j) => Number(i === j)));
  for (let k = 0; k < n; ++k) {
    let pivot = k;
    for (let i = k + 1; i < n; ++i) if (Math.abs(a[i]![k]!) > Math.abs(a[pivot]![k]!)) pivot = i;
    [a[k], a[pivot]] = [a[pivot]!, a[k]!];
    [b[k], b[pivot]] = [b[pivot]!, b[k]!];
    const factor = 1 / a[k]![k]!;
    if (!Number.isFinite(factor)) return undefined;
    for (let j = 0; j < n; ++j) {
      a[k]![j]! *= factor;
      b[k]![j]! *= factor;
    }
    for (let i = 0; i < n; ++i) {
      const part = a[i]![k]!;
      if (i === k || part === 0) continue;
      for (let j = 0; j < n; ++j) {
        a[i]![j]! -= part * a[k]![j]!;
        b[i]![j]! -= part * b[k]![j]!;
      }
    }
  }
  return b;
}

/** Vectors, one after another. */
export function joined(points: readonly Vector[]): Vector {
  const n = points[0]!.length;
  const all = new Float64Array(points.length * n);
  points.forEach((point, i) => {
    all.set(point, i * n);
  });
  return all;
}
