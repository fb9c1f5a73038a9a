import { betas as betaPair, finite, flag, type Given, learningRate, option } from "./checks.js";
import type { Params } from "./params.js";
import { rule, RuleOptimizer, zeroed } from "./rule.js";

/** Options of `RAdam`. */
export interface RAdamOptions {
  /** Learning rate; 0.001 by default. */
  lr: number;
  /** Decay of the running averages of the gradient and of its square; [0.9, 0.999] by default. */
  betas: [number, number];
  /** Added to the denominator; 1e-8 by default. */
  eps: number;
  /** L2 penalty, or with `decoupledWeightDecay` shrinkage by lr * weightDecay; 0 by default. */
  weightDecay: number;
  /** Weight decay as in AdamW; false by default. */
  decoupledWeightDecay: boolean;
  /** Ascend instead of descend; false by default. */
  maximize: boolean;
}

/** The length of the simple moving average that the exponential one of `step` gradients is like, and its limit. */
function lengthsAt(beta2: number, step: number): { length: number; limit: number } {
  const limit = 2 / (1 - beta2) - 1;
  const kept = beta2 ** step;
  return { length: limit - (2 * step * kept) / (1 - kept), limit };
}

const radam = rule({
  options: {
    lr: option<number>(1e-3, learningRate),
    betas: option<[number, number]>([0.9, 0.999], betaPair),
    eps: option<number>(1e-8, finite("Invalid epsilon value", { min: 0 })),
    weightDecay: option<number>(0, finite("Invalid weight_decay value", { min: 0 })),
    decoupledWeightDecay: option<boolean>(false, flag),
    maximize: option<boolean>(false, flag),
  },
  state: { expAvg: zeroed, expAvgSq: zeroed },
  flags: ({ betas, weightDecay, maximize, decoupledWeightDecay }: RAdamOptions, { step }) => ({
    shrinks: weightDecay !== 0 && decoupledWeightDecay,
    decays: weightDecay !== 0 && !decoupledWeightDecay,
    maximize,
    // Before that the variance of the adaptive rate has no bound.
    adapts: lengthsAt(betas[1], step).length > 5,
  }),
  scalars({ lr, betas, eps, weightDecay }, { step }) {
    const beta2 = betas[1];
    const { length, limit } = lengthsAt(beta2, step);
    const rectification =
      length > 5
        ? Math.sqrt(((length - 4) * (length - 2) * limit) / ((limit - 4) * (limit - 2) * length))
        : 1;
    return {
      fresh1: 1 - betas[0],
      beta2,
      fresh2: 1 - beta2,
      eps,
      weightDecay,
      shrink: 1 - lr * weightDecay,
      correction: 1 - betas[0] ** step,
      lr,
      adaptation: Math.sqrt(1 - beta2 ** step),
      rectification,
    };
  },
  update({ param, grad, expAvg, expAvgSq }, scalars, flags) {
    const { fresh1, beta2, fresh2, eps, weightDecay, shrink, correction, lr, adaptation, rectification } =
      scalars;
    let x = param;
    let g = flags.maximize ? grad.neg() : grad;
    if (flags.shrinks) x = x.mul(shrink);
    if (flags.decays) g = g.add(x.mul(weightDecay));
    const m = expAvg.lerp(g, fresh1);
    const v = expAvgSq.mul(beta2).addcmul(g, g, { value: fresh2 });
    const step = m.div(correction).mul(lr);
    const adapted = flags.adapts
      ? step.mul(v.sqrt().add(eps).reciprocal().mul(adaptation)).mul(rectification)
      : step;
    return { param: x.sub(adapted), expAvg: m, expAvgSq: v };
  },
});

/**
 * RAdam, Adam that adapts only once the variance of its rate is bounded: Liu et al., "On the Variance of the Adaptive
 * Learning Rate and Beyond", arXiv:1908.03265. With the default betas the first five steps do not adapt.
 */
export class RAdam extends RuleOptimizer<RAdamOptions> {
  constructor(params: Params<RAdamOptions>, options?: Given<RAdamOptions>) {
    super(params, options, radam);
  }
}
