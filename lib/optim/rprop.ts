import { fullLike } from "../creation.js";
import { type Check, flag, type Given, learningRate, option, optionError, tuple } from "./checks.js";
import type { Params } from "./params.js";
import { rule, RuleOptimizer, zeroed } from "./rule.js";

/** Options of `Rprop`. */
export interface RpropOptions {
  /** The size of the first step; 0.01 by default. */
  lr: number;
  /** The factors by which a step shrinks and grows; [0.5, 1.2] by default. */
  etas: [number, number];
  /** The smallest and the largest step; [1e-6, 50] by default. */
  stepSizes: [number, number];
  /** Ascend instead of descend; false by default. */
  maximize: boolean;
}

/** Two numbers, of which `holds` says whether they go together. */
function pair(sentence: string, condition: string, holds: (a: number, b: number) => boolean): Check {
  const numbers = tuple([
    [sentence, { min: 0 }],
    [sentence, { min: 0 }],
  ]);
  return (what, name, value) => {
    numbers(what, name, value);
    const [a, b] = value as [number, number];
    if (!holds(a, b))
      throw optionError(RangeError, `${sentence}: ${a}, ${b} (${what}: ${name} must be ${condition})`);
  };
}

const rprop = rule({
  options: {
    lr: option<number>(1e-2, learningRate),
    etas: option<[number, number]>(
      [0.5, 1.2],
      pair("Invalid eta values", "[a, b] with 0 < a < 1 < b", (a, b) => a > 0 && a < 1 && b > 1),
    ),
    stepSizes: option<[number, number]>(
      [1e-6, 50],
      pair("Invalid step sizes", "[a, b] with a <= b", (a, b) => a <= b),
    ),
    maximize: option<boolean>(false, flag),
  },
  state: {
    prev: zeroed,
    stepSize: { begin: (param, { lr }: RpropOptions) => fullLike(param, lr) },
  },
  flags: ({ maximize }) => ({ maximize }),
  scalars: ({ etas, stepSizes }) => ({
    shrink: etas[0],
    grow: etas[1],
    least: stepSizes[0],
    most: stepSizes[1],
  }),
  update({ param, grad, prev, stepSize }, { shrink, grow, least, most }, { maximize }) {
    const g = maximize ? grad.neg() : grad;
    const agreement = g.mul(prev).sign();
    const [same, turned] = [agreement.relu(), agreement.neg().relu()];
    const factor = same.mul(grow).add(turned.mul(shrink)).add(agreement.abs().rsub(1));
    const size = stepSize.mul(factor).maximum(least).minimum(most);
    // Where the sign has changed a minimum lies behind: the next step begins anew from there.
    const direction = g.maskedFill(turned.gt(0), 0);
    return { param: param.sub(direction.sign().mul(size)), prev: direction, stepSize: size };
  },
});

/**
 * Rprop, which looks at the signs of gradients only: Riedmiller and Braun, "A direct adaptive method for faster
 * backpropagation learning: the RPROP algorithm", ICNN 1993.
 */
export class Rprop extends RuleOptimizer<RpropOptions> {
  constructor(params: Params<RpropOptions>, options?: Given<RpropOptions>) {
    super(params, options, rprop);
  }
}
