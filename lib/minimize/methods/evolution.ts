import { finite, flag, oneOf, option, optionError } from "../../optim/checks.js";
import type { Bounds } from "../bounds.js";
import type { Chance } from "../chance.js";
import { ending, type Outcome } from "../outcome.js";
import { type Asking, gradientsAt, iterated, valuesAt, type Vector } from "../questions.js";
import { together } from "../together.js";
import { tolerance } from "./bfgs.js";
import { localSearch } from "./local.js";

/** How a trial is made: of the best, of random members, of the member itself, with one difference or two. */
export type Strategy =
  | "best1bin"
  | "best1exp"
  | "best2bin"
  | "best2exp"
  | "rand1bin"
  | "rand1exp"
  | "rand2bin"
  | "rand2exp"
  | "randtobest1bin"
  | "randtobest1exp"
  | "currenttobest1bin"
  | "currenttobest1exp";

/** Options of "differential-evolution". */
export interface EvolutionOptions {
  /** How trials are made; "best1bin" by default. */
  strategy: Strategy;
  /** Members of the population for each element; 15 by default. */
  popsize: number;
  /** The factor of differences, or an interval from which each generation draws one; [0.5, 1] by default. */
  mutation: number | readonly [number, number];
  /** The probability that an element is taken from the mutant; 0.7 by default. */
  recombination: number;
  /** It has converged where the deviation of the values is at most `atol` and this part of their mean; 0.01 by default. */
  tol: number;
  /** 0 by default. */
  atol: number;
  /** How the population begins: "latinhypercube", the default, or "random". */
  init: "latinhypercube" | "random";
  /** Whether "lbfgsb" goes on from the best member in the end; true by default. */
  polish: boolean;
}

const strategies: readonly Strategy[] = (
  ["best1", "best2", "rand1", "rand2", "randtobest1", "currenttobest1"] as const
).flatMap((from): Strategy[] => [`${from}bin`, `${from}exp`]);

const factor = finite("Invalid mutation", { min: 0, below: 2 });
export const evolutionRows = {
  strategy: option<Strategy>("best1bin", oneOf(strategies)),
  popsize: option<number>(15, finite("Invalid population size", { min: 1, integer: true })),
  mutation: option<number | readonly [number, number]>([0.5, 1], (what, name, value) => {
    if (!Array.isArray(value)) {
      factor(what, name, value);
      return;
    }
    if (value.length !== 2)
      throw optionError(RangeError, `${what}: ${name} must be a number or two, but got ${value.length}`);
    value.forEach((one: unknown, i) => {
      factor(what, `${name}[${i}]`, one);
    });
  }),
  recombination: option<number>(0.7, finite("Invalid recombination", { min: 0, max: 1 })),
  tol: option<number>(0.01, tolerance),
  atol: option<number>(0, tolerance),
  init: option<"latinhypercube" | "random">("latinhypercube", oneOf(["latinhypercube", "random"])),
  polish: option<boolean>(true, flag),
};

/**
 * Differential evolution: Storn and Price, Journal of Global Optimization 11, 1997, with SciPy's options, and its deferred
 * updates: a whole generation of trials is evaluated at once, and each replaces its parent where it is no higher, so that
 * populations cross plains.
 */
export function* evolution(
  x0: Vector,
  options: EvolutionOptions,
  bounds: Bounds,
  chance: Chance,
): Asking<Outcome> {
  const n = x0.length;
  const { tol, atol, popsize, mutation, polish } = options;
  const count = Math.max(6, popsize * n);
  // Members are points of the unit cube.
  const width = bounds.upper.map((upper, i) => upper - bounds.lower[i]!);
  const scaled = (x: Vector) =>
    x.map((value, i) => (width[i] === 0 ? 0.5 : (value - bounds.lower[i]!) / width[i]!));
  const placed = (u: Vector) =>
    u.map((value, i) => Math.min(bounds.lower[i]! + value * width[i]!, bounds.upper[i]!));
  const members =
    options.init === "random"
      ? Array.from({ length: count }, () => x0.map(() => chance.uniform()))
      : chance.latinHypercube(count, n);
  members[0] = scaled(x0);
  const values = yield* firstValues(members.map(placed), polish);
  for (let i = 0; i < count; ++i) if (Number.isNaN(values[i])) values[i] = Infinity;
  const lowest = () => values.reduce((best, value, i) => (value < values[best]! ? i : best), 0);
  for (;;) {
    const best = lowest();
    const at = { x: placed(members[best]!), fun: values[best]! };
    const mean = values.reduce((sum, value) => sum + value / count, 0);
    const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2 / count, 0));
    if (at.fun === Infinity) return ending(at, "nonFinite");
    if (deviation <= atol + tol * Math.abs(mean))
      return polish ? yield* polished(at, bounds) : ending(at, "converged");
    const scale = typeof mutation === "number" ? mutation : chance.between(...mutation);
    const trials = members.map((member, i) => trialOf(members, best, i, scale, options, chance, member));
    const found = yield* valuesAt(trials.map(placed));
    trials.forEach((trial, i) => {
      if (found[i]! <= values[i]!) [members[i], values[i]] = [trial, found[i]!];
    });
    const now = lowest();
    const population = { points: members.map(placed), values: values.slice() };
    yield* iterated({ x: placed(members[now]!), fun: values[now]!, population });
  }
}

/** What is found from the best member on. */
function* polished(at: { x: Vector; fun: number }, bounds: Bounds): Asking<Outcome> {
  const [found] = yield* together([localSearch(at.x, bounds)]);
  return ending(found!.fun <= at.fun ? found! : at, "converged");
}

/** The values of the first population. That there are gradients to polish with is better found out now than in the end. */
function* firstValues(points: readonly Vector[], withGradient: boolean): Asking<Vector> {
  if (!withGradient) return yield* valuesAt(points);
  const [start] = yield* gradientsAt(points.slice(0, 1));
  return Float64Array.of(start!.fun, ...(yield* valuesAt(points.slice(1))));
}

/** A member crossed with a mutant. */
function trialOf(
  members: readonly Vector[],
  best: number,
  own: number,
  scale: number,
  { strategy, recombination }: EvolutionOptions,
  chance: Chance,
  member: Vector,
): Vector {
  const n = member.length;
  const others = chance.order(members.length).filter((i) => i !== own);
  const [a, b, c, d, e] = others.map((i) => members[i]!) as [Vector, Vector, Vector, Vector, Vector];
  const top = members[best]!;
  const base = strategy.slice(0, -3);
  const mutants: Record<string, (i: number) => number> = {
    best1: (i) => top[i]! + scale * (a[i]! - b[i]!),
    best2: (i) => top[i]! + scale * (a[i]! + b[i]! - c[i]! - d[i]!),
    rand1: (i) => a[i]! + scale * (b[i]! - c[i]!),
    rand2: (i) => a[i]! + scale * (b[i]! + c[i]! - d[i]! - e[i]!),
    randtobest1: (i) => a[i]! + scale * (top[i]! - a[i]!) + scale * (b[i]! - c[i]!),
    currenttobest1: (i) => member[i]! + scale * (top[i]! - member[i]! + a[i]! - b[i]!),
  };
  const mutant = mutants[base]!;
  const trial = member.slice();
  const sure = chance.below(n);
  const take = (i: number) => {
    const value = mutant(i);
    // What leaves the bounds is drawn anew.
    trial[i] = value >= 0 && value <= 1 ? value : chance.uniform();
  };
  if (strategy.endsWith("bin")) {
    for (let i = 0; i < n; ++i) if (chance.uniform() < recombination || i === sure) take(i);
  } else {
    for (let k = 0; k < n; ++k) {
      if (k > 0 && chance.uniform() >= recombination) break;
      take((sure + k) % n);
    }
  }
  return trial;
}
