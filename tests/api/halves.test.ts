// float16 and bfloat16: stored in two bytes, computed in float32, and rounded at the result of each op.
import { describe, expect, test } from "vitest";
import {
  arange,
  autograd,
  cat,
  full,
  linalg,
  linspace,
  manualSeed,
  nn,
  noGrad,
  optim,
  rand,
  randn,
  realize,
  setDefaultDtype,
  tensor,
  zeros,
  type DType,
  type Tensor,
} from "../../lib/index.js";
import { atMost, isSimulated } from "../helpers/effort.js";
import { entries, halfProblemsOf } from "../helpers/opinfo.js";
import { errorOf, numbers, randomSource } from "../helpers/reference.js";

const halves = ["float16", "bfloat16"] as const;
type Half = (typeof halves)[number];
/** Digits of the mantissa, the exponent of the least number, and the greatest number. */
const facts = {
  float16: { digits: 10, least: -24, largest: 65504 },
  bfloat16: { digits: 7, least: -133, largest: (2 - 2 ** -7) * 2 ** 127 },
};

/** The number that 16 bits stand for. */
function decoded(bits: number, dtype: Half): number {
  if (dtype === "bfloat16") return new Float32Array(Uint32Array.of(bits << 16).buffer)[0]!;
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const mantissa = bits & 1023;
  if (exponent === 31) return mantissa ? NaN : sign * Infinity;
  return sign * (exponent ? 2 ** (exponent - 25) * (1024 + mantissa) : 2 ** -24 * mantissa);
}

/** The nearest number of a dtype, of two the even one: all steps are exact. */
function nearest(value: number, dtype: Half): number {
  const { digits, least, largest } = facts[dtype];
  if (!Number.isFinite(value) || value === 0) return value;
  let exponent = Math.floor(Math.log2(Math.abs(value)));
  if (2 ** exponent > Math.abs(value)) --exponent;
  const spacing = 2 ** Math.max(exponent - digits, least);
  const scaled = value / spacing;
  const below = Math.floor(scaled);
  const rest = scaled - below;
  const whole = rest > 0.5 || (rest === 0.5 && below % 2 !== 0) ? below + 1 : below;
  const rounded = whole * spacing || value * 0;
  return Math.abs(rounded) > largest ? Math.sign(value) * Infinity : rounded;
}

const nearestOf = (values: Iterable<number>, dtype: Half) =>
  Array.from(values, (value) => nearest(value, dtype));
const sameAs = (actual: readonly number[], expected: readonly number[], what: string) => {
  expect(actual.length, what).toBe(expected.length);
  const bad = actual.findIndex((value, i) => !Object.is(value, expected[i]));
  if (bad >= 0) expect.fail(`${what}: element ${bad} is ${actual[bad]}, expected ${expected[bad]}`);
};

describe.each(halves)("%s", (dtype) => {
  const { digits, least, largest } = facts[dtype];
  const patterns = Array.from({ length: 65536 }, (_, bits) => decoded(bits, dtype));

  test("holds each of its 65536 numbers, subnormal ones, infinities and NaN", () => {
    const all = tensor(Float32Array.from(patterns), { dtype });
    expect(all.dtype).toBe(dtype);
    sameAs(numbers(all), patterns, "from float32");
    sameAs(numbers(all.to("float64").to(dtype)), patterns, "by float64");
    sameAs(numbers(all.to("float32").to(dtype)), patterns, "by float32");
    // Moved as they are.
    sameAs(
      numbers(all.flip(0).reshape(256, 256).t().contiguous().t().reshape(-1).flip(0)),
      patterns,
      "moved",
    );
  });

  /** Numbers around all edges: halves between neighbours, and beside them. */
  function edges(): number[] {
    const random = randomSource(7);
    const values: number[] = [];
    const finite = patterns.filter(Number.isFinite);
    for (let i = 0; i < atMost(20000, 500); ++i) {
      const at = finite[Math.floor(random() * finite.length)]!;
      const spacing = 2 ** Math.max(Math.floor(Math.log2(Math.abs(at) || 2 ** -200)) - digits, least);
      const half = at + spacing / 2;
      values.push(half, half * (1 + 2 ** -50), half * (1 - 2 ** -50), at + (random() - 0.5) * spacing);
    }
    const last = largest + (largest - nearest(largest * (1 - 2 ** -digits), dtype)) / 2;
    values.push(
      last,
      last * (1 - 2 ** -52),
      -last,
      1e300,
      5e-324,
      -5e-324,
      2 ** (least - 1),
      1.5 * 2 ** least,
    );
    return values;
  }

  test("rounds to the nearest, ties to even, and once", () => {
    const values = edges();
    sameAs(numbers(tensor(values, { dtype })), nearestOf(values, dtype), "numbers");
    sameAs(numbers(tensor(values, { dtype: "float64" }).to(dtype)), nearestOf(values, dtype), "float64");
    const singles = Float32Array.from(values);
    sameAs(numbers(tensor(singles).to(dtype)), nearestOf(singles, dtype), "float32");
  });

  test("rounds integers once, and is cut off to them", () => {
    const integers = [0n, 1n, -1n, 257n, -259n, 2049n, 2051n, 65519n, 65520n, -65520n, 2n ** 31n - 1n];
    // A little above the middle between two numbers, less than a double can say.
    const above = 2n ** 62n + 2n ** 54n + 1n;
    const known = nearestOf([...integers, ...integers.map((n) => n * 3n)].map(Number), dtype);
    const made = tensor(BigInt64Array.from([...integers, ...integers.map((n) => n * 3n)])).to(dtype);
    sameAs(numbers(made), known, "int64");
    if (dtype === "bfloat16") {
      expect(tensor(BigInt64Array.of(above, -above)).to(dtype).toArray()).toEqual([
        2 ** 62 + 2 ** 55,
        -(2 ** 62) - 2 ** 55,
      ]);
      expect(
        tensor(BigInt64Array.of(above - 1n))
          .to(dtype)
          .item(),
      ).toBe(2 ** 62);
    }
    expect(tensor([1.9, -1.9, 100.5], { dtype }).to("int32").toArray()).toEqual([1, -1, 100]);
    expect(tensor([0, 0.5, NaN], { dtype }).to("bool").toArray()).toEqual([false, true, true]);
    expect(tensor([true, false]).to(dtype).toArray()).toEqual([1, 0]);
  });

  test("is read as numbers, in arrays of float32", async () => {
    const x = tensor(
      [
        [1.5, -2],
        [0.1, NaN],
      ],
      { dtype },
    );
    const tenth = nearest(0.1, dtype);
    expect(x.toArray()).toEqual([
      [1.5, -2],
      [tenth, NaN],
    ]);
    expect(x.dataSync()).toEqual(Float32Array.of(1.5, -2, tenth, NaN));
    expect(await x.add(0).data()).toEqual(Float32Array.of(1.5, -2, tenth, NaN));
    expect(x.at(1, 0).item()).toBe(tenth);
    expect(await x.at(1, 0).mul(2).itemAsync()).toBe(2 * tenth);
    expect(JSON.stringify(x.narrow(0, 0, 1))).toBe("[[1.5,-2]]");
    expect(`${x}`).toBe(
      `tensor([[ 1.5000, -2.0000],\n        [ 0.${dtype === "float16" ? "1000" : "1001"},     nan]], dtype=torch.${dtype})`,
    );
  });

  test("may be empty, or of no dimensions", async () => {
    const empty = zeros([0, 3], { dtype });
    expect(empty.dataSync()).toEqual(new Float32Array(0));
    expect(await empty.add(1).data()).toEqual(new Float32Array(0));
    expect(empty.sum().item()).toBe(0);
    expect(empty.sum().dtype).toBe(dtype);
    expect(tensor(2.5, { dtype }).mul(2).item()).toBe(5);
    expect(cat([empty, tensor([[1, 2, 3]], { dtype })]).toArray()).toEqual([[1, 2, 3]]);
  });

  test("comes from everything that makes tensors", () => {
    expect(arange(5, { dtype }).toArray()).toEqual([0, 1, 2, 3, 4]);
    expect(linspace(0, 1, 3, { dtype }).toArray()).toEqual([0, 0.5, 1]);
    sameAs(
      numbers(arange(0, 3000, { dtype })),
      nearestOf(
        Array.from({ length: 3000 }, (_, i) => i),
        dtype,
      ),
      "arange",
    );
    expect(full([2], Infinity, { dtype }).toArray()).toEqual([Infinity, Infinity]);
    const error = errorOf(() => full([1], 2 * largest, { dtype }));
    expect(error).toMatchObject({ name: "RangeError", code: "ERR_VALUE" });
    expect(error.message).toContain(`value cannot be converted to type ${dtype} without overflow`);
    // Elements of data are converted.
    expect(tensor([2 * largest], { dtype }).item()).toBe(Infinity);
    expect(errorOf(() => setDefaultDtype(dtype)).message).toContain("float32 or float64");
  });

  test("rounds the result of every op, wherever a kernel is cut", () => {
    manualSeed(3);
    const [x, y] = [randn([1000], { dtype }), randn([1000], { dtype })];
    const steps: ((z: Tensor) => Tensor)[] = [
      (z) => z.add(y),
      (z) => z.mul(0.1),
      (z) => z.exp(),
      (z) => z.div(y),
      (z) => z.sub(x).square(),
      (z) => z.mul(y).sum(),
    ];
    const whole = steps.reduce((z, step) => step(z), x);
    let cut = x;
    for (const step of steps) {
      cut = step(cut);
      realize(cut);
    }
    sameAs(numbers(whole), numbers(cut), "cut");
    const sum = numbers(x.add(y)).map((value) => value * Math.fround(0.1));
    sameAs(numbers(x.add(y).mul(0.1)), nearestOf(Float32Array.from(sum), dtype), "two steps");
  });

  test("adds up in float32, and rounds once", () => {
    const ones = full([5000], 1, { dtype });
    expect(ones.sum().item()).toBe(nearest(5000, dtype));
    expect(ones.cumsum(0).at(-1).item()).toBe(nearest(5000, dtype));
    const x = full([3, 4096], 0.5, { dtype });
    expect(x.matmul(x.t()).toArray()).toEqual(Array(3).fill(Array(3).fill(1024)));
    expect(
      zeros([1], { dtype })
        .scatterAdd(0, zeros([5000], { dtype: "int64" }), ones)
        .item(),
    ).toBe(nearest(5000, dtype));
  });

  test("is moved, ordered and indexed", () => {
    const values = [3, -0.1, 65504, 2 ** -14, -7, 0.25].map((value) => nearest(value, dtype));
    const x = tensor(values, { dtype });
    const index = tensor([5n, 0n, 0n, 3n]);
    expect(x.gather(0, index).toArray()).toEqual([5, 0, 0, 3].map((i) => values[i]));
    expect(
      x
        .reshape(3, 2)
        .indexSelect(1, tensor([1n]))
        .toArray(),
    ).toEqual([1, 3, 5].map((i) => [values[i]]));
    expect(x.at(index).dtype).toBe(dtype);
    expect(x.scatter(0, index, tensor([9, 8, 7, 6], { dtype })).toArray()).toEqual([
      7,
      values[1],
      values[2],
      6,
      values[4],
      9,
    ]);
    const sorted = x.sort();
    expect(sorted.values.toArray()).toEqual([...values].sort((a, b) => a - b));
    expect(sorted.values.dtype).toBe(dtype);
    expect(x.argmax().item()).toBe(2);
    expect(x.max().item()).toBe(values[2]);
    expect(cat([x, x.to("float32")]).dtype).toBe("float32");
    const y = x.clone();
    y.set([1], 2);
    y.set(["3:"], tensor([1, 2, 3], { dtype: "float64" }));
    expect(y.toArray()).toEqual([3, 2, values[2], 1, 2, 3]);
    expect(x.gt(0).where(x, 0.1).dtype).toBe(dtype);
    expect(x.pad([1, 0], { value: 5 }).at(0).item()).toBe(5);
    expect(x.add_(1).dtype).toBe(dtype);
  });

  test("has gradients of its own dtype, which formulas compute in float32", () => {
    const at = [0.5, -1.25, 2, 3];
    const single = tensor(at, { requiresGrad: true });
    const x = tensor(at, { dtype, requiresGrad: true });
    const f = (z: Tensor) => z.tanh().mul(z.exp()).div(z.square().add(1)).sum();
    f(x).backward();
    f(single).backward();
    expect(x.grad!.dtype).toBe(dtype);
    numbers(x.grad!).forEach((value, i) => {
      const wanted = single.grad!.at(i).item();
      expect(Math.abs(value - wanted)).toBeLessThanOrEqual(
        8 * 2 ** -digits * Math.max(Math.abs(wanted), 0.5),
      );
    });
    // One rounding: 1 + tan(x)**2 is computed in float32, and so is what tanh(x) rounded has lost.
    const t = tensor([2.5], { dtype, requiresGrad: true });
    const out = t.tan();
    out.sum().backward();
    const value = out.item();
    expect(t.grad!.item()).toBe(nearest(Math.fround(1 + Math.fround(value * value)), dtype));
    expect(autograd.grad(t.tanh().sum(), t)[0]!.item()).toBe(nearest(1 / Math.cosh(2.5) ** 2, dtype));
    // Accumulated as they are.
    const a = tensor([1], { dtype, requiresGrad: true });
    const [big, small] = [2 ** (digits + 1), 1];
    a.mul(big).sum().backward();
    a.mul(small).sum().backward();
    expect(a.grad!.item()).toBe(big);
    const weight = tensor([[1, 2]], { dtype, requiresGrad: true });
    const mixed = weight
      .to("float32")
      .matmul(tensor([[3], [4]]))
      .to(dtype);
    mixed.sum().backward();
    expect(weight.grad!.toArray()).toEqual([[3, 4]]);
    const [second] = autograd.grad(autograd.grad(a.pow(3).sum(), [a], { createGraph: true })[0]!.sum(), [a]);
    expect(second!.item()).toBe(6);
  });

  test("is compared with numbers as they are in its own dtype", () => {
    const x = tensor([0.1, 1], { dtype });
    expect(x.eq(0.1).toArray()).toEqual([true, false]);
    expect(x.ge(0.1).toArray()).toEqual([true, true]);
    expect(x.le(0.1).toArray()).toEqual([true, false]);
    expect(x.eq(tensor(0.1)).toArray()).toEqual([true, false]);
    expect(x.lt(0).any().item()).toBe(false);
  });

  test("steps to its own neighbours", () => {
    const known = patterns.slice(0, 0x7c00).filter((value) => value <= largest);
    const values = dtype === "float16" ? known : patterns.slice(0, 0x7f80);
    const x = tensor(Float32Array.from(values), { dtype });
    sameAs(numbers(x.nextafter(full([], Infinity, { dtype }))), [...values.slice(1), Infinity], "up");
    sameAs(
      numbers(
        x
          .narrow(0, 1, values.length - 1)
          .nextafter(full([], -1, { dtype }))
          .at(`:100`),
      ),
      values.slice(0, 100),
      "down",
    );
    expect(
      tensor([0, Infinity, NaN, 1], { dtype })
        .nextafter(tensor([-1, 0, 0, 1], { dtype }))
        .toArray(),
    ).toEqual([-(2 ** least), largest, NaN, 1]);
  });

  test("keeps the names of gradients", () => {
    const x = tensor([[1, 2]], { dtype, requiresGrad: true });
    expect(x.add(1).gradFn).toBe("AddBackward0");
    expect(x.softmax(1).gradFn).toBe("SoftmaxBackward0");
    expect(x.sum().gradFn).toBe("SumBackward0");
  });

  const optimizers: [string, (params: Tensor[]) => { step(): unknown; zeroGrad(): void }][] = [
    ["SGD", (params) => new optim.SGD(params, { lr: 0.1, momentum: 0.5 })],
    ["Adam", (params) => new optim.Adam(params, { lr: 0.1 })],
    ["AdamW", (params) => new optim.AdamW(params, { lr: 0.1, weightDecay: 0 })],
  ];
  test.each(optimizers)("is trained by %s", (_, make) => {
    const target = tensor([1, -2, 0.5], { dtype });
    const x = tensor([0, 0, 0], { dtype, requiresGrad: true });
    const optimizer = make([x]);
    for (let i = 0; i < atMost(150, 60); ++i) {
      optimizer.zeroGrad();
      x.sub(target).square().sum().backward();
      optimizer.step();
    }
    expect(x.dtype).toBe(dtype);
    expect(noGrad(() => x.sub(target).abs().max().item())).toBeLessThan(0.2);
  });

  test("is drawn: uniform numbers on its own grid, below 1", () => {
    manualSeed(1);
    const n = atMost(20000, 2000);
    const x = rand([n], { dtype });
    const grid = 2 ** (digits + 1);
    expect(x.dtype).toBe(dtype);
    expect(numbers(x).every((value) => value >= 0 && value < 1 && Number.isInteger(value * grid))).toBe(true);
    expect(Math.abs(x.to("float32").mean().item() - 0.5)).toBeLessThan(0.03);
    manualSeed(1);
    const y = randn([n], { dtype });
    manualSeed(1);
    sameAs(numbers(y), nearestOf(numbers(randn([n])), dtype), "randn");
    expect(zeros([8], { dtype }).uniform_(2, 3).ge(2).all().item()).toBe(true);
    expect(zeros([8], { dtype }).normal_().dtype).toBe(dtype);
    expect(nn.functional.dropout(full([n], 1, { dtype }), { p: 0.25 }).dtype).toBe(dtype);
  });

  test("is refused by factorizations, with the way out", () => {
    const x = tensor(
      [
        [2, 1],
        [1, 3],
      ],
      { dtype },
    );
    const word = dtype === "float16" ? "Half" : "BFloat16";
    const all = { inv: linalg.inv, det: linalg.det, cholesky: linalg.cholesky, luFactor: linalg.luFactor };
    for (const [name, factor] of Object.entries(all)) {
      const error = errorOf(() => factor(x));
      expect(error, name).toMatchObject({ name: "TypeError", code: "ERR_DTYPE" });
      expect(error.message, name).toContain(`not implemented for '${word}'`);
      expect(error.message, name).toContain('.to("float32")');
    }
    expect(errorOf(() => x.matmul(x.to("float32"))).message).toContain("dtype");
    expect(errorOf(() => x.bitwiseAnd(1)).message).toContain(word);
  });

  test("runs on in statistics of batches", () => {
    const x = tensor(
      [
        [1, 2],
        [3, 6],
      ],
      { dtype },
    );
    const [mean, variance] = [zeros([2], { dtype }), full([2], 1, { dtype })];
    const out = nn.functional.batchNorm(x, mean, variance, { training: true });
    expect(out.dtype).toBe(dtype);
    expect(mean.toArray()).toEqual([0.2, 0.4].map((value) => nearest(value, dtype)));
  });

  /**
   * PyTorch rounds as often in these as here, or refuses them; or the dtype of the result is the default, whatever that of
   * the arguments; or neighbours are those of a dtype.
   */
  const others =
    /^(einsum|gradient|nextafter|trapz|trapezoid|cumulative_trapezoid|logspace\.tensor_overload)$/;
  const refusal = /"linalg_\w+_cpu" not implemented for '(Half|BFloat16)'/;
  test.skipIf(isSimulated)("gives what float32 gives, rounded: all samples of PyTorch", () => {
    const problems = Object.entries(entries)
      .filter(([name]) => !others.test(name))
      .flatMap(([name, entry]) => halfProblemsOf(name, entry, dtype))
      .filter((problem) => !refusal.test(problem));
    expect(problems).toEqual([]);
  });
});

// PyTorch's tables.
const dtypes = ["bool", "uint8", "int32", "int64", "float16", "bfloat16", "float32", "float64"] as const;
const [f16, b16, f32, f64] = ["float16", "bfloat16", "float32", "float64"] as const;
describe("promotion", () => {
  const vectors: Record<string, DType[]> = {
    bool: ["bool", "uint8", "int32", "int64", f16, b16, f32, f64],
    uint8: ["uint8", "uint8", "int32", "int64", f16, b16, f32, f64],
    int32: ["int32", "int32", "int32", "int64", f16, b16, f32, f64],
    int64: ["int64", "int64", "int64", "int64", f16, b16, f32, f64],
    float16: [f16, f16, f16, f16, f16, f32, f32, f64],
    bfloat16: [b16, b16, b16, b16, f32, b16, f32, f64],
    float32: [f32, f32, f32, f32, f32, f32, f32, f64],
    float64: [f64, f64, f64, f64, f64, f64, f64, f64],
  };
  const withElements: Record<string, DType[]> = {
    bool: ["bool", "uint8", "int32", "int64", f16, b16, f32, f64],
    uint8: ["uint8", "uint8", "uint8", "uint8", f16, b16, f32, f64],
    int32: ["int32", "int32", "int32", "int32", f16, b16, f32, f64],
    int64: ["int64", "int64", "int64", "int64", f16, b16, f32, f64],
    float16: Array<DType>(8).fill(f16),
    bfloat16: Array<DType>(8).fill(b16),
    float32: Array<DType>(8).fill(f32),
    float64: Array<DType>(8).fill(f64),
  };
  const vector = (dtype: DType) => tensor([1, 1], { dtype });
  test.each(dtypes)("of %s", (a) => {
    dtypes.forEach((b, i) => {
      expect(vector(a).mul(vector(b)).dtype, b).toBe(vectors[a]![i]);
      expect(cat([vector(a), vector(b)]).dtype, b).toBe(vectors[a]![i]);
      expect(vector(a).mul(tensor(1, { dtype: b })).dtype, b).toBe(withElements[a]![i]);
      expect(vector(a).gt(vector(b)).dtype).toBe("bool");
    });
  });
  test.each(halves)("of %s with numbers", (dtype) => {
    for (const scalar of [true, 1, 1.5, 1n]) {
      expect(vector(dtype).mul(scalar).dtype).toBe(dtype);
      expect(tensor(1, { dtype }).mul(scalar).dtype).toBe(dtype);
    }
    expect(vector(dtype).mul(1e6).dtype).toBe(dtype);
    expect(vector(dtype).pow(2).dtype).toBe(dtype);
    expect(vector(dtype).mean().dtype).toBe(dtype);
    expect(vector(dtype).sum().dtype).toBe(dtype);
    expect(vector(dtype).max(0).indices.dtype).toBe("int64");
  });
});
