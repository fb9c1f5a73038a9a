import { finite, type Given, option } from "../checks.js";
import type { Optimizer } from "../optimizer.js";
import { LRScheduler, type SchedulerOptions } from "./scheduler.js";

/** Options of `ConstantLR`. */
export interface ConstantLROptions {
  /** The factor of the first epochs, from 0 to 1; 1/3 by default. */
  factor: number;
  /** The number of these epochs; 5 by default. */
  totalIters: number;
}

/** Multiplies the learning rate by a factor during the first epochs. */
export class ConstantLR extends LRScheduler<ConstantLROptions> {
  constructor(optimizer: Optimizer, options?: Given<ConstantLROptions & SchedulerOptions>) {
    super(optimizer, options, {
      factor: option<number>(
        1 / 3,
        finite("Constant multiplicative factor expected to be between 0 and 1.", { min: 0, max: 1 }),
      ),
      totalIters: option<number>(5, finite("Invalid total_iters value", { min: 0, integer: true })),
    });
  }

  protected override first(lr: number): number {
    return lr * this.options.factor;
  }

  protected override next(lr: number, baseLr: number): number {
    const { factor, totalIters } = this.options;
    if (this.lastEpoch !== totalIters) return lr;
    return factor === 0 ? baseLr : lr * (1 / factor);
  }

  protected override closed(epoch: number, baseLr: number): number {
    const { factor, totalIters } = this.options;
    return epoch >= totalIters ? baseLr : baseLr * factor;
  }
}
