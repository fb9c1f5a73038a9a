import { betas as betaPair, finite, flag, type Given, learningRate, option } from "./checks.js";
import type { Params } from "./params.js";
import { rule, RuleOptimizer, zeroed } from "./rule.js";

/** Options of `NAdam`. */
export interface NAdamOptions {
  /** Learning rate; 0.002 by default. */
  lr: number;
  /** Decay of the running averages of the gradient and of its square; [0.9, 0.999] by default. */
  betas: [number, number];
  /** Added to the denominator; 1e-8 by default. */
  eps: number;
  /** L2 penalty, or with `decoupledWeightDecay` shrinkage by lr * weightDecay; 0 by default. */
  weightDecay: number;
  /** How fast the momentum warms up; 0.004 by default. */
  momentumDecay: number;
  /** Weight decay as in AdamW; false by default. */
  decoupledWeightDecay: boolean;
  /** Ascend instead of descend; false by default. */
  maximize: boolean;
}

/** The momentum of a step, which warms up. */
const momentumAt = ({ betas, momentumDecay }: NAdamOptions, step: number) =>
  betas[0] * (1 - 0.5 * 0.96 ** (step * momentumDecay));

const nadam = rule({
  options: {
    lr: option<number>(2e-3, learningRate),
    betas: option<[number, number]>([0.9, 0.999], betaPair),
    eps: option<number>(1e-8, finite("Invalid epsilon value", { min: 0 })),
    weightDecay: option<number>(0, finite("Invalid weight_decay value", { min: 0 })),
    momentumDecay: option<number>(4e-3, finite("Invalid momentum_decay value", { min: 0 })),
    decoupledWeightDecay: option<boolean>(false, flag),
    maximize: option<boolean>(false, flag),
  },
  numbers: {
    muProduct: {
      begin: () => 1,
      // In float32 throughout, as PyTorch multiplies.
      next: (options: NAdamOptions, { step }, product) => product * Math.fround(momentumAt(options, step)),
    },
  },
  state: { expAvg: zeroed, expAvgSq: zeroed },
  flags: ({ weightDecay, maximize, decoupledWeightDecay }) => ({
    shrinks: weightDecay !== 0 && decoupledWeightDecay,
    decays: weightDecay !== 0 && !decoupledWeightDecay,
    maximize,
  }),
  scalars(options, { step, muProduct }) {
    const { lr, betas, eps, weightDecay } = options;
    const product = muProduct!;
    const mu = momentumAt(options, step);
    const next = momentumAt(options, step + 1);
    return {
      fresh1: 1 - betas[0],
      beta2: betas[1],
      fresh2: 1 - betas[1],
      correction: 1 - betas[1] ** step,
      eps,
      weightDecay,
      shrink: 1 - lr * weightDecay,
      gradStep: (-lr * (1 - mu)) / (1 - product),
      averageStep: (-lr * next) / (1 - product * next),
    };
  },
  update({ param, grad, expAvg, expAvgSq }, scalars, flags) {
    const { fresh1, beta2, fresh2, correction, eps, weightDecay, shrink, gradStep, averageStep } = scalars;
    let x = param;
    let g = flags.maximize ? grad.neg() : grad;
    if (flags.shrinks) x = x.mul(shrink);
    if (flags.decays) g = g.add(x.mul(weightDecay));
    const m = expAvg.lerp(g, fresh1);
    const v = expAvgSq.mul(beta2).addcmul(g, g, { value: fresh2 });
    const denominator = v.div(correction).sqrt().add(eps);
    return {
      param: x.addcdiv(g, denominator, { value: gradStep }).addcdiv(m, denominator, { value: averageStep }),
      expAvg: m,
      expAvgSq: v,
    };
  },
});

/** NAdam, Adam with Nesterov's momentum: Dozat, "Incorporating Nesterov Momentum into Adam", ICLR workshop 2016. */
export class NAdam extends RuleOptimizer<NAdamOptions> {
  constructor(params: Params<NAdamOptions>, options?: Given<NAdamOptions>) {
    super(params, options, nadam);
  }
}
