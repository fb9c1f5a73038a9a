import { optim, tensor, type Tensor } from "adjoint";
import { spread } from "../data.js";
import { training, tf, type TfScalar, type TfTensor } from "../tfjs.js";
import { tfjsTargets, workload, type Target, type Task } from "../workload.js";
import { moments } from "./adam.js";
import { logSoftmax } from "./reductions.js";

const targets: readonly Target[] = [{ peers: ["PyTorch"], must: 1, aim: 0.5 }, ...tfjsTargets];

const matrix = (rows: number, columns: number, low: number, high: number, seed: number) =>
  tensor(spread(rows * columns, low, high, seed)).reshape(rows, columns);
const tfjsMatrix = (rows: number, columns: number, low: number, high: number, seed: number) =>
  tf.tensor2d(spread(rows * columns, low, high, seed), [rows, columns]);

/** A step of training that reads the loss. */
function trains(
  optimizer: optim.Optimizer,
  parameters: readonly Tensor[],
  lossOf: () => Tensor,
  state: () => readonly Tensor[],
): Task<Tensor> {
  let loss = parameters[0]!;
  return {
    step: () => {
      optimizer.zeroGrad();
      loss = lossOf();
      loss.backward();
      optimizer.step();
      loss.item();
    },
    results: () => [loss, ...parameters, ...state()],
  };
}

export const logistic = workload(
  "logistic",
  "logistic regression: mean cross entropy with logits, backward, SGD, reading the loss",
  { cpu: { all: [{ batch: 128, features: 100 }], tiny: [{ batch: 6, features: 3 }] } },
  ({ batch, features }) => ({
    label: `${features} features, batch ${batch}`,
    parameters: { batch, features },
    adjoint: () => {
      const x = matrix(batch, features, -1, 1, 0);
      const y = tensor(spread(batch, 0, 1, 1))
        .gt(0.5)
        .to("float32");
      const w = tensor(spread(features, -0.1, 0.1, 2), { requiresGrad: true });
      const b = tensor([0], { requiresGrad: true });
      const lossOf = () => {
        const z = x.matmul(w).add(b);
        return z.relu().sub(z.mul(y)).add(z.abs().neg().exp().log1p()).mean();
      };
      return trains(new optim.SGD([w, b], { lr: 0.1 }), [w, b], lossOf, () => []);
    },
    tfjs: () => {
      const x = tfjsMatrix(batch, features, -1, 1, 0);
      const y = tf.tidy(() => tf.cast(tf.greater(tf.tensor1d(spread(batch, 0, 1, 1)), 0.5), "float32"));
      const w = tf.variable(tf.tensor1d(spread(features, -0.1, 0.1, 2)));
      const b = tf.variable(tf.tensor1d([0]));
      const optimizer = tf.train.sgd(0.1);
      const lossOf = () => {
        const z = tf.add(tf.squeeze(tf.matMul(x, tf.expandDims(w, 1)), [1]), b);
        return tf.losses.sigmoidCrossEntropy<TfTensor, TfScalar>(y, z);
      };
      return training([w, b], [x, y], optimizer, () => {
        const loss = optimizer.minimize(lossOf, true, [w, b])!;
        loss.dataSync();
        return loss;
      });
    },
    targets,
  }),
);

export const network = workload(
  "network",
  "a network with one hidden layer: relu, log_softmax, negative log likelihood, backward, Adam, reading the loss",
  { cpu: { all: [{ batch: 128, widths: [784, 256, 10] }], tiny: [{ batch: 6, widths: [5, 4, 3] }] } },
  ({ batch, widths }) => {
    const [features, hidden, classes] = widths as [number, number, number];
    /** Example i is of class i % classes. */
    const oneHot = () => {
      const y = new Float32Array(batch * classes);
      for (let i = 0; i < batch; ++i) y[i * classes + (i % classes)] = 1;
      return y;
    };
    return {
      label: `${widths.join("-")}, batch ${batch}`,
      parameters: { batch, features, hidden, classes },
      adjoint: () => {
        const x = matrix(batch, features, 0, 1, 0);
        const y = tensor(oneHot()).reshape(batch, classes);
        const w1 = matrix(features, hidden, -0.05, 0.05, 1).requiresGrad_();
        const b1 = tensor(spread(hidden, -0.05, 0.05, 2), { requiresGrad: true });
        const w2 = matrix(hidden, classes, -0.1, 0.1, 3).requiresGrad_();
        const b2 = tensor(spread(classes, -0.1, 0.1, 4), { requiresGrad: true });
        const parameters = [w1, b1, w2, b2];
        const optimizer = new optim.Adam(parameters);
        const lossOf = () => {
          const scores = x.matmul(w1).add(b1).relu().matmul(w2).add(b2);
          return logSoftmax(scores, 1).mul(y).sum().div(-batch);
        };
        return trains(optimizer, parameters, lossOf, () => moments(optimizer, parameters));
      },
      tfjs: () => {
        const x = tfjsMatrix(batch, features, 0, 1, 0);
        const y = tf.tensor2d(oneHot(), [batch, classes]);
        const w1 = tf.variable(tfjsMatrix(features, hidden, -0.05, 0.05, 1));
        const b1 = tf.variable(tf.tensor1d(spread(hidden, -0.05, 0.05, 2)));
        const w2 = tf.variable(tfjsMatrix(hidden, classes, -0.1, 0.1, 3));
        const b2 = tf.variable(tf.tensor1d(spread(classes, -0.1, 0.1, 4)));
        const parameters = [w1, b1, w2, b2];
        const optimizer = tf.train.adam(1e-3, 0.9, 0.999, 1e-8);
        const lossOf = () => {
          const scores = tf.add(tf.matMul(tf.relu(tf.add(tf.matMul(x, w1), b1)), w2), b2);
          return tf.div<TfScalar>(tf.sum(tf.mul(tf.logSoftmax(scores), y)), -batch);
        };
        return training(parameters, [x, y], optimizer, () => {
          const loss = optimizer.minimize(lossOf, true, parameters)!;
          loss.dataSync();
          return loss;
        });
      },
      targets,
      // Where a gradient is all rounding, Adam's first steps are of either sign.
      tolerance: 1e-3,
    };
  },
);
