/*
 * When to stop: where the gradient is as good as zero, or where the steps no longer lower f. The first
 * is true of every stationary point, the second also of a rate that is too small, so a limit to the
 * number of steps comes with both.
 */
import { optim, tensor, type DType } from "adjoint";
import { figure } from "adjoint/plot";
import { func2d } from "./03-many-minima.js";
import { Run, type Lesson } from "./lesson.js";
import { showAlone } from "./show.js";

/** When a run may end. */
export interface Criterion {
  /** The largest gradient that counts as zero. */
  gradient: number;
  /** How much lower f must be to count as progress. */
  progress: number;
  /** How many steps without progress are borne. */
  patience: number;
  maxSteps: number;
}

const usual: Criterion = { gradient: 1e-4, progress: 1e-6, patience: 10, maxSteps: 1000 };

/** SGD from 8, until a criterion is met; `reason` says which. */
export function minimizeUntil(
  lr: number,
  { gradient, progress, patience, maxSteps }: Criterion = usual,
  dtype: DType = "float32",
): { run: Run; reason: string } {
  const run = new Run(`SGD, lr ${lr}, until it stops`);
  const x = tensor([8], { requiresGrad: true, dtype });
  const optimizer = new optim.SGD([x], { lr });
  let [best, waited] = [Infinity, 0];
  for (let i = 0; i < maxSteps; i++) {
    optimizer.zeroGrad();
    const f = func2d(x);
    f.backward();
    run.note(x, f);
    if (Math.abs(x.grad!.item()) < gradient) return { run, reason: `gradient below ${gradient}` };
    waited = f.item() < best - progress ? 0 : waited + 1;
    best = Math.min(best, f.item());
    if (waited > patience) return { run, reason: `no progress in ${patience} steps` };
    optimizer.step();
  }
  return { run, reason: `${maxSteps} steps are done` };
}

export function lesson(): Lesson {
  const all = [minimizeUntil(1), minimizeUntil(4), minimizeUntil(0.001)];
  const picture = figure({
    title: "Runs that end by themselves",
    xlabel: "evaluation",
    ylabel: "f(x)",
    xScale: "log",
  });
  for (const { run } of all) {
    const evaluations = run.points.map((_, i) => i + 1);
    picture.plot(evaluations, run.heights, { label: run.name });
  }
  return {
    title: "A stopping criterion: SGD from 8",
    lines: all.map(({ run, reason }) => `${run.name}: after ${run.steps} evaluations, because ${reason}`),
    runs: all.map(({ run }) => run),
    pictures: { "07-stopping": picture },
  };
}

await showAlone(import.meta.url, lesson);
