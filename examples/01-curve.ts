/* The function to minimise, drawn: f(x) = x**2 on [-2, 2]. */
import { linspace, type DType, type Tensor } from "adjoint";
import { figure } from "adjoint/plot";
import type { Lesson } from "./lesson.js";
import { showAlone } from "./show.js";

/** x**2, whose minimum is at 0. */
export function square(x: Tensor): Tensor {
  return x.pow(2);
}

/** The points of the drawing: methods of tensors work on all elements at once. */
export function curve(dtype: DType = "float32"): { x: Tensor; y: Tensor } {
  const x = linspace(-2, 2, 201, { dtype });
  return { x, y: square(x) };
}

export function lesson(): Lesson {
  const { x, y } = curve();
  return {
    title: "f(x) = x**2 on [-2, 2]",
    lines: [`The lowest of ${y.numel()} values is ${y.min().item()}, the highest ${y.max().item()}.`],
    runs: [],
    pictures: { "01-curve": figure({ title: "f(x) = x²", xlabel: "x", ylabel: "f(x)" }).plot(x, y) },
  };
}

await showAlone(import.meta.url, lesson);
