import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { autograd, explain, nn, realize, tensor, zeros, type DType, type Tensor } from "../../lib/index.js";
import * as adjoint from "../../lib/index.js";
import { named } from "../../lib/functional/history.js";
import { native } from "../../lib/native.js";
import { errorOf, expectClose, isClose, numbers } from "../helpers/reference.js";
import { expectSample, readSamples, weighted, type Sample } from "../helpers/samples.js";

// Ops that are said with other ops: PyTorch's own samples (an excerpt of what goldens/opinfo.py writes), gradients
// against differences, and what PyTorch says of them.

const ops = readSamples("compositions.json");

type Args = (Tensor | number | number[])[];
interface Options {
  dim?: number | number[];
  dtype?: DType;
  keepdim?: boolean;
  correction?: number;
  value?: number;
}
type Build = (x: Tensor, args: Args, options: Options) => Tensor;
const asVariance =
  (op: "var" | "std"): Build =>
  (x, _, { dim, ...options }) =>
    x[op](dim, options);

const builders: Record<string, Build> = {
  softmax: (x, [dim], options) => x.softmax(dim as number, options),
  log_softmax: (x, [dim], options) => x.logSoftmax(dim as number, options),
  "nn.functional.softmin": (x, [dim], options) => nn.functional.softmin(x, dim as number, options),
  logsumexp: (x, [dim, keepdim]) => x.logsumexp(dim as number[], { keepdim: Boolean(keepdim) }),
  var: asVariance("var"),
  std: asVariance("std"),
  addcmul: (x, [a, b], options) => x.addcmul(a as Tensor, b as Tensor, options),
  addcdiv: (x, [a, b], options) => x.addcdiv(a as Tensor, b as Tensor, options),
  dot: (x, [other]) => x.dot(other as Tensor),
};

/** PyTorch's older word for the correction is none of ours. */
function optionsOf({ kwargs, args }: Sample, op: string): Options {
  const options: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(kwargs)) {
    if (name === "unbiased") options["correction"] = value === true ? 1 : 0;
    else if (name === "dtype") options[name] = (value as { torch_dtype: string }).torch_dtype;
    else if (value !== null) options[name] = value;
  }
  if (op.endsWith(".unbiased")) options["correction"] = args[0] === true ? 1 : 0;
  return options;
}

describe.each(Object.keys(ops))("PyTorch's samples of %s", (op) => {
  const build = builders[op.replace(/\.(with_dtype|unbiased)$/, "")]!;
  test.each(ops[op]!.cases.map((sample, i) => [i, sample.input.shape, sample] as const))(
    "%i: %j",
    (i, _, sample) => {
      const compute = (x: Tensor, args: unknown[]) => [build(x, args as Args, optionsOf(sample, op))];
      expectSample(sample, `${op} ${i}`, compute, (dtype) => (dtype === "float32" ? 2e-6 : 1e-10));
    },
  );
});

const functions: Record<string, [(x: Tensor) => Tensor, label: string]> = {
  softmax: [(x) => x.softmax(1), "SoftmaxBackward0"],
  "softmax along the first dimension": [(x) => x.softmax(0), "SoftmaxBackward0"],
  logSoftmax: [(x) => x.logSoftmax(-1), "LogSoftmaxBackward0"],
  softmin: [(x) => nn.functional.softmin(x, 1), "SoftmaxBackward0"],
  logsumexp: [(x) => x.logsumexp(1), "LogsumexpBackward0"],
  "logsumexp of all": [(x) => x.logsumexp(), "LogsumexpBackward0"],
  var: [(x) => x.var(1), "VarBackward0"],
  "var of all": [(x) => x.var(null, { correction: 0, keepdim: true }), "VarBackward0"],
  std: [(x) => x.std(0, { keepdim: true }), "StdBackward0"],
  rsub: [(x) => x.rsub(2), "RsubBackward1"],
  max: [(x) => x.max(), "MaxBackward1"],
  min: [(x) => x.min(), "MinBackward1"],
  clamp: [(x) => x.clamp(-0.5, 0.5), "ClampBackward1"],
  addcmul: [(x) => x.addcmul(x, x, { value: 0.5 }), "AddcmulBackward0"],
  addcdiv: [(x) => x.addcdiv(x, x.square().add(1)), "AddcdivBackward0"],
};

describe.each(Object.entries(functions))("%s", (name, [build, label]) => {
  const data = [0.3, -1.2, 0.9, 2.1, -0.7, 0.45, 1.6, -0.25, 0.05, 1.1, -1.9, 0.62];
  const leaf = (elements: readonly number[]) =>
    tensor([...elements], { dtype: "float64" })
      .reshape([3, 4])
      .clone()
      .requiresGrad_();
  const gradient = (x: Tensor, loss: Tensor, createGraph = false) =>
    autograd.grad(loss, x, { createGraph })[0]!;
  /** What central differences say of the gradient of `loss`. */
  const differences = (loss: (x: Tensor) => Tensor) =>
    data.map((_, i) => {
      const at = (step: number) => loss(leaf(data.map((v, j) => (i === j ? v + step : v)))).item();
      return (at(1e-5) - at(-1e-5)) / 2e-5;
    });

  test("has PyTorch's name in the history", () => {
    expect(build(leaf(data)).gradFn).toBe(label);
  });

  test("has the gradient that differences show, and the second", () => {
    const x = leaf(data);
    const loss = (at: Tensor) => weighted(build(at));
    const slope = (at: Tensor) => weighted(gradient(at, loss(at), true).square());
    expectClose(numbers(gradient(x, loss(x))), differences(loss), 1e-6, 1e-8, name);
    if (["rsub", "max", "min", "clamp"].includes(name)) return; // no second gradient
    expectClose(numbers(gradient(x, slope(x))), differences(slope), 1e-5, 1e-7, `second of ${name}`);
  });
});

test("what torch has at its top is at ours", () => {
  const x = tensor([[1, 2.5, -1]]);
  for (const name of ["softmax", "logSoftmax", "logsumexp", "var", "std"] as const)
    expect(numbers(adjoint[name](x, 1)), name).toEqual(numbers(x[name](1)));
  expect(numbers(nn.functional.softmax(x, 1))).toEqual(numbers(x.softmax(1)));
  expect(numbers(nn.functional.logSoftmax(x, 1))).toEqual(numbers(x.logSoftmax(1)));
});

test("any composition names its history", () => {
  const x = tensor([1, 2], { requiresGrad: true });
  const results = Array.from({ length: 100 }, (_, i) => named(x.mul(i), `Twice${i}`, "3"));
  expect(results.map(({ gradFn }) => gradFn)).toEqual(results.map((_, i) => `Twice${i}Backward3`));
  expect(named(tensor([1]).mul(2), "Unknown").gradFn).toBeNull();
});

describe("what is computed", () => {
  // Kernels are counted: the environment has no say.
  const isFused = process.env["ADJOINT_FUSION"] !== "0";
  beforeEach(() => native.setFused(true));
  afterEach(() => native.setFused(isFused));

  const rows = () => {
    const x = tensor(Array.from({ length: 64 * 64 }, (_, i) => Math.sin(i)))
      .reshape([64, 64])
      .clone();
    realize(x);
    return x;
  };
  test.each([
    ["softmax", (x: Tensor) => x.softmax(1)],
    ["softmax of columns", (x: Tensor) => x.softmax(0)],
    ["logSoftmax", (x: Tensor) => x.logSoftmax(1)],
    ["softmin", (x: Tensor) => nn.functional.softmin(x, 1)],
    ["logsumexp", (x: Tensor) => x.logsumexp(1)],
    ["var", (x: Tensor) => x.var(1)],
    ["std", (x: Tensor) => x.std(1)],
  ])("%s is one kernel", (_, build) => {
    expect(explain(build(rows()))).toMatch(/^1 kernel,/);
  });
});

describe("extremes", () => {
  const shares = (x: Tensor) => numbers(x.softmax(-1));
  test("of softmax", () => {
    expect(shares(tensor([1000, 1000]))).toEqual([0.5, 0.5]);
    expect(shares(tensor([-Infinity, 0]))).toEqual([0, 1]);
    expect(shares(tensor([-Infinity, -Infinity]))).toEqual([NaN, NaN]);
    expect(shares(tensor([NaN, 0]))).toEqual([NaN, NaN]);
    expect(numbers(tensor([1000, 0]).logSoftmax(0))).toEqual([0, -1000]);
    expect(zeros([3, 0]).softmax(1).shape).toEqual([3, 0]);
    expect(zeros([3, 0]).logSoftmax(0).shape).toEqual([3, 0]);
    expect(tensor(3).softmax(-1).item()).toBe(1);
    expect(tensor([1n, 1n]).softmax(0, { dtype: "float64" }).dtype).toBe("float64");
  });

  test("of logsumexp", () => {
    expect(tensor([1000, 1000]).logsumexp().item()).toBeCloseTo(1000 + Math.LN2, 3);
    expect(tensor([-Infinity, -Infinity]).logsumexp().item()).toBe(-Infinity);
    expect(tensor([Infinity, 0]).logsumexp().item()).toBe(Infinity);
    expect(tensor([NaN, 0]).logsumexp().item()).toBeNaN();
    expect(numbers(zeros([2, 0]).logsumexp(1))).toEqual([-Infinity, -Infinity]);
    expect(tensor([1n, 2n]).logsumexp(0, { keepdim: true }).dtype).toBe("float32");
    const x = tensor([1000, 0], { requiresGrad: true });
    x.logsumexp().backward();
    expect(numbers(x.grad!)).toEqual([1, 0]);
  });

  test("of var and std", () => {
    expect(tensor([5]).var().item()).toBeNaN();
    expect(tensor([1, 3]).var(0, { correction: 3 }).item()).toBe(Infinity);
    expect(zeros([0]).var().item()).toBeNaN();
    expect(tensor(2).var(0, { correction: 0 }).item()).toBe(0);
    // Far from zero, where squares less the square of the mean would be nothing but rounding.
    expect(
      isClose(
        tensor([1e6, 1e6 + 1, 1e6 + 2])
          .var()
          .item(),
        1,
        1e-6,
        0,
      ),
    ).toBe(true);
    const x = tensor([2, 2, 2], { requiresGrad: true });
    x.std().backward();
    expect(numbers(x.grad!)).toEqual([0, 0, 0]);
    expect(tensor([NaN, 1]).std().item()).toBeNaN();
  });
});

describe("errors", () => {
  const whole = tensor([[1n, 2n]]);
  const x = tensor([[1, 2]]);
  test.each([
    [
      () => whole.softmax(1),
      '"softmax_lastdim_kernel_impl" not implemented for \'Long\'; softmax: convert first, as in softmax(dim, { dtype: "float32" })',
    ],
    [() => whole.softmax(0), /^"softmax_kernel_impl" not implemented for 'Long'; softmax: /],
    [
      () => whole.logSoftmax(-1),
      /^"log_softmax_lastdim_kernel_impl" not implemented for 'Long'; logSoftmax: /,
    ],
    [() => whole.logSoftmax(0), /^"softmax_kernel_impl" not implemented for 'Long'; logSoftmax: /],
    [
      () => nn.functional.softmin(whole, 1),
      /^"softmax_lastdim_kernel_impl" not implemented for 'Long'; softmin: /,
    ],
    [() => x.eq(1).softmax(1), /not implemented for 'Bool'/],
    [
      () => whole.var(),
      'std and var only support floating point and complex dtypes; var: x is int64, convert with .to("float32") first',
    ],
    [() => whole.std(1), /^std and var only support floating point and complex dtypes; std: /],
  ] as const)("of dtype: %s", (body, message) => {
    const error = errorOf(body);
    expect(error).toBeInstanceOf(TypeError);
    expect(error.code).toBe("ERR_DTYPE");
    if (typeof message === "string") expect(error.message).toBe(message);
    else expect(error.message).toMatch(message);
  });

  test.each([
    ["softmax", () => x.softmax(2)],
    ["logSoftmax", () => x.logSoftmax(2)],
    ["softmin", () => nn.functional.softmin(x, 2)],
    ["logsumexp", () => x.logsumexp([0, 2])],
    ["var", () => x.var(2)],
    ["std", () => x.std(2)],
  ])("of dimensions: %s", (op, body) => {
    const error = errorOf(body);
    expect(error.message).toBe(
      `Dimension out of range (expected to be in range of [-2, 1], but got 2); ${op} on a tensor of 2 dimensions`,
    );
    expect(error).toMatchObject({ code: "ERR_DIM", op });
  });

  test("of dimensions that are none, or appear twice", () => {
    expect(errorOf(() => (x as unknown as { softmax(): Tensor }).softmax())).toMatchObject({
      code: "ERR_ARGUMENT",
      message: "softmax: dim must be a whole number, got undefined",
    });
    expect(errorOf(() => x.logsumexp([1, -1]))).toMatchObject({ code: "ERR_DIM", op: "logsumexp" });
  });

  test("of options", () => {
    const loose = x as unknown as Record<string, (...args: unknown[]) => Tensor>;
    const messageOf = (method: string, ...args: unknown[]) =>
      errorOf(() => loose[method]!.apply(x, args)).message;
    expect(messageOf("var", 1, { corection: 0 })).toBe(
      "var: unknown option 'corection', did you mean 'correction'?",
    );
    expect(messageOf("std", 1, { keep_dim: true })).toBe(
      "std: unknown option 'keep_dim', did you mean 'keepdim'?",
    );
    expect(messageOf("var", 1, { unbiased: false, correction: 0 })).toBe(
      "var: unbiased must be true or false, and excludes correction, got false",
    );
    expect(messageOf("var", 1, { correction: "1" })).toBe(
      'var: correction must be a number, got the string "1"',
    );
    expect(messageOf("softmax", 1, { dtyp: "float64" })).toBe(
      "softmax: unknown option 'dtyp', did you mean 'dtype'?",
    );
    expect(messageOf("logsumexp", 1, { keepdims: true })).toBe(
      "logsumexp: unknown option 'keepdims', did you mean 'keepdim'?",
    );
  });
});
