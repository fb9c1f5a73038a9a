// Minimisation beside SciPy, on the gallery, in batches, and given what cannot be minimised.
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  minimize,
  type MinimizeOptions,
  minimizeSync,
  noGrad,
  rand,
  type Method,
  stack,
  tensor,
  type Tensor,
} from "../../lib/index.js";
import * as gallery from "../../lib/gallery/index.js";

interface Said {
  x: number[];
  fun: number;
  nit: number;
  nfev: number;
}
type Methods = Record<Method, Said>;
const goldens = JSON.parse(readFileSync(new URL("../goldens/minimize.json", import.meta.url), "utf8")) as {
  problems: {
    a: number[][];
    b: number[];
    bounds: [number | null, number | null][];
    methods: Methods;
    bounded: Said;
  }[];
  rosenbrock: { x0: number[]; methods: Methods }[];
};

const loose = (value: unknown) => value as never;
const float64 = { dtype: "float64" } as const;
const { rosenbrock } = gallery;
const numbers = (x: Tensor) => [x.toArray()].flat(9) as number[];
const distance = (x: Tensor, to: readonly number[]) =>
  Math.max(...numbers(x).map((value, i) => Math.abs(value - to[i]!)));

/** Within a fifth of SciPy's effort, or a few evaluations of little effort. */
function expectNoMore(got: { nit: number; nfev: number }, said: Said, at: string): void {
  expect(got.nit, `iterations of ${at}`).toBeLessThanOrEqual(Math.max(1.2 * said.nit, said.nit + 2));
  expect(got.nfev, `evaluations of ${at}`).toBeLessThanOrEqual(Math.max(1.2 * said.nfev, said.nfev + 3));
}

const methods = Object.keys(goldens.rosenbrock[0]!.methods) as Method[];

describe.each(methods)("%s", (method) => {
  test("needs no more than SciPy on Rosenbrock's valley", () => {
    for (const { x0, methods: said } of goldens.rosenbrock) {
      const result = minimizeSync(rosenbrock, x0, { method });
      expect(result.success, result.message).toBe(true);
      expect(result.fun).toBeLessThanOrEqual(Math.max(1e-8, 10 * said[method].fun));
      expectNoMore(result, said[method], `[${x0.join(", ")}]`);
    }
  });

  test("arrives where SciPy does on random problems", () => {
    for (const { a, b, methods: said } of goldens.problems) {
      const [matrix, vector] = [tensor(a, float64), tensor(b, float64)];
      const f = (x: Tensor) =>
        x.matmul(matrix.matmul(x)).div(2).sub(vector.dot(x)).add(x.pow(4).sum().div(4));
      const wanted = said[method];
      const result = minimizeSync(
        f,
        Array.from(b, () => 0),
        { method },
      );
      expect(result.fun).toBeLessThanOrEqual(wanted.fun + 1e-7 * Math.abs(wanted.fun));
      if (method !== "nelder-mead") expectNoMore(result, wanted, `${b.length} dimensions`);
    }
  });

  test.each(Object.entries(gallery.all))("finds the minimum of %s", (_name, f) => {
    const result = minimizeSync(f, [...f.start], { method });
    const least = Math.min(...f.minima.map(({ fun }) => fun));
    expect(result.fun, `${result.x.toString()}: ${result.message}`).toBeLessThanOrEqual(least + 1e-3);
    const nearest = Math.min(...f.minima.map(({ x }) => distance(result.x, x)));
    expect(nearest, result.x.toString()).toBeLessThan(0.05);
  });
});

test("the gallery's minima are minima, in batches too", () => {
  for (const [name, f] of Object.entries(gallery.all)) {
    for (const { x, fun } of f.minima) {
      const point = tensor([...x], float64);
      expect(f(point).item(), name).toBeCloseTo(fun, 9);
      const around = point.add(rand([100, x.length], float64).sub(0.5).mul(0.01));
      const values = f(around);
      expect(values.shape, name).toEqual([100]);
      expect(values.min().item(), name).toBeGreaterThanOrEqual(fun - 1e-9);
    }
    const [low, high] = f.domain;
    for (const value of f.start) expect(value >= low && value <= high, name).toBe(true);
  }
});

describe("bounds", () => {
  test("as SciPy keeps them", () => {
    for (const { a, b, bounds, bounded } of goldens.problems) {
      const [matrix, vector] = [tensor(a, float64), tensor(b, float64)];
      const f = (x: Tensor) =>
        x.matmul(matrix.matmul(x)).div(2).sub(vector.dot(x)).add(x.pow(4).sum().div(4));
      const result = minimizeSync(
        f,
        Array.from(b, () => 0),
        { bounds },
      );
      expect(result.success, result.message).toBe(true);
      expect(result.fun).toBeLessThanOrEqual(bounded.fun + 1e-7 * Math.abs(bounded.fun));
      expectNoMore(result, bounded, `${b.length} dimensions`);
      numbers(result.x).forEach((value, i) => {
        expect(value).toBeGreaterThanOrEqual(bounds[i]![0] ?? -Infinity);
        expect(value).toBeLessThanOrEqual(bounds[i]![1] ?? Infinity);
      });
    }
  });

  test("of random quadratics, where the gradient points outside", () => {
    const problem = fc.record({
      n: fc.integer({ min: 1, max: 6 }),
      seed: fc.integer({ min: 0, max: 1e6 }),
    });
    fc.assert(
      fc.property(problem, ({ n, seed }) => {
        const random = (i: number) => Math.sin(seed + i * 12.9898) * 0.5 + Math.cos(seed * 3 + i * 78.233);
        const root = tensor(
          Float64Array.from({ length: n * n }, (_, i) => random(i)),
          float64,
        ).reshape(n, n);
        const centre = tensor(
          Float64Array.from({ length: n }, (_, i) => 2 * random(i + 100)),
          float64,
        );
        const f = (x: Tensor) => root.matmul(x.sub(centre)).square().sum().add(x.square().sum().mul(0.1));
        const { x, grad } = minimizeSync(
          f,
          Array.from({ length: n }, () => 0.1),
          { bounds: [-1, 1], ftol: 0, gtol: 1e-8 },
        );
        numbers(x).forEach((value, i) => {
          const slope = numbers(grad!)[i]!;
          if (value >= 1 - 1e-12) expect(slope).toBeLessThanOrEqual(1e-5);
          else if (value <= -1 + 1e-12) expect(slope).toBeGreaterThanOrEqual(-1e-5);
          else expect(Math.abs(slope)).toBeLessThanOrEqual(1e-5);
        });
      }),
      { numRuns: 60 },
    );
  });

  test("of nelder-mead", () => {
    const { x } = minimizeSync((p) => p.sub(3).square().sum(), [0.5, 0.5], {
      method: "nelder-mead",
      bounds: [
        [0, 1],
        [null, 2],
      ],
    });
    expect(distance(x, [1, 2])).toBeLessThan(1e-3);
  });
});

describe("what comes back", () => {
  test("has the form of the start", async () => {
    const quadratic = (x: Tensor) =>
      x
        .sub(
          tensor([
            [1, 2],
            [3, 4],
          ]),
        )
        .square()
        .sum();
    const start = tensor([
      [0, 0],
      [0, 0],
    ]);
    const one = await minimize(quadratic, start);
    expect([one.x.shape, one.x.dtype, one.grad!.shape]).toEqual([[2, 2], "float32", [2, 2]]);
    expect(distance(one.x, [1, 2, 3, 4])).toBeLessThan(1e-5);
    expect(start.toArray()).toEqual([
      [0, 0],
      [0, 0],
    ]);

    const two = minimizeSync(
      ([a, b]: readonly [Tensor, Tensor]) => a.sub(1).square().sum().add(b.sub(a).square().sum()),
      [tensor([0, 0], float64), tensor(5, float64)] as const,
    );
    expect(two.x.map((x) => x.shape)).toEqual([[2], []]);
    expect(distance(two.x[1], [1])).toBeLessThan(1e-4);

    const number = minimizeSync((x) => x.sub(2).square(), 0);
    expect([number.x.shape, number.x.dtype]).toEqual([[], "float64"]);
    expect(number).toMatchObject({
      status: "converged",
      success: true,
      message: "Optimization terminated successfully.",
    });
  });

  test("holds the points of all iterations on request", () => {
    const { history, nit, fun } = minimizeSync(rosenbrock, [-1.2, 1], { history: true });
    expect(history!.length).toBe(nit);
    expect(history!.at(-1)!.fun).toBe(fun);
    const values = history!.map((one) => one.fun);
    expect([...values].sort((a, b) => b - a)).toEqual(values);
  });

  test("the two forms agree", async () => {
    const one = minimizeSync(rosenbrock, [-1.2, 1], { method: "newton-cg" });
    const two = await minimize(rosenbrock, [-1.2, 1], { method: "newton-cg" });
    expect(two.x.toArray()).toEqual(one.x.toArray());
    expect([two.nit, two.nfev, two.njev, two.nhev]).toEqual([one.nit, one.nfev, one.njev, one.nhev]);
  });
});

describe("derivatives that are given", () => {
  const jac = (x: Tensor) => {
    const [a, b] = [x.at(0), x.at(1)];
    const rest = b.sub(a.square());
    return stack([a.sub(1).mul(2).sub(a.mul(rest).mul(400)), rest.mul(200)], 0);
  };
  const hess = (x: Tensor) => {
    const [a, b] = [x.at(0), x.at(1)];
    const cross = a.mul(-400);
    return stack([a.square().mul(1200).sub(b.mul(400)).add(2), cross, cross, a.mul(0).add(200)], 0).reshape(
      2,
      2,
    );
  };
  const hessp = (x: Tensor, v: Tensor) => hess(x).matmul(v);

  test.each<[Method, MinimizeOptions]>([
    ["bfgs", { jac: loose(jac) }],
    ["newton-cg", { jac: loose(jac), hessp: loose(hessp) }],
    ["newton-cg", { hess: loose(hess) }],
    ["trust-ncg", { hessp: loose(hessp) }],
    ["trust-exact", { jac: loose(jac), hess: loose(hess) }],
    ["trust-exact", { jac: loose(jac) }],
  ])("%s %o", (method, given) => {
    const found = minimizeSync(rosenbrock, [-1.2, 1], { method });
    const result = minimizeSync(rosenbrock, [-1.2, 1], { method, ...given });
    expect(Math.abs(result.nit - found.nit)).toBeLessThanOrEqual(2);
    expect(distance(result.x, [1, 1])).toBeLessThan(1e-3);
  });

  test("of the wrong shape", () => {
    expect(() => minimizeSync(rosenbrock, [0, 0], { jac: () => tensor([1]) })).toThrow(
      "minimizeSync: jac must return what has the shape of x0, [2], but got shape [1]",
    );
    expect(() =>
      minimizeSync(rosenbrock, [0, 0], { method: "trust-exact", hess: () => tensor([1]) }),
    ).toThrow("minimizeSync: hess must return a Tensor of shape [2, 2], but got shape [1]");
  });
});

describe("what ends it", () => {
  test("the numbers of iterations and evaluations, with the best point so far", () => {
    const one = minimizeSync(rosenbrock, [-1.2, 1], { maxIter: 5 });
    expect(one).toMatchObject({ nit: 5, status: "maxIterations", success: false });
    expect(one.fun).toBeLessThan(24.2);
    expect(one.message).toBe("Maximum number of iterations has been exceeded.");
    expect(minimizeSync(rosenbrock, [-1.2, 1], { maxIter: 1 }).fun).toBeLessThan(24.2);
    const two = minimizeSync(rosenbrock, [-1.2, 1], { maxFev: 7 });
    expect(two).toMatchObject({ nfev: 7, status: "maxEvaluations" });
    expect(rosenbrock(two.x).item()).toBe(two.fun);
  });

  test("onIteration, a time limit and a signal", async () => {
    const seen: number[] = [];
    const stopped = minimizeSync(rosenbrock, [-1.2, 1], {
      onIteration({ nit, x, fun }) {
        seen.push(nit);
        expect(rosenbrock(x).item()).toBe(fun);
        return nit === 3;
      },
    });
    expect([seen, stopped.status, stopped.nit]).toEqual([[1, 2, 3], "stopped", 3]);
    const slow = (x: Tensor) => {
      const until = performance.now() + 5;
      while (performance.now() < until);
      return rosenbrock(x);
    };
    const late = minimizeSync(slow, [-1.2, 1], { timeLimit: 20 });
    expect(late.status).toBe("timeLimit");
    expect(late.nfev).toBeLessThan(30);
    const controller = new AbortController();
    const aborted = await minimize(rosenbrock, [-1.2, 1], {
      signal: controller.signal,
      onIteration({ nit }) {
        if (nit === 4) controller.abort();
      },
    });
    expect(aborted).toMatchObject({ status: "aborted", success: false });
    expect(aborted.fun).toBeLessThan(24.2);
  });

  test("the event loop goes on meanwhile", async () => {
    let ticks = 0;
    const timer = setInterval(() => ticks++, 0);
    await minimize(
      rosenbrock,
      Array.from({ length: 200 }, () => -1),
      { method: "lbfgs", ftol: 0, gtol: 1e-9 },
    );
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(0);
  });

  test.each(methods)("values that are not finite, of %s", (method) => {
    const nowhere = minimizeSync((x) => x.sum().sqrt(), [-1, -2], { method });
    expect(nowhere).toMatchObject({ status: "nonFinite", success: false });
    // Steps into where the logarithm is not defined are too long.
    const inside = minimizeSync((x) => x.sub(x.log()).sum(), [0.001, 5], { method, maxIter: 500 });
    expect(distance(inside.x, [1, 1])).toBeLessThan(1e-2);
    expect(Number.isFinite(inside.fun)).toBe(true);
  });

  test("values without a lower bound", () => {
    for (const method of ["bfgs", "cg", "lbfgs"] as const) {
      const { success, fun, x } = minimizeSync((p) => p.sum(), [1, 2], { method });
      expect(success, method).toBe(false);
      expect(Number.isFinite(fun) && numbers(x).every(Number.isFinite), method).toBe(true);
    }
  });

  test("tolerances together", () => {
    const loosely = minimizeSync(rosenbrock, [-1.2, 1], { tol: 1e-2 });
    const tightly = minimizeSync(rosenbrock, [-1.2, 1], { tol: 1e-9 });
    expect(loosely.nit).toBeLessThan(tightly.nit);
  });
});

describe("optimizers as methods", () => {
  test.each<[Method, object]>([
    ["adam", { lr: 0.1 }],
    ["sgd", { lr: 0.1, momentum: 0.5 }],
    ["rprop", {}],
    ["radam", { lr: 0.1 }],
  ])("%s", (method, optimizerOptions) => {
    const result = minimizeSync((x) => x.sub(3).square().sum(), [0, 1], {
      method,
      optimizerOptions,
      maxIter: 2000,
    });
    expect(result.success).toBe(true);
    expect(distance(result.x, [3, 3])).toBeLessThan(1e-4);
  });

  test("with options that they do not have", () => {
    expect(() => minimizeSync(rosenbrock, [0, 0], { method: "adam", optimizerOptions: { lrr: 1 } })).toThrow(
      "Adam: unknown option 'lrr', did you mean 'lr'?",
    );
  });
});

describe("batches", () => {
  const starts = [
    [-1.2, 1],
    [2, 2],
    [0, 0],
    [-2, 3],
    [1, 1],
    [0.3, -4],
  ];

  test.each<Method>(["bfgs", "cg", "lbfgs", "newton-cg", "trust-ncg", "trust-exact", "nelder-mead", "adam"])(
    "%s gives each row what it has alone",
    async (method) => {
      const options = method === "adam" ? { method, optimizerOptions: { lr: 0.1 }, maxIter: 60 } : { method };
      const result = await minimize(rosenbrock, tensor(starts, float64), { ...options, batch: true });
      const rows = result.x.toArray() as number[][];
      starts.forEach((start, i) => {
        const alone = minimizeSync(rosenbrock, start, options);
        expect(rows[i]).toEqual(alone.x.toArray());
        expect([
          result.nit[i],
          result.nfev[i],
          result.status[i],
          result.success[i],
          result.message[i],
        ]).toEqual([alone.nit, alone.nfev, alone.status, alone.success, alone.message]);
        expect((result.fun.toArray() as number[])[i]).toBe(alone.fun);
      });
    },
  );

  test("a function that knows its rows", () => {
    const targets = rand([500, 3], float64);
    const result = minimizeSync(
      (x) => x.sub(targets).square().sum(-1),
      tensor(targets.mul(0).toArray() as number[][], float64),
      {
        batch: true,
      },
    );
    // gtol bounds the gradient, which is twice this.
    expect(result.x.sub(targets).abs().max().item()).toBeLessThanOrEqual(5.001e-6);
    expect(result.success.every(Boolean)).toBe(true);
  });

  test("bounds of every row", () => {
    const result = minimizeSync(
      (x) => x.sub(5).square().sum(-1),
      tensor(
        [
          [0, 0],
          [0.5, 0.1],
        ],
        float64,
      ),
      {
        batch: true,
        bounds: [0, 1],
      },
    );
    expect(result.x.toArray()).toEqual([
      [1, 1],
      [1, 1],
    ]);
  });

  test("what is no batch", () => {
    const start = tensor(starts, float64);
    expect(() => minimizeSync(rosenbrock, [0, 0], { batch: true })).toThrow(
      "minimizeSync: with batch, x0 must be a floating Tensor whose first dimension counts the problems, but got an array",
    );
    expect(() => minimizeSync((x: Tensor) => x.square().sum(), start, { batch: true })).toThrow(
      "minimizeSync: with batch, f must return a Tensor of shape [6], a value for each problem, but got shape []",
    );
    expect(() => minimizeSync(rosenbrock, start, { batch: true, history: true })).toThrow(
      "'history' is not for batches",
    );
    expect(() => minimizeSync(rosenbrock, start, { batch: true, jac: () => start })).toThrow(
      "'jac' is not for batches",
    );
    expect(() => minimizeSync(rosenbrock, start, loose({ batch: 1 }))).toThrow(
      "minimizeSync: batch must be true or false, but got 1",
    );
  });
});

describe("what cannot be minimised", () => {
  const refusals: [string, () => unknown, string][] = [
    ["no function", () => minimizeSync(loose(3), [0]), "minimizeSync: f must be a function, but got 3"],
    [
      "no start",
      () => minimizeSync(rosenbrock, loose(undefined)),
      "minimizeSync: x0 must be a Tensor, an array of Tensors",
    ],
    [
      "an empty start",
      () => minimizeSync(rosenbrock, tensor([])),
      "x0 has no elements, so there is nothing to minimise",
    ],
    ["an empty list", () => minimizeSync(rosenbrock, loose([])), "minimizeSync: x0 must be a Tensor"],
    [
      "whole numbers",
      () => minimizeSync(rosenbrock, tensor([1, 2], { dtype: "int64" })),
      "x0 must be floating, but has dtype int64",
    ],
    ["NaN", () => minimizeSync(rosenbrock, [0, NaN]), "x0 must be finite, but element 1 is NaN"],
    [
      "two dtypes",
      () => minimizeSync(loose(rosenbrock), [tensor([1]), tensor([1], float64)]),
      "x0 must be a Tensor, an array of Tensors, a number or an array of numbers, but got tensors of float32 on",
    ],
    [
      "a vector",
      () => minimizeSync((x) => x, [0, 0]),
      "f must return a Tensor of one element, but got shape [2]; reduce it",
    ],
    [
      "a number",
      () =>
        minimizeSync(
          loose(() => 3),
          [0],
        ),
      "minimizeSync: f must return a Tensor of one element, but got 3",
    ],
    [
      "what was read",
      () => minimizeSync((x) => tensor((x.toArray() as number[])[0]!), [0]),
      "the result of f does not depend on x by operations of tensors, so it has no gradient",
    ],
    [
      "a promise",
      () =>
        minimizeSync(
          loose(async () => Promise.reject(new Error("x"))),
          [0],
        ),
      "returned a Promise",
    ],
    [
      "an unknown method",
      () => minimizeSync(rosenbrock, [0, 0], { method: loose("bgfs") }),
      "there is no method 'bgfs', did you mean 'bfgs'?",
    ],
    [
      "an option of another method",
      () => minimizeSync(rosenbrock, [0, 0], { xatol: 1 }),
      "minimizeSync (bfgs): unknown option 'xatol'",
    ],
    [
      "a misspelt option",
      () => minimizeSync(rosenbrock, [0, 0], loose({ maxiter: 1 })),
      "did you mean 'maxIter'?",
    ],
    ["no options", () => minimizeSync(rosenbrock, [0, 0], loose(null)), "options must be an object"],
    ["maxIter 0", () => minimizeSync(rosenbrock, [0, 0], { maxIter: 0 }), "Invalid maxIter: 0"],
    ["gtol below 0", () => minimizeSync(rosenbrock, [0, 0], { gtol: -1 }), "Invalid tolerance: -1"],
    [
      "no signal",
      () => minimizeSync(rosenbrock, [0, 0], { signal: loose({}) }),
      "signal must be an AbortSignal, but got an object",
    ],
    [
      "bounds that cross",
      () => minimizeSync(rosenbrock, [0, 0], { bounds: [1, -1] }),
      "an upper bound is less than the corresponding lower bound (at 0: [1, -1])",
    ],
    [
      "a start outside",
      () => minimizeSync(rosenbrock, [0, 5], { bounds: [-1, 1] }),
      "x0 is outside of the bounds (element 1 is 5",
    ],
    [
      "too few bounds",
      () => minimizeSync(rosenbrock, [0, 0], { bounds: [[0, 1]] }),
      "or an array of 2 of these; got 1",
    ],
    [
      "bounds where there are none",
      () => minimizeSync(rosenbrock, [0, 0], { method: "bfgs", bounds: [0, 1] }),
      'method \'bfgs\' takes no bounds; "lbfgsb", "nelder-mead", "powell", "slsqp", "differential-evolution"',
    ],
    [
      "a simplex of two points",
      () =>
        minimizeSync(rosenbrock, [0, 0], {
          method: "nelder-mead",
          initialSimplex: [
            [0, 0],
            [1, 1],
          ],
        }),
      "initialSimplex must have 3 points of 2 numbers",
    ],
  ];
  test.each(refusals)("%s", (_what, make, message) => {
    expect(make).toThrow(message);
  });

  test("what f throws comes out, and the promise of the other form rejects", async () => {
    const failing = () => {
      throw new RangeError("from f");
    };
    expect(() => minimizeSync(failing, [0])).toThrow(new RangeError("from f"));
    await expect(minimize(failing, [0])).rejects.toThrow("from f");
    await expect(minimize(rosenbrock, [0, NaN])).rejects.toThrow("x0 must be finite");
  });

  test("inside of noGrad it differentiates all the same", () => {
    expect(noGrad(() => minimizeSync(rosenbrock, [-1.2, 1])).success).toBe(true);
  });
});
