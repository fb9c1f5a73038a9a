import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { autograd, linalg, noGrad, optim, tensor, zeros, type DType, type Tensor } from "../../lib/index.js";
import { expectGradients } from "../helpers/differences.js";
import {
  build,
  errorOf,
  expectClose,
  numbers,
  randomSource,
  read,
  toTensor,
  type Plain,
} from "../helpers/reference.js";

const { cholesky, solveTriangular } = linalg;
const transposed = (x: Tensor) => x.transpose(-1, -2);

/** Symmetric, positive definite matrices, and in the triangle that is not read something else. */
function definite(shape: readonly number[], seed: number, unread?: "lower" | "upper"): Plain {
  const random = randomSource(seed);
  const n = shape.at(-1)!;
  const noise = build(shape, () => random() - 0.5);
  return build(shape, (at) => {
    const [i, j] = at.slice(-2) as [number, number];
    if ((unread === "upper" && j > i) || (unread === "lower" && j < i)) return NaN;
    const low = [...at.slice(0, -2), Math.max(i, j), Math.min(i, j)];
    return read(noise, low) + (i === j ? n / 2 + 1 : 0);
  });
}

/** Triangles with a diagonal away from 0, and NaN where nothing is read. */
function triangle(shape: readonly number[], seed: number, options: Options): Plain {
  const random = randomSource(seed);
  const n = shape.at(-1)!;
  return build(shape, (at) => {
    const [i, j] = at.slice(-2) as [number, number];
    const value = random() - 0.5;
    if (i === j) return options.unitriangular ? NaN : value > 0 ? value + 1 : value - 1;
    return j > i === options.upper ? (2 * value) / n : NaN;
  });
}
/** The same with what is not read as it counts. */
function whole(matrix: Plain, options: Options): Plain {
  return build(matrix.shape, (at) => {
    const [i, j] = at.slice(-2) as [number, number];
    if (i === j && options.unitriangular) return 1;
    return i === j || j > i === options.upper ? read(matrix, at) : 0;
  });
}

interface Options {
  upper: boolean;
  left: boolean;
  unitriangular: boolean;
}
const anyOptions = fc.record({ upper: fc.boolean(), left: fc.boolean(), unitriangular: fc.boolean() });
const batches = fc.constantFrom<number[]>([], [1], [2], [0], [2, 3]);
const floating = fc.constantFrom<DType>("float32", "float64");
const sizes = fc.oneof(fc.integer({ min: 0, max: 6 }), fc.constantFrom(31, 32, 33, 65));
const toleranceOf = (dtype: DType) => (dtype === "float32" ? 2e-4 : 1e-11);
const runs = { numRuns: 60 };

describe("cholesky", () => {
  test("L L' is the matrix, and L is a triangle", () => {
    fc.assert(
      fc.property(sizes, batches, floating, fc.boolean(), fc.nat(), (n, batch, dtype, upper, seed) => {
        const shape = [...batch, n, n];
        const given = definite(shape, seed, upper ? "lower" : "upper");
        const out = cholesky(toTensor(given, dtype), { upper });
        expect([out.shape, out.dtype]).toEqual([shape, dtype]);
        const back = upper ? transposed(out).matmul(out) : out.matmul(transposed(out));
        const full = definite(shape, seed);
        expectClose(numbers(back), full.data, toleranceOf(dtype), toleranceOf(dtype), "product");
        const factor = { shape, data: numbers(out) };
        const beside = build(shape, (at) => {
          const [i, j] = at.slice(-2) as [number, number];
          return (upper ? j < i : j > i) ? read(factor, at) : 0;
        });
        expect(beside.data.every((value) => value === 0)).toBe(true);
      }),
      runs,
    );
  });

  test("a matrix that lies in memory in another order", () => {
    const given = definite([3, 5, 5], 3);
    const expected = numbers(cholesky(toTensor(given)));
    const turned = toTensor(given).permute(2, 0, 1).mul(1).permute(1, 2, 0);
    expect(numbers(cholesky(turned))).toEqual(expected);
    const flipped = toTensor(given).flip(1, 2).mul(1).flip(1, 2);
    expect(numbers(cholesky(flipped))).toEqual(expected);
    const one = toTensor(definite([4, 4], 8));
    const twice = cholesky(one.expand(2, 4, 4));
    expect(numbers(twice)).toEqual([...numbers(cholesky(one)), ...numbers(cholesky(one))]);
  });

  test("an item of a batch has the bits of the matrix alone", () => {
    const given = toTensor(definite([3, 70, 70], 4), "float32");
    const all = cholesky(given);
    for (let i = 0; i < 3; ++i)
      expect(numbers(all.select(0, i))).toEqual(numbers(cholesky(given.select(0, i))));
  });

  test.each([false, true])("gradients of any order, upper: %s", (upper) => {
    const random = randomSource(6);
    const x = toTensor(build([2, 4, 4], () => random() - 0.5));
    const identity = toTensor(build([4, 4], ([i, j]) => Number(i === j)));
    const made = (a: Tensor) => cholesky(a.matmul(transposed(a)).add(identity), { upper });
    expectGradients((a) => made(a).sin(), [x], 1e-6);
  });

  test("the gradient is symmetric, and named as in PyTorch", () => {
    const x = toTensor(definite([3, 3], 9), "float64", true);
    const out = cholesky(x);
    expect(out.gradFn).toBe("LinalgCholeskyExBackward0");
    out
      .mul(toTensor(build([3, 3], ([i, j]) => i! + 2 * j!)))
      .sum()
      .backward();
    expectClose(numbers(x.grad!), numbers(x.grad!.T), 1e-14, 1e-14, "gradient");
  });

  test.each([
    [
      () => cholesky(zeros([3])),
      "ERR_SHAPE",
      "linalg.cholesky: The input tensor A must have at least 2 dimensions.",
    ],
    [
      () => cholesky(zeros([2, 3])),
      "ERR_SHAPE",
      "linalg.cholesky: A must be batches of square matrices, but they are 2 by 3 matrices",
    ],
    [
      () => cholesky(zeros([2, 2], { dtype: "int64" })),
      "ERR_DTYPE",
      "linalg.cholesky: Expected a floating point or complex tensor as input. Got Long",
    ],
    [() => cholesky(3 as never), "ERR_ARGUMENT", "cholesky: expected a Tensor"],
    [() => cholesky(zeros([2, 2]), { uper: true } as never), "ERR_OPTION", "did you mean 'upper'?"],
  ])("refuses %s", (body, code, message) => {
    const error = errorOf(body);
    expect(error.message).toContain(message);
    expect(error.code).toBe(code);
    if (code !== "ERR_OPTION") expect(error.op).toBe("cholesky");
  });
});

describe("a matrix that is not positive definite", () => {
  const bad = () => tensor([[1, 2], [2, 1]], { dtype: "float64" }); // prettier-ignore
  const sentence = (minor: number) =>
    "The factorization could not be completed because the input is not positive-definite " +
    `(the leading minor of order ${minor} is not positive-definite).`;

  test("throws where it is read, every time, and harms nothing else", () => {
    const x = bad();
    const good = x.mul(2);
    const out = cholesky(x);
    const sum = out.sum().add(good.sum());
    for (let i = 0; i < 3; ++i)
      for (const value of [sum, out]) {
        const error = errorOf(() => value.dataSync());
        expect(error.message).toContain(`linalg.cholesky: ${sentence(2)}`);
        expect(error).toMatchObject({ code: "ERR_LINALG", op: "cholesky", shapes: [[2, 2]] });
      }
    expect(numbers(good)).toEqual([2, 4, 4, 2]);
    expect(numbers(x)).toEqual([1, 2, 2, 1]);
    expect(() => String(out)).toThrow(sentence(2));
  });

  test("a promise is rejected", async () => {
    const x = bad();
    const out = cholesky(x).sum();
    for (let i = 0; i < 2; ++i) {
      await expect(out.data()).rejects.toMatchObject({ code: "ERR_LINALG", op: "cholesky" });
      await expect(out.itemAsync()).rejects.toThrow(sentence(2));
    }
    await expect(x.sum().itemAsync()).resolves.toBe(6);
  });

  test("names the first element of the batch, and its first minor", () => {
    const given = definite([2, 40, 70, 70], 12);
    const at = (item: number, minor: number) => item * 70 * 70 + (minor - 1) * 71;
    for (const [item, minor] of [
      [61, 2],
      [7, 69],
      [7, 35],
      [30, 1],
    ] as const)
      given.data[at(item, minor)] = -1;
    for (const upper of [false, true])
      expect(errorOf(() => cholesky(toTensor(given), { upper }).dataSync()).message).toContain(
        `linalg.cholesky: (Batch element 7): ${sentence(35)}`,
      );
  });

  test.each([
    [
      "NaN on the diagonal",
      [
        [1, 0, 0],
        [0, NaN, 0],
        [0, 0, 1],
      ],
      2,
    ],
    [
      "NaN below it",
      [
        [1, 0, 0],
        [NaN, 1, 0],
        [0, 0, 1],
      ],
      2,
    ],
    [
      "zero",
      [
        [1, 0, 0],
        [0, 1, 0],
        [0, 0, 0],
      ],
      3,
    ],
    [
      "minus infinity",
      [
        [-Infinity, 0, 0],
        [0, 1, 0],
        [0, 0, 1],
      ],
      1,
    ],
  ] as [string, number[][], number][])("%s", (_, rows, minor) => {
    for (const dtype of ["float32", "float64"] as const)
      expect(() => cholesky(tensor(rows, { dtype })).dataSync()).toThrow(sentence(minor));
    // The other triangle does not matter.
    const above = tensor([[1, NaN, NaN], [0, 1, NaN], [0, 0, 1]]); // prettier-ignore
    expect(numbers(cholesky(above))).toEqual([1, 0, 0, 0, 1, 0, 0, 0, 1]);
  });

  test("a step of an optimizer changes nothing", () => {
    const p = tensor([[4, 1], [1, 3]], { dtype: "float64", requiresGrad: true }); // prettier-ignore
    const shift = tensor(0, { dtype: "float64" });
    const optimizer = new optim.Adam([p], { lr: 0.1 });
    const identity = tensor([[1, 0], [0, 1]], { dtype: "float64" }); // prettier-ignore
    const step = () => {
      optimizer.zeroGrad();
      const loss = cholesky(p.add(identity.mul(shift)))
        .square()
        .sum();
      loss.backward();
      optimizer.step();
    };
    step();
    const before = [numbers(p), JSON.stringify(optimizer.stateDict())];
    shift.fill_(-100);
    for (let i = 0; i < 2; ++i) {
      expect(errorOf(step)).toMatchObject({ code: "ERR_LINALG", op: "cholesky" });
      expect([numbers(p), JSON.stringify(optimizer.stateDict())]).toEqual(before);
    }
    shift.fill_(0);
    step();
    expect(numbers(p)).not.toEqual(before[0]);
    const other = tensor([[4, 1], [1, 3]], { dtype: "float64", requiresGrad: true }); // prettier-ignore
    const undisturbed = new optim.Adam([other], { lr: 0.1 });
    for (let i = 0; i < 2; ++i) {
      undisturbed.zeroGrad();
      cholesky(other.add(identity.mul(0)))
        .square()
        .sum()
        .backward();
      undisturbed.step();
    }
    expect(numbers(p)).toEqual(numbers(other));
  });

  test("a failing value in the backward pass", () => {
    const x = bad().requiresGrad_();
    cholesky(x).sum().backward();
    expect(() => x.grad!.dataSync()).toThrow(sentence(2));
    expect(numbers(x)).toEqual([1, 2, 2, 1]);
  });
});

describe("solveTriangular", () => {
  test("A X, or X A, is B", () => {
    fc.assert(
      fc.property(
        sizes,
        fc.constantFrom(0, 1, 3, 32, 40),
        batches,
        anyOptions,
        floating,
        fc.nat(),
        (n, k, batch, options, dtype, seed) => {
          const random = randomSource(seed);
          const a = triangle([...batch, n, n], seed, options);
          const b = build([...batch, ...(options.left ? [n, k] : [k, n])], () => random() - 0.5);
          const x = solveTriangular(toTensor(a, dtype), toTensor(b, dtype), options);
          expect([x.shape, x.dtype]).toEqual([b.shape, dtype]);
          const counted = toTensor(whole(a, options), dtype);
          const back = options.left ? counted.matmul(x) : x.matmul(counted);
          const tolerance = toleranceOf(dtype);
          expectClose(numbers(back), b.data, tolerance, tolerance, JSON.stringify({ n, k, batch, options }));
        },
      ),
      runs,
    );
  });

  test("batches broadcast", () => {
    const options = { upper: false, left: true, unitriangular: false };
    const random = randomSource(2);
    const a = triangle([2, 1, 3, 3], 1, options);
    const b = build([4, 3, 2], () => random());
    const x = solveTriangular(toTensor(a), toTensor(b), options);
    expect(x.shape).toEqual([2, 4, 3, 2]);
    for (let i = 0; i < 2; ++i)
      for (let j = 0; j < 4; ++j)
        expect(numbers(x.at(i, j))).toEqual(
          numbers(solveTriangular(toTensor(a).at(i, 0), toTensor(b).at(j), options)),
        );
  });

  test("operands that lie in memory in another order", () => {
    const random = randomSource(3);
    const b = build([2, 5, 4], () => random());
    for (let i = 0; i < 8; ++i) {
      const options = { upper: (i & 1) > 0, left: (i & 2) > 0, unitriangular: (i & 4) > 0 };
      const a = toTensor(triangle([2, options.left ? 5 : 4, options.left ? 5 : 4], 5, options));
      const expected = numbers(solveTriangular(a, toTensor(b), options));
      const turn = (x: Tensor) => x.permute(2, 1, 0).mul(1).permute(2, 1, 0);
      expect(numbers(solveTriangular(turn(a), turn(toTensor(b)), options))).toEqual(expected);
      const flip = (x: Tensor) => x.flip(0, 1, 2).mul(1).flip(0, 1, 2);
      expect(numbers(solveTriangular(flip(a), flip(toTensor(b)), options))).toEqual(expected);
    }
  });

  test("a zero on the diagonal gives infinities and NaN", () => {
    const a = tensor([[0, 0], [1, 1]]); // prettier-ignore
    const b = tensor([[1], [1]]);
    expect(numbers(solveTriangular(a, b, { upper: false }))).toEqual([Infinity, -Infinity]);
    expect(numbers(solveTriangular(a, tensor([[0], [1]]), { upper: false }))).toEqual([NaN, NaN]);
    expect(numbers(solveTriangular(a, b, { upper: false, unitriangular: true }))).toEqual([1, 0]);
  });

  test("gradients of any order", () => {
    for (let i = 0; i < 8; ++i) {
      const options = { upper: (i & 1) > 0, left: (i & 2) > 0, unitriangular: (i & 4) > 0 };
      const random = randomSource(i);
      const a = toTensor(whole(triangle([2, 1, 3, 3], i, options), options));
      const b = toTensor(build(options.left ? [2, 3, 2] : [2, 2, 3], () => random() - 0.5));
      expectGradients((x, y) => solveTriangular(x, y, options).sin(), [a, b], 1e-6);
    }
  });

  test("the gradient of A is its triangle, even where the rest is NaN", () => {
    const options = { upper: true, left: true, unitriangular: true };
    const a = toTensor(triangle([3, 3], 4, options), "float64", true);
    const b = toTensor(build([3, 1], ([i]) => i! + 1));
    const x = solveTriangular(a, b, options);
    expect(x.gradFn).toBe("LinalgSolveTriangularBackward0");
    x.sum().backward();
    const zero = [0, 3, 4, 6, 7, 8].map((i) => numbers(a.grad!)[i]);
    expect(zero).toEqual([0, 0, 0, 0, 0, 0]);
    expect(numbers(a.grad!).some(Number.isNaN)).toBe(false);
  });

  test.each([
    [
      () => solveTriangular(zeros([3]), zeros([3, 1]), { upper: true }),
      "ERR_SHAPE",
      "linalg.solveTriangular: The input tensor A must have at least 2 dimensions.",
    ],
    [
      () => solveTriangular(zeros([3, 3]), zeros([3]), { upper: true }),
      "ERR_SHAPE",
      "linalg.solveTriangular: The input tensor B must have at least 2 dimensions.",
    ],
    [
      () => solveTriangular(zeros([3, 2]), zeros([3, 1]), { upper: true }),
      "ERR_SHAPE",
      "linalg.solveTriangular: A must be batches of square matrices, but they are 3 by 2 matrices",
    ],
    [
      () => solveTriangular(zeros([3, 3]), zeros([2, 3]), { upper: true }),
      "ERR_SHAPE",
      "linalg.solveTriangular: Incompatible shapes of A and B for the equation AX = B (3x3 and 2x3)",
    ],
    [
      () => solveTriangular(zeros([3, 3]), zeros([3, 2]), { upper: true, left: false }),
      "ERR_SHAPE",
      "linalg.solveTriangular: Incompatible shapes of A and B for the equation XA = B (3x3 and 3x2)",
    ],
    [
      () => solveTriangular(zeros([2, 3, 3]), zeros([3, 3, 1]), { upper: true }),
      "ERR_SHAPE",
      "must match the size",
    ],
    [
      () => solveTriangular(zeros([3, 3], { dtype: "int32" }), zeros([3, 1]), { upper: true }),
      "ERR_DTYPE",
      "linalg.solveTriangular: Expected a floating point or complex tensor as input. Got Int",
    ],
    [
      () => solveTriangular(zeros([3, 3]), zeros([3, 1], { dtype: "float64" }), { upper: true }),
      "ERR_DTYPE",
      "linalg.solveTriangular: Expected A and B to have the same dtype, but found A of type Float and B of type Double instead",
    ],
    [
      () => solveTriangular(zeros([3, 3]), zeros([3, 1]), {} as never),
      "ERR_OPTION",
      "solveTriangular: say which triangle of A is meant",
    ],
    [
      () => solveTriangular(zeros([3, 3]), 1 as never, { upper: true }),
      "ERR_ARGUMENT",
      "solveTriangular: expected a Tensor",
    ],
  ])("refuses %s", (body, code, message) => {
    const error = errorOf(body);
    expect(error.message).toContain(message);
    expect(error).toMatchObject({ code, op: "solveTriangular" });
  });
});

test("equations with the factor of a matrix solve equations with the matrix", () => {
  const a = toTensor(definite([50, 50], 21), "float64", true);
  const b = toTensor(build([50, 2], ([i, j]) => Math.sin(3 * i! + j!)));
  const factor = cholesky(a);
  const x = solveTriangular(transposed(factor), solveTriangular(factor, b, { upper: false }), {
    upper: true,
  });
  expectClose(numbers(noGrad(() => a.matmul(x))), numbers(b), 1e-11, 1e-11, "product");
  const [gradient] = autograd.grad(x.sum(), [a]);
  expect(gradient!.shape).toEqual([50, 50]);
});

// --- PyTorch's samples ---------------------------------------------------------------------------------------------

interface Golden {
  op: string;
  input: Plain;
  args: Plain[];
  kwargs: Options;
  out: Plain;
  grads: number[][];
}
const { cases } = JSON.parse(readFileSync("tests/goldens/factors.json", "utf8")) as { cases: Golden[] };
const own = cases.filter(({ op }) => op.startsWith("linalg."));

test.each(own.map((golden, i) => [i, golden.op, golden.input.shape, golden.kwargs, golden] as const))(
  "PyTorch's sample %i: %s of %j, %j",
  (_, op, _shape, options, golden) => {
    const leaves = [golden.input, ...golden.args].map((plain) => toTensor(plain, "float64", true));
    const [a, b] = leaves as [Tensor, Tensor];
    const out = op === "linalg.cholesky" ? cholesky(a, options) : solveTriangular(a, b, options);
    expect(out.shape).toEqual(golden.out.shape);
    expectClose(numbers(out), golden.out.data, 1e-9, 1e-9, "value");
    const weights = { shape: out.shape, data: golden.out.data.map((__, i) => Math.cos(1 + 0.7 * i)) };
    out.mul(toTensor(weights)).sum().backward();
    golden.grads.forEach((expected, i) =>
      expectClose(numbers(leaves[i]!.grad!), expected, 1e-8, 1e-9, `gradient ${i}`),
    );
  },
);
