// Random programs over many ops agree with an independent, slow reference: in their value, in a derivative along a random
// direction, and in a Hessian's product with two. The reference knows no derivatives: it is asked at points nearby.
import { describe, expect, test } from "vitest";
import {
  arange,
  autograd,
  einsum,
  linalg,
  nn,
  special,
  tensor,
  trapezoid,
  type Tensor,
} from "../../lib/index.js";
import { atMost, isSimulated } from "../helpers/effort.js";
import { count, isClose, randomSource } from "../helpers/reference.js";
import {
  alongLines,
  build,
  choleskyFactor,
  eliminated,
  gram,
  lines,
  picked,
  pointwise,
  pointwiseOf,
  product,
  read,
  reduced,
  scattered,
  totals,
  transposed,
  zip,
  type Plain,
} from "../helpers/slow.js";

const F = nn.functional;

/** An op of one array, with a whole number that chooses among its arguments. */
interface Op {
  fits: (shape: readonly number[]) => boolean;
  fast: (x: Tensor, p: number) => Tensor;
  slow: (x: Plain, p: number) => Plain;
}
/** An op of two arrays. */
interface Pair {
  fits: (a: readonly number[], b: readonly number[]) => boolean;
  fast: (a: Tensor, b: Tensor, p: number) => Tensor;
  slow: (a: Plain, b: Plain, p: number) => Plain;
}

const always = () => true;
const hasDims = (shape: readonly number[]) => shape.length > 0;
const isMatrix = (shape: readonly number[]) => shape.length === 2;
const isLong = (shape: readonly number[]) => hasDims(shape) && shape.every((size) => size > 1);
const dimOf = (x: { shape: readonly number[] }, p: number) => p % x.shape.length;
const sizeOf = (x: { shape: readonly number[] }, p: number) => x.shape[dimOf(x, p)]!;
/** Positions along a dimension, some of them twice. */
const places = (size: number, p: number) => [p % size, (p * 7 + 1) % size, (p * 3 + 2) % size];
const whole = (values: readonly number[]) => tensor(values.map(BigInt));

const unary: Record<string, Op> = {};
const fastPointwise: Record<keyof typeof pointwise, (x: Tensor) => Tensor> = {
  gelu: (x) => F.gelu(x),
  silu: (x) => F.silu(x),
  mish: (x) => F.mish(x),
  softplus: (x) => F.softplus(x),
  logsigmoid: (x) => F.logsigmoid(x),
  tanhshrink: (x) => F.tanhshrink(x),
  softsign: (x) => F.softsign(x),
  sinc: (x) => x.sinc(),
  deg2rad: (x) => x.deg2rad(),
  ndtr: (x) => special.ndtr(x),
};
for (const [name, fast] of Object.entries(fastPointwise))
  unary[name] = { fits: always, fast, slow: pointwiseOf(pointwise[name as keyof typeof pointwise]) };

const fastLines: Record<keyof typeof lines, (x: Tensor, dim: number) => Tensor> = {
  softmax: (x, dim) => x.softmax(dim),
  logSoftmax: (x, dim) => x.logSoftmax(dim),
  cumsum: (x, dim) => x.cumsum(dim),
  cumprod: (x, dim) => x.cumprod(dim),
  logcumsumexp: (x, dim) => x.logcumsumexp(dim),
  sort: (x, dim) => x.sort(dim).values,
  diff: (x, dim) => x.diff(dim),
  normalized: (x, dim) => {
    const last = x.movedim(dim, -1);
    return F.layerNorm(last, [last.shape.at(-1)!]).movedim(-1, dim);
  },
};
for (const [name, fast] of Object.entries(fastLines))
  unary[name] = {
    fits: isLong,
    fast: (x, p) => fast(x, dimOf(x, p)),
    slow: (x, p) => alongLines(x, dimOf(x, p), lines[name as keyof typeof lines]),
  };

const fastTotals: Record<keyof typeof totals, (x: Tensor, dim: number) => Tensor> = {
  logsumexp: (x, dim) => x.logsumexp(dim),
  prod: (x, dim) => x.prod(dim),
  variance: (x, dim) => x.var(dim),
  norm: (x, dim) => linalg.vectorNorm(x, { dim }),
  trapezoid: (x, dim) => trapezoid(x, { dim }),
  median: (x, dim) => x.median(dim).values,
};
for (const [name, fast] of Object.entries(fastTotals))
  unary[name] = {
    fits: isLong,
    fast: (x, p) => fast(x, dimOf(x, p)),
    slow: (x, p) => reduced(x, dimOf(x, p), totals[name as keyof typeof totals]),
  };

Object.assign(unary, {
  roll: {
    fits: hasDims,
    fast: (x, p) => x.roll(p % 3, dimOf(x, p)),
    slow: (x, p) => {
      const [dim, size] = [dimOf(x, p), sizeOf(x, p)];
      return picked(x, x.shape, (at) => at.with(dim, (((at[dim]! - (p % 3)) % size) + size) % size));
    },
  },
  repeat: {
    fits: (shape) => hasDims(shape) && count(shape) <= 12,
    fast: (x) => x.repeat(x.shape.map((_, i) => (i === 0 ? 2 : 1))),
    slow: (x) => picked(x, [2 * x.shape[0]!, ...x.shape.slice(1)], (at) => at.with(0, at[0]! % x.shape[0]!)),
  },
  repeatInterleave: {
    fits: (shape) => hasDims(shape) && count(shape) <= 12,
    fast: (x, p) => x.repeatInterleave(2, dimOf(x, p)),
    slow: (x, p) => {
      const dim = dimOf(x, p);
      return picked(x, x.shape.with(dim, 2 * x.shape[dim]!), (at) => at.with(dim, Math.floor(at[dim]! / 2)));
    },
  },
  movedim: {
    fits: hasDims,
    fast: (x, p) => x.movedim(dimOf(x, p), 0),
    slow: (x, p) => {
      const dim = dimOf(x, p);
      return picked(x, [x.shape[dim]!, ...x.shape.toSpliced(dim, 1)], ([first, ...rest]) =>
        rest.toSpliced(dim, 0, first!),
      );
    },
  },
  tril: {
    fits: isMatrix,
    fast: (x, p) => x.tril({ diagonal: (p % 3) - 1 }),
    slow: (x, p) => picked(x, x.shape, (at) => (at[1]! - at[0]! <= (p % 3) - 1 ? at : null)),
  },
  diagonal: {
    fits: isMatrix,
    fast: (x) => x.diagonal(),
    slow: (x) => picked(x, [Math.min(...x.shape)], ([i]) => [i!, i!]),
  },
  rot90: {
    fits: isMatrix,
    fast: (x) => x.rot90(),
    slow: (x) => picked(x, x.shape.toReversed(), ([i, j]) => [j!, x.shape[1]! - 1 - i!]),
  },
  windows: {
    fits: isLong,
    fast: (x, p) => x.unfold(dimOf(x, p), 2, 1),
    slow: (x, p) => {
      const dim = dimOf(x, p);
      return picked(x, [...x.shape.with(dim, x.shape[dim]! - 1), 2], (at) =>
        at.slice(0, -1).with(dim, at[dim]! + at.at(-1)!),
      );
    },
  },
  indexSelect: {
    fits: hasDims,
    fast: (x, p) => x.indexSelect(dimOf(x, p), whole(places(sizeOf(x, p), p))),
    slow: (x, p) => {
      const [dim, rows] = [dimOf(x, p), places(sizeOf(x, p), p)];
      return picked(x, x.shape.with(dim, 3), (at) => at.with(dim, rows[at[dim]!]!));
    },
  },
  at: {
    fits: isMatrix,
    fast: (x, p) => x.at(whole(places(x.shape[0]!, p)), whole(places(x.shape[1]!, p + 1))),
    slow: (x, p) => {
      const [i, j] = [places(x.shape[0]!, p), places(x.shape[1]!, p + 1)];
      return picked(x, [3], ([k]) => [i[k!]!, j[k!]!]);
    },
  },
  takeAlongDim: {
    fits: hasDims,
    fast: (x, p) => x.takeAlongDim(x.detach().argsort(dimOf(x, p)), dimOf(x, p)),
    slow: (x, p) => alongLines(x, dimOf(x, p), lines.sort),
  },
  maskedFill: {
    fits: hasDims,
    fast: (x) =>
      x.maskedFill(arange(x.numel(), { dtype: "int64" }).reshape(x.shape).remainder(3).eq(0), 0.25),
    slow: (x) => ({ shape: x.shape, data: x.data.map((value, i) => (i % 3 === 0 ? 0.25 : value)) }),
  },
  inverse: { fits: isMatrix, fast: (x) => linalg.inv(fastGram(x)), slow: (x) => eliminated(gram(x)).inverse },
  determinant: {
    fits: isMatrix,
    fast: (x) => linalg.det(fastGram(x)).log(),
    slow: (x) => ({ shape: [], data: [Math.log(eliminated(gram(x)).determinant)] }),
  },
  cholesky: {
    fits: isMatrix,
    fast: (x) => linalg.cholesky(fastGram(x)),
    slow: (x) => choleskyFactor(gram(x)),
  },
  avgPool: {
    fits: (shape) => isMatrix(shape) && isLong(shape),
    fast: (x) => F.avgPool2d(x.unsqueeze(0), 2, { stride: 1 }).squeeze(0),
    slow: (x) =>
      build([x.shape[0]! - 1, x.shape[1]! - 1], ([i, j]) => {
        let total = 0;
        for (const [k, l] of [[0, 0], [0, 1], [1, 0], [1, 1]]) total += read(x, [i! + k!, j! + l!]); // prettier-ignore
        return total / 4;
      }),
  },
  einsum: {
    fits: isMatrix,
    fast: (x) => einsum("ij,kj->ik", [x, x]),
    slow: (x) => product(x, transposed(x)),
  },
} satisfies Record<string, Op>);

const fastGram = (x: Tensor) =>
  x
    .matmul(x.transpose(0, 1))
    .add(arange(x.shape[0]!).eq(arange(x.shape[0]!).unsqueeze(1)).to("float64").mul(x.shape[0]!));
const areAlike = (a: readonly number[], b: readonly number[]) => String(a) === String(b);
const doBroadcast = (a: readonly number[], b: readonly number[]) =>
  Array.from({ length: Math.min(a.length, b.length) }, (_, i) => [a.at(-1 - i), b.at(-1 - i)]).every(
    ([x, y]) => x === y || x === 1 || y === 1,
  );
const canMultiply = (a: readonly number[], b: readonly number[]) =>
  isMatrix(a) && isMatrix(b) && a[1] === b[0];

const binary: Record<string, Pair> = {
  logaddexp: {
    fits: doBroadcast,
    fast: (a, b) => a.logaddexp(b),
    slow: (a, b) => zip(a, b, (x, y) => Math.log(Math.exp(x) + Math.exp(y))),
  },
  mse: {
    fits: areAlike,
    fast: (a, b) => F.mseLoss(a, b, { reduction: "none" }),
    slow: (a, b) => zip(a, b, (x, y) => (x - y) ** 2),
  },
  addcmul: {
    fits: areAlike,
    fast: (a, b) => a.addcmul(a, b, { value: 0.5 }),
    slow: (a, b) => zip(a, b, (x, y) => x + 0.5 * x * y),
  },
  mm: { fits: canMultiply, fast: (a, b) => a.mm(b), slow: product },
  linear: {
    fits: (a, b) => isMatrix(a) && isMatrix(b) && a[1] === b[1],
    fast: (a, b) => F.linear(a, b),
    slow: (a, b) => product(a, transposed(b)),
  },
  outer: {
    fits: (a, b) => a.length === 1 && b.length === 1 && a[0]! * b[0]! <= 24,
    fast: (a, b) => a.outer(b),
    slow: (a, b) => build([a.shape[0]!, b.shape[0]!], ([i, j]) => a.data[i!]! * b.data[j!]!),
  },
  solve: {
    fits: (a, b) => isMatrix(a) && isMatrix(b) && a[0] === b[0],
    fast: (a, b) => linalg.solve(fastGram(a), b),
    slow: (a, b) => product(eliminated(gram(a)).inverse, b),
  },
  indexAdd: {
    fits: (a, b) => hasDims(a) && hasDims(b) && areAlike(a.slice(1), b.slice(1)),
    fast: (a, b, p) =>
      a.indexAdd(0, whole(Array.from({ length: b.shape[0]! }, (_, i) => (p + i * i) % a.shape[0]!)), b),
    slow: (a, b, p) => scattered(a, b, (at) => at.with(0, (p + at[0]! ** 2) % a.shape[0]!)),
  },
  cosine: {
    fits: (a, b) => areAlike(a, b) && isLong(a),
    fast: (a, b) => F.cosineSimilarity(a, b, 0),
    slow: (a, b) => {
      const dots = reduced(
        zip(a, b, (x, y) => x * y),
        0,
        (line) => line.reduce((x, y) => x + y, 0),
      );
      const [one, other] = [reduced(a, 0, totals.norm), reduced(b, 0, totals.norm)];
      return zip(
        dots,
        zip(one, other, (x, y) => x * y),
        (x, y) => x / y,
      );
    },
  },
};

interface Instruction {
  name: string;
  a: number;
  b: number;
  p: number;
}

/** What a program gives from one array: every value, squeezed into (-1, 1) so that none grows. */
function run<T extends { shape: number[] }>(
  program: Instruction[],
  leaves: T[],
  apply: (instruction: Instruction, a: T, b: T) => T,
): T[] {
  const values = [...leaves];
  for (const instruction of program)
    values.push(apply(instruction, values[instruction.a]!, values[instruction.b]!));
  return values;
}
const fast = (program: Instruction[], leaves: Tensor[]) =>
  run(program, leaves, ({ name, p }, a, b) =>
    (name in unary ? unary[name]!.fast(a, p) : binary[name]!.fast(a, b, p)).tanh(),
  );
const slow = (program: Instruction[], leaves: Plain[]) =>
  run(program, leaves, ({ name, p }, a, b) =>
    pointwiseOf(Math.tanh)(name in unary ? unary[name]!.slow(a, p) : binary[name]!.slow(a, b, p)),
  );

const weight = (i: number) => Math.cos(1 + 0.7 * i);
const slowLoss = (program: Instruction[], leaves: Plain[]): number =>
  slow(program, leaves)
    .flatMap(({ data }) => data)
    .reduce((total, value, i) => total + weight(i) * value, 0);
const fastLoss = (program: Instruction[], leaves: Tensor[]): Tensor => {
  let first = 0;
  return fast(program, leaves)
    .map((value) => {
      const weights = Array.from({ length: value.numel() }, (_, i) => weight(first + i));
      first += value.numel();
      return value
        .reshape(-1)
        .mul(tensor(weights, { dtype: "float64" }))
        .sum();
    })
    .reduce((a, b) => a.add(b));
};

/** A program whose every op fits the shapes that it meets. */
function randomProgram(random: (below: number) => number, leaves: Plain[]): Instruction[] {
  const program: Instruction[] = [];
  const values = [...leaves];
  const length = 2 + random(5);
  while (program.length < length) {
    const [a, b, p] = [random(values.length), random(values.length), random(12)];
    const [x, y] = [values[a]!, values[b]!];
    const names = [
      ...Object.keys(unary).filter((name) => unary[name]!.fits(x.shape)),
      ...Object.keys(binary).filter((name) => binary[name]!.fits(x.shape, y.shape)),
    ];
    const instruction = { name: names[random(names.length)]!, a, b, p };
    const value = slow([instruction], values).at(-1)!;
    if (value.data.length === 0 || value.data.length > 64) continue;
    program.push(instruction);
    values.push(value);
  }
  return program;
}

/** What differences over steps h and 2 h lead to; null where they disagree, since there is a kink between. */
function extrapolated(difference: (h: number) => number, h: number): number | null {
  const [near, far] = [difference(h), difference(2 * h)];
  return isClose(near, far, 1e-2, 1e-2) ? (4 * near - far) / 3 : null;
}

describe("random programs agree with the reference", () => {
  const used = new Map<string, number>();
  let tried = 0;
  let compared = 0;
  test.each(Array.from({ length: 20 }, (_, i) => i))("part %i", { timeout: 120_000 }, (part) => {
    const uniform = randomSource(part + 1);
    const random = (below: number) => Math.floor(uniform() * below);
    for (let k = 0; k < atMost(50, 3); ++k) {
      const shape = Array.from({ length: 1 + random(2) }, () => 2 + random(3));
      const leaf = (sizes: number[]): Plain => build(sizes, () => 2 * uniform() - 1);
      const leaves = [leaf(shape), leaf(random(2) === 0 ? shape : shape.toReversed())];
      const program = randomProgram(random, leaves);
      ++tried;
      for (const { name } of program) used.set(name, (used.get(name) ?? 0) + 1);
      const at = `program ${part}.${k} of [${shape}]: ${program.map(({ name }) => name).join(", ")}`;
      const [v, w] = [0, 1].map(() => leaves.map(({ shape: sizes }) => leaf(sizes)));
      /** The reference along the directions v and w. */
      const near = (s: number, t: number) =>
        slowLoss(
          program,
          leaves.map((one, i) => ({
            shape: one.shape,
            data: one.data.map((value, j) => value + s * v![i]!.data[j]! + t * w![i]!.data[j]!),
          })),
        );
      const given = ({ shape: sizes, data }: Plain) => tensor(data, { dtype: "float64" }).reshape(sizes);
      const xs = leaves.map((one) => given(one).clone().requiresGrad_());
      const loss = fastLoss(program, xs);
      expect(isClose(loss.item(), near(0, 0), 1e-9, 1e-9), `${at}: ${loss.item()} and ${near(0, 0)}`).toBe(
        true,
      );

      // A program may have left one of the two unused.
      const present = (of: readonly (Tensor | null)[]) => of.map((g, i) => g ?? xs[i]!.detach().mul(0));
      const gradients = present(autograd.grad(loss, xs, { createGraph: true, allowUnused: true }));
      const along = (of: readonly Tensor[], direction: Plain[]) =>
        of.map((g, i) => g.mul(given(direction[i]!)).sum()).reduce((a, b) => a.add(b));
      const slope = along(gradients, v!);
      const h = 2e-4;
      const slopeOf = (d: number) => (near(d, 0) - near(-d, 0)) / (2 * d);
      const expectedSlope = extrapolated(slopeOf, h);
      if (expectedSlope === null) continue;
      expect(
        isClose(slope.item(), expectedSlope, 1e-7, 1e-7),
        `${at}: slope ${slope.item()} and ${expectedSlope}`,
      ).toBe(true);

      const seconds = present(autograd.grad(slope, xs, { allowUnused: true }));
      const curvature = along(seconds, w!).item();
      const curvatureOf = (d: number) =>
        (near(d, d) - near(d, -d) - near(-d, d) + near(-d, -d)) / (4 * d * d);
      const expectedCurvature = extrapolated(curvatureOf, 2e-3);
      if (expectedCurvature === null) continue;
      expect(
        isClose(curvature, expectedCurvature, 1e-4, 1e-4),
        `${at}: curvature ${curvature} and ${expectedCurvature}`,
      ).toBe(true);
      ++compared;
    }
  });

  test("nearly all of them smooth, and use every op", () => {
    expect(compared).toBeGreaterThan(0.9 * tried);
    if (isSimulated) return;
    const unused = [...Object.keys(unary), ...Object.keys(binary)].filter((name) => !used.has(name));
    expect(unused).toEqual([]);
  });
});
