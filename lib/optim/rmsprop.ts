import { finite, flag, type Given, learningRate, option } from "./checks.js";
import type { Params } from "./params.js";
import { rule, RuleOptimizer, zeroed } from "./rule.js";
import { slope, slopeFlags } from "./slope.js";

/** Options of `RMSprop`. */
export interface RMSpropOptions {
  /** Learning rate; 0.01 by default. */
  lr: number;
  /** Decay of the running averages, from 0 to 1; 0.99 by default. */
  alpha: number;
  /** Added to the denominator, outside the root; 1e-8 by default. */
  eps: number;
  /** L2 penalty; 0 by default. */
  weightDecay: number;
  /** How much of the last step's velocity stays, from 0 to 1; 0 by default. */
  momentum: number;
  /** Divide by the variance of the gradient, not its mean square; false by default. */
  centered: boolean;
  /** Ascend instead of descend; false by default. */
  maximize: boolean;
}

const rmsprop = rule({
  options: {
    lr: option<number>(1e-2, learningRate),
    alpha: option<number>(0.99, finite("Invalid alpha value", { min: 0, max: 1 })),
    eps: option<number>(1e-8, finite("Invalid epsilon value", { min: 0 })),
    weightDecay: option<number>(0, finite("Invalid weight_decay value", { min: 0 })),
    momentum: option<number>(0, finite("Invalid momentum value", { min: 0, max: 1 })),
    centered: option<boolean>(false, flag),
    maximize: option<boolean>(false, flag),
  },
  state: {
    squareAvg: zeroed,
    momentumBuffer: { ...zeroed, when: ({ momentum }: RMSpropOptions) => momentum > 0 },
    gradAvg: { ...zeroed, when: ({ centered }: RMSpropOptions) => centered },
  },
  flags: (options: RMSpropOptions) => slopeFlags(options),
  scalars: ({ lr, alpha, eps, weightDecay, momentum }) => ({
    lr,
    stepSize: -lr,
    alpha,
    fresh: 1 - alpha,
    eps,
    weightDecay,
    momentum,
  }),
  update({ param, grad, squareAvg, momentumBuffer, gradAvg }, scalars, flags) {
    const { lr, stepSize, alpha, fresh, eps, weightDecay, momentum } = scalars;
    const g = slope({ param, grad }, weightDecay, flags);
    const squares = squareAvg.mul(alpha).addcmul(g, g, { value: fresh });
    const mean = gradAvg?.lerp(g, fresh);
    // The difference of two averages may round to below zero.
    const spread = mean === undefined ? squares : squares.addcmul(mean, mean, { value: -1 }).relu();
    const denominator = spread.sqrt().add(eps);
    const velocity = momentumBuffer?.mul(momentum).addcdiv(g, denominator);
    return {
      param:
        velocity === undefined
          ? param.addcdiv(g, denominator, { value: stepSize })
          : param.sub(velocity.mul(lr)),
      squareAvg: squares,
      momentumBuffer: velocity,
      gradAvg: mean,
    };
  },
});

/**
 * RMSprop: Hinton, Srivastava and Swersky, "Neural Networks for Machine Learning", lecture 6e, 2012. With
 * `centered`: Graves, "Generating Sequences With Recurrent Neural Networks", arXiv:1308.0850.
 */
export class RMSprop extends RuleOptimizer<RMSpropOptions> {
  constructor(params: Params<RMSpropOptions>, options?: Given<RMSpropOptions>) {
    super(params, options, rmsprop);
  }
}
