import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import {
  eye,
  getDefaultDevice,
  linalg,
  luUnpack,
  setDefaultDevice,
  tensor,
  zeros,
  type Tensor,
} from "../../lib/index.js";
import { expectGradients } from "../helpers/differences.js";
import { build, errorOf, expectClose, numbers, randomSource, toTensor } from "../helpers/reference.js";

// What PyTorch's samples of factors and equations do not show: products, hard matrices, failures, second derivatives.

// QR, eigenvectors and singular values have kernels on the CPU alone; what needs none of them runs on the device that
// tests are run on.
const device = getDefaultDevice();
beforeEach(() => setDefaultDevice("cpu"));
const onDevice = () => setDefaultDevice(device);

const transposed = (x: Tensor) => x.transpose(-1, -2);
const noise = (shape: readonly number[], seed: number): Tensor => {
  const random = randomSource(seed);
  return toTensor(build(shape, () => 2 * random() - 1));
};
const sizes = fc.oneof(fc.integer({ min: 0, max: 7 }), fc.constantFrom(31, 33, 70));
const batches = fc.constantFrom<number[]>([], [2], [0], [2, 3]);
const runs = { numRuns: 40 };
const same = (actual: Tensor, expected: Tensor, tolerance: number, at: string) => {
  expect(actual.shape, at).toEqual(expected.shape);
  expectClose(numbers(actual), numbers(expected), tolerance, tolerance, at);
};
const identity = (like: Tensor) => {
  const n = like.shape.at(-1)!;
  return eye(n, { dtype: like.dtype }).expand([...like.shape.slice(0, -2), n, n]);
};
/** In single precision what is left of it, else some rounding errors. */
const toleranceOf = (x: Tensor) => (x.dtype === "float32" ? 2e-4 : 2e-11);
const hilbert = (n: number) => toTensor(build([n, n], ([i, j]) => 1 / (i! + j! + 1)));
/** A matrix without small pivots that is nearly singular all the same (W. Kahan). */
const kahan = (n: number, angle: number) =>
  toTensor(
    build([n, n], ([i, j]) => (i! > j! ? 0 : Math.sin(angle) ** i! * (i === j ? 1 : -Math.cos(angle)))),
  );

describe.each(["float32", "float64"] as const)("factors in %s", (dtype) => {
  test("multiply to the matrix", () => {
    fc.assert(
      fc.property(sizes, sizes, batches, fc.nat(), fc.boolean(), (m, n, batch, seed, turns) => {
        const x = turns
          ? transposed(noise([...batch, n, m], seed).to(dtype))
          : noise([...batch, m, n], seed).to(dtype);
        const at = `${m} by ${n}`;
        for (const mode of ["reduced", "complete"] as const) {
          const { Q, R } = linalg.qr(x, { mode });
          same(Q.matmul(R), x, toleranceOf(x), `qr ${at}`);
          const square = transposed(Q).matmul(Q);
          same(square, identity(square), toleranceOf(x), `orthogonal ${at}`);
        }
        for (const fullMatrices of [false, true]) {
          const { U: left, S, Vh } = linalg.svd(x, { fullMatrices });
          const k = Math.min(m, n);
          const product = left
            .narrow(-1, 0, k)
            .mul(S.unsqueeze(-2))
            .matmul(Vh.narrow(-2, 0, k));
          same(product, x, toleranceOf(x), `svd ${at}`);
          for (const square of [transposed(left).matmul(left), Vh.matmul(transposed(Vh))])
            same(square, identity(square), toleranceOf(x), `vectors ${at}`);
        }
      }),
      runs,
    );
  });

  test("of elimination multiply to the matrix", () => {
    onDevice();
    fc.assert(
      fc.property(sizes, sizes, batches, fc.nat(), fc.boolean(), (m, n, batch, seed, turns) => {
        const x = turns
          ? transposed(noise([...batch, n, m], seed).to(dtype))
          : noise([...batch, m, n], seed).to(dtype);
        const at = `${m} by ${n}`;
        const { P, L, U } = linalg.lu(x);
        same(P.matmul(L).matmul(U), x, toleranceOf(x), `lu ${at}`);
        const { LU, pivots } = linalg.luFactorEx(x);
        expect(pivots.dtype).toBe("int32");
        const parts = luUnpack(LU, pivots);
        expect([P, L, U].map(numbers)).toEqual([parts.P, parts.L, parts.U].map(numbers));
        // No factor is larger than 1.
        expect(numbers(L).every((value) => Math.abs(value) <= 1)).toBe(true);
      }),
      runs,
    );
  });

  test("of symmetric matrices", () => {
    fc.assert(
      fc.property(sizes, batches, fc.nat(), (n, batch, seed) => {
        const x = noise([...batch, n, n], seed).to(dtype);
        const whole = x.add(transposed(x));
        for (const UPLO of ["L", "U"] as const) {
          // The other triangle is not read.
          const given = whole.add(UPLO === "L" ? upperNoise(whole) : transposed(upperNoise(whole)));
          const { eigenvalues, eigenvectors } = linalg.eigh(given, { UPLO });
          const product = eigenvectors.mul(eigenvalues.unsqueeze(-2)).matmul(transposed(eigenvectors));
          same(product, whole, toleranceOf(x), `eigh of ${n}`);
          const square = transposed(eigenvectors).matmul(eigenvectors);
          same(square, identity(square), toleranceOf(x), `eigenvectors of ${n}`);
          const list = numbers(eigenvalues);
          expect(list.every((value, i) => i % n === 0 || value >= list[i - 1]!)).toBe(true);
        }
      }),
      runs,
    );
  });

  test("solve equations", () => {
    onDevice();
    fc.assert(
      fc.property(sizes, batches, fc.nat(), fc.boolean(), (n, batch, seed, left) => {
        const a = noise([...batch, n, n], seed)
          .add(identity(noise([...batch, n, n], 0)).mul(n / 2 + 2))
          .to(dtype);
        const b = noise(left ? [...batch, n, 3] : [...batch, 3, n], seed + 1).to(dtype);
        const back = (m: Tensor, x: Tensor) => (left ? m.matmul(x) : x.matmul(m));
        same(back(a, linalg.solve(a, b, { left })), b, toleranceOf(a), "solve");
        const { LU, pivots } = linalg.luFactor(a);
        same(back(a, linalg.luSolve(LU, pivots, b, { left })), b, toleranceOf(a), "luSolve");
        const adjoint = linalg.luSolve(LU, pivots, b, { left, adjoint: true });
        same(back(transposed(a), adjoint), b, toleranceOf(a), "luSolve with A'");
        same(a.matmul(linalg.inv(a)), identity(a), toleranceOf(a), "inv");
      }),
      runs,
    );
  });
});

describe("small matrices", () => {
  const definite = (x: Tensor) => x.matmul(transposed(x)).add(identity(x));
  test.each([
    ["cholesky", (x) => linalg.cholesky(definite(x))],
    ["upper", (x) => linalg.cholesky(definite(x), { upper: true })],
    ["lu", (x) => linalg.luFactor(x).LU],
    ["pivots", (x) => linalg.luFactor(x).pivots],
    ["solve", (x) => linalg.solve(x, x.sin())],
    ["solveTriangular", (x) => linalg.solveTriangular(x, x.sin(), { upper: true, left: false })],
    ["Q", (x) => linalg.qr(x).Q],
    ["R", (x) => linalg.qr(x).R],
    ["eigenvectors", (x) => linalg.eigh(x).eigenvectors],
    ["eigenvalues", (x) => linalg.eigh(x, { UPLO: "U" }).eigenvalues],
  ] as [string, (x: Tensor) => Tensor][])("of a batch have the bits that they have alone: %s", (_name, f) => {
    onDevice();
    for (const dtype of ["float32", "float64"] as const)
      for (const n of [1, 3, 8, 16, 17])
        for (const turns of [false, true]) {
          const all = noise([21, n, n], n).to(dtype);
          const x = _name.startsWith("Q") || _name === "R" || _name.startsWith("eigen") ? all.cpu() : all;
          const given = turns ? transposed(x) : x;
          const together = f(given);
          for (const i of [0, 7, 20]) expect(numbers(f(given.at(i)))).toEqual(numbers(together.at(i)));
        }
  });

  test("name the first that fails", () => {
    onDevice();
    const x = eye(3, { dtype: "float64" }).expand(20, 3, 3).clone();
    const bad = x.sub(toTensor(build([20, 3, 3], ([b, i, j]) => Number(b! > 16 && i === 1 && j === 1))));
    expect(() => linalg.luFactor(bad).LU.dataSync()).toThrow("(Batch element 17): U[2,2] is zero");
    expect(() => linalg.cholesky(bad).dataSync()).toThrow("(Batch element 17)");
    expect(numbers(linalg.choleskyEx(bad).info)).toEqual(
      Array.from({ length: 20 }, (_, b) => (b > 16 ? 2 : 0)),
    );
    const endless = toTensor(build([20, 3, 3], ([b, i]) => (b === 18 && i === 2 ? Infinity : 1))).cpu();
    expect(() => linalg.eigvalsh(endless).dataSync()).toThrow("failed to converge");
  });
});

test("least squares are the pseudoinverse times the right side", () => {
  for (const dtype of ["float32", "float64"] as const)
    for (const [m, n, k] of [
      [40, 40, 7],
      [70, 33, 30],
      [33, 70, 2],
      [2, 5, 3],
    ] as const) {
      // prettier-ignore
      const b = noise([2, m, k], 2).to(dtype);
      const right = noise([2, 2, n], 3).to(dtype);
      for (const a of [noise([2, m, n], 1).to(dtype), noise([2, m, 2], 1).to(dtype).matmul(right)])
        same(linalg.lstsq(a, b).solution, linalg.pinv(a).matmul(b), toleranceOf(a), `${m} by ${n}`);
    }
});

function upperNoise(like: Tensor): Tensor {
  const n = like.shape.at(-1)!;
  return toTensor(build([n, n], ([i, j]) => (j! > i! ? NaN : 0))).to(like.dtype);
}

describe("hard matrices", () => {
  test("small singular values are precise", () => {
    // From the first to the last, of the Hilbert matrix of order 6.
    const known = [1.618899858924339, 0.2423608705752097, 0.01632152131987582, 6.157483541826784e-4, 1.257075712262583e-5, 1.0827994845655e-7]; // prettier-ignore
    expectClose(numbers(linalg.svdvals(hilbert(6))), known, 1e-10, 0, "Hilbert");
    expectClose(numbers(linalg.eigvalsh(hilbert(6))), [...known].reverse(), 1e-8, 1e-16, "Hilbert");
    const scaled = tensor([[1, 1], [1e-100, -1e-100]], { dtype: "float64" }); // prettier-ignore
    expectClose(numbers(linalg.svdvals(scaled)), [Math.SQRT2, 1e-100 * Math.SQRT2], 1e-14, 0, "rows");
  });

  test("neither large nor small elements overflow", () => {
    for (const scale of [1e-200, 1e200]) {
      const x = noise([5, 4], 1).mul(scale);
      const { U, S, Vh } = linalg.svd(x, { fullMatrices: false });
      expectClose(numbers(U.mul(S).matmul(Vh).div(scale)), numbers(x.div(scale)), 1e-13, 1e-13, "svd");
      const { Q, R } = linalg.qr(x);
      expectClose(numbers(Q.matmul(R.div(scale))), numbers(x.div(scale)), 1e-13, 1e-13, "qr");
      const { eigenvalues } = linalg.eigh(transposed(x).narrow(-1, 0, 4));
      expect(numbers(eigenvalues.div(scale).isfinite())).toEqual([1, 1, 1, 1]);
    }
  });

  test("equal and nearly equal eigenvalues have orthogonal vectors", () => {
    for (const near of [0, 1e-16, 1e-13, 1e-8]) {
      const q = linalg.qr(noise([9, 9], 5)).Q;
      const values = toTensor(build([9], ([i]) => 1 + near * i!));
      const { eigenvectors } = linalg.eigh(q.mul(values).matmul(q.T));
      same(eigenvectors.T.matmul(eigenvectors), identity(q), 1e-14, `near ${near}`);
    }
  });

  // Larger than what Jacobi's rotations are used for, and than a panel of reflections.
  const n = 70;
  test.each([
    ["Hilbert", () => hilbert(n)],
    ["Kahan", () => kahan(n, 1.2)],
    ["of rank 5", () => noise([n, 5], 1).matmul(noise([5, n], 2))],
    ["of ones", () => zeros([n, n], { dtype: "float64" }).add(1)],
    ["of zeros", () => zeros([n, n], { dtype: "float64" })],
    ["an identity", () => eye(n, { dtype: "float64" })],
    ["nilpotent", () => toTensor(build([n, n], ([i, j]) => Number(j === i! + 1)))],
    ["with zeros on its diagonal", () => toTensor(build([n, n], ([i, j]) => Number(i === j ? i! % 3 > 0 : j === i! + 1)))], // prettier-ignore
    ["graded", () => linalg.qr(noise([n, n], 3)).Q.mul(toTensor(build([n], ([i]) => 10 ** (-i! / 3))))],
    ["nearly orthogonal", () => linalg.qr(noise([n, n], 3)).Q.add(noise([n, n], 4).mul(1e-13))],
    ["tiny", () => noise([n, n], 5).mul(1e-200)],
    ["huge", () => noise([n, n], 5).mul(1e200)],
  ] as [string, () => Tensor][])("large ones, %s, have factors", (_name, make) => {
    const x = make();
    const scale = Math.max(x.abs().max().item(), 1e-300) * Math.sqrt(n);
    const check = (product: Tensor, of: Tensor, vectors: readonly Tensor[]) => {
      expect(product.sub(of).abs().max().item() / scale).toBeLessThan(3e-14);
      for (const one of vectors) same(one.T.matmul(one), identity(one), 6e-14, "orthogonal");
    };
    const { Q, R } = linalg.qr(x);
    check(Q.matmul(R), x, [Q]);
    const { U, S, Vh } = linalg.svd(x);
    check(U.mul(S).matmul(Vh), x, [U, Vh.T]);
    const values = numbers(S);
    expect(values.every((value, i) => value >= 0 && (i === 0 || value <= values[i - 1]!))).toBe(true);
    const whole = x.add(x.T);
    const { eigenvalues, eigenvectors } = linalg.eigh(whole);
    check(eigenvectors.mul(eigenvalues).matmul(eigenvectors.T), whole, [eigenvectors]);
  });

  test("of less than full rank", () => {
    const x = noise([7, 2], 1).matmul(noise([2, 5], 2));
    const { U, S, Vh } = linalg.svd(x);
    same(U.T.matmul(U), eye(7, { dtype: "float64" }), 1e-14, "left");
    same(Vh.matmul(Vh.T), eye(5, { dtype: "float64" }), 1e-14, "right");
    expect(
      numbers(S)
        .slice(2)
        .every((value) => value < 1e-14),
    ).toBe(true);
    const none = linalg.svd(zeros([4, 3], { dtype: "float64" }));
    same(none.U.T.matmul(none.U), eye(4, { dtype: "float64" }), 1e-14, "of nothing");
    expect(linalg.matrixRank(x).item()).toBe(2);
    const p = linalg.pinv(x);
    same(x.matmul(p).matmul(x), x, 1e-13, "A P A");
    same(p.matmul(x).matmul(p), p, 1e-13, "P A P");
    const m = kahan(30, 1.2);
    same(linalg.inv(m).matmul(m), eye(30, { dtype: "float64" }), 1e-6, "Kahan");
  });
});

describe("failures", () => {
  const singular = () => tensor([[[1, 2], [3, 4]], [[1, 2], [2, 4]]], { dtype: "float64" }); // prettier-ignore

  test.each([
    [
      "solve",
      () => linalg.solve(singular(), zeros([2, 2, 1], { dtype: "float64" })),
      "linalg.solve: (Batch element 1): The solver failed because the input matrix is singular.",
    ],
    [
      "inv",
      () => linalg.inv(singular()),
      "linalg.inv: (Batch element 1): The diagonal element 2 is zero, the inversion could not be completed because the input matrix is singular.",
    ],
    ["luFactor", () => linalg.luFactor(singular()).LU, "linalg.luFactor: (Batch element 1): U[2,2] is zero"],
  ] as [string, () => Tensor, string][])("%s throws where it is read", (op, make, sentence) => {
    // prettier-ignore
    onDevice();
    const out = make();
    for (let i = 0; i < 2; ++i)
      expect(errorOf(() => out.dataSync())).toMatchObject({ code: "ERR_LINALG", op });
    expect(() => out.dataSync()).toThrow(sentence);
  });

  test("their other forms say it as info", () => {
    onDevice();
    expect(numbers(linalg.invEx(singular()).info)).toEqual([0, 2]);
    expect(numbers(linalg.luFactorEx(singular()).info)).toEqual([0, 2]);
    const right = zeros([2, 2, 1], { dtype: "float64" });
    expect(numbers(linalg.solveEx(singular(), right).info)).toEqual([0, 2]);
    expect(linalg.luFactorEx(singular()).info.dtype).toBe("int32");
    expect(() => linalg.invEx(singular(), { checkErrors: true }).inverse.dataSync()).toThrow("singular");
    const factor = linalg.choleskyEx(tensor([[[4, 2], [2, 5]], [[1, 2], [2, 1]]])); // prettier-ignore
    expect(numbers(factor.info)).toEqual([0, 2]);
    expect(numbers(factor.L)).toEqual([2, 0, 1, 2, 1, 0, NaN, NaN]);
    for (const n of [5, 40, 70])
      for (const upper of [false, true]) {
        const shift = toTensor(build([n, n], ([i, j]) => (i !== j ? 0 : i === n - 3 ? -1 : 4)));
        const { L, info } = linalg.choleskyEx(shift, { upper });
        expect(info.item()).toBe(n - 2);
        expect(numbers(L.at(`:${n - 3}`, `:${n - 3}`))).toEqual(numbers(eye(n - 3).mul(2)));
      }
  });

  test("elements that are not finite, and pivots that are no rows", () => {
    for (const bad of [NaN, Infinity]) {
      const x = tensor([[1, bad], [bad, 1]]); // prettier-ignore
      expect(() => linalg.svdvals(x).dataSync()).toThrow("linalg.svd: The algorithm failed to converge");
      expect(errorOf(() => linalg.eigvalsh(x).dataSync())).toMatchObject({ code: "ERR_LINALG", op: "eigh" });
    }
    const wrong = luUnpack(eye(2), tensor([1, 5], { dtype: "int32" })).P;
    expect(errorOf(() => wrong.dataSync())).toMatchObject({ code: "ERR_INDEX" });
  });

  test.each([
    [
      () => linalg.solve(zeros([2, 3]), zeros([3])),
      "ERR_SHAPE",
      "must be batches of square matrices, but they are 2 by 3 matrices",
    ],
    [
      () => linalg.solve(zeros([2, 2]), zeros([3, 1])),
      "ERR_SHAPE",
      "Incompatible shapes of A and B for the equation AX = B (2x2 and 3x1)",
    ],
    [
      () => linalg.solve(zeros([2, 2]), zeros([2]), { left: false }),
      "ERR_SHAPE",
      "Vector broadcasting of the left hand side is not supported",
    ],
    [
      () => linalg.inv(zeros([2, 2], { dtype: "int64" })),
      "ERR_DTYPE",
      "linalg.inv: Expected a floating point",
    ],
    [
      () => linalg.qr(zeros([2, 2]), { mode: "raw" as never }),
      "ERR_OPTION",
      "qr received unrecognized mode 'raw'",
    ],
    [
      () => linalg.eigh(zeros([2, 2]), { UPLO: "X" as never }),
      "ERR_OPTION",
      "Expected UPLO argument to be 'L' or 'U'",
    ],
    [() => linalg.eigh(zeros([2, 2]), { uplo: "L" } as never), "ERR_OPTION", "did you mean 'UPLO'?"],
    [() => linalg.svd(zeros([3])), "ERR_SHAPE", "must have at least 2 dimensions"],
    [
      () => linalg.svdvals(zeros([2, 2]), { driver: "gesvd" } as never),
      "ERR_OPTION",
      "`driver=` is only supported on CUDA",
    ],
    [() => linalg.matrixPower(zeros([2, 2]), 1.5), "ERR_ARGUMENT", "n must be a whole number"],
    [
      () => linalg.tensorinv(zeros([2, 3]), { ind: 1 }),
      "ERR_SHAPE",
      "prod(self.shape[ind:]) == prod(self.shape[:ind])",
    ],
    [() => linalg.lstsq(zeros([3, 2]), zeros([2, 2])), "ERR_SHAPE", "input.size(-2) should match"],
    [
      () => linalg.luSolve(eye(2), tensor([1, 2]), zeros([2, 1])),
      "ERR_DTYPE",
      "pivots should be a Tensor of scalar type torch.int32",
    ],
  ] as [() => unknown, string, string][])("refuses %s", (body, code, message) => {
    // prettier-ignore
    const error = errorOf(body);
    expect(error.message).toContain(message);
    expect(error.code).toBe(code);
  });
});

describe("gradients", () => {
  test("of any order", () => {
    const [a, b] = [noise([2, 3, 3], 3).add(eye(3, { dtype: "float64" }).mul(2)), noise([3, 2], 4)];
    expectGradients((x, y) => linalg.solve(x, y).sin(), [a, b], 1e-6);
    expectGradients((x, y) => linalg.solve(x, y.T.unsqueeze(0), { left: false }).sin(), [a, b], 1e-6);
    expectGradients((x) => linalg.det(x).sin(), [a], 1e-6);
    expectGradients((x) => linalg.slogdet(x).logabsdet.sin(), [a], 1e-6);
    expectGradients((x) => linalg.inv(x).sin(), [a], 1e-6);
    expectGradients((x) => linalg.matrixExp(x), [a], 1e-6);
    expectGradients((x) => linalg.matrixPower(x, -3), [a], 1e-6);
    expectGradients((x, y) => linalg.lstsq(x, y).solution, [noise([3, 2], 5), b], 1e-6);
    expectGradients((x) => linalg.matrixNorm(x, "nuc"), [a], 1e-6);
  });

  test("of singular determinants are cofactors", () => {
    onDevice();
    const gradient = (rows: number[][]) => {
      const x = tensor(rows, { dtype: "float64", requiresGrad: true });
      linalg.det(x).backward();
      return numbers(x.grad!);
    };
    expectClose(gradient([[1, 2], [2, 4]]), [4, -2, -2, 1], 1e-12, 1e-12, "rank 1"); // prettier-ignore
    expectClose(gradient([[0, 1], [0, 0]]), [0, 0, -1, 0], 1e-12, 1e-12, "nilpotent"); // prettier-ignore
    expectClose(gradient([[1, 2, 3], [4, 5, 6], [7, 8, 9]]), [-3, 6, -3, 6, -12, 6, -3, 6, -3], 1e-9, 1e-9, "3 by 3"); // prettier-ignore
    expectClose(gradient([[0, 0], [0, 0]]), [0, 0, 0, 0], 1e-12, 1e-12, "zero"); // prettier-ignore
  });

  test("that do not exist are refused", () => {
    const x = noise([4, 2], 1).requiresGrad_();
    expect(() => linalg.qr(x, { mode: "complete" }).R.sum().backward()).toThrow(
      "not differentiable when mode='complete'",
    );
    expect(linalg.qr(x, { mode: "r" }).R.requiresGrad).toBe(false);
  });

  test("of equal singular values, where only the values count", () => {
    const x = eye(3, { dtype: "float64" }).clone().requiresGrad_();
    linalg.svdvals(x).sum().backward();
    same(x.grad!, eye(3, { dtype: "float64" }), 1e-14, "svdvals");
  });
});

test("exponentials of large, small and mixed matrices", () => {
  const turn = tensor([[0, -30], [30, 0]], { dtype: "float64" }); // prettier-ignore
  const whole = [Math.cos(30), -Math.sin(30), Math.sin(30), Math.cos(30)];
  expectClose(numbers(linalg.matrixExp(turn)), whole, 1e-12, 1e-12, "a rotation");
  const mixed = tensor([[[1e-9, 0], [0, 600]], [[-700, 0], [0, 0]]], { dtype: "float64" }); // prettier-ignore
  const expected = [Math.exp(1e-9), 0, 0, Math.exp(600), Math.exp(-700), 0, 0, 1];
  expectClose(numbers(linalg.matrixExp(mixed)), expected, 1e-12, 0, "diagonals");
  expect(linalg.matrixExp(zeros([0, 3, 3])).shape).toEqual([0, 3, 3]);
});
