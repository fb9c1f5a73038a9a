import { finite, flag, type Given, learningRate, option } from "./checks.js";
import type { Params } from "./params.js";
import { rule, RuleOptimizer, zeroed } from "./rule.js";
import { slope, slopeFlags } from "./slope.js";

/** Options of `Adadelta`. */
export interface AdadeltaOptions {
  /** Factor on each step; 1 by default. */
  lr: number;
  /** Decay of the running averages of squares, from 0 to 1; 0.9 by default. */
  rho: number;
  /** Added under the roots; 1e-6 by default. */
  eps: number;
  /** L2 penalty; 0 by default. */
  weightDecay: number;
  /** Ascend instead of descend; false by default. */
  maximize: boolean;
}

const adadelta = rule({
  options: {
    lr: option<number>(1, learningRate),
    rho: option<number>(0.9, finite("Invalid rho value", { min: 0, max: 1 })),
    eps: option<number>(1e-6, finite("Invalid epsilon value", { min: 0 })),
    weightDecay: option<number>(0, finite("Invalid weight_decay value", { min: 0 })),
    maximize: option<boolean>(false, flag),
  },
  state: { squareAvg: zeroed, accDelta: zeroed },
  flags: (options: AdadeltaOptions) => slopeFlags(options),
  scalars: ({ lr, rho, eps, weightDecay }) => ({ lr, rho, fresh: 1 - rho, eps, weightDecay }),
  update({ param, grad, squareAvg, accDelta }, { lr, rho, fresh, eps, weightDecay }, flags) {
    const g = slope({ param, grad }, weightDecay, flags);
    const squares = squareAvg.mul(rho).addcmul(g, g, { value: fresh });
    const delta = accDelta.add(eps).sqrt().div(squares.add(eps).sqrt()).mul(g);
    return {
      param: param.sub(delta.mul(lr)),
      squareAvg: squares,
      accDelta: accDelta.mul(rho).addcmul(delta, delta, { value: fresh }),
    };
  },
});

/** Adadelta: Zeiler, "ADADELTA: An Adaptive Learning Rate Method", arXiv:1212.5701. */
export class Adadelta extends RuleOptimizer<AdadeltaOptions> {
  constructor(params: Params<AdadeltaOptions>, options?: Given<AdadeltaOptions>) {
    super(params, options, adadelta);
  }
}
