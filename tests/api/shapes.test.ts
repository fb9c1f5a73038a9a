import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cat, stack, tensor, zeros, type Tensor } from "../../lib/index.js";
import {
  build,
  count,
  expectClose,
  expectPlain,
  numbers,
  positions,
  randomSource,
  read,
  toTensor,
  type Plain,
} from "../helpers/reference.js";

// Shape arithmetic against plain arrays that are copied at every step: what the engine does with strides and
// index maps, done the slow way.

const runs = { numRuns: 300, seed: 20261121 };

/** Distinct elements, so that one in the wrong place shows. */
const iota = (shape: readonly number[]): Plain => ({
  shape: [...shape],
  data: Array.from({ length: count(shape) }, (_, i) => i + 1),
});

const shapeUpTo = (rank: number) =>
  fc.array(fc.oneof({ weight: 12, arbitrary: fc.integer({ min: 1, max: 4 }) }, fc.constant(0)), {
    maxLength: rank,
  });

// --- Steps that move elements, on plain arrays -----------------------------------------------------------------

/** One step on both sides: chosen by numbers, so that a chain of them can be drawn and shrunk. */
interface Step {
  name: string;
  plain(x: Plain, n: number[]): Plain;
  tensor(x: Tensor, n: number[]): Tensor;
  applies?(x: Plain): boolean;
}

/** A factorisation of the number of elements, other than the shape itself where n says so. */
function otherShape({ shape }: Plain, n: number[]): number[] {
  const total = count(shape);
  if (total === 0) return n[0]! % 2 === 0 ? [0] : [...shape, 1 + (n[1]! % 3)];
  const sizes: number[] = [];
  let rest = total;
  for (let i = 0; rest > 1 && i < 5; ++i) {
    const divisors = Array.from({ length: rest }, (_, d) => d + 1).filter((d) => rest % d === 0);
    const size = divisors[n[i]! % divisors.length]!;
    sizes.push(size);
    rest /= size;
  }
  return rest > 1 ? [...sizes, rest] : sizes;
}

const orderOf = (rank: number, n: number[]): number[] =>
  Array.from({ length: rank }, (_, dim) => dim).sort(
    (a, b) => ((n[a]! * 31 + a) % 17) - ((n[b]! * 31 + b) % 17) || a - b,
  );

const dimOf = ({ shape }: Plain, n: number[]) => n[0]! % shape.length;
const rangeOf = ({ shape }: Plain, n: number[]) => {
  const dim = dimOf({ shape, data: [] }, n);
  const size = shape[dim]!;
  const start = n[1]! % (size + 1);
  const stop = start + (n[2]! % (size - start + 1));
  return { dim, start, stop, step: 1 + (n[3]! % 3) };
};

const steps: Step[] = [
  {
    name: "reshape",
    plain: (x, n) => ({ shape: otherShape(x, n), data: x.data }),
    tensor: (x, n) => x.reshape(otherShape({ shape: x.shape, data: [] }, n)),
  },
  {
    name: "permute",
    plain(x, n) {
      const order = orderOf(x.shape.length, n);
      return build(
        order.map((dim) => x.shape[dim]!),
        (p) => {
          const from: number[] = [];
          order.forEach((dim, i) => (from[dim] = p[i]!));
          return read(x, from);
        },
      );
    },
    tensor: (x, n) => x.permute(orderOf(x.ndim, n)),
  },
  {
    name: "flip",
    plain: (x, n) =>
      build(x.shape, (p) =>
        read(
          x,
          p.map((v, dim) => (n[dim]! % 2 === 1 ? x.shape[dim]! - 1 - v : v)),
        ),
      ),
    tensor: (x, n) => x.flip(x.shape.map((_, dim) => dim).filter((dim) => n[dim]! % 2 === 1)),
  },
  {
    name: "slice with a step",
    applies: (x) => x.shape.length > 0,
    plain(x, n) {
      const { dim, start, stop, step } = rangeOf(x, n);
      const shape = x.shape.map((size, i) => (i === dim ? Math.ceil((stop - start) / step) : size));
      return build(shape, (p) =>
        read(
          x,
          p.map((v, i) => (i === dim ? start + v * step : v)),
        ),
      );
    },
    tensor(x, n) {
      const { dim, start, stop, step } = rangeOf({ shape: x.shape, data: [] }, n);
      return x.at(...Array.from({ length: dim }, () => ":"), `${start}:${stop}:${step}`);
    },
  },
  {
    name: "narrow",
    applies: (x) => x.shape.length > 0,
    plain(x, n) {
      const { dim, start, stop } = rangeOf(x, n);
      const shape = x.shape.map((size, i) => (i === dim ? stop - start : size));
      return build(shape, (p) =>
        read(
          x,
          p.map((v, i) => (i === dim ? start + v : v)),
        ),
      );
    },
    tensor(x, n) {
      const { dim, start, stop } = rangeOf({ shape: x.shape, data: [] }, n);
      return x.narrow(dim - x.ndim, start, stop - start);
    },
  },
  {
    name: "select",
    applies: (x) => x.shape.length > 0 && !x.shape.includes(0),
    plain(x, n) {
      const dim = dimOf(x, n);
      const index = n[1]! % x.shape[dim]!;
      return build(x.shape.toSpliced(dim, 1), (p) => read(x, p.toSpliced(dim, 0, index)));
    },
    tensor(x, n) {
      const dim = dimOf({ shape: x.shape, data: [] }, n);
      const index = n[1]! % x.shape[dim]!;
      return n[2]! % 2 === 0
        ? x.select(dim, index)
        : x.at("...", index - x.shape[dim]!, ...x.shape.slice(dim + 1).map(() => ":"));
    },
  },
  {
    name: "unsqueeze and expand",
    applies: (x) => x.shape.length < 6,
    plain(x, n) {
      const dim = n[0]! % (x.shape.length + 1);
      return build(x.shape.toSpliced(dim, 0, n[1]! % 4), (p) => read(x, p.toSpliced(dim, 1)));
    },
    tensor(x, n) {
      const dim = n[0]! % (x.ndim + 1);
      const raised = x.unsqueeze(dim);
      return raised.expand(raised.shape.map((_, i) => (i === dim ? n[1]! % 4 : -1)));
    },
  },
  {
    name: "expand in front",
    applies: (x) => x.shape.length < 6,
    plain: (x, n) => build([n[0]! % 4, ...x.shape], (p) => read(x, p.slice(1))),
    tensor: (x, n) => x.expand([n[0]! % 4, ...x.shape]),
  },
  {
    name: "pad and crop",
    applies: (x) => x.shape.length > 0,
    plain(x, n) {
      const last = x.shape.at(-1)!;
      const [before, after] = [(n[0]! % 4) - 1, (n[1]! % 4) - 1].map((w) =>
        Math.max(w, -Math.floor(last / 2)),
      );
      return build([...x.shape.slice(0, -1), last + before! + after!], (p) => {
        const at = p.at(-1)! - before!;
        return at < 0 || at >= last ? -7 : read(x, [...p.slice(0, -1), at]);
      });
    },
    tensor(x, n) {
      const widths = [(n[0]! % 4) - 1, (n[1]! % 4) - 1].map((w) =>
        Math.max(w, -Math.floor(x.shape.at(-1)! / 2)),
      );
      return x.pad(widths, { value: -7 });
    },
  },
  {
    name: "squeeze",
    plain: (x) => ({ shape: x.shape.filter((size) => size !== 1), data: x.data }),
    tensor: (x) => x.squeeze(),
  },
  {
    name: "times two",
    plain: (x) => ({ shape: x.shape, data: x.data.map((v) => v * 2) }),
    tensor: (x) => x.mul(2),
  },
  {
    name: "with a part set",
    applies: (x) => x.shape.length > 0,
    plain(x, n) {
      const { dim, start, stop, step } = rangeOf(x, n);
      return build(x.shape, (p) =>
        p[dim]! >= start && p[dim]! < stop && (p[dim]! - start) % step === 0 ? 99 : read(x, p),
      );
    },
    tensor(x, n) {
      const { dim, start, stop, step } = rangeOf({ shape: x.shape, data: [] }, n);
      const copy = x.clone();
      return copy.set([...Array.from({ length: dim }, () => ":"), `${start}:${stop}:${step}`], 99);
    },
  },
];

const chains = fc.array(
  fc.record({
    step: fc.integer({ min: 0, max: steps.length - 1 }),
    n: fc.array(fc.nat(1000), { minLength: 8, maxLength: 8 }),
    readsHere: fc.integer({ min: 0, max: 4 }).map((n) => n === 0),
  }),
  { maxLength: 8 },
);

describe("chains of views", () => {
  test.each(["float64", "int32"] as const)("read back right, whenever they are read, in %s", (dtype) => {
    fc.assert(
      fc.property(shapeUpTo(4), chains, (shape, chain) => {
        let plain = iota(shape);
        let x = toTensor(plain, dtype);
        const trail: string[] = [JSON.stringify(shape)];
        for (const { step: index, n, readsHere } of chain) {
          const step = steps[index]!;
          if ((step.applies && !step.applies(plain)) || plain.data.length > 500) continue;
          plain = step.plain(plain, n);
          x = step.tensor(x, n);
          trail.push(`${step.name} ${JSON.stringify(plain.shape)}`);
          if (readsHere) expectPlain(x, plain, trail.join(" > "));
        }
        expectPlain(x, plain, trail.join(" > "));
      }),
      { ...runs, numRuns: 1500 },
    );
  });

  test("gradients go back to where the elements came from", () => {
    fc.assert(
      fc.property(shapeUpTo(3), chains, (shape, chain) => {
        const start = iota(shape);
        let plain = start;
        const leaf = toTensor(start, "float64", true);
        let x: Tensor = leaf.mul(1);
        for (const { step: index, n, readsHere } of chain) {
          const step = steps[index]!;
          if ((step.applies && !step.applies(plain)) || plain.data.length > 200) continue;
          plain = step.plain(plain, n);
          x = step.tensor(x, n);
          if (readsHere) x.dataSync();
        }
        // Every element of the result is 2**k times one element of the start, or a constant (-7 or 99 times 2**k).
        const weights = plain.data.map((_, i) => 1 + (i % 5));
        const expected = start.data.map(() => 0);
        const tracer = chainOn(start, chain);
        tracer.forEach(([origin, factor], i) => {
          if (origin >= 0) expected[origin]! += factor * weights[i]!;
        });
        x.mul(toTensor({ shape: plain.shape, data: weights }))
          .sum()
          .backward();
        expectPlain(leaf.grad!, { shape: start.shape, data: expected }, "gradient");
      }),
      { ...runs, numRuns: 500 },
    );
  });
});

/** Where each element of a chain's result came from, and by what it was multiplied; -1 for constants. */
function chainOn(start: Plain, chain: { step: number; n: number[] }[]): [number, number][] {
  let origin: Plain = { shape: start.shape, data: start.data.map((_, i) => i + 1) };
  let scale: Plain = { shape: start.shape, data: start.data.map(() => 1) };
  for (const { step: index, n } of chain) {
    const step = steps[index]!;
    if ((step.applies && !step.applies(origin)) || origin.data.length > 200) continue;
    if (step.name === "times two") {
      scale = step.plain(scale, n);
      continue;
    }
    const moved = step.plain(origin, n);
    scale = step.plain(scale, n);
    origin = { shape: moved.shape, data: moved.data.map((v) => (v === -7 || v === 99 ? 0 : v)) };
  }
  return origin.data.map((v, i) => [v - 1, scale.data[i]!]);
}

describe("broadcasting", () => {
  const broadcastable = fc
    .tuple(shapeUpTo(5), fc.array(fc.nat(3), { minLength: 12, maxLength: 12 }))
    .map(([full, choices]) =>
      [0, 1].map((side) =>
        full
          .slice(choices[side]! % (full.length + 1))
          .map((size, i) => (choices[2 + i + side]! === 0 ? 1 : size)),
      ),
    );

  test("two operands of any shapes", () => {
    fc.assert(
      fc.property(broadcastable, ([left, right]) => {
        const rank = Math.max(left!.length, right!.length);
        const shape = Array.from({ length: rank }, (_, i) => {
          const [a, b] = [left, right].map((s) => s![i - rank + s!.length] ?? 1);
          return a === 1 ? b! : a!;
        });
        const [a, b] = [iota(left!), iota(right!)];
        const at = (x: Plain, p: number[]) =>
          read(
            x,
            x.shape.map((size, i) => (size === 1 ? 0 : p[i + rank - x.shape.length]!)),
          );
        const [ta, tb] = [toTensor(a, "float64", true), toTensor(b, "float64", true)];
        const out = ta.mul(100).sub(tb);
        expectPlain(
          out,
          build(shape, (p) => at(a, p) * 100 - at(b, p)),
          JSON.stringify([left, right]),
        );
        out.sum().backward();
        const times = (x: Plain) => (count(x.shape) === 0 ? 0 : count(shape) / count(x.shape));
        expectPlain(ta.grad!, { shape: left!, data: a.data.map(() => 100 * times(a)) }, "left gradient");
        expectPlain(tb.grad!, { shape: right!, data: b.data.map(() => -times(b)) }, "right gradient");
      }),
      runs,
    );
  });

  test("shapes that do not fit are refused, at the call, with both", () => {
    fc.assert(
      fc.property(shapeUpTo(4), shapeUpTo(4), (left, right) => {
        const fits = left.every((size, i) => {
          const other = right[i - left.length + right.length] ?? 1;
          return size === other || size === 1 || other === 1;
        });
        const [a, b] = [zeros(left), zeros(right)];
        if (fits) expect(a.add(b).ndim).toBe(Math.max(left.length, right.length));
        else
          expect(() => a.add(b)).toThrow(
            expect.objectContaining({ code: "ERR_SHAPE", op: "add", shapes: [left, right] }) as Error,
          );
      }),
      runs,
    );
  });
});

describe("joining and setting", () => {
  const parts = fc.tuple(
    fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 4 }),
    fc.nat(3),
    fc.array(fc.nat(3), { minLength: 1, maxLength: 4 }),
  );

  test("cat", () => {
    fc.assert(
      fc.property(parts, ([shape, axis, sizes]) => {
        const dim = axis % shape.length;
        const plains = sizes.map((size, k) => {
          const own = shape.toSpliced(dim, 1, size);
          return { shape: own, data: iota(own).data.map((v) => v + 1000 * k) };
        });
        const starts = sizes.map((_, k) => sizes.slice(0, k).reduce((a, b) => a + b, 0));
        const whole = build(
          shape.toSpliced(
            dim,
            1,
            sizes.reduce((a, b) => a + b),
          ),
          (p) => {
            const k = starts.findLastIndex((start, i) => p[dim]! >= start && sizes[i]! > 0);
            return read(plains[k]!, p.toSpliced(dim, 1, p[dim]! - starts[k]!));
          },
        );
        // Operands that are walked backwards and across.
        const tensors = plains.map((plain) => toTensor(plain, "float64", true));
        const out = cat(
          tensors.map((x) => x.T.flip(0).mul(1).flip(0).T),
          dim - shape.length,
        );
        expectPlain(out, whole, JSON.stringify([shape, dim, sizes]));
        out.mul(toTensor(whole)).sum().backward();
        tensors.forEach((x, k) => expectPlain(x.grad!, plains[k]!, "gradient"));
      }),
      runs,
    );
  });

  test("stack", () => {
    fc.assert(
      fc.property(shapeUpTo(3), fc.nat(3), fc.integer({ min: 1, max: 4 }), (shape, axis, length) => {
        const dim = axis % (shape.length + 1);
        const plains = Array.from({ length }, (_, k) => ({
          shape,
          data: iota(shape).data.map((v) => v + 1000 * k),
        }));
        const whole = build(shape.toSpliced(dim, 0, length), (p) =>
          read(plains[p[dim]!]!, p.toSpliced(dim, 1)),
        );
        expectPlain(
          stack(
            plains.map((plain) => toTensor(plain)),
            dim,
          ),
          whole,
          JSON.stringify([shape, dim]),
        );
      }),
      runs,
    );
  });

  test("mixed dtypes promote", () => {
    const joined = cat([
      tensor([1, 2], { dtype: "int32" }),
      tensor([0.5], { dtype: "float64" }),
      tensor([true]),
    ]);
    expect([joined.dtype, joined.toArray()]).toEqual(["float64", [1, 2, 0.5, 1]]);
    expect(stack([tensor([true]), tensor([3], { dtype: "uint8" })]).dtype).toBe("uint8");
  });

  test("set with indices, ranges and a tensor that broadcasts", () => {
    const x = zeros([3, 4]);
    x.set(0, 1)
      .set([-1, "::2"], tensor([5, 6]))
      .set(["...", 1], tensor([7, 8, 9]));
    expect(x.toArray()).toEqual([
      [1, 7, 1, 1],
      [0, 8, 0, 0],
      [5, 9, 6, 0],
    ]);
    const y = zeros([2, 3, 4]);
    y.set([":", 1, "1:3"], tensor([[1], [2]]));
    expect(numbers(y.sum([2]))).toEqual([0, 2, 0, 0, 4, 0]);
    expect(
      zeros([2, 2])
        .set(0, tensor([[[3, 4]]]))
        .toArray(),
    ).toEqual([
      [3, 4],
      [0, 0],
    ]);
    const base = tensor([1, 2, 3], { requiresGrad: true });
    const part = tensor([4, 5], { requiresGrad: true });
    const z = base.mul(2);
    z.set(["1:"], part.mul(10));
    z.mul(tensor([1, 2, 3]))
      .sum()
      .backward();
    expect([base.grad!.toArray(), part.grad!.toArray()]).toEqual([
      [2, 0, 0],
      [20, 30],
    ]);
    const [even, four] = [
      tensor([1, 2], { requiresGrad: true }),
      tensor([0, 0, 0, 0], { requiresGrad: true }),
    ];
    four
      .mul(1)
      .set("1::2", even.flip(0))
      .mul(tensor([1, 10, 100, 1000]))
      .sum()
      .backward();
    expect([even.grad!.toArray(), four.grad!.toArray()]).toEqual([
      [1000, 10],
      [1, 0, 100, 0],
    ]);
  });
});

describe("reductions", () => {
  test("sums over any axes of any view", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 5 }),
        fc.array(fc.nat(1000), { minLength: 8, maxLength: 8 }),
        fc.boolean(),
        (shape, n, keepdim) => {
          const plain = iota(shape);
          const order = orderOf(shape.length, n);
          const moved = steps[2]!.plain(steps[1]!.plain(plain, n), n);
          const view = steps[2]!.tensor(toTensor(plain).permute(order), n);
          const axes = moved.shape.map((_, dim) => dim).filter((dim) => n[dim + 2]! % 2 === 0);
          // No axes at all means all of them, as in PyTorch.
          const gone = axes.length === 0 ? moved.shape.map((_, dim) => dim) : axes;
          const kept = moved.shape.map((size, dim) => (gone.includes(dim) ? 1 : size));
          const sums = new Map<string, number>();
          for (const p of positions(moved.shape)) {
            const key = p.map((v, dim) => (gone.includes(dim) ? 0 : v)).join();
            sums.set(key, (sums.get(key) ?? 0) + read(moved, p));
          }
          const out = view.sum(
            axes.map((axis) => (axis % 2 === 0 ? axis : axis - moved.shape.length)),
            { keepdim },
          );
          expectPlain(
            out,
            {
              shape: keepdim ? kept : kept.filter((_, dim) => !gone.includes(dim)),
              data: positions(kept).map((p) => sums.get(p.join()) ?? 0),
            },
            JSON.stringify([shape, axes]),
          );
        },
      ),
      runs,
    );
  });

  test("long sums are accurate, and the same along every axis and stride", () => {
    const random = randomSource(5);
    for (const length of [1, 15, 16, 17, 1023, 1024, 1025, 5000, 70001]) {
      const data = Float32Array.from({ length }, () => random());
      const exact = data.reduce((sum, value) => sum + value, 0);
      const x = tensor(data);
      const total = x.sum().item();
      expect(Math.abs(total - exact) / exact, String(length)).toBeLessThan(3e-7);
      for (const same of [
        x.reshape(1, length).sum(1),
        x.reshape(length, 1).sum(0),
        x.unsqueeze(1).expand(length, 3).sum(0).select(0, 2),
        x.flip(0).flip(0).sum(),
        x.unsqueeze(1).expand(length, 2).clone().sum(0).select(0, 1),
      ])
        expect(same.squeeze().item(), String(length)).toBe(total);
    }
    expect(tensor([1], { dtype: "float64" }).expand(100_003).sum().item()).toBe(100_003);
    expect(zeros([100_003]).add(1).mean().item()).toBe(1);
  });
});

describe("matmul", () => {
  const naive = (a: Plain, b: Plain, shape: number[]): Plain => {
    const batch = shape.slice(0, -2);
    const inner = a.shape.at(-1)!;
    const at = (x: Plain, p: number[], row: number, column: number) => {
      const own = x.shape
        .slice(0, -2)
        .map((size, i) => (size === 1 ? 0 : p[i + batch.length - x.shape.length + 2]!));
      return read(x, [...own, row, column]);
    };
    return build(shape, (p) => {
      const [row, column] = p.slice(-2);
      let sum = 0;
      for (let k = 0; k < inner; ++k) sum += at(a, p, row!, k) * at(b, p, k, column!);
      return sum;
    });
  };

  test("batches that broadcast, operands transposed and flipped", () => {
    const sizes = fc.integer({ min: 0, max: 4 });
    fc.assert(
      fc.property(
        fc.tuple(sizes, sizes, sizes),
        fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 3 }),
        fc.array(fc.nat(3), { minLength: 10, maxLength: 10 }),
        ([rows, inner, columns], batch, n) => {
          const own = (side: number) =>
            batch.slice(n[side]! % (batch.length + 1)).map((size, i) => (n[2 + side + i]! === 0 ? 1 : size));
          const [batchA, batchB] = [own(0), own(1)];
          const rank = Math.max(batchA.length, batchB.length);
          const common = Array.from({ length: rank }, (_, i) =>
            Math.max(batchA[i - rank + batchA.length] ?? 1, batchB[i - rank + batchB.length] ?? 1),
          );
          const [a, b] = [iota([...batchA, rows, inner]), iota([...batchB, inner, columns])];
          const shape = [...common, rows, columns];
          /** The same values, laid out the other way. */
          const across = (x: Tensor, choice: number) =>
            choice % 2 === 0 ? x : x.transpose(-1, -2).flip(0).clone().flip(0).transpose(-1, -2);
          const [ta, tb] = [toTensor(a, "float64", true), toTensor(b, "float64", true)];
          const product = across(ta, n[6]!).matmul(across(tb, n[7]!));
          expectPlain(product, naive(a, b, shape), JSON.stringify([a.shape, b.shape]));
          const weights = iota(shape);
          product.mul(toTensor(weights)).sum().backward();
          // The gradient of sum(w * (a @ b)) is w @ bT for a, summed over the batches that a was repeated for.
          const full = (x: Tensor, last: number[]) => x.expand([...common, ...last]);
          const w = toTensor(weights);
          const fullA = w
            .unsqueeze(-1)
            .mul(full(toTensor(b), [inner, columns]).transpose(-1, -2).unsqueeze(-3));
          const fullB = full(toTensor(a), [rows, inner]).transpose(-1, -2).unsqueeze(-1).mul(w.unsqueeze(-3));
          expectClose(
            numbers(ta.grad!),
            numbers(reduceTo(fullA.sum(-2), a.shape)),
            1e-12,
            0,
            "gradient of a",
          );
          expectClose(
            numbers(tb.grad!),
            numbers(reduceTo(fullB.sum(-2), b.shape)),
            1e-12,
            0,
            "gradient of b",
          );
        },
      ),
      { ...runs, numRuns: 200 },
    );
  });

  /** The sum over the dimensions that `shape` lacks or has as 1. */
  function reduceTo(x: Tensor, shape: readonly number[]): Tensor {
    const added = x.ndim - shape.length;
    const axes = x.shape
      .map((_, dim) => dim)
      .filter((dim) => dim < added || (shape[dim - added] === 1 && x.shape[dim] !== 1));
    return (axes.length > 0 ? x.sum(axes, { keepdim: true }) : x).reshape(shape);
  }

  test("vectors and matrices", () => {
    const m = tensor([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    const v = tensor([1, 0, -1]);
    expect(m.matmul(v).toArray()).toEqual([-2, -2]);
    expect(tensor([1, 2]).matmul(m).toArray()).toEqual([9, 12, 15]);
    expect(v.matmul(v).toArray()).toBe(2);
    expect(v.dot(tensor([1, 2, 3])).item()).toBe(-2);
    expect(m.expand(4, 2, 3).matmul(v).shape).toEqual([4, 2]);
    expect(v.matmul(m.T.expand(4, 3, 2)).shape).toEqual([4, 2]);
    expect(
      zeros([2, 0])
        .matmul(zeros([0, 3]))
        .toArray(),
    ).toEqual([
      [0, 0, 0],
      [0, 0, 0],
    ]);
  });

  test("sizes around any blocking, in every dtype", () => {
    for (const dtype of ["float32", "float64", "int32", "int64"] as const)
      for (const [rows, inner, columns] of [
        [1, 65, 1],
        [33, 7, 17],
        [64, 64, 64],
        [5, 130, 3],
      ] as [number, number, number][]) {
        const a = build([rows, inner], ([i, k]) => ((i! * 7 + k! * 3) % 11) - 5);
        const b = build([inner, columns], ([k, j]) => ((k! * 5 + j! * 2) % 7) - 3);
        const product = toTensor(a, dtype).matmul(toTensor(b, dtype));
        expect(product.dtype).toBe(dtype);
        expectPlain(product, naive(a, b, [rows, columns]), `${dtype} ${rows} x ${inner} x ${columns}`);
      }
  });
});

describe("rank", () => {
  const ones = (n: number) => Array.from({ length: n }, () => 1);

  test("32 dimensions are possible, and 33 are not", () => {
    const shape = [...ones(15), 2, 3, ...ones(15)];
    const x = tensor([1, 2, 3, 4, 5, 6], { dtype: "float64", requiresGrad: true });
    const y = x
      .reshape(shape)
      .permute(shape.map((_, dim) => 31 - dim))
      .mul(2);
    expect(y.shape).toEqual(shape.toReversed());
    expect(numbers(y)).toEqual([2, 8, 4, 10, 6, 12]);
    y.at("...", 0).sum([0, -1]).sum().backward();
    expect(numbers(x.grad!)).toEqual([2, 2, 2, 2, 2, 2]);
    expect(y.flip(15, 16).squeeze().toArray()).toEqual([
      [12, 6],
      [10, 4],
      [8, 2],
    ]);
    for (const refused of [
      () => y.unsqueeze(0),
      () => zeros(ones(33)),
      () => x.reshape([6, ...ones(32)]),
      () => y.expand([2, ...y.shape]),
      () => stack([y, y]),
    ])
      expect(refused).toThrow(expect.objectContaining({ code: "ERR_SHAPE", name: "RangeError" }) as Error);
  });
});

describe("in place is rebinding", () => {
  test("whoever used the old value keeps it", () => {
    const x = tensor([1, 2, 3, 4]);
    const row = x.at("1:3");
    const view = x.reshape(2, 2);
    const same = x.detach();
    const sum = x.sum();
    x.set(1, 20);
    x.add_(100);
    x.mul_(tensor([1, 2, 3, 4]));
    expect(x.toArray()).toEqual([101, 240, 309, 416]);
    expect([row.toArray(), view.toArray(), same.toArray(), sum.item()]).toEqual([
      [2, 3],
      [
        [1, 2],
        [3, 4],
      ],
      [1, 2, 3, 4],
      10,
    ]);
    x.fill_(7).neg_();
    x.copy_(row.add(1).expand(2, 2).reshape(4));
    expect(x.toArray()).toEqual([3, 4, 3, 4]);
    expect(row.toArray()).toEqual([2, 3]);
  });

  test("random programs of in-place methods", () => {
    const program = fc.array(
      fc.record({ target: fc.nat(2), source: fc.nat(2), op: fc.nat(8), isRead: fc.boolean() }),
      {
        maxLength: 25,
      },
    );
    fc.assert(
      fc.property(program, (instructions) => {
        const models = [
          [1, 2, 3],
          [4, 5, 6],
          [7, 8, 9],
        ];
        const tensors = models.map((model) => tensor(model, { dtype: "float64" }));
        const views: [Tensor, number[]][] = [];
        for (const { target, source, op, isRead } of instructions) {
          const [x, y] = [tensors[target]!, tensors[source]!];
          const [a, b] = [models[target]!, [...models[source]!]];
          const assign = (_: unknown, values: number[]) => (models[target] = values);
          const actions = [
            () =>
              assign(
                x.add_(y),
                a.map((v, i) => v + b[i]!),
              ),
            () =>
              assign(
                x.sub_(y, { alpha: 2 }),
                a.map((v, i) => v - 2 * b[i]!),
              ),
            () => assign(x.set(1, y.select(0, 2)), [a[0]!, b[2]!, a[2]!]),
            () => assign(x.copy_(y.flip(0)), [b[2]!, b[1]!, b[0]!]),
            () =>
              assign(
                x.clamp_(-50, 50),
                a.map((v) => Math.min(Math.max(v, -50), 50)),
              ),
            () => views.push([y.flip(0), b.toReversed()]),
            () => views.push([x.at("1:"), a.slice(1)]),
            () => assign(x.set("::2", y.at(":2")), [b[0]!, a[1]!, b[1]!]),
            () => assign(x.zero_(), [0, 0, 0]),
          ];
          actions[op]!();
          if (isRead) expect(numbers(tensors[source]!)).toEqual(models[source]);
        }
        expect(tensors.map(numbers)).toEqual(models);
        for (const [view, values] of views) expect(numbers(view)).toEqual(values);
      }),
      runs,
    );
  });
});

describe("laziness", () => {
  type Instruction = { op: number; a: number; b: number; isRead: boolean };
  const programs = fc.array(
    fc.record({ op: fc.nat(13), a: fc.nat(1000), b: fc.nat(1000), isRead: fc.boolean() }),
    {
      minLength: 1,
      maxLength: 40,
    },
  );

  /** Runs a program over a growing list of tensors of one shape, and gives the bits of all of them. */
  function execute(
    program: readonly Instruction[],
    reads: boolean,
    dtype: "float32" | "float64",
  ): number[][] {
    const random = randomSource(3);
    const start = () =>
      toTensor({ shape: [3, 5], data: Array.from({ length: 15 }, () => random() * 2 - 1) }, dtype, true);
    const leaves = [start(), start()];
    const all: Tensor[] = leaves.map((leaf) => leaf.mul(1));
    for (const { op, a, b, isRead } of program) {
      const [x, y] = [all[a % all.length]!, all[b % all.length]!];
      const choices = [
        () => x.add(y),
        () => x.mul(y).mul(0.5),
        () => x.sin(),
        () => x.tanh().sub(y),
        () => x.sum(1, { keepdim: true }).div(5).add(y),
        () => x.amax(0).mul(y),
        () => x.flip(1).add(y.flip(0)),
        () => x.at(":", "1:").pad([1, 0]),
        () => x.matmul(y.T).matmul(y).mul(0.1),
        () => cat([x.at("1:"), y.at(":1")]),
        () => x.T.reshape(3, 5).add(0.25),
        () => x.clone().set([1, "::2"], y.at(0, ":3")),
        () => x.clamp(-0.75, y),
        () => x.gt(y).where(x, y.mul(0.5)),
      ];
      const made = choices[op]!();
      all.push(made);
      if (reads && isRead) all[(a + b) % all.length]!.dataSync();
      if (all.length > 8) all.splice(2, 1);
    }
    const loss = all.reduce((total, x) => total.add(x), all[0]!).mean();
    if (reads && program[0]!.isRead) loss.item();
    loss.backward();
    if (reads && program[0]!.isRead) leaves[0]!.grad!.dataSync();
    return [...all, loss, ...leaves.map((leaf) => leaf.grad!)].map(numbers);
  }

  test.each(["float32", "float64"] as const)("when a value is read changes no bit, in %s", (dtype) => {
    fc.assert(
      fc.property(programs, (program) => {
        const eager = execute(program, true, dtype);
        const lazy = execute(program, false, dtype);
        expect(eager).toEqual(lazy);
      }),
      { ...runs, numRuns: 200 },
    );
  });

  test("10,000 ops without a read, forward and backward", () => {
    const x = tensor([0.5, -0.25], { dtype: "float64", requiresGrad: true });
    let y: Tensor = x;
    for (let i = 0; i < 10_000; ++i) y = i % 2 === 0 ? y.mul(1.0001) : y.add(1e-5);
    const [value, slope] = [
      [0.5, -0.25],
      [1, 1],
    ];
    for (let i = 0; i < 10_000; ++i)
      for (const k of [0, 1]) {
        if (i % 2 === 0) [value[k], slope[k]] = [value[k]! * 1.0001, slope[k]! * 1.0001];
        else value[k]! += 1e-5;
      }
    y.sum().backward();
    expectClose(numbers(x.grad!), slope, 1e-11, 0, "gradient");
    expectClose(numbers(y), value, 1e-11, 0, "value");
  });

  test("10,000 nonlinear ops, whose gradients need every value on the way", () => {
    const x = tensor([0.3, 0.7], { dtype: "float64", requiresGrad: true });
    let y: Tensor = x;
    const [value, slope] = [
      [0.3, 0.7],
      [1, 1],
    ];
    for (let i = 0; i < 10_000; ++i) {
      y = y.mul(y.sub(1)).neg().mul(3.2);
      for (const k of [0, 1]) {
        slope[k] = slope[k]! * 3.2 * (1 - 2 * value[k]!);
        value[k] = 3.2 * value[k]! * (1 - value[k]!);
      }
    }
    y.sum().backward();
    expectClose(numbers(y), value, 1e-9, 0, "value");
    expectClose(numbers(x.grad!), slope, 1e-6, 0, "gradient");
  });

  test("a chain of 100,000 that nobody reads is let go without overflow", () => {
    const x = tensor([1], { requiresGrad: true });
    let y: Tensor = x;
    for (let i = 0; i < 100_000; ++i) y = y.mul(1);
    y.dispose();
    let plain: Tensor = tensor([1]);
    for (let i = 0; i < 100_000; ++i) plain = plain.neg();
    expect(plain.item()).toBe(1);
  });

  test("a wide sum of 10,000 terms", () => {
    const x = tensor([1, 2], { dtype: "float64", requiresGrad: true });
    let total = zeros([2], { dtype: "float64" });
    for (let i = 0; i < 10_000; ++i) total = total.add(x.mul(i % 7));
    total.sum().backward();
    const expected = Array.from({ length: 10_000 }, (_, i) => i % 7).reduce((a, b) => a + b);
    expect(numbers(total)).toEqual([expected, 2 * expected]);
    expect(numbers(x.grad!)).toEqual([expected, expected]);
  });
});

describe("conversion to integers", () => {
  const lowest = { int32: -(2 ** 31), int64: -(2n ** 63n) } as const;

  test.each(["int32", "int64"] as const)(
    "%s takes elements that it cannot hold as its lowest value",
    (dtype) => {
      for (const value of [NaN, Infinity, -Infinity, 1e30]) {
        expect(tensor([value]).to(dtype).item()).toEqual(lowest[dtype]);
      }
      expect(tensor([-2.75, 2.75]).to(dtype).toArray()).toEqual(dtype === "int64" ? [-2n, 2n] : [-2, 2]);
    },
  );

  test("uint8 wraps", () => {
    expect(tensor([-1, 256.5, 300]).to("uint8").toArray()).toEqual([255, 0, 44]);
  });
});
