/*
 * A large learning rate gets over hills, a small one settles down. A scheduler gives both: it lowers
 * the rate as the steps go by, and its step() comes after the optimizer's.
 */
import { optim, tensor, type DType } from "adjoint";
import { figure } from "adjoint/plot";
import { func2d } from "./03-many-minima.js";
import { Run, type Lesson } from "./lesson.js";
import { showAlone } from "./show.js";

const { CosineAnnealingLR, ExponentialLR, ReduceLROnPlateau, StepLR } = optim.lrScheduler;
const steps = 100;

/** A run, and the learning rate that each of its steps had. */
export interface Scheduled {
  run: Run;
  rates: number[];
}

/** SGD from 8, beginning at learning rate 4. */
export function minimize(
  name: string,
  schedule: (
    optimizer: optim.SGD,
  ) => optim.lrScheduler.LRScheduler | optim.lrScheduler.ReduceLROnPlateau | undefined,
  dtype: DType = "float32",
): Scheduled {
  const [run, rates] = [new Run(name), [] as number[]];
  const x = tensor([8], { requiresGrad: true, dtype });
  const optimizer = new optim.SGD([x], { lr: 4 });
  const scheduler = schedule(optimizer);
  for (let i = 0; i < steps; i++) {
    optimizer.zeroGrad();
    const f = func2d(x);
    f.backward();
    run.note(x, f);
    rates.push(optimizer.paramGroups[0]!.lr);
    optimizer.step();
    if (scheduler instanceof ReduceLROnPlateau) scheduler.step(f);
    else scheduler?.step();
  }
  return { run, rates };
}

/** No schedule never settles; the exponential one settles so soon that the nearest valley is where it stays. */
export function compare(dtype?: DType): Scheduled[] {
  return [
    minimize("SGD, lr 4 throughout", () => undefined, dtype),
    minimize("SGD, StepLR", (sgd) => new StepLR(sgd, { stepSize: 20, gamma: 0.5 }), dtype),
    minimize("SGD, ExponentialLR", (sgd) => new ExponentialLR(sgd, { gamma: 0.96 }), dtype),
    minimize("SGD, CosineAnnealingLR", (sgd) => new CosineAnnealingLR(sgd, { tMax: steps }), dtype),
    minimize(
      "SGD, ReduceLROnPlateau",
      (sgd) => new ReduceLROnPlateau(sgd, { patience: 5, factor: 0.5 }),
      dtype,
    ),
  ];
}

export function lesson(): Lesson {
  const all = compare();
  const heights = figure({ title: "SGD with and without a scheduler", xlabel: "step", ylabel: "f(x)" });
  const rates = figure({
    title: "The learning rates",
    xlabel: "step",
    ylabel: "learning rate",
    yRange: [0, 7],
  });
  for (const { run, rates: lrs } of all) {
    heights.plot([...run.points.keys()], run.heights, { label: run.name });
    rates.plot([...lrs.keys()], lrs, { label: run.name });
  }
  return {
    title: "Learning rate schedulers: SGD from 8, beginning at learning rate 4",
    lines: all.map(
      ({ run, rates }) => `${run.name}: f = ${run.final.f.toFixed(5)}, last rate ${rates.at(-1)!.toFixed(4)}`,
    ),
    runs: all.map(({ run }) => run),
    pictures: { "06-schedulers": heights, "06-schedulers-rates": rates },
  };
}

await showAlone(import.meta.url, lesson);
