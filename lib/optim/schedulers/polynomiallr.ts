import { finite, type Given, option } from "../checks.js";
import type { Optimizer } from "../optimizer.js";
import { LRScheduler, type SchedulerOptions } from "./scheduler.js";

/** Options of `PolynomialLR`. */
export interface PolynomialLROptions {
  /** The epoch from which on the rate is 0; 5 by default. */
  totalIters: number;
  /** The power of the polynomial; 1 by default. */
  power: number;
}

/** Lowers the learning rate to 0 as (1 - epoch / totalIters) to a power. */
export class PolynomialLR extends LRScheduler<PolynomialLROptions> {
  constructor(optimizer: Optimizer, options?: Given<PolynomialLROptions & SchedulerOptions>) {
    super(optimizer, options, {
      totalIters: option<number>(5, finite("Invalid total_iters value", { min: 1, integer: true })),
      power: option<number>(1, finite("Invalid power value", { min: 0 })),
    });
  }

  protected override next(lr: number): number {
    const { totalIters, power } = this.options;
    if (this.lastEpoch > totalIters) return lr;
    const left = (epoch: number) => 1 - epoch / totalIters;
    return lr * (left(this.lastEpoch) / left(this.lastEpoch - 1)) ** power;
  }

  protected override closed(epoch: number, baseLr: number): number {
    const { totalIters, power } = this.options;
    return baseLr * (1 - Math.min(totalIters, epoch) / totalIters) ** power;
  }
}
