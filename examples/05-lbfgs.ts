/*
 * LBFGS evaluates the function several times per step, so it takes a closure. The notebook's closure
 * computes the loss and never its gradient: LBFGS then works with the gradient of where the step began,
 * and ends somewhere by accident, in PyTorch as here. With zeroGrad() and backward() in the closure
 * and a line search, it needs one step.
 */
import { optim, tensor, type DType, type Tensor } from "adjoint";
import { figure } from "adjoint/plot";
import { func2d, wavyCurve } from "./03-many-minima.js";
import { Run, type Lesson } from "./lesson.js";
import { short, showAlone } from "./show.js";

type Given = ConstructorParameters<typeof optim.LBFGS>[1];

function minimize(name: string, start: number, options: Given, recomputes: boolean, dtype: DType): Run {
  const run = new Run(name);
  const x = tensor([start], { requiresGrad: true, dtype });
  const optimizer = new optim.LBFGS([x], options);
  const closure = (): Tensor => {
    optimizer.zeroGrad();
    const loss = func2d(x).sum();
    loss.backward();
    return loss;
  };
  for (let i = 0; i < 8; i++) {
    optimizer.zeroGrad();
    const f = func2d(x);
    f.backward();
    run.note(x, f);
    optimizer.step(recomputes ? closure : () => func2d(x));
  }
  return run;
}

/** As the notebook has it: a closure without backward(). Chaotic after the first few steps. */
export function asInTheNotebook(dtype: DType = "float32"): Run {
  return minimize("LBFGS, closure without backward, lr 2", 8, { lr: 2 }, false, dtype);
}

/** The right closure, without a line search. */
export function withGradients(dtype: DType = "float32"): Run {
  return minimize("LBFGS, lr 2", 8, { lr: 2 }, true, dtype);
}

/** Done right: the right closure, learning rate 1, and a line search. It finds the minimum of the valley it is in. */
export function doneRight(start = 8, dtype: DType = "float32"): Run {
  const name = `LBFGS, strong Wolfe, from ${start}`;
  return minimize(name, start, { lr: 1, lineSearchFn: "strong_wolfe" }, true, dtype);
}

export function lesson(): Lesson {
  const [astray, plain, local, global] = [asInTheNotebook(), withGradients(), doneRight(), doneRight(-2)];
  const at = ({ final }: Run) => `f(${final.x.map(short).join()}) = ${final.f.toFixed(5)}`;
  const { x, y } = wavyCurve();
  const picture = figure({ title: "LBFGS with a line search", xlabel: "x", ylabel: "f(x)" }).plot(x, y);
  for (const [run, color] of [[local, "#d55e00"] as const, [global, "#009e73"] as const]) {
    const look = { color, marker: "circle", width: 1, dash: "dashed" } as const;
    picture.plot(run.along(0), run.heights, { ...look, label: `from ${run.start.join().replace("-", "−")}` });
  }
  for (const [name, { final }] of [["local", local] as const, ["global", global] as const]) {
    picture.annotate(`${name} minimum`, {
      xy: [final.x[0]!, final.f],
      xytext: [final.x[0]! - 1.6, final.f + 2.6],
    });
  }
  return {
    title: "LBFGS: as the notebook has it, and done right",
    lines: [
      `closure without backward: ${at(astray)}, an accident`,
      `closure with backward, from 8: ${at(local)}, the minimum of that valley`,
      `closure with backward, from -2: ${at(global)}, the global minimum`,
    ],
    runs: [astray, plain, local, global],
    pictures: { "05-lbfgs": picture },
  };
}

await showAlone(import.meta.url, lesson);
