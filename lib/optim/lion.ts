import { betas as betaPair, finite, flag, type Given, learningRate, option } from "./checks.js";
import type { Params } from "./params.js";
import { rule, RuleOptimizer, zeroed } from "./rule.js";

/** Options of `Lion`. */
export interface LionOptions {
  /** Learning rate; 1e-4 by default. */
  lr: number;
  /** How much of the average counts in a step, and the average's decay; [0.9, 0.99] by default. */
  betas: [number, number];
  /** Shrinkage by lr * weightDecay; 0 by default. */
  weightDecay: number;
  /** Ascend instead of descend; false by default. */
  maximize: boolean;
}

const lion = rule({
  options: {
    lr: option<number>(1e-4, learningRate),
    betas: option<[number, number]>([0.9, 0.99], betaPair),
    weightDecay: option<number>(0, finite("Invalid weight_decay value", { min: 0 })),
    maximize: option<boolean>(false, flag),
  },
  counts: false,
  state: { expAvg: zeroed },
  flags: ({ maximize, weightDecay }: LionOptions) => ({ maximize, shrinks: weightDecay !== 0 }),
  scalars: ({ lr, betas, weightDecay }) => ({
    lr,
    beta1: betas[0],
    fresh1: 1 - betas[0],
    beta2: betas[1],
    fresh2: 1 - betas[1],
    shrink: 1 - lr * weightDecay,
  }),
  update({ param, grad, expAvg }, { lr, beta1, fresh1, beta2, fresh2, shrink }, { maximize, shrinks }) {
    const g = maximize ? grad.neg() : grad;
    const x = shrinks ? param.mul(shrink) : param;
    return {
      param: x.sub(expAvg.mul(beta1).add(g.mul(fresh1)).sign().mul(lr)),
      expAvg: expAvg.mul(beta2).add(g.mul(fresh2)),
    };
  },
});

/**
 * Lion, whose steps all have the same size: Chen et al., "Symbolic Discovery of Optimization Algorithms",
 * arXiv:2302.06675. It wants rates three to ten times smaller than AdamW's.
 */
export class Lion extends RuleOptimizer<LionOptions> {
  constructor(params: Params<LionOptions>, options?: Given<LionOptions>) {
    super(params, options, lion);
  }
}
