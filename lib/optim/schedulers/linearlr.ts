import { finite, type Given, option } from "../checks.js";
import type { Optimizer } from "../optimizer.js";
import { LRScheduler, type SchedulerOptions } from "./scheduler.js";

/** Options of `LinearLR`. */
export interface LinearLROptions {
  /** The factor of the first epoch, above 0 and at most 1; 1/3 by default. */
  startFactor: number;
  /** The factor from epoch `totalIters` on, from 0 to 1; 1 by default. */
  endFactor: number;
  /** The number of epochs from one to the other; 5 by default. */
  totalIters: number;
}

/** Multiplies the learning rate by a factor that changes linearly during the first epochs; a warm-up with the defaults. */
export class LinearLR extends LRScheduler<LinearLROptions> {
  constructor(optimizer: Optimizer, options?: Given<LinearLROptions & SchedulerOptions>) {
    super(optimizer, options, {
      startFactor: option<number>(
        1 / 3,
        finite("Starting multiplicative factor expected to be greater than 0 and less or equal to 1.", {
          above: 0,
          max: 1,
        }),
      ),
      endFactor: option<number>(
        1,
        finite("Ending multiplicative factor expected to be between 0 and 1.", { min: 0, max: 1 }),
      ),
      totalIters: option<number>(5, finite("Invalid total_iters value", { min: 1, integer: true })),
    });
  }

  protected override first(lr: number): number {
    return lr * this.options.startFactor;
  }

  protected override next(lr: number): number {
    const { startFactor, endFactor, totalIters } = this.options;
    if (this.lastEpoch > totalIters) return lr;
    const change = endFactor - startFactor;
    return lr * (1 + change / (totalIters * startFactor + (this.lastEpoch - 1) * change));
  }

  protected override closed(epoch: number, baseLr: number): number {
    const { startFactor, endFactor, totalIters } = this.options;
    return baseLr * (startFactor + ((endFactor - startFactor) * Math.min(totalIters, epoch)) / totalIters);
  }
}
