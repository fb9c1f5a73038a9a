// Minima along a line, Powell's method and roots, beside SciPy, and given what has none.
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  minimizeScalar,
  minimizeScalarSync,
  minimizeSync,
  root,
  rootSync,
  stack,
  tensor,
  type RootMethod,
  type ScalarOptions,
  type Tensor,
} from "adjoint";
import { functionOf } from "../helpers/expressions.js";
import { errorOf, numbers } from "../helpers/reference.js";

interface Said {
  x: number[];
  fun: number;
  nit: number;
  nfev: number;
}
const goldens = JSON.parse(readFileSync(new URL("../goldens/lines.json", import.meta.url), "utf8")) as {
  scalars: { f: string; options: ScalarOptions; x: number; fun: number; nit: number; nfev: number }[];
  systems: {
    name: string;
    x0: number[];
    equations: string[];
    methods: Record<
      "hybr" | "lm",
      { x: number[]; norm: number; nfev: number; njev: number; success: boolean }
    >;
  }[];
  powell: (Said & { x0: number[]; value: string; bounds: [number | null, number | null][] | null })[];
};
const loose = (value: unknown) => value as never;

describe("minimizeScalar", () => {
  test.each(goldens.scalars)("needs no more than SciPy: $f with $options", ({ f, options, ...said }) => {
    const result = minimizeScalarSync(functionOf(f), options);
    expect(result).toMatchObject({ success: true, status: "converged" });
    // Equal values lie as far apart as the square root of a rounding.
    expect(Math.abs(result.x - said.x)).toBeLessThanOrEqual(options.xtol === undefined ? 2e-6 : 2e-3);
    expect(result.fun).toBeLessThanOrEqual(said.fun + 1e-9);
    expect(result.nit).toBeLessThanOrEqual(Math.max(1.2 * said.nit, said.nit + 2));
    expect(result.nfev).toBeLessThanOrEqual(Math.max(1.2 * said.nfev, said.nfev + 2));
  });

  test("finds the minimum of random parabolas, with every method", () => {
    const number = fc.double({ min: -50, max: 50, noNaN: true });
    fc.assert(
      fc.property(number, fc.double({ min: 0.01, max: 100, noNaN: true }), (at, steepness) => {
        const f = (x: Tensor) => x.sub(at).square().mul(steepness);
        for (const options of [{}, { method: "golden" }, { bounds: [-51, 51] }] as ScalarOptions[])
          expect(Math.abs(minimizeScalarSync(f, options).x - at)).toBeLessThan(1e-4);
      }),
      { numRuns: 30 },
    );
  });

  test("waits for values, keeps a history, and stops when told", async () => {
    const f = (x: Tensor) => x.sub(2).square();
    const { x, history, nit } = await minimizeScalar(f, { history: true, method: "golden" });
    expect(x).toBeCloseTo(2, 6);
    expect(history).toHaveLength(nit);
    expect(history!.at(-1)!.x).toBe(x);
    const stopped = await minimizeScalar(f, { method: "golden", onIteration: ({ nit: so }) => so === 3 });
    expect(stopped).toMatchObject({ status: "stopped", nit: 3, success: false });
    const controller = new AbortController();
    const aborted = minimizeScalar(f, {
      signal: controller.signal,
      onIteration: () => {
        controller.abort();
      },
    });
    expect(await aborted).toMatchObject({ status: "aborted" });
    expect(minimizeScalarSync(f, { maxFev: 5 })).toMatchObject({ status: "maxEvaluations", nfev: 5 });
    expect(minimizeScalarSync((y) => y.exp().sub(y.mul(5)), { maxIter: 2 })).toMatchObject({
      status: "maxIterations",
      nit: 2,
    });
  });

  test("says where there is no minimum", () => {
    expect(minimizeScalarSync((x) => x.neg())).toMatchObject({ success: false });
    expect(minimizeScalarSync((x) => x.mul(0))).toMatchObject({
      success: false,
      status: "noBracket",
      fun: 0,
    });
    expect(minimizeScalarSync((x) => x.mul(NaN))).toMatchObject({ status: "nonFinite" });
    const half = minimizeScalarSync((x) => x.sub(1).log().neg().add(x), { bounds: [0, 4] });
    expect(half.success || half.status === "nonFinite").toBe(true);
  });

  test.each<[string, unknown, unknown, RegExp]>([
    ["no function", 3, undefined, /f must be a function, but got 3/],
    ["an unknown option", (x: Tensor) => x, { braket: [0, 1] }, /bracket/],
    [
      "an unknown method",
      (x: Tensor) => x,
      { method: "newton" },
      /method must be "brent" or "golden" or "bounded"/,
    ],
    ["bounds that cross", (x: Tensor) => x, { bounds: [2, 1] }, /The lower bound exceeds the upper bound/],
    ["bounds without an end", (x: Tensor) => x, { bounds: [0, Infinity] }, /finite/],
    ["no bounds", (x: Tensor) => x, { method: "bounded" }, /mandatory/],
    ["bounds for brent", (x: Tensor) => x, { method: "brent", bounds: [0, 1] }, /takes no bounds/],
    ["a bracket with bounds", (x: Tensor) => x, { bounds: [0, 1], bracket: [0, 1] }, /takes no bracket/],
    ["xtol with bounds", (x: Tensor) => x, { bounds: [0, 1], xtol: 1 }, /takes no xtol, but xatol/],
    ["a bracket out of order", (x: Tensor) => x, { bracket: [0, 2, 1] }, /xa < xb/],
    ["a bracket without a low", (x: Tensor) => x, { bracket: [0, 1, 2] }, /f\(xb\) < f\(xa\)/],
    ["a promise", () => Promise.resolve(tensor(1)), undefined, /Promise/],
    ["a vector", (x: Tensor) => stack([x, x]), undefined, /one element, but got shape \[2\]/],
    ["a number", () => 3, undefined, /f must return a Tensor of one element/],
  ])("refuses %s", (_, f, options, words) => {
    const error = errorOf(() => minimizeScalarSync(loose(f), loose(options)));
    expect(error.message).toMatch(words);
    expect(error.code).toMatch(/^ERR_/);
  });
});

describe("powell", () => {
  test.each(goldens.powell)(
    "needs no more than SciPy: $value in $bounds",
    ({ x0, value, bounds, ...said }) => {
      const result = minimizeSync(functionOf(value), x0, { method: "powell", ...(bounds && { bounds }) });
      expect(result.success, result.message).toBe(true);
      expect(result.fun).toBeLessThanOrEqual(said.fun + 1e-6);
      expect(result.nit).toBeLessThanOrEqual(Math.max(1.2 * said.nit, said.nit + 2));
      expect(result.nfev).toBeLessThanOrEqual(Math.max(1.2 * said.nfev, said.nfev + 3));
      numbers(result.x).forEach((one, i) => {
        expect(one).toBeGreaterThanOrEqual(bounds?.[i]![0] ?? -Infinity);
        expect(one).toBeLessThanOrEqual(bounds?.[i]![1] ?? Infinity);
      });
    },
  );

  test("takes its first directions, of the right number", () => {
    const f = (x: Tensor) =>
      x
        .at(0)
        .add(x.at(1))
        .square()
        .add(x.at(0).sub(x.at(1)).sub(1).square().mul(50));
    const given = minimizeSync(f, [4, 7], { method: "powell", directions: [[1, 1], [1, -1]] }); // prettier-ignore
    expect(given.nfev).toBeLessThan(minimizeSync(f, [4, 7], { method: "powell" }).nfev);
    expect(() => minimizeSync(f, [4, 7], { method: "powell", directions: [[1, 1]] })).toThrow(
      "directions must be 2 directions of 2 numbers",
    );
  });

  test("ends with what is lowest where there is no lower bound", () => {
    const result = minimizeSync((x) => x.sum(), [0, 0], { method: "powell" });
    expect(result.success).toBe(false);
    expect(Number.isFinite(result.fun)).toBe(true);
  });
});

describe("root", () => {
  const systemOf = (equations: readonly string[]) => {
    const all = equations.map(functionOf);
    return (p: Tensor) => stack(all.map((f) => f(p)));
  };

  test.each(goldens.systems)("needs no more than SciPy for $name", ({ x0, equations, methods }) => {
    for (const [method, said] of Object.entries(methods)) {
      const result = rootSync(systemOf(equations), x0, { method: method as RootMethod });
      if (said.success) expect(result.success, `${method}: ${result.message}`).toBe(true);
      expect(Math.hypot(...numbers(result.fun)), method).toBeLessThanOrEqual(said.norm * 1.01 + 1e-7);
      // The counts of singular problems are how soon rounding ends them.
      if (!said.success) continue;
      expect(result.nfev, method).toBeLessThanOrEqual(Math.max(1.2 * said.nfev, said.nfev + 3));
      expect(result.njev, method).toBeLessThanOrEqual(Math.max(1.2 * said.njev, said.njev + 2));
    }
  });

  test("by Newton's method is found to the last digits", () => {
    for (const { name, x0, equations } of goldens.systems.filter(({ methods }) => methods.hybr.success)) {
      const { success, fun, nit } = rootSync(systemOf(equations), x0, { method: "newton" });
      expect(success, name).toBe(true);
      expect(Math.hypot(...numbers(fun)), name).toBeLessThan(1e-9);
      expect(nit, name).toBeLessThan(60);
    }
  });

  test("has the form of the start, and is found with a Jacobian that is given", async () => {
    const start = tensor([[1, 2], [3, 4]], { dtype: "float64" }); // prettier-ignore
    const f = (x: Tensor) => x.matmul(x).sub(tensor([[7, 10], [15, 22]], { dtype: "float64" })); // prettier-ignore
    const found = await root(f, start.mul(1.3));
    expect(found.x.shape).toEqual([2, 2]);
    expect(found.x.sub(start).abs().max().item()).toBeLessThan(1e-7);
    let calls = 0;
    const { x } = rootSync((p) => p.square().sub(4), [1], {
      jac(p) {
        ++calls;
        return p.mul(2).reshape(1, 1);
      },
    });
    expect(x.item()).toBeCloseTo(2, 9);
    expect(calls).toBeGreaterThan(0);
  });

  test("of nothing, of what is singular or not finite, is said", () => {
    for (const method of ["hybr", "newton"] as const) {
      const none = rootSync((x) => x.square().add(1), [1], { method });
      expect(none).toMatchObject({ success: false, status: "noProgress" });
      expect(none.fun.item()).toBeCloseTo(1, 5);
      expect(rootSync((x) => x.mul(NaN), [1], { method })).toMatchObject({ status: "nonFinite" });
      const few = rootSync(systemOf(goldens.systems[1]!.equations), [0, 1], { method, maxFev: 7 });
      expect(few).toMatchObject({ status: "maxEvaluations", nfev: 7 });
    }
    expect(rootSync((x) => x.square().add(1), [1], { method: "lm" })).toMatchObject({ success: true });
  });

  test("tells of iterations, and stops when told", async () => {
    const norms: number[] = [];
    const stopped = await root(systemOf(goldens.systems[1]!.equations), [0, 1], {
      onIteration({ norm, nit }) {
        norms.push(norm);
        return nit === 4;
      },
    });
    expect(stopped).toMatchObject({ status: "stopped", nit: 4 });
    expect(norms).toEqual([...norms].sort((a, b) => b - a));
  });

  test.each<[string, unknown, unknown, unknown, RegExp]>([
    ["no function", 3, [1], undefined, /f must be a function/],
    [
      "another number of elements",
      (x: Tensor) => x.sum().reshape(1),
      [1, 2],
      undefined,
      /as many elements as x0 has, 2, but returned 1/,
    ],
    ["an unknown method", (x: Tensor) => x, [1], { method: "broyden1" }, /method must be "hybr"/],
    ["ftol of hybr", (x: Tensor) => x, [1], { ftol: 1 }, /takes no ftol, but xtol/],
    ["a factor", (x: Tensor) => x, [1], { factor: 0 }, /Invalid factor/],
    ["a promise", () => Promise.resolve(tensor([1])), [1], undefined, /Promise/],
    [
      "numbers without a graph",
      () => tensor([1], { dtype: "float64" }),
      [1],
      undefined,
      /does not depend on x/,
    ],
    ["no elements", (x: Tensor) => x, tensor([]), undefined, /no elements/],
  ])("refuses %s", (_, f, x0, options, words) => {
    const error = errorOf(() => rootSync(loose(f), loose(x0), loose(options)));
    expect(error.message).toMatch(words);
    expect(error.code).toMatch(/^ERR_/);
  });
});
