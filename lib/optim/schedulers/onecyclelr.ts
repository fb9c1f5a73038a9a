import { type Check, finite, flag, type Given, oneOf, option, optionError } from "../checks.js";
import type { Optimizer } from "../optimizer.js";
import { type CycleOptions, cycleRows, CycleScheduler, oneOrEach } from "./momenta.js";
import type { RatedGroup, SchedulerOptions } from "./scheduler.js";

/** Options of `OneCycleLR`. */
export interface OneCycleLROptions extends CycleOptions {
  /** The highest rate, of all groups or a list of one for each; there is no default. */
  maxLr: number | number[];
  /** The number of steps of the whole; null, the default, stands for epochs * stepsPerEpoch. */
  totalSteps: number | null;
  /** The number of epochs, and of steps in each; null by default. */
  epochs: number | null;
  stepsPerEpoch: number | null;
  /** The part of the steps in which the rate goes up, from 0 to 1; 0.3 by default. */
  pctStart: number;
  /** Whether rates change along a cosine or a line; "cos" by default. */
  annealStrategy: "cos" | "linear";
  /** The first rate is maxLr / divFactor; 25 by default. */
  divFactor: number;
  /** The last rate is the first one / finalDivFactor; 1e4 by default. */
  finalDivFactor: number;
  /** Whether the rate first goes down as it went up, and only then to the last rate; false by default. */
  threePhase: boolean;
}

const countOrNull =
  (sentence: string): Check =>
  (what, name, value) => {
    if (value !== null) finite(sentence, { min: 1, integer: true })(what, name, value);
  };

/** A part of the schedule: its last step, and what it goes from and to, as parts of the way up. */
interface Phase {
  readonly end: number;
  readonly from: "first" | "most" | "last";
  readonly to: "first" | "most" | "last";
}

/**
 * Raises the learning rate to `maxLr` and lowers it to nearly nothing, once: Smith and Topin, "Super-Convergence: Very
 * Fast Training of Neural Networks Using Large Learning Rates", arXiv:1708.07120. `step()` comes after every batch.
 *
 * @throws RangeError `ERR_OPTION`, from `step()`, after more steps than there are
 */
export class OneCycleLR extends CycleScheduler<OneCycleLROptions> {
  constructor(
    optimizer: Optimizer,
    options: Pick<OneCycleLROptions, "maxLr"> & Given<OneCycleLROptions & SchedulerOptions>,
  ) {
    super(optimizer, options, {
      maxLr: option<number | number[]>(NaN, oneOrEach(finite("Invalid learning rate", { min: 0 }))),
      totalSteps: option<number | null>(null, countOrNull("Expected positive integer total_steps, but got")),
      epochs: option<number | null>(null, countOrNull("Expected positive integer epochs, but got")),
      stepsPerEpoch: option<number | null>(
        null,
        countOrNull("Expected positive integer steps_per_epoch, but got"),
      ),
      pctStart: option<number>(
        0.3,
        finite("Expected float between 0 and 1 pct_start, but got", { min: 0, max: 1 }),
      ),
      annealStrategy: option<"cos" | "linear">(
        "cos",
        oneOf(["cos", "linear"], "anneal_strategy must be one of 'cos' or 'linear'"),
      ),
      divFactor: option<number>(25, finite("Invalid div_factor value", { above: 0 })),
      finalDivFactor: option<number>(1e4, finite("Invalid final_div_factor value", { above: 0 })),
      threePhase: option<boolean>(false, flag),
      ...cycleRows(0.85, 0.95),
    });
  }

  /** The number of steps of the whole. */
  get totalSteps(): number {
    const { totalSteps, epochs, stepsPerEpoch } = this.options;
    if (totalSteps !== null) return totalSteps;
    if (epochs !== null && stepsPerEpoch !== null) return epochs * stepsPerEpoch;
    throw optionError(
      TypeError,
      "You must define either total_steps OR (epochs AND steps_per_epoch) " +
        `(${this.name}: say totalSteps, or epochs and stepsPerEpoch)`,
    );
  }

  protected override prepare(groups: RatedGroup[]): void {
    super.prepare(groups);
    const most = this.perGroup("maxLr", this.options.maxLr);
    this.checkStep(0);
    groups.forEach((group, i) => {
      group.initialLr = most[i]! / this.options.divFactor;
    });
  }

  protected override closed(epoch: number, _baseLr: number, index: number): number {
    this.checkStep(epoch);
    const { maxLr, divFactor, finalDivFactor } = this.options;
    const most = this.perGroup("maxLr", maxLr)[index]!;
    const first = most / divFactor;
    return this.between(epoch, { first, most, last: first / finalDivFactor });
  }

  protected override momentumAt(epoch: number, base: number, most: number): number {
    return this.between(epoch, { first: most, most: base, last: most });
  }

  private checkStep(step: number): void {
    const { totalSteps } = this;
    if (step > totalSteps)
      throw optionError(
        RangeError,
        `Tried to step ${step} times. The specified number of total steps is ${totalSteps} (${this.name})`,
      );
  }

  private get phases(): readonly Phase[] {
    const { pctStart, threePhase } = this.options;
    const { totalSteps } = this;
    const up: Phase = { end: pctStart * totalSteps - 1, from: "first", to: "most" };
    const end = totalSteps - 1;
    return threePhase
      ? [
          up,
          { end: 2 * pctStart * totalSteps - 2, from: "most", to: "first" },
          { end, from: "first", to: "last" },
        ]
      : [up, { end, from: "most", to: "last" }];
  }

  private between(step: number, levels: Record<"first" | "most" | "last", number>): number {
    const phases = this.phases;
    const found = phases.findIndex(({ end }) => step <= end);
    const index = found < 0 ? phases.length - 1 : found;
    const { end, from, to } = phases[index]!;
    const begin = index === 0 ? 0 : phases[index - 1]!.end;
    const part = (step - begin) / (end - begin);
    const [start, goal] = [levels[from], levels[to]];
    return this.options.annealStrategy === "cos"
      ? goal + ((start - goal) / 2) * (Math.cos(Math.PI * part) + 1)
      : (goal - start) * part + start;
  }
}
