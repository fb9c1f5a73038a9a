/*
 * Which learning rate? Try them all: SGD and Adam from 8, 40 steps at each of 25 rates from 0.01 to 10,
 * evenly spaced in the exponent. All rates are cheap to try, because none of them compiles anything.
 */
import { linspace, optim, type DType } from "adjoint";
import { figure } from "adjoint/plot";
import { minimize } from "./04-optimizers.js";
import type { Lesson, Run } from "./lesson.js";
import { short, showAlone } from "./show.js";

/** The rates, and one run at each. */
export interface Sweep {
  rates: number[];
  runs: Run[];
}

export function sweep(name: "SGD" | "Adam", dtype?: DType): Sweep {
  const exponents = linspace(-2, 1, 25, { dtype: "float64" });
  const rates = Array.from(exponents.dataSync(), Number).map((exponent) => 10 ** exponent);
  const runs = rates.map((lr) =>
    minimize(
      `${name}, lr ${short(lr)}, best of ${rates.length}`,
      (x) => new optim[name]([x], { lr }),
      40,
      dtype,
    ),
  );
  return { rates, runs };
}

/** The run that ended lowest. */
export function bestOf({ rates, runs }: Sweep): { lr: number; run: Run } {
  const index = runs.reduce((best, run, i) => (run.final.f < runs[best]!.final.f ? i : best), 0);
  return { lr: rates[index]!, run: runs[index]! };
}

export function lesson(): Lesson {
  const sweeps = [sweep("SGD"), sweep("Adam")];
  const picture = figure({
    title: "f after 40 steps",
    xlabel: "learning rate",
    ylabel: "f(x)",
    xScale: "log",
  });
  sweeps.forEach(({ rates, runs }, i) => {
    const label = ["SGD", "Adam"][i]!;
    picture.plot(rates, runs.map((run) => run.final.f), { label, marker: "circle" }); // prettier-ignore
  });
  const best = sweeps.map(bestOf);
  return {
    title: "A sweep over learning rates, from 8",
    lines: best.map(
      ({ lr, run }) => `${run.name}: ${short(lr)} ends lowest, at f = ${run.final.f.toFixed(5)}`,
    ),
    runs: best.map(({ run }) => run),
    pictures: { "08-learning-rates": picture },
  };
}

await showAlone(import.meta.url, lesson);
