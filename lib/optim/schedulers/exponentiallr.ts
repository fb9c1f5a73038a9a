import { finite, type Given, option } from "../checks.js";
import type { Optimizer } from "../optimizer.js";
import { LRScheduler, type SchedulerOptions } from "./scheduler.js";

/** Options of `ExponentialLR`. */
export interface ExponentialLROptions {
  /** The factor of every epoch; there is no default. */
  gamma: number;
}

/** Multiplies the learning rate by `gamma` every epoch. */
export class ExponentialLR extends LRScheduler<ExponentialLROptions> {
  constructor(
    optimizer: Optimizer,
    options: { gamma: number } & Given<ExponentialLROptions & SchedulerOptions>,
  ) {
    super(optimizer, options, {
      gamma: option<number>(NaN, finite("Invalid gamma value", { min: 0 })),
    });
  }

  protected override next(lr: number): number {
    return lr * this.options.gamma;
  }

  protected override closed(epoch: number, baseLr: number): number {
    return baseLr * this.options.gamma ** epoch;
  }
}
