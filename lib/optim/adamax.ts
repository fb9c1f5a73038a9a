import { betas as betaPair, finite, flag, type Given, learningRate, option } from "./checks.js";
import type { Params } from "./params.js";
import { rule, RuleOptimizer, zeroed } from "./rule.js";
import { slope, slopeFlags } from "./slope.js";

/** Options of `Adamax`. */
export interface AdamaxOptions {
  /** Learning rate; 0.002 by default. */
  lr: number;
  /** Decay of the running average of the gradient, and of its largest size; [0.9, 0.999] by default. */
  betas: [number, number];
  /** Added to the size of the gradient; 1e-8 by default. */
  eps: number;
  /** L2 penalty; 0 by default. */
  weightDecay: number;
  /** Ascend instead of descend; false by default. */
  maximize: boolean;
}

const adamax = rule({
  options: {
    lr: option<number>(2e-3, learningRate),
    betas: option<[number, number]>([0.9, 0.999], betaPair),
    eps: option<number>(1e-8, finite("Invalid epsilon value", { min: 0 })),
    weightDecay: option<number>(0, finite("Invalid weight_decay value", { min: 0 })),
    maximize: option<boolean>(false, flag),
  },
  state: { expAvg: zeroed, expInf: zeroed },
  flags: (options: AdamaxOptions) => slopeFlags(options),
  scalars: ({ lr, betas, eps, weightDecay }, { step }) => ({
    fresh1: 1 - betas[0],
    beta2: betas[1],
    eps,
    weightDecay,
    stepSize: -(lr / (1 - betas[0] ** step)),
  }),
  update({ param, grad, expAvg, expInf }, { fresh1, beta2, eps, weightDecay, stepSize }, flags) {
    const g = slope({ param, grad }, weightDecay, flags);
    const m = expAvg.lerp(g, fresh1);
    const largest = expInf.mul(beta2).maximum(g.abs().add(eps));
    return { param: param.addcdiv(m, largest, { value: stepSize }), expAvg: m, expInf: largest };
  },
});

/**
 * Adamax, Adam with the infinity norm: Kingma and Ba, "Adam: A Method for Stochastic Optimization", arXiv:1412.6980,
 * section 7.1.
 */
export class Adamax extends RuleOptimizer<AdamaxOptions> {
  constructor(params: Params<AdamaxOptions>, options?: Given<AdamaxOptions>) {
    super(params, options, adamax);
  }
}
