import { tensor } from "../../creation.js";
import { noGrad } from "../../gradients.js";
import { eigh } from "../../linalg.js";
import { finite, option } from "../../optim/checks.js";
import type { Bounds } from "../bounds.js";
import type { Chance } from "../chance.js";
import { ending, type Outcome, type Status } from "../outcome.js";
import { type Asking, iterated, valuesAt, type Vector } from "../questions.js";
import { advance, dot, eigen, identity, length, minus, times } from "../vectors.js";
import { tolerance } from "./bfgs.js";

/** Options of "cma-es". */
export interface CmaOptions {
  /** How far the first population spreads, in each dimension; by default 0.3 of the bounds' width, or 1 without bounds. */
  sigma: number | undefined;
  /** Points of the first population; 4 + 3 log(n) by default. */
  popsize: number | undefined;
  /** It ends where the population is no wider than this part of sigma; 1e-11 by default. */
  tolx: number;
  /** And where the values of many generations differ by less than this; 1e-11 by default. */
  tolfun: number;
  /** Or where the largest eigenvalue of the covariance is so many times the smallest; 1e14 by default. */
  conditioncov: number;
  /** How often it may begin again, with twice the population, until that finds nothing lower; 6 by default. */
  restarts: number;
}

const whole = (least: number) => finite("Invalid number", { min: least, integer: true });
const optional =
  (check: (what: string, name: string, value: unknown) => void) =>
  (what: string, name: string, value: unknown): void => {
    if (value !== undefined) check(what, name, value);
  };
export const cmaRows = {
  sigma: option<number | undefined>(undefined, optional(finite("Invalid sigma", { above: 0 }))),
  popsize: option<number | undefined>(undefined, optional(whole(2))),
  tolx: option<number>(1e-11, tolerance),
  tolfun: option<number>(1e-11, tolerance),
  conditioncov: option<number>(1e14, finite("Invalid conditioncov", { min: 1 })),
  restarts: option<number>(6, whole(0)),
};

/** Where another population may have more luck. */
const mayRestart: ReadonlySet<Status> = new Set<Status>(["converged", "badModel"]);

/** From so many elements on, the library's eigenvectors are faster than those of plain arrays. */
const large = 12;

function axesOf(covariance: Float64Array, n: number): { values: Vector; vectors: Vector[] } {
  if (n < large) return eigen(covariance, n);
  return noGrad(() => {
    const { eigenvalues, eigenvectors } = eigh(
      tensor(covariance, { dtype: "float64", device: "cpu" }).reshape(n, n),
    );
    const rows = eigenvectors.t().contiguous().dataSync<Vector>();
    return {
      values: eigenvalues.dataSync<Vector>(),
      vectors: Array.from({ length: n }, (_, k) => rows.subarray(k * n, (k + 1) * n)),
    };
  });
}

/** The numbers that a population of a size goes by: table 1 of the tutorial. */
function parametersOf(n: number, lambda: number) {
  const mu = Math.floor(lambda / 2);
  const raw = Array.from({ length: lambda }, (_, i) => Math.log((lambda + 1) / 2) - Math.log(i + 1));
  const effective = (some: readonly number[]) => {
    const sum = some.reduce((a, b) => a + b, 0);
    return sum ** 2 / some.reduce((a, b) => a + b * b, 0);
  };
  const muEff = effective(raw.slice(0, mu));
  const muEffMinus = effective(raw.slice(mu));
  const c1 = 2 / ((n + 1.3) ** 2 + muEff);
  const cMu = Math.min(1 - c1, (2 * (0.25 + muEff + 1 / muEff - 2)) / ((n + 2) ** 2 + muEff));
  const cSigma = (muEff + 2) / (n + muEff + 5);
  const positive = raw.reduce((sum, w) => sum + Math.max(w, 0), 0);
  const negative = raw.reduce((sum, w) => sum - Math.min(w, 0), 0);
  const most = Math.min(1 + c1 / cMu, 1 + (2 * muEffMinus) / (muEff + 2), (1 - c1 - cMu) / (n * cMu));
  return {
    weights: raw.map((w) => (w >= 0 ? w / positive : (most * w) / negative)),
    mu,
    muEff,
    c1,
    cMu,
    cSigma,
    cc: (4 + muEff / n) / (n + 4 + (2 * muEff) / n),
    damping: 1 + 2 * Math.max(0, Math.sqrt((muEff - 1) / (n + 1)) - 1) + cSigma,
    expected: Math.sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n * n)),
  };
}

/**
 * Covariance matrix adaptation: Hansen, "The CMA Evolution Strategy: A Tutorial", arXiv:1604.00772, with negative weights,
 * and restarts after Auger and Hansen, "A restart CMA evolution strategy with increasing population size", CEC 2005. Bounds
 * are mirrors. A restart begins anywhere within bounds, or near the start.
 */
export function* cmaEs(
  x0: Vector,
  options: CmaOptions,
  bounds: Bounds | undefined,
  chance: Chance,
): Asking<Outcome> {
  const n = x0.length;
  const widths = x0.map((_, i) => {
    const width = bounds === undefined ? Infinity : bounds.upper[i]! - bounds.lower[i]!;
    return Number.isFinite(width) ? width : Infinity;
  });
  const spreads = widths.map((width) => options.sigma ?? (width < Infinity ? 0.3 * width || 1 : 1));
  const lambda0 = options.popsize ?? 4 + Math.floor(3 * Math.log(n));
  let best = yield* adapted(x0, spreads, lambda0, options, bounds, chance);
  let inVain = 0;
  for (let restart = 1; restart <= options.restarts && mayRestart.has(best.status); ++restart) {
    const start = x0.map((value, i) =>
      widths[i]! < Infinity
        ? chance.between(bounds!.lower[i]!, bounds!.upper[i]!)
        : value + spreads[i]! * chance.normal(),
    );
    const next = yield* adapted(start, spreads, lambda0 * 2 ** restart, options, bounds, chance);
    const isLower = next.fun < best.fun - 1e-9 * Math.max(1, Math.abs(best.fun));
    // One population that ends higher, or at the same value, may have had bad luck.
    inVain = isLower ? 0 : inVain + 1;
    if (next.fun < best.fun) best = next;
    if (inVain === 2) break;
  }
  return best;
}

/** A point that has left the bounds, reflected by them. */
function mirrored(x: Vector, bounds: Bounds | undefined): Vector {
  if (bounds === undefined) return x;
  return bounds.clipped(
    x.map((value, i) => {
      const [low, high] = [bounds.lower[i]!, bounds.upper[i]!];
      if (value >= low && value <= high) return value;
      if (low === high) return low;
      if (!Number.isFinite(high)) return 2 * low - value;
      if (!Number.isFinite(low)) return 2 * high - value;
      const period = 2 * (high - low);
      const place = (((value - low) % period) + period) % period;
      return low + Math.min(place, period - place);
    }),
  );
}

function* adapted(
  start: Vector,
  spreads: Vector,
  lambda: number,
  { tolx, tolfun, conditioncov }: CmaOptions,
  bounds: Bounds | undefined,
  chance: Chance,
): Asking<Outcome> {
  const n = start.length;
  const { weights, mu, muEff, c1, cMu, cSigma, cc, damping, expected } = parametersOf(n, lambda);
  // Everything is in units of the spreads.
  let mean = start.map((value, i) => value / spreads[i]!);
  const placed = (y: Vector) =>
    mirrored(
      y.map((value, i) => value * spreads[i]!),
      bounds,
    );
  let sigma = 1;
  let covariance = identity(n);
  let axes = axesOf(covariance, n);
  let pathSigma: Vector = new Float64Array(n);
  let pathC: Vector = new Float64Array(n);
  let best = { x: start, fun: Infinity };
  const recent: number[] = [];
  const remembered = 10 + Math.ceil((30 * n) / lambda);
  let sinceAxes = 0;
  for (let generation = 1; ; ++generation) {
    const deviations = axes.values.map((value) => Math.sqrt(Math.max(value, 0)));
    const steps = Array.from({ length: lambda }, () => {
      const step = new Float64Array(n);
      for (let k = 0; k < n; ++k) advance(step, axes.vectors[k]!, deviations[k]! * chance.normal());
      return step;
    });
    const points = steps.map((step) => placed(mean.map((value, i) => value + sigma * step[i]!)));
    const values = (yield* valuesAt(points)).map((value) => (Number.isNaN(value) ? Infinity : value));
    const order = Array.from(values.keys()).sort((a, b) => values[a]! - values[b]!);
    const lowest = values[order[0]!]!;
    if (lowest < best.fun) best = { x: points[order[0]!]!, fun: lowest };
    if (best.fun === Infinity && generation === 1) return ending(best, "nonFinite");
    yield* iterated(best);
    const ranked = order.map((i) => steps[i]!);

    const shift: Vector = new Float64Array(n);
    for (let i = 0; i < mu; ++i) advance(shift, ranked[i]!, weights[i]!);
    mean = mean.map((value, i) => value + sigma * shift[i]!);
    /** By the inverse square root of the covariance. */
    const whitened = (x: Vector) => {
      const result: Vector = new Float64Array(n);
      for (let k = 0; k < n; ++k) {
        const size = deviations[k]!;
        if (size > 0) advance(result, axes.vectors[k]!, dot(axes.vectors[k]!, x) / size);
      }
      return result;
    };
    pathSigma = times(pathSigma, 1 - cSigma);
    advance(pathSigma, whitened(shift), Math.sqrt(cSigma * (2 - cSigma) * muEff));
    const way = length(pathSigma) / Math.sqrt(1 - (1 - cSigma) ** (2 * generation));
    const isSteady = way < (1.4 + 2 / (n + 1)) * expected;
    pathC = times(pathC, 1 - cc);
    if (isSteady) advance(pathC, shift, Math.sqrt(cc * (2 - cc) * muEff));
    const lost = isSteady ? 0 : c1 * cc * (2 - cc);
    const total = weights.reduce((sum, w) => sum + w, 0);
    const next = covariance.map((value) => value * (1 + lost - c1 - cMu * total));
    const addOuter = (x: Vector, weight: number) => {
      for (let i = 0; i < n; ++i) for (let j = 0; j < n; ++j) next[i * n + j]! += weight * x[i]! * x[j]!;
    };
    addOuter(pathC, c1);
    ranked.forEach((step, i) => {
      const w = weights[i]!;
      const scale = w >= 0 ? 1 : n / Math.max(length(whitened(step)) ** 2, 1e-300);
      addOuter(step, cMu * w * scale);
    });
    covariance = next;
    sigma *= Math.exp((cSigma / damping) * (length(pathSigma) / expected - 1));
    if (++sinceAxes >= 1 / ((c1 + cMu) * n * 10)) {
      axes = axesOf(covariance, n);
      sinceAxes = 0;
    }

    recent.push(lowest);
    if (recent.length > remembered) recent.shift();
    const all = [...recent, ...values];
    const range = Math.max(...all) - Math.min(...all);
    const widest = Math.max(...axes.values);
    const narrowest = Math.min(...axes.values);
    const isFlat = recent.length === remembered && range < tolfun;
    const isNarrow = sigma * Math.sqrt(widest) < tolx && sigma * length(pathC) < tolx;
    if (isFlat || isNarrow) return ending(best, "converged");
    if (widest > conditioncov * Math.max(narrowest, 0))
      return ending(best, "badModel", "The population has become too long and narrow to go on.");
    if (!Number.isFinite(sigma) || sigma * Math.sqrt(widest) > 1e150)
      return ending(
        best,
        "lineSearchFailed",
        "The population spreads without end: the function may have no minimum.",
      );
    // Where a step no longer changes the mean, there is nothing to learn.
    const still = axes.vectors.every(
      (axis, k) =>
        length(
          minus(
            mean,
            mean.map((value, i) => value + 0.1 * sigma * deviations[k]! * axis[i]!),
          ),
        ) === 0,
    );
    if (still) return ending(best, "converged");
  }
}
