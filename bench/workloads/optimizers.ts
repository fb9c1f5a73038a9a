// A step of every optimizer that steps from gradients, beside PyTorch's quickest form of it.
import { optim, type Tensor } from "adjoint";
import { workload } from "../workload.js";
import { shapesNamed, withGradients } from "./adamw-lists.js";

/** Those that PyTorch has too, and whether fused: what else there is is `foreach`. */
const known = {
  Adadelta: false,
  Adafactor: false,
  Adagrad: true,
  Adam: true,
  Adamax: false,
  AdamW: true,
  ASGD: false,
  NAdam: false,
  RAdam: false,
  RMSprop: false,
  Rprop: false,
  SGD: true,
} as const;
/** Those that PyTorch has not. */
const others = ["AdamWScheduleFree", "Adan", "LAMB", "Lion"] as const;
/** The kinds that `size` names, such as "Adam, 1e6". */
type Kind = keyof typeof known | (typeof others)[number];
const kinds = [...(Object.keys(known) as Kind[]), ...others];

const sizes = (lists: readonly string[]) => lists.flatMap((list) => kinds.map((kind) => ({ kind, list })));

// Left out: Muon takes matrices alone, SparseAdam rows of them, and LBFGS closures.
export const optimizers = workload(
  "optimizers",
  "a step of an optimizer on tensors with their gradients given",
  { cpu: { all: sizes(["1", "1e6", "ResNet-50"]), tiny: sizes(["3 of 2 x 5"]) } },
  ({ kind, list }) => {
    const shapes = shapesNamed(list);
    const isFused = kind in known ? known[kind as keyof typeof known] : undefined;
    return {
      label: `${kind}, ${list}`,
      parameters: { kind, shapes },
      adjoint: () => {
        const parameters = withGradients(shapes);
        const Class = optim[kind] as new (params: readonly Tensor[]) => optim.Optimizer;
        const optimizer = new Class(parameters);
        return { step: () => optimizer.step(), results: () => parameters };
      },
      targets:
        isFused === undefined ? [] : [{ peers: [isFused ? "PyTorch fused" : "PyTorch foreach"], must: 1 }],
    };
  },
);
