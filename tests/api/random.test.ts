import { describe, expect, test } from "vitest";
import { execFileSync } from "node:child_process";
import { arange, eye, initialSeed, linspace, manualSeed, rand, randn, seed, zeros } from "adjoint";

const numbers = (values: unknown) => (values as number[]).slice();

describe("random numbers", () => {
  test("are Philox4x32-10: the known answer for counter and key zero", () => {
    // Random123, kat_vectors: philox 4x32 10, all zero.
    const words = [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8];
    manualSeed(0);
    expect(rand([4]).toArray()).toEqual(words.map((word) => (word >>> 8) * 2 ** -24));
    manualSeed(0);
    const wide = words[0]! / 2 ** 32 + words[1]! / 2 ** 64;
    expect(rand([1], { dtype: "float64" }).item()).toBeCloseTo(wide, 15);
  });

  test("depend on the seed and the order of calls, not on when or how often they are computed", () => {
    manualSeed(7);
    const [first, second, third] = [rand([5]), randn([3, 2]), rand([2], { dtype: "float64" })];
    const late = [third.toArray(), second.toArray(), first.toArray()];
    for (let i = 0; i < 5; ++i) expect(first.sub(first).abs().sum().item()).toBe(0);
    manualSeed(7n);
    const early = [rand([5]).toArray(), randn([3, 2]).toArray(), rand([2], { dtype: "float64" }).toArray()];
    expect(late.reverse()).toEqual(early);
    expect(rand([5]).toArray()).not.toEqual(early[0]);
    manualSeed(8);
    expect(rand([5]).toArray()).not.toEqual(early[0]);
  });

  test("differ from process to process, until a seed is said, which they tell", () => {
    const program =
      'import { initialSeed, rand } from "adjoint"; console.log(initialSeed() + " " + rand([4]).toArray())';
    const draws = () =>
      execFileSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8" }).trim();
    const [one, another] = [draws(), draws()];
    expect(one).not.toBe(another);
    const [start, ...numbers] = one.split(" ");
    expect(BigInt(start!)).toBeLessThan(2n ** 53n);
    manualSeed(Number(start));
    expect(String(rand([4]).toArray())).toBe(numbers.join(" "));
  });

  test("start from whatever 64 bits", () => {
    const drawn = (from: number | bigint) => {
      manualSeed(from);
      return rand([4]).toArray();
    };
    for (const [given, told] of [
      [3, 3n],
      [-1, 2n ** 64n - 1n],
      [-1n, 2n ** 64n - 1n],
      [2n ** 63n, 2n ** 63n],
    ] as const) {
      const numbers = drawn(given);
      expect(initialSeed()).toBe(told);
      expect(drawn(told)).toEqual(numbers);
    }
    const fresh = seed();
    expect(initialSeed()).toBe(fresh);
    expect(seed()).not.toBe(fresh);
    for (const wrong of [2n ** 64n, -(2n ** 63n) - 1n])
      expect(() => manualSeed(wrong)).toThrow(
        `manualSeed: the seed must be from -2**63 to 2**64 - 1, got ${wrong}`,
      );
    expect(() => manualSeed(0.5)).toThrow("manualSeed: the seed must be a whole number below 2**53, got 0.5");
    manualSeed(0);
  });

  test.each(["float32", "float64"] as const)("have their distributions in %s", (dtype) => {
    manualSeed(1);
    const count = 200_000;
    const uniform = numbers(rand([count], { dtype }).toArray());
    expect(uniform.every((value) => value >= 0 && value < 1)).toBe(true);
    const bins = new Array<number>(20).fill(0);
    for (const value of uniform) bins[Math.floor(value * 20)]! += 1;
    const chiSquare = bins.reduce((sum, seen) => sum + (seen - count / 20) ** 2 / (count / 20), 0);
    expect(chiSquare).toBeLessThan(43.8); // 0.1 % of 19 degrees of freedom
    const normal = numbers(randn([count], { dtype }).toArray());
    const moment = (power: number) => normal.reduce((sum, value) => sum + value ** power, 0) / count;
    expect(Math.abs(moment(1))).toBeLessThan(0.01);
    expect(moment(2)).toBeCloseTo(1, 1);
    expect(moment(4)).toBeCloseTo(3, 0);
    const lag = normal.slice(1).reduce((sum, value, i) => sum + value * normal[i]!, 0) / count;
    expect(Math.abs(lag)).toBeLessThan(0.01);
  });

  test("are floating", () => {
    expect(() => rand([2], { dtype: "int32" })).toThrow("random numbers have a floating dtype, not int32");
  });
});

describe("regular numbers", () => {
  test("arange counts from both directions, without its end", () => {
    expect(arange(4).toArray()).toEqual([0, 1, 2, 3]);
    expect(arange(1, 2, 0.25).toArray()).toEqual([1, 1.25, 1.5, 1.75]);
    expect(arange(3, 0, -1, { dtype: "int64" }).toArray()).toEqual([3n, 2n, 1n]);
    expect(arange(0).shape).toEqual([0]);
  });

  test("linspace hits both ends exactly", () => {
    const values = numbers(linspace(-0.1, 0.7, 9, { dtype: "float64" }).toArray());
    expect([values[0], values.at(-1), values.length]).toEqual([-0.1, 0.7, 9]);
    values.forEach((value, i) => expect(value).toBeCloseTo(-0.1 + i * 0.1, 15));
    expect(linspace(2, 5, 1).toArray()).toEqual([2]);
    expect(linspace(0, 10, 5, { dtype: "int32" }).toArray()).toEqual([0, 2, 5, 7, 10]);
  });

  test("eye has ones where row and column meet", () => {
    expect(eye(2, 3).toArray()).toEqual([
      [1, 0, 0],
      [0, 1, 0],
    ]);
    expect(eye(0).shape).toEqual([0, 0]);
    expect(zeros([0, 3]).toArray()).toEqual([]);
  });
});
