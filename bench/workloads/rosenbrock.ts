import { tensor, type Tensor } from "adjoint";
import { spread } from "../data.js";
import { keeping, tf, type TfScalar, type TfTensor } from "../tfjs.js";
import { power, realizing, tfjsTargets, workload, type Target } from "../workload.js";

/** Rosenbrock's function. */
export function valley(x: Tensor): Tensor {
  const n = x.size(0);
  const here = x.narrow(0, 0, n - 1);
  const next = x.narrow(0, 1, n - 1);
  return next.sub(here.square()).square().mul(100).add(here.rsub(1).square()).sum();
}

function tfjsValley(x: TfTensor): TfScalar {
  const n = x.shape[0];
  const here = tf.slice(x, 0, n - 1);
  const next = tf.slice(x, 1, n - 1);
  const curved = tf.mul(100, tf.square(tf.sub(next, tf.square(here))));
  return tf.sum(tf.add(curved, tf.square(tf.sub(1, here))));
}

const targets: Readonly<Record<number, Target>> = {
  100: { peers: ["PyTorch"], must: 0.15 },
  1e6: { peers: ["torch.compile"], must: 1, aim: 0.5 },
};

export const rosenbrock = workload(
  "rosenbrock",
  "value and gradient of Rosenbrock's function of n numbers",
  { cpu: { all: [100, 1e6], tiny: [10] } },
  (n) => ({
    label: power(n),
    parameters: { n },
    adjoint: () => {
      const x = tensor(spread(n, -2, 2), { requiresGrad: true });
      return realizing(() => {
        x.grad = null;
        const f = valley(x);
        f.backward();
        return [f, x.grad!];
      });
    },
    tfjs: () => {
      const x = tf.tensor1d(spread(n, -2, 2));
      const valueAndGrad = tf.valueAndGrad(tfjsValley);
      return keeping([x], () => {
        const { value, grad } = valueAndGrad(x);
        return [value, grad];
      });
    },
    targets: [...(targets[n] === undefined ? [] : [targets[n]]), ...tfjsTargets],
  }),
);
