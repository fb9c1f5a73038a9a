import assert from "node:assert";
import { createRequire } from "node:module";
import { isDeepStrictEqual } from "node:util";
import { describe, expect, test } from "vitest";
import { ones, tensor, type Tensor } from "../../lib/index.js";
import { errorOf } from "../helpers/reference.js";

// Libraries that compare objects must not take two different tensors for equal: users' tests would pass, whatever is
// computed.

const fastDeepEqual = createRequire(import.meta.url)("fast-deep-equal") as (
  a: unknown,
  b: unknown,
) => boolean;

const pairs: [what: string, a: Tensor, b: Tensor, areEqual: boolean][] = [
  ["equal elements", tensor([1, 2]), tensor([1, 2]), true],
  ["the same elements, computed", ones([2]).add(1), tensor([2, 2]), true],
  ["NaN", tensor([NaN]), tensor([NaN]), true],
  ["other elements", tensor([1, 2]), tensor([1, 3]), false],
  ["elements that print alike", tensor([1]), tensor([1.0000001]), false],
  ["another dtype", tensor([1]), tensor([1], { dtype: "float64" }), false],
  ["bool and uint8", tensor([true]), tensor([1], { dtype: "uint8" }), false],
  ["another shape", tensor([1, 2]), tensor([[1, 2]]), false],
  ["no elements", tensor([]), tensor([]), true],
  ["no elements, another shape", ones([0, 2]), ones([2, 0]), false],
  ["numbers", tensor(3), tensor(3), true],
  ["other numbers", tensor(3), tensor(4), false],
];

describe("two tensors", () => {
  test.each(pairs)("with %s", (_, a, b, areEqual) => {
    expect(isDeepStrictEqual(a, b)).toBe(areEqual);
    expect(isDeepStrictEqual({ a: [a] }, { a: [b] })).toBe(areEqual);
    expect(fastDeepEqual(a, b)).toBe(areEqual);
    for (const x of [a, [a], { a }]) {
      const y = x === a ? b : Array.isArray(x) ? [b] : { a: b };
      if (areEqual) expect(x).toStrictEqual(y);
      else expect(x).not.toEqual(y);
    }
    if (areEqual) assert.deepStrictEqual(a, b);
    else expect(() => assert.deepStrictEqual(a, b)).toThrow(assert.AssertionError);
  });

  test("are read when they are compared, not before", () => {
    const x = tensor([1]);
    x.dispose();
    expect(errorOf(() => isDeepStrictEqual(x, tensor([1])))).toMatchObject({ code: "ERR_DISPOSED" });
  });
});
