/*
 * Every optimizer that works step by step, on the wavy function from 8: first at the careful settings
 * that the notebook has in comments, then at learning rate 2, where they differ most.
 */
import { optim, setPrintOptions, tensor, type DType, type Tensor } from "adjoint";
import { animatePath, figure, type Figure } from "adjoint/plot";
import { func2d } from "./03-many-minima.js";
import { onNumbers, Run, type Lesson } from "./lesson.js";
import { showAlone } from "./show.js";

/** Makes an optimizer of one parameter. */
export type Make = (x: Tensor) => optim.Optimizer;

/** The loop that all optimizers share. */
export function minimize(name: string, make: Make, steps: number, dtype: DType = "float32"): Run {
  const run = new Run(name);
  const x = tensor([8], { requiresGrad: true, dtype });
  const optimizer = make(x);
  for (let i = 0; i < steps; i++) {
    optimizer.zeroGrad();
    const f = func2d(x);
    f.backward();
    run.note(x, f);
    optimizer.step();
  }
  return run;
}

/** 40 steps of each at learning rate 0.01, with which only momentum gets down the slope. */
export function careful(dtype?: DType): Run[] {
  const lr = 0.01;
  const makes: Record<string, Make> = {
    "SGD, lr 0.01, momentum 0.9": (x) => new optim.SGD([x], { lr, momentum: 0.9 }),
    "Adam, lr 0.01": (x) => new optim.Adam([x], { lr }),
    "AdamW, lr 0.01": (x) => new optim.AdamW([x], { lr }),
    "Adadelta, lr 0.01": (x) => new optim.Adadelta([x], { lr }),
    "Adagrad, lr 0.01": (x) => new optim.Adagrad([x], { lr }),
    "RMSprop, lr 0.01": (x) => new optim.RMSprop([x], { lr }),
  };
  return Object.entries(makes).map(([name, make]) => minimize(name, make, 40, dtype));
}

/** Each at learning rate 2: Adam, AdamW and RMSprop get over the hill, SGD and Adagrad stay in the first valley. */
export function bold(dtype?: DType): Run[] {
  const lr = 2;
  return [
    minimize("Adam, lr 2", (x) => new optim.Adam([x], { lr }), 15, dtype),
    minimize("AdamW, lr 2", (x) => new optim.AdamW([x], { lr }), 15, dtype),
    minimize("SGD, lr 2", (x) => new optim.SGD([x], { lr }), 40, dtype),
    minimize("Adadelta, lr 2", (x) => new optim.Adadelta([x], { lr }), 40, dtype),
    minimize("Adagrad, lr 2", (x) => new optim.Adagrad([x], { lr }), 40, dtype),
    minimize("RMSprop, lr 2", (x) => new optim.RMSprop([x], { lr }), 40, dtype),
  ];
}

/** f at the last step, as the notebook prints it. */
export function printed(run: Run, dtype: DType = "float32"): string {
  setPrintOptions({ precision: 3 });
  const text = `${tensor([run.final.f], { dtype })}`;
  setPrintOptions({ profile: "default" });
  return text;
}

export function lesson(): Lesson {
  const runs = bold();
  const [heights, places] = ["f(x)", "x"].map((ylabel) =>
    figure({ title: "Learning rate 2, from 8", xlabel: "step", ylabel }),
  ) as [Figure, Figure];
  for (const run of runs) {
    heights.plot([...run.points.keys()], run.heights, { label: run.name });
    places.plot([...run.points.keys()], run.along(0), { label: run.name });
  }
  return {
    title: "Optimizers on x**2/20 + tanh(sin x), from 8",
    lines: runs.map((run) => `${run.name}, after ${run.steps} steps: ${printed(run)}`),
    runs: [...careful(), ...runs],
    pictures: {
      "04-optimizers": heights,
      "04-optimizers-x": places,
      "04-adam-path": animatePath(onNumbers(func2d), runs[0]!.points, {
        title: "Adam, learning rate 2, from 8",
        xRange: [-10, 10],
        interval: 400,
      }),
    },
  };
}

await showAlone(import.meta.url, lesson);
