import { expect } from "vitest";
import { tensor, type DType, type NestedArray, type Scalar, type Tensor } from "../../lib/index.js";

export { count, randomSource } from "./repeatable.js";

// What the tests of tensors share: repeatable random numbers, plain arrays with a shape, and comparison.

/** A plain row-major array with a shape. */
export interface Plain {
  shape: number[];
  data: number[];
}

/** Every position of a shape, in row-major order. */
export function positions(shape: readonly number[]): number[][] {
  return shape.reduce<number[][]>(
    (heads, size) => heads.flatMap((head) => Array.from({ length: size }, (_, i) => [...head, i])),
    [[]],
  );
}

/** A plain array made by position. */
export function build(shape: readonly number[], at: (position: number[]) => number): Plain {
  return { shape: [...shape], data: positions(shape).map(at) };
}

/** The element of `plain` at a position; positions are not checked. */
export function read({ shape, data }: Plain, position: readonly number[]): number {
  return data[shape.reduce((offset, size, dim) => offset * size + position[dim]!, 0)]!;
}

export const toTensor = ({ shape, data }: Plain, dtype: DType = "float64", requiresGrad = false): Tensor => {
  const flat = tensor(data, { dtype });
  const made = flat.reshape(shape).clone();
  return requiresGrad ? made.requiresGrad_() : made;
};

/** A tensor's elements as numbers, bool as 0 and 1. */
export const numbers = (x: Tensor): number[] => Array.from(x.dataSync() as ArrayLike<Scalar>, Number);

export const flat = (nested: unknown): number[] => [nested].flat(40).map(Number);

export function isClose(actual: number, expected: number, relative: number, absolute: number): boolean {
  if (Number.isNaN(expected)) return Number.isNaN(actual);
  if (!Number.isFinite(expected)) return actual === expected;
  return Math.abs(actual - expected) <= absolute + relative * Math.abs(expected);
}

/** Element by element; NaN equals NaN, and infinities must be the same. */
export function expectClose(
  actual: readonly number[],
  expected: readonly number[],
  relative: number,
  absolute: number,
  at: string,
): void {
  expect(actual.length, at).toBe(expected.length);
  const bad = actual.findIndex((value, i) => !isClose(value, expected[i]!, relative, absolute));
  if (bad >= 0) expect.fail(`${at}: element ${bad} is ${actual[bad]}, expected ${expected[bad]}`);
}

/** Shape and elements, exactly; minus zero equals zero. */
export function expectPlain(actual: Tensor, expected: Plain, at: string): void {
  expect(actual.shape, at).toEqual(expected.shape);
  expectClose(numbers(actual), expected.data, 0, 0, at);
}

/** The error that `body` throws; fails where it throws none. */
export function errorOf(body: () => unknown): Error & { code?: string; op?: string; shapes?: number[][] } {
  try {
    body();
  } catch (error) {
    expect(error).toBeInstanceOf(Error);
    return error as Error;
  }
  return expect.fail("nothing was thrown");
}

export type { NestedArray };
