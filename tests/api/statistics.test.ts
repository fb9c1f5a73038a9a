// Sets, searches, histograms, covariances, distances, differences and integrals: what PyTorch's samples do not show.
import { describe, expect, test } from "vitest";
import {
  arange,
  bucketize,
  cdist,
  cumulativeTrapezoid,
  gradient,
  histogramdd,
  isin,
  nn,
  pdist,
  searchsorted,
  tensor,
  trapezoid,
  trapz,
  zeros,
  type Tensor,
} from "../../lib/index.js";
import { expectGradients } from "../helpers/differences.js";
import { errorOf, expectClose, numbers, randomSource } from "../helpers/reference.js";

const double = (data: unknown) => tensor(data as never, { dtype: "float64" });
const random = randomSource(11);
const drawn = (...shape: number[]) =>
  double(Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => 4 * random() - 2)).reshape(shape);
const gradientOf = (x: Tensor, f: (x: Tensor) => Tensor) => {
  const leaf = x.detach().requiresGrad_();
  f(leaf).sum().backward();
  return numbers(leaf.grad!);
};
const { NaN: nan, POSITIVE_INFINITY: inf } = Number;

/** The error of a call, which has a code and words of PyTorch's. */
const expectRefused = (refused: [() => unknown, string, string][]) => {
  for (const [body, code, words] of refused) {
    const error = errorOf(body);
    expect(error.message).toContain(words);
    expect(error.code, words).toBe(code);
  }
};

describe("sets", () => {
  test("slices that occur, in the order of their first different elements", () => {
    const x = arange(9 * 3 * 2)
      .mul(7919)
      .sin()
      .gt(0)
      .to("int64")
      .reshape(9, 3, 2);
    for (const dim of [0, 1, -1]) {
      const slices = Array.from({ length: x.size(dim) }, (_, i) => numbers(x.select(dim, i)).join(""));
      const wanted = [...new Set(slices)].sort();
      const { output, inverseIndices, counts } = x.unique({ dim, returnInverse: true, returnCounts: true });
      const found = Array.from({ length: output.size(dim) }, (_, i) =>
        numbers(output.select(dim, i)).join(""),
      );
      expect(found).toEqual(wanted);
      expect(numbers(inverseIndices!).map((i) => wanted[i])).toEqual(slices);
      expect(numbers(counts!)).toEqual(wanted.map((one) => slices.filter((slice) => slice === one).length));
    }
  });

  test("NaN is equal to none", () => {
    expect(numbers(double([nan, 1, nan, 1]).unique().output)).toEqual([1, nan, nan]);
    expect(double([[nan], [nan], [1]]).unique({ dim: 0 }).output.shape).toEqual([3, 1]);
    expect(double([nan, nan]).uniqueConsecutive().output.shape).toEqual([2]);
  });

  test("neighbours that are equal", () => {
    const x = tensor([1n, 1n, 2n ** 53n, 2n ** 53n + 1n, 1n]);
    const { output, inverseIndices, counts } = x.uniqueConsecutive({
      returnInverse: true,
      returnCounts: true,
    });
    expect(output.toArray()).toEqual([1n, 2n ** 53n, 2n ** 53n + 1n, 1n]);
    expect([numbers(inverseIndices!), numbers(counts!)]).toEqual([
      [0, 0, 1, 2, 3],
      [2, 1, 1, 1],
    ]);
    const rows = tensor([
      [1, 2],
      [1, 2],
      [1, 3],
    ]);
    expect(numbers(rows.uniqueConsecutive({ dim: 0, returnCounts: true }).counts!)).toEqual([2, 1]);
  });

  test("of nothing", () => {
    const empty = zeros([0, 3]);
    for (const op of ["unique", "uniqueConsecutive"] as const) {
      const found = empty[op]({ returnInverse: true, returnCounts: true });
      expect(found).toMatchObject({
        output: { shape: [0] },
        inverseIndices: { shape: [0, 3] },
        counts: { shape: [0] },
      });
      expect(empty[op]({ dim: 0 }).output.shape).toEqual([0, 3]);
      expectRefused([
        [() => empty[op]({ dim: 1 }), "ERR_SHAPE", "There are 0 sized dimensions"],
        [() => tensor(1)[op]({ dim: 0 }), "ERR_DIM", "but tensor has no dimensions"],
        [() => empty[op]({ dim: 2 }), "ERR_DIM", "Dimension out of range"],
      ]);
    }
  });
});

describe("searches", () => {
  const before = (sequence: number[], value: number, isRight: boolean) =>
    sequence.filter((one) => (isRight ? !(one > value) : !(one >= value))).length;

  test.each([0, 1, 2, 3, 8, 100, 257])("among %i", (length) => {
    const sequence = Array.from({ length }, () => Math.round(8 * random())).sort((a, b) => a - b);
    const values = [...Array.from({ length: 40 }, () => Math.round(20 * random() - 2) / 2), nan, inf, -inf];
    for (const right of [false, true]) {
      const found = searchsorted(double(sequence), double(values), { right });
      expect(numbers(found)).toEqual(values.map((value) => before(sequence, value, right)));
    }
  });

  test("line by line, by a sorter, and of a number", () => {
    const lines = drawn(3, 9);
    const values = drawn(3, 4);
    const found = searchsorted(lines, values, { sorter: lines.argsort(), outInt32: true });
    expect(found.dtype).toBe("int32");
    for (let i = 0; i < 3; ++i)
      expect(numbers(found.at(i))).toEqual(
        numbers(values.at(i)).map((value) => before(numbers(lines.at(i)), value, false)),
      );
    expect(searchsorted(tensor([1n, 3n]), 1.5).item()).toBe(1);
    expect(searchsorted(tensor([2n ** 53n, 2n ** 53n + 1n]), tensor([2n ** 53n + 1n])).item()).toBe(1);
    expect(
      bucketize(
        double([
          [0, 1],
          [2, 9],
        ]),
        double([1, 2]),
        { right: true },
      ).toArray(),
    ).toEqual([
      [0n, 1n],
      [2n, 2n],
    ]);
    expect(bucketize(3, double([1, 2])).shape).toEqual([]);
  });

  test("isin", () => {
    expect(isin(double([1, nan, 3]), double([nan, 3, 1])).toArray()).toEqual([true, false, true]);
    expect(isin(tensor([[1n], [2n]]), 2, { invert: true }).toArray()).toEqual([[true], [false]]);
    expect(isin(2, double([1, 2])).item<boolean>()).toBe(true);
    expect(isin(double([1, nan]), zeros([0])).toArray()).toEqual([false, false]);
    expect(isin(tensor([1n]), 1.5).toArray()).toEqual([false]);
  });

  test("what is refused", () => {
    expectRefused([
      [() => searchsorted(drawn(2, 3), drawn(3, 3)), "ERR_SHAPE", "the first N-1 dimensions"],
      [() => searchsorted(double(1), drawn(3)), "ERR_SHAPE", "should be 1 dimension"],
      [() => searchsorted(drawn(3), drawn(3), { side: "both" as never }), "ERR_VALUE", "'left' or 'right'"],
      [() => searchsorted(drawn(3), drawn(3), { side: "left", right: true }), "ERR_OPTION", "opposites"],
      [() => searchsorted(drawn(3), drawn(3), { sorter: drawn(3) }), "ERR_SHAPE", "sorter"],
      [() => bucketize(drawn(3), drawn(3, 3)), "ERR_SHAPE", "boundaries tensor must be 1 dimension"],
      [() => searchsorted(drawn(3), "1" as never), "ERR_ARGUMENT", "expected a Tensor"],
      [() => isin(1, 2), "ERR_ARGUMENT", "expected a Tensor"],
      [() => searchsorted(drawn(3), 1, { rigth: true } as never), "ERR_OPTION", "did you mean 'right'?"],
    ]);
  });
});

describe("histograms", () => {
  test("the last bin has its right edge, others not", () => {
    const x = double([0, 1, 2, 2, 3, nan, -1, 4]);
    expect(numbers(x.histc({ bins: 3, min: 0, max: 3 }))).toEqual([1, 1, 3]);
    const { hist, binEdges } = x.histogram(3, { range: [0, 3] });
    expect([numbers(hist), numbers(binEdges)]).toEqual([
      [1, 1, 3],
      [0, 1, 2, 3],
    ]);
    expect(numbers(x.histogram(double([0, 2, 2.5])).hist)).toEqual([2, 2]);
    expect(tensor([1, 1]).histc({ bins: 2 }).toArray()).toEqual([0, 2]);
    expect(numbers(zeros([0]).histogram(2).binEdges)).toEqual([0, 0.5, 1]);
  });

  test("weights, and densities, whose integral is 1", () => {
    const x = drawn(60, 2);
    const weight = drawn(60).abs();
    const { hist, binEdges } = histogramdd(x, [4, double([-2, 0, 0.5, 2])], { weight, density: true });
    const widths = binEdges.map((edges) => edges.diff());
    expect(hist.shape).toEqual([4, 3]);
    expect(hist.mul(widths[0]!.unsqueeze(1)).mul(widths[1]!).sum().item()).toBeCloseTo(1, 12);
    expect(histogramdd(x, 5).hist.sum().item()).toBe(60);
  });

  test("bincount", () => {
    expect(tensor([1n, 3n, 1n]).bincount({ minlength: 6 }).toArray()).toEqual([0n, 2n, 0n, 1n, 0n, 0n]);
    const weighted = tensor([1, 1], { dtype: "uint8" }).bincount({ weights: tensor([0.5, 0.25]) });
    expect([weighted.dtype, weighted.toArray()]).toEqual(["float32", [0, 0.75]]);
    expect(zeros([0], { dtype: "int32" }).bincount().shape).toEqual([0]);
  });

  test("what is refused", () => {
    const x = drawn(5);
    expectRefused([
      [() => x.histc({ bins: 0 }), "ERR_VALUE", "bins must be > 0"],
      [() => x.histc({ min: 2, max: 1 }), "ERR_VALUE", "max must be larger than min"],
      [() => double([1, inf]).histc(), "ERR_VALUE", "range of [1, Infinity] is not finite"],
      [() => double([1, nan]).histogram(3), "ERR_VALUE", "is not finite; histogram: give a range"],
      [() => x.histogram(3, { range: [2, 1] }), "ERR_VALUE", "min should not exceed max"],
      [() => x.histogram(3, { range: [1] }), "ERR_VALUE", "should have 2 finite elements"],
      [() => x.histogram(3, { weight: drawn(4) }), "ERR_SHAPE", "weight tensor"],
      [() => x.histogram(drawn(2, 2)), "ERR_SHAPE", "should have one dimension"],
      [() => x.histogram("3" as never), "ERR_ARGUMENT", "expected a Tensor"],
      [() => histogramdd(drawn(5, 2), [3]), "ERR_SHAPE", "innermost dimension of the input"],
      [() => histogramdd(x, 3), "ERR_SHAPE", "at least 2 dimensions"],
      [() => tensor([1n]).histogram(3), "ERR_DTYPE", "not implemented for 'Long'"],
      [() => tensor([-1n]).bincount(), "ERR_VALUE", "1-d non-negative integral inputs"],
      [() => tensor([[1n]]).bincount(), "ERR_SHAPE", "1-d non-negative integral inputs"],
      [() => tensor([1.5]).bincount(), "ERR_DTYPE", "not implemented for 'Float'"],
      [() => tensor([1n]).bincount({ weights: x }), "ERR_SHAPE", "weights should be 1-d"],
      [() => tensor([1n]).bincount({ minlength: -1 }), "ERR_VALUE", "minlength should be >= 0"],
    ]);
  });
});

describe("covariances", () => {
  test("are the same with an observation twice and with a frequency of two", () => {
    const x = drawn(3, 5);
    const twice = x.indexSelect(1, tensor([0n, 1n, 1n, 2n, 3n, 4n]));
    const fweights = tensor([1n, 2n, 1n, 1n, 1n]);
    expectClose(numbers(x.cov({ fweights })), numbers(twice.cov()), 1e-12, 1e-14, "cov");
    expectClose(numbers(x.cov().at(0, 0)), [x.at(0).var().item()], 1e-12, 0, "var");
  });

  test("gradients, of weights too", () => {
    expectGradients((x, aweights) => x.cov({ aweights, correction: 0.5 }), [drawn(2, 4), drawn(4).abs()]);
    expectGradients((x) => x.corrcoef().select(0, 0).narrow(0, 1, 1), [drawn(2, 5)]);
  });

  test("correlations", () => {
    const x = double([
      [1, 2, 3],
      [-2, -4, -6],
      [1, 1, 1],
    ]);
    expect(numbers(x.corrcoef().at("0:2", "0:2"))).toEqual([1, -1, -1, 1]);
    expect(x.corrcoef().at(0, 2).item()).toBeNaN();
    expect(double([1, 2]).corrcoef().item()).toBe(1);
  });
});

describe("distances", () => {
  test("squares neither overflow nor vanish", () => {
    for (const scale of [1e200, 1e-200, 1])
      for (const p of [0.5, 2, 3, -2]) {
        const norm = double([3, -4]).mul(scale).norm(p).item();
        expectClose([norm / scale], [(3 ** p + 4 ** p) ** (1 / p)], 1e-14, 0, `p = ${p}`);
      }
    expect(tensor([3e30, 4e30]).norm().item()).toBeCloseTo(5e30, -24);
    expect(double([3, inf]).norm().item()).toBe(inf);
    expect(zeros([0]).norm().item()).toBe(0);
  });

  test("gradients where it is 0, and at elements that are", () => {
    for (const p of [0.5, 1, 2, 3, inf, 0])
      expectClose(
        gradientOf(zeros([2], { dtype: "float64" }), (x) => x.norm(p)),
        [0, 0],
        0,
        0,
        `p = ${p}`,
      );
    expectClose(
      gradientOf(double([0, 2]), (x) => x.norm(0.5)),
      [0, 1],
      1e-15,
      0,
      "p < 1",
    );
    expect(gradientOf(double([-3, 3, 1]), (x) => x.norm(inf))).toEqual([-0.5, 0.5, 0]);
    expectClose(
      gradientOf(double([1, 2]), (x) => x.dist(double([1, 2]))),
      [0, 0],
      0,
      0,
      "dist",
    );
    for (const p of [0.5, 1.5, 2, 3, -1]) expectGradients((x) => x.norm(p, 0), [drawn(3, 2).add(3)]);
  });

  test("between all points", () => {
    const [a, b] = [drawn(2, 4, 3), drawn(5, 3)];
    for (const p of [0, 1, 1.5, 2, inf]) {
      const wanted = a.unsqueeze(2).sub(b.unsqueeze(0)).norm(p, -1);
      expectClose(numbers(cdist(a, b, { p })), numbers(wanted), 1e-14, 0, `p = ${p}`);
      const pairs = numbers(pdist(b, { p }));
      const all = cdist(b, b, { p });
      const own = [0, 1, 2, 3, 4].flatMap((i) =>
        [0, 1, 2, 3, 4].filter((j) => i < j).map((j) => all.at(i, j).item()),
      );
      expect(pairs).toEqual(own);
    }
    expectGradients((x, y) => cdist(x, y), [drawn(3, 2), drawn(2, 2)]);
    expectGradients((x) => nn.functional.pdist(x, { p: 3 }), [drawn(4, 2)]);
    expect(
      gradientOf(
        double([
          [1, 1],
          [1, 1],
        ]),
        (x) => pdist(x),
      ).every((g) => g === 0),
    ).toBe(true);
    expect(cdist(zeros([2, 0]), zeros([3, 0]), { p: inf }).toArray()).toEqual([
      [0, 0, 0],
      [0, 0, 0],
    ]);
  });

  test("renorm scales down what is too long, and nothing else", () => {
    const x = double([
      [3, 4],
      [0.3, 0.4],
    ]);
    const scaled = x.renorm(2, 0, 1);
    expectClose(numbers(scaled.norm(2, 1)), [1, 0.5], 1e-7, 0, "norms");
    expect(numbers(scaled.at(1))).toEqual([0.3, 0.4]);
    expectGradients((y) => y.renorm(2, 0, 1), [x]);
  });

  test("what is refused", () => {
    const x = drawn(2, 3);
    expectRefused([
      [() => x.norm("nuclear" as never), "ERR_VALUE", 'a number, "fro" or "nuc"'],
      [() => x.norm(nan), "ERR_ARGUMENT", "p must be a number"],
      [() => tensor([1n]).norm(), "ERR_DTYPE", "Expected a floating point or complex tensor"],
      [() => zeros([2, 0]).norm(-1, 1), "ERR_SHAPE", "does not have an identity"],
      [() => x.renorm(0, 0, 1), "ERR_VALUE", "non-positive-norm not supported"],
      [() => x.renorm(2, 0, -1), "ERR_VALUE", "expected maxnorm to be >= 0"],
      [() => drawn(3).renorm(2, 0, 1), "ERR_SHAPE", "at least 2 dimensions"],
      [() => cdist(x, drawn(2, 4)), "ERR_SHAPE", "the same number of columns. X1: 3 X2: 4"],
      [() => cdist(x, drawn(3)), "ERR_SHAPE", "X2 got: 1D"],
      [() => cdist(x, x, { p: -1 }), "ERR_VALUE", "non-negative p values"],
      [() => cdist(x, x, { computeMode: "fast" as never }), "ERR_VALUE", "compute_mode"],
      [() => pdist(drawn(2)), "ERR_SHAPE", "only supports 2D tensors, got: 1D"],
      [() => x.dist(1 as never), "ERR_ARGUMENT", "expected a Tensor"],
    ]);
    expect(tensor([3n, 4n]).norm(2, { dtype: "float64" }).item()).toBe(5);
  });
});

describe("differences and integrals", () => {
  test("differences", () => {
    const x = tensor([1n, 4n, 9n, 2n ** 53n + 1n]);
    expect(x.diff().toArray()).toEqual([3n, 5n, 2n ** 53n - 8n]);
    expect(x.diff({ n: 5 }).shape).toEqual([0]);
    expect(tensor([true, true, false]).diff().toArray()).toEqual([false, true]);
    expect(x.diff({ prepend: tensor([0n]), append: tensor([0n]) }).shape).toEqual([5]);
    expectGradients((a, b) => a.diff(0, { n: 2, append: b }), [drawn(3, 2), drawn(1, 2)]);
  });

  test("trapezoids", () => {
    const x = double([0, 1, 3]);
    const y = double([[1, 2, 4]]);
    expect(numbers(trapezoid(y, x))).toEqual([7.5]);
    expect(numbers(cumulativeTrapezoid(y, x))).toEqual([1.5, 7.5]);
    expect(numbers(trapz(y.T, x, { dim: 0 }))).toEqual([7.5]);
    expect(numbers(trapezoid(y, { dx: 0.5 }))).toEqual([2.25]);
    expect(trapezoid(tensor([200, 200], { dtype: "uint8" })).item()).toBe(200);
    expect(trapezoid(zeros([2, 0])).toArray()).toEqual([0, 0]);
    expectGradients((a, b) => cumulativeTrapezoid(a, b), [drawn(2, 4), drawn(4)]);
  });

  test("derivatives of a parabola are exact where three samples are taken", () => {
    const x = double([0, 0.5, 2, 3, 7]);
    const [found] = gradient(x.square(), { spacing: [x], edgeOrder: 2 });
    expectClose(numbers(found!), numbers(x.mul(2)), 1e-13, 1e-13, "places");
    const grid = arange(6, { dtype: "float64" });
    const surface = grid.square().unsqueeze(1).add(grid.mul(3));
    const [rows, columns] = gradient(surface, { edgeOrder: 2 });
    expectClose(numbers(rows!.select(1, 0)), numbers(grid.mul(2)), 1e-13, 0, "rows");
    expect(new Set(numbers(columns!))).toEqual(new Set([3]));
    expect(gradient(surface, { dim: [1, 0], spacing: [2, 1] }).map(({ shape }) => shape)).toEqual([
      [6, 6],
      [6, 6],
    ]);
    expectGradients((a, b) => gradient(a, { spacing: [b], dim: 0 })[0]!, [drawn(4, 2), double([0, 1, 3, 4])]);
  });

  test("what is refused", () => {
    const x = drawn(3, 3);
    expectRefused([
      [() => double(1).diff(), "ERR_SHAPE", "at least one-dimensional"],
      [() => x.diff({ n: -1 }), "ERR_VALUE", "order must be non-negative"],
      [() => x.diff({ prepend: drawn(3) }), "ERR_SHAPE", "the same dimension as input"],
      [() => trapezoid(x, drawn(4)), "ERR_SHAPE", "one `x` value for each sample point"],
      [() => trapezoid(x.gt(0)), "ERR_DTYPE", "bool is not supported"],
      [() => trapezoid(x, x, { dx: 1 } as never), "ERR_OPTION", "unknown option 'dx'"],
      [() => trapezoid(x, { dim: 2 }), "ERR_DIM", "Dimension out of range"],
      [() => gradient(x, { edgeOrder: 3 as never }), "ERR_VALUE", "only supports edge_order=1"],
      [() => gradient(x, { spacing: [1] }), "ERR_ARGUMENT", "a list of length 2"],
      [() => gradient(x, { spacing: [drawn(4), drawn(3)] }), "ERR_SHAPE", "each element of spacing"],
      [() => gradient(drawn(2), { edgeOrder: 2 }), "ERR_SHAPE", "at least edge_order+1"],
      [() => gradient(x, { dim: [1, -1] }), "ERR_DIM", "a dimension appears twice"],
    ]);
  });
});
