// Distributions made of rand and randn: moments and frequencies with fixed seeds, edges, and messages.
import { beforeEach, describe, expect, test } from "vitest";
import {
  bernoulli,
  getNumThreads,
  manualSeed,
  multinomial,
  normal,
  rand,
  randint,
  randintLike,
  randLike,
  randnLike,
  randperm,
  setNumThreads,
  tensor,
  zeros,
  type DType,
  type Tensor,
} from "adjoint";
import { errorOf, expectClose, numbers } from "../helpers/reference.js";

beforeEach(() => manualSeed(3));

const count = 40_000;
const many = (dtype: DType = "float64") => zeros([count], { dtype });
const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
/** How far frequencies are from what is expected, in chi square; of `cells` it should be about as many. */
function chiSquare(values: readonly number[], probabilities: readonly number[]): number {
  const seen = probabilities.map(() => 0);
  for (const value of values) seen[value]! += 1;
  return probabilities.reduce((sum, p, i) => {
    const expected = p * values.length;
    return expected === 0 ? sum + seen[i]! * 1e9 : sum + (seen[i]! - expected) ** 2 / expected;
  }, 0);
}
/** The part of values that a limit is above, which is the distribution's there. */
function expectBelow(values: readonly number[], limits: readonly [limit: number, part: number][]): void {
  for (const [limit, part] of limits) {
    const found = values.filter((value) => value < limit).length / values.length;
    expect(Math.abs(found - part), `below ${limit}`).toBeLessThan(0.01);
  }
}

describe("continuous numbers", () => {
  test.each(["float32", "float64"] as const)("in place of %s", (dtype) => {
    const draw = (fill: (x: Tensor) => Tensor): number[] => {
      const x = many(dtype);
      expect(fill(x)).toBe(x);
      expect(x.dtype).toBe(dtype);
      return numbers(x);
    };
    const uniform = draw((x) => x.uniform_(-1, 3));
    expect(uniform.every((value) => value >= -1 && value < 3)).toBe(true);
    expectBelow(uniform, [
      [0, 0.25],
      [2, 0.75],
    ]);
    expectBelow(
      draw((x) => x.normal_(2, 0.5)),
      [
        [2, 0.5],
        [2.5, 0.8413],
        [1, 0.0228],
      ],
    );
    const exponential = draw((x) => x.exponential_(2));
    expect(exponential.every((value) => value >= 0 && Number.isFinite(value))).toBe(true);
    expectBelow(exponential, [
      [Math.LN2 / 2, 0.5],
      [1.5, 1 - Math.exp(-3)],
    ]);
    expectBelow(
      draw((x) => x.cauchy_(1, 2)),
      [
        [1, 0.5],
        [3, 0.75],
        [-1, 0.25],
      ],
    );
    expectBelow(
      draw((x) => x.logNormal_(0.5, 0.25)),
      [
        [Math.exp(0.5), 0.5],
        [Math.exp(0.75), 0.8413],
      ],
    );
  });

  test("normal takes numbers and tensors", () => {
    const drawn = normal(3, 0.5, [count], { dtype: "float64" });
    expectBelow(numbers(drawn), [
      [3, 0.5],
      [3.5, 0.8413],
    ]);
    const means = tensor([0, 10], { dtype: "float64", requiresGrad: true });
    const both = normal(means, tensor([[0], [2]], { dtype: "float64" }));
    expect([both.shape, both.dtype, both.requiresGrad]).toEqual([[2, 2], "float64", false]);
    expect(numbers(both.select(0, 0))).toEqual([0, 10]);
    expect(normal(tensor([5]), 0).item()).toBe(5);
    expect(normal(5, tensor([0, 0])).shape).toEqual([2]);
    expect(normal(0, 1, [2], { requiresGrad: true }).requiresGrad).toBe(true);
  });

  test("like another tensor are on its device, in its shape and dtype", () => {
    const like = zeros([2, 3], { dtype: "float64" });
    for (const made of [randLike(like), randnLike(like)])
      expect([made.shape, made.dtype]).toEqual([[2, 3], "float64"]);
    expect(randLike(like, { dtype: "float32" }).dtype).toBe("float32");
    expect(randLike(like, { dtype: undefined as never, requiresGrad: true }).requiresGrad).toBe(true);
    expect(errorOf(() => randLike(like, 5 as unknown as object)).code).toBe("ERR_OPTION");
    expect(randintLike(like, 5, 7).dtype).toBe("float64");
    manualSeed(4);
    const first = numbers(randLike(like));
    manualSeed(4);
    expect(numbers(rand([2, 3], { dtype: "float64" }))).toEqual(first);
  });
});

describe("whole numbers", () => {
  test("are each as likely as any other", () => {
    const drawn = randint(-2, 4, [count]);
    expect(drawn.dtype).toBe("int64");
    expect(chiSquare(numbers(drawn.add(2)), new Array<number>(6).fill(1 / 6))).toBeLessThan(20);
    const other = numbers(many("uint8").random_());
    expect(chiSquare(other, new Array<number>(256).fill(1 / 256))).toBeLessThan(330);
    expect(new Set(numbers(many("bool").random_()))).toEqual(new Set([0, 1]));
    expect(new Set(numbers(many("int32").random_(7, 9)))).toEqual(new Set([7, 8]));
    expect(new Set(numbers(many("float32").random_(2)))).toEqual(new Set([0, 1]));
  });

  test("have all their bits", () => {
    const low = 2n ** 62n + 1n;
    const drawn = randint(low, low + 4n, [1000]).dataSync<BigInt64Array>();
    expect(new Set(drawn)).toEqual(new Set([low, low + 1n, low + 2n, low + 3n]));
    const wide = randint(-(2n ** 62n), 2n ** 62n, [1000]).dataSync<BigInt64Array>();
    expect(wide.every((value) => value >= -(2n ** 62n) && value < 2n ** 62n)).toBe(true);
    expect(Math.abs(mean(Array.from(wide, (value) => Number(value) / 2 ** 62)))).toBeLessThan(0.06);
    for (let bit = 0n; bit < 62n; ++bit) {
      const set = wide.reduce((sum, value) => sum + Number((value >> bit) & 1n), 0);
      expect(Math.abs(set - 500), `bit ${bit}`).toBeLessThan(80);
    }
    const odd = randint(3n * 2n ** 53n, [1000]).dataSync<BigInt64Array>();
    expect(odd.every((value) => value >= 0n && value < 3n * 2n ** 53n)).toBe(true);
    const all = zeros([1000], { dtype: "int64" }).random_().dataSync<BigInt64Array>();
    expect(all.every((value) => value >= 0n)).toBe(true);
    expect(all.some((value) => value > 2n ** 62n)).toBe(true);
  });

  test("take a shape as a number or a list", () => {
    expect(randint(3, 4).shape).toEqual([4]);
    expect(randint(3, [2, 2]).shape).toEqual([2, 2]);
    expect(randint(1, 3, 4).shape).toEqual([4]);
    expect(randint(1, 3, []).shape).toEqual([]);
    expect(randint(3, [2], { dtype: "float32" }).dtype).toBe("float32");
    expect(randint(1, 3, 4, { dtype: "uint8" }).dtype).toBe("uint8");
    expect(numbers(randint(5, 6, [3]))).toEqual([5, 5, 5]);
    expect(randint(3, [0]).shape).toEqual([0]);
  });

  test("in random order are each there once", () => {
    expect(randperm(0).shape).toEqual([0]);
    expect(randperm(5, { dtype: "int32" }).dtype).toBe("int32");
    const order = numbers(randperm(1000));
    expect([...order].sort((a, b) => a - b)).toEqual([...Array(1000).keys()]);
    expect(order).not.toEqual([...Array(1000).keys()]);
    const orders = Array.from({ length: 3000 }, () => {
      const [a, b] = numbers(randperm(3));
      return 2 * a! + (b! > (a === 0 ? 1 : 0) ? 1 : 0);
    });
    expect(chiSquare(orders, new Array<number>(6).fill(1 / 6))).toBeLessThan(20);
  });

  test("of trials until a success", () => {
    const trials = numbers(many("int64").geometric_(0.3));
    expect(Math.min(...trials)).toBe(1);
    const parts = Array.from({ length: 6 }, (_, k) => 0.3 * 0.7 ** k);
    const seen = trials.map((trial) => Math.min(trial - 1, 6));
    expect(chiSquare(seen, [...parts, 1 - parts.reduce((a, b) => a + b)])).toBeLessThan(22);
  });

  test("of one trial", () => {
    const chances = tensor([0, 0.25, 1], { dtype: "float64" });
    const drawn = bernoulli(chances.expand(count, 3));
    expect(drawn.dtype).toBe("float64");
    expectClose(numbers(drawn.mean(0)), [0, 0.25, 1], 0, 0.01, "parts");
    expect(numbers(tensor([2, -1, NaN]).bernoulli())).toEqual([1, 0, 0]);
    expect(many().bernoulli({ p: 0.75 }).mean().item()).toBeCloseTo(0.75, 2);
    const x = many("int32");
    x.bernoulli_(0.1);
    expect(Math.abs(mean(numbers(x)) - 0.1)).toBeLessThan(0.01);
    const y = zeros([count, 3]);
    y.bernoulli_(chances);
    expectClose(numbers(y.mean(0)), [0, 0.25, 1], 0, 0.01, "parts in place");
  });
});

describe("categories", () => {
  const weights = [0, 3, 1, 0, 4, 2, 0];
  const parts = weights.map((weight) => weight / 10);

  test("with replacement are as frequent as their weights", () => {
    const drawn = multinomial(tensor(weights), count, { replacement: true });
    expect([drawn.shape, drawn.dtype]).toEqual([[count], "int64"]);
    expect(chiSquare(numbers(drawn), parts)).toBeLessThan(16);
    const rows = tensor([weights, [...weights].reverse()]).multinomial(count, { replacement: true });
    expect(rows.shape).toEqual([2, count]);
    expect(chiSquare(numbers(rows.select(0, 0)), parts)).toBeLessThan(16);
    expect(chiSquare(numbers(rows.select(0, 1)), [...parts].reverse())).toBeLessThan(16);
  });

  test("without replacement are drawn one after the other", () => {
    const rows = tensor(weights).expand(count, weights.length).multinomial(2);
    const pairs = numbers(rows);
    const first = pairs.filter((_, i) => i % 2 === 0);
    const second = pairs.filter((_, i) => i % 2 === 1);
    expect(first.every((category, i) => category !== second[i])).toBe(true);
    expect(chiSquare(first, parts)).toBeLessThan(16);
    const after = parts.map((_, b) =>
      parts.reduce((sum, a, i) => (i === b ? sum : sum + (a * parts[b]!) / (1 - a)), 0),
    );
    expect(chiSquare(second, after)).toBeLessThan(16);
    const whole = numbers(tensor(weights).multinomial(4));
    expect(whole.sort((a, b) => a - b)).toEqual([1, 2, 4, 5]);
  });

  test("are none where weights are none", () => {
    expect(zeros([0, 3]).multinomial(2).shape).toEqual([0, 2]);
  });
});

test("neither threads nor the order of computing change what is drawn", () => {
  const threads = getNumThreads();
  const draw = () => {
    manualSeed(11);
    const x = zeros([5000], { dtype: "float64" });
    x.exponential_();
    return [
      x,
      randperm(5000),
      randint(100, [5000]),
      tensor([1, 2, 3]).multinomial(5000, { replacement: true }),
    ];
  };
  try {
    setNumThreads(1);
    const one = draw().map(numbers);
    setNumThreads(4);
    const four = draw().reverse().map(numbers).reverse();
    expect(four).toEqual(one);
  } finally {
    setNumThreads(threads);
  }
});

describe("refusals", () => {
  const x = zeros([2]);
  test.each<[string, string, () => unknown]>([
    ["ERR_VALUE", "found from=1 > to=0", () => zeros([2]).uniform_(1, 0)],
    ["ERR_VALUE", "normal expects std >= 0.0", () => zeros([2]).normal_(0, -1)],
    ["ERR_VALUE", "lambda > 0.0", () => zeros([2]).exponential_(0)],
    ["ERR_VALUE", "in (0, 1)", () => zeros([2]).geometric_(1)],
    ["ERR_VALUE", "sigma > 0.0", () => zeros([2]).cauchy_(0, 0)],
    ["ERR_VALUE", "std > 0.0", () => zeros([2]).logNormal_(0, 0)],
    ["ERR_VALUE", "in [0, 1]", () => zeros([2]).bernoulli_(2)],
    ["ERR_DTYPE", "continuous probability distribution", () => zeros([2], { dtype: "int64" }).exponential_()],
    ["ERR_DTYPE", "'Int'", () => zeros([2], { dtype: "int32" }).normal_()],
    ["ERR_DTYPE", "'Long'", () => zeros([2], { dtype: "int64" }).bernoulli()],
    ["ERR_VALUE", "from=3 >= to=3", () => randint(3, 3, [2])],
    ["ERR_VALUE", "out of bounds for Byte", () => randint(0, 300, [2], { dtype: "uint8" })],
    ["ERR_VALUE", "out of bounds for Int", () => zeros([2], { dtype: "int32" }).random_(0, 2 ** 40)],
    ["ERR_ARGUMENT", "whole number", () => randint(0.5, [2])],
    ["ERR_VALUE", "non-negative", () => randperm(-1)],
    ["ERR_VALUE", "out of bounds for Byte", () => randperm(257, { dtype: "uint8" })],
    ["ERR_ARGUMENT", "give a shape", () => normal(0, 1, undefined as unknown as number)],
    ["ERR_ARGUMENT", "leave the size out", () => (normal as (...given: unknown[]) => Tensor)(x, 1, [2])],
    ["ERR_OPTION", "manualSeed", () => x.bernoulli({ generator: 1 } as object)],
    ["ERR_VALUE", "element < 0", () => tensor([1, -1]).multinomial(1)],
    ["ERR_VALUE", "element < 0", () => tensor([1, NaN]).multinomial(1)],
    ["ERR_VALUE", "sum of probabilities <= 0", () => x.multinomial(1)],
    ["ERR_VALUE", "not enough non-negative category", () => tensor([1, 0]).multinomial(2)],
    ["ERR_VALUE", "without replacement", () => tensor([1, 1]).multinomial(3)],
    ["ERR_VALUE", "n_sample <= 0", () => tensor([1, 1]).multinomial(0)],
    ["ERR_SHAPE", "1 or 2 dim", () => zeros([1, 1, 1]).multinomial(1)],
    ["ERR_DTYPE", "floating-point", () => zeros([2], { dtype: "int64" }).multinomial(1)],
    ["ERR_AUTOGRAD", "leaf Variable", () => zeros([2], { requiresGrad: true }).uniform_()],
  ])("%s: %s", (code, words, call) => {
    const error = errorOf(call);
    expect(error.message).toContain(words);
    expect(error.code).toBe(code);
  });
});
