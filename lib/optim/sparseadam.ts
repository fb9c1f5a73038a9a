import { betas as betaPair, finite, flag, type Given, option } from "./checks.js";
import type { Params } from "./params.js";
import { rule, RuleOptimizer, zeroed } from "./rule.js";

/** Options of `SparseAdam`. */
export interface SparseAdamOptions {
  /** Learning rate, above 0; 0.001 by default. */
  lr: number;
  /** Decay of the running averages of the gradient and of its square; [0.9, 0.999] by default. */
  betas: [number, number];
  /** Added to the denominator, above 0; 1e-8 by default. */
  eps: number;
  /** Ascend instead of descend; false by default. */
  maximize: boolean;
}

const sparseAdam = rule({
  options: {
    lr: option<number>(1e-3, finite("Invalid learning rate", { above: 0 })),
    betas: option<[number, number]>([0.9, 0.999], betaPair),
    eps: option<number>(1e-8, finite("Invalid epsilon value", { above: 0 })),
    maximize: option<boolean>(false, flag),
  },
  state: { expAvg: zeroed, expAvgSq: zeroed },
  flags: ({ maximize }: SparseAdamOptions) => ({ maximize }),
  scalars: ({ lr, betas, eps }, { step }) => ({
    fresh1: 1 - betas[0],
    fresh2: 1 - betas[1],
    eps,
    stepSize: (lr * Math.sqrt(1 - betas[1] ** step)) / (1 - betas[0] ** step),
  }),
  update({ param, grad, expAvg, expAvgSq }, { fresh1, fresh2, eps, stepSize }, { maximize }) {
    const g = maximize ? grad.neg() : grad;
    // A row is what its first index names.
    const others = grad.shape.slice(1).map((_, i) => i + 1);
    const isUntouched = others.length > 0 ? grad.eq(0).all(others, { keepdim: true }) : grad.eq(0);
    const m = expAvg.lerp(g, fresh1);
    const v = expAvgSq.lerp(g.square(), fresh2);
    const kept = (before: typeof param, after: typeof param) => isUntouched.where(before, after);
    return {
      param: kept(param, param.sub(m.div(v.sqrt().add(eps)).mul(stepSize))),
      expAvg: kept(expAvg, m),
      expAvgSq: kept(expAvgSq, v),
    };
  },
});

/**
 * Adam that leaves alone, with its averages, what took no part in the loss: the rows of a parameter (its elements, where
 * it has one dimension) whose gradient is zero throughout, as that of rows of an embedding is that were not looked up.
 * PyTorch asks for sparse gradients instead, and so updates a looked-up row whose gradient happens to be zero, too.
 */
export class SparseAdam extends RuleOptimizer<SparseAdamOptions> {
  constructor(params: Params<SparseAdamOptions>, options?: Given<SparseAdamOptions>) {
    super(params, options, sparseAdam);
  }
}
