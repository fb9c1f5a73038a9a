import { autograd, tensor, type Tensor } from "adjoint";
import { spread } from "../data.js";
import { keeping, tf, type TfTensor, type TfTensor2D } from "../tfjs.js";
import { disposing, realizing, tfjsTargets, workload } from "../workload.js";

// There are no methods for these yet, so they are written as a user would.
const centred = (x: Tensor, dim?: number) => x.sub(x.mean(dim, { keepdim: true }));
const variance = (x: Tensor, dim?: number) => {
  const count = dim === undefined ? x.numel() : x.size(dim);
  return centred(x, dim)
    .square()
    .sum(dim)
    .div(count - 1);
};
const logSumExp = (x: Tensor, dim?: number) => {
  const largest = x.amax(dim, { keepdim: true });
  return x
    .sub(largest)
    .exp()
    .sum(dim)
    .log()
    .add(dim === undefined ? largest.reshape([]) : largest.squeeze(dim));
};
const softmax = (x: Tensor, dim: number) => {
  const e = x.sub(x.amax(dim, { keepdim: true }).detach()).exp();
  return e.div(e.sum(dim, { keepdim: true }));
};
export const logSoftmax = (x: Tensor, dim: number) => {
  const shifted = x.sub(x.amax(dim, { keepdim: true }).detach());
  return shifted.sub(shifted.exp().sum(dim, { keepdim: true }).log());
};

interface Reduction {
  adjoint(x: Tensor, dim: number | undefined): Tensor;
  tfjs(x: TfTensor2D, dim: number | undefined): TfTensor;
  /** Also over all elements. */
  ofAll?: boolean;
  /** With its gradient. */
  isBackward?: boolean;
}

const unbiased = (x: TfTensor, dim?: number) => {
  const count = dim === undefined ? x.size : x.shape[dim]!;
  return tf.mul(tf.moments(x, dim).variance, count / (count - 1));
};
const along = {
  softmax: {
    adjoint: (x: Tensor, dim: number | undefined) => softmax(x, dim!),
    tfjs: (x: TfTensor2D, dim: number | undefined) =>
      // tfjs has softmax along the last dimension alone.
      dim === 1 ? tf.softmax(x) : tf.transpose(tf.softmax(tf.transpose(x))),
  },
  logSoftmax: {
    adjoint: (x: Tensor, dim: number | undefined) => logSoftmax(x, dim!),
    tfjs: (x: TfTensor2D, dim: number | undefined) =>
      dim === 1 ? tf.logSoftmax(x) : tf.transpose(tf.logSoftmax(tf.transpose(x))),
  },
};

const rows: Readonly<Record<string, Reduction>> = {
  sum: { adjoint: (x, dim) => x.sum(dim), tfjs: (x, dim) => tf.sum(x, dim), ofAll: true },
  mean: { adjoint: (x, dim) => x.mean(dim), tfjs: (x, dim) => tf.mean(x, dim), ofAll: true },
  var: { adjoint: variance, tfjs: unbiased, ofAll: true },
  amax: { adjoint: (x, dim) => x.amax(dim), tfjs: (x, dim) => tf.max(x, dim), ofAll: true },
  logsumexp: { adjoint: logSumExp, tfjs: (x, dim) => tf.logSumExp(x, dim), ofAll: true },
  softmax: along.softmax,
  "softmax backward": { ...along.softmax, isBackward: true },
  log_softmax: along.logSoftmax,
  "log_softmax backward": { ...along.logSoftmax, isBackward: true },
};

interface Size {
  op: string;
  dim: number | undefined;
  shape: readonly [number, number];
}

const sizes = (shape: readonly [number, number]): Size[] =>
  Object.entries(rows).flatMap(([op, { ofAll }]) => {
    return [0, 1, ...(ofAll ? [undefined] : [])].map((dim) => ({ op, dim, shape }));
  });

const gpuSizes = (shape: readonly [number, number]): Size[] => [
  { op: "sum", dim: undefined, shape },
  { op: "softmax", dim: 1, shape },
];

export const reductions = workload(
  "reductions",
  "a reduction or a softmax of a matrix along a dimension; backward: value and gradient",
  {
    cpu: { all: sizes([4096, 1024]), tiny: sizes([4, 6]) },
    cuda: { all: gpuSizes([12207, 8192]), tiny: gpuSizes([4, 6]) },
  },
  ({ op, dim, shape }, platform) => {
    const row = rows[op]!;
    const count = shape[0] * shape[1];
    const isBackward = row.isBackward ?? false;
    const data = () => tensor(spread(count, -1, 3)).reshape(shape);
    const weights = () => spread(count, -1, 1, 1);
    const forward = (options?: { disposes: boolean }) => {
      const x = data();
      return realizing(() => [row.adjoint(x, dim)], options);
    };
    return {
      label: `${op} ${dim === undefined ? "all" : `dim ${dim}`}, ${shape.join(" x ")}`,
      parameters: { op, dim: dim ?? "all", rows: shape[0], columns: shape[1] },
      ...(op === "softmax" && disposing(platform, forward)),
      adjoint: () => {
        if (!isBackward) return forward();
        const x = data().requiresGrad_();
        const dy = tensor(weights()).reshape(shape);
        return realizing(() => {
          const y = row.adjoint(x, dim);
          return [y, autograd.grad(y, x, { gradOutputs: dy })[0]!];
        });
      },
      tfjs: () => {
        const x = tf.tensor2d(spread(count, -1, 3), [...shape]);
        if (!isBackward) return keeping([x], () => [tf.tidy(() => row.tfjs(x, dim))]);
        const dy = tf.tensor2d(weights(), [...shape]);
        const valueAndGrad = tf.valueAndGrad((x: TfTensor) => row.tfjs(x as TfTensor2D, dim));
        return keeping([x, dy], () => {
          const { value, grad } = valueAndGrad(x, dy);
          return [value, grad];
        });
      },
      targets: [{ peers: ["PyTorch"], must: 1 }, ...(platform === "cpu" ? tfjsTargets : [])],
      // A softmax writes as much as it reads.
      ...(platform === "cuda" && { bytes: (op === "softmax" ? 8 : 4) * count, ofCopy: { aim: 0.9 } }),
    };
  },
);
