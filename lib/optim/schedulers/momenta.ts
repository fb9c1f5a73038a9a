import { finite, type Given, optionError, type OptionRows } from "../checks.js";
import type { Optimizer } from "../optimizer.js";
import { type Check, flag, option } from "../checks.js";
import { LRScheduler, type RatedGroup, type SchedulerOptions } from "./scheduler.js";

/** Options of schedulers whose momentum goes up where the rate goes down. */
export interface CycleOptions {
  /** Whether the momentum changes too: that of the group, or the first of its betas; true by default. */
  cycleMomentum: boolean;
  /** The momentum where the rate is highest, of all groups or a list of one for each. */
  baseMomentum: number | number[];
  /** The momentum where the rate is lowest. */
  maxMomentum: number | number[];
}

/** A number of a kind, or an array of them. */
export function oneOrEach(check: Check): Check {
  return (what, name, value) => {
    if (Array.isArray(value)) value.forEach((item: unknown, i) => check(what, `${name}[${i}]`, item));
    else check(what, name, value);
  };
}

const momentum = oneOrEach(finite("Invalid momentum value", { min: 0, max: 1 }));

/** The rows of these options. */
export const cycleRows = (base: number, most: number): OptionRows<CycleOptions> => ({
  cycleMomentum: option<boolean>(true, flag),
  baseMomentum: option<number | number[]>(base, momentum),
  maxMomentum: option<number | number[]>(most, momentum),
});

interface GroupWithMomentum extends RatedGroup {
  momentum?: number;
  betas?: number[];
}

/** A scheduler that sets momenta with the rates, from its own numbers alone. */
export abstract class CycleScheduler<O extends CycleOptions> extends LRScheduler<O> {
  protected constructor(
    optimizer: Optimizer,
    given: (Given<O> & Given<SchedulerOptions>) | undefined,
    rows: OptionRows<O>,
  ) {
    super(optimizer, given, rows);
  }

  /** A group's momentum at an epoch. */
  protected abstract momentumAt(epoch: number, base: number, most: number): number;

  protected override prepare(groups: RatedGroup[]): void {
    const { cycleMomentum } = this.options;
    if (
      cycleMomentum &&
      groups.some((group) => !Object.hasOwn(group, "momentum") && !Object.hasOwn(group, "betas"))
    )
      throw optionError(
        TypeError,
        "optimizer must support momentum or beta1 with `cycle_momentum` option enabled " +
          `(${this.name}: ${this.optimizer.name} has neither; say cycleMomentum: false)`,
      );
    super.prepare(groups);
  }

  protected override arrive(epoch: number, lrs: readonly number[]): void {
    super.arrive(epoch, lrs);
    const { cycleMomentum, baseMomentum, maxMomentum } = this.options;
    if (!cycleMomentum) return;
    const [base, most] = [
      this.perGroup("baseMomentum", baseMomentum),
      this.perGroup("maxMomentum", maxMomentum),
    ];
    (this.optimizer.paramGroups as GroupWithMomentum[]).forEach((group, i) => {
      const value = this.momentumAt(epoch, base[i]!, most[i]!);
      if (Object.hasOwn(group, "betas")) group.betas = [value, ...group.betas!.slice(1)];
      else group.momentum = value;
    });
  }

  protected override first(_lr: number, baseLr: number, index: number): number {
    return this.closed(0, baseLr, index);
  }

  protected override next(_lr: number, baseLr: number, index: number): number {
    return this.closed(this.lastEpoch, baseLr, index);
  }
}
