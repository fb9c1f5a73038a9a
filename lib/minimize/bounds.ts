import { describe } from "../options.js";
import { optionError } from "../optim/checks.js";
import type { Vector } from "./questions.js";

/** A lower and an upper bound: numbers, or null for none. */
export type Interval = readonly [lower: number | null, upper: number | null];

/** Bounds of a problem: one interval for all elements, or one for each. */
export type BoundsInit = Interval | readonly Interval[];

/** Bounds of all elements. */
export class Bounds {
  private constructor(
    readonly lower: Vector,
    readonly upper: Vector,
  ) {}

  /** Reads bounds of `n` elements, and refuses those that cross. */
  static from(what: string, given: unknown, n: number): Bounds {
    const refuse = (why: string): never => {
      throw optionError(
        TypeError,
        `${what}: bounds must be [lower, upper], or an array of ${n} of these; ${why}`,
      );
    };
    if (!Array.isArray(given)) return refuse(`got ${describe(given)}`);
    const isOne = given.length === 2 && given.every((end) => end === null || typeof end === "number");
    const list: unknown[] = isOne ? Array.from({ length: n }, () => given as unknown) : given;
    if (list.length !== n) refuse(`got ${list.length}`);
    const ends = list.map((pair, i): [number, number] => {
      if (!Array.isArray(pair) || pair.length !== 2) return refuse(`the one at ${i} is ${describe(pair)}`);
      const [lower, upper] = pair.map((end: unknown, k) => {
        if (end === null) return k === 0 ? -Infinity : Infinity;
        if (typeof end !== "number" || Number.isNaN(end))
          return refuse(`the one at ${i} has ${describe(end)}`);
        return end;
      }) as [number, number];
      if (lower > upper)
        throw optionError(
          RangeError,
          `${what}: an upper bound is less than the corresponding lower bound (at ${i}: [${lower}, ${upper}])`,
        );
      return [lower, upper];
    });
    return new Bounds(
      Float64Array.from(ends, ([lower]) => lower),
      Float64Array.from(ends, ([, upper]) => upper),
    );
  }

  /** The nearest point inside. */
  clipped(x: Vector): Vector {
    return x.map((value, i) => Math.min(Math.max(value, this.lower[i]!), this.upper[i]!));
  }

  /** The first element of a point that is outside, or -1. */
  outside(x: Vector): number {
    return x.findIndex((value, i) => value < this.lower[i]! || value > this.upper[i]!);
  }
}
