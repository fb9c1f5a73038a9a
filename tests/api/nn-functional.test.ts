// What PyTorch's samples of torch.nn.functional do not show: kinks, edges, messages, second derivatives, kernels.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { autograd, explain, manualSeed, nn, realize, tensor, zeros, type Tensor } from "adjoint";
import { native } from "../../lib/native.js";
import { expectGradients } from "../helpers/differences.js";
import { errorOf, expectClose, numbers } from "../helpers/reference.js";

const F = nn.functional;
const f64 = (elements: number[], shape: number[] = [elements.length]) =>
  tensor(elements, { dtype: "float64" }).reshape(shape).clone();
const classes = (elements: number[], shape: number[] = [elements.length]) =>
  tensor(BigInt64Array.from(elements, BigInt)).reshape(shape);
const wave = (shape: number[], phase = 0) =>
  f64(
    Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => 1.3 * Math.sin(1.7 * i + phase)),
    shape,
  );
/** The value and the gradient of its sum at these places. */
function at(f: (x: Tensor) => Tensor, places: number[]): [number[], number[]] {
  const x = f64(places).requiresGrad_();
  const y = f(x);
  return [numbers(y.detach()), numbers(autograd.grad(y.sum(), x)[0]!)];
}

describe("activations at their kinks, with PyTorch's gradients", () => {
  test("a prelu at 0 and at infinity", () => {
    const x = f64([0, Infinity, -2]).requiresGrad_();
    const weight = f64([0.25]).requiresGrad_();
    F.prelu(x, weight).sum().backward();
    expect(numbers(x.grad!)).toEqual([0.25, 1, 0.25]);
    expect(numbers(weight.grad!)).toEqual([-2]);
  });

  test.each<[string, (x: Tensor) => Tensor]>([
    ["relu", F.relu],
    ["hardswish", F.hardswish],
    ["silu", F.silu],
    ["selu", F.selu],
    ["dropout", F.dropout],
  ])("%s refuses to work in place", (_, f) => {
    const error = errorOf(() => (f as (x: Tensor, o: object) => Tensor)(f64([1]), { inplace: true }));
    expect(error.code).toBe("ERR_OPTION");
    expect(error.message).toContain("inplace");
  });
});

test("whole numbers stay whole", () => {
  const x = classes([-3, 0, 7]);
  for (const [y, values] of [
    [F.relu6(x), [0, 0, 6]],
    [F.hardtanh(x, { minVal: -1.5, maxVal: 2.5 }), [-1, 0, 2]],
    [F.threshold(x, 0.5, 4.5), [4, 4, 7]],
  ] as const) {
    expect(y.dtype).toBe("int64");
    expect(numbers(y)).toEqual(values);
  }
  expect(errorOf(() => F.hardtanh(x.to("uint8"))).code).toBe("ERR_VALUE");
  expect(errorOf(() => F.relu6(x.to("bool"))).code).toBe("ERR_DTYPE");
});

describe("the history has PyTorch's names", () => {
  const x = wave([4, 6]).requiresGrad_();
  const [t, c] = [wave([4, 6], 1).sigmoid(), classes([0, 1, 2, 3])];
  test.each<[string, () => Tensor]>([
    ["HardtanhBackward0", () => F.relu6(x)],
    ["EluBackward0", () => F.selu(x)],
    ["CeluBackward0", () => F.celu(x)],
    ["PreluKernelBackward0", () => F.prelu(x, f64([0.2]))],
    ["GeluBackward0", () => F.gelu(x)],
    ["GluBackward0", () => F.glu(x)],
    ["LogSigmoidBackward0", () => F.logsigmoid(x)],
    ["RreluWithNoiseBackward0", () => F.rrelu(x)],
    ["MulBackward0", () => F.dropout(x)],
    ["MseLossBackward0", () => F.mseLoss(x, t)],
    ["MeanBackward0", () => F.l1Loss(x, t)],
    ["SmoothL1LossBackward0", () => F.smoothL1Loss(x, t)],
    ["HuberLossBackward0", () => F.huberLoss(x, t)],
    ["MeanBackward0", () => F.klDiv(x, t)],
    ["BinaryCrossEntropyBackward0", () => F.binaryCrossEntropy(x.sigmoid(), t)],
    ["BinaryCrossEntropyWithLogitsBackward0", () => F.binaryCrossEntropyWithLogits(x, t)],
    ["NllLossBackward0", () => F.crossEntropy(x, c)],
    ["NllLoss2DBackward0", () => F.nllLoss(x.reshape([2, 6, 2]), classes([0, 1, 2, 3], [2, 2]))],
    ["MultiMarginLossBackward0", () => F.multiMarginLoss(x, c)],
    ["NativeLayerNormBackward0", () => F.layerNorm(x, 6)],
    ["MulBackward0", () => F.rmsNorm(x, 6)],
    ["NativeGroupNormBackward0", () => F.groupNorm(x, 2)],
    ["NativeBatchNormBackward0", () => F.batchNorm(x, null, null, { training: true })],
    ["SumBackward1", () => F.cosineSimilarity(x, t)],
    ["NormBackward1", () => F.pairwiseDistance(x, t)],
    ["DivBackward0", () => F.normalize(x)],
    ["EmbeddingBackward0", () => F.embedding(c, x)],
    ["MmBackward0", () => F.linear(x, t)],
    ["AddmmBackward0", () => F.linear(x, t, { bias: zeros([4], { dtype: "float64" }) })],
  ])("%s", (name, f) => {
    expect(f().gradFn).toBe(name);
  });
});

describe("second derivatives", () => {
  const target = f64([0.2, 0.9, 0.4, 0.7, 0.1, 0.6], [2, 3]);
  const index = classes([2, 0]);
  const weight = f64([0.3, 1.2, 0.8]);
  test.each<[string, (x: Tensor) => Tensor]>([
    ["softplus", (x) => F.softplus(x, { beta: 2, threshold: 1.5 })],
    ["mish", (x) => F.mish(x)],
    ["gelu", (x) => F.gelu(x)],
    ["gelu by tanh", (x) => F.gelu(x, { approximate: "tanh" })],
    ["elu", (x) => F.elu(x)],
    ["glu", (x) => F.glu(x, 0)],
    ["crossEntropy", (x) => F.crossEntropy(x, index, { weight, labelSmoothing: 0.2 })],
    ["crossEntropy of probabilities", (x) => F.crossEntropy(x, target, { weight })],
    ["binaryCrossEntropy", (x) => F.binaryCrossEntropy(x.sigmoid(), target)],
    ["binaryCrossEntropyWithLogits", (x) => F.binaryCrossEntropyWithLogits(x, target, { posWeight: weight })],
    ["multiMarginLoss", (x) => F.multiMarginLoss(x, index, { p: 2 })],
    ["layerNorm", (x) => F.layerNorm(x, 3, { weight })],
    ["rmsNorm", (x) => F.rmsNorm(x, [3], { weight })],
    ["batchNorm", (x) => F.batchNorm(x, null, null, { training: true })],
    ["groupNorm", (x) => F.groupNorm(x.reshape([1, 2, 3]), 2)],
    ["localResponseNorm", (x) => F.localResponseNorm(x.reshape([1, 2, 3]), 2, { alpha: 0.5 })],
    ["normalize", (x) => F.normalize(x, { p: 3 })],
    ["cosineSimilarity", (x) => F.cosineSimilarity(x, target)],
    ["pairwiseDistance", (x) => F.pairwiseDistance(x, target)],
    ["huberLoss", (x) => F.huberLoss(x, target, { delta: 0.7 })],
    ["scaledDotProductAttention", (x) => F.scaledDotProductAttention(x, x, x.mul(2), { isCausal: true })],
    ["embedding", (x) => F.embedding(index.sub(1).abs(), x.square())],
  ])("of %s", (_, f) => {
    expectGradients(f, [wave([2, 3], 0.4)]);
  });
});

describe("losses at their edges", () => {
  test("a binary cross entropy of certainties has logarithms of at least -100, and PyTorch's slopes", () => {
    const x = f64([0, 1, 0, 1]).requiresGrad_();
    const loss = F.binaryCrossEntropy(x, f64([0, 1, 1, 0]));
    expect(loss.item()).toBe(50);
    loss.backward();
    expectClose(numbers(x.grad!), [0, 0, -2.5e11, 2.5e11], 1e-12, 0, "slopes");
    expect(numbers(F.binaryCrossEntropy(f64([2, NaN]), f64([1, 1]), { reduction: "none" }))).toEqual([
      NaN,
      NaN,
    ]);
  });

  test("logits without bounds do not overflow", () => {
    const x = f64([1000, -1000, 0]).requiresGrad_();
    const loss = F.binaryCrossEntropyWithLogits(x, f64([0, 1, 1]), { reduction: "none" });
    expect(numbers(loss)).toEqual([1000, 1000, Math.LN2]);
    loss.sum().backward();
    expect(numbers(x.grad!)).toEqual([1, -1, -0.5]);
    expect(F.softMarginLoss(f64([-1000]), f64([1])).item()).toBe(1000);
  });

  test("squares far away do not overflow", () => {
    const x = f64([1e200, Infinity, -0.5]).requiresGrad_();
    const loss = F.huberLoss(x, zeros([3], { dtype: "float64" }), { reduction: "sum" });
    loss.backward();
    expect(numbers(x.grad!)).toEqual([1, 1, -0.5]);
    const long = f64([3e200, 4e200]).requiresGrad_();
    expectClose(numbers(F.normalize(long, { dim: 0 })), [0.6, 0.8], 1e-15, 0, "directions");
    expect(F.pairwiseDistance(long, f64([0, 0]), { eps: 0 }).item()).toBeCloseTo(5e200, -190);
  });

  test("what has no length has PyTorch's gradients", () => {
    const x = f64([0, 0]).requiresGrad_();
    F.normalize(x, { dim: 0 }).sum().backward();
    expect(numbers(x.grad!)).toEqual([1e12, 1e12]);
    const [found] = autograd.grad(F.cosineSimilarity(x, f64([1, 2]), 0), x);
    expectClose(numbers(found!), [44721359.54999579, 89442719.09999159], 1e-12, 0, "cosine");
    expect(numbers(autograd.grad(F.pairwiseDistance(x, x.detach(), { eps: 0 }), x)[0]!)).toEqual([0, 0]);
  });

  test("hinges are inclusive", () => {
    const x = f64([1, 2]).requiresGrad_();
    F.hingeEmbeddingLoss(x, f64([-1, -1]), { reduction: "sum" }).backward();
    expect(numbers(x.grad!)).toEqual([-1, 0]);
    const y = f64([1]).requiresGrad_();
    F.marginRankingLoss(y, f64([1]), f64([1])).backward();
    expect(numbers(y.grad!)).toEqual([-1]);
  });

  test("smooth losses have slope 1 where they become lines, and l1 has 0 at 0", () => {
    expect(at((x) => F.smoothL1Loss(x, zeros([3]), { reduction: "none" }), [0, 1, -3])[1]).toEqual([
      0, 1, -1,
    ]);
    expect(at((x) => F.huberLoss(x, zeros([2]), { reduction: "none", delta: 0.5 }), [0.5, -2])[1]).toEqual([
      0.5, -0.5,
    ]);
    expect(at((x) => F.l1Loss(x, zeros([2]), { reduction: "none" }), [0, -2])[1]).toEqual([0, -1]);
  });

  test("nothing has a mean of NaN and a sum of 0", () => {
    const [x, y] = [zeros([0, 3]), zeros([0, 3])];
    expect(F.mseLoss(x, y).item()).toBeNaN();
    expect(F.mseLoss(x, y, { reduction: "sum" }).item()).toBe(0);
    expect(F.crossEntropy(x, classes([])).item()).toBeNaN();
    expect(F.crossEntropy(x, classes([]), { reduction: "sum" }).item()).toBe(0);
  });

  test("what is ignored costs nothing, and is not counted", () => {
    const x = wave([3, 4]).requiresGrad_();
    const all = F.crossEntropy(x, classes([1, -100, 3]));
    const two = F.crossEntropy(x.detach().at("::2"), classes([1, 3]));
    expect(all.item()).toBeCloseTo(two.item(), 14);
    all.backward();
    expect(numbers(x.grad!.select(0, 1))).toEqual([0, 0, 0, 0]);
    expect(F.crossEntropy(x, classes([2, 2, 2]), { ignoreIndex: 2 }).item()).toBeNaN();
  });

  test("logits of -Infinity are classes that cannot be", () => {
    const x = f64([0, -Infinity, 0, 0, 0, -Infinity], [2, 3]).requiresGrad_();
    const loss = F.crossEntropy(x, classes([0, 2]), { reduction: "none" });
    expect(numbers(loss)).toEqual([Math.LN2, Infinity]);
    loss.select(0, 0).backward();
    expect(numbers(x.grad!)).toEqual([-0.5, 0, 0.5, 0, 0, 0]);
  });

  test.each([3, -1, 2 ** 40])("class %d of three is out of range", (wrong) => {
    const x = wave([2, 3]);
    for (const loss of [
      F.crossEntropy(x, classes([0, wrong])),
      F.nllLoss(x, classes([0, wrong])),
      F.multiMarginLoss(x, classes([0, wrong])),
    ])
      expect(errorOf(() => loss.item()).code).toBe("ERR_INDEX");
  });

  test("a label is out of range in its list", () => {
    const loss = F.multilabelMarginLoss(wave([3]), classes([1, 3, -1]));
    expect(errorOf(() => loss.item()).code).toBe("ERR_INDEX");
  });

  test("variances below eps count as eps, with the gradient of what stands there", () => {
    const variance = f64([0, 2]).requiresGrad_();
    F.gaussianNllLoss(f64([1, 1]), f64([0, 0]), variance, { eps: 0.5, reduction: "sum" }).backward();
    expectClose(numbers(variance.grad!), [0.5 / 0.5 - 0.5 / 0.25, 0.25 - 0.125], 1e-12, 0, "gradient");
    expect(F.gaussianNllLoss(f64([1]), f64([0]), 2).item()).toBeCloseTo(0.5 * (Math.LN2 + 0.5), 14);
  });
});

describe("normalisation", () => {
  test("by batches lets the running statistics follow", () => {
    const x = wave([4, 2, 3]);
    const [mean, variance] = [zeros([2], { dtype: "float64" }), f64([1, 1])];
    F.batchNorm(x, mean, variance, { training: true, momentum: 0.25 });
    expectClose(numbers(mean), numbers(x.mean([0, 2]).mul(0.25)), 1e-12, 1e-14, "mean");
    expectClose(numbers(variance), numbers(x.var([0, 2]).mul(0.25).add(0.75)), 1e-12, 1e-14, "variance");
    const before = numbers(mean);
    F.batchNorm(x, mean, variance, { momentum: 0.25 });
    expect(numbers(mean)).toEqual(before);
  });

  test("does not let running statistics keep the inputs of every step", () => {
    const [mean, variance] = [zeros([2]), zeros([2])];
    F.batchNorm(
      tensor([
        [1, 2],
        [3, 5],
      ]),
      mean,
      variance,
      { training: true },
    );
    expect(explain([mean, variance])).toMatch(/^0 kernels/);
  });

  test("of what is empty is empty", () => {
    expect(F.layerNorm(zeros([0, 3]), 3).shape).toEqual([0, 3]);
    expect(F.batchNorm(zeros([0, 3]), null, null, { training: true }).shape).toEqual([0, 3]);
    expect(F.groupNorm(zeros([0, 4]), 2).shape).toEqual([0, 4]);
    expect(F.localResponseNorm(zeros([0, 4, 2]), 3).shape).toEqual([0, 4, 2]);
  });
});

describe("embeddings", () => {
  test("leave padding without gradient, and divide it by how often a row is used", () => {
    const weight = wave([3, 2]).requiresGrad_();
    F.embedding(classes([0, 1, 1, 2]), weight, { paddingIdx: -1, scaleGradByFreq: true })
      .sum()
      .backward();
    expect(numbers(weight.grad!)).toEqual([1, 1, 1, 1, 0, 0]);
  });

  test("shorten the rows that are used", () => {
    const weight = f64([3, 4, 3, 4, 0.3, 0.4], [3, 2]);
    const rows = F.embedding(classes([0, 2]), weight, { maxNorm: 1 });
    expectClose(numbers(rows), [0.6, 0.8, 0.3, 0.4], 1e-6, 0, "rows");
    expectClose(numbers(weight), [0.6, 0.8, 3, 4, 0.3, 0.4], 1e-6, 0, "weights");
  });

  test("in bags: empty ones are zeros", () => {
    const weight = f64([1, 2, 4]).reshape([3, 1]);
    for (const mode of ["sum", "mean", "max"] as const) {
      const offsets = classes([0, 0, 2]);
      const bags = F.embeddingBag(classes([1, 2]), weight, { offsets, mode });
      expect(numbers(bags), mode).toEqual([0, { sum: 6, mean: 3, max: 4 }[mode], 0]);
      const none = F.embeddingBag(classes([], [2, 0]), weight, { mode });
      expect(numbers(none), mode).toEqual([0, 0]);
    }
  });

  test("of numbers that are no row are errors when they are read", () => {
    const weight = wave([3, 2]);
    expect(errorOf(() => F.embedding(classes([3]), weight).dataSync()).code).toBe("ERR_INDEX");
    const offsets = classes([0, 5]);
    const bags = F.embeddingBag(classes([1]), weight, { offsets });
    expect(errorOf(() => bags.dataSync()).code).toBe("ERR_INDEX");
  });
});

describe("attention", () => {
  test("to nothing is nothing, without NaN in gradients", () => {
    const q = wave([2, 3]).requiresGrad_();
    const mask = tensor([
      [true, false],
      [false, false],
    ]);
    const out = F.scaledDotProductAttention(q, q, q, { attnMask: mask });
    expect(numbers(out.select(0, 1).detach())).toEqual([0, 0, 0]);
    out.sum().backward();
    expect(numbers(q.grad!).every(Number.isFinite)).toBe(true);
  });

  test("of heads that drop everything is the bias", () => {
    const [x, w] = [wave([3, 1, 2]), wave([6, 2])];
    const bias = f64([5, 7]);
    const [out, shares] = F.multiHeadAttentionForward(
      x,
      x,
      x,
      2,
      2,
      w,
      null,
      null,
      null,
      false,
      1,
      wave([2, 2]),
      bias,
    );
    expect(numbers(out)).toEqual([5, 7, 5, 7, 5, 7]);
    expect(numbers(shares!)).toEqual(new Array(9).fill(0));
  });
});

describe("the loss of sequences", () => {
  /** The sum over all sequences that become the target, one by one. */
  function bruteForce(probabilities: number[][], target: number[], blank: number): number {
    const becomes = (path: number[]) =>
      path.filter((one, i) => one !== blank && one !== path[i - 1]).join() === target.join();
    let sum = 0;
    const extend = (path: number[], p: number): void => {
      if (path.length === probabilities.length) sum += becomes(path) ? p : 0;
      else probabilities[path.length]!.forEach((q, one) => extend([...path, one], p * q));
    };
    extend([], 1);
    return sum;
  }
  const logits = wave([5, 2, 3], 1);

  test.each([0, 2])("is the sum over all of them, with blank %d", (blank) => {
    const logs = logits.logSoftmax(2);
    const [a, b] = [(blank + 1) % 3, (blank + 2) % 3];
    const targets = [
      [a, a],
      [a, b],
    ];
    const losses = F.ctcLoss(logs, classes(targets.flat(), [2, 2]), [5, 4], [2, 2], {
      blank,
      reduction: "none",
    });
    const expected = targets.map((target, n) => {
      const rows = logs
        .select(1, n)
        .exp()
        .narrow(0, 0, 5 - n)
        .toArray() as number[][];
      return -Math.log(bruteForce(rows, target, blank));
    });
    expectClose(numbers(losses), expected, 1e-12, 0, "losses");
    const flat = F.ctcLoss(logs, classes(targets.flat()), classes([5, 4]), classes([2, 2]), { blank });
    expect(flat.item()).toBeCloseTo((expected[0]! + expected[1]!) / 4, 12);
  });

  test("has gradients of any order", () => {
    expectGradients((x) => F.ctcLoss(x.logSoftmax(2), classes([1, 1, 2]), [5, 4], [2, 1]), [logits]);
  });

  test("is infinite where a target is too long, or 0 without a gradient", () => {
    const x = logits.detach().requiresGrad_();
    const call = (zeroInfinity: boolean) =>
      F.ctcLoss(x.logSoftmax(2), classes([1, 1, 1, 2], [2, 2]), [2, 5], [2, 2], {
        zeroInfinity,
        reduction: "none",
      });
    expect(call(false).select(0, 0).item()).toBe(Infinity);
    const losses = call(true);
    expect(losses.select(0, 0).item()).toBe(0);
    losses.sum().backward();
    expect(numbers(x.grad!.select(1, 0)).every((value) => value === 0)).toBe(true);
    expect(numbers(x.grad!).every(Number.isFinite)).toBe(true);
  });

  test("knows classes that cannot be, and targets of nothing", () => {
    const logs = f64([0, -Infinity, -Infinity, -Infinity, 0, -Infinity], [2, 3]);
    const loss = (target: number[]) =>
      F.ctcLoss(logs, classes(target), [2], [target.length], { reduction: "sum" }).item();
    expect(loss([1])).toBeCloseTo(0, 12);
    expect(loss([2])).toBe(Infinity);
    expect(loss([])).toBe(Infinity);
    expect(F.ctcLoss(logs.narrow(0, 0, 1), classes([]), [1], [0]).item()).toBeCloseTo(0, 12);
  });

  test("of long inputs does not underflow", () => {
    const logs = zeros([400, 1, 50]).logSoftmax(2).requiresGrad_();
    const loss = F.ctcLoss(logs, classes([1, 2, 3]), [400], [3], { reduction: "sum" });
    expect(loss.item()).toBeGreaterThan(1500);
    loss.backward();
    expectClose([logs.grad!.sum().item()], [-400], 1e-4, 0, "gradient");
  });

  test.each<[string, string, () => unknown]>([
    [
      "ERR_VALUE",
      "blank must be in label range",
      () => F.ctcLoss(logits, classes([1, 1]), [5, 5], [1, 1], { blank: 3 }),
    ],
    ["ERR_VALUE", "input_lengths", () => F.ctcLoss(logits, classes([1, 1]), [6, 5], [1, 1])],
    [
      "ERR_SHAPE",
      "input_lengths must be of size batch_size",
      () => F.ctcLoss(logits, classes([1, 1]), [5], [1, 1]),
    ],
    [
      "ERR_VALUE",
      "Expected targets to have 2 elements",
      () => F.ctcLoss(logits, classes([1, 1, 1]), [5, 5], [1, 1]),
    ],
    ["ERR_DTYPE", "targets", () => F.ctcLoss(logits, f64([1, 1]), [5, 5], [1, 1])],
    ["ERR_INDEX", "", () => F.ctcLoss(logits, classes([1, 7]), [5, 5], [1, 1]).item()],
  ])("refuses with %s: %s", (code, words, call) => {
    const error = errorOf(call);
    expect(error.message).toContain(words);
    expect(error.code).toBe(code);
  });
});

describe("what draws", () => {
  beforeEach(() => manualSeed(5));
  const ones = (...shape: number[]) => zeros(shape).add(1);

  test("dropout drops its part, keeps the mean and passes the gradient of what is kept", () => {
    const x = ones(200, 100).requiresGrad_();
    const y = F.dropout(x, { p: 0.3 });
    const values = numbers(y.detach());
    const dropped = values.filter((value) => value === 0).length / values.length;
    expect(Math.abs(dropped - 0.3)).toBeLessThan(0.015);
    expect(new Set(values)).toEqual(new Set([0, Math.fround(1 / 0.7)]));
    y.sum().backward();
    expect(numbers(x.grad!)).toEqual(values);
    expect(numbers(F.dropout(x.detach(), { p: 1 })).every((value) => value === 0)).toBe(true);
    expect(numbers(F.dropout(x.detach(), { training: false }))).toEqual(numbers(x.detach()));
  });

  test.each([
    ["dropout1d", F.dropout1d, [50, 20, 6], 6],
    ["dropout1d without a batch", F.dropout1d, [800, 6], 6],
    ["dropout2d", F.dropout2d, [50, 20, 2, 3], 6],
    ["dropout3d", F.dropout3d, [50, 20, 1, 2, 3], 6],
    ["featureAlphaDropout", (x: Tensor) => F.featureAlphaDropout(x, { training: true }), [50, 20, 2, 3], 6],
  ] as const)("%s drops whole channels", (_, f, shape, size) => {
    const rows = f(ones(...shape)).reshape([-1, size]);
    expect(rows.amax(1).sub(rows.amin(1)).abs().amax().item()).toBe(0);
    const kept = rows.select(1, 0).gt(0).to("float32").mean().item();
    expect(Math.abs(kept - 0.5)).toBeLessThan(0.06);
  });

  test("alphaDropout keeps mean 0 and variance 1", () => {
    const x = wave([40000]).sub(wave([40000]).mean());
    const y = F.alphaDropout(x.div(x.std()), { p: 0.4, training: true });
    expect(Math.abs(y.mean().item())).toBeLessThan(0.02);
    expect(Math.abs(y.var().item() - 1)).toBeLessThan(0.02);
  });

  test("rrelu draws slopes of its range, and takes the middle otherwise", () => {
    const x = ones(1000).neg();
    const slopes = numbers(F.rrelu(x, { lower: 0.2, upper: 0.4, training: true })).map((value) => -value);
    expect(slopes.every((slope) => slope >= 0.2 - 1e-7 && slope <= 0.4 + 1e-7)).toBe(true);
    expect(new Set(slopes).size).toBeGreaterThan(900);
    expect(F.rrelu(x.mean()).item()).toBeCloseTo(-(1 / 8 + 1 / 3) / 2, 6);
  });

  test("gumbelSoftmax draws classes by their shares", () => {
    const logits = f64([0, Math.log(3)]).expand(20000, 2);
    const hard = F.gumbelSoftmax(logits, { hard: true });
    expect(numbers(hard.sum(1)).every((sum) => sum === 1)).toBe(true);
    expect(Math.abs(hard.select(1, 1).mean().item() - 0.75)).toBeLessThan(0.015);
    const leaf = wave([4, 3]).requiresGrad_();
    manualSeed(1);
    const first = F.gumbelSoftmax(leaf, { tau: 0.7, hard: true, dim: 0 });
    manualSeed(1);
    const soft = F.gumbelSoftmax(leaf, { tau: 0.7, dim: 0 });
    const weights = wave([4, 3], 2);
    const [a] = autograd.grad(first.mul(weights).sum(), leaf);
    const [b] = autograd.grad(soft.mul(weights).sum(), leaf);
    expectClose(numbers(a!), numbers(b!), 1e-12, 1e-14, "gradient");
  });
});

describe("refusals", () => {
  const x = wave([2, 3]);
  const t = classes([0, 1]);
  test.each<[string, string, () => unknown]>([
    [
      "ERR_VALUE",
      "abc is not a valid value for reduction; mseLoss",
      () => F.mseLoss(x, x, { reduction: "abc" as "sum" }),
    ],
    ["ERR_OPTION", "reduction", () => F.mseLoss(x, x, { sizeAverage: true } as object)],
    ["ERR_SHAPE", "", () => F.mseLoss(x, wave([2]))],
    ["ERR_SHAPE", "Weights and input must have the same size.", () => F.l1Loss(x, x, { weight: wave([3]) })],
    ["ERR_DTYPE", "not implemented for 'Long'", () => F.mseLoss(t, t)],
    ["ERR_DTYPE", `"elu_cpu" not implemented for 'Long'`, () => F.elu(t)],
    ["ERR_VALUE", "alpha cannot be 0", () => F.celu(x, { alpha: 0 })],
    ["ERR_VALUE", "min_val cannot be greater than max_val", () => F.hardtanh(x, { minVal: 1, maxVal: 0 })],
    ["ERR_SHAPE", "dimension 1 is size 3", () => F.glu(x)],
    ["ERR_DIM", "", () => F.glu(x, 2)],
    ["ERR_SHAPE", "0D or 1D target tensor expected", () => F.crossEntropy(x, classes([0, 1], [2, 1]))],
    [
      "ERR_SHAPE",
      "Expected input batch_size (2) to match target batch_size (3)",
      () => F.crossEntropy(x, classes([0, 1, 2])),
    ],
    [
      "ERR_SHAPE",
      "Expected target size [2, 4], got [2, 5]",
      () => F.nllLoss(wave([2, 3, 4]), zeros([2, 5], { dtype: "int64" })),
    ],
    ["ERR_DTYPE", "to be Long or Byte, but got Int", () => F.crossEntropy(x, t.to("int32"))],
    [
      "ERR_DTYPE",
      "class probabilities, got Long",
      () => F.crossEntropy(x, classes([0, 1, 2, 0, 1, 2], [2, 3])),
    ],
    ["ERR_SHAPE", "all 3 classes", () => F.crossEntropy(x, t, { weight: f64([1, 2]) })],
    [
      "ERR_DTYPE",
      "expected scalar type Double but found Float",
      () => F.crossEntropy(x, t, { weight: zeros([3]) }),
    ],
    ["ERR_VALUE", "label_smoothing must be between", () => F.crossEntropy(x, t, { labelSmoothing: 1.5 })],
    ["ERR_VALUE", "ignore_index is not supported", () => F.crossEntropy(x, x, { ignoreIndex: 1 })],
    ["ERR_ARGUMENT", "ignoreIndex must be a whole number", () => F.crossEntropy(x, t, { ignoreIndex: 0.5 })],
    ["ERR_SHAPE", "mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)", () => F.linear(x, wave([5, 4]))],
    [
      "ERR_SHAPE",
      "a bias has a number for each output",
      () => F.linear(x, wave([1, 3]), { bias: wave([4]) }),
    ],
    ["ERR_SHAPE", "normalized_shape=[4]", () => F.layerNorm(x, 4)],
    ["ERR_SHAPE", "Expected weight to be of same shape", () => F.layerNorm(x, [3], { weight: wave([2]) })],
    ["ERR_SHAPE", "running_mean should contain 3 elements not 2", () => F.batchNorm(x, wave([2]), wave([3]))],
    ["ERR_ARGUMENT", "running_mean must be defined in evaluation mode", () => F.batchNorm(x, null, null)],
    [
      "ERR_SHAPE",
      "Expected more than 1 value per channel",
      () => F.batchNorm(wave([1, 3]), null, null, { training: true }),
    ],
    ["ERR_SHAPE", "more than 1 spatial element", () => F.instanceNorm(x)],
    [
      "ERR_VALUE",
      "eps must be positive during training",
      () => F.batchNorm(x, null, null, { training: true, eps: 0 }),
    ],
    ["ERR_DTYPE", "indices", () => F.embedding(x, x)],
    ["ERR_VALUE", "Padding_idx must be within num_embeddings", () => F.embedding(t, x, { paddingIdx: 2 })],
    ["ERR_ARGUMENT", "offsets has to be a 1D Tensor but got None", () => F.embeddingBag(t, x)],
    [
      "ERR_ARGUMENT",
      "only supported for mode='sum'",
      () => F.embeddingBag(t, x, { offsets: classes([0]), perSampleWeights: f64([1, 2]) }),
    ],
    [
      "ERR_ARGUMENT",
      "Explicit attn_mask should not be set",
      () => F.scaledDotProductAttention(x, x, x, { isCausal: true, attnMask: x }),
    ],
    ["ERR_VALUE", "has to be between 0 and 1, but got 2", () => F.dropout(x, { p: 2 })],
    ["ERR_SHAPE", "received a 2D input", () => F.dropout2d(x)],
    ["ERR_VALUE", "margin must be greater than 0", () => F.tripletMarginLoss(x, x, x, { margin: 0 })],
    ["ERR_SHAPE", "var is of incorrect size", () => F.gaussianNllLoss(x, x, wave([4]))],
    ["ERR_ARGUMENT", "expected a Tensor", () => F.silu(3 as unknown as Tensor)],
    ["ERR_ARGUMENT", "expected a Tensor", () => F.crossEntropy(x, [0, 1] as unknown as Tensor)],
  ])("%s: %s", (code, words, call) => {
    const error = errorOf(call);
    expect(error.message).toContain(words);
    expect(error.code).toBe(code);
  });
});

function stored(): Tensor {
  const x = tensor(Array.from({ length: 64 * 48 }, (_, i) => Math.sin(i)))
    .reshape([64, 48])
    .clone();
  realize(x);
  return x;
}

describe("kernels", () => {
  // Kernels are counted: the environment has no say.
  const isFused = process.env["ADJOINT_FUSION"] !== "0";
  beforeEach(() => native.setFused(true));
  afterEach(() => native.setFused(isFused));

  /** The kernels of a plan in whose lines something stands. */
  const kernelsWith = (plan: string, words: RegExp) =>
    plan.split(/^(?=kernel )/m).filter((kernel) => kernel.startsWith("kernel") && words.test(kernel));
  const targets = () => classes(Array.from({ length: 64 }, (_, i) => i % 48));

  test("classes are looked up, and their logits are one kernel, with nothing as large stored", () => {
    const plan = explain(F.crossEntropy(stored(), targets()));
    const [lookup, ...others] = kernelsWith(plan, /reads .*float32 \[64, 48\]/);
    expect(lookup).toContain("gather");
    expect(others).toHaveLength(1);
    expect(plan).not.toContain("writes float32 [64, 48]");
    expect(kernelsWith(explain(F.nllLoss(stored(), targets())), /float32 \[64, 48\]/)).toHaveLength(1);
  });

  test.each([
    ["crossEntropy", F.crossEntropy],
    ["nllLoss", F.nllLoss],
  ])("the gradient of %s is one kernel, that finds classes out of range too", (_, loss) => {
    const gradientOf = (target: Tensor) => {
      const x = stored().requiresGrad_();
      return autograd.grad(loss(x, target), [x])[0]!;
    };
    const plan = explain(gradientOf(targets()));
    expect(plan).not.toContain("scatter");
    expect(kernelsWith(plan, /writes .*float32 \[64, 48\]/)).toHaveLength(1);
    expect(() => gradientOf(classes(new Array<number>(64).fill(48))).toArray()).toThrow(
      /out of bounds|out of range/,
    );
  });

  test.each<[string, (x: Tensor) => Tensor, number]>([
    ["softmax", (x) => F.softmax(x, 1), 1],
    ["gelu", (x) => F.gelu(x), 1],
    ["layerNorm", (x) => F.layerNorm(x, 48), 1],
    ["rmsNorm", (x) => F.rmsNorm(x, 48), 1],
    ["groupNorm", (x) => F.groupNorm(x, 6), 1],
    ["batchNorm", (x) => F.batchNorm(x, null, null, { training: true }), 1],
    ["normalize", (x) => F.normalize(x), 1],
    ["mseLoss", (x) => F.mseLoss(x, x.mul(2)), 1],
    ["binaryCrossEntropyWithLogits", (x) => F.binaryCrossEntropyWithLogits(x, x.sigmoid()), 1],
    // The logits, the ignored classes, the lookup and the mean.
    ["crossEntropy", (x) => F.crossEntropy(x, classes(new Array<number>(64).fill(1))), 4],
  ])("%s", (_, f, most) => {
    const [, count] = /^(\d+) kernel/.exec(explain(f(stored())))!;
    expect(Number(count)).toBeLessThanOrEqual(most);
  });
});
