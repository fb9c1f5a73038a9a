import { finite, flag, type Given, learningRate, option } from "./checks.js";
import type { Params } from "./params.js";
import { rule, RuleOptimizer, zeroed } from "./rule.js";
import { slope, slopeFlags } from "./slope.js";

/** Options of `ASGD`. */
export interface ASGDOptions {
  /** Learning rate of the first step; 0.01 by default. */
  lr: number;
  /** How fast parameters decay, and rates with them; 1e-4 by default. */
  lambd: number;
  /** The power of the rates' decay; 0.75 by default. */
  alpha: number;
  /** The step from which on parameters are averaged, in `ax` of the state; 1e6 by default. */
  t0: number;
  /** L2 penalty; 0 by default. */
  weightDecay: number;
  /** Ascend instead of descend; false by default. */
  maximize: boolean;
}

const asgd = rule({
  options: {
    lr: option<number>(1e-2, learningRate),
    lambd: option<number>(1e-4, finite("Invalid lambd value", { min: 0 })),
    alpha: option<number>(0.75, finite("Invalid alpha value", { min: 0 })),
    t0: option<number>(1e6, finite("Invalid t0 value", { min: 0 })),
    weightDecay: option<number>(0, finite("Invalid weight_decay value", { min: 0 })),
    maximize: option<boolean>(false, flag),
  },
  numbers: {
    eta: {
      begin: ({ lr }) => lr,
      next: ({ lr, lambd, alpha }, { step }) => lr / (1 + lambd * lr * step) ** alpha,
    },
    mu: { begin: () => 1, next: ({ t0 }, { step }) => 1 / Math.max(1, step - t0) },
  },
  state: { ax: zeroed },
  flags: (options: ASGDOptions, _, { mu }) => ({ ...slopeFlags(options), averages: mu !== 1 }),
  scalars: ({ lambd, weightDecay }, _, { eta, mu }) => ({
    weightDecay,
    shrink: 1 - lambd * eta!,
    stepSize: eta!,
    mu: mu!,
  }),
  update({ param, grad, ax }, { weightDecay, shrink, stepSize, mu }, flags) {
    const g = slope({ param, grad }, weightDecay, flags);
    const x = param.mul(shrink).sub(g.mul(stepSize));
    return { param: x, ax: flags.averages ? ax.add(x.sub(ax).mul(mu)) : x };
  },
});

/**
 * Averaged stochastic gradient descent: Polyak and Juditsky, "Acceleration of stochastic approximation by averaging",
 * SIAM Journal on Control and Optimization 30, 1992. The averages are in the state, as `ax`.
 */
export class ASGD extends RuleOptimizer<ASGDOptions> {
  constructor(params: Params<ASGDOptions>, options?: Given<ASGDOptions>) {
    super(params, options, asgd);
  }
}
