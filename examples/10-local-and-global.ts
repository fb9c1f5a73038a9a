/* A local and a global minimum: x cos(pi x) on [-1, 2). The arrows point to where our own optimizer ended. */
import { arange, optim, tensor, type DType, type Tensor } from "adjoint";
import { figure } from "adjoint/plot";
import { Run, type Lesson } from "./lesson.js";
import { showAlone } from "./show.js";

/** x cos(pi x). Its extrema are where pi x tan(pi x) = 1. */
export function ripple(x: Tensor): Tensor {
  return x.mul(x.mul(Math.PI).cos());
}

/** Where SGD ends depends on where it starts. */
export function minimizeFrom(start: number, dtype: DType = "float32"): Run {
  const run = new Run("SGD, lr 0.05");
  const x = tensor([start], { requiresGrad: true, dtype });
  const optimizer = new optim.SGD([x], { lr: 0.05 });
  for (let i = 0; i < 60; i++) {
    optimizer.zeroGrad();
    const f = ripple(x);
    f.backward();
    run.note(x, f);
    optimizer.step();
  }
  return run;
}

export function lesson(): Lesson {
  const [local, global] = [minimizeFrom(0), minimizeFrom(0.6)];
  const x = arange(-1, 2, 0.01);
  const picture = figure({ title: "f(x) = x cos(πx)", xlabel: "x", ylabel: "f(x)" }).plot(x, ripple(x));
  picture.annotate("local minimum", { xy: [local.final.x[0]!, local.final.f], xytext: [-0.77, -1] });
  picture.annotate("global minimum", { xy: [global.final.x[0]!, global.final.f], xytext: [0.6, 0.8] });
  return {
    title: "Local and global minimum of x cos(pi x) on [-1, 2)",
    lines: [
      `from 0 to the local minimum: f(${local.final.x[0]!.toFixed(4)}) = ${local.final.f.toFixed(4)}`,
      `from 0.6 to the global minimum: f(${global.final.x[0]!.toFixed(4)}) = ${global.final.f.toFixed(4)}`,
    ],
    runs: [local, global],
    pictures: { "10-local-and-global": picture },
  };
}

await showAlone(import.meta.url, lesson);
