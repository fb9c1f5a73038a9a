import { finite, type Given, option } from "../checks.js";
import type { Optimizer } from "../optimizer.js";
import { LRScheduler, numberOf, type SchedulerOptions, type SchedulerState } from "./scheduler.js";

/** Options of `CosineAnnealingWarmRestarts`. */
export interface CosineAnnealingWarmRestartsOptions {
  /** The number of epochs until the first restart; there is no default. */
  t0: number;
  /** By how much the time to the next restart grows with each; 1 by default. */
  tMult: number;
  /** The lowest rate; 0 by default. */
  etaMin: number;
}

/**
 * Lowers the learning rate along half a cosine to `etaMin`, and begins again with the first rate: Loshchilov and Hutter,
 * "SGDR: Stochastic Gradient Descent with Warm Restarts", arXiv:1608.03983.
 *
 * @example
 * const scheduler = new optim.lrScheduler.CosineAnnealingWarmRestarts(optimizer, { t0: 10 });
 * for (let epoch = 0; epoch < 2; ++epoch)
 *   for (let batch = 0; batch < 4; ++batch) {
 *     optimizer.step();
 *     scheduler.step(epoch + batch / 4);
 *   }
 */
export class CosineAnnealingWarmRestarts extends LRScheduler<CosineAnnealingWarmRestartsOptions> {
  /** How far the epoch is from the last restart, and the time from that to the next. */
  #sinceRestart = 0;
  #period: number | undefined;

  constructor(
    optimizer: Optimizer,
    options: { t0: number } & Given<CosineAnnealingWarmRestartsOptions & SchedulerOptions>,
  ) {
    super(optimizer, options, {
      t0: option<number>(NaN, finite("Expected positive integer T_0, but got", { min: 1, integer: true })),
      tMult: option<number>(1, finite("Expected integer T_mult >= 1, but got", { min: 1, integer: true })),
      etaMin: option<number>(0, finite("Invalid eta_min value", { min: 0 })),
    });
    this.#place(this.lastEpoch);
  }

  /**
   * Counts an epoch, or goes to one, which may be a fraction: an epoch and a part of its batches.
   *
   * @throws RangeError `ERR_OPTION` for an epoch below 0
   */
  override step(epoch?: number): void {
    if (epoch === undefined) {
      super.step();
      this.#sinceRestart += 1;
      if (this.#sinceRestart >= this.#period!) {
        this.#sinceRestart %= this.#period!;
        this.#period! *= this.options.tMult;
      }
    } else {
      finite("Expected non-negative epoch, but got", { min: 0 })(this.name, "epoch", epoch);
      this.warnOfOrder();
      this.stepCount++;
      this.lastEpoch = Math.floor(epoch);
      this.#place(epoch);
    }
    this.setLrs(
      this.currentLrs().map((_, index) =>
        rateAt(this.options, this.baseLrs[index]!, this.#sinceRestart, this.#period!),
      ),
    );
  }

  /** @internal */
  override restart(): void {
    super.restart();
    this.#place(0);
  }

  protected override next(_lr: number, baseLr: number): number {
    return this.closed(this.lastEpoch, baseLr);
  }

  protected override closed(epoch: number, baseLr: number): number {
    const { since, period } = restartsBefore(this.options, epoch);
    return rateAt(this.options, baseLr, since, period);
  }

  protected override first(_lr: number, baseLr: number): number {
    return this.closed(0, baseLr);
  }

  protected override stateKey(name: string): string {
    return name === "t0" ? "T_0" : super.stateKey(name);
  }

  protected override saved(): SchedulerState {
    return { ...super.saved(), T_cur: this.#sinceRestart, T_i: this.#period };
  }

  protected override load(state: Map<string, unknown>): void {
    const [since, period] = [numberOf(state, "T_cur"), numberOf(state, "T_i")];
    super.load(state);
    this.#sinceRestart = since;
    this.#period = period;
  }

  #place(epoch: number): void {
    const { since, period } = restartsBefore(this.options, epoch);
    this.#sinceRestart = since;
    this.#period = period;
  }
}

/** The rate at some time since the last restart. */
function rateAt(
  { etaMin }: CosineAnnealingWarmRestartsOptions,
  baseLr: number,
  since: number,
  period: number,
): number {
  return etaMin + ((baseLr - etaMin) * (1 + Math.cos((Math.PI * since) / period))) / 2;
}

/** How far an epoch is from the last restart, and the time from that to the next. */
function restartsBefore(
  { t0, tMult }: CosineAnnealingWarmRestartsOptions,
  epoch: number,
): { since: number; period: number } {
  if (tMult === 1) return { since: epoch % t0, period: t0 };
  let [since, period] = [epoch, t0];
  while (since >= period) {
    since -= period;
    period *= tMult;
  }
  return { since, period };
}
