// Local minimisations from many starts, all in one batch.
import { tensor } from "../creation.js";
import { isFloating } from "../dtype.js";
import { refusePromise } from "../engine.js";
import { makeError } from "../errors.js";
import { vmap } from "../func/vmap.js";
import { describe } from "../options.js";
import { finite, flag, optionError } from "../optim/checks.js";
import { randint } from "../random.js";
import { isTensor, type Tensor } from "../tensor.js";
import type { BatchResult } from "./batch.js";
import { Bounds, type Interval } from "./bounds.js";
import { Chance } from "./chance.js";
import { minimize, type MinimizeOptions, minimizeSync } from "./minimize.js";
import type { Status } from "./outcome.js";

/**
 * Where the starts come from: a tensor whose first dimension counts them; a function that makes one of so many; or an
 * interval for each element, in which they are drawn in a Latin hypercube.
 */
export type Sampler = Tensor | ((count: number) => Tensor) | readonly Interval[];

/** Options of {@link multiStart}: those of {@link minimize} for batches, and these. */
export type MultiStartOptions = Omit<
  MinimizeOptions<Tensor>,
  "jac" | "hess" | "hessp" | "onIteration" | "progress" | "history" | "constraints" | "seed" | "vectorized"
> & {
  /** How many starts are made; 100 by default. */
  count?: number;
  /** Minima that differ by less than this, relative to their elements or to 1, are one; 1e-4 by default. */
  distance?: number;
  /** What random starts follow from; drawn by the library's own generator by default. */
  seed?: number;
  /** Whether f takes many points at once, along a first dimension, and gives a value for each; by default vmap does that. */
  vectorized?: boolean;
};

/** A minimum that some of the starts have led to. */
export interface FoundMinimum {
  x: Tensor;
  fun: number;
  /** How many starts have led to it. */
  count: number;
}

/** The result of {@link multiStart}. */
export interface MultiStartResult {
  /** The lowest point. */
  x: Tensor;
  /** The function's value there. */
  fun: number;
  /** All minima that were found and differ, the lowest first; of starts that have converged. */
  minima: FoundMinimum[];
  /** The numbers of iterations and evaluations, of all starts together. */
  nit: number;
  nfev: number;
  njev: number;
  nhev: number;
  /** How the search that led to the lowest point has ended. */
  status: Status;
  message: string;
  success: boolean;
  /** What became of every start. */
  runs: BatchResult;
}

function startsFrom(what: string, sampler: unknown, count: number, seed: number | undefined): Tensor {
  if (isTensor(sampler)) return sampler;
  if (typeof sampler === "function") {
    const made: unknown = (sampler as (count: number) => unknown)(count);
    if (isTensor(made) && isFloating(made.dtype) && made.shape[0] === count) return made;
    throw makeError(
      TypeError,
      `${what}: the sampler must return a floating Tensor whose first dimension is ${count}, but got ` +
        (isTensor(made) ? `shape [${made.shape.join(", ")}] of ${made.dtype}` : describe(made)),
      { code: "ERR_ARGUMENT", op: what },
    );
  }
  if (!Array.isArray(sampler) || sampler.length === 0)
    throw makeError(
      TypeError,
      `${what}: the sampler must be a Tensor of starts, a function that makes one, or an array of [lower, upper], but got ${describe(sampler)}`,
      { code: "ERR_ARGUMENT", op: what },
    );
  const { lower, upper } = Bounds.from(what, sampler, sampler.length);
  if (!lower.every(Number.isFinite) || !upper.every(Number.isFinite))
    throw optionError(TypeError, `${what}: intervals to draw starts from must be finite`);
  const chance = new Chance(seed ?? Number(randint(0, 2 ** 31, [1], { dtype: "int64" }).item()));
  const n = lower.length;
  const all = new Float64Array(count * n);
  chance.latinHypercube(count, n).forEach((point, i) => {
    point.forEach((u, j) => (all[i * n + j] = lower[j]! + u * (upper[j]! - lower[j]!)));
  });
  return tensor(all, { dtype: "float64" }).reshape(count, n);
}

function prepared(what: string, f: unknown, sampler: unknown, given: MultiStartOptions | undefined) {
  if (typeof f !== "function")
    throw makeError(TypeError, `${what}: f must be a function, but got ${describe(f)}`, {
      code: "ERR_ARGUMENT",
      op: what,
    });
  if (given !== undefined && (typeof given !== "object" || (given as unknown) === null))
    throw optionError(TypeError, `${what}: options must be an object, but got ${describe(given)}`);
  const { count = 100, distance = 1e-4, seed, vectorized = false, ...rest } = given ?? {};
  finite("Invalid count", { min: 1, integer: true })(what, "count", count);
  finite("Invalid distance", { min: 0 })(what, "distance", distance);
  if (seed !== undefined) finite("Invalid seed", { min: 0, integer: true })(what, "seed", seed);
  flag(what, "vectorized", vectorized);
  const starts = startsFrom(what, sampler, count, seed);
  const one = (x: Tensor): Tensor => {
    const value: unknown = (f as (x: Tensor) => unknown)(x);
    if (isTensor(value) && value.numel() === 1) return value.reshape([]);
    refusePromise(`${what}: f`, value);
    throw makeError(
      TypeError,
      `${what}: f must return a Tensor of one element, but got ` +
        (isTensor(value)
          ? `shape [${value.shape.join(", ")}]; reduce it, or set vectorized: true where it takes many points`
          : describe(value)),
      { code: "ERR_ARGUMENT", op: what },
    );
  };
  const many = vectorized ? (f as (x: Tensor) => Tensor) : vmap(one);
  return {
    starts,
    many,
    distance,
    options: { ...rest, batch: true } as MinimizeOptions<Tensor> & { batch: true },
  };
}

function gathered(runs: BatchResult, distance: number): MultiStartResult {
  const values = Array.from(runs.fun.dataSync() as ArrayLike<number>);
  const order = Array.from(values.keys())
    .filter((i) => !Number.isNaN(values[i]))
    .sort((a, b) => values[a]! - values[b]!);
  const best = order[0] ?? 0;
  const n = runs.x.numel() / values.length;
  const points = runs.x.dataSync() as ArrayLike<number>;
  const found: { row: number; count: number }[] = [];
  const areOne = (a: number, b: number) => {
    for (let j = 0; j < n; ++j) {
      const [p, q] = [points[a * n + j]!, points[b * n + j]!];
      if (!(Math.abs(p - q) <= distance * Math.max(1, Math.abs(p)))) return false;
    }
    return true;
  };
  for (const row of order.filter((i) => runs.success[i])) {
    const known = found.find((one) => areOne(one.row, row));
    if (known === undefined) found.push({ row, count: 1 });
    else known.count++;
  }
  const sum = (counts: readonly number[]) => counts.reduce((a, b) => a + b, 0);
  return {
    x: runs.x.select(0, best),
    fun: values[best]!,
    minima: found.map(({ row, count }) => ({ x: runs.x.select(0, row), fun: values[row]!, count })),
    nit: sum(runs.nit),
    nfev: sum(runs.nfev),
    njev: sum(runs.njev),
    nhev: sum(runs.nhev),
    status: runs.status[best]!,
    message: runs.message[best]!,
    success: runs.success[best]!,
    runs,
  };
}

/**
 * Minimises a function from many starts, all at once as {@link minimize} does a batch, and says which minima there are. `f` gets
 * one point and returns a tensor of one element; with `vectorized` it gets all of them.
 *
 * @example
 * import { multiStart } from "adjoint";
 * import { himmelblau } from "adjoint/functions";
 *
 * const { fun, minima } = await multiStart(himmelblau, [[-5, 5], [-5, 5]], { count: 50, seed: 1 });
 * console.log(fun < 1e-8, minima.length); // true 4
 *
 * @throws TypeError and RangeError (`ERR_OPTION`, `ERR_ARGUMENT`, `ERR_ASYNC`, `ERR_AUTOGRAD`, `ERR_VMAP`); what `f` throws.
 */
export async function multiStart(
  f: (x: Tensor) => Tensor,
  sampler: Sampler,
  options?: MultiStartOptions,
): Promise<MultiStartResult> {
  const { starts, many, distance, options: rest } = prepared("multiStart", f, sampler, options);
  return gathered(await minimize(many, starts, rest), distance);
}

/** {@link multiStart}, at once. */
export function multiStartSync(
  f: (x: Tensor) => Tensor,
  sampler: Sampler,
  options?: MultiStartOptions,
): MultiStartResult {
  const { starts, many, distance, options: rest } = prepared("multiStartSync", f, sampler, options);
  return gathered(minimizeSync(many, starts, rest), distance);
}
