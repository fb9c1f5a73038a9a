import { describe } from "../../options.js";
import { type Check, finite, type Given, oneOf, option, optionError } from "../checks.js";
import type { Optimizer } from "../optimizer.js";
import { type CycleOptions, cycleRows, CycleScheduler, oneOrEach } from "./momenta.js";
import type { RatedGroup, SchedulerOptions } from "./scheduler.js";

/** Options of `CyclicLR`. */
export interface CyclicLROptions extends CycleOptions {
  /** The lowest rate, of all groups or a list of one for each; there is no default. */
  baseLr: number | number[];
  /** The highest rate of the first cycle; there is no default. */
  maxLr: number | number[];
  /** The number of epochs, or batches, of the way up; 2000 by default. */
  stepSizeUp: number;
  /** Those of the way down; null, the default, stands for as many. */
  stepSizeDown: number | null;
  /** Whether cycles stay as high, halve, or shrink by `gamma` with each epoch; "triangular" by default. */
  mode: "triangular" | "triangular2" | "exp_range";
  /** The factor of an epoch with "exp_range"; 1 by default. */
  gamma: number;
  /** The factor of a cycle's height instead of `mode`: a function, which is not saved with the state; null by default. */
  scaleFn: ((x: number) => number) | null;
  /** Whether `scaleFn` gets the number of the cycle, from 1 on, or the epoch; "cycle" by default. */
  scaleMode: "cycle" | "iterations";
}

const rate = oneOrEach(finite("Invalid learning rate", { min: 0 }));
const count = finite("Invalid step size", { above: 0 });
const nullOr =
  (check: Check): Check =>
  (what, name, value) => {
    if (value !== null) check(what, name, value);
  };
const aFunction: Check = (what, name, value) => {
  if (typeof value !== "function")
    throw optionError(TypeError, `${what}: ${name} must be a function or null, but got ${describe(value)}`);
};

/**
 * Raises and lowers the learning rate between two bounds, over and over: Smith, "Cyclical Learning Rates for Training
 * Neural Networks", arXiv:1506.01186. It sets rates from its own bounds, whatever the groups had.
 */
export class CyclicLR extends CycleScheduler<CyclicLROptions> {
  constructor(
    optimizer: Optimizer,
    options: Pick<CyclicLROptions, "baseLr" | "maxLr"> & Given<CyclicLROptions & SchedulerOptions>,
  ) {
    super(optimizer, options, {
      baseLr: option<number | number[]>(NaN, rate),
      maxLr: option<number | number[]>(NaN, rate),
      stepSizeUp: option<number>(2000, count),
      stepSizeDown: option<number | null>(null, nullOr(count)),
      mode: option<"triangular" | "triangular2" | "exp_range">(
        "triangular",
        oneOf(["triangular", "triangular2", "exp_range"], "mode is invalid and scale_fn is None"),
      ),
      gamma: option<number>(1, finite("Invalid gamma value", { min: 0 })),
      scaleFn: option<((x: number) => number) | null>(null, nullOr(aFunction)),
      scaleMode: option<"cycle" | "iterations">("cycle", oneOf(["cycle", "iterations"])),
      ...cycleRows(0.8, 0.9),
    });
  }

  protected override prepare(groups: RatedGroup[]): void {
    const lowest = this.perGroup("baseLr", this.options.baseLr);
    groups.forEach((group, i) => {
      group.lr = lowest[i]!;
    });
    super.prepare(groups);
  }

  protected override closed(epoch: number, _baseLr: number, index: number): number {
    const base = this.perGroup("baseLr", this.options.baseLr)[index]!;
    const most = this.perGroup("maxLr", this.options.maxLr)[index]!;
    return base + this.heightOf(epoch, most - base);
  }

  protected override momentumAt(epoch: number, base: number, most: number): number {
    return most - this.heightOf(epoch, most - base);
  }

  /** How high above the ground an epoch is, where the first cycle has this height. */
  private heightOf(epoch: number, whole: number): number {
    const { stepSizeUp, stepSizeDown, mode, gamma, scaleFn, scaleMode } = this.options;
    const total = stepSizeUp + (stepSizeDown ?? stepSizeUp);
    const ratio = stepSizeUp / total;
    const cycle = Math.floor(1 + epoch / total);
    const x = 1 + epoch / total - cycle;
    const part = x <= ratio ? x / ratio : (x - 1) / (ratio - 1);
    if (scaleFn !== null) return whole * part * scaleFn(scaleMode === "cycle" ? cycle : epoch);
    const scale = mode === "triangular" ? 1 : mode === "triangular2" ? 1 / 2 ** (cycle - 1) : gamma ** epoch;
    return whole * part * scale;
  }
}
