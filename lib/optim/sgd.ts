import { finite, flag, type Given, learningRate, option, optionError } from "./checks.js";
import type { Params } from "./params.js";
import { rule, RuleOptimizer } from "./rule.js";
import { slope, slopeFlags } from "./slope.js";

/** Options of `SGD`. */
export interface SGDOptions {
  /** Learning rate; 0.001 by default. */
  lr: number;
  /** How much of the last step's velocity stays, from 0 to 1; 0 by default. */
  momentum: number;
  /** How much of the gradient is kept out of the velocity, from 0 to 1; 0 by default. Not in the first step. */
  dampening: number;
  /** L2 penalty; 0 by default. */
  weightDecay: number;
  /** Nesterov momentum; false by default. */
  nesterov: boolean;
  /** Ascend instead of descend; false by default. */
  maximize: boolean;
}

const sgd = rule({
  options: {
    lr: option<number>(1e-3, learningRate),
    momentum: option<number>(0, finite("Invalid momentum value", { min: 0, max: 1 })),
    dampening: option<number>(0, finite("Invalid dampening value", { min: 0, max: 1 })),
    weightDecay: option<number>(0, finite("Invalid weight_decay value", { min: 0 })),
    nesterov: option<boolean>(false, flag),
    maximize: option<boolean>(false, flag),
  },
  check({ nesterov, momentum, dampening }: SGDOptions) {
    if (nesterov && (momentum === 0 || dampening !== 0)) {
      throw optionError(
        RangeError,
        "Nesterov momentum requires a momentum and zero dampening " +
          `(SGD: momentum is ${momentum}, dampening is ${dampening})`,
      );
    }
  },
  counts: false,
  state: { momentumBuffer: { when: ({ momentum }: SGDOptions) => momentum !== 0 } },
  flags: (options) => ({
    ...slopeFlags(options),
    hasMomentum: options.momentum !== 0,
    nesterov: options.nesterov,
  }),
  scalars: ({ lr, momentum, dampening, weightDecay }) => ({
    lr,
    momentum,
    fresh: 1 - dampening,
    weightDecay,
  }),
  update({ param, grad, momentumBuffer }, { lr, momentum, fresh, weightDecay }, flags) {
    let step = slope({ param, grad }, weightDecay, flags);
    if (!flags.hasMomentum) return { param: param.sub(step.mul(lr)) };
    const velocity = momentumBuffer?.mul(momentum).add(step.mul(fresh)) ?? step;
    step = flags.nesterov ? step.add(velocity.mul(momentum)) : velocity;
    return { param: param.sub(step.mul(lr)), momentumBuffer: velocity };
  },
});

/**
 * Stochastic gradient descent, with momentum (in the form v = momentum v + g, x -= lr v) and Nesterov momentum:
 * Sutskever et al., "On the importance of initialization and momentum in deep learning", ICML 2013.
 *
 * @example
 * const optimizer = new SGD([x], { lr: 0.1, momentum: 0.9 });
 */
export class SGD extends RuleOptimizer<SGDOptions> {
  constructor(params: Params<SGDOptions>, options?: Given<SGDOptions>) {
    super(params, options, sgd);
  }
}
