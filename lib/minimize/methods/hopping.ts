import { finite, option } from "../../optim/checks.js";
import type { Bounds } from "../bounds.js";
import type { Chance } from "../chance.js";
import { ending, type Outcome } from "../outcome.js";
import { type Asking, iterated, type Vector } from "../questions.js";
import { together } from "../together.js";
import { localSearch } from "./local.js";

/** Options of "basin-hopping". */
export interface HoppingOptions {
  /** What a hop upwards costs: e to the minus difference over T is the probability that it is taken; 1 by default. */
  T: number;
  /** How far elements are moved at first, at most; 0.5 by default. */
  stepsize: number;
  /** After how many hops that is changed; 50 by default. */
  interval: number;
  /** The part of hops that should be taken; 0.5 by default. */
  targetAcceptRate: number;
  /** By what factor it is changed; 0.9 by default. */
  stepwiseFactor: number;
  /** It ends where so many hops have found nothing lower; never by default. */
  niterSuccess: number;
  /** How many hop side by side, each search of theirs in the same runs; 1 by default. */
  walkers: number;
}

const whole = (least: number) => finite("Invalid number", { min: least, integer: true });
const part = finite("Invalid part", { above: 0, below: 1 });
export const hoppingRows = {
  T: option<number>(1, finite("Invalid temperature", { min: 0 })),
  stepsize: option<number>(0.5, finite("Invalid stepsize", { above: 0 })),
  interval: option<number>(50, whole(1)),
  targetAcceptRate: option<number>(0.5, part),
  stepwiseFactor: option<number>(0.9, part),
  niterSuccess: option<number>(Infinity, (what, name, value) => {
    if (value !== Infinity) whole(1)(what, name, value);
  }),
  walkers: option<number>(1, whole(1)),
};

/**
 * Hops from one local minimum to another: Wales and Doye, "Global optimization by basin-hopping", Journal of Physical
 * Chemistry A 101, 1997, with SciPy's numbers. Minima are searched for by "lbfgsb".
 */
export function* basinHopping(
  x0: Vector,
  { T, stepsize, interval, targetAcceptRate, stepwiseFactor, niterSuccess, walkers }: HoppingOptions,
  bounds: Bounds | undefined,
  chance: Chance,
): Asking<Outcome> {
  let size = stepsize;
  const moved = (x: Vector) => {
    const next = x.map((value) => value + chance.between(-size, size));
    return bounds === undefined ? next : bounds.clipped(next);
  };
  const minima = (starts: readonly Vector[]) =>
    together(
      starts.map((start) => localSearch(start, bounds)),
      15_000,
    );
  let current = yield* minima(Array.from({ length: walkers }, (_, i) => (i === 0 ? x0 : moved(x0))));
  const lowest = (some: readonly Outcome[]) =>
    some.reduce((a, b) => (b.fun < a.fun || Number.isNaN(a.fun) ? b : a));
  let best = lowest(current);
  if (!Number.isFinite(best.fun)) return ending(best, "nonFinite");
  let taken = 0;
  let inVain = 0;
  for (let hop = 1; ; ++hop) {
    const found = yield* minima(current.map(({ x }) => moved(x)));
    current = found.map((next, i) => {
      const difference = next.fun - current[i]!.fun;
      const isTaken = difference <= 0 || (T > 0 && chance.uniform() < Math.exp(-difference / T));
      taken += Number(isTaken);
      return isTaken ? next : current[i]!;
    });
    const now = lowest([best, ...found]);
    inVain = now.fun < best.fun ? 0 : inVain + 1;
    best = now;
    if (hop % interval === 0) {
      size *= taken / (interval * walkers) > targetAcceptRate ? 1 / stepwiseFactor : stepwiseFactor;
      taken = 0;
    }
    yield* iterated(best);
    if (inVain >= niterSuccess) return ending(best, "converged");
  }
}
