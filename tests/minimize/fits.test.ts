// Many least squares problems and fits at once: each ends where it ends alone.
import { describe, expect, test, vi } from "vitest";
import {
  curveFit,
  curveFitSync,
  leastSquares,
  leastSquaresSync,
  linspace,
  manualSeed,
  rand,
  randn,
  stack,
  tensor,
  type LeastSquaresOptions,
  type Tensor,
} from "adjoint";
import { errorOf, numbers } from "../helpers/reference.js";

const float64 = { dtype: "float64" } as const;
const loose = (value: unknown) => value as never;
const bell = (t: Tensor, p: Tensor) => t.sub(p.at(1)).div(p.at(2)).square().mul(-0.5).exp().mul(p.at(0));
const [count, points] = [12, 20];

function data() {
  manualSeed(5);
  const t = linspace(0, 4, points, float64);
  const truth = rand([count, 3], float64).add(0.5);
  const rows = Array.from({ length: count }, (_, i) => bell(t, truth.select(0, i)));
  return { t, truth, y: stack(rows).add(randn([count, points], float64).mul(0.01)) };
}

describe("leastSquares in batches", () => {
  const valleys = (x: Tensor) =>
    stack([x.select(-1, 1).sub(x.select(-1, 0).square()).mul(10), x.select(-1, 0).rsub(1)], -1);
  const starts = () => (manualSeed(1), rand([9, 2], float64).mul(3).sub(1.5));

  test.each<[string, LeastSquaresOptions]>([
    ["lm", { method: "lm" }],
    ["trf", {}],
    ["dogbox", {}],
    ["bounds", { bounds: [[-2, 0.5], [-1.5, 2]] }], // prettier-ignore
    ["a loss", { loss: "softL1", fScale: 0.3 }],
    ["few evaluations", { maxNfev: 4 }],
  ])("as alone: %s", async (_, options) => {
    const x0 = options.bounds ? starts().clamp(-1.4, 0.4) : starts();
    const all = await leastSquares(valleys, x0, { ...options, batch: true });
    expect(all.x.shape).toEqual([9, 2]);
    expect([all.fun.shape, all.jac.shape, all.grad.shape]).toEqual([[9, 2], [9, 2, 2], [9, 2]]); // prettier-ignore
    for (let i = 0; i < 9; ++i) {
      const alone = leastSquaresSync(valleys, x0.select(0, i).clone(), options);
      for (const name of ["x", "fun", "jac", "grad"] as const)
        expect(numbers(all[name].select(0, i)), `${name} of ${i}`).toEqual(numbers(alone[name]));
      expect(all.cost.at(i).item()).toBe(alone.cost);
      for (const name of [
        "nfev",
        "njev",
        "nit",
        "status",
        "message",
        "success",
        "optimality",
        "activeMask",
      ] as const)
        expect(all[name][i], `${name} of ${i}`).toEqual(alone[name]);
    }
  });

  test("of float32, of many dimensions", () => {
    const x0 = rand([4, 2, 3]).add(1);
    const all = leastSquaresSync((x) => x.square().sub(4), x0, { batch: true });
    expect(all.x.shape).toEqual([4, 2, 3]);
    expect(all.x.dtype).toBe("float32");
    expect(all.x.sub(2).abs().max().item()).toBeLessThan(1e-3);
    expect(all.jac.shape).toEqual([4, 6, 6]);
  });

  test.each<[string, unknown, unknown, object, string]>([
    [
      "a start without rows",
      valleys,
      [1, 2],
      {},
      "x0 must be a floating Tensor whose first dimension counts",
    ],
    [
      "residuals of another number of rows",
      (x: Tensor) => x.sum(0),
      starts(),
      {},
      "whose first dimension is 9, a row for each problem, but got shape [2]",
    ],
    ["a Jacobian", valleys, starts(), { jac: valleys }, "'jac' is not for batches"],
    [
      "too few residuals",
      (x: Tensor) => x.sum(1),
      starts(),
      { method: "lm" },
      "less than the number of variables (1 and 2)",
    ],
    ["no graph", (x: Tensor) => x.detach(), starts(), {}, "does not depend on x"],
    ["a promise", () => Promise.resolve(1), starts(), {}, "Promise"],
    ["what is not finite", valleys, tensor([[1, NaN]], float64), {}, "x0 must be finite"],
    ["a start outside of the bounds", valleys, tensor([[0, 0], [9, 0]], float64), { bounds: [-1, 1] }, "outside of provided bounds"], // prettier-ignore
    ["an unknown option", valleys, starts(), { batched: 1 }, "batched"],
  ])("refuse %s", (_, f, x0, options, words) => {
    const error = errorOf(() => leastSquaresSync(loose(f), loose(x0), { ...options, batch: true }));
    expect(error.message).toContain(words);
    expect(error.code).toMatch(/^ERR_/);
  });
});

describe("curveFit in batches", () => {
  test("as alone, with data and errors for all rows or for each", async () => {
    const { t, truth, y } = data();
    const sigma = rand([points], float64).add(0.5);
    const each = stack(Array.from({ length: count }, () => t));
    const p0 = truth.add(0.2);
    for (const [x, start, options] of [
      [t, [1, 1, 1], {}],
      [each, p0, { sigma, absoluteSigma: true }],
      [t, p0, { bounds: [0, 3] as [number, number], sigma: y.mul(0).add(sigma) }],
    ] as const) {
      const all = await curveFit(bell, x, y, start, { ...options, batch: true });
      expect(all.success.every(Boolean)).toBe(true);
      expect(all.x.sub(truth).abs().max().item()).toBeLessThan(0.1);
      expect(all.covariance.shape).toEqual([count, 3, 3]);
      for (let i = 0; i < count; ++i) {
        const own = Array.isArray(start) ? start : p0.select(0, i);
        const alone = curveFitSync(bell, t, y.select(0, i), own as Tensor, {
          ...options,
          ...("sigma" in options && { sigma }),
        });
        for (const name of ["x", "covariance", "stderr"] as const)
          numbers(all[name].select(0, i)).forEach((value, k) => {
            const wanted = numbers(alone[name])[k]!;
            expect(Math.abs(value - wanted), `${name} of ${i}`).toBeLessThanOrEqual(
              1e-10 * Math.max(1, Math.abs(wanted)),
            );
          });
        expect(all.nfev[i]).toBe(alone.nfev);
      }
    }
  });

  test("warn of what the data do not say", () => {
    const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => undefined);
    const { t, y } = data();
    const both = (x: Tensor, p: Tensor) => x.mul(p.at(0).add(p.at(1)));
    const all = curveFitSync(both, t, y, [1, 1], { batch: true });
    expect(warned).toHaveBeenCalledTimes(1);
    expect(numbers(all.stderr).every((value) => value === Infinity)).toBe(true);
    warned.mockRestore();
  });

  test.each<[string, unknown[], string]>([
    [
      "ydata without rows",
      [
        [0, 1],
        [1, 2],
        [1, 1],
      ],
      "ydata must have a row for each fit",
    ],
    [
      "p0 of another number of rows",
      [[0, 1], rand([3, 2], float64), rand([2, 2], float64)],
      "p0 may; got ydata of [3, 2] and p0 of [2, 2]",
    ],
    [
      "f of another shape",
      [[0, 1, 2], rand([3, 2], float64), [1, 1]],
      "the shape of a row of ydata, [2], but got [3]",
    ],
  ])("refuse %s", (_, given, words) => {
    const line = (x: Tensor, p: Tensor) => x.mul(p.at(0)).add(p.at(1));
    const call = () => curveFitSync(line, ...(given as [never, never, never]), { batch: true });
    expect(errorOf(call).message).toContain(words);
  });

  test("refuse errors of another shape, or of zero", () => {
    const { t, y } = data();
    const fit = (sigma: Tensor) =>
      errorOf(() => curveFitSync(bell, t, y, [1, 1, 1], { batch: true, sigma })).message;
    expect(fit(rand([3], float64))).toContain("`sigma` has incorrect shape [3]; expected [12, 20] or [20]");
    expect(fit(y.mul(0))).toContain("sigma must be positive");
    expect(errorOf(() => curveFitSync(3 as never, t, y, [1], { batch: true })).message).toContain(
      "f must be a function",
    );
  });
});
