import type { Given } from "../checks.js";
import type { Optimizer } from "../optimizer.js";
import { type LambdaOptions, lambdaRows, LambdaScheduler } from "./lambdas.js";
import type { SchedulerOptions } from "./scheduler.js";

/**
 * Multiplies the learning rate by a function of the epoch, at every epoch but the first.
 *
 * @example
 * const scheduler = new optim.lrScheduler.MultiplicativeLR(optimizer, { lrLambda: () => 0.95 });
 */
export class MultiplicativeLR extends LambdaScheduler {
  constructor(optimizer: Optimizer, options: LambdaOptions & Given<SchedulerOptions>) {
    super(optimizer, options, lambdaRows);
  }

  protected override next(lr: number, _baseLr: number, index: number): number {
    return lr * this.factor(this.lastEpoch, index);
  }

  protected override again(lr: number, _baseLr: number, index: number): number {
    return lr * this.factor(0, index);
  }

  protected override closed(epoch: number, baseLr: number, index: number): number {
    let lr = baseLr;
    for (let i = 1; i <= epoch; ++i) lr *= this.factor(i, index);
    return lr;
  }
}
