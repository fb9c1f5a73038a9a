import { describe } from "../../options.js";
import { isTensor, type Tensor } from "../../tensor.js";
import { type Check, finite, type Given, oneOf, option, optionError } from "../checks.js";
import type { Optimizer } from "../optimizer.js";
import { numberOf, perGroup, Scheduler, type SchedulerState } from "./scheduler.js";

/** Options of `ReduceLROnPlateau`. */
export interface ReduceLROnPlateauOptions {
  /** Whether the metric should fall or rise; "min" by default. */
  mode: "min" | "max";
  /** The factor of a reduction, below 1; 0.1 by default. */
  factor: number;
  /** The number of epochs without improvement that are allowed; 10 by default. */
  patience: number;
  /** The change of the metric from which on it counts as an improvement; 1e-4 by default. */
  threshold: number;
  /** Whether `threshold` is a part of the size of the best metric ("rel", the default) or a difference ("abs"). */
  thresholdMode: "rel" | "abs";
  /** How many epochs after a reduction do not count; 0 by default. */
  cooldown: number;
  /** The lowest rate, of all groups or of each; 0 by default. */
  minLr: number | number[];
  /** Smaller reductions are not made; 1e-8 by default. */
  eps: number;
}

const lowest = finite("Invalid min_lr value", { min: 0 });
const checkMinLr: Check = (what, name, value) => {
  if (Array.isArray(value)) value.forEach((item: unknown) => lowest(what, name, item));
  else lowest(what, name, value);
};

/**
 * Multiplies the learning rate by `factor` when a metric has stopped improving for more than `patience` epochs.
 *
 * @example
 * const scheduler = new ReduceLROnPlateau(optimizer, { patience: 5 });
 * scheduler.step(validationLoss);
 */
export class ReduceLROnPlateau extends Scheduler<ReduceLROnPlateauOptions> {
  /** The best metric so far. */
  best: number;
  /** How many epochs without improvement there have been since the last, or since a reduction. */
  numBadEpochs = 0;
  /** How many epochs of cooldown are left. */
  cooldownCounter = 0;

  constructor(optimizer: Optimizer, options?: Given<ReduceLROnPlateauOptions>) {
    const count = finite("Invalid number of epochs", { min: 0, integer: true });
    super(
      optimizer,
      options,
      {
        mode: option<"min" | "max">("min", oneOf(["min", "max"])),
        factor: option<number>(0.1, (what, name, value) => {
          if (typeof value === "number" && value >= 1) {
            throw optionError(RangeError, `Factor should be < 1.0. (${what}: ${name} is ${value})`);
          }
          finite("Invalid factor", { min: 0 })(what, name, value);
        }),
        patience: option<number>(10, count),
        threshold: option<number>(1e-4, finite("Invalid threshold value", { min: 0 })),
        thresholdMode: option<"rel" | "abs">("rel", oneOf(["rel", "abs"])),
        cooldown: option<number>(0, count),
        minLr: option<number | number[]>(0, checkMinLr),
        eps: option<number>(1e-8, finite("Invalid epsilon value", { min: 0 })),
      },
      0,
    );
    const { minLr, mode } = this.options;
    const groups = optimizer.paramGroups.length;
    if (Array.isArray(minLr) && minLr.length !== groups) {
      throw optionError(RangeError, `expected ${groups} min_lrs, got ${minLr.length}`);
    }
    this.best = worst(mode);
  }

  /**
   * Counts an epoch in which `metric` was reached; a Tensor of one element is read. NaN is no improvement.
   *
   * @throws TypeError `ERR_OPTION` where it is neither a number nor such a Tensor
   */
  step(metric: number | Tensor): void {
    const current = isTensor(metric) && metric.numel() === 1 ? Number(metric.item()) : metric;
    if (typeof current !== "number") {
      throw optionError(
        TypeError,
        `ReduceLROnPlateau: step() needs the metric, a number or a Tensor of one element, but got ${describe(metric)}`,
      );
    }
    const lowest = perGroup(this.name, "minLr", this.options.minLr, this.optimizer.paramGroups.length);
    this.lastEpoch++;
    if (this.#isBetter(current)) {
      this.best = current;
      this.numBadEpochs = 0;
    } else {
      this.numBadEpochs++;
    }
    if (this.cooldownCounter > 0) {
      this.cooldownCounter--;
      this.numBadEpochs = 0;
    }
    if (this.numBadEpochs > this.options.patience) {
      this.#reduce(lowest);
      this.cooldownCounter = this.options.cooldown;
      this.numBadEpochs = 0;
    }
    this.lastLrs = this.currentLrs();
  }

  protected override stateKey(name: string): string {
    return name === "minLr" ? "min_lrs" : super.stateKey(name);
  }

  protected override saved(): SchedulerState {
    return { best: this.best, num_bad_epochs: this.numBadEpochs, cooldown_counter: this.cooldownCounter };
  }

  protected override load(state: Map<string, unknown>): void {
    // JSON has no infinity, which is the best before the first epoch.
    const best = state.get("best") === null ? worst(this.options.mode) : numberOf(state, "best");
    const numBadEpochs = numberOf(state, "num_bad_epochs");
    this.cooldownCounter = numberOf(state, "cooldown_counter");
    this.numBadEpochs = numBadEpochs;
    this.best = best;
  }

  #isBetter(current: number): boolean {
    const { mode, threshold, thresholdMode } = this.options;
    if (!Number.isFinite(this.best)) return mode === "min" ? current < this.best : current > this.best;
    // A part of the best metric's size, which may be below zero.
    const margin = thresholdMode === "rel" ? Math.abs(this.best) * threshold : threshold;
    return mode === "min" ? current < this.best - margin : current > this.best + margin;
  }

  #reduce(lowest: readonly number[]): void {
    const { factor, eps } = this.options;
    this.setLrs(
      this.currentLrs().map((lr, index) => {
        const lower = Math.max(lr * factor, lowest[index]!);
        return lr - lower > eps ? lower : lr;
      }),
    );
  }
}

function worst(mode: "min" | "max"): number {
  return mode === "min" ? Infinity : -Infinity;
}
