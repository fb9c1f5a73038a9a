import { decays, finite, flag, type Given, learningRate, option } from "./checks.js";
import type { Params } from "./params.js";
import { rule, RuleOptimizer, zeroed } from "./rule.js";

/** Options of `Adan`. */
export interface AdanOptions {
  /** Learning rate; 0.001 by default. */
  lr: number;
  /** Decay of the running averages of the gradient, its change, and the square of both; [0.98, 0.92, 0.99] by default. */
  betas: [number, number, number];
  /** Added to the denominator; 1e-8 by default. */
  eps: number;
  /** Shrinkage: by 1 / (1 + lr * weightDecay) after the step, or with `noProx` by 1 - lr * weightDecay before; 0 by default. */
  weightDecay: number;
  /** Weight decay as in AdamW; false by default. */
  noProx: boolean;
  /** Ascend instead of descend; false by default. */
  maximize: boolean;
}

const adan = rule({
  options: {
    lr: option<number>(1e-3, learningRate),
    betas: option<[number, number, number]>([0.98, 0.92, 0.99], decays(3)),
    eps: option<number>(1e-8, finite("Invalid epsilon value", { min: 0 })),
    weightDecay: option<number>(0, finite("Invalid weight_decay value", { min: 0 })),
    noProx: option<boolean>(false, flag),
    maximize: option<boolean>(false, flag),
  },
  state: { expAvg: zeroed, expAvgDiff: zeroed, expAvgSq: zeroed, prevGrad: {} },
  flags: ({ noProx, maximize }: AdanOptions) => ({ noProx, maximize }),
  scalars({ lr, betas, eps, weightDecay }, { step }) {
    const [beta1, beta2, beta3] = betas;
    return {
      beta2,
      beta3,
      fresh1: 1 - beta1,
      fresh2: 1 - beta2,
      fresh3: 1 - beta3,
      eps,
      correction3: Math.sqrt(1 - beta3 ** step),
      stepSize: -lr / (1 - beta1 ** step),
      changeStepSize: (-lr * beta2) / (1 - beta2 ** step),
      shrink: 1 - lr * weightDecay,
      growth: 1 + lr * weightDecay,
    };
  },
  update({ param, grad, expAvg, expAvgDiff, expAvgSq, prevGrad }, scalars, { noProx, maximize }) {
    const { beta2, beta3, fresh1, fresh2, fresh3, eps, correction3 } = scalars;
    const { stepSize, changeStepSize, shrink, growth } = scalars;
    const g = maximize ? grad.neg() : grad;
    const change = g.sub(prevGrad ?? g);
    const m = expAvg.lerp(g, fresh1);
    const d = expAvgDiff.lerp(change, fresh2);
    const ahead = g.add(change.mul(beta2));
    const v = expAvgSq.mul(beta3).addcmul(ahead, ahead, { value: fresh3 });
    const denominator = v.sqrt().div(correction3).add(eps);
    const x = noProx ? param.mul(shrink) : param;
    const moved = x
      .addcdiv(m, denominator, { value: stepSize })
      .addcdiv(d, denominator, { value: changeStepSize });
    return {
      param: noProx ? moved : moved.div(growth),
      expAvg: m,
      expAvgDiff: d,
      expAvgSq: v,
      prevGrad: g,
    };
  },
});

/** Adan, adaptive Nesterov momentum: Xie et al., "Adan: Adaptive Nesterov Momentum Algorithm", arXiv:2208.06677. */
export class Adan extends RuleOptimizer<AdanOptions> {
  constructor(params: Params<AdanOptions>, options?: Given<AdanOptions>) {
    super(params, options, adan);
  }
}
