/* A function with several minima, on which optimizers differ: x**2/20 + tanh(sin x) on [-10, 10]. */
import { linspace, type DType, type Tensor } from "adjoint";
import { figure } from "adjoint/plot";
import type { Lesson } from "./lesson.js";
import { short, showAlone } from "./show.js";

/** x**2/20 + tanh(sin x): many local minima, and one global one at -1.2805. */
export function func2d(x: Tensor): Tensor {
  return x.pow(2).div(20).add(x.sin().tanh());
}

/** Points of the curve. */
export function wavyCurve(dtype: DType = "float32"): { x: Tensor; y: Tensor } {
  const x = linspace(-10, 10, 401, { dtype });
  return { x, y: func2d(x) };
}

export function lesson(): Lesson {
  const { x, y } = wavyCurve();
  const title = "f(x) = x²/20 + tanh(sin x)";
  return {
    title: "f(x) = x**2/20 + tanh(sin x) on [-10, 10]",
    lines: [
      `The lowest of ${y.numel()} values is ${short(y.min().item())}, the highest ${short(y.max().item())}.`,
    ],
    runs: [],
    pictures: { "03-many-minima": figure({ title, xlabel: "x", ylabel: "f(x)" }).plot(x, y) },
  };
}

await showAlone(import.meta.url, lesson);
