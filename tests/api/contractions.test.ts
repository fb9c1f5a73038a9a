import { describe, expect, test } from "vitest";
import {
  addmm,
  chainMatmul,
  einsum,
  full,
  kron,
  linalg,
  tensor,
  tensordot,
  vander,
  zeros,
  type DType,
  type Tensor,
} from "../../lib/index.js";
import { expectGradients } from "../helpers/differences.js";
import {
  build,
  errorOf,
  expectClose,
  numbers,
  positions,
  randomSource,
  read,
  toTensor,
  type Plain,
} from "../helpers/reference.js";

// What PyTorch's samples of products do not show.

const noise = (shape: readonly number[], seed: number): Plain => {
  const random = randomSource(seed);
  return build(shape, () => Math.round(20 * (random() - 0.5)) / 4);
};

/** Einstein's sums over every assignment of numbers to labels, for equations of letters and an arrow. */
function sums(equation: string, operands: readonly Plain[]): Plain {
  const [left, right] = equation.split("->") as [string, string];
  const inputs = left.split(",");
  const labels = [...new Set(inputs.join(""))];
  const size = (label: string) =>
    Math.max(
      ...inputs.flatMap((input, k) =>
        input.split("").flatMap((one, dim) => (one === label ? [operands[k]!.shape[dim]!] : [])),
      ),
    );
  const out = build(right.split("").map(size), () => 0);
  for (const at of positions(labels.map(size))) {
    const place = (label: string) => at[labels.indexOf(label)]!;
    const term = inputs.reduce((product, input, k) => {
      const { shape } = operands[k]!;
      return (
        product *
        read(
          operands[k]!,
          input.split("").map((label, dim) => (shape[dim] === 1 ? 0 : place(label))),
        )
      );
    }, 1);
    const offset = right.split("").reduce((sum, label) => sum * size(label) + place(label), 0);
    out.data[offset]! += term;
  }
  return out;
}

describe("einsum", () => {
  test.each([
    ["ij,jk->ik", [2, 3], [3, 4]],
    ["ij,jk->ki", [2, 3], [3, 4]],
    ["ij,kl->", [2, 3], [2, 2]],
    ["i,i->i", [3], [3]],
    ["i,j->ji", [3], [2]],
    ["bij,bjk->bik", [2, 2, 3], [2, 3, 2]],
    ["bij,bjk->ikb", [2, 2, 3], [1, 3, 2]],
    ["ij,jk->ik", [2, 1], [3, 4]],
    ["ii->i", [3, 3]],
    ["ii->", [3, 3]],
    ["iij->ji", [2, 2, 3]],
    ["iii->i", [2, 2, 2]],
    ["ijk->", [2, 3, 2]],
    ["ij,jk,kl->il", [2, 3], [3, 4], [4, 2]],
    ["ab,bc,cd,de->ae", [2, 3], [3, 2], [2, 4], [4, 1]],
    ["ab,ac,ad->bcd", [2, 2], [2, 3], [2, 2]],
    ["i,ij,j->", [3], [3, 2], [2]],
    ["aab,b->a", [2, 2, 3], [3]],
    ["zA,Aa->za", [2, 3], [3, 2]],
    ["ij,ij->", [0, 3], [0, 3]],
    ["ij,jk->ik", [2, 0], [0, 3]],
  ] as [string, ...number[][]][])("%s of %j", (equation, ...shapes) => {
    // prettier-ignore
    const operands = shapes.map((shape, i) => noise(shape, i + 1));
    const expected = sums(equation, operands);
    for (const dtype of ["float64", "int64"] as DType[]) {
      const whole = dtype === "int64";
      const given = whole
        ? operands.map((one) => ({ ...one, data: one.data.map((value) => value * 4) }))
        : operands;
      const out = einsum(
        equation,
        given.map((one) => toTensor(one, dtype)),
      );
      expect([out.shape, out.dtype]).toEqual([expected.shape, dtype]);
      expectClose(numbers(out), whole ? sums(equation, given).data : expected.data, 1e-12, 1e-12, equation);
    }
    if (operands.every(({ data }) => data.length > 0))
      expectGradients(
        (...inputs) => einsum(equation, inputs).sin(),
        operands.map((one) => toTensor(one)),
        1e-5,
      );
  });

  test("without an arrow, with an ellipsis, with spaces", () => {
    const [a, b] = [toTensor(noise([2, 3, 4], 1)), toTensor(noise([4, 5], 2))];
    const same = (equation: string, operands: Tensor[], expected: Tensor) => {
      const out = einsum(equation, operands);
      expect(out.shape, equation).toEqual(expected.shape);
      expectClose(numbers(out), numbers(expected), 1e-12, 1e-12, equation);
    };
    same("...j,jk", [a, b], a.matmul(b));
    same(" ... j , j k -> ... k ", [a, b], a.matmul(b));
    same("ba", [b], b.T); // in alphabetical order
    same("bA", [b], b.T); // capitals first
    same(
      "ii",
      [a.at(0, ":", ":3")],
      a
        .at(0, ":", ":3")
        .mul(toTensor(build([3, 3], ([i, j]) => Number(i === j))))
        .sum(),
    );
    same("...ij->...ji", [a], a.transpose(1, 2));
    same("i...->...", [a], a.sum(0));
    same("...,...", [a, a], a.mul(a));
    same("...ij,...jk->...ik", [a, b], a.matmul(b));
    same("i...j->", [a], a.sum());
    same("...i->i", [toTensor(noise([3], 1))], toTensor(noise([3], 1)));
    same(",", [a.at(0, 0, 0), a.at(1, 1, 1)], a.at(0, 0, 0).mul(a.at(1, 1, 1)));
    const wide = toTensor(noise([1, 4, 2], 5));
    same("...ij,...jk->...ik", [a, wide], a.matmul(wide));
  });

  test("of whole numbers beyond 2**53", () => {
    const big = tensor([2n ** 60n, 1n]);
    expect(einsum("i,i->", [big, tensor([1n, 1n])]).item<bigint>()).toBe(2n ** 60n + 1n);
    expect(einsum("i->", [big]).item<bigint>()).toBe(2n ** 60n + 1n);
  });

  const [m, v] = [zeros([2, 3]), zeros([3])];
  test.each([
    ["ij,jk", [m], "ERR_VALUE", "fewer operands were provided than specified in the equation"],
    ["ij", [m, m], "ERR_VALUE", "more operands were provided than specified in the equation"],
    [
      "i",
      [m],
      "ERR_SHAPE",
      "the number of subscripts in the equation (1) does not match the number of dimensions (2) for operand 0",
    ],
    [
      "ijk...",
      [m],
      "ERR_SHAPE",
      "the number of subscripts in the equation (3) is more than the number of dimensions (2)",
    ],
    ["i1", [m], "ERR_VALUE", "subscripts must be in [a-zA-Z]"],
    ["i.j", [m], "ERR_VALUE", "found '.' for operand 0 that is not part of any ellipsis"],
    ["......", [m], "ERR_VALUE", "for which an ellipsis was already found"],
    ["ij->ii", [m], "ERR_VALUE", "output subscript i appears more than once in the output"],
    ["ij->k", [m], "ERR_VALUE", "output subscript k does not appear in the equation for any input operand"],
    ["ij-i", [m], "ERR_VALUE", "that is not part of '->'"],
    [
      "ij,ki->jk",
      [m, m],
      "ERR_SHAPE",
      "subscript i has size 3 for operand 1 which does not broadcast with previously seen size 2",
    ],
    ["ii", [m], "ERR_SHAPE", "size"],
    ["...,...", [m, zeros([2])], "ERR_SHAPE", "operands do not broadcast with remapped shapes"],
    ["i,i", [v, zeros([3], { dtype: "float64" })], "ERR_DTYPE", "to have the same dtype"],
    ["i,i", [v, 3], "ERR_ARGUMENT", "expected a Tensor"],
    ["i", v, "ERR_ARGUMENT", "operands must be an array"],
    [3, [v], "ERR_ARGUMENT", "the equation must be a string"],
    ["", [], "ERR_VALUE", "must provide at least one operand"],
  ])("refuses %j", (equation, operands, code, message) => {
    // prettier-ignore
    const error = errorOf(() => einsum(equation as string, operands as Tensor[]));
    expect(error.message).toContain(message);
    expect(error).toMatchObject({ code, op: "einsum" });
  });
});

describe("other products", () => {
  const a = toTensor(noise([2, 3, 4], 1));

  test("tensordot", () => {
    const b = toTensor(noise([4, 3, 2], 2));
    const expected = einsum("ijk,kjl->il", [a, b]);
    expect(numbers(tensordot(a, b, [[1, 2], [1, 0]]))).toEqual(numbers(expected)); // prettier-ignore
    expect(numbers(tensordot(a, b, [[-2, -1], [-2, -3]]))).toEqual(numbers(expected)); // prettier-ignore
    expect(tensordot(a, b, 0).shape).toEqual([2, 3, 4, 4, 3, 2]);
    const thin = toTensor(noise([1, 2], 3));
    expectClose(
      numbers(tensordot(a, thin, 1)),
      numbers(a.sum(-1).unsqueeze(-1).mul(thin.at(0))),
      1e-12,
      1e-12,
      "thin",
    );
    expect(errorOf(() => tensordot(a, b, 4)).code).toBe("ERR_DIM");
    expect(errorOf(() => tensordot(a, b, -1)).message).toContain("tensordot expects dims >= 0");
    expect(errorOf(() => tensordot(a, b, [[0], [0]])).message).toContain("contracted dimensions need to match"); // prettier-ignore
    expect(errorOf(() => tensordot(a, b, [[0], [0, 1]])).message).toContain("same length"); // prettier-ignore
    expect(errorOf(() => tensordot(a, b, [[0, 0], [0, 1]])).code).toBe("ERR_DIM"); // prettier-ignore
  });

  test("chains take vectors at their ends", () => {
    const [x, y, z] = [noise([3], 1), noise([3, 4], 2), noise([4], 3)].map((one) => toTensor(one)) as [Tensor, Tensor, Tensor]; // prettier-ignore
    const product = linalg.multiDot([x, y, z]);
    expect(product.shape).toEqual([]);
    expectClose(numbers(product), numbers(x.matmul(y).matmul(z)), 1e-12, 1e-12, "chain");
    expect(linalg.multiDot([x, y]).shape).toEqual([4]);
    expect(chainMatmul(y).shape).toEqual([3, 4]);
    expect(errorOf(() => linalg.multiDot([y])).message).toContain("expected at least 2 tensors but got 1");
    expect(errorOf(() => linalg.multiDot([y, y])).message).toContain("cannot be multiplied");
    expect(errorOf(() => linalg.multiDot([y, z, y])).message).toContain("tensor 1 must be 2D but got 1D");
  });

  test("kron and vander", () => {
    const x = tensor([[1n, 2n], [3n, 4n]]); // prettier-ignore
    expect(numbers(kron(x, tensor([1n, 10n])))).toEqual([1, 10, 2, 20, 3, 30, 4, 40]);
    expect(numbers(vander(tensor([1n, 2n, 3n])))).toEqual([1, 1, 1, 4, 2, 1, 9, 3, 1]);
    expect(vander(tensor([1n, 2n]), { N: 0 }).shape).toEqual([2, 0]);
    expect(numbers(vander(tensor([2n]), { N: 4, increasing: true }))).toEqual([1, 2, 4, 8]);
    expect(errorOf(() => vander(x)).message).toContain("x must be a one-dimensional tensor");
    expect(errorOf(() => linalg.vander(x, { N: 1 })).message).toContain("N must be greater than 1");
    // The gradient at 0.
    const zero = zeros([1], { dtype: "float64", requiresGrad: true });
    linalg.vander(zero, { N: 3 }).sum().backward();
    expect(numbers(zero.grad!)).toEqual([1]);
  });

  test("weighted sums", () => {
    const unknown = full([2, 2], NaN, { dtype: "float64", requiresGrad: true });
    const one = tensor([[1, 2], [3, 4]], { dtype: "float64" }); // prettier-ignore
    const out = addmm(unknown, one, one, { beta: 0, alpha: 2 });
    expect(numbers(out)).toEqual([14, 20, 30, 44]);
    out.sum().backward();
    expect(numbers(unknown.grad!)).toEqual([0, 0, 0, 0]);
    expect(errorOf(() => zeros([3]).addmm(zeros([2, 2]), zeros([2, 2]))).message).toContain("not expandable");
    expect(errorOf(() => zeros([2]).addmm(one, one)).message).toContain(
      "self and mat2 must have the same dtype",
    );
    expect(errorOf(() => one.addmm(one, one, { beta: "1" } as never)).code).toBe("ERR_OPTION");
    expect(errorOf(() => one.addmv(one, one)).message).toContain("vector + matrix @ vector expected");
  });

  test.each([
    [() => zeros([2]).mm(zeros([2, 2])), "self must be a matrix"],
    [() => zeros([2, 2]).mm(zeros([2])), "mat2 must be a matrix"],
    [() => zeros([2, 3]).mm(zeros([2, 3])), "mat1 and mat2 shapes cannot be multiplied (2x3 and 2x3)"],
    [
      () => zeros([1, 2, 3]).bmm(zeros([2, 3, 2])),
      "Expected size for first two dimensions of batch2 tensor to be: [1, 3] but got: [2, 3].",
    ],
    [() => zeros([2, 2]).outer(zeros([2])), "outer: Expected 1-D argument self, but got 2-D"],
    [
      () => zeros([2, 3]).inner(zeros([2, 2])),
      "inner() the last dimension must match on both input tensors but got shapes [2, 3] and [2, 2]",
    ],
    [() => zeros([2, 2]).cross(zeros([2, 2])), "no dimension of size 3 in input"],
    [() => zeros([2]).vdot(zeros([2, 2])), "1D tensors expected"],
  ] as [() => Tensor, string][])("refuses %s", (body, message) => {
    // prettier-ignore
    const error = errorOf(body);
    expect(error.message).toContain(message);
    expect(error.code).toBe("ERR_SHAPE");
  });
});

describe("norms", () => {
  const { cond, matrixNorm, norm, vectorNorm } = linalg;

  test("neither overflow nor vanish", () => {
    for (const scale of [1e-300, 1e300]) {
      const x = tensor([3 * scale, 4 * scale], { dtype: "float64", requiresGrad: true });
      const length = vectorNorm(x);
      expectClose(numbers(length), [5 * scale], 1e-15, 0, "norm");
      length.backward();
      expectClose(numbers(x.grad!), [0.6, 0.8], 1e-15, 0, "gradient");
      expectClose(numbers(vectorNorm(x, 3)), [91 ** (1 / 3) * scale], 1e-14, 0, "cubes");
    }
    expect(numbers(vectorNorm(tensor([1, Infinity])))).toEqual([Infinity]);
    expect(numbers(vectorNorm(tensor([1, NaN])))).toEqual([NaN]);
    expect(numbers(vectorNorm(tensor([0, 2]), -1))).toEqual([0]);
  });

  test.each([
    [2, [0, 0]],
    [1, [0, 0]],
    [3, [0, 0]],
    [0.5, [0, 0]],
    [0, [0, 0]],
    [Infinity, [0, 0]],
  ] as [number, number[]][])("the gradient of order %d at 0 is 0", (ord, expected) => {
    const x = zeros([2], { dtype: "float64", requiresGrad: true });
    vectorNorm(x, ord).backward();
    expect(numbers(x.grad!).map(Math.abs)).toEqual(expected);
  });

  test("of some zeros, and of equal extremes", () => {
    const gradient = (values: number[], ord: number) => {
      const x = tensor(values, { dtype: "float64", requiresGrad: true });
      vectorNorm(x, ord).backward();
      return numbers(x.grad!);
    };
    expect(gradient([0, 4], 0.5)).toEqual([0, 1]);
    expect(gradient([3, -3, 1], Infinity)).toEqual([0.5, -0.5, 0]);
    expect(gradient([3, -1, 1], -Infinity)).toEqual([0, -0.5, 0.5]);
    const x = zeros([2, 2], { dtype: "float64", requiresGrad: true });
    matrixNorm(x).backward();
    expect(numbers(x.grad!)).toEqual([0, 0, 0, 0]);
  });

  test("second derivatives", () => {
    const x = toTensor(noise([3, 3], 2)).add(0.1);
    for (const ord of [2, 3, 1.5, 0.5, -2] as const) expectGradients((y) => vectorNorm(y, ord, 1), [x], 1e-4);
  });

  test("arguments by position and by name", () => {
    const x = toTensor(noise([2, 3], 4));
    const expected = numbers(vectorNorm(x, 3, 1, { keepdim: true }));
    expect(numbers(vectorNorm(x, { ord: 3, dim: 1, keepdim: true }))).toEqual(expected);
    expect(numbers(vectorNorm(x, 3, { dim: [1], keepdim: true }))).toEqual(expected);
    expect(vectorNorm(x, 3, 1, { keepdim: true }).shape).toEqual([2, 1]);
    expect(numbers(norm(x))).toEqual(numbers(vectorNorm(x)));
    expect(numbers(norm(x, "fro"))).toEqual(numbers(matrixNorm(x)));
    expect(norm(x, 1, 0).shape).toEqual([3]);
    expect(norm(x, { dim: [0, 1], ord: 1 }).shape).toEqual([]);
    expect(vectorNorm(zeros([2]), { dtype: "float64" }).dtype).toBe("float64");
    expect(numbers(matrixNorm(zeros([0, 3]), 1))).toEqual([0]);
  });

  test.each([
    [() => vectorNorm(zeros([2], { dtype: "int64" })), "ERR_DTYPE", "Expected a floating point"],
    [() => vectorNorm(zeros([0]), Infinity), "ERR_SHAPE", "does not have an identity"],
    [() => vectorNorm(zeros([2]), "fro" as never), "ERR_ARGUMENT", "as the order of norm"],
    [() => vectorNorm(zeros([2]), 2, 1), "ERR_DIM", "Dimension out of range"],
    [
      () => vectorNorm(zeros([2], { dtype: "float64" }), { dtype: "float32" }),
      "ERR_DTYPE",
      "without narrowing",
    ],
    [() => matrixNorm(zeros([2])), "ERR_SHAPE", "must have at least 2 dimensions"],
    [() => matrixNorm(zeros([2, 2]), 3), "ERR_ARGUMENT", "Order 3 not supported"],
    [() => matrixNorm(zeros([2, 2]), 1, [0, 0]), "ERR_DIM", "dims must be different"],
    [() => matrixNorm(zeros([2, 2]), 1, [0]), "ERR_DIM", "dim must be a 2-tuple"],
    [() => norm(zeros([2, 2, 2]), 2), "ERR_SHAPE", "the input must be 1D or 2D"],
    [() => norm(zeros([2]), "nuc"), "ERR_ARGUMENT", "Order nuc is one of matrices"],
    [() => norm(zeros([2]), { keepdims: true } as never), "ERR_OPTION", "did you mean 'keepdim'?"],
    [() => cond(zeros([2, 3]), { p: 1 }), "ERR_SHAPE", "must be batches of square matrices"],
  ] as [() => unknown, string, string][])("refuses %s", (body, code, message) => {
    // prettier-ignore
    const error = errorOf(body);
    expect(error.message).toContain(message);
    expect(error.code).toBe(code);
  });
});
