import { createHash } from "node:crypto";
import {
  arange,
  cat,
  noGrad,
  realize,
  stack,
  tensor,
  where,
  type DType,
  type Tensor,
} from "../../lib/index.js";
import { count, randomSource } from "./repeatable.js";

// Random programs over tensors of up to 70,000 elements and of every dtype, so that threads, blocks of rows, columns
// and tiles that do not come out even all take part. A program is its seed.

const shapes = [
  [300, 200],
  [70_000],
  [35_000, 2],
  [2, 33_333],
  [7, 100, 100],
  [257, 259],
  [1, 65_537],
  [40, 3, 500],
  [13, 5, 7, 150],
];
const dtypes: DType[] = ["float32", "float32", "float64", "int32", "int64", "uint8", "bool"];
/** What grows larger is averaged. */
const mostElements = 140_000;

type Random = (below: number) => number;

const isFloat = (x: Tensor): boolean => x.dtype.startsWith("float");
const asNumbers = (x: Tensor): Tensor => (x.dtype === "bool" ? x.to("uint8") : x);
const asFloat = (x: Tensor): Tensor => (isFloat(x) ? x : x.to("float32").mul(1 / 16));
/** One dtype and one shape, if they do not go together. */
const pair = (x: Tensor, y: Tensor): [Tensor, Tensor] => {
  const fits = x.shape.length === y.shape.length && x.shape.every((size, i) => size === y.shape[i]);
  return [x, (fits ? y : y.ndim > 0 ? y.flatten().at(0) : y).to(x.dtype)];
};

const elementwise: ((x: Tensor, random: Random) => Tensor)[] = [
  (x) => asFloat(x).tanh(),
  (x) => asFloat(x).sin().mul(1.5),
  (x) => asFloat(x).square().add(1).sqrt(),
  (x) => asFloat(x).mul(0.125).exp().log1p(),
  (x) => asNumbers(x).neg(),
  (x) => asNumbers(x).abs().add(1),
  (x, random) => x.to(dtypes[random(dtypes.length)]!),
  (x) => x.clone(),
];

const paired: ((x: Tensor, y: Tensor) => Tensor)[] = [
  (x, y) => asNumbers(x).add(asNumbers(y)),
  (x, y) => asNumbers(x).sub(asNumbers(y)),
  (x, y) => asNumbers(x).maximum(asNumbers(y)),
  (x, y) => x.detach().lt(y.detach()),
  (x, y) => where(x.detach().ne(y.detach()), x, y),
  (x, y) => asFloat(x).div(asFloat(y).square().add(1)),
  (x, y) => asFloat(x).lerp(asFloat(y).to(asFloat(x).dtype), 0.25),
];

/** The positions along a dimension, in the shape that goes with `x`. */
const places = (x: Tensor, dim: number): Tensor =>
  arange(x.shape[dim]!).reshape(x.shape.map((size, i) => (i === dim ? size : 1)));

const moving: ((x: Tensor, dim: number, random: Random) => Tensor)[] = [
  (x) => x.permute(x.shape.map((_, i) => x.ndim - 1 - i)),
  (x, dim) => x.transpose(dim, x.ndim - 1),
  (x, dim) => x.flip([dim]),
  (x, dim, random) => {
    const start = random(Math.ceil(x.shape[dim]! / 2));
    return x.narrow(dim, start, x.shape[dim]! - start);
  },
  (x, dim, random) =>
    x.at(
      ...x.shape.map((_, i) =>
        i === dim ? (`${random(Math.min(2, x.shape[i]!))}::${2 + random(3)}` as const) : (":" as const),
      ),
    ),
  (x, _, random) => x.pad([random(5), random(5)], { value: 1 }),
  (x, _, random) => (x.ndim < 2 ? x : x.pad([random(3), 1, 1, random(3)])),
  (x, dim) => cat([x, x.flip([dim])], dim),
  (x, dim) => stack([x, x.clone()], dim),
  (x) => x.flatten(),
  (x) => x.unsqueeze(-1).expand(...x.shape, 2),
  (x, dim, random) =>
    noGrad(() => {
      const index = Array.from({ length: dim }, () => ":" as const);
      const copy = x.clone();
      copy.set([...index, `${random(3)}::${1 + random(3)}`], 1);
      return copy;
    }),
  (x, dim, random) => where(places(x, dim).lt(random(x.shape[dim]!)), x, x.flip([dim])),
  (x, dim, random) => asFloat(x).mul(places(x, random(x.ndim)).sub(places(x, dim)).div(x.shape[dim]!)),
];

const reducing: ((x: Tensor, dim: number | number[] | null) => Tensor)[] = [
  (x, dim) => x.sum(dim),
  (x, dim) => asFloat(x).mean(dim),
  (x, dim) => asNumbers(x).amax(dim ?? []),
  (x, dim) => asNumbers(x).amin(dim ?? [], { keepdim: true }),
  (x, dim) => {
    const e = asFloat(x)
      .sub(asFloat(x).amax(dim ?? [], { keepdim: true }))
      .exp();
    return e.div(e.sum(dim, { keepdim: true }));
  },
  (x, dim) => {
    const centered = asFloat(x).sub(asFloat(x).mean(dim, { keepdim: true }));
    return centered.mul(centered.square().mean(dim, { keepdim: true }).add(0.5).rsqrt());
  },
];

const product = (x: Tensor, y: Tensor): Tensor | null => {
  if (x.ndim !== 2 || y.ndim !== 2) return null;
  const right = asFloat(y).to(asFloat(x).dtype);
  for (const other of [right, right.transpose(0, 1)]) {
    const [[m, k], [l, n]] = [x.shape, other.shape] as [[number, number], [number, number]];
    if (k === l && m * n <= mostElements && m * n * k < 3e7) return asFloat(x).matmul(other).mul(0.01).tanh();
  }
  return null;
};

/** The values of a program, oldest first, its leaves before them; some are computed on the way. */
export function largeValues(seed: number, steps = 12): { leaves: Tensor[]; values: Tensor[] } {
  const uniform = randomSource(seed);
  const random: Random = (below) => Math.floor(uniform() * below);
  const shape = shapes[seed % shapes.length]!;
  const wave = (dtype: DType, sizes: number[], scale: number): Tensor => {
    const data = Float64Array.from({ length: count(sizes) }, (_, i) =>
      Math.fround(Math.sin(i * scale + seed)),
    );
    const made = tensor(dtype.startsWith("float") ? data : data.map((v) => Math.round((v + 1) * 50)));
    const result = noGrad(() => made.to(dtype).reshape(sizes).clone());
    realize(result);
    return dtype.startsWith("float") ? result.requiresGrad_() : result;
  };
  const leaves = [
    wave("float32", shape, 1.7),
    wave(dtypes[random(dtypes.length)]!, shape, 0.9),
    wave("float32", [1, ...shape.slice(1)], 0.3),
  ];
  const values = leaves.slice(0, 2);
  values.push(leaves[0]!.mul(leaves[2]!));
  for (let step = 0; step < steps; ++step) {
    const x = values[values.length - 1 - random(Math.min(4, values.length))]!;
    const other = values[random(values.length)]!;
    const dim = x.ndim > 0 ? random(x.ndim) : 0;
    const choice = random(10);
    let value: Tensor;
    if (choice < 3 || x.ndim === 0) value = elementwise[random(elementwise.length)]!(x, random);
    else if (choice < 5) value = paired[random(paired.length)]!(...pair(x, other));
    else if (choice < 7) value = moving[random(moving.length)]!(x, dim, random);
    else if (choice < 9) {
      const dims = [dim, dim, null, x.ndim > 2 ? [0, x.ndim - 1] : [0]][random(4)]!;
      value = reducing[random(reducing.length)]!(x, dims);
    } else value = product(x, other) ?? asFloat(x).mul(0.5);
    if (count(value.shape) > mostElements) value = asFloat(value).mean(0);
    if (random(5) === 0) realize(value);
    values.push(value);
  }
  return { leaves, values };
}

/** Everything that a program gives: its values, and the gradients of the mean of them all. */
export function largeResults(seed: number): Tensor[] {
  const { leaves, values } = largeValues(seed);
  const means = values.map((value) => asFloat(value).to("float64").mean());
  const total = means.reduce((sum, mean) => sum.add(mean));
  total.backward();
  return [...values, ...leaves.flatMap((leaf) => leaf.grad ?? []), total];
}

/** A hash of all bits of these values. */
export function digest(values: readonly Tensor[]): string {
  const hash = createHash("sha256");
  for (const value of values) {
    hash.update(`${value.dtype} ${value.shape} `);
    const { buffer, byteOffset, byteLength } = value.detach().dataSync();
    hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  }
  return hash.digest("hex").slice(0, 16);
}
