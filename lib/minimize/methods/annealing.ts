import { finite, flag, option, optionError } from "../../optim/checks.js";
import type { Bounds } from "../bounds.js";
import type { Chance } from "../chance.js";
import { ending, type Outcome } from "../outcome.js";
import { type Asking, iterated, valuesAt, type Vector } from "../questions.js";
import { localSearch } from "./local.js";
import { together } from "../together.js";

/** Options of "dual-annealing". */
export interface AnnealingOptions {
  /** The temperature of the beginning, from 0.01 to 5e4; 5230 by default. */
  initialTemp: number;
  /** The part of it at which it begins again somewhere else; 2e-5 by default. */
  restartTempRatio: number;
  /** The distribution of jumps, from 1 to 3, the heavier in its tails the larger; 2.62 by default. */
  visit: number;
  /** How seldom jumps upwards are accepted, from -1e4 to -5; -5 by default. */
  accept: number;
  /** No searches for local minima; false by default. */
  noLocalSearch: boolean;
}

export const annealingRows = {
  initialTemp: option<number>(5230, finite("Invalid initial temperature", { above: 0.01, max: 5e4 })),
  restartTempRatio: option<number>(
    2e-5,
    finite("Restart temperature ratio has to be in range (0, 1)", { above: 0, below: 1 }),
  ),
  visit: option<number>(2.62, finite("Visiting parameter has to be in range (1, 3]", { above: 1, max: 3 })),
  accept: option<number>(
    -5,
    finite("Acceptance parameter has to be in range (-1e4, -5]", { above: -1e4, max: -5 }),
  ),
  noLocalSearch: option<boolean>(false, flag),
};

/** After so many jumps without a lower point, a local minimum is searched for anyway. */
const mostInVain = 1000;

/** Logarithm of the gamma function from 0 to 2: Lanczos' approximation. */
function logGamma(x: number): number {
  const parts = [
    0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
    12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
  ];
  const y = x - 1;
  const sum = parts.slice(1).reduce((total, part, i) => total + part / (y + i + 1), parts[0]!);
  const t = y + 7.5;
  return 0.5 * Math.log(2 * Math.PI) + (y + 0.5) * Math.log(t) - t + Math.log(sum);
}

/** Jumps of Tsallis' generalised distribution: Tsallis and Stariolo, Physica A 233, 1996. */
class Jumps {
  readonly #factor4: number;
  readonly #factor6: number;

  constructor(
    private readonly q: number,
    private readonly chance: Chance,
  ) {
    const factor2 = Math.exp((4 - q) * Math.log(q - 1));
    const factor3 = Math.exp(((2 - q) * Math.log(2)) / (q - 1));
    const factor5 = 1 / (q - 1) - 0.5;
    this.#factor4 = (Math.sqrt(Math.PI) * factor2) / (factor3 * (3 - q));
    this.#factor6 =
      (Math.PI * (1 - factor5)) / Math.sin(Math.PI * (1 - factor5)) / Math.exp(logGamma(2 - factor5));
  }

  /** One jump at a temperature. */
  at(temperature: number): number {
    const { q, chance } = this;
    const factor4 = this.#factor4 * Math.exp(Math.log(temperature) / (q - 1));
    const x = chance.normal() * Math.exp((-(q - 1) * Math.log(this.#factor6 / factor4)) / (3 - q));
    const jump = x / Math.exp(((q - 1) * Math.log(Math.abs(chance.normal()))) / (3 - q));
    const tail = 1e8;
    return Math.abs(jump) <= tail ? jump : Math.sign(jump) * tail * chance.uniform();
  }
}

/**
 * Generalised simulated annealing with searches for local minima: Xiang, Sun, Fan and Gong, Physics Letters A 233, 1997, with
 * SciPy's numbers. All jumps of an iteration, of all elements together and of each alone, are evaluated as one batch: they
 * begin at one point, or, where most of the last iteration's were accepted, each where the one before has led. Otherwise a
 * plain, where all are accepted, would be crossed by one jump of an iteration.
 */
export function* dualAnnealing(
  x0: Vector,
  { initialTemp, restartTempRatio, visit, accept, noLocalSearch }: AnnealingOptions,
  bounds: Bounds,
  chance: Chance,
): Asking<Outcome> {
  const n = x0.length;
  if (visit === 3) throw optionError(RangeError, "dual-annealing: visit must be below 3");
  const jumps = new Jumps(visit, chance);
  const around = (value: number, i: number) => {
    const [low, high] = [bounds.lower[i]!, bounds.upper[i]!];
    const range = high - low;
    if (range === 0) return low;
    const place = (((value - low) % range) + range) % range;
    return low + place;
  };
  const anywhere = () => x0.map((_, i) => chance.between(bounds.lower[i]!, bounds.upper[i]!));
  const first = Math.exp((visit - 1) * Math.log(2)) - 1;
  const valueOf = (value: number) => (Number.isNaN(value) ? Infinity : value);
  let current = { x: x0, fun: valueOf((yield* valuesAt([x0]))[0]!) };
  for (let tries = 0; current.fun === Infinity; ++tries) {
    if (tries === 1000) return ending(current, "nonFinite");
    const x = anywhere();
    current = { x, fun: valueOf((yield* valuesAt([x]))[0]!) };
  }
  let best = current;
  let inVain = 0;
  let isWandering = false;
  const search = function* (from: { x: Vector; fun: number }): Asking<void> {
    if (noLocalSearch) return;
    const most = Math.min(Math.max(6 * n, 100), 1000);
    const [found] = yield* together([localSearch(from.x, bounds)], most);
    if (!(found!.fun < from.fun)) return;
    if (found!.fun < best.fun) best = found!;
    current = found!;
  };
  for (let step = 0; ; ++step) {
    const temperature = (initialTemp * first) / (Math.exp((visit - 1) * Math.log(step + 2)) - 1);
    if (temperature < initialTemp * restartTempRatio) {
      const x = anywhere();
      current = { x, fun: valueOf((yield* valuesAt([x]))[0]!) };
      step = -1;
      continue;
    }
    const before = best.fun;
    const from = current.x;
    const trials: Vector[] = [];
    for (let j = 0; j < 2 * n; ++j) {
      const base = isWandering ? (trials.at(-1) ?? from) : from;
      trials.push(
        base.map((value, i) => (j < n || i === j - n ? around(value + jumps.at(temperature), i) : value)),
      );
    }
    const values = (yield* valuesAt(trials)).map(valueOf);
    const cooled = temperature / (step + 1);
    let accepted = 0;
    trials.forEach((x, j) => {
      const fun = values[j]!;
      if (fun < best.fun) best = { x, fun };
      const odds = 1 - ((1 - accept) * (fun - current.fun)) / cooled;
      if (fun < current.fun || (odds > 0 && chance.uniform() <= Math.exp(Math.log(odds) / (1 - accept)))) {
        current = { x, fun };
        accepted++;
      }
    });
    isWandering = accepted > n;
    inVain = best.fun < before ? 0 : inVain + trials.length;
    if (best.fun < before) yield* search(best);
    else if (inVain >= mostInVain) {
      inVain = 0;
      yield* search(current);
    }
    yield* iterated(best);
  }
}
