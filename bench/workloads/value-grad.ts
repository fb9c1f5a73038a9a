import { tensor, type Tensor } from "adjoint";
import { spread } from "../data.js";
import { keeping, tf, type TfTensor } from "../tfjs.js";
import { disposing, power, realizing, tfjsTargets, workload, type Task } from "../workload.js";
import { tfjsWave, wave } from "./wave.js";

function valuesAndGradients(n: number, options?: { disposes: boolean }): Task<Tensor> {
  const x = tensor(spread(n, -4, 4), { requiresGrad: true });
  return realizing(() => {
    x.grad = null;
    const f = wave(x).sum();
    f.backward();
    return [f, x.grad!];
  }, options);
}

export const valueGrad = workload(
  "value-grad",
  "value and gradient of sum(x**2/20 + tanh(sin x))",
  { cpu: { all: [1e4, 1e6, 1e7], tiny: [100] }, cuda: { all: [1e8], tiny: [100] } },
  (n, platform) => ({
    label: power(n),
    parameters: { n },
    adjoint: () => valuesAndGradients(n),
    ...disposing(platform, (options) => valuesAndGradients(n, options)),
    tfjs: () => {
      const x = tf.tensor1d(spread(n, -4, 4));
      const valueAndGrad = tf.valueAndGrad((x: TfTensor) => tf.sum(tfjsWave(x)));
      return keeping([x], () => {
        const { value, grad } = valueAndGrad(x);
        return [value, grad];
      });
    },
    ...(platform === "cuda"
      ? {
          targets: [
            { peers: ["PyTorch"], must: 0.15 },
            { peers: ["torch.compile"], must: 0.9 },
          ],
          bytes: 8 * n,
        }
      : {
          targets: [
            { peers: ["torch.compile"], must: 0.6 },
            { peers: ["JAX jit"], must: 0.4 },
            ...tfjsTargets,
          ],
          aimSeconds: n * 1e-9, // 2 ns an element on one core
        }),
  }),
);
