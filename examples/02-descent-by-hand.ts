/*
 * Gradient descent without an optimizer: x goes against the gradient, a tenth of it at a time.
 *
 * backward() adds the gradient to x.grad, so it must be cleared for the next step. The update itself
 * must leave no history, hence noGrad.
 */
import { linspace, noGrad, setPrintOptions, tensor, type DType } from "adjoint";
import { animatePath, figure } from "adjoint/plot";
import { square } from "./01-curve.js";
import { onNumbers, Run, type Lesson } from "./lesson.js";
import { showAlone } from "./show.js";

/** What the loop leaves behind. */
export interface Descent {
  run: Run;
  /** The text of f at each step. */
  prints: string[];
  /** The pairs that the notebook collects: x after the update with f from before it. They lie off the curve. */
  notebookPairs: [number, number][];
}

export function descend(dtype: DType = "float32"): Descent {
  setPrintOptions({ precision: 3 });
  const [run, prints, notebookPairs] = [new Run("by hand, lr 0.1"), [] as string[], [] as [number, number][]];
  const x = tensor([2.5], { requiresGrad: true, dtype });
  for (let i = 0; i < 40; i++) {
    const y = square(x);
    y.abs().backward();
    run.note(x, y);
    noGrad(() => {
      x.sub_(x.grad!.mul(0.1));
      x.grad!.zero_();
    });
    prints.push(`${y.detach()}`);
    notebookPairs.push([x.item(), y.item()]);
  }
  setPrintOptions({ profile: "default" });
  return { run, prints, notebookPairs };
}

export function lesson(): Lesson {
  const { run, prints } = descend();
  const x = linspace(-3, 3, 301);
  const steps = figure({ title: "Gradient descent by hand on x²", xlabel: "x", ylabel: "f(x)" });
  steps.plot(x, square(x)).scatter(run.along(0), run.heights);
  return {
    title: "Gradient descent by hand from 2.5, learning rate 0.1",
    lines: prints,
    runs: [run],
    pictures: {
      "02-descent-by-hand": steps,
      "02-descent-by-hand-path": animatePath(onNumbers(square), run.points, {
        title: "Gradient descent by hand on x²",
        xRange: [-3, 3],
        interval: 400,
      }),
    },
  };
}

await showAlone(import.meta.url, lesson);
