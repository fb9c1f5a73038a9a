import { describe, expect, test } from "vitest";
import { autograd, linalg, nn, special, tensor, where, type Tensor } from "../../lib/index.js";
import { expectClose, numbers } from "../helpers/reference.js";

// PyTorch's gradients where there is none, or more than one: at kinks, ties, bounds, poles and NaN; computed by PyTorch 2.13.

const F = nn.functional;
const [inf, nan] = [Infinity, NaN];
const double = (elements: number[]) => tensor(elements, { dtype: "float64" });
const leaf = (elements: number[]) => double(elements).requiresGrad_();

type Row = [name: string, f: (x: Tensor) => Tensor, x: number[], gradient: number[]];
const ofOne: Row[] = [
  ["abs", (x) => x.abs(), [0, -2, 3], [0, -1, 1]],
  ["sign", (x) => x.sign(), [0, 2], [0, 0]],
  ["floor", (x) => x.floor(), [0, 1.5], [0, 0]],
  ["ceil", (x) => x.ceil(), [1], [0]],
  ["round", (x) => x.round(), [0.5, 1.5], [0, 0]],
  ["trunc", (x) => x.trunc(), [1], [0]],
  ["relu", (x) => x.relu(), [0, -0, nan, 1, -1], [0, 0, 1, 1, 0]],
  ["clamp", (x) => x.clamp(-1, 1), [-1, 1, 0, 2, -2, nan], [1, 1, 1, 0, 0, 0]],
  ["clamp from below", (x) => x.clamp(0), [0, -1, 1, nan], [1, 0, 1, 0]],
  ["clamp from above", (x) => x.clamp(null, 0), [0, -1, 1, nan], [1, 1, 0, 0]],
  ["sqrt", (x) => x.sqrt(), [0, -1], [inf, nan]],
  ["rsqrt", (x) => x.rsqrt(), [0], [-inf]],
  ["log", (x) => x.log(), [0, -1], [inf, -1]],
  ["log1p", (x) => x.log1p(), [-1], [inf]],
  ["asin", (x) => x.asin(), [1, -1], [inf, inf]],
  ["acos", (x) => x.acos(), [1], [-inf]],
  ["acosh", (x) => x.acosh(), [1], [inf]],
  ["atanh", (x) => x.atanh(), [1], [inf]],
  ["x ** 0", (x) => x.pow(0), [0, 2, nan], [0, 0, 0]],
  ["x ** 1", (x) => x.pow(1), [0, 2], [1, 1]],
  ["x ** 2", (x) => x.pow(2), [0, -1], [0, -2]],
  ["x ** 0.5", (x) => x.pow(0.5), [0], [inf]],
  ["x ** -1", (x) => x.pow(-1), [0], [-inf]],
  ["0 ** x", (x) => x.rpow(0), [0, 2], [0, 0]],
  ["max with ties", (x) => x.max(), [1, 3, 3, 2], [0, 0.5, 0.5, 0]],
  ["min with ties", (x) => x.min(), [1, 1, 1, 2], [1 / 3, 1 / 3, 1 / 3, 0]],
  ["amax(0) with ties", (x) => x.amax(0), [3, 3, 1], [0.5, 0.5, 0]],
  ["amax of NaN", (x) => x.amax(), [1, nan], [nan, nan]],
  ["length at zero", (x) => x.pow(2).sum().sqrt(), [0, 0], [nan, nan]],
  ["where twice", (x) => where(x.gt(0), where(x.gt(0), x, 1).sqrt(), 0), [-1, 0, 4], [0, 0, 0.25]],
  ["erfinv", (x) => x.erfinv(), [1, -1], [inf, inf]],
  ["xlogy of the first", (x) => x.xlogy(double([0, 2])), [0, 0], [0, Math.LN2]],
  ["xlogy of the second", (x) => double([0]).xlogy(x), [0], [nan]],
  ["xlog1py", (x) => special.xlog1py(x, double([-1, 0])), [0, 0], [0, 0]],
  ["sinc", (x) => x.sinc(), [0], [0]],
  ["logaddexp", (x) => x.logaddexp(double([-inf, 0])), [-inf, 0], [nan, 0.5]],
  ["i1", (x) => special.i1(x), [0], [0.5]],
  ["i1e", (x) => special.i1e(x), [0], [0.5]],
  ["entr", (x) => special.entr(x), [0], [inf]],
  ["logit", (x) => x.logit(), [0, 1, 2], [inf, inf, nan]],
  ["logit with eps", (x) => x.logit({ eps: 0.25 }), [0, 0.5, 0.9], [0, 4, 0]],
  ["logNdtr", (x) => special.logNdtr(x), [-inf, 40], [inf, 0]],
  ["frac", (x) => x.frac(), [0, 1], [1, 1]],
  ["copysign", (x) => x.copysign(-1), [0, 2], [0, -1]],
  ["nanToNum", (x) => x.nanToNum(), [nan, inf, 1], [0, 0, 1]],
  ["nansum", (x) => x.nansum(), [nan, 1], [0, 1]],
  ["max(0) with ties, to the first", (x) => x.max(0).values, [1, 3, 3], [0, 1, 0]],
  ["cummax with ties, to the last", (x) => x.cummax(0).values, [2, 2, 1], [1, 2, 0]],
  ["median with ties", (x) => x.median(), [1, 1, 2], [0.5, 0.5, 0]],
  ["quantile between two", (x) => x.quantile(0.5), [1, 2], [0.5, 0.5]],
  ["prod with a zero", (x) => x.prod(), [0, 2, 3], [6, 0, 0]],
  ["prod with two zeros", (x) => x.prod(), [0, 0, 3], [0, 0, 0]],
  ["cumprod with a zero", (x) => x.cumprod(0), [2, 0, 3], [1, 8, 0]],
  ["logsumexp of nothing", (x) => x.logsumexp(0), [-inf, -inf], [nan, nan]],
  ["std of one", (x) => x.std(), [1], [nan]],
  ["std of equal ones", (x) => x.std(), [1, 1], [0, 0]],
  ["vectorNorm at 0", (x) => linalg.vectorNorm(x), [0, 0], [0, 0]],
  ["vectorNorm 1 at 0", (x) => linalg.vectorNorm(x, 1), [0, 0], [0, 0]],
  ["vectorNorm 3 at 0", (x) => linalg.vectorNorm(x, 3), [0, 0], [0, 0]],
  ["vectorNorm inf with ties", (x) => linalg.vectorNorm(x, inf), [2, -2, 1], [0.5, -0.5, 0]],
  ["dist to itself", (x) => x.dist(double([1, 2])), [1, 2], [0, 0]],
  ["smoothL1Loss at 1", (x) => F.smoothL1Loss(x, double([0])), [1], [1]],
  ["huberLoss at 1", (x) => F.huberLoss(x, double([0])), [1], [1]],
  ["l1Loss at 0", (x) => F.l1Loss(x, double([0])), [0], [0]],
  ["normalize at 0", (x) => F.normalize(x, { dim: 0 }), [0], [1e12]],
];

test.each(ofOne)("%s", (_, f, at, expected) => {
  const x = leaf(at);
  f(x).sum().backward();
  expectClose(numbers(x.grad!), expected, 1e-14, 0, "gradient");
});

describe("activations, and their values", () => {
  test.each<[string, (x: Tensor) => Tensor, number[], number[], number[]]>([
    ["relu", (x) => F.relu(x), [0, NaN, inf, -inf], [0, NaN, inf, 0], [0, 1, 1, 0]],
    ["relu6", (x) => F.relu6(x), [0, 6, 3, NaN], [0, 6, 3, NaN], [0, 0, 1, 1]],
    ["hardtanh", (x) => F.hardtanh(x), [1, -1, NaN, inf], [1, -1, NaN, 1], [0, 0, 1, 0]],
    ["hardsigmoid", (x) => F.hardsigmoid(x), [3, -3, inf, -inf], [1, 0, 1, 0], [0, 0, 0, 0]],
    ["hardswish", (x) => F.hardswish(x), [3, -3, NaN, inf], [3, 0, NaN, inf], [1, 0, NaN, 1]],
    ["threshold", (x) => F.threshold(x, 0, 7), [0, NaN, inf, -inf], [7, NaN, inf, 7], [0, 1, 1, 0]],
    [
      "leakyRelu",
      (x) => F.leakyRelu(x, { negativeSlope: 0.1 }),
      [0, NaN, inf, -inf],
      [0, NaN, inf, -inf],
      [0.1, 0.1, 1, 0.1],
    ],
    ["elu", (x) => F.elu(x, { alpha: 2 }), [0, 1, -inf, inf], [0, 1, -2, inf], [2, 1, 0, 1]],
    ["celu", (x) => F.celu(x, { alpha: 2 }), [0, inf, -inf], [0, inf, -2], [1, 1, 0]],
    ["selu", (x) => F.selu(x), [0, inf], [0, inf], [1.7580993408473766, 1.0507009873554805]],
    ["softshrink", (x) => F.softshrink(x), [0.5, -0.5, 2, NaN], [0, 0, 1.5, NaN], [0, 0, 1, 0]],
    ["hardshrink", (x) => F.hardshrink(x), [0.5, -0.5, inf, NaN], [0, 0, inf, NaN], [0, 0, 1, 1]],
    ["softplus", (x) => F.softplus(x), [0, inf, -inf, 1000], [Math.LN2, inf, 0, 1000], [0.5, 1, 0, 1]],
    [
      "logsigmoid",
      (x) => F.logsigmoid(x),
      [0, -inf, 1000, -1000],
      [-Math.LN2, -inf, 0, -1000],
      [0.5, 1, 0, 1],
    ],
    ["mish", (x) => F.mish(x), [0, 1000, -1000], [0, 1000, 0], [0.6, 1, 0]],
    ["silu", (x) => F.silu(x), [0, 1000, -1000], [0, 1000, 0], [0.5, 1, 0]],
    ["gelu", (x) => F.gelu(x), [0, 1000, -1000], [0, 1000, 0], [0.5, 1, 0]],
    ["softsign", (x) => F.softsign(x), [0, 1e200], [0, 1], [1, 0]],
  ])("%s", (name, f, places, values, gradients) => {
    const x = leaf(places);
    const y = f(x);
    expectClose(numbers(y.detach()), values, 1e-12, 1e-15, name);
    expectClose(numbers(autograd.grad(y.sum(), x)[0]!), gradients, 1e-12, 1e-15, `gradient of ${name}`);
  });
});

type RowOfTwo = [
  name: string,
  f: (a: Tensor, b: Tensor) => Tensor,
  a: number[],
  b: number[],
  gradientOfA: number[],
  gradientOfB: number[],
];
const ofTwo: RowOfTwo[] = [
  [
    "maximum",
    (a, b) => a.maximum(b),
    [1, 1, nan, 1, 2],
    [1, nan, 1, 2, 1],
    [0.5, 1, 1, 0, 1],
    [0.5, 1, 1, 1, 0],
  ],
  [
    "minimum",
    (a, b) => a.minimum(b),
    [1, 1, nan, 1, 2],
    [1, nan, 1, 2, 1],
    [0.5, 1, 1, 1, 0],
    [0.5, 1, 1, 0, 1],
  ],
  ["hypot", (a, b) => a.hypot(b), [0, 3], [0, 4], [nan, 0.6], [nan, 0.8]],
  ["atan2", (a, b) => a.atan2(b), [0], [0], [0], [0]],
  ["div", (a, b) => a.div(b), [1], [0], [inf], [-inf]],
  ["pow", (a, b) => a.pow(b), [0, 0, 0, -1], [0, 2, -1, 2], [0, 0, -inf, -2], [0, 0, -inf, nan]],
  ["fmax", (a, b) => a.fmax(b), [1, nan, 2], [2, 2, 2], [0, 0, 1], [1, 1, 0]],
  ["remainder", (a, b) => a.remainder(b), [-7], [2], [1], [4]],
  ["fmod", (a, b) => a.fmod(b), [-7], [2], [1], [3]],
];

test.each(ofTwo)("%s of two", (_, f, a, b, expectedA, expectedB) => {
  const [x, y] = [leaf(a), leaf(b)];
  f(x, y).sum().backward();
  expectClose(numbers(x.grad!), expectedA, 1e-15, 0, "left");
  expectClose(numbers(y.grad!), expectedB, 1e-15, 0, "right");
});

test("clamp with bounds that are tensors: ties go to x, outside to the bound, crossed bounds to the upper one", () => {
  const x = leaf([0, 1, -1, 2, 0, 0, 2, nan, 0.5]);
  const lo = leaf([0, 0, 0, 0, 1, 1, 1, 0, 0]);
  const hi = leaf([1, 1, 1, 1, -1, 1, 1, 1, nan]);
  const out = x.clamp(lo, hi);
  expectClose(numbers(out), [0, 1, 0, 1, -1, 1, 1, nan, nan], 0, 0, "value");
  out.sum().backward();
  expect(numbers(x.grad!)).toEqual([1, 1, 0, 0, 0, 0, 0, 0, 0]);
  expect(numbers(lo.grad!)).toEqual([0, 0, 1, 0, 0, 0, 0, 0, 0]);
  expect(numbers(hi.grad!)).toEqual([0, 0, 0, 1, 1, 0, 1, 0, 0]);
});

describe("elements that where has not chosen have no part in the gradient, which PyTorch makes NaN", () => {
  const rows: Row[] = [
    ["beside a pole", (x) => where(x.gt(0), x.sqrt(), 0), [-1, 0, 4], [0, 0, 0.25]],
    ["beside another function", (x) => where(x.gt(0), x.sqrt(), x), [-1, -4, 4], [1, 1, 0.25]],
    ["of a quotient", (x) => where(x.ne(0), x.sin().div(x), 1), [0, 1], [0, Math.cos(1) - Math.sin(1)]],
    ["of where", (x) => where(x.gt(1), where(x.gt(2), x.sub(2).log(), x), 0), [0, 1.5, 3], [0, 1, 1]],
    ["in a new shape", (x) => where(x.gt(0), x.reshape(1, -1).log().mT.sum(1), 0), [-1, 0, 2], [0, 0, 0.5]],
    ["of all", (x) => where(x.sum().gt(9), x.log().sum(), x.sum()), [-1, 0], [1, 1]],
    ["of a power", (x) => where(x.gt(0), x.pow(double([0.5, 0.5])), 1), [0, 4], [0, 0.25]],
  ];
  test.each(rows)("%s", (name, f, elements, gradient) => {
    const x = leaf(elements);
    const [first] = autograd.grad(f(x).sum(), x, { createGraph: true });
    expectClose([...first!.detach().dataSync()], gradient, 1e-12, 0, name);
    const [second] = first!.requiresGrad ? autograd.grad(first!.sum(), x, { allowUnused: true }) : [null];
    for (const value of second?.dataSync() ?? []) expect(value).not.toBeNaN();
  });
});
