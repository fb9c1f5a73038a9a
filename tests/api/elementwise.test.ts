// Elementwise ops that are made of other ops, or have options: what PyTorch's samples do not show.
import { describe, expect, test } from "vitest";
import * as adjoint from "../../lib/index.js";
import { aliases } from "../../lib/aliases.js";
import { noGrad, tensor, zeros, type DType, type Tensor } from "../../lib/index.js";
import { errorOf, expectClose, numbers } from "../helpers/reference.js";

const double = (data: number | number[], requiresGrad = false) =>
  tensor(data, { dtype: "float64", requiresGrad });
const long = (...data: (number | bigint)[]) => tensor(BigInt64Array.from(data.map(BigInt)));
const of = (dtype: DType, ...data: number[]) => tensor(data, { dtype });
const least = -(2n ** 63n);
const { NaN: nan, POSITIVE_INFINITY: inf } = Number;

describe("integers", () => {
  test("divide without a trap", () => {
    const x = long(7, -7, least, least, 5);
    const y = long(2, 2, -1, 1, 0);
    expect(x.floorDivide(y).toArray()).toEqual([3n, -4n, least, least, 0n]);
    expect(x.remainder(y).toArray()).toEqual([1n, 1n, 0n, 0n, 0n]);
    expect(x.fmod(y).toArray()).toEqual([1n, -1n, 0n, 0n, 0n]);
    expect(x.div(y, { roundingMode: "trunc" }).toArray()).toEqual([3n, -3n, least, least, 0n]);
    expect(x.div(y, { roundingMode: "floor" }).toArray()).toEqual(x.floorDivide(y).toArray());
    const small = of("int32", -(2 ** 31), 9);
    expect(small.floorDivide(-1).toArray()).toEqual([-(2 ** 31), -9]);
    expect(
      of("uint8", 200, 7)
        .remainder(of("uint8", 7, 0))
        .toArray(),
    ).toEqual([4, 0]);
    expect(of("uint8", 200).floorDivide(3).dtype).toBe("uint8");
  });

  test("keep all bits of int64", () => {
    const big = 2n ** 62n + 1n;
    const x = long(big, -1);
    expect(x.bitwiseAnd(long(big - 1n, 2n ** 60n)).toArray()).toEqual([2n ** 62n, 2n ** 60n]);
    expect(x.bitwiseXor(1).toArray()).toEqual([2n ** 62n, -2n]);
    expect(x.bitwiseNot().toArray()).toEqual([-big - 1n, 0n]);
    expect(
      long(1)
        .bitwiseLeftShift(long(62, 63, 64, -1))
        .toArray(),
    ).toEqual([2n ** 62n, least, 0n, 0n]);
    expect(
      long(-5)
        .bitwiseRightShift(long(1, 64, -1))
        .toArray(),
    ).toEqual([-3n, -1n, -1n]);
    expect(
      long(big * 3n)
        .bitwiseRightShift(1n)
        .toArray(),
    ).toEqual([BigInt.asIntN(64, big * 3n) >> 1n]);
    expect(
      long(2n ** 61n, 0, -12)
        .gcd(long(3n * 2n ** 59n, 0, 18))
        .toArray(),
    ).toEqual([2n ** 59n, 0n, 6n]);
    expect(
      long(2n ** 58n, 0, -4)
        .lcm(long(6, 5, 6))
        .toArray(),
    ).toEqual([3n * 2n ** 58n, 0n, 12n]);
    expect(long(big).remainder(10n).toArray()).toEqual([big % 10n]);
  });

  test("of bool", () => {
    const [x, y] = [tensor([true, true, false]), tensor([true, false, false])];
    expect(x.bitwiseNot().toArray()).toEqual([false, false, true]);
    expect(x.bitwiseXor(y).toArray()).toEqual([false, true, false]);
    expect(x.logicalXor(y).toArray()).toEqual([false, true, false]);
    expect(x.bitwiseAnd(3).dtype).toBe("int64");
    expect(x.sgn().dtype).toBe("bool");
  });

  test.each<[string, () => unknown, string, string]>([
    [
      "bitwiseAnd",
      () => double(1).bitwiseAnd(double(2)),
      "ERR_DTYPE",
      "\"bitwise_and_cpu\" not implemented for 'Double'",
    ],
    ["bitwiseOr", () => long(1).bitwiseOr(0.5), "ERR_DTYPE", "not implemented for 'Float'"],
    ["bitwiseLeftShift", () => tensor([true]).bitwiseLeftShift(tensor([true])), "ERR_DTYPE", "for 'Bool'"],
    ["gcd", () => double(1).gcd(double(1)), "ERR_DTYPE", "\"gcd_cpu\" not implemented for 'Double'"],
    ["lcm", () => double(1).lcm(double(1)), "ERR_DTYPE", "\"lcm_cpu\" not implemented for 'Double'"],
    ["lcm", () => long(1, 2).lcm(long(1, 2, 3)), "ERR_SHAPE", "lcm: shapes"],
    ["floorDivide", () => long(1).floorDivide(0), "ERR_VALUE", "ZeroDivisionError"],
    ["fmod", () => long(1).fmod(0n), "ERR_VALUE", "ZeroDivisionError"],
    ["div", () => long(1).div(0, { roundingMode: "trunc" }), "ERR_VALUE", "ZeroDivisionError"],
    ["div", () => long(1).div(2, { roundingMode: "up" as never }), "ERR_OPTION", "'trunc', or 'floor'"],
    ["remainder", () => tensor([true]).remainder(tensor([true])), "ERR_DTYPE", "bool"],
    [
      "add",
      () => long(1).add(long(2), { alpha: 0.5 }),
      "ERR_ARGUMENT",
      "argument alpha must not be a floating point number.",
    ],
    ["rsub", () => long(1).rsub(2, { alpha: 0.5 }), "ERR_ARGUMENT", "argument alpha must not be"],
    [
      "addcdiv",
      () => long(1).addcdiv(long(2), long(3)),
      "ERR_DTYPE",
      "Integer division with addcdiv is no longer supported",
    ],
    ["round", () => long(1).round({ decimals: 1 }), "ERR_DTYPE", "\"round_cpu\" not implemented for 'Long'"],
    ["round", () => double(1).round({ decimals: 0.5 }), "ERR_OPTION", "whole number"],
    ["frac", () => long(1).frac(), "ERR_DTYPE", "\"frac_cpu\" not implemented for 'Long'"],
    ["frexp", () => long(1).frexp(), "ERR_DTYPE", "torch.frexp() only supports floating-point dtypes"],
    ["positive", () => tensor([true]).positive(), "ERR_DTYPE", "The `+` operator, on a bool tensor"],
    ["isclose", () => double(1).isclose(tensor(1)), "ERR_DTYPE", "Double did not match Float"],
    [
      "isclose",
      () => double(1).isclose(double(1), { rtol: -1 }),
      "ERR_OPTION",
      "rtol must be greater than or equal to zero, but got -1",
    ],
    ["allclose", () => double(1).allclose(double(1), { atol: -1 }), "ERR_OPTION", "atol must be greater"],
    ["heaviside", () => double(1).heaviside(tensor(1)), "ERR_DTYPE", "tensors with different dtypes."],
    ["fmax", () => double(1).fmax(2 as never), "ERR_ARGUMENT", "expected a Tensor, got number"],
    ["clamp", () => double(1).clamp(), "ERR_ARGUMENT", "At least one of 'min' or 'max'"],
    ["clamp", () => double(1).clamp({ minimum: 2 } as never), "ERR_OPTION", "minimum"],
    ["nanToNum", () => double(1).nanToNum({ nan: "0" as never }), "ERR_OPTION", "nan must be a number"],
  ])("%s refuses what PyTorch refuses: %s", (_, call, code, sentence) => {
    const error = errorOf(call);
    expect(error.code).toBe(code);
    expect(error.message).toContain(sentence);
  });
});

describe("quotients and remainders", () => {
  test("of floats are Python's and C's", () => {
    const x = double([5.5, -5.5, -0, 1, -1, inf, 1]);
    const y = double([2, 2, 3, 0.1, inf, 2, 0]);
    expectClose(numbers(x.floorDivide(y)), [2, -3, -0, 9, -1, nan, inf], 0, 0, "floorDivide");
    expectClose(numbers(x.remainder(y)), [1.5, 0.5, 0, 1 % 0.1, inf, nan, nan], 0, 0, "remainder");
    expectClose(numbers(x.fmod(y)), [1.5, -1.5, 0, 1 % 0.1, -1, nan, nan], 0, 0, "fmod");
  });

  test("have the gradients of the table", () => {
    const [x, y] = [double([5.5, -5.5], true), double([2, 2], true)];
    x.remainder(y).sum().backward();
    expect([numbers(x.grad!), numbers(y.grad!)]).toEqual([
      [1, 1],
      [-2, 3],
    ]);
    [x.grad, y.grad] = [null, null];
    x.fmod(y).sum().backward();
    expect([numbers(x.grad!), numbers(y.grad!)]).toEqual([
      [1, 1],
      [-2, 2],
    ]);
    [x.grad, y.grad] = [null, null];
    x.floorDivide(y)
      .add(x.div(y, { roundingMode: "trunc" }))
      .sum()
      .backward();
    expect([numbers(x.grad!).map(Math.abs), numbers(y.grad!).map(Math.abs)]).toEqual([
      [0, 0],
      [0, 0],
    ]);
    expect(x.div(y, { roundingMode: "floor" }).gradFn).toBe("DivBackward2");
  });
});

describe("parts of numbers", () => {
  test("frexp and ldexp are exact", () => {
    const data = [
      0,
      -0,
      1,
      -3,
      0.5,
      5e-324,
      -Number.MAX_VALUE,
      2 ** 1023,
      1 - 2 ** -53,
      1 + 2 ** -52,
      2 ** -1022,
      8,
    ];
    const { mantissa, exponent } = double(data).frexp();
    expect(exponent.dtype).toBe("int32");
    const powers = numbers(exponent);
    numbers(mantissa).forEach((m, i) => {
      if (data[i] === 0) return expect([m, powers[i]]).toEqual([data[i], 0]);
      expect(Math.abs(m)).toBeGreaterThanOrEqual(0.5);
      expect(Math.abs(m)).toBeLessThan(1);
      const half = Math.trunc(powers[i]! / 2);
      expect(m * 2 ** half * 2 ** (powers[i]! - half)).toBe(data[i]);
    });
    const odd = double([inf, -inf, nan]).frexp();
    expect([numbers(odd.mantissa), numbers(odd.exponent)]).toEqual([
      [inf, -inf, nan],
      [0, 0, 0],
    ]);
    expect(numbers(double([3]).ldexp(long(200)))).toEqual([3 * 2 ** 200]);
    expect(long(3).ldexp(long(2)).dtype).toBe("float32");
    const x = double([12], true);
    x.frexp().mantissa.sum().backward();
    expect(numbers(x.grad!)).toEqual([1 / 16]);
  });

  test("nextafter goes one step", () => {
    const x = double([0, 0, 1, -1, inf, 1, nan]);
    const y = double([1, -1, 2, 0, 0, 1, 1]);
    expect(numbers(x.nextafter(y))).toEqual([
      5e-324,
      -5e-324,
      1 + 2 ** -52,
      -1 + 2 ** -53,
      Number.MAX_VALUE,
      1,
      nan,
    ]);
    expect(
      tensor([1])
        .nextafter(tensor([2]))
        .sub(1)
        .item(),
    ).toBe(2 ** -23);
  });

  test("signs of zeros count", () => {
    expect(double([0, -0, -1]).signbit().toArray()).toEqual([false, true, true]);
    expect(numbers(double([3, -3, 0]).copysign(-0)).map((v) => Object.is(v, -0) || v < 0)).toEqual([
      true,
      true,
      true,
    ]);
    const x = double([0, 2, -2], true);
    x.copysign(double([-1, -1, 1]))
      .sum()
      .backward();
    expect(numbers(x.grad!).map((v) => v + 0)).toEqual([0, -1, -1]);
    expect(long(-2).copysign(1).dtype).toBe("float32");
  });

  test("round with decimals goes to even halves", () => {
    expect(numbers(double([0.125, 0.375, -1.25]).round({ decimals: 2 }))).toEqual([0.12, 0.38, -1.25]);
    expect(numbers(double([1500, 2500, 3499]).round({ decimals: -3 }))).toEqual([2000, 2000, 3000]);
    expect(double([1], true).round({ decimals: 2 }).gradFn).toBe("RoundBackward1");
  });

  test("nanToNum puts numbers in place", () => {
    const x = double([nan, inf, -inf, 1], true);
    const out = x.nanToNum({ posinf: 7 });
    expect(numbers(out)).toEqual([0, 7, -Number.MAX_VALUE, 1]);
    out.sum().backward();
    expect(numbers(x.grad!)).toEqual([0, 0, 0, 1]);
    expect(numbers(tensor([inf]).nanToNum())).toEqual([3.4028234663852886e38]);
    expect(long(5).nanToNum().toArray()).toEqual([5n]);
  });
});

describe("comparisons", () => {
  test("isclose, allclose and equal", () => {
    const [x, y] = [double([1, nan, inf, 1, -inf]), double([1 + 1e-6, nan, inf, 1.1, inf])];
    expect(x.isclose(y).toArray()).toEqual([true, false, true, false, false]);
    expect(x.isclose(y, { equalNan: true, rtol: 0.2 }).toArray()).toEqual([true, true, true, true, false]);
    expect(
      long(2n ** 60n)
        .isclose(long(2n ** 60n + 1n), { rtol: 0, atol: 0 })
        .toArray(),
    ).toEqual([false]);
    expect(x.allclose(y)).toBe(false);
    expect(x.narrow(0, 0, 1).allclose(y.narrow(0, 0, 1))).toBe(true);
    expect(zeros([0]).allclose(zeros([0]))).toBe(true);
    expect([x.equal(x), double([1]).equal(double(1)), double([1, 2]).equal(double([1, 2]))]).toEqual([
      false,
      false,
      true,
    ]);
    expect(zeros([2, 0]).equal(zeros([2, 0]))).toBe(true);
    expect(long(2n ** 53n).equal(long(2n ** 53n + 1n))).toBe(false);
    const leaf = double([1], true);
    expect(leaf.isclose(leaf).requiresGrad).toBe(false);
  });

  test("fmax and fmin leave NaN out, and give the gradient of ties to the first", () => {
    const [a, b] = [double([1, nan, 2, nan], true), double([2, 2, 2, nan], true)];
    a.fmax(b).sum().backward();
    expect([numbers(a.fmax(b)), numbers(a.fmin(b))]).toEqual([
      [2, 2, 2, nan],
      [1, 2, 2, nan],
    ]);
    expect([numbers(a.grad!), numbers(b.grad!)]).toEqual([
      [0, 0, 1, 1],
      [1, 1, 0, 0],
    ]);
    expect(a.fmax(b).gradFn).toBe("FmaxBackward0");
  });

  test("heaviside has values at 0 and no history", () => {
    const x = double([-1, 0, 2, nan], true);
    const out = x.heaviside(double(0.5));
    expect(numbers(out)).toEqual([0, 0.5, 1, 0]);
    expect(out.requiresGrad).toBe(false);
    expect(long(-3, 0, 3).heaviside(long(7)).toArray()).toEqual([0n, 7n, 1n]);
  });
});

describe("clamp", () => {
  test("takes bounds by name, and one alone", () => {
    const x = double([-2, 0.5, 3]);
    expect(numbers(x.clamp({ max: 1 }))).toEqual([-2, 0.5, 1]);
    expect(numbers(x.clamp({ min: -1, max: double(2) }))).toEqual([-1, 0.5, 2]);
    expect(numbers(x.clampMin(0))).toEqual([0, 0.5, 3]);
    expect(numbers(x.clampMax(double([-3, 1, 1])))).toEqual([-3, 0.5, 1]);
    expect(x.clone().requiresGrad_().clampMax(1).gradFn).toBe("ClampMaxBackward0");
  });

  test("a bound that is missing bounds nothing, whatever the dtypes are", () => {
    const x = of("uint8", 3, 200);
    expect(x.clamp(long(300, 100)).toArray()).toEqual([300n, 200n]);
    expect(x.clamp(null, long(-4, -5)).toArray()).toEqual([-4n, -5n]);
    expect(numbers(long(1, 5).clamp(1.5))).toEqual([1.5, 5]);
    expect(numbers(long(1).clampMin(double([inf])))).toEqual([inf]);
    expect(
      long(2n ** 62n)
        .clampMin(1)
        .toArray(),
    ).toEqual([2n ** 62n]);
  });
});

describe("operands on the left, and factors of operands", () => {
  test("rsub, rdiv and rpow take tensors", () => {
    const [x, y] = [double([2, 4], true), double([3, 5])];
    expect(numbers(x.rsub(y, { alpha: 2 }))).toEqual([-1, -3]);
    expect(numbers(x.rdiv(y))).toEqual([1.5, 1.25]);
    expect(numbers(x.rpow(y))).toEqual([9, 625]);
    expect(x.rsub(y).gradFn).toBe("RsubBackward0");
  });

  test("alpha is taken in the wider dtype", () => {
    const x = double([0.5]);
    expect(numbers(x.add(long(2n ** 24n + 1n), { alpha: 0.5 }))).toEqual([2 ** 23 + 1]);
    expect(x.add(long(1), { alpha: 0.1 }).sub(0.5).item()).toBeCloseTo(0.1, 15);
  });

  test("floatPower computes in float64", () => {
    expect(tensor([2]).floatPower(0.5).item()).toBe(Math.SQRT2);
    expect(long(2).floatPower(long(-1)).item()).toBe(0.5);
    expect(tensor([2], { requiresGrad: true }).floatPower(2).gradFn).toBe("PowBackward0");
  });
});

describe("other names", () => {
  test("every alias is a method and a function", () => {
    const x = double([0.25, 0.5]);
    const methods = x as unknown as Record<string, (...args: unknown[]) => Tensor>;
    const functions = adjoint as unknown as Record<string, (...args: unknown[]) => Tensor>;
    const args: Record<string, unknown[]> = { clamp: [0.3] };
    const unaries = ["abs", "acos", "acosh", "asin", "asinh", "atan", "atanh", "neg", "trunc"];
    for (const [alias, name] of Object.entries(aliases)) {
      const rest = unaries.includes(name) ? [] : (args[name] ?? [0.4]);
      const expected = numbers(methods[name]!(...rest));
      expect(numbers(methods[alias]!(...rest)), alias).toEqual(expected);
      expect(numbers(functions[alias]!(x, ...rest)), alias).toEqual(expected);
      expect(functions[name], name).toBeTypeOf("function");
    }
  });

  test("in place, they give the tensor its new value", () => {
    const x = double([4, 9]);
    expect(x.sqrt_().add_(1)).toBe(x);
    expect(x.multiply_(2).clampMax_(7).toArray()).toEqual([6, 7]);
    expect(x.floorDivide_(4).toArray()).toEqual([1, 1]);
    expect(x.eq_(1).toArray()).toEqual([1, 1]);
    const k = long(6, 7);
    expect(k.bitwiseAnd_(3).toArray()).toEqual([2n, 3n]);
    expect(errorOf(() => k.sqrt_()).message).toContain(
      "result type Float can't be cast to the desired output type Long",
    );
    const leaf = double([1], true);
    expect(errorOf(() => leaf.exp_())).toMatchObject({ code: "ERR_AUTOGRAD" });
    noGrad(() => leaf.add_(2).square_());
    expect(leaf.item()).toBe(9);
  });
});

test("nothing comes of nothing", () => {
  const x = zeros([2, 0], { dtype: "float64" });
  for (const out of [
    x.sinc(),
    x.round({ decimals: 2 }),
    x.nanToNum(),
    x.frexp().mantissa,
    x.mvlgamma(2),
    x.polygamma(2),
    x.fmax(x),
    x.isclose(x),
    x.copysign(-1),
    x.logit({ eps: 0.1 }),
    x.clamp({ max: 1 }),
  ])
    expect(out.shape).toEqual([2, 0]);
  const k = zeros([0], { dtype: "int64" });
  for (const out of [k.gcd(k), k.lcm(k), k.bitwiseNot(), k.floorDivide(k)]) expect(out.shape).toEqual([0]);
});
