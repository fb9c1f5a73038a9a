// Data that TypeScript and Python make alike, and the few numbers that outputs are compared by.

const golden = 0.6180339887498949;
const plastic = 0.7548776662466927;
const cache = new Map<string, Float32Array | Float64Array>();

/**
 * Numbers spread evenly over [low, high): multiples of the golden ratio, modulo 1. Python's are the same to the bit.
 * Do not change them; they are kept until {@link forgetData}.
 */
export function spread(count: number, low: number, high: number, seed = 0): Float32Array {
  return cached(Float32Array, count, low, high, seed);
}

/** {@link spread}, in double precision. */
export function spread64(count: number, low: number, high: number, seed = 0): Float64Array {
  return cached(Float64Array, count, low, high, seed);
}

/** The same numbers out of order: those of squares, modulo a prime. Neighbours, rows and columns have nothing in common. */
export function mixed(count: number, low: number, high: number, seed = 0): Float64Array {
  const prime = 2 ** 31 - 1;
  return Float64Array.from({ length: count }, (_, i) => {
    return low + (high - low) * (((((i + 1) * (i + 1)) % prime) * golden + seed * plastic) % 1);
  });
}

function cached<A extends Float32Array | Float64Array>(
  type: new (count: number) => A,
  count: number,
  low: number,
  high: number,
  seed: number,
): A {
  const key = [type.name, count, low, high, seed].join();
  let values = cache.get(key);
  if (values === undefined) {
    values = new type(count);
    for (let i = 0; i < count; ++i)
      values[i] = low + (high - low) * (((i + 1) * golden + seed * plastic) % 1);
    cache.set(key, values);
  }
  return values as A;
}

/** Lets go of what the last case needed. */
export function forgetData(): void {
  cache.clear();
}

/** What outputs are compared by: mean, mean magnitude, and some elements. */
export type Summary = readonly number[];

const samples = 16;

/** The summary of one output. */
export function summarize(values: ArrayLike<number>): Summary {
  let sum = 0;
  let magnitude = 0;
  for (let i = 0; i < values.length; ++i) {
    sum += values[i]!;
    magnitude += Math.abs(values[i]!);
  }
  const elements = Array.from({ length: samples }, (_, i) => {
    return values[Math.floor((i * (values.length - 1)) / (samples - 1))]!;
  });
  return [sum / values.length, magnitude / values.length, ...elements];
}

/** Says where two lists of summaries differ by more than `tolerance`; undefined where they agree. */
export function difference(
  ours: readonly Summary[],
  theirs: readonly Summary[],
  tolerance: number,
): string | undefined {
  if (ours.length !== theirs.length) return `${ours.length} results, but ${theirs.length}`;
  for (const [i, expected] of ours.entries()) {
    const magnitude = Math.abs(expected[1]!);
    for (const [j, a] of expected.entries()) {
      const b = theirs[i]![j]!;
      // The negation also catches NaN.
      if (!(Math.abs(a - b) <= tolerance * (magnitude + Math.abs(a)))) {
        const what = j === 0 ? "mean" : j === 1 ? "mean magnitude" : `element sample ${j - 2}`;
        return `result ${i}: ${what} is ${a}, but ${b}`;
      }
    }
  }
  return undefined;
}
