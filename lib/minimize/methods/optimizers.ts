import { noGrad } from "../../gradients.js";
import { makeError } from "../../errors.js";
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
} as unknown as Record<string, AnyOptimizer>;

/** The names of the optimizers that can be methods. */
export const optimizerNames = Object.keys(classes);

/** An optimizer of `optim`, with a step in each iteration. */
export function byOptimizer(name: string) {
  const Class = classes[name];
  if (Class === undefined)
    throw makeError(TypeError, `minimize: there is no optimizer '${name}'`, { code: "ERR_OPTION" });
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
