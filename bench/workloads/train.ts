import { optim, tensor, tidy, type Tensor } from "adjoint";
import { spread } from "../data.js";
import { power, workload, type Task } from "../workload.js";
import { moments } from "./adam.js";
import { wave } from "./wave.js";

/** Objects that a program might hold, of 100 bytes. */
function heap(count: number): object[] {
  return Array.from({ length: count }, (_, i) => ({ id: i, name: `${i}`, next: null, value: i / 2 }));
}

function trains(n: number, options: { isTidy: boolean; heap?: object[] }): Task<Tensor> {
  const x = tensor(spread(n, -4, 4), { requiresGrad: true });
  const optimizer = new optim.Adam([x]);
  let f = x;
  const held = [options.heap];
  const step = () => {
    optimizer.zeroGrad();
    const loss = wave(x).sum();
    loss.backward();
    optimizer.step();
    loss.item();
    return loss;
  };
  return {
    step: () => {
      f = options.isTidy ? tidy(step) : step();
    },
    results: () => [f, x, ...moments(optimizer, [x])],
    dispose: () => {
      held.length = 0;
    },
  };
}

export const train = workload(
  "train",
  "sum(x**2/20 + tanh(sin x)), backward and Adam; with tidy, and beside 300 MB of JavaScript objects",
  { cpu: { all: [{ n: 1e7, objects: 3e6 }], tiny: [{ n: 100, objects: 10 }] } },
  ({ n, objects }) => ({
    label: power(n),
    parameters: { n },
    adjoint: () => trains(n, { isTidy: false }),
    variants: {
      "adjoint tidy": () => trains(n, { isTidy: true }),
      "adjoint heap": () => trains(n, { isTidy: false, heap: heap(objects) }),
      "adjoint tidy heap": () => trains(n, { isTidy: true, heap: heap(objects) }),
    },
    targets: [],
    // Whatever was there before is collected, and memory taken, in the first steps.
    steps: { untimed: 10, timed: 40 },
    variantsWithin: 1.1,
  }),
);
