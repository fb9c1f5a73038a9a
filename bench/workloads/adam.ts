import { optim, tensor, type Tensor } from "adjoint";
import { spread } from "../data.js";
import { training, tf } from "../tfjs.js";
import { power, tfjsTargets, workload, type Target, type Task } from "../workload.js";

/** A step of an optimizer whose parameters have their gradients. */
export function stepping(optimizer: optim.Adam | optim.AdamW, parameters: readonly Tensor[]): Task<Tensor> {
  return {
    step: () => optimizer.step(),
    results: () => [...parameters, ...moments(optimizer, parameters)],
  };
}

/** What Adam remembers: first the averages of gradients, then those of their squares. */
export function moments(optimizer: optim.Adam | optim.AdamW, parameters: readonly Tensor[]): Tensor[] {
  const names = ["expAvg", "expAvgSq"];
  return names.flatMap((name) => parameters.map((x) => optimizer.state.get(x)![name] as Tensor));
}

/** What a step reads and writes of an element: parameter, gradient and two averages; and all but the gradient. */
export const adamBytes = 28;
/** A step on a GPU that has more to do with launches than with memory. */
export const launchTargets: readonly Target[] = [{ peers: ["PyTorch fused"], must: 0.7, aim: 0.3 }];
/** From here on it is memory alone. */
const isLarge = (n: number) => n >= 1e7;

export const adam = workload(
  "adam",
  "a step of Adam on one tensor with its gradient given",
  { cpu: { all: [1e4, 1e6, 1e7], tiny: [100] }, cuda: { all: [1e5, 1e6, 4e6, 1e8], tiny: [100] } },
  (n, platform) => ({
    label: power(n),
    parameters: { n },
    adjoint: () => {
      const x = tensor(spread(n, -1, 1), { requiresGrad: true });
      x.grad = tensor(spread(n, -0.1, 0.1, 1));
      return stepping(new optim.Adam([x]), [x]);
    },
    tfjs: () => {
      const x = tf.variable(tf.tensor1d(spread(n, -1, 1)));
      const grad = tf.tensor1d(spread(n, -0.1, 0.1, 1));
      const optimizer = tf.train.adam(1e-3, 0.9, 0.999, 1e-8);
      return training([x], [grad], optimizer, () => {
        optimizer.applyGradients([{ name: x.name, tensor: grad }]);
        return undefined;
      });
    },
    targets:
      platform === "cuda" && !isLarge(n)
        ? launchTargets
        : [{ peers: ["PyTorch fused"], must: 1 }, ...(platform === "cpu" ? tfjsTargets : [])],
    bytes: adamBytes * n,
    ...(platform === "cuda" && isLarge(n) && { ofCopy: { must: 0.9, aim: 0.95 } }),
  }),
);
