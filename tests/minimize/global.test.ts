// The least of many minima: methods that draw points, and local searches from many starts.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  getRngState,
  manualSeed,
  minimize,
  minimizeSync,
  multiStart,
  multiStartSync,
  rand,
  stack,
  tensor,
  type Method,
  type Tensor,
} from "adjoint";
import * as gallery from "../../lib/gallery/index.js";
import { Chance } from "../../lib/minimize/chance.js";
import { errorOf, numbers } from "../helpers/reference.js";

const loose = (value: unknown) => value as never;
const methods: Method[] = ["differential-evolution", "cma-es", "dual-annealing", "basin-hopping"];
/** Where a method finds the minimum in fewer of 10 tries than in 8; of SciPy's methods, no more often than there. */
const hard: Partial<Record<Method, Record<string, number>>> = {
  "differential-evolution": { griewank: 1, easom: 0 },
  "cma-es": { griewank: 3, easom: 2 },
  "dual-annealing": { griewank: 1, easom: 4 },
  "basin-hopping": { rastrigin: 1 },
};

describe.each(methods)("%s", (method) => {
  test.each(Object.entries(gallery.all))("finds the least minimum of %s", (name, f) => {
    const least = Math.min(...f.minima.map(({ fun }) => fun));
    let found = 0;
    for (let seed = 0; seed < 10; ++seed) {
      const result = minimizeSync(f, [...f.start], { method, seed, bounds: [...f.domain] });
      found += Number(result.fun <= least + 1e-4);
      expect(result.success || result.status === "maxEvaluations", result.message).toBe(true);
      expect(numbers(result.x).every((one) => one >= f.domain[0] && one <= f.domain[1])).toBe(true);
      expect(f(result.x).item()).toBeCloseTo(result.fun, 9);
    }
    expect(found).toBeGreaterThanOrEqual(hard[method]?.[name] ?? 8);
  });

  test("follows from its seed, or from the library's", async () => {
    const f = gallery.rastrigin;
    const options = { method, bounds: [-5, 4] as [number, number], maxFev: 2000 };
    const run = (more: object) => {
      const { x, fun, nfev } = minimizeSync(f, [2, 3], { ...options, ...more });
      return [numbers(x), fun, nfev];
    };
    expect(run({ seed: 7 })).toEqual(run({ seed: 7 }));
    manualSeed(3);
    const first = run({});
    expect(run({})).not.toEqual(first);
    manualSeed(3);
    expect(run({})).toEqual(first);
    const { x, fun } = await minimize(f, [2, 3], { ...options, seed: 7 });
    expect([numbers(x), fun]).toEqual(run({ seed: 7 }).slice(0, 2));
  });

  test("takes a function of many points, lists of tensors and other dtypes", () => {
    const given = { method, seed: 1, bounds: [-4, 4] as [number, number] };
    let calls = 0;
    const many = (x: Tensor) => {
      ++calls;
      return x.sub(1).square().sum(-1);
    };
    const { fun, nfev } = minimizeSync(many, [3, 3], { ...given, vectorized: true });
    expect(fun).toBeLessThan(1e-6);
    if (method !== "basin-hopping") expect(calls).toBeLessThan(nfev / 3);
    const starts = [tensor([[3, 2]]), tensor(1)] as const;
    const { x } = minimizeSync(([a, b]) => a.sub(1).square().sum().add(b.add(1).square()), starts, given);
    expect(x[0].shape).toEqual([1, 2]);
    expect(x[0].dtype).toBe("float32");
    expect(x[0].sub(1).abs().max().item()).toBeLessThan(1e-2);
    expect(x[1].add(1).abs().item()).toBeLessThan(1e-2);
  });

  test("ends by budgets and signals, with the best point so far", async () => {
    const f = gallery.ackley;
    const given = { method, seed: 1, bounds: [-30, 30] as [number, number] };
    const values: number[] = [];
    const few = minimizeSync(f, [20, 20], { ...given, maxIter: 3, history: true });
    expect(few.nit).toBe(3);
    expect(few.history).toHaveLength(3);
    const short = minimizeSync(f, [20, 20], { ...given, maxFev: 50 });
    expect(short.status).toBe("maxEvaluations");
    const stopped = await minimize(f, [20, 20], {
      ...given,
      onIteration({ fun, nit }) {
        values.push(fun);
        return nit === 4;
      },
    });
    expect(stopped).toMatchObject({ status: "stopped", success: false });
    expect(values).toEqual([...values].sort((a, b) => b - a));
    expect(stopped.fun).toBeLessThanOrEqual(values.at(-1)!);
    expect(minimizeSync(f, [1, 1], { ...given, signal: AbortSignal.abort() }).status).toBe("aborted");
    expect(minimizeSync((x) => x.sum().mul(NaN), [1, 1], given)).toMatchObject({ status: "nonFinite" });
  });

  test("asks a function of many points for many, also in local searches", () => {
    const given = { method, seed: 1, bounds: [-4, 4] as [number, number], vectorized: true };
    const f = (x: Tensor) => x.select(1, 0).sub(1).square().add(x.select(1, 1).square());
    expect(minimizeSync(f, [3, 3], given).fun).toBeLessThan(1e-6);
    const jac = (x: Tensor) => x.sub(tensor([1, 0], { dtype: "float64" })).mul(2);
    expect(minimizeSync((x) => f(x.detach()), [3, 3], { ...given, jac }).fun).toBeLessThan(1e-6);
  });

  test("says what to do about functions without gradients, and those that vmap cannot take", () => {
    const given = { method, seed: 1, bounds: [-4, 4] as [number, number] };
    let points = 0;
    const plain = (x: Tensor) => {
      points += x.shape[0]!;
      return x.detach().square().sum(-1);
    };
    if (method !== "cma-es") {
      const { code, message } = errorOf(() => minimizeSync(plain, [1, 1], { ...given, vectorized: true }));
      expect(code).toBe("ERR_AUTOGRAD");
      expect(message).toContain('or search without gradients: by "cma-es"');
      // It is not found out in the end.
      if (method === "differential-evolution") expect(points).toBe(1);
    }
    const reading = errorOf(() => minimizeSync((x) => x.mul(x.at(0).item()).sum(), [1, 1], given));
    expect(reading.code).toBe("ERR_VMAP");
    expect(reading.message).toContain(
      "f is computed at many points at once by vmap, which it does not allow",
    );
    expect(reading.message).toContain("vectorized: true (");
  });

  test("is not for batches, and refuses what it does not know", () => {
    const given = { method, bounds: [-1, 1] as [number, number] };
    const start = tensor([[0, 0]], { dtype: "float64" });
    expect(errorOf(() => minimizeSync(gallery.sphere, start, { ...given, batch: true })).message).toContain(
      "is not for batches",
    );
    expect(errorOf(() => minimizeSync(gallery.sphere, [0, 0], { ...given, seed: -1 })).message).toContain(
      "Invalid seed",
    );
    expect(
      errorOf(() => minimizeSync(gallery.sphere, [0, 0], { ...given, sed: 1 } as never)).message,
    ).toContain("seed");
    expect(errorOf(() => minimizeSync(gallery.sphere, [2, 0], given)).message).toContain(
      "outside of the bounds",
    );
    expect(errorOf(() => minimizeSync(() => Promise.resolve(1) as never, [0, 0], given)).message).toContain(
      "Promise",
    );
    const vector = errorOf(() => minimizeSync((x) => x, [0, 0], given));
    expect(vector.message).toContain("f must return a Tensor of one element, but got shape [2]");
    if (method === "basin-hopping") return; // which asks for one point at a time
    const total = errorOf(() => minimizeSync((x) => x.sum(), [0, 0], { ...given, vectorized: true }));
    expect(total.message).toContain("with vectorized, f must return a Tensor of shape");
  });
});

describe("options", () => {
  test.each(["differential-evolution", "dual-annealing"] as const)("%s needs finite bounds", (method) => {
    for (const bounds of [undefined, [0, null] as [number, null]])
      expect(
        errorOf(() => minimizeSync(gallery.sphere, [1, 1], { method, ...(bounds && { bounds }) })).message,
      ).toContain("give bounds, all of them finite");
  });

  test.each([
    "best1bin",
    "best1exp",
    "best2bin",
    "best2exp",
    "rand1bin",
    "rand1exp",
    "rand2bin",
    "rand2exp",
    "randtobest1bin",
    "randtobest1exp",
    "currenttobest1bin",
    "currenttobest1exp",
  ] as const)("differential evolution by %s", (strategy) => {
    const result = minimizeSync(gallery.himmelblau, [0, 0], {
      method: "differential-evolution",
      bounds: [-5, 5],
      strategy,
      seed: 4,
      init: "random",
      mutation: 0.6,
    });
    // Relative to a least value of zero, populations may differ to the last rounding.
    expect(result.fun).toBeLessThan(1e-8);
  });

  test.each<[object, string]>([
    [{ strategy: "best3" }, "strategy must be"],
    [{ mutation: 2 }, "Invalid mutation"],
    [{ mutation: [0.5] }, "mutation must be a number or two"],
    [{ recombination: 1.5 }, "Invalid recombination"],
    [{ popsize: 0 }, "Invalid population size"],
  ])("differential evolution refuses %j", (options, words) => {
    const given = { method: "differential-evolution", bounds: [0, 1], ...options };
    expect(errorOf(() => minimizeSync(gallery.sphere, [0, 0], loose(given))).message).toContain(words);
  });

  test("the last population of differential evolution is in the result, in the form of the start", () => {
    const given = { method: "differential-evolution", bounds: [-4, 4], seed: 1, popsize: 5 } as const;
    const f = ([a, b]: readonly [Tensor, Tensor]) => a.square().sum().add(b.sub(1).square());
    const start = [tensor([[3, 2]], { dtype: "float64" }), tensor(1, { dtype: "float64" })] as const;
    for (const maxIter of [4, 1000]) {
      const { population, populationEnergies, fun, status } = minimizeSync(f, start, { ...given, maxIter });
      expect(status).toBe(maxIter === 4 ? "maxIterations" : "converged");
      expect(population!.map(({ shape }) => shape)).toEqual([[15, 1, 2], [15]]);
      expect(populationEnergies!.shape).toEqual([15]);
      const energies = numbers(populationEnergies!);
      energies.forEach((energy, i) => {
        const [a, b] = population!;
        expect(f([a.select(0, i), b.select(0, i)]).item()).toBeCloseTo(energy, 12);
      });
      expect(Math.min(...energies)).toBeGreaterThanOrEqual(fun);
      expect(Math.min(...energies)).toBeLessThan(fun + 1e-3);
    }
    const local = minimizeSync(f, start);
    expect("population" in local || "populationEnergies" in local).toBe(false);
  });

  test("without polish needs no gradients, for functions that have none", () => {
    const steps = (x: Tensor) => x.mul(4).round().abs().sum();
    const given = { bounds: [-3, 3] as [number, number], seed: 2 };
    expect(minimizeSync(steps, [2, -2], { method: "cma-es", ...given }).fun).toBe(0);
    const evolved = minimizeSync(steps, [2, -2], {
      method: "differential-evolution",
      polish: false,
      ...given,
    });
    expect(evolved).toMatchObject({ fun: 0, njev: 0 });
    const annealed = minimizeSync(steps, [2, -2], {
      method: "dual-annealing",
      noLocalSearch: true,
      ...given,
    });
    expect(annealed).toMatchObject({ fun: 0, njev: 0 });
  });

  test("several walkers hop side by side, and all hops end where nothing lower is found", () => {
    const f = gallery.rastrigin;
    const given = { method: "basin-hopping", seed: 3, stepsize: 1 } as const;
    const one = minimizeSync(f, [4.2, -3.1], { ...given, maxIter: 40 });
    const ten = minimizeSync(f, [4.2, -3.1], { ...given, maxIter: 40, walkers: 10 });
    expect(ten.fun).toBeLessThanOrEqual(one.fun);
    expect(ten.fun).toBeLessThan(1e-9);
    const early = minimizeSync(gallery.sphere, [1, 1], { ...given, niterSuccess: 5 });
    expect(early).toMatchObject({ status: "converged" });
    expect(early.nit).toBeLessThan(30);
  });

  test("covariances adapt to long valleys, without bounds", () => {
    const cigar = (x: Tensor) =>
      x
        .at(0)
        .square()
        .add(x.narrow(0, 1, 7).square().sum().mul(1e6));
    const result = minimizeSync(cigar, new Array<number>(8).fill(3), {
      method: "cma-es",
      seed: 1,
      restarts: 0,
    });
    expect(result.success).toBe(true);
    expect(result.fun).toBeLessThan(1e-9);
    expect(result.nfev).toBeLessThan(6000);
    const endless = minimizeSync((x) => x.sum(), [0, 0], { method: "cma-es", seed: 1 });
    expect(endless.success).toBe(false);
  });
});

describe("covariances of many elements", () => {
  /** An ellipsoid whose axes, turned by a reflection, differ by a factor of 1000. */
  const n = 20;
  const ellipsoid = (x: Tensor) => {
    const normal = tensor(Float64Array.from({ length: n }, (_, i) => Math.cos(i + 1)));
    const turned = x.sub(normal.mul(x.dot(normal).mul(2).div(normal.dot(normal))));
    return turned
      .mul(tensor(Float64Array.from({ length: n }, (_, i) => 1000 ** (i / (n - 1)))))
      .square()
      .sum();
  };
  const given = { method: "cma-es", seed: 1, restarts: 0 } as const;
  const start = new Array<number>(n).fill(1);

  test("adapt to turned axes", () => {
    const result = minimizeSync(ellipsoid, start, given);
    expect(result).toMatchObject({ status: "converged", success: true });
    expect(result.fun).toBeLessThan(1e-9);
    // As many as without the turn, 1.4e4 or a little more.
    expect(result.nfev).toBeLessThan(1.8e4);
  });

  test("end where their condition is too large, and begin again", () => {
    const once = minimizeSync(ellipsoid, start, { ...given, conditioncov: 100 });
    expect(once).toMatchObject({ status: "badModel", success: false });
    expect(once.message).toContain("too long and narrow");
    const again = minimizeSync(ellipsoid, start, { ...given, conditioncov: 100, restarts: 1 });
    expect(again.nfev).toBeGreaterThan(once.nfev);
    expect(again.fun).toBeLessThanOrEqual(once.fun);
    expect(errorOf(() => minimizeSync(ellipsoid, start, { ...given, conditioncov: 0.5 })).message).toContain(
      "Invalid conditioncov",
    );
  });
});

describe("multiStart", () => {
  test("finds all minima, and how many starts lead to each", async () => {
    const { x, fun, minima, success, runs, nfev } = await multiStart(
      gallery.himmelblau,
      [[-5, 5], [-5, 5]], // prettier-ignore
      { count: 60, seed: 1 },
    );
    expect(success).toBe(true);
    expect(fun).toBeLessThan(1e-10);
    expect(minima).toHaveLength(4);
    expect(minima.reduce((sum, { count }) => sum + count, 0)).toBe(runs.success.filter(Boolean).length);
    expect(nfev).toBe(runs.nfev.reduce((a, b) => a + b));
    expect(x.shape).toEqual([2]);
    for (const { x: at } of gallery.himmelblau.minima)
      expect(
        Math.min(...minima.map((one) => Math.hypot(...numbers(one.x).map((v, i) => v - at[i]!)))),
      ).toBeLessThan(1e-4);
  });

  test("takes starts, functions that make them, and functions of all of them", () => {
    const f = (x: Tensor) => x.square().sub(1).square().sum(-1);
    const starts = stack([rand([2], { dtype: "float64" }), rand([2], { dtype: "float64" }).sub(1)]);
    expect(multiStartSync(f, starts).runs.x.shape).toEqual([2, 2]);
    const made = multiStartSync(f, (count) => rand([count, 3], { dtype: "float64" }), {
      count: 7,
      vectorized: true,
    });
    expect(made.runs.success).toHaveLength(7);
    const bounded = multiStartSync((x) => x.sum(), [[0, 1], [2, 3]], { bounds: [-1, 5], count: 4 }); // prettier-ignore
    numbers(bounded.x).forEach((one) => {
      expect(one).toBeCloseTo(-1, 6);
    });
    expect(bounded.minima).toHaveLength(1);
  });

  test("follows from its seed, and leaves the library's numbers alone then", () => {
    const state = getRngState();
    const run = (seed: number) =>
      numbers(multiStartSync(gallery.ackley, [[-5, 5]], { seed, count: 5 }).runs.x);
    expect(run(1)).toEqual(run(1));
    expect(run(1)).not.toEqual(run(2));
    expect(getRngState()).toEqual(state);
  });

  test.each<[string, unknown, unknown, unknown, string]>([
    ["no function", 1, [[0, 1]], undefined, "f must be a function"],
    ["several values", (x: Tensor) => x, [[0, 1], [0, 1]], undefined, "of one element, but got shape [2]; reduce it"], // prettier-ignore
    ["a promise", () => Promise.resolve(1), [[0, 1]], undefined, "Promise"],
    ["no sampler", gallery.sphere, 3, undefined, "the sampler must be a Tensor of starts"],
    [
      "a sampler of other numbers",
      gallery.sphere,
      () => rand([3, 2]),
      undefined,
      "whose first dimension is 100, but got shape [3, 2]",
    ],
    ["open intervals", gallery.sphere, [[0, null]], undefined, "must be finite"],
    ["crossed intervals", gallery.sphere, [[2, 1]], undefined, "less than the corresponding lower bound"],
    ["a count", gallery.sphere, [[0, 1]], { count: 0 }, "Invalid count"],
    ["an unknown option", gallery.sphere, [[0, 1]], { sede: 1 }, "sede"],
    ["a method for single starts", gallery.sphere, [[0, 1]], { method: "cma-es" }, "is not for batches"],
  ])("refuses %s", (_, f, sampler, options, words) => {
    expect(errorOf(() => multiStartSync(loose(f), loose(sampler), loose(options))).message).toContain(words);
  });
});

describe("random numbers on the host", () => {
  test("are as they should be distributed, and differ for every seed", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 40 }), (seed) => {
        const chance = new Chance(seed);
        const count = 4000;
        const uniform = Array.from({ length: count }, () => chance.uniform());
        const normal = Array.from({ length: count }, () => chance.normal());
        const mean = (some: number[]) => some.reduce((a, b) => a + b, 0) / some.length;
        expect(Math.abs(mean(uniform) - 0.5)).toBeLessThan(0.03);
        expect(Math.abs(mean(uniform.map((u) => u * u)) - 1 / 3)).toBeLessThan(0.03);
        expect(Math.abs(mean(normal))).toBeLessThan(0.1);
        expect(Math.abs(mean(normal.map((z) => z * z)) - 1)).toBeLessThan(0.15);
        expect(new Set(chance.order(50)).size).toBe(50);
        const cube = chance.latinHypercube(20, 3);
        for (let j = 0; j < 3; ++j)
          expect(cube.map((point) => Math.floor(point[j]! * 20)).sort((a, b) => a - b)).toEqual(
            Array.from({ length: 20 }, (__, i) => i),
          );
        expect(new Chance(seed + 1).uniform()).not.toBe(new Chance(seed).uniform());
      }),
      { numRuns: 30 },
    );
  });
});
