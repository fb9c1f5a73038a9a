import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  arange,
  engineStats,
  explain,
  eye,
  linspace,
  realize,
  tensor,
  where,
  type DType,
  type Tensor,
} from "../../lib/index.js";
import { native } from "../../lib/native.js";
import { atMost } from "../helpers/effort.js";
import { build, expectPlain, numbers, positions, read, toTensor, type Plain } from "../helpers/reference.js";

beforeEach(() => native.setFused(true));
afterEach(() => native.setFused(true));

const dtypes: DType[] = ["float32", "float64", "int32", "int64", "uint8", "bool"];

/** A number as an element of the dtype: truncated, wrapped or rounded. */
function as(dtype: DType, value: number): number {
  if (dtype === "float64") return value;
  if (dtype === "float32") return Math.fround(value);
  const whole = BigInt(Math.trunc(value));
  if (dtype === "bool") return Number(whole !== 0n);
  return Number(dtype === "int64" ? whole : dtype === "int32" ? BigInt.asIntN(32, whole) : whole & 255n);
}
const isFloat = (dtype: DType): boolean => dtype.startsWith("float");

/** The same bits: minus zero is another number than zero. */
const expectBits = (actual: Tensor, expected: number[]): void => expect(numbers(actual)).toEqual(expected);

const someNumber = fc.oneof(
  fc.integer({ min: -300, max: 300 }),
  fc.constant(0),
  fc.double({ min: -1e6, max: 1e6, noNaN: true }),
  fc.double({ min: -1e-3, max: 1e-3, noNaN: true }),
);

describe.each([true, false])("regular numbers, fused %s,", (isFused) => {
  const runs = { numRuns: atMost(300, 30) };
  beforeEach(() => native.setFused(isFused));

  test("are start + i * step", () => {
    const step = fc.oneof(fc.constant(1), someNumber);
    fc.assert(
      fc.property(someNumber, step, fc.nat(70), fc.constantFrom(...dtypes), (start, by, n, dtype) => {
        fc.pre(Math.abs(by) > 1e-9);
        // int64 counts by whole numbers, which are none where the step is a fraction.
        const isWhole = dtype === "int64";
        fc.pre(!isWhole || Math.trunc(by) !== 0);
        const end = start + n * by;
        const count = isWhole
          ? Math.ceil((Math.trunc(end) - Math.trunc(start)) / Math.trunc(by))
          : Math.ceil((end - start) / by);
        const [p, q] = isFloat(dtype) ? [start, by] : [Math.trunc(start), Math.trunc(by)];
        expectBits(
          arange(start, end, by, { dtype }),
          Array.from({ length: count }, (_, i) => as(dtype, p + i * q)),
        );
      }),
      runs,
    );
  });

  test("come from both ends between two of them", () => {
    fc.assert(
      fc.property(someNumber, someNumber, fc.nat(70), fc.constantFrom(...dtypes), (from, to, n, dtype) => {
        // Integers take what is whole of the bounds.
        const [start, end] =
          isFloat(dtype) || dtype === "bool" ? [from, to] : [Math.trunc(from), Math.trunc(to)];
        const step = n > 1 ? (end - start) / (n - 1) : 0;
        const last = n > 1 ? end : start;
        const at = (i: number): number =>
          i < Math.floor(n / 2) ? start + step * i : last - step * (n - 1 - i);
        expectBits(
          linspace(from, to, n, { dtype }),
          Array.from({ length: n }, (_, i) => (dtype === "bool" ? Number(at(i) !== 0) : as(dtype, at(i)))),
        );
      }),
      runs,
    );
  });

  test("are ones on a diagonal", () => {
    fc.assert(
      fc.property(fc.nat(20), fc.nat(20), fc.constantFrom(...dtypes), (n, m, dtype) => {
        const made = eye(n, m, { dtype });
        expect(made.dtype).toBe(dtype);
        expectPlain(
          made,
          build([n, m], ([i, j]) => Number(i === j)),
          `${n} x ${m}`,
        );
      }),
      runs,
    );
  });
});

// --- views, of tensors and of plain arrays

interface View {
  kind: number;
  p: number;
  q: number;
}

/** The elements that `from` names by their positions in the array before. */
const moved = (before: Plain, shape: number[], from: (position: number[]) => number[]): Plain =>
  build(shape, (position) => read(before, from(position)));

const views: ((x: Tensor, plain: Plain, p: number, q: number) => [Tensor, Plain])[] = [
  (x, plain, p) => {
    const dim = p % x.ndim;
    const last = x.shape[dim]! - 1;
    return [x.flip([dim]), moved(plain, plain.shape, (at) => at.map((i, k) => (k === dim ? last - i : i)))];
  },
  (x, plain, p, q) => {
    const [a, b] = [p % x.ndim, q % x.ndim];
    const swap = <T>(list: T[]): T[] => list.map((own, k) => list[k === a ? b : k === b ? a : k] ?? own);
    return [x.transpose(a, b), moved(plain, swap(plain.shape), swap)];
  },
  (x, plain, p, q) => {
    const dim = p % x.ndim;
    const start = q % x.shape[dim]!;
    const length = Math.max(1, x.shape[dim]! - start - (q % 2));
    const shape = plain.shape.with(dim, length);
    return [
      x.narrow(dim, start, length),
      moved(plain, shape, (at) => at.map((i, k) => (k === dim ? i + start : i))),
    ];
  },
  (x, plain, p) => {
    const dim = p % x.ndim;
    const shape = plain.shape.with(dim, Math.ceil(plain.shape[dim]! / 2));
    return [
      x.at(...x.shape.map((_, k) => (k === dim ? ("::2" as const) : (":" as const)))),
      moved(plain, shape, (at) => at.map((i, k) => (k === dim ? 2 * i : i))),
    ];
  },
  (x, plain, p) => {
    const dim = p % (x.ndim + 1);
    if (plain.data.length > 500) return [x, plain];
    const shape = plain.shape.toSpliced(dim, 0, 2);
    return [x.unsqueeze(dim).expand(...shape), moved(plain, shape, (at) => at.toSpliced(dim, 1))];
  },
  (x, plain) => [x.reshape(-1), { shape: [plain.data.length], data: plain.data }],
  (x, plain, p) => {
    const size = [2, 3, 5].find((factor) => plain.data.length % factor === 0) ?? 1;
    const shape = p % 2 === 0 ? [size, plain.data.length / size] : [plain.data.length / size, size];
    return [x.reshape(shape), { shape, data: plain.data }];
  },
  (x, plain, p, q) => {
    const [before, after] = [p % 3, q % 3];
    const size = plain.shape.at(-1)!;
    const shape = plain.shape.with(-1, before + size + after);
    const padded = build(shape, (at) => {
      const i = at.at(-1)! - before;
      return i >= 0 && i < size ? read(plain, at.with(-1, i)) : 7;
    });
    return [x.pad([before, after], { value: 7 }), padded];
  },
];

const chains = fc.record({
  count: fc.integer({ min: 1, max: 60 }),
  dtype: fc.constantFrom<DType>("float32", "float64", "int32", "int64"),
  chain: fc.array(fc.record<View>({ kind: fc.nat(views.length - 1), p: fc.nat(99), q: fc.nat(99) }), {
    maxLength: 6,
  }),
});

describe("positions under views", () => {
  test.each([true, false])("are what is counted, in kernels that compute, fused %s", (isFused) => {
    native.setFused(isFused);
    fc.assert(
      fc.property(chains, ({ count, dtype, chain }) => {
        let x = arange(count, { dtype });
        let plain = build([count], ([i]) => i!);
        for (const { kind, p, q } of chain) [x, plain] = views[kind]!(x, plain, p, q);
        const wave = build(plain.shape, (at) => at.reduce((sum, i, k) => sum + (k + 2) * i, 1) % 11);
        const stored = toTensor(wave, dtype);
        realize(stored);
        const chosen = where(x.gt(count / 2), x.add(stored), stored);
        const at = JSON.stringify(chain);
        const value = (i: number): number => {
          const own = plain.data[i]!;
          return own > count / 2 ? own + wave.data[i]! : wave.data[i]!;
        };
        const expected = { shape: plain.shape, data: plain.data.map((_, i) => value(i)) };
        expectPlain(chosen, expected, at);
        const rows = expected.shape.at(-1)!;
        const sums = build(expected.shape.slice(0, -1), (position) =>
          Array.from({ length: rows }, (_, i) => read(expected, [...position, i])).reduce((a, b) => a + b, 0),
        );
        expectPlain(chosen.sum(-1), sums, at);
        // What is read of them alone.
        expectPlain(x, plain, at);
      }),
      { numRuns: atMost(300, 30) },
    );
  });

  test("far from the start, and backwards", () => {
    const far = arange(3_000_000, { dtype: "int64" });
    expect(far.narrow(0, 2_999_990, 4).flip([0]).mul(2).toArray()).toEqual([
      5999986n,
      5999984n,
      5999982n,
      5999980n,
    ]);
    expect(Number(far.flip([0]).at(5).item())).toBe(2999994);
    expect(Number(far.reshape([1000, 3000]).transpose(0, 1).at(2999, 999).item())).toBe(2999999);
  });

  test("without elements, of one, and of a product", () => {
    expect(arange(0).add(1).toArray()).toEqual([]);
    expect(arange(0).sum().item()).toBe(0);
    expect(arange(5).narrow(0, 2, 0).sum().item()).toBe(0);
    expect(eye(0, 4).sum(0).toArray()).toEqual([0, 0, 0, 0]);
    expect(arange(1).reshape([]).add(3).item()).toBe(3);
    expect(arange(6).reshape([2, 3]).matmul(arange(3)).toArray()).toEqual([5, 14]);
    expect(arange(6).reshape([3, 2]).transpose(0, 1).matmul(eye(3)).toArray()).toEqual([
      [0, 2, 4],
      [1, 3, 5],
    ]);
  });
});

/** The number of kernels that computing these takes. */
const kernels = (wanted: Tensor | Tensor[]): number => {
  const before = engineStats().kernels;
  realize(wanted);
  return engineStats().kernels - before;
};
const stored = (rows: number, columns: number): Tensor => {
  const made = toTensor(
    build([rows, columns], ([i, j]) => ((7 * i! + 3 * j!) % 5) - 2),
    "float32",
  );
  realize(made);
  return made;
};

describe("one kernel, without an array of positions,", () => {
  test("finds where the largest element lies", () => {
    const x = stored(5, 4);
    const argmax = (): Tensor => where(x.eq(x.amax(1, { keepdim: true })), arange(4), 4).amin(1);
    expect(explain(argmax())).toBe(
      "1 kernel, 2 buffers of 40 B in all, 120 B read and written\n" +
        "kernel 1, over 5 rows of 4: amax, eq, position, where, amin\n" +
        "  reads float32 [5, 4]\n" +
        "  writes float32 [5, 1], float32 [5]\n",
    );
    expect(kernels(argmax())).toBe(1);
    const rows = x.toArray() as number[][];
    expect(argmax().toArray()).toEqual(rows.map((row) => row.indexOf(Math.max(...row))));
    expect(kernels(where(x.eq(x.amax(0, { keepdim: true })), arange(5).unsqueeze(1), 5).amin(0))).toBe(1);
  });

  test.each([
    [6, 9],
    [9, 6],
    [300, 257],
  ])("keeps a triangle of %i x %i", (n, m) => {
    const x = stored(n, m);
    const plain: Plain = { shape: [n, m], data: numbers(x) };
    const lower = where(arange(n).unsqueeze(1).ge(arange(m)), x, 0);
    expect(kernels(lower)).toBe(1);
    const expected = build([n, m], (at) => (at[0]! >= at[1]! ? read(plain, at) : 0));
    expectPlain(lower, expected, "lower");
    const sums = where(arange(n).unsqueeze(1).lt(arange(m)), x, 0).sum(0);
    expect(kernels(sums)).toBe(1);
    const column = (j: number) =>
      Array.from({ length: n }, (_, i) => (i < j ? read(plain, [i, j]) : 0)).reduce((a, b) => a + b, 0);
    expectPlain(
      sums,
      build([m], ([j]) => column(j!)),
      "upper, summed",
    );
  });

  test("tells classes apart", () => {
    const index = tensor([2, 0, 3, 3], { dtype: "int64" });
    realize(index);
    const oneHot = index
      .unsqueeze(-1)
      .eq(arange(4, { dtype: "int64" }))
      .to("float32");
    expect(kernels(oneHot)).toBe(1);
    expectPlain(
      oneHot,
      build([4, 4], ([i, j]) => Number([2, 0, 3, 3][i!] === j)),
      "oneHot",
    );
  });

  test("makes a line, a diagonal and what is computed of them", () => {
    expect(kernels(linspace(0, 1, 1000).sin())).toBe(1);
    expect(kernels(eye(30).mul(stored(30, 30)).sum())).toBe(1);
    expect(kernels(arange(1, 5, 0.5).square().sum())).toBe(1);
    expect(kernels(arange(24).reshape([4, 6]).transpose(0, 1).flip([0]).add(1))).toBe(1);
  });

  test("however often it is asked", () => {
    const [x, places] = [stored(6, 8), arange(8)];
    for (let i = 0; i < 6; ++i) {
      const masked = where(places.lt(i), x, 0);
      expect(explain(masked)).toContain("reads float32 [6, 8]\n");
      expect(kernels(masked)).toBe(1);
    }
  });
});

describe("positions", () => {
  test("that are wanted beside what is made of them are both", () => {
    const places = arange(8);
    const [x, wanted] = [stored(3, 8), places.mul(3)];
    const masked = where(places.gt(2), x, wanted);
    realize([places, wanted, masked]);
    expectBits(places, [0, 1, 2, 3, 4, 5, 6, 7]);
    expectBits(wanted, [0, 3, 6, 9, 12, 15, 18, 21]);
    expectPlain(
      masked,
      build([3, 8], (at) => (at[1]! > 2 ? numbers(x)[8 * at[0]! + at[1]!]! : 3 * at[1]!)),
      "masked",
    );
  });

  test("of several lengths are told in one launch", () => {
    const lengths = [3, 70, 0, 500, 2];
    const made = lengths.map((n) => arange(n));
    expect(kernels(made)).toBe(1);
    for (const [i, n] of lengths.entries()) expectBits(made[i]!, [...Array(n).keys()]);
  });

  test("are no reason for what has nothing to do with another to share a kernel", () => {
    const places = arange(8);
    const [x, y] = [stored(3, 8), stored(3, 8)];
    const masked = [x, y].map((own) => where(places.gt(2), own, 0).sum(1).sin());
    expect(explain(masked)).not.toContain("2 x float32 [3, 8]");
  });

  test.each([true, false])("carry the gradient of what they choose, fused %s", (isFused) => {
    native.setFused(isFused);
    const x = stored(4, 6).requiresGrad_();
    const chosen = where(arange(4).unsqueeze(1).ge(arange(6)), x, 0);
    chosen.square().sum().backward();
    const values = numbers(x.detach());
    const expected = positions([4, 6]).map(([i, j], k) => (i! >= j! ? 2 * values[k]! : 0));
    expectPlain(x.grad!, { shape: [4, 6], data: expected }, "gradient");
    expect(arange(3).requiresGrad).toBe(false);
    const leaf = arange(3).requiresGrad_();
    leaf.mul(2).sum().backward();
    expectBits(leaf.grad!, [2, 2, 2]);
  });
});
