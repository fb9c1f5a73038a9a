import { finite, type Given, option } from "../checks.js";
import type { Optimizer } from "../optimizer.js";
import { LRScheduler, type SchedulerOptions } from "./scheduler.js";

/** Options of `CosineAnnealingLR`. */
export interface CosineAnnealingLROptions {
  /** The number of epochs from the first rate down to `etaMin`; there is no default. */
  tMax: number;
  /** The lowest rate; 0 by default. */
  etaMin: number;
}

/**
 * Lowers the learning rate along half a cosine to `etaMin`, and raises it again after `tMax` epochs: Loshchilov and
 * Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", arXiv:1608.03983, without the restarts.
 */
export class CosineAnnealingLR extends LRScheduler<CosineAnnealingLROptions> {
  constructor(
    optimizer: Optimizer,
    options: { tMax: number } & Given<CosineAnnealingLROptions & SchedulerOptions>,
  ) {
    super(optimizer, options, {
      tMax: option<number>(NaN, finite("Invalid T_max value", { min: 1, integer: true })),
      etaMin: option<number>(0, finite("Invalid eta_min value", { min: 0 })),
    });
  }

  protected override next(lr: number, baseLr: number): number {
    const { tMax, etaMin } = this.options;
    // At the lowest point the ratio of cosines below is 0 / 0 or near it.
    if ((this.lastEpoch - 1 - tMax) % (2 * tMax) === 0) {
      return lr + ((baseLr - etaMin) * (1 - Math.cos(Math.PI / tMax))) / 2;
    }
    const height = (epoch: number) => 1 + Math.cos((Math.PI * epoch) / tMax);
    return (height(this.lastEpoch) / height(this.lastEpoch - 1)) * (lr - etaMin) + etaMin;
  }

  protected override closed(epoch: number, baseLr: number): number {
    const { tMax, etaMin } = this.options;
    return etaMin + ((baseLr - etaMin) * (1 + Math.cos((Math.PI * epoch) / tMax))) / 2;
  }
}
