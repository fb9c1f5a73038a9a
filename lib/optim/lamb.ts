import { betas as betaPair, finite, flag, type Given, learningRate, option } from "./checks.js";
import type { Params } from "./params.js";
import { rule, RuleOptimizer, zeroed } from "./rule.js";

/** Options of `LAMB`. */
export interface LAMBOptions {
  /** Learning rate; 0.001 by default. */
  lr: number;
  /** Decay of the running averages of the gradient and of its square; [0.9, 0.999] by default. */
  betas: [number, number];
  /** Added to the denominator; 1e-6 by default. */
  eps: number;
  /** How much of a parameter is added to its update; 0 by default. */
  weightDecay: number;
  /** Ascend instead of descend; false by default. */
  maximize: boolean;
}

const lamb = rule({
  options: {
    lr: option<number>(1e-3, learningRate),
    betas: option<[number, number]>([0.9, 0.999], betaPair),
    eps: option<number>(1e-6, finite("Invalid epsilon value", { min: 0 })),
    weightDecay: option<number>(0, finite("Invalid weight_decay value", { min: 0 })),
    maximize: option<boolean>(false, flag),
  },
  state: { expAvg: zeroed, expAvgSq: zeroed },
  flags: ({ weightDecay, maximize }: LAMBOptions) => ({ decays: weightDecay !== 0, maximize }),
  scalars: ({ lr, betas, eps, weightDecay }, { step }) => ({
    lr,
    fresh1: 1 - betas[0],
    beta2: betas[1],
    fresh2: 1 - betas[1],
    correction1: 1 - betas[0] ** step,
    correction2: 1 - betas[1] ** step,
    eps,
    weightDecay,
  }),
  update({ param, grad, expAvg, expAvgSq }, scalars, { decays, maximize }) {
    const { lr, fresh1, beta2, fresh2, correction1, correction2, eps, weightDecay } = scalars;
    const g = maximize ? grad.neg() : grad;
    const m = expAvg.lerp(g, fresh1);
    const v = expAvgSq.mul(beta2).addcmul(g, g, { value: fresh2 });
    const adapted = m.div(correction1).div(v.div(correction2).sqrt().add(eps));
    const step = decays ? adapted.add(param.mul(weightDecay)) : adapted;
    const [size, stepSize] = [param.norm(), step.norm()];
    const ratio = size.div(stepSize).maskedFill(size.eq(0).logicalOr(stepSize.eq(0)), 1);
    return { param: param.sub(step.mul(ratio.mul(lr))), expAvg: m, expAvgSq: v };
  },
});

/**
 * LAMB, Adam whose step is as large in each parameter as the parameter itself, times `lr`: You et al., "Large Batch Optimization for Deep
 * Learning: Training BERT in 76 minutes", arXiv:1904.00962, with bias correction. The ratio is 1 where either is zero.
 */
export class LAMB extends RuleOptimizer<LAMBOptions> {
  constructor(params: Params<LAMBOptions>, options?: Given<LAMBOptions>) {
    super(params, options, lamb);
  }
}
