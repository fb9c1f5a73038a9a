// Special functions: their accuracy, against values that goldens/special.py computes to many digits, and their edges.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import * as adjoint from "../../lib/index.js";
import { autograd, noGrad, special, tensor, type Tensor } from "../../lib/index.js";
import { errorOf, expectClose, numbers } from "../helpers/reference.js";

type Compute = (...operands: Tensor[]) => Tensor;
const goldens = (
  JSON.parse(readFileSync(new URL("../goldens/special.json", import.meta.url), "utf8")) as {
    functions: Record<string, { bound: number; cases: number[][] }>;
  }
).functions;

const double = (data: number | number[], requiresGrad = false) =>
  tensor(data, { dtype: "float64", requiresGrad });

/** The distance of neighbouring numbers at x. */
const ulp = (x: number) => 2 ** Math.max(Math.floor(Math.log2(Math.abs(x))) - 52, -1074);

describe("within units of the last place", () => {
  test.each(Object.entries(goldens))("%s", (name, { bound, cases }) => {
    const path = name.split(".");
    const spaces = adjoint as unknown as Record<string, Compute & Record<string, Compute>>;
    const compute = path.length === 2 ? spaces[path[0]!]![path[1]!]! : spaces[name]!;
    const columns = cases[0]!.slice(0, -1).map((_, i) => double(cases.map((one) => one[i]!)));
    const got = numbers(compute(...columns));
    const single = numbers(compute(...columns.map((column) => column.to("float32"))));
    const rounded = numbers(
      compute(...columns.map((column) => column.to("float32").to("float64"))).to("float32"),
    );
    cases.forEach((one, i) => {
      const wanted = one.at(-1)!;
      const error = Math.abs(got[i]! - wanted) / ulp(wanted);
      expect(error, `${name}(${one.slice(0, -1).join(", ")}) = ${got[i]}, not ${wanted}`).toBeLessThan(bound);
    });
    expectClose(single, rounded, 5e-7, 1e-300, name);
  });
});

describe("edges", () => {
  const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
  test.each<[string, number[] | Tensor, number[]]>([
    [
      "lgamma",
      double([0, -1, 1, 2, inf, -inf, nan, 1e-300, -0.5]).lgamma(),
      [inf, inf, 0, 0, inf, inf, nan, 690.7755278982137, 1.265512123484645],
    ],
    ["digamma", double([0, -0, -1, inf, -inf, nan]).digamma(), [-inf, inf, nan, inf, nan, nan]],
    ["erfinv", double([-1, 1, 1.5, 0, nan]).erfinv(), [-inf, inf, nan, 0, nan]],
    ["ndtri", special.ndtri(double([0, 1, 0.5, -0.1, 1.1])), [-inf, inf, 0, nan, nan]],
    ["erfcx", special.erfcx(double([inf, -inf, 0, nan, -30])), [0, inf, 1, nan, inf]],
    ["logNdtr", special.logNdtr(double([inf, -inf, nan, -1e10])), [0, -inf, nan, -5e19]],
    ["ndtr", special.ndtr(double([inf, -inf, 0, nan])), [1, 0, 0.5, nan]],
    ["i0", double([0, inf, -inf, nan]).i0(), [1, inf, inf, nan]],
    ["i0e", special.i0e(double([0, inf, nan])), [1, 0, nan]],
    ["i1", special.i1(double([0, inf, -inf, nan])), [0, inf, -inf, nan]],
    ["i1e", special.i1e(double([0, inf, nan])), [0, 0, nan]],
    [
      "zeta",
      special.zeta(double([2, 1, 0.5, 2, 2.5, 2, 3]), double([1, 3, 3, -2, -0.5, nan, -0.5])),
      [Math.PI ** 2 / 6, inf, nan, inf, nan, nan, 0.414398322117159],
    ],
    ["zeta of a number", special.zeta(2, double([1])), [Math.PI ** 2 / 6]],
    [
      "igamma",
      double([0, 0, 2, 2, -1, inf, inf, nan]).igamma(double([0, 1, 0, inf, 1, 1, inf, 1])),
      [nan, 1, 0, 1, nan, 0, nan, nan],
    ],
    ["igammac", double([0, 0, 2, 2, -1, inf]).igammac(double([0, 1, 0, inf, 1, 1])), [nan, 0, 1, 0, nan, 1]],
    ["logit", double([0, 1, 0.5, 1.5, -1]).logit(), [-inf, inf, 0, nan, nan]],
    ["entr", special.entr(double([0, 1, -1, inf, nan])), [0, 0, -inf, -inf, nan]],
    ["xlogy", double([0, 0, 0, 2]).xlogy(double([0, nan, inf, 0])), [0, nan, 0, -inf]],
    ["xlogy of a number", special.xlogy(2, double([1])), [0]],
    ["xlog1py", special.xlog1py(double([0, 0, 2]), double([-1, nan, -1])), [0, nan, -inf]],
    ["sinc", double([0, 1, 0.5, nan]).sinc(), [1, 3.8981718325193755e-17, 2 / Math.PI, nan]],
    [
      "logaddexp",
      double([-inf, inf, inf, 1e300]).logaddexp(double([-inf, inf, -inf, 1e300])),
      [-inf, inf, inf, 1e300],
    ],
    ["polygamma", special.polygamma(2, double([0, 1])), [-inf, -2.4041138063191885]],
    ["polygamma, the other way round", special.polygamma(double([1]), 1), [Math.PI ** 2 / 6]],
    ["polygamma of 0", double([1]).polygamma(0), [-0.5772156649015329]],
    ["mvlgamma", double([3]).mvlgamma(2), [0.5 * Math.log(Math.PI) + Math.log(2) + 0.2846828704729192]],
  ])("%s", (name, got, wanted) => {
    expectClose(Array.isArray(got) ? got : numbers(got), wanted, 1e-13, 1e-15, name);
  });

  test("nothing runs for ever", () => {
    const far = double([1e300, -1e300, 1e15, -1e15 + 0.5, 1e-300, 5e-324, 1e8, -1e8 + 0.25]);
    const near = far.mul(1.0001);
    for (const result of [
      far.lgamma(),
      far.digamma(),
      special.zeta(far, near),
      special.zeta(near, far),
      special.zeta(2, far),
      far.igamma(near),
      far.igammac(near),
      far.abs().igamma(near.abs()),
      far.fmod(near),
    ])
      expect(numbers(result)).toHaveLength(8);
  });
});

describe("gradients", () => {
  /** d/dx of the gradient of `f`, and what differences of the gradient say. */
  const seconds: [string, (x: Tensor) => Tensor, number][] = [
    ["lgamma", (x) => x.lgamma(), 1.3],
    ["digamma below 0", (x) => x.digamma(), -1.7],
    ["polygamma", (x) => x.polygamma(3), 0.8],
    ["mvlgamma", (x) => x.mvlgamma(3), 2.2],
    ["erfinv", (x) => x.erfinv(), 0.6],
    ["ndtri", special.ndtri, 0.3],
    ["ndtr", special.ndtr, 0.3],
    ["sinc", (x) => x.sinc(), 0.4],
    ["i0", (x) => x.i0(), -14],
    ["logaddexp of equal ones", (x) => x.logaddexp(double(0.5)), 0.5],
    ["igammac", (x) => double(2.5).igammac(x), 1.5],
    ["logit with eps", (x) => x.logit({ eps: 0.1 }), 0.3],
    ["ldexp", (x) => double(3).ldexp(x), 1.5],
  ];
  test.each(seconds)("the second one of %s is that of differences", (name, f, at) => {
    const first = (value: number) => {
      const x = double(value, true);
      return { x, slope: autograd.grad(f(x), x, { createGraph: true })[0]! };
    };
    const { x, slope } = first(at);
    const second = autograd.grad(slope, x)[0]!.item();
    const differences = (first(at + 1e-5).slope.item() - first(at - 1e-5).slope.item()) / 2e-5;
    expectClose([second], [differences], 1e-6, 1e-7, name);
  });

  test.each([
    ["igamma: input", (x: Tensor) => x.igamma(double(1))],
    ["igammac: input", (x: Tensor) => x.igammac(double(1))],
    ["zeta", (x: Tensor) => special.zeta(x, double(1))],
  ])("there is none of %s", (what, f) => {
    const x = double(2, true);
    const error = errorOf(() => f(x));
    expect(error).toMatchObject({ code: "ERR_AUTOGRAD" });
    expect(error.message).toContain(`the derivative for '${what}' is not implemented.`);
    noGrad(() => f(x));
    f(x.detach());
  });
});

test("what is wrong is refused", () => {
  const x = double([1, 2]);
  expect(errorOf(() => x.polygamma(-1))).toMatchObject({ code: "ERR_ARGUMENT", op: "polygamma" });
  expect(errorOf(() => special.polygamma(1.5, x))).toMatchObject({ code: "ERR_ARGUMENT" });
  expect(errorOf(() => special.polygamma(1, 2 as never))).toMatchObject({ code: "ERR_ARGUMENT" });
  expect(errorOf(() => x.mvlgamma(0)).message).toContain("p has to be greater than or equal to 1");
  expect(errorOf(() => x.logit({ eps: "a" as never }))).toMatchObject({ code: "ERR_OPTION" });
  expect(errorOf(() => special.ndtri([1] as never))).toMatchObject({ code: "ERR_ARGUMENT", op: "ndtri" });
  expect(errorOf(() => x.logaddexp(2 as never))).toMatchObject({ code: "ERR_ARGUMENT", op: "logaddexp" });
  expect(errorOf(() => special.zeta(2, 3))).toMatchObject({ code: "ERR_ARGUMENT" });
  expect(errorOf(() => x.igamma(double([1, 2, 3])))).toMatchObject({ code: "ERR_SHAPE" });
});

describe("floats are doubles, rounded", () => {
  const spread = (count: number, low: number, high: number) =>
    Array.from({ length: count }, (_, i) => low + (high - low) * (((i + 1) * 0.6180339887498949) % 1));
  const powers = spread(3000, -44, 38).map((exponent) => 10 ** exponent);
  const small = powers.filter((x) => x < 0.5);
  const functions: [string, Compute, number[]][] = [
    ["erfinv", (x) => x.erfinv(), [...spread(4000, -1, 1), ...small, ...small.map((x) => 1 - x)]],
    ["ndtri", special.ndtri, [...spread(4000, 0, 1), ...small, ...small.map((x) => 1 - x)]],
    ["lgamma", (x) => x.lgamma(), [...spread(4000, 0, 30), ...spread(1000, -20, 0), ...powers]],
    ["erfc", (x) => x.erfc(), [...spread(4000, -5, 11), ...small]],
    ["i0e", special.i0e, [...spread(4000, -40, 40), ...powers]],
    ["i1e", special.i1e, [...spread(4000, -40, 40), ...powers]],
    ["i0", (x) => x.i0(), spread(4000, -40, 40)],
    ["i1", special.i1, [...spread(4000, -40, 40), ...small]],
    ["zeta of 2.5", (x) => special.zeta(2.5, x), spread(4000, 0.01, 60)],
    ["igamma of 2.5", (x) => x.mul(0).add(2.5).igamma(x), spread(4000, 0.01, 40)],
    ["trigamma", (x) => x.polygamma(1), [...spread(4000, 0, 40), ...powers.filter((x) => x > 1e-18)]],
  ];
  test.each(functions)("%s", (name, compute, values) => {
    const x = tensor(values, { dtype: "float32" });
    expectClose(
      numbers(compute(x)),
      numbers(compute(x.to("float64")).to("float32")),
      2 ** -21.5,
      1e-44,
      name,
    );
  });
  test("lgamma has its zeros", () => {
    expect(numbers(tensor([1, 2], { dtype: "float32" }).lgamma())).toEqual([0, 0]);
  });
  test.each([
    ["fmod", (a, b) => a.fmod(b)],
    ["remainder", (a, b) => a.remainder(b)],
  ] as [string, Compute][])("%s, exactly", (_, compute) => {
    const signed = (values: number[]) => values.map((x, i) => (i % 3 === 0 ? -x : x));
    const a = tensor(signed([...powers, ...spread(3000, 0, 100)]), { dtype: "float32" });
    const b = tensor(signed([...powers.toReversed(), ...spread(3000, 0.1, 5)]), { dtype: "float32" });
    const one = noGrad(() => compute(a.to("float64"), b.to("float64")).to("float32"));
    expect(numbers(compute(a, b))).toEqual(numbers(one));
  });
});

test("dtypes stay what they are, whatever the default is", () => {
  adjoint.setDefaultDtype("float64");
  try {
    const x = tensor([2.5, 3], { dtype: "float32" });
    for (const out of [x.mvlgamma(2), x.polygamma(1), x.sinc(), x.logit({ eps: 0.1 }), special.ndtr(x)])
      expect(out.dtype).toBe("float32");
    expect(tensor([2n, 3n]).mvlgamma(2).dtype).toBe("float64");
  } finally {
    adjoint.setDefaultDtype("float32");
  }
});

test("PyTorch's other names stand for the same", () => {
  const x = double([0.2, 0.7]);
  const pairs: [Tensor, Tensor][] = [
    [special.expit(x), x.sigmoid()],
    [special.psi(x), x.digamma()],
    [special.gammaln(x), x.lgamma()],
    [special.gammainc(x, x), x.igamma(x)],
    [special.gammaincc(x, x), x.igammac(x)],
    [special.multigammaln(x.add(2), 2), x.add(2).mvlgamma(2)],
    [special.logit(x, { eps: 0.3 }), x.logit({ eps: 0.3 })],
    [special.round(x, { decimals: 1 }), x.round({ decimals: 1 })],
    [special.logsumexp(x, 0), x.logsumexp(0)],
    [special.softmax(x, 0), x.softmax(0)],
    [special.logSoftmax(x, 0), x.logSoftmax(0)],
    [adjoint.polygamma(1, x), x.polygamma(1)],
  ];
  for (const [one, other] of pairs) expect(numbers(one)).toEqual(numbers(other));
});
