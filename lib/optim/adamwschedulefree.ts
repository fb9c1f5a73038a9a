import { makeError } from "../errors.js";
import { noGrad } from "../gradients.js";
import { betas as betaPair, finite, flag, type Given, learningRate, option } from "./checks.js";
import type { Params } from "./params.js";
import { rule, RuleOptimizer, zeroed } from "./rule.js";

/** Options of `AdamWScheduleFree`. */
export interface AdamWScheduleFreeOptions {
  /** Learning rate; 0.0025 by default. */
  lr: number;
  /** How near gradients are taken to the average, and the decay of their squares' average; [0.9, 0.999] by default. */
  betas: [number, number];
  /** Added to the denominator; 1e-8 by default. */
  eps: number;
  /** Shrinkage, as in AdamW; 0 by default. */
  weightDecay: number;
  /** The number of steps in which the rate grows to `lr`; 0 by default. */
  warmupSteps: number;
  /** The power of a step's number in its weight in the average; 0 by default. */
  r: number;
  /** The power of the largest rate so far in it; 2 by default. */
  weightLrPower: number;
  /** Whether the parameters are where gradients are taken, rather than at the average; `train()` and `eval()` set it. */
  trainMode: boolean;
  /** Ascend instead of descend; false by default. */
  maximize: boolean;
}

const rateAt = ({ lr, warmupSteps }: AdamWScheduleFreeOptions, step: number) =>
  step < warmupSteps ? (lr * step) / warmupSteps : lr;

/** The weight of a step in the average of all. */
const weightOf = ({ r, weightLrPower }: AdamWScheduleFreeOptions, step: number, lrMax: number) =>
  step ** r * lrMax ** weightLrPower;

const scheduleFree = rule({
  options: {
    lr: option<number>(2.5e-3, learningRate),
    betas: option<[number, number]>([0.9, 0.999], betaPair),
    eps: option<number>(1e-8, finite("Invalid epsilon value", { min: 0 })),
    weightDecay: option<number>(0, finite("Invalid weight_decay value", { min: 0 })),
    warmupSteps: option<number>(0, finite("Invalid warmup_steps value", { min: 0, integer: true })),
    r: option<number>(0, finite("Invalid r value")),
    weightLrPower: option<number>(2, finite("Invalid weight_lr_power value")),
    trainMode: option<boolean>(true, flag),
    maximize: option<boolean>(false, flag),
  },
  numbers: {
    lrMax: {
      isDouble: true,
      begin: () => 0,
      next: (options: AdamWScheduleFreeOptions, { step }, before) => Math.max(before, rateAt(options, step)),
    },
    weightSum: {
      isDouble: true,
      begin: () => 0,
      next: (options, { step, lrMax }, before) => before + weightOf(options, step, lrMax!),
    },
  },
  state: { z: { begin: (param) => param }, expAvgSq: zeroed },
  flags: ({ weightDecay, maximize }) => ({ decays: weightDecay !== 0, maximize }),
  scalars(options, { step, lrMax, weightSum }) {
    const { betas, eps, weightDecay } = options;
    const lr = rateAt(options, step);
    const share = weightSum === 0 ? 0 : weightOf(options, step, lrMax!) / weightSum!;
    return {
      beta2: betas[1],
      fresh2: 1 - betas[1],
      correction: 1 - betas[1] ** step,
      eps,
      weightDecay,
      share,
      lr,
      stepSize: lr * (betas[0] * (1 - share) - 1),
    };
  },
  update({ param, grad, z, expAvgSq }, scalars, { decays, maximize }) {
    const { beta2, fresh2, correction, eps, weightDecay, share, lr, stepSize } = scalars;
    const g = maximize ? grad.neg() : grad;
    const v = expAvgSq.mul(beta2).addcmul(g, g, { value: fresh2 });
    const adapted = g.div(v.div(correction).sqrt().add(eps));
    const step = decays ? adapted.add(param.mul(weightDecay)) : adapted;
    return {
      param: param.lerp(z, share).add(step.mul(stepSize)),
      z: z.sub(step.mul(lr)),
      expAvgSq: v,
    };
  },
});

/**
 * AdamW without a schedule: Defazio et al., "The Road Less Scheduled", arXiv:2405.15682. While it trains the parameters
 * are where gradients are taken, between the steps' end points and their average; `eval()` moves them to the average,
 * which is the result, and `train()` back.
 *
 * @example
 * const scheduleFree = new optim.AdamWScheduleFree([x], { lr: 0.01 });
 * scheduleFree.step(() => loss(x).backward());
 * scheduleFree.eval(); // x is the average of all steps now
 * scheduleFree.train(); // and here steps go on
 */
export class AdamWScheduleFree extends RuleOptimizer<AdamWScheduleFreeOptions> {
  constructor(params: Params<AdamWScheduleFreeOptions>, options?: Given<AdamWScheduleFreeOptions>) {
    super(params, options, scheduleFree);
  }

  /** Moves the parameters to where gradients are taken, for steps to come. */
  train(): void {
    this.#move(true, (beta1) => 1 - beta1);
  }

  /** Moves the parameters to the average of all steps, which is the result. */
  eval(): void {
    this.#move(false, (beta1) => 1 - 1 / beta1);
  }

  protected override update(): void {
    if (this.paramGroups.some(({ trainMode }) => !trainMode))
      throw makeError(
        Error,
        "Optimizer was not in train mode when step is called (AdamWScheduleFree: call train() before steps, and eval() " +
          "before the parameters are used)",
        { code: "ERR_MODE" },
      );
    super.update();
  }

  /** Moves parameters along the line through the end point of the last step. */
  #move(trainMode: boolean, share: (beta1: number) => number): void {
    for (const group of this.paramGroups) {
      if (group.trainMode === trainMode) continue;
      for (const param of group.params) {
        const z = this.state.get(param)?.["z"];
        if (z !== undefined) noGrad(() => param.lerp_(z as typeof param, share(group.betas[0])));
      }
      group.trainMode = trainMode;
    }
  }
}
