import { describe, expect, test } from "vitest";
import {
  arange,
  autograd,
  explain,
  meshgrid,
  nn,
  ones,
  realize,
  tensor,
  where,
  zeros,
  type Index,
  type Tensor,
} from "../../lib/index.js";
import { errorOf, expectClose, numbers } from "../helpers/reference.js";

// Elements by positions that are values: indexing with tensors, and everything that scatters.

const whole = (data: number[]) => tensor(BigInt64Array.from(data, BigInt));
const float64 = (data: number[], shape: number[] = [data.length]) =>
  tensor(data, { dtype: "float64" }).reshape(shape).clone();

describe("indexing with tensors", () => {
  const x = arange(2 * 6 * 4 * 5, { dtype: "int64" }).reshape(2, 6, 4, 5);
  const one = tensor(1n);
  const three = whole([0, 1, 1]);
  const mask = tensor([true, false]);
  const grid = zeros([6, 4], { dtype: "bool" }).set([2, 1], true).set([3, 3], true);

  // Shapes that PyTorch 2.13 gives.
  test.each<[string, Index[], number[]]>([
    ["one dimension", [three], [3, 6, 4, 5]],
    ["neighbours", [":", three, three], [2, 3, 5]],
    ["others", [":", three, ":", three], [3, 2, 4]],
    ["a number of no dimensions", [one, ":", three], [6, 3, 5]],
    ["the same between", [":", three, one, three], [2, 3]],
    ["the same, twice", [one, ":", one], [6, 5]],
    ["a number", [0, ":", three], [6, 3, 5]],
    ["an ellipsis", ["...", three], [2, 6, 4, 3]],
    ["a new dimension between", [three, null, one, ":", three], [3, 1, 4]],
    ["a new dimension in front", [null, ":", three], [1, 2, 3, 4, 5]],
    ["new dimensions alone", [0, null, "...", null], [1, 6, 4, 5, 1]],
    ["a mask", [mask], [1, 6, 4, 5]],
    ["a mask of two dimensions", [":", grid], [2, 2, 5]],
    ["a mask and positions", [mask, ":", ":", whole([1])], [1, 6, 4]],
    ["true", [tensor(true)], [1, 2, 6, 4, 5]],
    ["false", [tensor(false)], [0, 2, 6, 4, 5]],
    ["true beside positions", [tensor(true), ":", three], [3, 2, 4, 5]],
    ["no positions", [whole([])], [0, 6, 4, 5]],
    ["positions that broadcast", [three.reshape(3, 1), whole([0, 5])], [3, 2, 4, 5]],
    ["bytes, which are positions", [tensor([1, 0, 1], { dtype: "uint8" })], [3, 6, 4, 5]],
  ])("%s", (_, index, shape) => {
    expect(x.at(...index).shape).toEqual(shape);
    const y = x.clone().set(index, -1);
    expect(y.eq(-1).sum().item()).toBe(numbers(x.at(...index).unique().output).length);
  });

  test("negative positions count from the end, in any integer dtype", () => {
    const y = float64([1, 2, 3]);
    for (const dtype of ["int64", "int32"] as const)
      expect(numbers(y.at(tensor([-1, 0, -3], { dtype })))).toEqual([3, 1, 1]);
    expect(numbers(float64([1, 2, 3, 4], [2, 2]).at(whole([-1, 0]), whole([0, -1])))).toEqual([3, 2]);
  });

  test("whole numbers beyond 2**53 pass through", () => {
    const big = [2n ** 60n + 1n, 2n ** 60n + 3n];
    const y = tensor(big);
    expect(y.at(whole([1, 0])).dataSync()).toEqual(BigInt64Array.of(big[1]!, big[0]!));
    expect(
      y
        .clone()
        .set([whole([0])], big[1]!)
        .dataSync(),
    ).toEqual(BigInt64Array.of(big[1]!, big[1]!));
  });

  test("positions out of range are errors when they are read, wherever they are", () => {
    const y = zeros([2, 3]);
    const code = { name: "RangeError", code: "ERR_INDEX" };
    expect(errorOf(() => y.at(whole([0, 2])).toArray())).toMatchObject(code);
    expect(errorOf(() => y.at(":", whole([-4])).toArray()).message).toContain(
      "index -4 is out of bounds for dimension 1 with size 3",
    );
    // In row-major order there would be such a place.
    expect(errorOf(() => y.at(whole([0]), whole([4])).toArray()).message).toContain(
      "index 4 is out of bounds for dimension 0 with size 3",
    );
    expect(
      errorOf(() =>
        y
          .clone()
          .set([whole([-3]), whole([0])], 1)
          .toArray(),
      ),
    ).toMatchObject(code);
    expect(
      errorOf(() =>
        zeros([0, 3])
          .at(whole([0]))
          .toArray(),
      ),
    ).toMatchObject(code);
  });

  test("what does not fit is refused", () => {
    const y = zeros([2, 3]);
    const refused = (...index: Index[]) => errorOf(() => y.at(...index));
    expect(refused(whole([0, 1]), whole([0, 1, 2])).message).toMatch(
      /^shape mismatch: indexing tensors could not be broadcast together with shapes \[2\], \[3\]/,
    );
    expect(refused(tensor([true, false, true])).message).toMatch(
      /^The shape of the mask \[3\] at index 0 does not match the shape of the indexed tensor \[2, 3\] at index 0/,
    );
    expect(refused(whole([0]), 0, null, 0)).toMatchObject({ code: "ERR_INDEX" });
    expect(refused("...", whole([0]), "...")).toMatchObject({ code: "ERR_INDEX" });
    expect(refused(tensor([0.5]))).toMatchObject({ name: "TypeError", code: "ERR_DTYPE" });
    expect(errorOf(() => y.set([whole([0, 1])], zeros([4])))).toMatchObject({ code: "ERR_SHAPE" });
    expect(errorOf(() => y.at({} as never))).toMatchObject({ code: "ERR_INDEX" });
    expect(errorOf(() => y.indexPut([whole([0])], tensor([1n]))).message).toMatch(
      /^Index put requires the source and destination dtypes match/,
    );
    expect(errorOf(() => y.indexPut(whole([0]) as never, zeros([1])))).toMatchObject({
      code: "ERR_ARGUMENT",
    });
  });

  test("of several values for one element the last one counts, and has the gradient", () => {
    const values = float64([1, 2, 3, 4]).requiresGrad_();
    const y = zeros([3], { dtype: "float64" });
    y.set([whole([1, 1, 0, 1])], values);
    expect(numbers(y)).toEqual([3, 4, 0]);
    y.mul(float64([5, 7, 9]))
      .sum()
      .backward();
    expect(numbers(values.grad!)).toEqual([0, 0, 5, 7]);
    expect(numbers(zeros([3]).indexPut([whole([1, 1, 0])], ones([3]), { accumulate: true }))).toEqual([
      1, 2, 0,
    ]);
  });

  test("what is replaced has no gradient, what is read twice has it twice", () => {
    const y = float64([1, 2, 3]).requiresGrad_();
    const z = y.mul(2);
    z.set([tensor([true, false, true])], 0);
    z.sum().backward();
    expect(numbers(y.grad!)).toEqual([0, 2, 0]);
    const twice = y.detach().requiresGrad_();
    const read = twice.at(whole([2, 2, 0]));
    expect(read.gradFn).toBe("IndexBackward0");
    read.square().sum().backward();
    expect(numbers(twice.grad!)).toEqual([2, 0, 12]);
  });

  test("what nonzero and where give is an index", () => {
    const y = float64([1, -2, 3, -4], [2, 2]);
    expect(numbers(y.at(...y.lt(0).nonzero({ asTuple: true })))).toEqual([-2, -4]);
    expect(numbers(y.at(...where(y.lt(0))))).toEqual([-2, -4]);
    expect(
      tensor(5)
        .nonzero({ asTuple: true })
        .map(({ shape }) => shape),
    ).toEqual([[1]]);
  });
});

describe("scatters", () => {
  const index = whole([1, 1, 0]);

  test("reduce what comes to one place, in order", () => {
    const y = float64([2, 3, 5]);
    const src = float64([7, 11, -1]);
    const reduced = (reduce: "sum" | "prod" | "mean" | "amax" | "amin", includeSelf: boolean) =>
      numbers(y.scatterReduce(0, index, src, reduce, { includeSelf }));
    expect(reduced("sum", true)).toEqual([1, 21, 5]);
    expect(reduced("sum", false)).toEqual([-1, 18, 5]);
    expect(reduced("prod", true)).toEqual([-2, 231, 5]);
    expect(reduced("prod", false)).toEqual([-1, 77, 5]);
    expect(reduced("mean", true)).toEqual([0.5, 7, 5]);
    expect(reduced("mean", false)).toEqual([-1, 9, 5]);
    expect(reduced("amax", true)).toEqual([2, 11, 5]);
    expect(reduced("amin", false)).toEqual([-1, 7, 5]);
    expect(numbers(y.scatter(0, index, src))).toEqual([-1, 11, 5]);
    expect(numbers(y.scatter(0, index, src, { reduce: "multiply" }))).toEqual([-2, 231, 5]);
    expect(numbers(y.scatter(0, index, 0.5, { reduce: "add" }))).toEqual([2.5, 4, 5]);
    expect(numbers(y.scatter(0, index, 0.5))).toEqual([0.5, 0.5, 5]);
  });

  test("of every dtype, with means rounded down", () => {
    const into = (dtype: "int32" | "uint8" | "bool" | "int64") => zeros([2], { dtype });
    expect(
      numbers(into("int32").scatterReduce(0, whole([0, 0]), tensor([-1, -2], { dtype: "int32" }), "mean")),
    ).toEqual([-1, 0]);
    expect(
      numbers(
        into("uint8").scatterReduce(0, whole([0]), tensor([9], { dtype: "uint8" }), "amax", {
          includeSelf: false,
        }),
      ),
    ).toEqual([9, 0]);
    expect(numbers(into("bool").scatter(0, whole([1]), true))).toEqual([0, 1]);
    const big = 2n ** 62n + 1n;
    expect(
      into("int64")
        .scatterReduce(0, whole([0]), tensor([big]), "amin", { includeSelf: false })
        .dataSync(),
    ).toEqual(BigInt64Array.of(big, 0n));
    // A mean of numbers that doubles do not hold.
    const half = 2n ** 61n + 1n;
    expect(
      into("int64")
        .scatterReduce(0, whole([0, 0]), tensor([half, half - 2n]), "mean", { includeSelf: false })
        .dataSync(),
    ).toEqual(BigInt64Array.of(half - 1n, 0n));
  });

  test("NaN is the greatest and the least; equal extremes share the gradient", () => {
    const y = float64([1, 4]).requiresGrad_();
    const src = float64([4, NaN, 4]).requiresGrad_();
    const out = y.scatterReduce(0, whole([1, 0, 1]), src, "amax");
    expect(numbers(out)).toEqual([NaN, 4]);
    out.at(1).backward();
    expect(numbers(y.grad!).at(1)).toBeCloseTo(1 / 3, 12);
    expect(numbers(src.grad!).filter((_, i) => i !== 1)).toEqual([1 / 3, 1 / 3]);
    const only = float64([4, 4]).requiresGrad_();
    float64([9])
      .scatterReduce(0, whole([0, 0]), only, "amax", { includeSelf: false })
      .sum()
      .backward();
    expect(numbers(only.grad!)).toEqual([0.5, 0.5]);
  });

  test("the gradient of a product holds where elements are 0", () => {
    const products = (data: number[]) => {
      const src = float64(data).requiresGrad_();
      float64([2])
        .scatterReduce(0, whole(data.map(() => 0)), src, "prod")
        .sum()
        .backward();
      return numbers(src.grad!);
    };
    expect(products([3, 5])).toEqual([10, 6]);
    expect(products([0, 5, 7])).toEqual([70, 0, 0]);
    expect(products([0, 5, 0])).toEqual([0, 0, 0]);
  });

  test("in place", () => {
    const y = zeros([3]);
    const alias = y;
    expect(y.indexAdd_(0, whole([0, 0]), ones([2]), { alpha: 3 })).toBe(alias);
    y.indexFill_(0, whole([2]), 4)
      .maskedFill_(y.eq(0), -1)
      .scatter_(0, whole([1]), 8);
    expect(numbers(y)).toEqual([6, 8, 4]);
    y.indexPut_([whole([0])], tensor([1]));
    expect(numbers(y)).toEqual([1, 8, 4]);
    expect(errorOf(() => zeros([2]).maskedFill_(zeros([2, 2], { dtype: "bool" }), 1))).toMatchObject({
      code: "ERR_SHAPE",
    });
  });

  test("no positions change nothing, whatever their shape", () => {
    for (const reduce of ["sum", "prod", "mean", "amax"] as const)
      expect(
        numbers(ones([3]).scatterReduce(0, zeros([0, 2], { dtype: "int64" }), zeros([2]), reduce)),
      ).toEqual([1, 1, 1]);
    expect(numbers(ones([3]).put(whole([]), zeros([0])))).toEqual([1, 1, 1]);
    expect(zeros([0]).take(whole([])).shape).toEqual([0]);
  });

  test("what does not fit is refused", () => {
    const y = zeros([3, 2]);
    const at = whole([0]);
    const messages: [() => unknown, string, string][] = [
      [
        () => y.scatterReduce(0, at, y, "median" as never),
        "ERR_ARGUMENT",
        "reduce argument must be either sum, prod, mean, amax or amin",
      ],
      [
        () => y.scatter(0, at, 1, { reduce: "sum" as never }),
        "ERR_OPTION",
        "reduce argument must be either add or multiply",
      ],
      [
        () => y.indexReduce(0, at, y, "sum" as never),
        "ERR_ARGUMENT",
        "index_reduce(): Expected reduce to be one of prod, mean, amax or amin",
      ],
      [
        () => y.indexAdd(0, at, zeros([2, 2])),
        "ERR_SHAPE",
        "index_add_(): Number of indices (1) should be equal to source.size(dim) (2)",
      ],
      [
        () => y.indexAdd(0, at, zeros([1, 2], { dtype: "float64" })),
        "ERR_DTYPE",
        "index_add_(): self and source expected to have the same dtype",
      ],
      [
        () => y.indexCopy(0, at, zeros([1, 3])),
        "ERR_SHAPE",
        "source tensor shape must match self tensor shape",
      ],
      [() => y.indexFill(0, whole([0]).reshape(1, 1), 1), "ERR_SHAPE", "Index has to be a vector/scalar"],
      [
        () => y.indexFill(0, at, ones([1])),
        "ERR_SHAPE",
        "index_fill_ only supports a 0-dimensional value tensor",
      ],
      [() => y.maskedFill(y, 1), "ERR_DTYPE", "masked_fill_ only supports boolean masks"],
      [
        () => y.put(at, zeros([2])),
        "ERR_SHAPE",
        "put_(): Expected source and index to have the same number of elements",
      ],
      [() => y.take(tensor([0])), "ERR_DTYPE", "take(): Expected a long tensor for index"],
      [() => y.take(whole([6])).toArray(), "ERR_INDEX", "index 6 is out of bounds"],
      [
        () => y.takeAlongDim(at, 0),
        "ERR_SHAPE",
        "torch.take_along_dim(): input and indices should have the same number of dimensions",
      ],
      [() => y.maskedScatter(y.eq(0), ones([2])).toArray(), "ERR_INDEX", "out of bounds"],
      [
        () => y.scatter(0, whole([7]).reshape(1, 1), 1).toArray(),
        "ERR_INDEX",
        "index 7 is out of bounds for dimension 0 with size 3",
      ],
      [
        () => nn.functional.oneHot(whole([3]), { numClasses: 2 }).toArray(),
        "ERR_INDEX",
        "Class values must be smaller than num_classes.",
      ],
      [() => nn.functional.oneHot(whole([-1])).toArray(), "ERR_VALUE", "Class values must be non-negative."],
    ];
    for (const [compute, code, message] of messages) {
      const error = errorOf(compute);
      expect(error).toMatchObject({ code });
      expect(error.message).toContain(message);
    }
  });

  test("a mask of positions is part of the kernel that uses it", () => {
    const y = ones([64, 64]).clone();
    realize(y);
    expect(explain(y.tril().sum())).toMatch(/^1 kernel/);
    for (const made of [y.rot90(), y.repeat(2, 2), y.at(0).diagEmbed(), y.t()])
      expect(explain(made.sum())).toMatch(/^1 kernel/);
  });

  test("positions among all elements are read where the tensor lies", () => {
    const y = ones([64, 64]).clone();
    realize(y);
    const places = whole([1, 2]);
    for (const read of [y.at(places, places), y.take(places), y.put(places, y.at(0, "2:4"))])
      expect(explain(read)).not.toMatch(/over 4096 elements/);
  });

  // Against differences: what is scattered, and what it is scattered into.
  const into = [0.3, -1.2, 0.9, 2.1, -0.7, 0.45];
  const at = whole([2, 0, 2, 1]).reshape(2, 2);
  const builds: Record<string, (x: Tensor) => Tensor> = {
    mean: (x) => x.scatterReduce(1, at, x.square(), "mean"),
    "mean without self": (x) => x.scatterReduce(1, at, x.square(), "mean", { includeSelf: false }),
    indexCopy: (x) => x.indexCopy(1, whole([2, 0]), x.square().narrow(1, 0, 2)),
    indexReduce: (x) => x.indexReduce(1, whole([2, 2, 0]), x.sin(), "prod"),
    indexPut: (x) => x.indexPut([whole([0, 1, 0]), whole([2, 0, 2])], x.sin().at(0)),
    at: (x) => x.at(whole([1, 0, 1]), whole([-1, 0, -1])).square(),
    set: (x) =>
      x
        .mul(1)
        .set([":", whole([1, 1])], x.sin().narrow(1, 0, 2))
        .square(),
    maskedScatter: (x) => x.maskedScatter(tensor([true, false, true]), x.square()),
    take: (x) => x.take(whole([-1, 0, 0])).square(),
    unfold: (x) => x.unfold(1, 2, 1).square(),
    diagonalScatter: (x) => x.diagonalScatter(x.square().diagonal()),
    repeatInterleave: (x) => x.repeatInterleave(whole([2, 0, 1]), 1).square(),
  };
  test.each(Object.entries(builds))("the gradients of %s", (name, build) => {
    const leaf = (data: number[]) => float64(data, [2, 3]).requiresGrad_();
    const value = (y: Tensor) => build(y).sin().sum();
    const first = (y: Tensor) => autograd.grad(value(y), y, { createGraph: true })[0]!;
    const differences = (f: (x: Tensor) => Tensor) =>
      into.map((_, i) => {
        const moved = (by: number) => Number(f(leaf(into.with(i, into[i]! + by))).item());
        return (moved(1e-5) - moved(-1e-5)) / 2e-5;
      });
    expectClose(numbers(first(leaf(into))), differences(value), 1e-6, 1e-8, name);
    const x = leaf(into);
    const again = (y: Tensor) => first(y).mul(y).sum();
    expectClose(numbers(autograd.grad(again(x), x)[0]!), differences(again), 1e-5, 1e-7, name);
  });
});

test("grids are views of their vectors", () => {
  const [rows, columns] = meshgrid([tensor([1, 2]), tensor([3, 4, 5])], { indexing: "xy" });
  expect(rows!.toArray()).toEqual([
    [1, 2],
    [1, 2],
    [1, 2],
  ]);
  expect(columns!.toArray()).toEqual([
    [3, 3],
    [4, 4],
    [5, 5],
  ]);
});
