// Ops in plain JavaScript, as slow and as plain as their definitions: what random programs are compared with.
import { build, count, positions, read, type Plain } from "./reference.js";

export type Unary = (x: Plain) => Plain;

const map = (x: Plain, f: (value: number) => number): Plain => ({ shape: x.shape, data: x.data.map(f) });

/** Two arrays, broadcast. */
export function zip(x: Plain, y: Plain, f: (a: number, b: number) => number): Plain {
  const rank = Math.max(x.shape.length, y.shape.length);
  const size = (shape: number[], i: number) => shape[i - rank + shape.length] ?? 1;
  const shape = Array.from({ length: rank }, (_, i) =>
    size(x.shape, i) === 1 ? size(y.shape, i) : size(x.shape, i),
  );
  const at = (one: Plain, position: number[]) =>
    read(
      one,
      one.shape.map((extent, i) => (extent === 1 ? 0 : position[i + rank - one.shape.length]!)),
    );
  return build(shape, (position) => f(at(x, position), at(y, position)));
}

/** What each line along `dim` becomes, as a whole. */
export function alongLines(x: Plain, dim: number, f: (line: number[]) => number[]): Plain {
  const others = x.shape.map((size, i) => (i === dim ? 1 : size));
  const lines = new Map<string, number[]>();
  for (const position of positions(others))
    lines.set(
      String(position),
      f(Array.from({ length: x.shape[dim]! }, (_, i) => read(x, position.with(dim, i)))),
    );
  const length = lines.values().next().value?.length ?? 0;
  return build(
    x.shape.with(dim, length),
    (position) => lines.get(String(position.with(dim, 0)))![position[dim]!]!,
  );
}
/** The same without the dimension, where a line becomes one number. */
export function reduced(x: Plain, dim: number, f: (line: number[]) => number): Plain {
  const { shape, data } = alongLines(x, dim, (line) => [f(line)]);
  return { shape: shape.toSpliced(dim, 1), data };
}

const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
const running = (line: number[], f: (a: number, b: number) => number) =>
  line.reduce<number[]>((all, value) => [...all, all.length === 0 ? value : f(all.at(-1)!, value)], []);
const logsumexp = (line: number[]) => Math.log(sum(line.map(Math.exp)));

/** By its series, and its continued fraction where that converges slowly (DLMF 7.6.1 and 7.9.1). */
export function erf(x: number): number {
  const a = Math.abs(x);
  if (a < 2.5) {
    let term = x;
    let total = x;
    for (let n = 1; n < 120; ++n) {
      term *= (-x * x) / n;
      total += term / (2 * n + 1);
    }
    return (2 / Math.sqrt(Math.PI)) * total;
  }
  let fraction = 0;
  for (let n = 120; n > 0; --n) fraction = n / 2 / (a + fraction);
  return Math.sign(x) * (1 - Math.exp(-a * a) / (Math.sqrt(Math.PI) * (a + fraction)));
}
const sigmoid = (v: number) => 1 / (1 + Math.exp(-v));
const softplus = (v: number) => Math.log1p(Math.exp(v));

export const pointwise = {
  gelu: (v: number) => (v / 2) * (1 + erf(v / Math.SQRT2)),
  silu: (v: number) => v * sigmoid(v),
  mish: (v: number) => v * Math.tanh(softplus(v)),
  softplus,
  logsigmoid: (v: number) => -softplus(-v),
  tanhshrink: (v: number) => v - Math.tanh(v),
  softsign: (v: number) => v / (1 + Math.abs(v)),
  sinc: (v: number) => (v === 0 ? 1 : Math.sin(Math.PI * v) / (Math.PI * v)),
  deg2rad: (v: number) => (v * Math.PI) / 180,
  ndtr: (v: number) => (1 + erf(v / Math.SQRT2)) / 2,
};
export const pointwiseOf =
  (f: (value: number) => number): Unary =>
  (x) =>
    map(x, f);

export const lines = {
  softmax: (line: number[]) => line.map((v) => Math.exp(v) / sum(line.map(Math.exp))),
  logSoftmax: (line: number[]) => line.map((v) => v - logsumexp(line)),
  cumsum: (line: number[]) => running(line, (a, b) => a + b),
  cumprod: (line: number[]) => running(line, (a, b) => a * b),
  logcumsumexp: (line: number[]) => line.map((_, i) => logsumexp(line.slice(0, i + 1))),
  sort: (line: number[]) => line.toSorted((a, b) => a - b),
  diff: (line: number[]) => line.slice(1).map((v, i) => v - line[i]!),
  normalized: (line: number[]) => {
    const mean = sum(line) / line.length;
    const variance = sum(line.map((v) => (v - mean) ** 2)) / line.length;
    return line.map((v) => (v - mean) / Math.sqrt(variance + 1e-5));
  },
};
export const totals = {
  logsumexp,
  prod: (line: number[]) => line.reduce((a, b) => a * b, 1),
  variance: (line: number[]) => {
    const mean = sum(line) / line.length;
    return sum(line.map((v) => (v - mean) ** 2)) / Math.max(line.length - 1, 1);
  },
  norm: (line: number[]) => Math.hypot(...line),
  trapezoid: (line: number[]) => sum(line.slice(1).map((v, i) => (v + line[i]!) / 2)),
  median: (line: number[]) => line.toSorted((a, b) => a - b)[Math.floor((line.length - 1) / 2)]!,
};

/** Rows of a matrix. */
const rows = ({ shape, data }: Plain): number[][] =>
  Array.from({ length: shape[0]! }, (_, i) => data.slice(i * shape[1]!, (i + 1) * shape[1]!));
const matrix = (of: number[][], columns: number): Plain => ({ shape: [of.length, columns], data: of.flat() });

export function product(x: Plain, y: Plain): Plain {
  const [a, b] = [rows(x), rows(y)];
  const columns = y.shape[1]!;
  return matrix(
    a.map((row) => Array.from({ length: columns }, (_, j) => sum(row.map((v, k) => v * b[k]![j]!)))),
    columns,
  );
}
export const transposed = (x: Plain): Plain =>
  build([x.shape[1]!, x.shape[0]!], ([i, j]) => read(x, [j!, i!]));
/** x x' + n I */
export function gram(x: Plain): Plain {
  const n = x.shape[0]!;
  return zip(
    product(x, transposed(x)),
    build([n, n], ([i, j]) => (i === j ? n : 0)),
    (a, b) => a + b,
  );
}
/** By Gauss and Jordan, with pivots: the inverse and the determinant. */
export function eliminated(x: Plain): { inverse: Plain; determinant: number } {
  const n = x.shape[0]!;
  const a = rows(x).map((row, i) => [...row, ...Array.from({ length: n }, (_, j) => (i === j ? 1 : 0))]);
  let determinant = 1;
  for (let k = 0; k < n; ++k) {
    let pivot = k;
    for (let i = k; i < n; ++i) if (Math.abs(a[i]![k]!) > Math.abs(a[pivot]![k]!)) pivot = i;
    if (pivot !== k) [a[k], a[pivot], determinant] = [a[pivot]!, a[k]!, -determinant];
    const top = a[k]!;
    const scale = top[k]!;
    determinant *= scale;
    a[k] = top.map((v) => v / scale);
    for (let i = 0; i < n; ++i) {
      if (i === k) continue;
      const factor = a[i]![k]!;
      a[i] = a[i]!.map((v, j) => v - factor * a[k]![j]!);
    }
  }
  return {
    inverse: matrix(
      a.map((row) => row.slice(n)),
      n,
    ),
    determinant,
  };
}
export function choleskyFactor(x: Plain): Plain {
  const n = x.shape[0]!;
  const a = rows(x);
  const l = a.map((row) => row.map(() => 0));
  for (let i = 0; i < n; ++i)
    for (let j = 0; j <= i; ++j) {
      const rest = a[i]![j]! - sum(l[i]!.slice(0, j).map((v, k) => v * l[j]![k]!));
      l[i]![j] = i === j ? Math.sqrt(rest) : rest / l[j]![j]!;
    }
  return matrix(l, n);
}

/** Elements by position: the shape, and where each element comes from; null is zero. */
export const picked = (
  x: Plain,
  shape: readonly number[],
  from: (position: number[]) => number[] | null,
): Plain =>
  build(shape, (position) => {
    const source = from(position);
    return source === null ? 0 : read(x, source);
  });

/** Adds each element of `part` where `to` says. */
export function scattered(x: Plain, part: Plain, to: (position: number[]) => number[]): Plain {
  const data = [...x.data];
  for (const position of positions(part.shape)) {
    const target = to(position);
    const offset = x.shape.reduce((at, size, dim) => at * size + target[dim]!, 0);
    data[offset] = data[offset]! + read(part, position);
  }
  return { shape: x.shape, data };
}

export { build, count, positions, read, type Plain };
