import { curveFitSync, linspace, stack, tensor, type Tensor } from "adjoint";
import { spread } from "../data.js";
import { realizing, workload } from "../workload.js";

const samples = 20;
const decay = (t: Tensor, p: Tensor) => t.mul(p.at(1).neg()).exp().mul(p.at(0));
const loop = "adjoint loop";

/** Curves of as many decays, and the times of their samples. */
function curves(count: number): { t: Tensor; y: Tensor } {
  const of = (low: number, high: number) => tensor(spread(count, low, high), { dtype: "float64" });
  const t = linspace(0, 4, samples, { dtype: "float64" });
  const [height, rate] = [of(1, 3).unsqueeze(1), of(0.3, 1.2).unsqueeze(1)];
  return { t, y: rate.neg().mul(t).exp().mul(height) };
}

export const fits = workload(
  "fits",
  `curveFit of n decays of two parameters to ${samples} samples each: in a batch, or in a loop`,
  { cpu: { all: [1000], tiny: [3] } },
  (n) => ({
    label: String(n),
    parameters: { n },
    adjoint: () => {
      const { t, y } = curves(n);
      return realizing(() => [curveFitSync(decay, t, y, [1, 1], { batch: true }).x]);
    },
    variants: {
      [loop]: () => {
        const { t, y } = curves(n);
        return realizing(() => [
          stack(Array.from({ length: n }, (_, i) => curveFitSync(decay, t, y.select(0, i), [1, 1]).x)),
        ]);
      },
    },
    targets: [{ peers: [loop], must: 0.1 }],
  }),
);
