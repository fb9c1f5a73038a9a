import { fullLike } from "../creation.js";
import { finite, flag, type Given, learningRate, option } from "./checks.js";
import type { Params } from "./params.js";
import { rule, RuleOptimizer } from "./rule.js";
import { slope, slopeFlags } from "./slope.js";

/** Options of `Adagrad`. */
export interface AdagradOptions {
  /** Learning rate; 0.01 by default. */
  lr: number;
  /** The learning rate of step t is lr / (1 + (t - 1) lrDecay); 0 by default. */
  lrDecay: number;
  /** L2 penalty; 0 by default. */
  weightDecay: number;
  /** Where the sum of squares begins; 0 by default. */
  initialAccumulatorValue: number;
  /** Added to the denominator; 1e-10 by default. */
  eps: number;
  /** Ascend instead of descend; false by default. */
  maximize: boolean;
}

const adagrad = rule({
  options: {
    lr: option<number>(1e-2, learningRate),
    lrDecay: option<number>(0, finite("Invalid lr_decay value", { min: 0 })),
    weightDecay: option<number>(0, finite("Invalid weight_decay value", { min: 0 })),
    initialAccumulatorValue: option<number>(0, finite("Invalid initial_accumulator_value value", { min: 0 })),
    eps: option<number>(1e-10, finite("Invalid epsilon value", { min: 0 })),
    maximize: option<boolean>(false, flag),
  },
  isEager: true,
  state: {
    sum: { begin: (param, options: AdagradOptions) => fullLike(param, options.initialAccumulatorValue) },
  },
  flags: (options: AdagradOptions) => slopeFlags(options),
  scalars: ({ lr, lrDecay, weightDecay, eps }, { step }) => ({
    stepSize: -(lr / (1 + (step - 1) * lrDecay)),
    weightDecay,
    eps,
  }),
  update({ param, grad, sum }, { stepSize, weightDecay, eps }, flags) {
    const g = slope({ param, grad }, weightDecay, flags);
    const total = sum.addcmul(g, g);
    return { param: param.addcdiv(g, total.sqrt().add(eps), { value: stepSize }), sum: total };
  },
});

/**
 * Adagrad: Duchi, Hazan and Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic
 * Optimization", JMLR 12, 2011.
 */
export class Adagrad extends RuleOptimizer<AdagradOptions> {
  constructor(params: Params<AdagradOptions>, options?: Given<AdagradOptions>) {
    super(params, options, adagrad);
  }
}
