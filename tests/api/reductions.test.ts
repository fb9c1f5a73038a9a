// Reductions, order statistics and running ones: what PyTorch's samples do not show.
import { describe, expect, test } from "vitest";
import * as adjoint from "../../lib/index.js";
import {
  arange,
  getDefaultDevice,
  stdMean,
  tensor,
  varMean,
  zeros,
  type Interpolation,
  type ReduceOptions,
  type Tensor,
} from "../../lib/index.js";
import { expectGradients } from "../helpers/differences.js";
import { errorOf, expectClose, numbers, randomSource } from "../helpers/reference.js";

const double = (data: unknown) => tensor(data as never, { dtype: "float64" });
const leaf = (data: unknown) => double(data).requiresGrad_();
const gradientOf = (x: Tensor, f: (x: Tensor) => Tensor) => {
  f(x).sum().backward();
  return numbers(x.grad!);
};
const random = randomSource(5);
const drawn = (...shape: number[]) =>
  double(Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => 4 * random() - 2)).reshape(shape);
const { NaN: nan, POSITIVE_INFINITY: inf } = Number;

test("names of gradients are PyTorch's", () => {
  const x = leaf([[1, 2]]);
  const named: [Tensor, string][] = [
    [x.prod(), "ProdBackward0"],
    [x.prod(0), "ProdBackward1"],
    [x.max(), "MaxBackward1"],
    [x.max(1).values, "MaxBackward0"],
    [x.min(1).values, "MinBackward0"],
    [x.median(), "MedianBackward0"],
    [x.kthvalue(1).values, "KthvalueBackward0"],
    [x.topk(1).values, "TopkBackward0"],
    [x.mode().values, "ModeBackward0"],
    [x.cummin(0).values, "CumminBackward0"],
    [x.logcumsumexp(0), "LogcumsumexpBackward0"],
    [x.nansum(), "NansumBackward0"],
    [varMean(x)[0], "VarMeanBackward0"],
    [x.norm(), "LinalgVectorNormBackward0"],
    [x.renorm(2, 0, 1), "RenormBackward0"],
  ];
  for (const [made, name] of named) expect(made.gradFn).toBe(name);
});

test("options may take the place of a dim that is left out", () => {
  const x = drawn(2, 3);
  expect(x.sum({ keepdim: true }).shape).toEqual([1, 1]);
  expect(x.std({ correction: 0 }).item()).toBe(x.std(null, { correction: 0 }).item());
  expect(x.argmax({ keepdim: true }).shape).toEqual([1, 1]);
  expect(numbers(x.sort({ descending: true }).values)).toEqual(
    numbers(x.sort(-1, { descending: true }).values),
  );
  expect(numbers(x.topk(1, { largest: false }).values)).toEqual(numbers(x.amin(1)));
  expect(errorOf(() => x.sum({ keepdims: true } as never)).message).toContain("did you mean 'keepdim'?");
  expect(errorOf(() => x.sum(x as never)).code).toBe("ERR_ARGUMENT");
  expect(errorOf(() => x.sum({ keepdim: true }, {})).code).toBe("ERR_ARGUMENT");
});

describe("sums and products", () => {
  test("dtype converts first, and is the result's", () => {
    const x = tensor([1.75, 2.75, -0.5]);
    expect(x.sum({ dtype: "int32" })).toMatchObject({ dtype: "int32" });
    expect(x.sum({ dtype: "int32" }).item()).toBe(3);
    expect(x.prod({ dtype: "float64" }).dtype).toBe("float64");
    expect(x.cumsum(0, { dtype: "int32" }).toArray()).toEqual([1, 3, 3]);
    expect(x.cumprod(0, { dtype: "float64" }).dtype).toBe("float64");
    expect(tensor([1n, 2n]).mean({ dtype: "float64" }).item()).toBe(1.5);
    expect(tensor([1n, 2n]).nansum({ dtype: "float32" }).dtype).toBe("float32");
    expect(errorOf(() => x.mean({ dtype: "int64" })).code).toBe("ERR_DTYPE");
    expect(errorOf(() => x.sum({ dtype: "int" as never })).code).toBe("ERR_DTYPE");
  });

  test("products of whole numbers are exact, and those of nothing 1", () => {
    expect(tensor([3037000499n, 3037000499n]).prod().item()).toBe(3037000499n ** 2n);
    expect(tensor([true, true]).prod()).toMatchObject({ dtype: "int64" });
    expect(numbers(zeros([2, 0]).prod(1))).toEqual([1, 1]);
  });

  test("the gradient of a product holds where elements are 0, of any order", () => {
    expect(gradientOf(leaf([2, 0, 3]), (x) => x.prod())).toEqual([0, 6, 0]);
    expect(gradientOf(leaf([0, 0, 3]), (x) => x.prod())).toEqual([0, 0, 0]);
    const x = drawn(2, 3, 4);
    const holes = x.mul(arange(24).reshape(2, 3, 4).sub(5).ne(0).to("float64"));
    for (const dims of [[0, 2], [1], [0, 1, 2]]) expectGradients((y) => y.prod(dims), [holes], 1e-5);
  });

  test("NaN is left out", () => {
    const x = leaf([
      [1, nan, 4],
      [nan, nan, nan],
    ]);
    expect(numbers(x.nansum(1))).toEqual([5, 0]);
    expect(numbers(x.nanmean(1))).toEqual([2.5, nan]);
    expect(gradientOf(x, (y) => y.nanmean(1).select(0, 0))).toEqual([0.5, 0, 0.5, 0, 0, 0]);
    expect(x.countNonzero().item()).toBe(6);
    expect(tensor([0n, 2n]).countNonzero(0).item()).toBe(1);
  });

  test("moments", () => {
    const x = double([1, 2, 4]);
    expect(x.var({ unbiased: false }).item()).toBeCloseTo(14 / 9, 14);
    expect(x.var({ unbiased: true }).item()).toBe(x.var().item());
    expect(x.var(0, { correction: null }).item()).toBe(x.var().item());
    expect(varMean(x, 0, { keepdim: true }).map(({ shape }) => shape)).toEqual([[1], [1]]);
    const [deviation, mean] = stdMean(x);
    expect([deviation.item(), mean.item()]).toEqual([x.std().item(), x.mean().item()]);
    expect(gradientOf(leaf([3, 3, 3]), (y) => stdMean(y)[0])).toEqual([0, 0, 0]);
    expectGradients((y) => varMean(y, 0)[0].add(stdMean(y, 1)[1].sum()), [drawn(3, 4)]);
  });
});

describe("extremes", () => {
  test("along a dim: of equal ones the first, which gets the gradient", () => {
    const x = leaf([
      [1, 3, 3],
      [2, 2, 0],
    ]);
    const { values, indices } = x.max(-1);
    expect([values.toArray(), indices.toArray(), indices.dtype]).toEqual([[3, 2], [1n, 0n], "int64"]);
    expect(gradientOf(x, (y) => y.max(1).values)).toEqual([0, 1, 0, 1, 0, 0]);
    expect(x.min(0, { keepdim: true }).indices.toArray()).toEqual([[0n, 1n, 1n]]);
    expect(gradientOf(leaf([1, 3, 3]), (y) => y.max())).toEqual([0, 0.5, 0.5]);
    expect(tensor(5).max(0)).toMatchObject({ values: { shape: [] }, indices: { shape: [] } });
  });

  test("NaN is the largest and the smallest", () => {
    const x = double([1, nan, -inf, nan]);
    expect([x.argmax().item(), x.argmin().item(), x.max(0).indices.item()]).toEqual([1, 1, 1]);
    expect(x.min(0).values.item()).toBeNaN();
    expect(numbers(x.cummin(0).values)).toEqual([1, nan, nan, nan]);
  });

  test("positions among many elements, and whole numbers beyond 2**53", () => {
    const many = zeros([2 ** 24 + 3], { dtype: "uint8" }).set([-1], 1);
    expect(many.argmax().item()).toBe(2 ** 24 + 2);
    const least = -(2n ** 63n);
    const x = tensor([2n ** 53n, 2n ** 53n + 1n, least]);
    expect([x.max(0).values.item(), x.argmax().item()]).toEqual([2n ** 53n + 1n, 1]);
    expect(x.cummin(0).values.toArray()).toEqual([2n ** 53n, 2n ** 53n, least]);
    expect(tensor([3, 200, 1, 255], { dtype: "uint8" }).cummin(0).values.toArray()).toEqual([3, 3, 1, 1]);
    expect(tensor([true, false, true]).cummin(0).indices.toArray()).toEqual([0n, 1n, 1n]);
  });

  test("of two tensors, and of both ends", () => {
    expect(
      double([1, 5])
        .max(double([2, 4]))
        .toArray(),
    ).toEqual([2, 5]);
    expect(adjoint.min(double([1, 5]), double([2, 4])).toArray()).toEqual([1, 4]);
    const { min, max } = double([[3, 1, 2]]).aminmax(1, { keepdim: true });
    expect([min.toArray(), max.toArray()]).toEqual([[[1]], [[3]]]);
  });

  test("of nothing there is none", () => {
    const empty = zeros([0, 2]);
    for (const op of ["max", "min", "argmax", "argmin"] as const) {
      expect(errorOf(() => (empty[op] as () => unknown)()).message).toContain(
        `${op}(): Expected reduction dim to be specified for input.numel() == 0.`,
      );
      expect(errorOf(() => (empty[op] as (dim: number) => unknown)(0))).toMatchObject({
        code: "ERR_SHAPE",
        op,
        shapes: [[0, 2]],
      });
      expect(errorOf(() => (empty[op] as (dim: number) => unknown)(2)).code).toBe("ERR_DIM");
    }
    expect(empty.max(1).values.shape).toEqual([0]);
    expect(errorOf(() => double([1]).max({ keepdim: true } as never)).code).toBe("ERR_ARGUMENT");
  });
});

describe("ranks", () => {
  test("the median is the lower one, or the first NaN", () => {
    const x = double([
      [4, 1, 3, 2],
      [5, nan, 0, nan],
      [nan, nan, nan, nan],
    ]);
    const { values, indices } = x.median(1);
    expect([numbers(values), numbers(indices)]).toEqual([
      [2, nan, nan],
      [3, 1, 0],
    ]);
    expect(numbers(x.nanmedian(1, { keepdim: true }).values)).toEqual([2, 0, nan]);
    expect([x.median().item(), x.nanmedian().item()]).toEqual([nan, 2]);
    expect(
      tensor([3n, 1n, 2n, 2n ** 53n + 1n])
        .median()
        .item(),
    ).toBe(2);
    expect([zeros([0]).median().item(), tensor(7).median(0).indices.item()]).toEqual([nan, 0]);
    expect(errorOf(() => zeros([0], { dtype: "int64" }).median()).code).toBe("ERR_SHAPE");
  });

  test("the median of all is shared by its equals, that along a dim is one's", () => {
    expect(gradientOf(leaf([2, 1, 2, 3]), (x) => x.median())).toEqual([0.5, 0, 0.5, 0]);
    expect(gradientOf(leaf([2, 1, 2, 3]), (x) => x.median(0).values)).toEqual([1, 0, 0, 0]);
    expect(gradientOf(leaf([1, inf, inf]), (x) => x.median())).toEqual([0, 0.5, 0.5]);
    expect(gradientOf(leaf([nan, 1, nan]), (x) => x.median())).toEqual([0.5, 0, 0.5]);
    // Bits stay, which the mean of three equal numbers does not promise.
    expect(leaf([0.1, 0.1, 0.1, -0.3, 7]).median().item()).toBe(0.1);
    expect(Object.is(leaf([-0, -0, -0]).median().item(), -0)).toBe(true);
  });

  test("the mode is the smallest of the most frequent, where it is last", () => {
    const x = tensor([
      [3, 1, 3, 1, 2],
      [5, 4, 4, 4, 5],
    ]);
    const { values, indices } = x.mode();
    expect([numbers(values), numbers(indices)]).toEqual([
      [1, 4],
      [3, 3],
    ]);
    expect(double([nan, 2, nan]).mode().values.item()).toBe(2);
    expect(x.mode({ keepdim: true }).values.shape).toEqual([2, 1]);
  });

  test("the k-th and the first k; NaN is the largest", () => {
    const x = double([2, nan, 3, 1]);
    expect([1, 4].map((k) => x.kthvalue(k).values.item())).toEqual([1, nan]);
    expect(numbers(x.topk(3).values)).toEqual([nan, 3, 2]);
    expect(numbers(x.topk(2, 0, { largest: false, sorted: false }).indices)).toEqual([3, 0]);
    expect(x.topk(0).values.shape).toEqual([0]);
    expect(gradientOf(leaf([1, 5, 4]), (y) => y.topk(2).values.mul(double([1, 2])))).toEqual([0, 1, 2]);
    expect(x.reshape(2, 2).msort().at(0).toArray()).toEqual([2, 1]);
    for (const k of [0, 5]) expect(errorOf(() => x.kthvalue(k)).code).toBe("ERR_VALUE");
    expect(errorOf(() => x.topk(5)).message).toBe(
      "selected index k out of range; topk: k is 5, expected 0 to 4",
    );
    expect(errorOf(() => x.topk(1.5)).code).toBe("ERR_ARGUMENT");
  });
});

describe("quantiles", () => {
  const x = double([4, 1, 3, 2, 10]);

  test("between two elements", () => {
    const found = (["linear", "lower", "higher", "midpoint", "nearest"] as Interpolation[]).map(
      (interpolation) => x.quantile(0.3, 0, { interpolation }).item(),
    );
    expectClose(found, [2.2, 2, 3, 2.5, 2], 1e-15, 0, "quantile");
    expect([0, 0.5, 1].map((q) => x.quantile(q).item())).toEqual([1, 3, 10]);
  });

  test("many at once, in the first dimension", () => {
    const matrix = drawn(3, 4, 2);
    const q = double([0.1, 0.7]);
    const all = matrix.quantile(q, 1, { keepdim: true });
    expect(all.shape).toEqual([2, 3, 1, 2]);
    expect(numbers(all.at(1))).toEqual(numbers(matrix.quantile(0.7, 1)));
    expect(matrix.quantile(q, { keepdim: true }).shape).toEqual([2, 1, 1, 1]);
    expect(matrix.quantile(double(0.5), 0).shape).toEqual([4, 2]);
  });

  test("NaN", () => {
    const holes = double([
      [1, nan, 3],
      [nan, nan, nan],
    ]);
    expect(numbers(holes.quantile(0, 1))).toEqual([nan, nan]);
    expect(numbers(holes.nanquantile(double([0, 0.75]), 1))).toEqual([1, nan, 2.5, nan]);
  });

  test("gradients go to neighbours, and to q", () => {
    expect(gradientOf(leaf([1, 4, 2, 3]), (y) => y.quantile(0.5))).toEqual([0, 0, 0.5, 0.5]);
    expectGradients((y, q) => y.quantile(q, 1), [drawn(2, 5), double([0.2, 0.6])]);
  });

  test("what is refused", () => {
    // A GPU is not waited for: there it is the rank that is wrong, when the result is read.
    const error = errorOf(() => x.quantile(double([0.5, -1])).dataSync());
    expect(error.code).toBe(getDefaultDevice() === "cpu" ? "ERR_VALUE" : "ERR_INDEX");
    const refused: [() => Tensor, string, string][] = [
      [() => x.quantile(1.1), "ERR_VALUE", "q must be in the range [0, 1] but got 1.1"],
      [() => x.quantile(double([[0.5]])), "ERR_SHAPE", "q must be a scalar or 1D tensor"],
      [() => x.quantile(tensor(0.5)), "ERR_DTYPE", "q tensor must be same dtype as the input tensor"],
      [() => x.to("int64").quantile(0.5), "ERR_DTYPE", "must be either float or double dtype"],
      [() => zeros([0]).nanquantile(0.5), "ERR_SHAPE", "nanquantile() input tensor must be non-empty"],
      [
        () => x.quantile(0.5, { interpolation: "cubic" as never }),
        "ERR_VALUE",
        "interpolation must be one of linear, lower, higher, midpoint or nearest",
      ],
    ];
    for (const [body, code, words] of refused) {
      const error = errorOf(body);
      expect(error.code).toBe(code);
      expect(error.message).toContain(words);
    }
  });
});

describe("running", () => {
  test("logcumsumexp neither overflows nor forgets", () => {
    const x = double([-inf, -1000, 1000, 1000, inf, 0]);
    const log2 = 1000 + Math.log(2);
    expectClose(numbers(x.logcumsumexp(0)), [-inf, -1000, 1000, log2, inf, inf], 1e-15, 0, "values");
    expect(numbers(double([1, nan, 2]).logcumsumexp(0))).toEqual([1, nan, nan]);
    expect(numbers(double([inf, inf]).logcumsumexp(0))).toEqual([inf, inf]);
    const y = drawn(3, 4).mul(300);
    const wanted = numbers(y).map((_, i) => {
      const line = numbers(y).slice(i - (i % 4), i + 1);
      const top = Math.max(...line);
      return top + Math.log(line.reduce((sum, one) => sum + Math.exp(one - top), 0));
    });
    expectClose(numbers(y.logcumsumexp(-1)), wanted, 1e-14, 0, "values");
    expectGradients((z) => z.logcumsumexp(0), [drawn(4, 2)]);
    expect(errorOf(() => tensor([1n]).logcumsumexp(0)).code).toBe("ERR_DTYPE");
    expect(zeros([0, 2]).logcumsumexp(1).shape).toEqual([0, 2]);
  });

  test("gradients of cummin go to what is smallest", () => {
    const gradient = gradientOf(leaf([3, 1, 2, 1]), (x) => x.cummin(0).values);
    expectClose(gradient, [1, 2, 0, 1], 0, 0, "gradient");
  });
});

test("dims that are none, and things that are no tensors", () => {
  const loose = adjoint as unknown as Record<string, (...args: unknown[]) => unknown>;
  const x = drawn(2, 3);
  const calls: Record<string, unknown[]> = {
    argmax: [2],
    max: [2],
    median: [-3],
    mode: [2],
    kthvalue: [1, 2],
    topk: [1, 2],
    quantile: [0.5, 2],
    cummin: [2],
    logcumsumexp: [2],
    prod: [2],
    nansum: [2],
    countNonzero: [2],
    varMean: [2],
    aminmax: [2],
    diff: [2],
    norm: [2, 2],
    renorm: [2, 2, 1],
  };
  for (const [op, args] of Object.entries(calls)) {
    expect(errorOf(() => loose[op]!(x, ...args)).code, op).toBe("ERR_DIM");
    expect(errorOf(() => loose[op]!([1, 2], ...args)).code, op).toBe("ERR_ARGUMENT");
  }
  const badOptions = { keepdims: true } as ReduceOptions;
  expect(errorOf(() => x.max(1, badOptions)).message).toContain("did you mean 'keepdim'?");
  expect(errorOf(() => x.argmax(1, badOptions)).code).toBe("ERR_OPTION");
});
