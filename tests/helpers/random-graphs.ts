import { arange, cat, noGrad, tensor, where, type DType, type Tensor } from "../../lib/index.js";
import { count } from "./repeatable.js";

// Random graphs: a list of small whole numbers is read as a program over a growing list of values, so that any list
// is a valid program and a shorter one is a simpler one.

/** One instruction: what to do, with which earlier values, and a few choices. */
export interface Instruction {
  op: number;
  a: number;
  b: number;
  p: number;
  q: number;
}

export interface Graph {
  shape: number[];
  instructions: Instruction[];
  /** Values to read as soon as they are recorded. */
  reads: number[];
}

/** Values that all stay of a moderate size, so that float32 and float64 can be compared. */
const unary: ((x: Tensor) => Tensor)[] = [
  (x) => x.tanh(),
  (x) => x.sin(),
  (x) => x.sigmoid(),
  (x) => x.mul(0.5).exp().log1p(),
  (x) => x.neg(),
  (x) => x.cos().mul(1.25).add(0.1),
  (x) => x.square().add(1).sqrt().sub(1),
  (x) => x.atan(),
];

const binary: ((a: Tensor, b: Tensor) => Tensor)[] = [
  (a, b) => a.add(b).mul(0.5),
  (a, b) => a.sub(b).mul(0.5),
  (a, b) => a.tanh().mul(b),
  (a, b) => a.div(b.square().add(1)),
  (a, b) => a.lerp(b, 0.3),
  (a, b) => where(a.detach().gt(0.05), a, b),
  (a, b) => a.maximum(b),
];

const broadcasts = (a: number[], b: number[]): boolean => {
  for (let i = 1; i <= Math.min(a.length, b.length); ++i) {
    const [x, y] = [a.at(-i)!, b.at(-i)!];
    if (x !== y && x !== 1 && y !== 1) return false;
  }
  return true;
};

/** A dimension of `x`, or null where it has none. */
const dimOf = (x: Tensor, choice: number): number | null => (x.ndim === 0 ? null : choice % x.ndim);

/** The positions along a dimension, in the shape that goes with `x`. */
const places = (x: Tensor, dim: number): Tensor =>
  arange(x.shape[dim]!, { dtype: x.dtype }).reshape(x.shape.map((size, i) => (i === dim ? size : 1)));

const shaping: ((x: Tensor, p: number, q: number) => Tensor)[] = [
  (x) => x.reshape([-1]),
  (x) => x.reshape([...x.shape, 1]),
  (x) => x.flatten(0, Math.min(1, x.ndim - 1)),
  (x) => x.reshape(x.shape.flatMap((size) => (size % 2 === 0 ? [2, size / 2] : [size]))),
  (x) => x.mul(x.mean(-1, { keepdim: true })).reshape([-1, ...(x.shape.at(-1)! % 3 === 0 ? [3] : [])]),
  (x) => x.permute(x.shape.map((_, i) => x.ndim - 1 - i)),
  (x, p) => x.flip([dimOf(x, p)!]),
  (x, p, q) => x.narrow(dimOf(x, p)!, q % x.shape[dimOf(x, p)!]!, 1),
  (x, p, q) => {
    const dim = dimOf(x, p)!;
    const start = q % Math.ceil(x.shape[dim]! / 2);
    return x.narrow(dim, start, x.shape[dim]! - start);
  },
  (x, p) => x.at(...x.shape.map((_, i) => (i === dimOf(x, p) ? ("::2" as const) : (":" as const)))),
  (x, p, q) => x.pad([p % 3, q % 3], { value: 0.25 }),
  (x, p) => cat([x, x.neg()], dimOf(x, p)!),
  (x, p) => x.unsqueeze(p % (x.ndim + 1)).expand(...x.shape.toSpliced(p % (x.ndim + 1), 0, 2)),
  (x, p, q) => x.clone().set([q % x.shape[0]!], x.at(p % x.shape[0]!).mul(0.5)),
  (x, p) => x.mul(places(x, dimOf(x, p)!).div(x.shape[dimOf(x, p)!]!)),
  (x, p, q) => where(places(x, dimOf(x, p)!).ge(places(x, dimOf(x, q)!)), x, 0.5),
];

const reducing: ((x: Tensor, dim: number | null, keepdim: boolean) => Tensor)[] = [
  (x, dim, keepdim) => x.sum(dim, { keepdim }).tanh(),
  (x, dim, keepdim) => x.mean(dim, { keepdim }),
  (x, dim, keepdim) => x.amax(dim, { keepdim }),
  // Over the rows and back: softmax, and a normalization.
  (x, dim) => {
    const e = x.sub(x.amax(dim, { keepdim: true })).exp();
    return e.div(e.sum(dim, { keepdim: true }));
  },
  (x, dim) => {
    const centered = x.sub(x.mean(dim, { keepdim: true }));
    return centered.div(centered.square().mean(dim, { keepdim: true }).add(0.5).sqrt());
  },
];

/** The values of a graph over these leaves, newest last, and what was read on the way. */
export function evaluate(graph: Graph, leaves: readonly Tensor[]): { values: Tensor[]; read: number[][] } {
  const values = [...leaves];
  const read: number[][] = [];
  for (const [index, { op, a, b, p, q }] of graph.instructions.entries()) {
    const x = values[a % values.length]!;
    const y = values[b % values.length]!;
    const other = broadcasts(x.shape, y.shape) ? y : y.mean();
    const kind = op % 5;
    let value: Tensor;
    if (kind === 0) value = unary[p % unary.length]!(x);
    else if (kind === 1) value = binary[p % binary.length]!(x, other);
    else if (kind === 2 && x.ndim > 0) value = shaping[p % shaping.length]!(x, q, b);
    else if (kind === 3)
      value = reducing[p % reducing.length]!(x, q % 4 === 3 ? null : dimOf(x, q), b % 2 === 0);
    else if (kind === 4 && x.ndim === 2 && y.ndim === 2 && x.shape[1] === y.shape[1])
      value = x.matmul(y.transpose(0, 1)).mul(0.25).tanh();
    else value = x.mul(0.75).add(q / 16);
    if (count(value.shape) > 4096) value = value.mean();
    values.push(value);
    if (graph.reads.includes(index))
      read.push(Array.from(value.detach().to("float64").dataSync<Float64Array>()));
  }
  return { values, read };
}

/** Two leaves of the graph's shape, the second with one dimension of size 1. */
export function leavesOf(graph: Graph, dtype: DType): Tensor[] {
  const wave = (shape: number[], scale: number): Tensor => {
    const n = count(shape);
    const data = Array.from({ length: n }, (_, i) => Math.fround(Math.sin(i * scale + 0.3)));
    return noGrad(() => tensor(data, { dtype }).reshape(shape).clone()).requiresGrad_();
  };
  return [wave(graph.shape, 1.7), wave([1, ...graph.shape.slice(1)], 0.9)];
}

/** Everything that a graph gives: what was read, all values, and the gradients of their sum. */
export function results(graph: Graph, dtype: DType): number[][] {
  const leaves = leavesOf(graph, dtype);
  const { values, read } = evaluate(graph, leaves);
  const total = values.map((value) => value.mean()).reduce((sum, mean) => sum.add(mean));
  total.backward();
  const flat = (x: Tensor): number[] => Array.from(x.detach().to("float64").dataSync<Float64Array>());
  return [...read, ...leaves.map((leaf) => flat(leaf.grad!)), ...values.map(flat), flat(total)];
}
