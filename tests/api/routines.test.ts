import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  autograd,
  explain,
  eye,
  linalg,
  nn,
  noGrad,
  ones,
  optim,
  realize,
  tensor,
  zeros,
  type DType,
  type Tensor,
} from "../../lib/index.js";
import { native } from "../../lib/native.js";
import { recordRoutine } from "../../lib/tensor.js";
import { errorOf, expectClose, isClose, numbers } from "../helpers/reference.js";
import { expectSample, readSamples, weighted } from "../helpers/samples.js";

// Ops over whole arrays: PyTorch's own samples (an excerpt of what goldens/opinfo.py writes), plain loops, gradients
// against differences, and what happens when one of them fails while it runs.

const ops = readSamples("routines.json");

type Build = (x: Tensor, args: unknown[], kwargs: Record<string, unknown>) => Tensor[];
const sorting = (kwargs: Record<string, unknown>) =>
  [kwargs["dim"] as number | undefined, { descending: Boolean(kwargs["descending"]) }] as const;
const builders: Record<string, Build> = {
  cumsum: (x, [dim]) => [x.cumsum(dim as number)],
  cumprod: (x, [dim]) => [x.cumprod(dim as number)],
  cummax: (x, [dim]) => Object.values(x.cummax(dim as number)),
  sort: (x, _, kwargs) => Object.values(x.sort(...sorting(kwargs))),
  argsort: (x, _, kwargs) => [x.argsort(...sorting(kwargs))],
  gather: (x, [dim, index]) => [x.gather(dim as number, index as Tensor)],
  index_select: (x, [dim, index]) => [x.indexSelect(dim as number, index as Tensor)],
  scatter_add: (x, [dim, index, src]) => [x.scatterAdd(dim as number, index as Tensor, src as Tensor)],
  nonzero: (x, _, kwargs) => (kwargs["as_tuple"] === true ? [...x.nonzero().transpose(0, 1)] : [x.nonzero()]),
  masked_select: (x, [mask]) => [x.maskedSelect(mask as Tensor)],
};

describe.each(Object.keys(builders))("PyTorch's samples of %s", (op) => {
  test.each(ops[op]!.cases.map((sample, i) => [i, sample.input.shape, sample] as const))(
    "%i: %j",
    (i, _, sample) => {
      const compute = (x: Tensor, args: unknown[]) => builders[op]!(x, args, sample.kwargs);
      expectSample(sample, `${op} ${i}`, compute, () => 1e-12);
    },
  );
});

const shapes = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 4 });
const source = (seed: number) => () => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return seed / 2 ** 32;
};
/** A tensor of that shape whose memory is walked in some other order. */
function scrambled(
  shape: readonly number[],
  at: (i: number) => number,
  seed: number,
  dtype: DType = "float64",
): Tensor {
  const random = source(seed);
  const order = shape.map((_, i) => i).sort(() => random() - 0.5);
  const size = shape.reduce((a, b) => a * b, 1);
  const x = tensor(
    Array.from({ length: size }, (_, i) => at(i)),
    { dtype },
  ).reshape(order.map((axis) => shape[axis]!));
  const inverse = shape.map((_, i) => order.indexOf(i));
  const moved = x.permute(inverse);
  return random() < 0.5 ? moved : moved.flip([0]);
}
/** The lines of a nested array along an axis, as flat lists, in the order of the other axes. */
function lines(x: Tensor, dim: number): number[][] {
  const length = x.shape[dim]!;
  const flat = numbers(x.transpose(dim, -1).reshape(-1));
  return Array.from({ length: flat.length / length }, (_, i) => flat.slice(i * length, (i + 1) * length));
}
const along = fc
  .tuple(shapes, fc.nat(), fc.nat())
  .map(([shape, axis, seed]) => ({ shape, dim: axis % shape.length, seed }));

describe("along every dimension of every layout", () => {
  test("running sums and products", () => {
    fc.assert(
      fc.property(along, ({ shape, dim, seed }) => {
        const random = source(seed);
        const x = scrambled(shape, () => random() * 2 - 1, seed);
        for (const [op, combine] of [
          ["cumsum", (a: number, b: number) => a + b],
          ["cumprod", (a: number, b: number) => a * b],
        ] as const) {
          const got = lines(x[op](dim), dim);
          lines(x, dim).forEach((line, i) => {
            let total = op === "cumsum" ? 0 : 1;
            expectClose(
              got[i]!,
              line.map((value) => (total = combine(total, value))),
              1e-13,
              1e-15,
              op,
            );
          });
        }
      }),
    );
  });

  test.each([1, 63, 64, 65, 4095, 4096, 4097, 20_000])("sums of %i elements, in any number of lines", (n) => {
    const at = (i: number) => Math.sin(i);
    for (const count of [1, 3, 70]) {
      const x = tensor(Float64Array.from({ length: n * count }, (_, i) => at(i))).reshape([count, n]);
      const y = x.transpose(0, 1).clone();
      const bits = x.cumsum(1).dataSync();
      expect(y.cumsum(0).transpose(0, 1).clone().dataSync()).toEqual(bits);
      let total = 0;
      for (let i = 0; i < n; ++i)
        if (!isClose(Number(bits[i]), (total += at(i)), 1e-10, 1e-11)) expect.fail(`${i}`);
    }
  });

  test("integers add up in int64, bool counts", () => {
    expect(numbers(tensor([200, 100, 250], { dtype: "uint8" }).cumsum(0))).toEqual([200, 300, 550]);
    expect(tensor([true, false, true]).cumsum(0).dtype).toBe("int64");
    expect(numbers(tensor([true, false, true]).cumsum(0))).toEqual([1, 1, 2]);
    expect(numbers(tensor([2n, 3n, -4n]).cumprod(-1))).toEqual([2, 6, -24]);
  });

  test("parts of what is sorted", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(1, 3, 47, 48, 200, 5000),
        fc.tuple(fc.nat(), fc.nat(), fc.nat()),
        fc.boolean(),
        fc.constantFrom<DType>("float64", "float32", "int64", "uint8"),
        fc.constantFrom(3, 200, 2 ** 40),
        (length, [from, many, seed], descending, dtype, kinds) => {
          const random = source(seed);
          const values = Array.from({ length: 2 * length }, () => Math.floor(random() * kinds));
          // Far apart, so that keys need 64 bits.
          if (dtype === "int64") values[0] = 2 ** 52;
          if (dtype.startsWith("float")) values[length - 1] = NaN;
          const x = tensor(dtype === "uint8" ? values.map((value) => value % 256) : values, { dtype });
          const rows = x.reshape([2, length]);
          const first = from % (length + 1);
          const count = many % (length - first + 1);
          const whole = rows.sort(1, { descending });
          const part = recordRoutine("sortedPart", [rows], 1, Number(descending), first, count);
          expect(part[0]!.toArray()).toEqual(whole.values.narrow(1, first, count).toArray());
          expect(part[1]!.toArray()).toEqual(whole.indices.narrow(1, first, count).toArray());
        },
      ),
    );
  });

  test("sorting", () => {
    fc.assert(
      fc.property(
        along,
        fc.boolean(),
        fc.constantFrom<DType>("float64", "float32", "int32", "uint8"),
        (at, descending, dtype) => {
          const random = source(at.seed);
          const x = scrambled(at.shape, () => Math.floor(random() * 5), at.seed, dtype);
          const { values, indices } = x.sort(at.dim, { descending });
          const [sorted, places] = [lines(values, at.dim), lines(indices, at.dim)];
          lines(x, at.dim).forEach((line, i) => {
            const order = line
              .map((_, k) => k)
              .sort((a, b) => (descending ? line[b]! - line[a]! : line[a]! - line[b]!));
            expect(places[i]).toEqual(order);
            expect(sorted[i]).toEqual(order.map((k) => line[k]!));
          });
          expect(numbers(x.argsort(at.dim, { descending }))).toEqual(numbers(indices));
        },
      ),
    );
  });

  test.each([47, 48, 1023, 1024, 1025, 5000])("sorting %i elements", (n) => {
    const random = source(n);
    const data = Float64Array.from(
      { length: n },
      () => (random() - 0.5) * 10 ** Math.floor(random() * 20 - 10),
    );
    const { values, indices } = tensor(data).sort();
    expect(values.dataSync()).toEqual(data.toSorted());
    expect(values.dataSync()).toEqual(Float64Array.from(numbers(indices), (i) => data[i]!));
  });

  test("NaN is the largest, zeros are equal", () => {
    const x = tensor([NaN, -0, 1, 0, -Infinity, NaN, Infinity]);
    expect(numbers(x.argsort())).toEqual([4, 1, 3, 2, 6, 0, 5]);
    expect(numbers(x.argsort(0, { descending: true }))).toEqual([0, 5, 6, 2, 1, 3, 4]);
    expect(Object.is(x.sort().values.at(1).item(), -0)).toBe(true);
    expect(numbers(tensor([true, false, true]).sort().indices)).toEqual([1, 0, 2]);
    expect(tensor(3).sort().indices.item()).toBe(0);
    expect(zeros([0]).sort().values.shape).toEqual([0]);
  });

  test("gather and scatterAdd", () => {
    fc.assert(
      fc.property(along, fc.integer({ min: 1, max: 8 }), ({ shape, dim, seed }, count) => {
        const random = source(seed);
        const x = scrambled(shape, (i) => i + random(), seed);
        const places = shape.with(dim, count);
        const index = scrambled(places, () => Math.floor(random() * shape[dim]!), seed + 1, "int64");
        const [from, at, got] = [lines(x, dim), lines(index, dim), lines(x.gather(dim, index), dim)];
        at.forEach((line, i) => expect(got[i]).toEqual(line.map((k) => from[i]![k]!)));
        const src = scrambled(places, () => random(), seed + 2);
        const [parts, sums] = [lines(src, dim), lines(x.scatterAdd(dim, index, src), dim)];
        at.forEach((line, i) => {
          line.forEach((k, j) => (from[i]![k]! += parts[i]![j]!));
          expect(sums[i]).toEqual(from[i]);
        });
        const vector = tensor(
          BigInt64Array.from({ length: count }, () => BigInt(Math.floor(random() * shape[dim]!))),
        );
        const selected = lines(x.indexSelect(dim, vector), dim);
        lines(x, dim).forEach((line, i) => expect(selected[i]).toEqual(numbers(vector).map((k) => line[k]!)));
      }),
    );
  });

  test("smaller indices, and dtypes", () => {
    const x = tensor([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    expect(x.gather(1, tensor([[2n], [0n]])).toArray()).toEqual([[3], [4]]);
    expect(x.gather(0, tensor([[1n, 0n]])).toArray()).toEqual([[4, 2]]);
    expect(x.gather(1, tensor([[2]], { dtype: "int32" })).toArray()).toEqual([[3]]);
    const src = ones([3, 3]).requiresGrad_();
    const out = x.scatterAdd(1, tensor([[0n, 0n]]), src);
    expect(out.toArray()).toEqual([
      [3, 2, 3],
      [4, 5, 6],
    ]);
    out.sum().backward();
    expect(src.grad!.toArray()).toEqual([
      [1, 1, 0],
      [0, 0, 0],
      [0, 0, 0],
    ]);
    expect(tensor(5).gather(0, tensor(0n)).item()).toBe(5);
    expect(
      tensor([true, false])
        .indexSelect(0, tensor([1n, 0n, 0n]))
        .toArray(),
    ).toEqual([false, true, true]);
  });
});

describe("shapes that depend on values", () => {
  test("nonzero, maskedSelect and unique", () => {
    fc.assert(
      fc.property(along, ({ shape, seed }) => {
        const random = source(seed);
        const x = scrambled(shape, () => Math.floor(random() * 4), seed);
        const flat = numbers(x.reshape(-1));
        const rows = flat.flatMap((value, i) => {
          let rest = i;
          return value === 0
            ? []
            : [
                shape
                  .map((_, k) => shape.slice(k + 1).reduce((a, b) => a * b, 1))
                  .map((stride) => {
                    const at = Math.floor(rest / stride);
                    rest %= stride;
                    return at;
                  }),
              ];
        });
        expect(x.nonzero().shape).toEqual([rows.length, shape.length]);
        expect(numbers(x.nonzero())).toEqual(rows.flat());
        expect(numbers(x.maskedSelect(x.gt(1)))).toEqual(flat.filter((value) => value > 1));
        const { output, inverseIndices, counts } = x.unique({ returnInverse: true, returnCounts: true });
        const values = [...new Set(flat)].sort((a, b) => a - b);
        expect(numbers(output)).toEqual(values);
        expect(inverseIndices!.shape).toEqual(shape);
        expect(numbers(inverseIndices!)).toEqual(flat.map((value) => values.indexOf(value)));
        expect(numbers(counts!)).toEqual(
          values.map((value) => flat.filter((other) => other === value).length),
        );
      }),
    );
  });

  test("of nothing, and of one element", () => {
    expect(zeros([0, 3]).nonzero().shape).toEqual([0, 2]);
    expect(zeros([2, 2]).nonzero().shape).toEqual([0, 2]);
    expect(tensor(1).nonzero().shape).toEqual([1, 0]);
    expect(zeros([0]).unique({ returnInverse: true, returnCounts: true }).counts!.shape).toEqual([0]);
    expect(numbers(tensor(7).unique({ returnCounts: true }).counts!)).toEqual([1]);
    expect(zeros([3]).maskedSelect(tensor([false, false, false])).shape).toEqual([0]);
  });

  test("maskedSelect broadcasts, and has a gradient", () => {
    const x = tensor(
      [
        [1, 2],
        [3, 4],
      ],
      { requiresGrad: true },
    );
    const out = x.maskedSelect(tensor([true, false]));
    expect(out.gradFn).toBe("MaskedSelectBackward0");
    out.mul(out).sum().backward();
    expect(x.grad!.toArray()).toEqual([
      [2, 0],
      [6, 0],
    ]);
    expect(
      tensor([5, 6])
        .maskedSelect(
          tensor([
            [true, true],
            [false, true],
          ]),
        )
        .toArray(),
    ).toEqual([5, 6, 6]);
    expect(errorOf(() => x.maskedSelect(x))).toMatchObject({ code: "ERR_DTYPE", op: "maskedSelect" });
    expect(errorOf(() => x.maskedSelect(tensor([true, false, true]))).message).toContain(
      "must match the size",
    );
  });
});

const index = () =>
  tensor([
    [1n, 0n, 2n],
    [0n, 0n, 1n],
    [2n, 1n, 2n],
    [1n, 1n, 1n],
  ]);
/** Of every routine that has a gradient: its name, and ways to record it over a tensor of shape [4, 3]. */
const functions: Record<string, [label: string, ...((x: Tensor) => Tensor)[]]> = {
  matmul: ["MmBackward0", (x) => x.matmul(x.transpose(0, 1))],
  cumsum: ["CumsumBackward0", (x) => x.cumsum(1)],
  cumprod: [
    "CumprodBackward0",
    (x) => x.cumprod(0),
    // Zeros stop nothing.
    (x) => x.mul(tensor([1, 0, 1], { dtype: "float64" })).cumprod(1),
    (x) => x.mul(tensor([0, 1, 0], { dtype: "float64" })).cumprod(1),
  ],
  cummax: ["CummaxBackward0", (x) => x.cummax(0).values, (x) => x.cummax(1).values],
  recurrence: ["RecurrenceBackward0", (x) => recordRoutine("recurrence", [x, x.sin()], 1)[0]!],
  sort: ["SortBackward0", (x) => x.sort(0).values, (x) => x.sort(-1, { descending: true }).values],
  sortedPart: [
    "SortBackward0",
    (x) => recordRoutine("sortedPart", [x], 0, 0, 1, 2)[0]!,
    (x) => recordRoutine("sortedPart", [x], 1, 1, 0, 2)[0]!,
  ],
  embeddingBag: [
    "EmbeddingBagBackward0",
    (x) => recordRoutine("embeddingBag", [x, tensor([3n, 0n, 3n, 1n, 2n, 1n]).reshape([2, 3])])[0]!,
  ],
  gather: ["GatherBackward0", (x) => x.gather(1, index())],
  indexSelect: ["IndexSelectBackward0", (x) => x.indexSelect(0, tensor([3n, 0n, 3n]))],
  scatterAdd: ["ScatterAddBackward0", (x) => x.scatterAdd(1, index(), x.square())],
  scatter: ["ScatterBackward0", (x) => x.scatter(1, index(), x.square())],
  scatterReduce: [
    "ScatterReduceBackward0",
    (x) => x.scatterReduce(1, index(), x.sin(), "amax"),
    (x) => x.scatterReduce(1, index(), x.sin(), "amin", { includeSelf: false }),
    (x) => x.scatterReduce(1, index(), x.sin(), "prod"),
    // Zeros stop nothing: one, two and three at a place.
    (x) => x.mul(tensor([1, 0, 1], { dtype: "float64" })).scatterReduce(1, index(), x, "prod"),
    (x) => x.scatterReduce(1, index(), x.mul(tensor([0, 1, 0], { dtype: "float64" })), "prod"),
    (x) => x.scatterReduce(1, index(), x.mul(tensor([0, 1, 1], { dtype: "float64" })), "prod"),
  ],
  unfold: ["Im2ColBackward0", (x) => nn.functional.unfold(x.reshape([1, 4, 3]), 2)],
  fold: ["Col2ImBackward0", (x) => nn.functional.fold(x, [2, 4], 2)],
  cholesky: [
    "LinalgCholeskyExBackward0",
    (x) =>
      linalg.cholesky(
        x
          .transpose(0, 1)
          .matmul(x)
          .add(eye(3, { dtype: "float64" })),
      ),
  ],
  solveTriangular: [
    "LinalgSolveTriangularBackward0",
    (x) => linalg.solveTriangular(x.at(":3").add(eye(3, { dtype: "float64" })), x.at("1:"), { upper: true }),
  ],
  lu: [
    "LinalgLuFactorExBackward0",
    (x) => linalg.luFactor(x).LU,
    (x) => linalg.luFactor(x.T).LU,
    (x) => linalg.luFactor(x.at(":3")).LU,
  ],
  // These have kernels on the CPU alone.
  qr: [
    "LinalgQrBackward0",
    (x) => linalg.qr(x.cpu()).Q,
    (x) => linalg.qr(x.cpu()).R,
    (x) => linalg.qr(x.cpu().T).Q,
    (x) => linalg.qr(x.cpu().T).R,
    (x) => linalg.qr(x.cpu().at(":3")).R,
  ],
  eigh: [
    "LinalgEighBackward0",
    (x) => linalg.eigh(x.cpu().T.matmul(x.cpu())).eigenvalues,
    (x) => linalg.eigh(x.cpu().T.matmul(x.cpu())).eigenvectors,
  ],
  svd: [
    "LinalgSvdBackward0",
    (x) => linalg.svdvals(x.cpu()),
    (x) => linalg.svd(x.cpu(), { fullMatrices: false }).U,
    (x) => linalg.svd(x.cpu(), { fullMatrices: false }).Vh,
    (x) => linalg.svd(x.cpu().T, { fullMatrices: false }).U,
    (x) => linalg.svd(x.cpu().T, { fullMatrices: false }).Vh,
    (x) => linalg.svd(x.cpu().at(":3")).U,
  ],
  lstsq: [
    "LinalgLstsqBackward0",
    (x) => linalg.lstsq(x.cpu(), x.cpu().sin()).solution,
    (x) => linalg.lstsq(x.cpu().T, x.cpu().T.sin()).solution,
    // Of rank 2.
    (x) => linalg.lstsq(x.cpu().at(":", ":2").matmul(x.cpu().at(":2")), x.cpu().sin()).solution,
  ],
  solve: ["LinalgSolveExBackward0", (x) => linalg.solve(x.at(":3"), x.at("1:"))],
  inverse: ["LinalgInvExBackward0", (x) => linalg.inv(x.at(":3"))],
  choleskySolve: [
    "CholeskySolveBackward0",
    (x) => x.at("1:").choleskySolve(linalg.cholesky(x.T.matmul(x))),
    (x) => x.at("1:").choleskySolve(linalg.cholesky(x.T.matmul(x), { upper: true }), { upper: true }),
  ],
  det: ["LinalgDetBackward0", (x) => linalg.det(x.at(":3"))],
  cofactor: ["LinalgDetBackward0", (x) => recordRoutine("cofactor", [x.at(":3")])[0]!],
  pinv: [
    "LinalgPinvBackward0",
    (x) => linalg.pinv(x.cpu()),
    (x) => linalg.pinv(x.cpu().T),
    // Of rank 2.
    (x) => linalg.pinv(x.cpu().at(":", ":2").matmul(x.cpu().at(":2"))),
  ],
};

test("every routine that names a gradient is tested for it", () => {
  const naming = native.ops.filter((row) => row.kind === "routine" && row.label !== "");
  expect(Object.keys(functions).sort()).toEqual(naming.map(({ name }) => name).sort());
});

const ways = Object.entries(functions).flatMap(([name, [label, ...builds]]) =>
  builds.map((build, i) => [`${name}, ${i + 1}`, label, build] as const),
);

describe.each(ways)("%s", (name, label, build) => {
  const data = [0.3, -1.2, 0.9, 2.1, -0.7, 0.45, 1.6, -0.25, 0.05, 1.1, -1.9, 0.62];
  const leaf = (elements: readonly number[]) =>
    tensor([...elements], { dtype: "float64" })
      .reshape([4, 3])
      .clone()
      .requiresGrad_();
  const gradient = (x: Tensor, createGraph = false) =>
    autograd.grad(weighted(build(x)), x, { createGraph })[0]!;
  const differences = (f: (x: Tensor) => Tensor) =>
    data.map((_, i) => {
      const step = 1e-5;
      const at = (sign: number) => Number(f(leaf(data.with(i, data[i]! + sign * step))).item());
      return (at(1) - at(-1)) / (2 * step);
    });

  test("the gradient", () => {
    const x = leaf(data);
    expect(build(x).gradFn).toBe(label);
    expectClose(
      numbers(gradient(x)),
      differences((y) => noGrad(() => weighted(build(y)))),
      1e-6,
      1e-8,
      name,
    );
  });

  test("the gradient of the gradient", () => {
    const x = leaf(data);
    const first = (y: Tensor) => weighted(gradient(y, true).mul(y));
    expectClose(numbers(autograd.grad(first(x), x)[0]!), differences(first), 1e-5, 1e-7, name);
  });
});

describe("several results", () => {
  test("are computed together, and kept together", () => {
    const x = tensor([3, 1, 2]).clone();
    realize(x);
    const { values, indices } = x.sort();
    expect(explain([values, indices])).toMatch(/^1 kernel/);
    expect(explain(values.mul(indices)).match(/sort/g)).toHaveLength(1);
    expect(values.toArray()).toEqual([1, 2, 3]);
    expect(explain(indices)).toMatch(/^0 kernels/);
    expect(numbers(indices)).toEqual([1, 2, 0]);
  });

  test("may be wanted one without the other", () => {
    const only = () => tensor([3, 1, 2]).sort().indices;
    expect(numbers(only())).toEqual([1, 2, 0]);
    const { values } = tensor([3, 1, 2], { requiresGrad: true }).sort();
    values
      .mul(tensor([1, 2, 3]))
      .sum()
      .backward();
    expect(values.sum().item()).toBe(6);
  });

  test("have gradients that arrive one by one", () => {
    const x = tensor([3, 1, 2], { requiresGrad: true });
    const { values } = x.sort();
    values.at(0).mul(5).add(values.at(2).mul(7)).backward();
    expect(x.grad!.toArray()).toEqual([7, 5, 0]);
  });
});

describe("an index out of range", () => {
  const message = "index 7 is out of bounds for dimension 1 with size 3; gather: the tensor has shape [2, 3]";
  const wrong = () =>
    tensor([
      [1, 2, 3],
      [4, 5, 6],
    ]).gather(
      1,
      tensor([
        [0n, 7n],
        [-2n, 1n],
      ]),
    );

  test("is an error when the value is read, every time, and nothing else is lost", () => {
    const out = wrong();
    const after = out.mul(2).sum();
    const other = ones([3]).add(1);
    for (const read of [() => out.toArray(), () => after.item(), () => out.toArray(), () => `${out}`])
      expect(errorOf(read)).toMatchObject({
        name: "RangeError",
        code: "ERR_INDEX",
        op: "gather",
        message,
        shapes: [[2, 3]],
      });
    expect(other.toArray()).toEqual([2, 2, 2]);
  });

  test("rejects what is awaited", async () => {
    const out = wrong().sum();
    await expect(out.itemAsync()).rejects.toMatchObject({ code: "ERR_INDEX", op: "gather" });
    await expect(wrong().data()).rejects.toMatchObject({ code: "ERR_INDEX" });
    expect(await ones([2]).data()).toEqual(Float32Array.of(1, 1));
  });

  test("below zero, of a vector, of what is added to", () => {
    const at = (i: bigint) => tensor([i]);
    expect(errorOf(() => ones([3]).gather(0, at(-1n)).item()).message).toContain("index -1 is out of bounds");
    expect(errorOf(() => ones([3]).indexSelect(0, at(3n)).item())).toMatchObject({
      code: "ERR_INDEX",
      op: "indexSelect",
    });
    expect(
      errorOf(() =>
        ones([3])
          .scatterAdd(0, at(3n), ones([1]))
          .toArray(),
      ),
    ).toMatchObject({
      code: "ERR_INDEX",
      op: "scatterAdd",
    });
    expect(errorOf(() => zeros([0]).gather(0, at(0n)).item()).message).toContain("index 0 is out of bounds");
  });

  test("leaves the parameters of a step as they were", () => {
    const x = ones([3]).clone().requiresGrad_();
    const optimizer = new optim.Adam([x], { lr: 0.1 });
    const step = (i: bigint) => {
      optimizer.zeroGrad();
      x.indexSelect(0, tensor([0n, i]))
        .square()
        .sum()
        .backward();
      optimizer.step();
    };
    step(1n);
    const before = numbers(x);
    expect(errorOf(() => step(5n))).toMatchObject({ code: "ERR_INDEX", op: "indexSelect" });
    x.grad = null;
    expect(numbers(x)).toEqual(before);
    step(2n);
    expect(numbers(x)[2]).toBeLessThan(1);
  });

  test("of a plan that is under way, is found when it is read, and not by others", async () => {
    const n = 1 << 22;
    const big = ones([n]).gather(0, tensor(BigInt64Array.from({ length: n }, (_, i) => BigInt(i + 1))));
    const total = big.mul(2).sum();
    realize(total);
    expect(ones([2]).sum().item()).toBe(2);
    expect(errorOf(() => total.item())).toMatchObject({ code: "ERR_INDEX", op: "gather" });
    await expect(total.itemAsync()).rejects.toMatchObject({ code: "ERR_INDEX" });
  });
});

describe("what is refused at the call", () => {
  const m = () => ones([2, 3]);
  const cases: [string, () => unknown, string, string, string][] = [
    [
      "a dimension",
      () => m().cumsum(2),
      "Dimension out of range (expected to be in range of [-2, 1], but got 2)",
      "ERR_DIM",
      "cumsum",
    ],
    ["no dimension", () => m().cumprod(undefined as never), "dim", "ERR_ARGUMENT", "cumprod"],
    ["a dimension to sort", () => m().sort(-3), "Dimension out of range", "ERR_DIM", "sort"],
    ["an unknown option", () => m().sort(0, { decending: true } as never), "descending", "ERR_OPTION", ""],
    [
      "indices of another dtype",
      () => m().gather(0, m()),
      "gather(): Expected dtype int32/int64 for index",
      "ERR_DTYPE",
      "gather",
    ],
    [
      "indices of another rank",
      () => m().gather(0, tensor([0n])),
      "Index tensor must have the same number of dimensions as input tensor",
      "ERR_SHAPE",
      "gather",
    ],
    [
      "too many indices",
      () => m().gather(0, zeros([1, 4], { dtype: "int64" })),
      "to be no larger than self",
      "ERR_SHAPE",
      "gather",
    ],
    [
      "a matrix of indices",
      () => m().indexSelect(0, zeros([1, 1], { dtype: "int64" })),
      "index_select(): Index is supposed to be a vector",
      "ERR_SHAPE",
      "indexSelect",
    ],
    [
      "several indices of a scalar",
      () => tensor(1).indexSelect(0, tensor([0n, 0n])),
      "Index to scalar can have only 1 value",
      "ERR_SHAPE",
      "indexSelect",
    ],
    [
      "parts of another dtype",
      () => m().scatterAdd(0, zeros([1, 3], { dtype: "int64" }), ones([1, 3], { dtype: "float64" })),
      "Expected self.dtype to be equal to src.dtype",
      "ERR_DTYPE",
      "scatterAdd",
    ],
    [
      "parts of another rank",
      () => m().scatterAdd(0, zeros([1, 3], { dtype: "int64" }), ones([3])),
      "Index tensor must have the same number of dimensions as src tensor",
      "ERR_SHAPE",
      "scatterAdd",
    ],
    [
      "places of another rank",
      () => m().scatterAdd(0, zeros([3], { dtype: "int64" }), ones([3])),
      "Index tensor must have the same number of dimensions as self tensor",
      "ERR_SHAPE",
      "scatterAdd",
    ],
    [
      "more indices than parts",
      () => m().scatterAdd(0, zeros([3, 3], { dtype: "int64" }), ones([2, 3])),
      "and to be no larger size than src [2, 3]",
      "ERR_SHAPE",
      "scatterAdd",
    ],
  ];
  test.each(cases)("%s", (_, call, message, code, op) => {
    const error = errorOf(call);
    expect(error.message).toContain(message);
    expect(error).toMatchObject(op ? { code, op } : { code });
  });
});

describe("results of which only one is held", () => {
  test("are computed while the others are found dead", () => {
    const n = 20_000;
    const x = tensor(Float64Array.from({ length: n }, (_, i) => Math.sin(i))).clone();
    realize(x);
    let total = 0;
    // Each run looks for memory before it begins, and then finds the Tensors that the loop has left behind.
    for (let i = 0; i < 600; ++i)
      total += Number(
        x
          .mul(1 + i / 1000)
          .cummax(0)
          .indices.dataSync()[n - 1],
      );
    expect(total / 600).toBeLessThan(n);
  });
});

describe("a value that is awaited while others fail or run", () => {
  const n = 1 << 21;
  const wrong = () =>
    ones([n])
      .gather(0, tensor(BigInt64Array.from({ length: n }, (_, i) => BigInt(i + 1))))
      .mul(2);

  test.each<[string, () => unknown]>([
    [
      "another that is right",
      () =>
        ones([3])
          .gather(0, tensor([1n]))
          .item(),
    ],
    ["another that fails", () => errorOf(() => linalg.cholesky(tensor([[-1]])).item())],
    ["an array", () => ones([4]).sum().item()],
  ])("rejects for its own reason beside %s", async (_, other) => {
    const awaited = [wrong().sum().itemAsync(), wrong().data()];
    other();
    const reason = { code: "ERR_INDEX", op: "gather" };
    await Promise.all(awaited.map((promise) => expect(promise).rejects.toMatchObject(reason)));
  });
});

describe("numbers and vectors of one element", () => {
  test("are indexed alike", () => {
    expect(tensor([7, 8]).gather(0, tensor(1n)).item()).toBe(8);
    expect(
      tensor(5)
        .gather(0, tensor([0n, 0n]))
        .toArray(),
    ).toEqual([5, 5]);
    expect(tensor([1, 2]).scatterAdd(0, tensor(1n), tensor(5)).toArray()).toEqual([1, 7]);
    expect(
      tensor(5)
        .scatterAdd(0, tensor([0n, 0n]), tensor([2, 3]))
        .item(),
    ).toBe(10);
    expect(
      tensor([1, 2])
        .scatterAdd(0, tensor(0n), tensor([5, 6]))
        .toArray(),
    ).toEqual([6, 2]);
    const x = tensor(7, { requiresGrad: true });
    x.gather(0, tensor([0n, 0n]))
      .sum()
      .backward();
    expect(x.grad!.item()).toBe(2);
    const part = tensor(3, { requiresGrad: true });
    tensor([1, 2])
      .scatterAdd(0, tensor([1n]), part)
      .square()
      .sum()
      .backward();
    expect(part.grad!.item()).toBe(10);
  });

  test("nothing has a gradient of nothing", () => {
    for (const op of ["cumsum", "cumprod"] as const) {
      const x = zeros([3, 0]).requiresGrad_();
      x[op](1).sum().backward();
      expect(x.grad!.shape).toEqual([3, 0]);
    }
    expect(errorOf(() => ones([2]).nonzero({ tuple: true } as never))).toMatchObject({
      code: "ERR_OPTION",
    });
  });
});
