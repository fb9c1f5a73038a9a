import { finite, type Given, oneOf, option } from "../checks.js";
import type { Optimizer } from "../optimizer.js";
import { oneOrEach } from "./momenta.js";
import { LRScheduler, type SchedulerOptions } from "./scheduler.js";

/** Options of `SWALR`. */
export interface SWALROptions {
  /** The rate to arrive at, of all groups or a list of one for each; there is no default. */
  swaLr: number | number[];
  /** The number of epochs until then; 10 by default. */
  annealEpochs: number;
  /** Whether the rate changes along a cosine or a line; "cos" by default. */
  annealStrategy: "cos" | "linear";
}

/** Brings the learning rate to a value that then stays, for stochastic weight averaging; see `AveragedModel`. */
export class SWALR extends LRScheduler<SWALROptions> {
  constructor(
    optimizer: Optimizer,
    options: Pick<SWALROptions, "swaLr"> & Given<SWALROptions & SchedulerOptions>,
  ) {
    super(optimizer, options, {
      swaLr: option<number | number[]>(NaN, oneOrEach(finite("Invalid learning rate", { min: 0 }))),
      annealEpochs: option<number>(
        10,
        finite("anneal_epochs must be equal or greater than 0, got", { min: 0, integer: true }),
      ),
      annealStrategy: option<"cos" | "linear">(
        "cos",
        oneOf(["cos", "linear"], "anneal_strategy must by one of 'cos' or 'linear'"),
      ),
    });
  }

  protected override first(lr: number, _baseLr: number, index: number): number {
    return this.options.annealEpochs === 0 ? this.goal(index) : lr;
  }

  protected override next(lr: number, _baseLr: number, index: number): number {
    const goal = this.goal(index);
    const [before, now] = [this.part(this.lastEpoch - 1), this.part(this.lastEpoch)];
    if (before === 1) return goal;
    // The rate from which the last one had come this far.
    const begin = (lr - before * goal) / (1 - before);
    return goal * now + begin * (1 - now);
  }

  protected override closed(epoch: number, baseLr: number, index: number): number {
    const part = this.part(epoch);
    return this.goal(index) * part + baseLr * (1 - part);
  }

  private goal(index: number): number {
    return this.perGroup("swaLr", this.options.swaLr)[index]!;
  }

  /** How far an epoch has come, from 0 to 1. */
  private part(epoch: number): number {
    const { annealEpochs, annealStrategy } = this.options;
    const part = annealEpochs === 0 ? 1 : Math.max(0, Math.min(1, epoch / annealEpochs));
    return annealStrategy === "cos" ? (1 - Math.cos(Math.PI * part)) / 2 : part;
  }
}
