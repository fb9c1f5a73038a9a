// What random programs are made with, inside the test runner and outside of it.

/** Uniform random numbers in [0, 1) that are the same in every run (mulberry32). */
export function randomSource(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The number of elements of a shape. */
export const count = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);
