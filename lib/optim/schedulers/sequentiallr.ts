import { type Check, finite, optionError } from "../checks.js";
import type { Optimizer } from "../optimizer.js";
import { Combined, type Part, partsOf } from "./combined.js";
import { type RatedGroup, refuseSurplus } from "./scheduler.js";

/** Options of `SequentialLR`. */
export interface SequentialLROptions {
  /** The schedulers, one after the other. */
  schedulers: readonly Part[];
  /** The epochs at which the second one begins, the third and so on. */
  milestones: readonly number[];
}

const epoch: Check = finite("Invalid milestone", { min: 0, integer: true });

/**
 * Schedulers one after the other, each from its own epoch 0 on.
 *
 * @example
 * const { CosineAnnealingLR, LinearLR, SequentialLR } = optim.lrScheduler;
 * const scheduler = new SequentialLR(optimizer, {
 *   schedulers: [new LinearLR(optimizer), new CosineAnnealingLR(optimizer, { tMax: 95 })],
 *   milestones: [5],
 * });
 */
export class SequentialLR extends Combined<{ milestones: readonly number[] }> {
  readonly parts: readonly Part[];

  constructor(optimizer: Optimizer, options: SequentialLROptions) {
    const { schedulers, ...rest } = { ...options };
    super(
      optimizer,
      rest,
      {
        milestones: {
          value: [],
          check: (what, name, value) => {
            if (!Array.isArray(value))
              throw optionError(TypeError, `${what}: ${name} must be an array of epochs`);
            value.forEach((one: unknown, i) => {
              epoch(what, `${name}[${i}]`, one);
            });
          },
        },
      },
      0,
    );
    this.parts = partsOf(this.name, schedulers, optimizer);
    const { milestones } = this.options;
    if (milestones.length !== this.parts.length - 1)
      throw optionError(
        RangeError,
        "Sequential Schedulers expects number of schedulers provided to be one more than the number of milestone points, " +
          `but got number of schedulers ${this.parts.length} and the number of milestones to be equal to ${milestones.length}`,
      );
    this.unbegin();
    this.begin();
  }

  /** @internal */
  override begin(): void {
    for (const group of this.optimizer.paramGroups as RatedGroup[])
      if (group.initialLr !== undefined) group.lr = group.initialLr;
    this.lastEpoch = 0;
    this.parts[this.#indexAt(0)]!.begin();
    this.lastLrs = this.currentLrs();
  }

  /** Counts an epoch, and sets the learning rates for it. Comes after the optimizer's `step()`. */
  override step(...surplus: never[]): void {
    refuseSurplus(this.name, surplus);
    const now = this.lastEpoch + 1;
    const index = this.#indexAt(now);
    const part = this.parts[index]!;
    if (index > 0 && this.options.milestones[index - 1] === now) part.restart();
    else part.step();
    this.lastEpoch = now;
    this.lastLrs = this.currentLrs();
  }

  /** @internal */
  override restart(): void {
    this.lastEpoch = 0;
    this.parts[this.#indexAt(0)]!.restart();
    this.lastLrs = this.currentLrs();
  }

  protected override stateKey(name: string): string {
    return name === "milestones" ? "_milestones" : super.stateKey(name);
  }

  #indexAt(now: number): number {
    return this.options.milestones.filter((milestone) => milestone <= now).length;
  }
}
