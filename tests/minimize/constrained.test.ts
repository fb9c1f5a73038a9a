// Minimisation under constraints, beside SciPy's slsqp, against the conditions of optimality, and given what cannot be met.
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { minimize, minimizeSync, tensor, type Constraint, type Tensor } from "adjoint";
import { cholesky, quadraticProgram, type Halfspace } from "../../lib/minimize/quadratic.js";
import { functionOf } from "../helpers/expressions.js";
import { errorOf, numbers } from "../helpers/reference.js";

const { problems } = JSON.parse(
  readFileSync(new URL("../goldens/constrained.json", import.meta.url), "utf8"),
) as {
  problems: {
    number: number;
    x0: number[];
    value: string;
    equations: string[];
    inequalities: string[];
    bounds: [number | null, number | null][] | null;
    x: number[];
    fun: number;
    nit: number;
    nfev: number;
    njev: number;
  }[];
};
const loose = (value: unknown) => value as never;
const norm = (x: Tensor) => x.square().sum();

describe("slsqp", () => {
  test.each(problems)("needs no more than SciPy for problem $number", ({ x0, value, bounds, ...said }) => {
    const constraints: Constraint[] = [
      ...said.inequalities.map((text) => ({ type: "ineq" as const, fun: functionOf(text) })),
      ...said.equations.map((text) => ({ type: "eq" as const, fun: functionOf(text) })),
    ];
    const result = minimizeSync(functionOf(value), x0, { constraints, ...(bounds && { bounds }) });
    expect(result.success, result.message).toBe(true);
    expect(Math.abs(result.fun - said.fun)).toBeLessThanOrEqual(1e-5 * Math.max(1, Math.abs(said.fun)));
    for (const { type, fun } of constraints) {
      const there = fun(result.x as never).item();
      expect(type === "eq" ? -Math.abs(there) : there).toBeGreaterThanOrEqual(-1e-5);
    }
    for (const count of ["nit", "nfev", "njev"] as const)
      expect(result[count], count).toBeLessThanOrEqual(Math.max(1.2 * said[count], said[count] + 2));
  });

  test("takes constraints of many elements, one alone, and their Jacobians", async () => {
    const away = tensor([2, -1, 3], { dtype: "float64" });
    const f = (x: Tensor) => norm(x.sub(away));
    const { x } = await minimize(f, [0, 0, 0], { constraints: { type: "ineq", fun: (p) => p.rsub(1) } });
    numbers(x).forEach((one, i) => expect(one).toBeCloseTo([1, -1, 1][i]!, 6));
    let calls = 0;
    const given = minimizeSync(f, [0, 0, 0], {
      constraints: [
        {
          type: "eq",
          fun: (p) => p.sum(),
          jac(p) {
            ++calls;
            return p.mul(0).add(1);
          },
        },
      ],
    });
    expect(numbers(given.x).reduce((a, b) => a + b)).toBeCloseTo(0, 6);
    expect(calls).toBe(given.njev);
  });

  test("begins outside of constraints, and stays within bounds", () => {
    const seen: number[][] = [];
    const result = minimizeSync(
      (x) => {
        seen.push(numbers(x.detach()));
        return norm(x.sub(3));
      },
      [0, 0],
      { bounds: [-1, 2], constraints: { type: "ineq", fun: (x) => x.at(0).sub(1) } },
    );
    numbers(result.x).forEach((one) => expect(one).toBeCloseTo(2, 6));
    expect(seen.flat().every((one) => one >= -1 && one <= 2)).toBe(true);
  });

  test("says what cannot be met, and keeps the point that comes nearest", () => {
    const result = minimizeSync(norm, [3, 3], {
      constraints: [
        { type: "ineq", fun: (x) => x.at(0).sub(1) },
        { type: "ineq", fun: (x) => x.at(0).neg().sub(1) },
      ],
    });
    expect(result).toMatchObject({ success: false, status: "infeasible" });
    const within = minimizeSync(norm, [1, 1], {
      bounds: [0, 2],
      constraints: { type: "eq", fun: (x) => x.sum().sub(9) },
    });
    expect(within).toMatchObject({ success: false, status: "infeasible" });
  });

  test("ends by budgets and signals, with a point that meets the constraints rather than a lower one", () => {
    const constraints = { type: "ineq" as const, fun: (x: Tensor) => x.sum().sub(2) };
    const signal = AbortSignal.abort();
    expect(minimizeSync(norm, [5, 5], { constraints, signal })).toMatchObject({ status: "aborted", nfev: 1 });
    const few = minimizeSync((x) => norm(x.pow(3)), [5, 4], { constraints, maxFev: 4 });
    expect(few.status).toBe("maxEvaluations");
    expect(numbers(few.x).reduce((a, b) => a + b)).toBeGreaterThanOrEqual(2 - 1e-6);
    expect(minimizeSync((x) => norm(x.pow(3)), [5, 4], { constraints, maxIter: 3 })).toMatchObject({
      status: "maxIterations",
      nit: 3,
    });
    expect(minimizeSync((x) => x.log().sum(), [1, 1], { method: "slsqp" }).status).not.toBe("converged");
    expect(minimizeSync((x) => x.sum().mul(NaN), [1], { method: "slsqp" }).status).toBe("nonFinite");
  });

  const plain = { type: "eq", fun: (x: Tensor) => x.sum() } as const;
  test.each<[string, unknown, RegExp]>([
    ["another method", { method: "bfgs", constraints: plain }, /takes no constraints; "slsqp" does/],
    ["no type", { constraints: { fun: plain.fun } }, /type must be "eq" or "ineq"/],
    ["no function", { constraints: [plain, { type: "eq" }] }, /constraints\[1\]: fun must be a function/],
    ["an unknown key", { constraints: { ...plain, function: 3 } }, /fun/],
    ["a number", { constraints: { type: "eq", fun: () => 3 } }, /must return a Tensor/],
    ["a promise", { constraints: { type: "eq", fun: () => Promise.resolve(3) } }, /Promise/],
    ["no graph", { constraints: { type: "eq", fun: () => tensor([1]) } }, /does not depend on x/],
    [
      "a Jacobian of another shape",
      { constraints: { ...plain, jac: () => tensor([1]) } },
      /shape \[1, 2\], but got shape \[1\]/,
    ],
    ["a start outside of the bounds", { method: "slsqp", bounds: [2, 3] }, /x0 is outside of the bounds/],
    ["batches", { batch: true, constraints: plain }, /not for batches/],
  ])("refuses %s", (_, options, words) => {
    const x0 = (options as { batch?: true }).batch ? tensor([[1, 1]], { dtype: "float64" }) : [1, 1];
    const error = errorOf(() => minimizeSync(loose(norm), loose(x0), loose(options)));
    expect(error.message).toMatch(words);
    expect(error.code).toMatch(/^ERR_/);
  });
});

describe("quadratic programs", () => {
  const element = fc.double({ min: -2, max: 2, noNaN: true });
  const vector = (n: number) => fc.array(element, { minLength: n, maxLength: n });
  const cases = fc.integer({ min: 1, max: 5 }).chain((n) =>
    fc.record({
      root: vector(n * n),
      gradient: vector(n),
      inside: vector(n),
      normals: fc.array(vector(n), { maxLength: 2 * n }),
      equations: fc.integer({ min: 0, max: Math.max(n - 1, 0) }),
    }),
  );

  test("meet the conditions of optimality", () => {
    fc.assert(
      fc.property(cases, ({ root, gradient, inside, normals, equations }) => {
        const n = gradient.length;
        const b = new Float64Array(n * n);
        for (let i = 0; i < n; ++i)
          for (let j = 0; j < n; ++j) {
            b[i * n + j] = Number(i === j) / 2;
            for (let k = 0; k < n; ++k) b[i * n + j]! += root[i * n + k]! * root[j * n + k]!;
          }
        const dot = (a: ArrayLike<number>, c: ArrayLike<number>) =>
          Array.from(a).reduce((sum, one, i) => sum + one * c[i]!, 0);
        const usable = normals.filter((normal) => Math.hypot(...normal) > 0.1);
        const halfspaces: Halfspace[] = usable.map((normal, i) => ({
          normal: Float64Array.from(normal),
          offset: -dot(normal, inside) + (i < equations ? 0 : 0.3),
          isEquation: i < equations,
        }));
        const found = quadraticProgram(cholesky(b, n)!, Float64Array.from(gradient), halfspaces);
        expect(found).toBeDefined();
        const { x, multipliers } = found!;
        const scale = 1 + Math.hypot(...x, ...multipliers);
        halfspaces.forEach(({ normal, offset, isEquation }, i) => {
          const slack = dot(normal, x) + offset;
          expect(isEquation ? -Math.abs(slack) : slack).toBeGreaterThanOrEqual(-1e-8 * scale);
          if (isEquation) return;
          expect(multipliers[i]).toBeGreaterThanOrEqual(-1e-8 * scale);
          expect(Math.abs(multipliers[i]! * slack)).toBeLessThanOrEqual(1e-7 * scale * scale);
        });
        for (let i = 0; i < n; ++i) {
          const model = dot(b.subarray(i * n, (i + 1) * n), x) + gradient[i]!;
          const force = halfspaces.reduce((sum, { normal }, j) => sum + multipliers[j]! * normal[i]!, 0);
          expect(Math.abs(model - force)).toBeLessThanOrEqual(1e-7 * scale);
        }
      }),
      { numRuns: 300 },
    );
  });

  test("without a point are none", () => {
    const side = (sign: number, offset: number): Halfspace => ({
      normal: Float64Array.of(sign),
      offset,
      isEquation: false,
    });
    expect(
      quadraticProgram(Float64Array.of(1), Float64Array.of(0), [side(1, -1), side(-1, -1)]),
    ).toBeUndefined();
  });
});
