// Least squares and fits beside SciPy, and given what cannot be fitted.
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import {
  cat,
  curveFit,
  type CurveFitOptions,
  curveFitSync,
  leastSquares,
  type LeastSquaresOptions,
  leastSquaresSync,
  stack,
  tensor,
  type Tensor,
} from "../../lib/index.js";
import { damped, dampedToRadius, factored } from "../../lib/minimize/dense.js";

interface Case {
  options: LeastSquaresOptions;
  start?: number[];
  x: number[];
  cost: number;
  optimality: number;
  nfev: number;
  mask: number[];
}
const goldens = JSON.parse(readFileSync(new URL("../goldens/squares.json", import.meta.url), "utf8")) as {
  t: number[];
  y: number[];
  p0: number[];
  cases: Case[];
  fits: { options: CurveFitOptions; x: number[]; covariance: number[][] }[];
};

const loose = (value: unknown) => value as never;
const float64 = { dtype: "float64" } as const;
const peak = (t: Tensor, p: Tensor) =>
  t.sub(p.at(1)).square().div(p.at(2).square().mul(-2)).exp().mul(p.at(0)).add(p.at(3));
const t = tensor(goldens.t, float64);
const y = tensor(goldens.y, float64);
const valley = (p: Tensor) => stack([p.at(1).sub(p.at(0).square()).mul(10), p.at(0).rsub(1)], 0);

function expectClose(got: unknown, wanted: unknown, within: number): void {
  const [a, b] = [[got].flat(9) as number[], [wanted].flat(9) as number[]];
  expect(a.length).toBe(b.length);
  a.forEach((value, i) => {
    expect(Math.abs(value - b[i]!), `${value}, not ${b[i]}`).toBeLessThanOrEqual(
      within * Math.max(1, Math.abs(b[i]!)),
    );
  });
}

describe("leastSquares", () => {
  test.each(goldens.cases.map((golden) => [JSON.stringify(golden.options), golden] as const))(
    "arrives where SciPy does, with %s",
    (_name, { options, start = goldens.p0, x, cost, nfev, mask }) => {
      const result = leastSquaresSync((p) => peak(t, p).sub(y), start, options);
      expect(result.success, result.message).toBe(true);
      expect(result.cost).toBeLessThanOrEqual(cost * (1 + 1e-6));
      expectClose(result.x.toArray(), x, 1e-3);
      expect(result.nfev).toBeLessThanOrEqual(Math.max(1.2 * nfev, nfev + 3));
      expect(result.activeMask).toEqual(mask);
    },
  );

  const boxed = goldens.cases.filter(({ options }) => options.method === "dogbox");
  test.each(boxed.map((golden) => [JSON.stringify(golden.options), golden] as const))(
    "takes SciPy's doglegs, with %s",
    (_name, { options, start = goldens.p0, x, cost, nfev, optimality }) => {
      const result = leastSquaresSync((p) => peak(t, p).sub(y), start, options);
      expect(result.nfev).toBe(nfev);
      expectClose(result.x.toArray(), x, 1e-9);
      expect(result.cost / cost).toBeCloseTo(1, 12);
      expect(result.optimality / optimality).toBeCloseTo(1, 4);
    },
  );

  test("doglegs end at bounds exactly, begin at them, and stay within", () => {
    const bounds = [
      [-2, 0.3],
      [-1, 2],
    ] as const;
    const seen: number[][] = [];
    const within = (p: Tensor) => {
      seen.push(p.detach().toArray() as number[]);
      return valley(p);
    };
    const { x, activeMask, success } = leastSquaresSync(within, [-2, 2], { method: "dogbox", bounds });
    expect([x.toArray(), activeMask, success]).toEqual([[0.3, 0.09], [1, 0], true]);
    for (const point of seen)
      point.forEach((value, j) => {
        expect(value).toBeGreaterThanOrEqual(bounds[j]![0]);
        expect(value).toBeLessThanOrEqual(bounds[j]![1]);
      });
    // Nothing is free to move.
    const still = leastSquaresSync((p) => p.add(1), [0, 0], { method: "dogbox", bounds: [0, 1] });
    expect(still).toMatchObject({ nfev: 1, success: true, activeMask: [-1, -1], optimality: 0 });
  });

  test("needs MINPACK's evaluations on Rosenbrock's valley", () => {
    const { x, nfev, njev, cost } = leastSquaresSync(valley, [-1.2, 1], { method: "lm" });
    expect([x.toArray(), nfev, njev, cost]).toEqual([[1, 1], 21, 16, 0]);
  });

  test("says everything of the end", () => {
    const f = (p: Tensor) => peak(t, p).sub(y);
    const { x, fun, jac, grad, cost } = leastSquaresSync(f, goldens.p0, { loss: "softL1" });
    expectClose(fun.toArray(), f(x).toArray(), 1e-12);
    expect(jac.shape).toEqual([40, 4]);
    // The gradient is that of the cost.
    const costAt = (p: Tensor) => f(p).square().add(1).sqrt().sub(1).sum();
    expect(costAt(x).item()).toBeCloseTo(cost, 12);
    const leaf = x.detach().requiresGrad_();
    costAt(leaf).backward();
    expectClose(grad.toArray(), leaf.grad!.toArray(), 1e-10);
  });

  test("of more unknowns than residuals, and of tensors of any shape", () => {
    const wide = leastSquaresSync((p) => p.sum().sub(3), [0, 0, 0]);
    expect(wide.cost).toBeLessThan(1e-15);
    const target = tensor(
      [
        [1, 2],
        [3, 4],
      ],
      float64,
    );
    const square = leastSquaresSync(
      (p: Tensor) => p.sub(target),
      tensor(
        [
          [0, 0],
          [0, 0],
        ],
        float64,
      ),
    );
    expectClose(square.x.toArray(), target.toArray(), 1e-8);
    const two = leastSquaresSync(
      ([a, b]: readonly [Tensor, Tensor]) => cat([a.sub(1), b.reshape(1).sub(a.sum())], 0),
      [tensor([0, 0], float64), tensor(0, float64)] as const,
      { method: "lm" },
    );
    expectClose([two.x[0].toArray(), two.x[1].item()], [[1, 1], 2], 1e-8);
  });

  test("with a Jacobian that is given", () => {
    let calls = 0;
    const jac = (p: Tensor) => {
      ++calls;
      return stack(
        [p.at(0).mul(-20), p.at(0).mul(0).add(10), p.at(0).mul(0).sub(1), p.at(0).mul(0)],
        0,
      ).reshape(2, 2);
    };
    const result = leastSquaresSync(valley, [-1.2, 1], { method: "lm", jac });
    expect([result.nfev, result.njev, calls]).toEqual([21, 16, 16]);
    expect(() => leastSquaresSync(valley, [0, 0], { jac: () => tensor([1]) })).toThrow(
      "leastSquaresSync: jac must return a Tensor of shape [2, 2], a row for each residual, but got shape [1]",
    );
  });

  test("the two forms agree, and can be ended", async () => {
    const one = leastSquaresSync(valley, [-1.2, 1], { method: "lm" });
    const two = await leastSquares(valley, [-1.2, 1], { method: "lm" });
    expect([two.x.toArray(), two.nfev]).toEqual([one.x.toArray(), one.nfev]);
    const few = leastSquaresSync(valley, [-1.2, 1], { maxNfev: 5 });
    expect(few).toMatchObject({ nfev: 5, status: "maxEvaluations", success: false });
    expect(few.cost).toBeLessThan(12.1);
    const costs: number[] = [];
    const stopped = leastSquaresSync(valley, [-1.2, 1], {
      onIteration({ nit, cost }) {
        costs.push(cost);
        return nit === 3;
      },
    });
    expect([stopped.status, stopped.nit, costs.length]).toEqual(["stopped", 3, 3]);
    expect(stopped.cost).toBeCloseTo(costs[2]!, 12);
    const controller = new AbortController();
    controller.abort();
    expect((await leastSquares(valley, [-1.2, 1], { signal: controller.signal })).status).toBe("aborted");
  });

  test.each(["lm", "trf", "dogbox"] as const)("residuals that are not finite, of %s", (method) => {
    const nowhere = leastSquaresSync((p) => p.sqrt(), [-1], { method });
    expect(nowhere).toMatchObject({ status: "nonFinite", success: false });
    const beside = leastSquaresSync((p) => p.log().sub(1), [0.01], { method });
    expectClose(beside.x.toArray(), [Math.E], 1e-7);
  });
});

describe("curveFit", () => {
  test.each(goldens.fits.map((golden) => [Object.keys(golden.options).join(", "), golden] as const))(
    "says what SciPy says, with %s",
    async (_name, { options, x, covariance }) => {
      const result = await curveFit(peak, goldens.t, goldens.y, goldens.p0, options);
      expectClose(result.x.toArray(), x, 1e-5);
      expectClose(result.covariance.toArray(), covariance, 1e-4);
      const stderr = covariance.map((row, i) => Math.sqrt(row[i]!));
      expectClose(result.stderr.toArray(), stderr, 1e-4);
    },
  );

  test("within bounds", () => {
    const { x, activeMask } = curveFitSync(peak, t, y, [1, 0, 1, 0.5], {
      bounds: [
        [0, 2],
        [-1, 0.5],
        [0.5, 3],
        [0, 1],
      ],
    });
    expect(activeMask).toEqual(
      goldens.cases.find(({ start, options }) => start && options.loss === "linear")!.mask,
    );
    expect((x.toArray() as number[])[1]).toBeLessThanOrEqual(0.5);
  });

  test("what the data say nothing of has an infinite covariance, with a warning", () => {
    const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => undefined);
    const { covariance, stderr } = curveFitSync(
      (s, p) => s.mul(p.at(0).add(p.at(1))),
      [1, 2, 3],
      [1, 2, 3.1],
      [1, 1],
    );
    expect([covariance.toArray(), stderr.toArray()]).toEqual([
      [
        [Infinity, Infinity],
        [Infinity, Infinity],
      ],
      [Infinity, Infinity],
    ]);
    expect(warn.mock.calls[0]![0]).toBe("curveFitSync: Covariance of the parameters could not be estimated");
    warn.mockRestore();
  });
});

// Certified values: NIST/ITL, Statistical Reference Datasets, Nonlinear Regression, https://www.itl.nist.gov/div898/strd/.
interface Nist {
  name: string;
  x: number[];
  y: number[];
  starts: number[][];
  certified: number[];
  sumOfSquares: number;
}
const nist = JSON.parse(readFileSync(new URL("../goldens/nist.json", import.meta.url), "utf8")) as Nist[];
const at = (p: Tensor, i: number) => p.at(i - 1);
const models: Record<string, (x: Tensor, p: Tensor) => Tensor> = {
  Misra1a: (x, b) => x.mul(at(b, 2).neg()).exp().rsub(1).mul(at(b, 1)),
  DanWood: (x, b) => x.pow(at(b, 2)).mul(at(b, 1)),
  MGH09: (x, b) =>
    x
      .square()
      .add(x.mul(at(b, 2)))
      .mul(at(b, 1))
      .div(
        x
          .square()
          .add(x.mul(at(b, 3)))
          .add(at(b, 4)),
      ),
  MGH10: (x, b) =>
    at(b, 2)
      .div(x.add(at(b, 3)))
      .exp()
      .mul(at(b, 1)),
  Rat42: (x, b) => at(b, 1).div(x.mul(at(b, 3).neg()).add(at(b, 2)).exp().add(1)),
  BoxBOD: (x, b) => x.mul(at(b, 2).neg()).exp().rsub(1).mul(at(b, 1)),
  Eckerle4: (x, b) =>
    x
      .sub(at(b, 3))
      .div(at(b, 2))
      .square()
      .mul(-0.5)
      .exp()
      .mul(at(b, 1).div(at(b, 2))),
};

describe.each(nist)("NIST's $name", ({ name, x, y: values, starts, certified, sumOfSquares }) => {
  test.each(starts.map((start) => [start]))("from %o, to six digits", (start) => {
    const result = curveFitSync(models[name]!, x, values, start, { maxNfev: 5000 });
    const got = result.x.toArray() as number[];
    certified.forEach((value, i) => {
      expect(Math.abs(got[i]! / value - 1), `b${i + 1}: ${got[i]}, not ${value}`).toBeLessThan(1e-6);
    });
    expect(2 * result.cost).toBeCloseTo(sumOfSquares, 6);
  });
});

describe("what cannot be fitted", () => {
  const line = (s: Tensor, p: Tensor) => s.mul(p.at(0)).add(p.at(1));
  const refusals: [string, () => unknown, string][] = [
    ["no function", () => leastSquaresSync(loose(3), [0]), "the residuals must be a function, but got 3"],
    [
      "a number",
      () =>
        leastSquaresSync(
          loose(() => 3),
          [0],
        ),
      "the residuals must be a Tensor with at least one element, but got 3",
    ],
    ["nothing", () => leastSquaresSync(() => tensor([]), [0]), "at least one element, but got shape [0]"],
    [
      "a promise",
      () =>
        leastSquaresSync(
          loose(async () => Promise.resolve(tensor(1))),
          [0],
        ),
      "returned a Promise",
    ],
    [
      "what was read",
      () => leastSquaresSync((p) => tensor(p.toArray() as number[]), [0]),
      "so it has no Jacobian",
    ],
    [
      "bounds with lm",
      () => leastSquaresSync(valley, [0, 0], { method: "lm", bounds: [0, 1] }),
      "Method 'lm' doesn't support bounds. Use 'trf' instead.",
    ],
    [
      "a loss with lm",
      () => leastSquaresSync(valley, [0, 0], { method: "lm", loss: "huber" }),
      "method='lm' supports only 'linear' loss",
    ],
    [
      "too few residuals for lm",
      () => leastSquaresSync((p) => p.sum(), [0, 0], { method: "lm" }),
      "Method 'lm' doesn't work when the number of residuals is less than the number of variables (1 and 2); use 'trf'",
    ],
    [
      "a start outside",
      () => leastSquaresSync(valley, [0, 5], { bounds: [-1, 1] }),
      "Initial guess is outside of provided bounds",
    ],
    [
      "an unknown loss",
      () => leastSquaresSync(valley, [0, 0], { loss: loose("soft_l1") }),
      'loss must be "linear" or "softL1"',
    ],
    [
      "an unknown method",
      () => leastSquaresSync(valley, [0, 0], { method: loose("lmm") }),
      'method must be "lm" or "trf"',
    ],
    [
      "a misspelt option",
      () => leastSquaresSync(valley, [0, 0], loose({ max_nfev: 1 })),
      "did you mean 'maxNfev'?",
    ],
    [
      "a scale of 0",
      () => leastSquaresSync(valley, [0, 0], { xScale: 0 }),
      "`x_scale` must be 'jac' or array_like with positive numbers: 0",
    ],
    [
      "one scale of two",
      () => leastSquaresSync(valley, [0, 0], { xScale: [1] }),
      "xScale must be a number or 2 of them, but got 1",
    ],
    [
      "no data",
      () => curveFitSync(line, [], [], [0, 0]),
      "xdata must be a Tensor or an array of numbers, and not empty",
    ],
    ["NaN", () => curveFitSync(line, [1, NaN], [1, 2], [0, 0]), "xdata must not contain infs or NaNs"],
    [
      "data of two lengths",
      () => curveFitSync(line, [1, 2, 3], [1, 2], [0, 0]),
      "f must return what has the shape of ydata, [2], but got [3]",
    ],
    [
      "fewer points than parameters",
      () => curveFitSync(line, [1], [1], [0, 0]),
      "The number of func parameters=2 must not exceed the number of data points=1",
    ],
    [
      "sigma with a zero",
      () => curveFitSync(line, [1, 2, 3], [1, 2, 3], [0, 0], { sigma: [1, 0, 1] }),
      "sigma must be positive",
    ],
    [
      "sigma of another length",
      () => curveFitSync(line, [1, 2, 3], [1, 2, 3], [0, 0], { sigma: [1, 1] }),
      "`sigma` has incorrect shape [2]; expected [3] or [3, 3]",
    ],
    [
      "a loss",
      () => curveFitSync(line, [1, 2], [1, 2], [0, 0], loose({ loss: "huber" })),
      "unknown option 'loss'; it is one of leastSquares",
    ],
  ];
  test.each(refusals)("%s", (_what, make, message) => {
    expect(make).toThrow(message);
  });

  test("what the function throws comes out", async () => {
    const failing = () => {
      throw new RangeError("from f");
    };
    expect(() => leastSquaresSync(failing, [0])).toThrow(new RangeError("from f"));
    await expect(curveFit(failing, [1], [1], [0])).rejects.toThrow("from f");
  });
});

test("the damped step solves its normal equations, and has the length that was asked for", () => {
  const sizes = fc.record({ m: fc.integer({ min: 1, max: 7 }), n: fc.integer({ min: 1, max: 5 }) });
  const number = fc.integer({ min: -48, max: 48 }).map((value) => value / 16);
  const problem = sizes.chain(({ m, n }) =>
    fc.record({
      n: fc.constant(n),
      matrix: fc.array(number, { minLength: m * n, maxLength: m * n }),
      right: fc.array(number, { minLength: m, maxLength: m }),
      scale: fc.array(fc.double({ min: 0.5, max: 2, noNaN: true }), { minLength: n, maxLength: n }),
    }),
  );
  fc.assert(
    fc.property(problem, ({ n, matrix, right, scale }) => {
      const [a, b, d] = [matrix, right, scale].map((values) => Float64Array.from(values));
      const factors = factored(a!, b!, n);
      const { x } = damped(factors, d!, 0.7);
      // (A^T A + 0.7 D^2) x = A^T b
      for (let j = 0; j < n; ++j) {
        let [left, wanted] = [0.7 * d![j]! ** 2 * x[j]!, 0];
        b!.forEach((value, i) => {
          const row = a!.subarray(i * n, (i + 1) * n);
          left += row[j]! * row.reduce((sum, one, k) => sum + one * x[k]!, 0);
          wanted += row[j]! * value;
        });
        expect(Math.abs(left - wanted)).toBeLessThan(1e-8);
      }
      const found = dampedToRadius(factors, d!, 0.1, 0);
      const size = Math.hypot(...found.x.map((value, j) => value * d![j]!));
      expect(size).toBeLessThanOrEqual(0.1 * 1.2);
    }),
    { numRuns: 300 },
  );
});
