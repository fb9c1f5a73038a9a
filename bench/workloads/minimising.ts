// Whole minimisations: LBFGS beside PyTorch's, minimize and curveFit beside SciPy's.
import { curveFitSync, minimizeSync, optim, tensor, type Tensor } from "adjoint";
import { spread } from "../data.js";
import { power, workload, type Task } from "../workload.js";
import { valley } from "./rosenbrock.js";

/** A task whose steps begin afresh. */
function again(minimise: () => readonly Tensor[]): Task<Tensor> {
  let results: readonly Tensor[] = [];
  return { step: () => (results = minimise()), results: () => results };
}

export const lbfgs = workload(
  "lbfgs",
  "20 iterations of LBFGS with a history of 100 on Rosenbrock's function of n numbers, from the start",
  { cpu: { all: [100, 1e6], tiny: [10] } },
  (n) => ({
    label: power(n),
    parameters: { n },
    adjoint: () => {
      const start = tensor(spread(n, 0.8, 1.2), { dtype: n < 1e6 ? "float64" : "float32" });
      return again(() => {
        const x = start.clone().requiresGrad_();
        const optimizer = new optim.LBFGS([x], { lineSearchFn: "strong_wolfe" });
        optimizer.step(() => {
          optimizer.zeroGrad();
          const f = valley(x);
          f.backward();
          return f;
        });
        return [x];
      });
    },
    targets: [{ peers: ["PyTorch"], must: n < 1e6 ? 0.2 : 0.5 }],
    tolerance: 1e-3,
  }),
);

export const bfgs = workload(
  "bfgs",
  "minimize by bfgs: Rosenbrock's function of n numbers, whose gradient SciPy is given",
  { cpu: { all: [2, 10], tiny: [2] } },
  (n) => ({
    label: String(n),
    parameters: { n },
    adjoint: () => {
      const start = Array.from({ length: n }, (_, i) => (i % 2 === 0 ? -1.2 : 1));
      return again(() => [minimizeSync(valley, start).x]);
    },
    targets: [{ peers: ["SciPy"], must: 0.2 }],
  }),
);

const peak = (t: Tensor, p: Tensor) =>
  t.sub(p.at(1)).square().div(p.at(2).square().mul(-2)).exp().mul(p.at(0));

export const gaussian = workload(
  "curve-fit",
  "curveFit of a Gaussian's height, place and width to n points",
  { cpu: { all: [250], tiny: [20] } },
  (n) => ({
    label: String(n),
    parameters: { n },
    adjoint: () => {
      const t = tensor(Float64Array.from({ length: n }, (_, i) => -4 + (8 * i) / (n - 1)));
      const noise = tensor(spread(n, -0.1, 0.1)).to("float64");
      const y = peak(t, tensor([2.5, 0.7, 0.9], { dtype: "float64" })).add(noise);
      return again(() => {
        const { x, covariance } = curveFitSync(peak, t, y, [1, 0, 1]);
        return [x, covariance];
      });
    },
    targets: [{ peers: ["SciPy"], must: 0.3 }],
  }),
);
