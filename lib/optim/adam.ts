import { betas as betaPair, finite, flag, type Given, learningRate, option } from "./checks.js";
import type { Params } from "./params.js";
import { rule, RuleOptimizer, zeroed } from "./rule.js";

/** Options of `Adam`. */
export interface AdamOptions {
  /** Learning rate; 0.001 by default. */
  lr: number;
  /** Decay of the running averages of the gradient and of its square; [0.9, 0.999] by default. */
  betas: [number, number];
  /** Added to the denominator; 1e-8 by default. */
  eps: number;
  /** L2 penalty, or with `decoupledWeightDecay` shrinkage by lr * weightDecay; 0 by default. */
  weightDecay: number;
  /** Divide by the largest average of squares so far; false by default. */
  amsgrad: boolean;
  /** Ascend instead of descend; false by default. */
  maximize: boolean;
  /** Weight decay as in AdamW; false by default. */
  decoupledWeightDecay: boolean;
}

/** The rule of Adam and AdamW. */
export const adam = rule({
  options: {
    lr: option<number>(1e-3, learningRate),
    betas: option<[number, number]>([0.9, 0.999], betaPair),
    eps: option<number>(1e-8, finite("Invalid epsilon value", { min: 0 })),
    weightDecay: option<number>(0, finite("Invalid weight_decay value", { min: 0 })),
    amsgrad: option<boolean>(false, flag),
    maximize: option<boolean>(false, flag),
    decoupledWeightDecay: option<boolean>(false, flag),
  },
  state: {
    expAvg: zeroed,
    expAvgSq: zeroed,
    maxExpAvgSq: { ...zeroed, when: ({ amsgrad }: AdamOptions) => amsgrad },
  },
  flags: ({ weightDecay, maximize, decoupledWeightDecay }) => ({
    shrinks: weightDecay !== 0 && decoupledWeightDecay,
    decays: weightDecay !== 0 && !decoupledWeightDecay,
    maximize,
  }),
  scalars({ lr, betas, eps, weightDecay }, { step }) {
    // By index: destructuring would make an iterator at every step.
    const beta1 = betas[0];
    const beta2 = betas[1];
    return {
      fresh1: 1 - beta1,
      beta2,
      fresh2: 1 - beta2,
      eps,
      weightDecay,
      shrink: 1 - lr * weightDecay,
      stepSize: -(lr / (1 - beta1 ** step)),
      correction: Math.sqrt(1 - beta2 ** step),
    };
  },
  update({ param, grad, expAvg, expAvgSq, maxExpAvgSq }, scalars, flags) {
    const { fresh1, beta2, fresh2, eps, weightDecay, shrink, stepSize, correction } = scalars;
    let x = param;
    let g = flags.maximize ? grad.neg() : grad;
    if (flags.shrinks) x = x.mul(shrink);
    if (flags.decays) g = g.add(x.mul(weightDecay));
    const m = expAvg.lerp(g, fresh1);
    const v = expAvgSq.mul(beta2).addcmul(g, g, { value: fresh2 });
    const largest = maxExpAvgSq?.maximum(v);
    const denominator = (largest ?? v).sqrt().div(correction).add(eps);
    return {
      param: x.addcdiv(m, denominator, { value: stepSize }),
      expAvg: m,
      expAvgSq: v,
      maxExpAvgSq: largest,
    };
  },
});

/**
 * Adam: Kingma and Ba, "Adam: A Method for Stochastic Optimization", arXiv:1412.6980. With `amsgrad`: Reddi, Kale
 * and Kumar, "On the Convergence of Adam and Beyond", ICLR 2018, where as in PyTorch the maximum is taken before
 * the bias correction.
 *
 * @example
 * const optimizer = new Adam([x], { lr: 2 });
 */
export class Adam extends RuleOptimizer<AdamOptions> {
  constructor(params: Params<AdamOptions>, options?: Given<AdamOptions>) {
    super(params, options, adam);
  }
}
