import { optim, tensor, type Tensor } from "adjoint";
import { training, tf } from "../tfjs.js";
import { tfjsTargets, workload, type Task } from "../workload.js";
import { moments } from "./adam.js";
import { tfjsWave, wave } from "./wave.js";

const lr = 0.01;

/** The loop, whose step reads x and f. */
export function notebookLoop(): Task<Tensor> {
  const x = tensor([8], { requiresGrad: true });
  const optimizer = new optim.Adam([x], { lr });
  let f = x;
  return {
    step: () => {
      optimizer.zeroGrad();
      f = wave(x);
      f.backward();
      optimizer.step();
      x.item();
      f.item();
    },
    results: () => [f, x, ...moments(optimizer, [x])],
  };
}

export const adamLoop = workload(
  "adam-loop",
  "the notebook's loop: x**2/20 + tanh(sin x) of one number, backward, Adam, reading x and f",
  { cpu: { all: [1], tiny: [1] }, cuda: { all: [1], tiny: [1] } },
  (_, platform) => ({
    label: "1",
    parameters: {},
    adjoint: notebookLoop,
    tfjs: () => {
      const x = tf.variable(tf.tensor1d([8]));
      const optimizer = tf.train.adam(lr, 0.9, 0.999, 1e-8);
      return training([x], [], optimizer, () => {
        const value = optimizer.minimize(() => tf.sum(tfjsWave(x)), true, [x])!;
        x.dataSync();
        value.dataSync();
        return value;
      });
    },
    targets:
      platform === "cuda"
        ? [{ peers: ["PyTorch"], must: 0.3 }]
        : [{ peers: ["PyTorch"], must: 0.08 }, { peers: ["JAX jit"], must: 0.4 }, ...tfjsTargets],
    aimSeconds: platform === "cuda" ? 10e-6 : 5e-6,
  }),
);
