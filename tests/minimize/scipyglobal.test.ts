// Methods that look for the least of many minima, beside SciPy's: how often they find it, and at what cost.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { minimizeSync, type Method, type MinimizeOptions, type Tensor } from "adjoint";
import * as gallery from "../../lib/gallery/index.js";

interface Said {
  found: number;
  evaluations: number;
}
const goldens = JSON.parse(readFileSync(new URL("../goldens/global.json", import.meta.url), "utf8")) as {
  problems: { name: keyof typeof gallery.all; starts: [number, number][]; methods: Record<string, Said> }[];
};

/** What the goldens were made with beside defaults. */
const given: Partial<Record<Method, MinimizeOptions>> = {
  "differential-evolution": {},
  "dual-annealing": { maxIter: 300 },
  "basin-hopping": { maxIter: 30 },
};

/** By how much two samples of 20 may differ: two deviations, of a rate after Laplace's rule of succession. */
function allowance(found: number): number {
  const rate = (found + 1) / 22;
  return 2 * Math.sqrt(2 * 20 * rate * (1 - rate));
}

describe.each(Object.keys(given) as Method[])("%s", (method) => {
  test.each(goldens.problems)(
    "finds the least minimum of $name as often as SciPy's, at no more cost",
    (problem) => {
      const { name, starts, methods } = problem;
      const f = gallery.all[name];
      const least = Math.min(...f.minima.map(({ fun }) => fun));
      const said = methods[method]!;
      let [found, evaluations] = [0, 0];
      starts.forEach((x0, seed) => {
        const result = minimizeSync(f, x0, { method, seed, bounds: [...f.domain], ...given[method] });
        found += Number(result.fun <= least + 1e-4);
        // SciPy's evolution is counted without its polish.
        evaluations +=
          (result.nfev - (method === "differential-evolution" ? result.njev : 0)) / starts.length;
      });
      expect(found).toBeGreaterThanOrEqual(said.found - allowance(said.found));
      // Local searches here do not end short of the tip of Ackley's cone, as SciPy's do.
      const factor = method === "basin-hopping" && name === "ackley" ? 2.5 : 1.2;
      expect(evaluations).toBeLessThanOrEqual(factor * said.evaluations);
    },
  );
});

describe("on a plain", () => {
  /** The batches of points that a method asks for where the function is zero, but for its start. */
  function batchesOf(method: Method, options: MinimizeOptions): number[][][] {
    const batches: number[][][] = [];
    const f = (x: Tensor) => {
      batches.push(x.toArray() as number[][]);
      return x.sub(1).abs().sum(-1).gt(1e-9).to("float64");
    };
    minimizeSync(f, [1, 1], { method, seed: 1, vectorized: true, bounds: [-5, 5], ...options });
    return batches;
  }
  const width = (batch: number[][]) => Math.max(...batch.map((x) => Math.abs(x[0]! - 1)));

  test("evolution gathers around what is lower", () => {
    const batches = batchesOf("differential-evolution", { maxIter: 200, polish: false, tol: 0 });
    expect(width(batches[0]!)).toBeGreaterThan(3);
    expect(width(batches.at(-1)!)).toBeLessThan(1);
  });

  test("annealing goes on from every jump", () => {
    const batches = batchesOf("dual-annealing", { maxIter: 50, noLocalSearch: true });
    const jumps = batches.filter(({ length }) => length === 4);
    expect(jumps.length).toBeGreaterThan(40);
    // The jumps of single elements come last, the second one's after the first one's.
    const isChain = ([, b, c, d]: number[][]) => b![1] === c![1] && c![0] === d![0];
    expect(jumps.filter(isChain).length).toBeGreaterThan(30);
  });
});
