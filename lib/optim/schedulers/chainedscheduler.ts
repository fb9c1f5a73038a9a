import { readOptions } from "../../options.js";
import type { Optimizer } from "../optimizer.js";
import { Combined, type Part, partsOf } from "./combined.js";
import { refuseSurplus } from "./scheduler.js";

/**
 * Schedulers that take a step together, each changing the rates that the one before has left.
 *
 * @example
 * const { ChainedScheduler, ExponentialLR, LinearLR } = optim.lrScheduler;
 * const scheduler = new ChainedScheduler([new LinearLR(optimizer), new ExponentialLR(optimizer, { gamma: 0.9 })]);
 */
export class ChainedScheduler extends Combined {
  readonly parts: readonly Part[];

  constructor(schedulers: readonly Part[], options?: { optimizer?: Optimizer | undefined }) {
    const given = readOptions("ChainedScheduler", options, { optimizer: undefined as Optimizer | undefined });
    const parts = partsOf("ChainedScheduler", schedulers, given.optimizer);
    super(parts[0]!.optimizer, {}, {}, 0);
    this.parts = parts;
  }

  /** Counts an epoch, and sets the learning rates for it. Comes after the optimizer's `step()`. */
  override step(...surplus: never[]): void {
    refuseSurplus(this.name, surplus);
    for (const part of this.parts) part.step();
    this.lastEpoch++;
    this.lastLrs = this.currentLrs();
  }

  /** @internal */
  override begin(): void {
    for (const part of this.parts) part.begin();
    this.lastEpoch = 0;
    this.lastLrs = this.currentLrs();
  }

  /** @internal */
  override restart(): void {
    for (const part of this.parts) part.restart();
    this.lastEpoch = 0;
    this.lastLrs = this.currentLrs();
  }
}
