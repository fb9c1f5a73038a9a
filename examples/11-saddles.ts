/*
 * Points where the gradient vanishes and that are no minimum. On x**3 gradient descent comes to rest at
 * 0, although f falls without end beyond it. On x**2 - y**2 it leaves by a hair's breadth of y, slowly;
 * optimizers that divide by the size of the gradient leave at once.
 */
import { arange, optim, tensor, type DType, type Tensor } from "adjoint";
import { animatePath, figure, type Figure } from "adjoint/plot";
import type { Make } from "./04-optimizers.js";
import { Run, type Lesson } from "./lesson.js";
import { short, showAlone } from "./show.js";

/** Follows an optimizer until it leaves the square [-2, 2] in every variable, for at most 60 steps. */
function follow(name: string, f: (x: Tensor) => Tensor, start: number[], make: Make, dtype: DType): Run {
  const run = new Run(name);
  const x = tensor(start, { requiresGrad: true, dtype });
  const optimizer = make(x);
  for (let i = 0; i < 60 && x.abs().max().item() <= 2; i++) {
    optimizer.zeroGrad();
    const height = f(x);
    height.backward();
    run.note(x, height);
    optimizer.step();
  }
  return run;
}

/** x**3, which is flat at 0. */
export function cube(x: Tensor): Tensor {
  return x.pow(3).sum();
}

/** x**2 - y**2, of a tensor [x, y]. */
export function saddle(x: Tensor): Tensor {
  return x.at(0).square().sub(x.at(1).square());
}

/** SGD on x**3, which stays at the saddle. */
export function stuck(dtype: DType = "float32"): Run {
  return follow("SGD on x³, lr 0.1", cube, [1.5], (x) => new optim.SGD([x], { lr: 0.1 }), dtype);
}

/** Several optimizers on x**2 - y**2, a hundredth beside the ridge. */
export function escapes(dtype: DType = "float32"): Record<string, Run> {
  const makes: Record<string, Make> = {
    SGD: (x) => new optim.SGD([x], { lr: 0.1 }),
    Momentum: (x) => new optim.SGD([x], { lr: 0.1, momentum: 0.9 }),
    Adam: (x) => new optim.Adam([x], { lr: 0.1 }),
    Adagrad: (x) => new optim.Adagrad([x], { lr: 0.1 }),
  };
  const runs = Object.entries(makes).map(([name, make]) => {
    return [name, follow(`${name} on x² − y²`, saddle, [-1.8, 0.01], make, dtype)] as const;
  });
  return Object.fromEntries(runs);
}

function drawCurve(run: Run): Figure {
  const x = arange(-2, 2, 0.01);
  const picture = figure({ title: "f(x) = x³", xlabel: "x", ylabel: "f(x)" }).plot(x, x.pow(3));
  picture.scatter(run.along(0), run.heights, { label: `SGD, ${run.steps} steps`, size: 8 });
  return picture.annotate("saddle point", { xy: [0, -0.2], xytext: [-0.52, -5] });
}

const onMap = (x: number, y: number) => saddle(tensor([x, y])).item();
const square = { xRange: [-2, 2], yRange: [-2, 2] } as const;

export function lesson(): Lesson {
  const [flat, paths] = [stuck(), escapes()];
  const map = figure({ title: "f(x, y) = x² − y²", xlabel: "x", ylabel: "y", width: 620, height: 560 });
  map.contour(onMap, { ...square, label: "f" });
  for (const [label, run] of Object.entries(paths)) {
    map.plot(run.along(0), run.along(1), { label, marker: "circle" });
  }
  const points = Object.entries(paths).map(
    ([name, run]) => [name, run.points.map((p) => p.slice(0, 2))] as const,
  );
  const look = { title: "Leaving the saddle of x² − y²", ...square, interval: 200, height: 560 };
  return {
    title: "Saddle points: x**3, and x**2 - y**2",
    lines: [
      `SGD on x**3 after ${flat.steps} steps: x = ${short(flat.final.x[0]!)}, although f has no minimum`,
      ...Object.entries(paths).map(
        ([name, run]) => `${name} leaves the map of x**2 - y**2 after ${run.steps} steps`,
      ),
    ],
    runs: [flat, ...Object.values(paths)],
    pictures: {
      "11-saddle-curve": drawCurve(flat),
      "11-saddle-map": map,
      "11-saddle-paths": animatePath(onMap, Object.fromEntries(points), look),
    },
  };
}

await showAlone(import.meta.url, lesson);
