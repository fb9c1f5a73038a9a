import { adam, type AdamOptions } from "./adam.js";
import { type Given, oneOf, option } from "./checks.js";
import type { Rule } from "./definition.js";
import { refusedOptions } from "./optimizer.js";
import type { Params } from "./params.js";
import { RuleOptimizer } from "./rule.js";

/** Options of `AdamW`: those of Adam, with a `weightDecay` of 0.01 by default, which is always decoupled. */
export type AdamWOptions = Omit<AdamOptions, "decoupledWeightDecay">;

const alwaysDecouples = "AdamW always decouples";

const adamw: Rule<AdamOptions> = {
  ...adam,
  options: {
    ...adam.options,
    weightDecay: option<number>(1e-2, adam.options.weightDecay.check),
    decoupledWeightDecay: option<boolean>(true, oneOf([true], alwaysDecouples)),
  },
  refused: { ...refusedOptions, decoupledWeightDecay: alwaysDecouples },
};

/**
 * Adam with decoupled weight decay: Loshchilov and Hutter, "Decoupled Weight Decay Regularization",
 * arXiv:1711.05101.
 */
export class AdamW extends RuleOptimizer<AdamOptions> {
  constructor(params: Params<AdamWOptions>, options?: Given<AdamWOptions>) {
    super(params, options, adamw);
  }
}
