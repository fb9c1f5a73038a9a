/* The highest point is the lowest of -f. Instead of changing the sign, the option maximize climbs f. */
import { optim, tensor, type DType, type Tensor } from "adjoint";
import { animatePath } from "adjoint/plot";
import { func2d } from "./03-many-minima.js";
import { onNumbers, Run, type Lesson } from "./lesson.js";
import { showAlone } from "./show.js";

function climb(name: string, objective: (x: Tensor) => Tensor, maximize: boolean, dtype: DType): Run {
  const run = new Run(name, "highest");
  const x = tensor([-3], { requiresGrad: true, dtype });
  const optimizer = new optim.SGD([x], { lr: 0.5, maximize });
  for (let i = 0; i < 30; i++) {
    optimizer.zeroGrad();
    objective(x).backward();
    run.note(x, func2d(x.detach()));
    optimizer.step();
  }
  return run;
}

/** Minimises -f. */
export function bySign(dtype: DType = "float32"): Run {
  return climb("SGD on -f, lr 0.5", (x) => func2d(x).neg(), false, dtype);
}

/** Maximises f. */
export function byOption(dtype: DType = "float32"): Run {
  return climb("SGD with maximize, lr 0.5", func2d, true, dtype);
}

export function lesson(): Lesson {
  const runs = [bySign(), byOption()];
  return {
    title: "A maximum of x**2/20 + tanh(sin x), from -3",
    lines: runs.map(({ name, final }) => `${name}: f(${final.x[0]!.toFixed(4)}) = ${final.f.toFixed(4)}`),
    runs,
    pictures: {
      "09-maximum-path": animatePath(onNumbers(func2d), runs[0]!.points, {
        title: "Climbing to a local maximum",
        xRange: [-10, 10],
        interval: 400,
      }),
    },
  };
}

await showAlone(import.meta.url, lesson);
