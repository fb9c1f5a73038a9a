import { nn, type Tensor } from "adjoint";
import { beside, numbers, positions, type Row } from "./beside.js";

const F = nn.functional;

const rows = (lines: number, width: number): Row[] => {
  const x = numbers([lines, width], { low: -2, high: 2 });
  const [weight, bias] = [numbers([width], { seed: 1 }), numbers([width], { seed: 2 })];
  const classes = positions([lines], width);
  const all: Omit<Row, "must">[] = [
    { label: "softmax", inputs: [x], adjoint: (a) => F.softmax(a, -1), torch: "F.softmax(a, -1)" },
    { label: "logSoftmax", inputs: [x], adjoint: (a) => F.logSoftmax(a, -1), torch: "F.log_softmax(a, -1)" },
    {
      label: "softmax, dim 0",
      inputs: [x],
      adjoint: (a) => F.softmax(a, 0),
      torch: "F.softmax(a, 0)",
    },
    {
      label: "layerNorm",
      inputs: [x, weight, bias],
      adjoint: (a, b, c) => F.layerNorm(a, [width], { weight: b, bias: c }),
      torch: "F.layer_norm(a, b.shape, b, c)",
    },
    {
      label: "rmsNorm",
      inputs: [x, weight],
      adjoint: (a, b) => F.rmsNorm(a, [width], { weight: b }),
      torch: "F.rms_norm(a, b.shape, b)",
    },
    {
      label: "crossEntropy",
      inputs: [x, classes],
      adjoint: (a, b) => F.crossEntropy(a, b),
      torch: "F.cross_entropy(a, b)",
    },
    {
      label: "mseLoss",
      inputs: [x, numbers([lines, width], { seed: 3 })],
      adjoint: (a, b) => F.mseLoss(a, b),
      torch: "F.mse_loss(a, b)",
    },
    {
      label: "huberLoss",
      inputs: [x, numbers([lines, width], { seed: 3 })],
      adjoint: (a, b) => F.huberLoss(a, b),
      torch: "F.huber_loss(a, b)",
    },
    {
      label: "binaryCrossEntropyWithLogits",
      inputs: [x, numbers([lines, width], { low: 0, seed: 3 })],
      adjoint: (a, b) => F.binaryCrossEntropyWithLogits(a, b),
      torch: "F.binary_cross_entropy_with_logits(a, b)",
    },
    {
      label: "klDiv",
      inputs: [x, numbers([lines, width], { low: 0.1, seed: 3 })],
      adjoint: (a, b) => F.klDiv(a, b, { reduction: "batchmean" }),
      torch: "F.kl_div(a, b, reduction='batchmean')",
    },
    { label: "gelu", inputs: [x], adjoint: (a) => F.gelu(a), torch: "F.gelu(a)" },
    { label: "silu", inputs: [x], adjoint: (a) => F.silu(a), torch: "F.silu(a)" },
    { label: "softplus", inputs: [x], adjoint: (a) => F.softplus(a), torch: "F.softplus(a)" },
    { label: "normalize", inputs: [x], adjoint: (a) => F.normalize(a), torch: "F.normalize(a)" },
    { label: "logsumexp", inputs: [x], adjoint: (a) => a.logsumexp(-1), torch: "a.logsumexp(-1)" },
    { label: "var", inputs: [x], adjoint: (a) => a.var(-1), torch: "a.var(-1)" },
    { label: "std of all", inputs: [x], adjoint: (a) => a.std(), torch: "a.std()" },
    {
      label: "cosineSimilarity",
      inputs: [x, numbers([lines, width], { seed: 3 })],
      adjoint: (a, b) => F.cosineSimilarity(a, b),
      torch: "F.cosine_similarity(a, b)",
    },
    {
      label: "batchNorm",
      inputs: [numbers([lines, width], { low: -2, high: 2 }), weight, bias],
      adjoint: (a, b, c) => F.batchNorm(a, null, null, { weight: b, bias: c, training: true }),
      torch: "F.batch_norm(a, None, None, b, c, True)",
    },
  ];
  const isTrained = ({ label }: Omit<Row, "must">) => label !== "std of all";
  return [
    ...all.map((row) => ({ ...row, must: 1 })),
    ...all.filter(isTrained).map((row) => ({
      ...row,
      label: `${row.label}, backward`,
      gradients: row.inputs.flatMap(({ dtype, seed }, i) => (dtype === "int64" || seed === 3 ? [] : [i])),
      must: 1,
    })),
  ];
};

/** Reductions that are ops of their own, along both dimensions and over all. */
const reductionRows = (lines: number, width: number): Row[] => {
  const x = numbers([lines, width], { low: 0.5, high: 2 });
  const along = (name: string, torch: string, op: (a: Tensor, dim: number) => ReturnType<Row["adjoint"]>) =>
    [0, 1].map((dim) => ({
      label: `${name} dim ${dim}`,
      inputs: [x],
      adjoint: (a: Tensor) => op(a, dim),
      torch: torch.replace("DIM", String(dim)),
      must: 1,
    }));
  return [
    ...along("sum", "a.sum(DIM)", (a, dim) => a.sum(dim)),
    ...along("mean", "a.mean(DIM)", (a, dim) => a.mean(dim)),
    ...along("prod", "a.prod(DIM)", (a, dim) => a.prod(dim)),
    ...along("amax", "a.amax(DIM)", (a, dim) => a.amax(dim)),
    ...along("argmax", "a.argmax(DIM)", (a, dim) => a.argmax(dim)),
    ...along("max", "a.max(DIM)", (a, dim) => a.max(dim)),
    ...along("norm", "torch.linalg.vector_norm(a, dim=DIM)", (a, dim) => a.norm(2, dim)),
    ...along("all", "(a > 0).all(DIM)", (a, dim) => a.gt(0).all(dim)),
    ...along("cumsum", "a.cumsum(DIM)", (a, dim) => a.cumsum(dim)),
    ...along("cumprod", "a.cumprod(DIM)", (a, dim) => a.cumprod(dim)),
    ...along("cummax", "a.cummax(DIM)", (a, dim) => a.cummax(dim)),
    ...along("logcumsumexp", "a.logcumsumexp(DIM)", (a, dim) => a.logcumsumexp(dim)),
    { label: "sum of all", inputs: [x], adjoint: (a) => a.sum(), torch: "a.sum()", must: 1 },
    {
      label: "prod of all",
      inputs: [numbers(x.shape, { low: 0.999, high: 1.001 })], // of others it would be infinite
      adjoint: (a) => a.prod(),
      torch: "a.prod()",
      must: 1,
    },
    { label: "argmax of all", inputs: [x], adjoint: (a) => a.argmax(), torch: "a.argmax()", must: 1 },
    { label: "amax of all", inputs: [x], adjoint: (a) => a.amax(), torch: "a.amax()", must: 1 },
    { label: "norm of all", inputs: [x], adjoint: (a) => a.norm(), torch: "a.norm()", must: 1 },
  ];
};

export const compositions = beside(
  "compositions",
  "what is composed of elementwise ops and reductions, of 1e6 float32 elements; backward: value and gradient",
  [...rows(1000, 1000), ...reductionRows(1000, 1000)],
  [...rows(7, 30), ...reductionRows(7, 30)],
);
