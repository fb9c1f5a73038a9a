import fc from "fast-check";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  arange,
  engineStats,
  explain,
  getNumThreads,
  ones,
  realize,
  setNumThreads,
  tensor,
  zeros,
  type Tensor,
} from "../../lib/index.js";
import { native } from "../../lib/native.js";
import { atMost } from "../helpers/effort.js";
import { digest, largeResults } from "../helpers/large-graphs.js";
import { results, type Graph } from "../helpers/random-graphs.js";
import { isClose, numbers } from "../helpers/reference.js";

// Kernels are counted here, and compared with those of every op alone: the environment has no say.
beforeEach(() => native.setFused(true));
afterEach(() => native.setFused(true));
const usualThreads = getNumThreads();
afterEach(() => setNumThreads(usualThreads));

const graphs: fc.Arbitrary<Graph> = fc.record({
  shape: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 3 }),
  instructions: fc.array(
    fc.record({ op: fc.nat(99), a: fc.nat(99), b: fc.nat(99), p: fc.nat(99), q: fc.nat(99) }),
    { minLength: 1, maxLength: 14 },
  ),
  reads: fc.array(fc.nat(13), { maxLength: 3 }),
});

describe("random graphs", () => {
  test("give the same bits fused and op by op, whatever is read when", { timeout: 300_000 }, () => {
    fc.assert(
      fc.property(graphs, (graph) => {
        native.setFused(true);
        const fused = results(graph, "float32");
        const unread = results({ ...graph, reads: [] }, "float32");
        native.setFused(false);
        expect(fused).toEqual(results(graph, "float32"));
        expect(unread).toEqual(fused.slice(fused.length - unread.length));
      }),
      { numRuns: atMost(400, 60) },
    );
  });

  test("in float32 are float64's, rounded", { timeout: 300_000 }, () => {
    fc.assert(
      fc.property(graphs, (graph) => {
        // A value at a kink may fall to either side.
        const smooth = {
          ...graph,
          instructions: graph.instructions.filter(({ op, p }) => op % 5 !== 1 || p % 7 < 5),
        };
        const single = results(smooth, "float32").flat();
        const double = results(smooth, "float64").flat();
        const wrong = single.findIndex((value, i) => !isClose(value, double[i]!, 2e-3, 2e-4));
        expect(wrong, `${single[wrong]} instead of ${double[wrong]}`).toBe(-1);
      }),
      { numRuns: atMost(200, 40) },
    );
  });
});

describe("random graphs over many elements", () => {
  const digests = (seed: number, isFused: boolean, threads: number): string => {
    native.setFused(isFused);
    setNumThreads(threads);
    return digest(largeResults(seed));
  };
  const seeds = Array.from({ length: atMost(45, 5) }, (_, i) => 1000 + i);
  let usual: string[];
  beforeAll(() => (usual = seeds.map((seed) => digests(seed, true, 4))), 300_000);

  test("are no two alike", () => expect(new Set(usual).size).toBe(seeds.length));

  test.each([
    ["op by op", false, 4],
    ["on one thread", true, 1],
    ["on three threads", true, 3],
  ])("give the same bits %s", (_, isFused, threads) => {
    expect(seeds.map((seed) => digests(seed, isFused, threads))).toEqual(usual);
  });
});

/** The number of kernels that computing these takes. */
const kernels = (wanted: Tensor | Tensor[]): number => {
  const before = engineStats().kernels;
  realize(wanted);
  return engineStats().kernels - before;
};

const x = (): Tensor => arange(4096).div(4096).reshape([64, 64]).clone();
const leaf = (): Tensor => {
  const made = x();
  realize(made);
  return made.requiresGrad_();
};

describe("one kernel computes", () => {
  test("a chain, with its broadcasts, slices, flips and permutations", () => {
    const a = leaf().detach();
    expect(
      kernels(
        a
          .transpose(0, 1)
          .mul(a.narrow(0, 3, 1))
          .add(a.flip([1]))
          .sin(),
      ),
    ).toBe(1);
  });

  test("a part of a value in another shape", () => {
    const a = leaf().detach();
    expect(kernels(a.reshape(-1).narrow(0, 50, 100).mul(2))).toBe(1);
    expect(a.reshape(-1).narrow(0, 62, 4).toArray()).toEqual([62, 63, 64, 65].map((i) => i / 4096));
  });

  test("a pad, and a sum of pads", () => {
    const a = leaf().detach();
    expect(
      kernels(
        a
          .pad([1, 2, 3, 4])
          .mul(2)
          .add(a.pad([3, 0, 0, 7])),
      ),
    ).toBe(1);
  });

  test.each([[null], [0], [1]])("a value and its gradient, summed over %s", (dim) => {
    const a = leaf();
    const value = a.square().div(20).add(a.sin().tanh()).sum(dim);
    value.backward(ones(value.shape));
    expect(kernels([value, a.grad!])).toBe(1);
  });

  test.each([[0], [1]])("softmax, and its gradient, along %s", (dim) => {
    const softmax = (a: Tensor): Tensor => {
      const e = a.sub(a.amax(dim, { keepdim: true })).exp();
      return e.div(e.sum(dim, { keepdim: true }));
    };
    expect(kernels(softmax(leaf().detach()))).toBe(1);
    const a = leaf();
    const seed = x();
    realize(seed);
    softmax(a).backward(seed);
    expect(kernels(a.grad!)).toBeLessThanOrEqual(2);
  });

  test("the gradient of Rosenbrock's function", () => {
    const a = arange(1000).div(500).clone();
    realize(a);
    a.requiresGrad_();
    const [head, tail] = [a.narrow(0, 0, 999), a.narrow(0, 1, 999)];
    const f = tail.sub(head.square()).square().mul(100).add(head.rsub(1).square()).sum();
    f.backward();
    expect(kernels(a.grad!)).toBe(2); // the value is one of its own
  });
});

describe("the plan cache", () => {
  test("has no miss after the third iteration, whatever the numbers and the data", () => {
    let state = zeros([16]);
    const misses: number[] = [];
    for (let i = 0; i < 8; ++i) {
      const before = engineStats().planMisses;
      const data = tensor(Float32Array.from({ length: 16 }, (_, k) => k * i));
      state = state
        .mul(1 / (i + 1))
        .add(data.mul(i))
        .sub(i);
      realize(state);
      state.sum().item();
      misses.push(engineStats().planMisses - before);
    }
    expect(misses.slice(3)).toEqual([0, 0, 0, 0, 0]);
    expect(engineStats().planHits).toBeGreaterThan(0);
  });
});

describe("unusual graphs", () => {
  test("rows and columns that a reshape merges", () => {
    const rows = arange(18).to("float64").reshape([3, 6]).clone();
    const scale = tensor([[1], [10], [100]], { dtype: "float64", requiresGrad: true });
    const a = tensor([1, 2, 3, 4]).reshape([2, 2]).clone();
    realize([rows, scale, a]);
    expect(a.reshape([-1]).mul(12).div(a.sum(1).at(0)).toArray()).toEqual([4, 8, 12, 16]);
    const centered = rows.sub(rows.mean(1, { keepdim: true })).reshape([3, 2, 3]);
    expect(centered.square().sum(2).toArray()).toEqual(Array.from({ length: 3 }, () => [8.75, 8.75]));
    const scaled = rows.mul(scale).reshape([3, 2, 3]).sum(2);
    expect(scaled.detach().toArray()).toEqual([
      [3, 12],
      [210, 300],
      [3900, 4800],
    ]);
    scaled.square().sum().backward();
    expect(numbers(scale.grad!)).toEqual([306, 26820, 765000]);
  });

  test("a stepped assignment over a view that lies in no order", () => {
    const view = tensor([1, 2, 3, 4, 5, 6]).reshape([3, 2]).at("0:1", ":");
    expect(view.clone().set(["0:1:2", ":"], view).toArray()).toEqual([[1, 2]]);
  });

  test.each([true, false])("every other element of sums is replaced, fused %s", (isFused) => {
    native.setFused(isFused);
    const a = arange(8000).reshape(2000, 4).clone();
    realize(a);
    const sums = a.sum(1).set("::2", 7);
    const expected = Array.from({ length: 2000 }, (_, i) => (i % 2 === 0 ? 7 : 16 * i + 6));
    expect(numbers(sums)).toEqual(expected);
  });

  test("chains of 10,000 ops without a read", () => {
    let value = ones([3]);
    for (let i = 0; i < 10_000; ++i) value = value.mul(1.0001).add(0.0001);
    expect(numbers(value)[0]!).toBeCloseTo(1.0001 ** 10_000 + (1.0001 ** 10_000 - 1), 1);
  });

  test("a value squared thirty times over is shared, not spread out", () => {
    let value = ones([5]);
    for (let i = 0; i < 30; ++i) value = value.mul(value);
    expect(numbers(value)).toEqual([1, 1, 1, 1, 1]);
  });

  test("32 dimensions", () => {
    const shape = Array.from({ length: 32 }, (_, i) => (i % 11 === 0 ? 2 : 1));
    const a = ones(shape);
    expect(a.flip([0]).add(a.transpose(0, 11)).sum().item()).toBe(16);
  });

  test("sizes of zero", () => {
    const empty = zeros([0, 3]);
    expect(empty.sum(0).add(1).toArray()).toEqual([1, 1, 1]);
    expect(empty.sum(1).shape).toEqual([0]);
    expect(empty.mul(2).sum().add(1).item()).toBe(1);
    expect(
      zeros([3, 0])
        .matmul(zeros([0, 2]))
        .add(1)
        .toArray(),
    ).toEqual([
      [1, 1],
      [1, 1],
      [1, 1],
    ]);
  });
});

describe("explain", () => {
  test("tells kernels, ops, buffers and bytes, and computes nothing", () => {
    const a = leaf();
    const loss = a.mul(2).tanh().sum();
    const before = engineStats().runs;
    expect(explain(loss)).toBe(
      "1 kernel, 1 buffer of 4 B in all, 16.4 kB read and written\n" +
        "kernel 1, over 1 row of 4096: mul, tanh, sum\n" +
        "  reads float32 [64, 64]\n" +
        "  writes float32 []\n",
    );
    expect(engineStats().runs).toBe(before);
  });
});

test("a part takes the place of values that are reduced over nothing", () => {
  const empty = () => zeros([0, 4]);
  const made: [Tensor, unknown[]][] = [
    [empty().sum(0).set(0, 5), [5, 0, 0, 0]],
    [empty().sum(0).clone().set("1:3", 2).add(1), [1, 3, 3, 1]],
    [
      empty()
        .sum(0)
        .sliceScatter(ones([1]), 0, { start: 0, end: 1 }),
      [1, 0, 0, 0],
    ],
    [empty().any(0).set(0, true), [true, false, false, false]],
    [empty().mean(0).clone().set(":", 5), [5, 5, 5, 5]],
  ];
  for (const [x, expected] of made) expect(x.toArray()).toEqual(expected);
});
