// Random numbers of methods that draw, on the host: the same for a seed, wherever the function computes.

/**
 * A generator of 128 bits of state: sfc32 of Doty-Humphrey's PractRand, seeded by its counter and 20 turns.
 * https://pracrand.sourceforge.net
 */
export class Chance {
  readonly #state: Uint32Array;
  #spare: number | undefined;

  constructor(seed: number) {
    this.#state = Uint32Array.of(seed, seed / 2 ** 32, 0x9e3779b9, 1);
    for (let turn = 0; turn < 20; ++turn) this.#next();
  }

  /** A whole number of 32 bits. */
  #next(): number {
    const s = this.#state;
    const sum = (s[0]! + s[1]! + s[3]!) >>> 0;
    s[3]! += 1;
    s[0] = s[1]! ^ (s[1]! >>> 9);
    s[1] = s[2]! + (s[2]! << 3);
    s[2] = ((s[2]! << 21) | (s[2]! >>> 11)) + sum;
    return sum;
  }

  /** From 0 to below 1, of 53 bits. */
  uniform(): number {
    return ((this.#next() >>> 5) * 2 ** 26 + (this.#next() >>> 6)) / 2 ** 53;
  }

  between(low: number, high: number): number {
    return low + this.uniform() * (high - low);
  }

  /** A whole number below n. */
  below(n: number): number {
    return Math.floor(this.uniform() * n);
  }

  /** Of the standard normal distribution: Marsaglia's polar method. */
  normal(): number {
    const spare = this.#spare;
    if (spare !== undefined) {
      this.#spare = undefined;
      return spare;
    }
    for (;;) {
      const [x, y] = [this.between(-1, 1), this.between(-1, 1)];
      const square = x * x + y * y;
      if (square >= 1 || square === 0) continue;
      const factor = Math.sqrt((-2 * Math.log(square)) / square);
      this.#spare = y * factor;
      return x * factor;
    }
  }

  /** The numbers below n in a random order. */
  order(n: number): number[] {
    const result = Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; --i) {
      const j = this.below(i + 1);
      [result[i], result[j]] = [result[j]!, result[i]!];
    }
    return result;
  }

  /** `count` points in the unit cube of n dimensions, one in each of `count` layers of each dimension. */
  latinHypercube(count: number, n: number): Float64Array[] {
    const points = Array.from({ length: count }, () => new Float64Array(n));
    for (let j = 0; j < n; ++j) {
      const layers = this.order(count);
      points.forEach((point, i) => (point[j] = (layers[i]! + this.uniform()) / count));
    }
    return points;
  }
}
