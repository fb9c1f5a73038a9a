import { optim, tensor, type Tensor } from "adjoint";
import { spread } from "../data.js";
import { workload } from "../workload.js";
import { adamBytes, launchTargets, stepping } from "./adam.js";

type Shapes = readonly (readonly number[])[];

/** The 161 parameters of ResNet-50 (arXiv:1512.03385, table 1). */
export function resnet50(): Shapes {
  const convolution = (out: number, into: number, width: number) => [[out, into, width, width], [out], [out]];
  const shapes = convolution(64, 3, 7);
  let into = 64;
  for (const [width, blocks] of [
    [64, 3],
    [128, 4],
    [256, 6],
    [512, 3],
  ] as const) {
    // prettier-ignore
    for (let block = 0; block < blocks; ++block) {
      const out = 4 * width;
      shapes.push(...convolution(width, into, 1), ...convolution(width, width, 3), ...convolution(out, width, 1));
      if (block === 0) shapes.push(...convolution(out, into, 1)); // the shortcut
      into = out;
    }
  }
  return [...shapes, [1000, into], [1000]];
}

const shapesOf: Readonly<Record<string, () => Shapes>> = {
  "1": () => [[1]],
  "1e6": () => [[1000, 1000]],
  "ResNet-50": resnet50,
  "1000 of 1000": () => Array.from({ length: 1000 }, () => [1000]),
  "3 of 2 x 5": () => Array.from({ length: 3 }, () => [2, 5]),
};

const size = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1);

/** The shapes that a list is called by. */
export function shapesNamed(list: string): Shapes {
  return shapesOf[list]!();
}

/** Parameters of these shapes with their gradients. */
export function withGradients(shapes: Shapes): Tensor[] {
  const made = (low: number, high: number, seed: number) => (shape: readonly number[], i: number) =>
    tensor(spread(size(shape), low, high, seed + (i % 8))).reshape(shape);
  const grads = shapes.map(made(-0.1, 0.1, 10));
  const parameters = shapes.map(made(-1, 1, 0)).map((x) => x.requiresGrad_());
  for (const [i, x] of parameters.entries()) x.grad = grads[i]!;
  return parameters;
}

/** What both have in common. */
function lists(list: string, optimizerOf: (parameters: readonly Tensor[]) => optim.Adam | optim.AdamW) {
  const shapes = shapesNamed(list);
  return {
    label: list,
    parameters: { shapes },
    adjoint: () => {
      const parameters = withGradients(shapes);
      return stepping(optimizerOf(parameters), parameters);
    },
    bytes: adamBytes * shapes.reduce((sum, shape) => sum + size(shape), 0),
  };
}

// tfjs has no AdamW.
export const adamwLists = workload(
  "adamw-lists",
  "a step of AdamW on many tensors with their gradients given",
  { cpu: { all: ["ResNet-50", "1000 of 1000"], tiny: ["3 of 2 x 5"] } },
  (list) => ({
    ...lists(list, (parameters) => new optim.AdamW(parameters)),
    targets: [
      { peers: ["PyTorch fused"], must: 1 },
      { peers: ["PyTorch foreach"], must: 0.5 },
    ],
  }),
);

export const adamLists = workload(
  "adam-lists",
  "a step of Adam on many tensors with their gradients given",
  { cuda: { all: ["1000 of 1000"], tiny: ["3 of 2 x 5"] } },
  (list) => ({
    ...lists(list, (parameters) => new optim.Adam(parameters)),
    targets: launchTargets,
  }),
);
