/*
 * The chapter asks which other difficulties there are. One answer: a long narrow valley, where f bends a
 * hundred times more in one direction than in the other. The steep direction bounds the learning rate
 * (it must stay below 2/100 here), and at that rate the flat one takes hundreds of steps. Momentum adds
 * up the small steps that agree; Adagrad and Adam give each direction a rate of its own; LBFGS learns
 * the curvature and is done in a handful of evaluations.
 */
import { optim, tensor, type DType, type Tensor } from "adjoint";
import { animatePath, figure } from "adjoint/plot";
import type { Make } from "./04-optimizers.js";
import { Run, type Lesson } from "./lesson.js";
import { short, showAlone } from "./show.js";

const start = [-1.8, 0.5];
const steps = 60;

/** (x**2 + 100 y**2) / 2, of a tensor [x, y]. */
export function valley(x: Tensor): Tensor {
  return x.at(0).square().add(x.at(1).square().mul(100)).div(2);
}

/** 60 steps of each, by name. */
export function descents(dtype: DType = "float32"): Record<string, Run> {
  const makes: Record<string, Make> = {
    SGD: (x) => new optim.SGD([x], { lr: 0.0195 }),
    Momentum: (x) => new optim.SGD([x], { lr: 0.0195, momentum: 0.8 }),
    Adam: (x) => new optim.Adam([x], { lr: 0.1 }),
    Adagrad: (x) => new optim.Adagrad([x], { lr: 0.5 }),
  };
  return Object.fromEntries(Object.entries(makes).map(([name, make]) => [name, descend(name, make, dtype)]));
}

function descend(name: string, make: Make, dtype: DType): Run {
  const run = new Run(`${name} in the valley`);
  const x = tensor(start, { requiresGrad: true, dtype });
  const optimizer = make(x);
  for (let i = 0; i < steps; i++) {
    optimizer.zeroGrad();
    const f = valley(x);
    f.backward();
    run.note(x, f);
    optimizer.step();
  }
  return run;
}

/** One step of LBFGS; the points are its evaluations of f. */
export function byLBFGS(dtype: DType = "float32"): Run {
  const run = new Run("LBFGS in the valley");
  const x = tensor(start, { requiresGrad: true, dtype });
  const optimizer = new optim.LBFGS([x], { lineSearchFn: "strong_wolfe" });
  optimizer.step(() => {
    optimizer.zeroGrad();
    const f = valley(x);
    f.backward();
    run.note(x, f);
    return f;
  });
  return run;
}

const onMap = (x: number, y: number) => valley(tensor([x, y])).item();
const frame = { xRange: [-2, 0.6], yRange: [-0.6, 0.6] } as const;

export function lesson(): Lesson {
  const runs = { ...descents(), LBFGS: byLBFGS() };
  const map = figure({ title: "f(x, y) = (x² + 100 y²) / 2", xlabel: "x", ylabel: "y", width: 680 });
  map.contour(onMap, { ...frame, levels: [0.1, 0.5, 1, 2, 4, 8, 16], label: "f" });
  for (const [label, run] of Object.entries(runs)) {
    map.plot(run.along(0), run.along(1), { label, marker: "circle", width: 1 });
  }
  const points = Object.entries(runs).map(
    ([name, run]) => [name, run.points.map((p) => p.slice(0, 2))] as const,
  );
  const look = { title: "A narrow valley", ...frame, interval: 150, height: 460 };
  return {
    title: "An answer to the exercise: a narrow valley, (x**2 + 100 y**2) / 2",
    lines: Object.values(runs).map(
      ({ name, steps, final }) => `${name}: f = ${short(final.f)} after ${steps} evaluations`,
    ),
    runs: Object.values(runs),
    pictures: {
      "12-valley": map,
      "12-valley-paths": animatePath(onMap, Object.fromEntries(points), look),
    },
  };
}

await showAlone(import.meta.url, lesson);
