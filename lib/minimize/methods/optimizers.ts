import { noGrad } from "../../gradients.js";
import { tensor } from "../../creation.js";
import { describe, isPlainObject } from "../../options.js";
import { option, optionError } from "../../optim/checks.js";
import * as optim from "../../optim/index.js";
import type { Tensor } from "../../tensor.js";
import { ending, type Outcome } from "../outcome.js";
import { type Asking, gradientAt, iterated, type Vector } from "../questions.js";
import { isFiniteVector, largest } from "../vectors.js";
import { tolerance } from "./bfgs.js";

/** Options of the optimizers of `optim` as methods. */
export interface OptimizerOptions {
  /** It has converged where no element of the gradient is larger than this; 1e-5 by default. */
  gtol: number;
  /** The optimizer's own options, such as `{ lr: 0.1 }`. */
  optimizerOptions: object;
}

export const optimizerRows = {
  gtol: option<number>(1e-5, tolerance),
  optimizerOptions: option<object>({}, (what, name, value) => {
    if (!isPlainObject(value))
      throw optionError(
        TypeError,
        `${what}: ${name} must be an object such as { lr: 0.1 }, but got ${describe(value)}`,
      );
  }),
};

type AnyOptimizer = new (params: Tensor[], options: never) => optim.Optimizer;

/** Those that take a step from one gradient, by their names as methods. */
const classes = {
  adadelta: optim.Adadelta,
  adagrad: optim.Adagrad,
  adam: optim.Adam,
  adamax: optim.Adamax,
  adamw: optim.AdamW,
  adan: optim.Adan,
  asgd: optim.ASGD,
  lamb: optim.LAMB,
  lion: optim.Lion,
  nadam: optim.NAdam,
  radam: optim.RAdam,
  rmsprop: optim.RMSprop,
  rprop: optim.Rprop,
  sgd: optim.SGD,
};

/** The name of an optimizer that can be a method. */
export type OptimizerName = keyof typeof classes;

/** All of them. */
export const optimizerNames = Object.keys(classes) as OptimizerName[];

/** An optimizer of `optim`, with a step in each iteration. */
export function byOptimizer(name: OptimizerName) {
  const Class = classes[name] as unknown as AnyOptimizer;
  return function* (x0: Vector, { gtol, optimizerOptions }: OptimizerOptions): Asking<Outcome> {
    const param = tensor(x0, { dtype: "float64", requiresGrad: true });
    const optimizer = new Class([param], { ...optimizerOptions } as never);
    for (;;) {
      const x = noGrad(() => param.detach().dataSync<Float64Array>());
      const at = { x, ...(yield* gradientAt(x)) };
      if (!Number.isFinite(at.fun) || !isFiniteVector(at.grad)) return ending(at, "nonFinite");
      if (largest(at.grad) <= gtol) return ending(at, "converged");
      param.grad = tensor(at.grad, { dtype: "float64" });
      optimizer.step();
      yield* iterated(at);
    }
  };
}
