import type { Given } from "../checks.js";
import type { Optimizer } from "../optimizer.js";
import { type LambdaOptions, lambdaRows, LambdaScheduler } from "./lambdas.js";
import type { SchedulerOptions } from "./scheduler.js";

/**
 * Multiplies the first learning rate by a function of the epoch.
 *
 * @example
 * const scheduler = new optim.lrScheduler.LambdaLR(optimizer, { lrLambda: (epoch) => 0.95 ** epoch });
 */
export class LambdaLR extends LambdaScheduler {
  constructor(optimizer: Optimizer, options: LambdaOptions & Given<SchedulerOptions>) {
    super(optimizer, options, lambdaRows);
  }

  protected override first(_lr: number, baseLr: number, index: number): number {
    return this.closed(0, baseLr, index);
  }

  protected override next(_lr: number, baseLr: number, index: number): number {
    return this.closed(this.lastEpoch, baseLr, index);
  }

  protected override closed(epoch: number, baseLr: number, index: number): number {
    return baseLr * this.factor(epoch, index);
  }
}
