// The methods of minimize: what each takes, and its defaults for a problem of n elements.
import { finite, flag, type Given, option, type OptionRows } from "../optim/checks.js";
import { randint } from "../random.js";
import type { Bounds } from "./bounds.js";
import { Chance } from "./chance.js";
import { annealingRows, type AnnealingOptions, dualAnnealing } from "./methods/annealing.js";
import { bfgs, type BfgsOptions, bfgsRows } from "./methods/bfgs.js";
import { cg, cgRows } from "./methods/cg.js";
import { cmaEs, type CmaOptions, cmaRows } from "./methods/cmaes.js";
import { evolution, type EvolutionOptions, evolutionRows } from "./methods/evolution.js";
import { basinHopping, type HoppingOptions, hoppingRows } from "./methods/hopping.js";
import { lbfgsb, type LbfgsOptions, lbfgsRows } from "./methods/lbfgsb.js";
import { nelderMead, type NelderMeadOptions, nelderMeadRows } from "./methods/neldermead.js";
import { newtonCg, type NewtonCgOptions, newtonCgRows } from "./methods/newtoncg.js";
import { powell, type PowellOptions, powellRows } from "./methods/powell.js";
import { slsqp, type SlsqpOptions, slsqpRows } from "./methods/slsqp.js";
import {
  byOptimizer,
  type OptimizerName,
  type OptimizerOptions,
  optimizerNames,
  optimizerRows,
} from "./methods/optimizers.js";
import { trustExact, trustNcg, type TrustOptions, trustRows } from "./methods/trust.js";
import type { Outcome } from "./outcome.js";
import type { Asking, Vector } from "./questions.js";

/** The names of the methods. */
export type Method =
  | "bfgs"
  | "cg"
  | "lbfgs"
  | "lbfgsb"
  | "newton-cg"
  | "trust-ncg"
  | "trust-exact"
  | "nelder-mead"
  | "powell"
  | "slsqp"
  | "differential-evolution"
  | "cma-es"
  | "dual-annealing"
  | "basin-hopping"
  | OptimizerName;

/** The options that methods have of their own. */
export type MethodOptions = Given<BfgsOptions> &
  Given<LbfgsOptions> &
  Given<NewtonCgOptions> &
  Given<TrustOptions> &
  Given<NelderMeadOptions> &
  Given<PowellOptions> &
  Given<SlsqpOptions> &
  Given<EvolutionOptions> &
  Given<CmaOptions> &
  Given<AnnealingOptions> &
  Given<HoppingOptions> &
  Given<GlobalOptions> &
  Given<OptimizerOptions>;

/** A method. */
export interface MethodRow {
  readonly rows: OptionRows<object>;
  run(x0: Vector, options: never, bounds: Bounds | undefined, chance: Chance): Asking<Outcome>;
  readonly takesBounds?: boolean;
  /** Where it draws points from. */
  readonly needsBounds?: boolean;
  /** Whether it goes on for as long as it may: all iterations are a success. */
  readonly isOpenEnded?: boolean;
  readonly takesConstraints?: boolean;
  /** Defaults for a problem of n elements. */
  maxIter(n: number): number;
  maxFev?(n: number): number;
}

const perElement = (n: number) => 200 * n;
const perDirection = (n: number) => 1000 * n;
const many = () => 15_000;
const evaluations = (n: number) => 25_000 * (n + 2);
const row = <O extends object>(
  rows: OptionRows<O>,
  run: (x0: Vector, options: O, bounds: Bounds | undefined, chance: Chance) => Asking<Outcome>,
  others: Partial<MethodRow> = {},
): MethodRow => ({
  maxIter: perElement,
  ...others,
  rows: rows,
  run: run,
});

/** Options of the methods that look for the least of all minima. */
export interface GlobalOptions {
  /** What their random numbers follow from; drawn by the library's own generator by default, so that `manualSeed` fixes it. */
  seed: number | undefined;
  /** Whether f takes many points at once, along a first dimension, and gives a value for each; by default vmap does that. */
  vectorized: boolean;
}

const globalRows = {
  seed: option<number | undefined>(undefined, (what, name, value) => {
    if (value !== undefined) finite("Invalid seed", { min: 0, integer: true })(what, name, value);
  }),
  vectorized: option<boolean>(false, flag),
};

/** All methods, by their names. */
export const methods: Record<Method, MethodRow> = {
  bfgs: row(bfgsRows, (x0, options) => bfgs(x0, options)),
  cg: row(cgRows, (x0, options) => cg(x0, options)),
  lbfgs: row(lbfgsRows, (x0, options) => lbfgsb(x0, options), { maxIter: many, maxFev: many }),
  lbfgsb: row(lbfgsRows, lbfgsb, { takesBounds: true, maxIter: many, maxFev: many }),
  "newton-cg": row(newtonCgRows, (x0, options) => newtonCg(x0, options)),
  "trust-ncg": row(trustRows, (x0, options) => trustNcg(x0, options)),
  "trust-exact": row(trustRows, (x0, options) => trustExact(x0, options)),
  "nelder-mead": row(nelderMeadRows, nelderMead, { takesBounds: true, maxFev: perElement }),
  powell: row(powellRows, powell, { takesBounds: true, maxIter: perDirection, maxFev: perDirection }),
  slsqp: row(slsqpRows, slsqp, { takesBounds: true, takesConstraints: true, maxIter: () => 100 }),
  "differential-evolution": row(
    { ...globalRows, ...evolutionRows },
    (x0, options: EvolutionOptions, bounds, chance) => evolution(x0, options, bounds!, chance),
    { takesBounds: true, needsBounds: true, maxIter: () => 1000 },
  ),
  "cma-es": row({ ...globalRows, ...cmaRows }, cmaEs, {
    takesBounds: true,
    maxIter: () => Infinity,
    maxFev: evaluations,
  }),
  "dual-annealing": row(
    { ...globalRows, ...annealingRows },
    (x0, options: AnnealingOptions, bounds, chance) => dualAnnealing(x0, options, bounds!, chance),
    { takesBounds: true, needsBounds: true, isOpenEnded: true, maxIter: () => 1000 },
  ),
  "basin-hopping": row({ ...globalRows, ...hoppingRows }, basinHopping, {
    takesBounds: true,
    isOpenEnded: true,
    maxIter: () => 100,
  }),
  ...(Object.fromEntries(
    optimizerNames.map((name) => [name, row(optimizerRows, byOptimizer(name), { maxIter: () => 1000 })]),
  ) as Record<OptimizerName, MethodRow>),
};

/** The methods that keep to bounds, as they are written in code. */
export const boundedMethods = () =>
  Object.entries(methods).flatMap(([name, { takesBounds }]) => (takesBounds === true ? [`"${name}"`] : []));
/** Words, with an and before the last. */
export const listed = (words: readonly string[]) => `${words.slice(0, -1).join(", ")} and ${words.at(-1)!}`;

/** The random numbers of a run. The library's own are left alone where none are drawn. */
export function chanceFrom(method: MethodRow, { seed }: Record<string, unknown>): Chance {
  if (!("seed" in method.rows)) return new Chance(0);
  return new Chance(
    (seed as number | undefined) ?? Number(randint(0, 2 ** 31, [1], { dtype: "int64" }).item()),
  );
}
