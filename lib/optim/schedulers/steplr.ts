import { finite, type Given, option } from "../checks.js";
import type { Optimizer } from "../optimizer.js";
import { LRScheduler, type SchedulerOptions } from "./scheduler.js";

/** Options of `StepLR`. */
export interface StepLROptions {
  /** The number of epochs between two reductions; there is no default. */
  stepSize: number;
  /** The factor of a reduction; 0.1 by default. */
  gamma: number;
}

/** Multiplies the learning rate by `gamma` every `stepSize` epochs. */
export class StepLR extends LRScheduler<StepLROptions> {
  constructor(optimizer: Optimizer, options: { stepSize: number } & Given<StepLROptions & SchedulerOptions>) {
    super(optimizer, options, {
      stepSize: option<number>(NaN, finite("Invalid step_size value", { min: 1, integer: true })),
      gamma: option<number>(0.1, finite("Invalid gamma value", { min: 0 })),
    });
  }

  protected override next(lr: number): number {
    return this.lastEpoch % this.options.stepSize === 0 ? lr * this.options.gamma : lr;
  }

  protected override closed(epoch: number, baseLr: number): number {
    return baseLr * this.options.gamma ** Math.floor(epoch / this.options.stepSize);
  }
}
