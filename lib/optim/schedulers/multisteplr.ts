import { type Check, finite, type Given, option, optionError } from "../checks.js";
import { describe } from "../../options.js";
import type { Optimizer } from "../optimizer.js";
import { LRScheduler, type SchedulerOptions } from "./scheduler.js";

/** Options of `MultiStepLR`. */
export interface MultiStepLROptions {
  /** The epochs of the reductions; one that stands here twice reduces twice. There is no default. */
  milestones: number[];
  /** The factor of a reduction; 0.1 by default. */
  gamma: number;
}

const epochs: Check = (what, name, value) => {
  if (!Array.isArray(value))
    throw optionError(TypeError, `${what}: ${name} must be an array of epochs, but got ${describe(value)}`);
  value.forEach((epoch: unknown, i) => {
    finite("Invalid milestone", { min: 0, integer: true })(what, `${name}[${i}]`, epoch);
  });
};

/** Multiplies the learning rate by `gamma` at the epochs of a list. */
export class MultiStepLR extends LRScheduler<MultiStepLROptions> {
  constructor(
    optimizer: Optimizer,
    options: { milestones: readonly number[] } & Given<
      Omit<MultiStepLROptions, "milestones"> & SchedulerOptions
    >,
  ) {
    super(optimizer, options as Given<MultiStepLROptions & SchedulerOptions>, {
      milestones: option<number[]>(undefined as never, epochs),
      gamma: option<number>(0.1, finite("Invalid gamma value", { min: 0 })),
    });
  }

  protected override next(lr: number): number {
    return lr * this.options.gamma ** this.reductions((epoch) => epoch === this.lastEpoch);
  }

  protected override closed(epoch: number, baseLr: number): number {
    return baseLr * this.options.gamma ** this.reductions((milestone) => milestone <= epoch);
  }

  protected override readOption(name: string, saved: unknown): unknown {
    if (name !== "milestones" || saved === null || typeof saved !== "object" || Array.isArray(saved))
      return super.readOption(name, saved);
    // PyTorch saves how often each one stands there.
    return Object.entries(saved).flatMap(([epoch, count]) =>
      Array.from({ length: Number(count) }, () => Number(epoch)),
    );
  }

  private reductions(counts: (milestone: number) => boolean): number {
    return this.options.milestones.filter(counts).length;
  }
}
