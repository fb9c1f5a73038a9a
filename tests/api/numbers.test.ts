import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { full, nn, ones, tensor, where, type DType, type Tensor } from "../../lib/index.js";
import { errorOf, numbers } from "../helpers/reference.js";

// Numbers beside tensors: none is silently another.

const ranges = {
  uint8: [0n, 255n],
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
} as const;
type Integer = keyof typeof ranges;
const integers = Object.keys(ranges) as Integer[];
const of = (value: bigint, dtype: Integer): Tensor => tensor([value]).to(dtype);

describe("a number that a dtype cannot hold", () => {
  const wrong: [DType, number | bigint][] = [
    ["uint8", 300],
    ["uint8", -1],
    ["uint8", NaN],
    ["int32", 2 ** 31],
    ["int32", -(2 ** 31) - 1],
    ["int32", Infinity],
    ["int64", 2 ** 63],
    ["int64", 1e30],
    ["int64", NaN],
    ["float32", 1e300],
    ["float16", 65505],
    ["bfloat16", 3.4e38],
  ];
  test.each(wrong)("is refused by all that stores it: %s, %s", (dtype, value) => {
    const x = () => ones([2], { dtype });
    const ways: Record<string, () => unknown> = {
      full: () => full([1], value, { dtype }),
      fill_: () => x().fill_(value),
      set: () => x().set(0, value),
      pad: () => x().pad([1, 0], { value }),
      maskedFill: () => x().maskedFill(tensor([true, false]), value),
      indexFill: () => x().indexFill(0, tensor([1n]), value),
      scatter: () => x().scatter(0, tensor([1n]), value),
    };
    const isFloat = dtype.includes("float");
    // Fractions, infinities and long numbers make a floating tensor of whole numbers.
    if (isFloat || Number.isSafeInteger(value))
      ways["where"] = () => where(tensor([true, false]), x(), value);
    if (isFloat) {
      ways["clamp"] = () => x().clamp(0, Number(value));
      ways["clampMin"] = () => x().clampMin(Number(value));
      ways["hardtanh"] = () => nn.functional.hardtanh(x(), { minVal: 0, maxVal: Number(value) });
      ways["threshold"] = () => nn.functional.threshold(x(), 0, Number(value));
    }
    for (const [op, way] of Object.entries(ways)) {
      const error = errorOf(way);
      expect(error, op).toMatchObject({ name: "RangeError", code: "ERR_VALUE", op });
      expect(error.message).toContain(`value cannot be converted to type ${dtype} without overflow; ${op}: `);
    }
  });

  test("keeps the tensor as it was", () => {
    const x = tensor([4], { dtype: "uint8" });
    errorOf(() => x.set(0, 300));
    errorOf(() => x.fill_(-1));
    expect(x.item()).toBe(4);
  });

  test("is no matter for infinities of floats, for bool, and for fractions, which are cut off", () => {
    expect(full([1], -Infinity).item()).toBe(-Infinity);
    expect(full([1], 2, { dtype: "bool" }).item()).toBe(true);
    expect(full([1], NaN, { dtype: "bool" }).item()).toBe(true);
    expect(full([2], -1.75, { dtype: "int32" }).toArray()).toEqual([-1, -1]);
    expect(full([1], 255.5, { dtype: "uint8" }).item()).toBe(255);
  });

  test("wraps where elements do, moves a limit to the dtype's own, and counts as true", () => {
    const x = tensor([4, 250], { dtype: "uint8" });
    expect(numbers(x.add(300))).toEqual([48, 38]);
    expect(numbers(x.sub(-1))).toEqual([5, 251]);
    expect(numbers(x.clamp(-1, 300))).toEqual([4, 250]);
    expect(numbers(x.clamp(300, 400))).toEqual([255, 255]);
    expect(numbers(x.maximum(-5))).toEqual([4, 250]);
    expect(numbers(x.minimum(-5))).toEqual([0, 0]);
    expect(numbers(x.logicalAnd(256))).toEqual([1, 1]);
    expect(errorOf(() => x.pow(300))).toMatchObject({ code: "ERR_VALUE", op: "pow" });
  });
});

describe("comparisons of integers with numbers", () => {
  const ops = ["eq", "ne", "lt", "le", "gt", "ge"] as const;
  type Op = (typeof ops)[number];
  const answers: Record<Op, (a: bigint, b: number | bigint) => boolean> = {
    // JavaScript compares bigints with numbers as real numbers.
    eq: (a, b) => a == b,
    ne: (a, b) => a != b,
    lt: (a, b) => a < b,
    le: (a, b) => a <= b,
    gt: (a, b) => a > b,
    ge: (a, b) => a >= b,
  };
  const number = fc.oneof(
    fc.double(),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.constantFrom(
      NaN,
      Infinity,
      -Infinity,
      0.5,
      -0.5,
      254.5,
      255,
      255.5,
      256,
      -1,
      2 ** 31,
      2 ** 31 - 0.5,
      2 ** 53,
      2 ** 63,
      -(2 ** 63),
      1.7e18,
      1e19,
      -1e19,
    ),
  );
  test.each(integers)("are those of real numbers: %s", (dtype) => {
    const [min, max] = ranges[dtype];
    const element = fc.oneof(fc.bigInt({ min, max }), fc.constantFrom(min, max, 0n, max / 2n));
    fc.assert(
      fc.property(element, number, fc.boolean(), (a, b, isNear) => {
        const other = isNear && typeof b === "number" && b !== Infinity ? Number(a) + (b % 2) : b;
        for (const op of ops)
          expect(of(a, dtype)[op](other).item(), `${a} ${op} ${other}`).toBe(answers[op](a, other));
      }),
      { numRuns: 300 },
    );
  });

  test("hold for scalars that come first in where, and for 0-d and empty tensors", () => {
    expect(
      tensor(5n)
        .lt(2 ** 70)
        .item(),
    ).toBe(true);
    expect(tensor([], { dtype: "uint8" }).gt(300).shape).toEqual([0]);
  });
});

test("whole numbers are integers beside int64, whatever their size", () => {
  for (const value of [1, 2 ** 53 - 1, 2 ** 53, 2 ** 62]) expect(tensor([1n]).add(value).dtype).toBe("int64");
  expect(
    tensor([1n])
      .add(2 ** 53)
      .item(),
  ).toBe(2n ** 53n + 1n);
  expect(tensor([1700000000000000005n]).gt(1.7e18).item()).toBe(true);
  expect(tensor([1]).add(2 ** 60).dtype).toBe("float32");
});
