import { makeError } from "../../errors.js";
import { describe, camelCase, checkName, readOptions, snakeCase } from "../../options.js";
import {
  checkOptions,
  copyOf,
  defaultsOf,
  finite,
  type Given,
  namesOf,
  type OptionRows,
  optionError,
} from "../checks.js";
import { Optimizer } from "../optimizer.js";
import { entriesOf, stateError } from "../state.js";

// A scheduler changes the `lr` of an optimizer's groups from epoch to epoch. The chainable form is used throughout:
// a new rate comes from the one the group has, so schedulers combine, and rates edited by hand survive.

/** The state of a scheduler, with PyTorch's keys. */
export type SchedulerState = Record<string, unknown>;

/** The common part of all schedulers: their options, the rates they set last, saving and loading. */
export abstract class Scheduler<O extends object = object> {
  readonly optimizer: Optimizer;
  /** How many epochs have been counted. */
  lastEpoch: number;

  protected readonly options: O;
  protected lastLrs: number[];
  readonly #rows: OptionRows<O>;

  protected constructor(
    optimizer: Optimizer,
    given: Given<O> | undefined,
    rows: OptionRows<O>,
    epoch: number,
  ) {
    if (!(optimizer instanceof Optimizer)) {
      throw optionError(TypeError, `${describe(optimizer).replace(/^an? /, "")} is not an Optimizer`);
    }
    this.optimizer = optimizer;
    this.lastEpoch = epoch;
    this.#rows = rows;
    this.options = readOptions<O>(this.name, given, defaultsOf(rows));
    for (const name of namesOf(this.options))
      this.options[name] = copyOf(this.options[name]) as O[typeof name];
    checkOptions(this.name, rows, this.options);
    this.lastLrs = this.currentLrs();
  }

  /** The scheduler's name, as in its messages. */
  get name(): string {
    return this.constructor.name;
  }

  /** The learning rates that this scheduler has set last, one for each group. */
  getLastLr(): number[] {
    return [...this.lastLrs];
  }

  /** The scheduler's state, with PyTorch's keys. The optimizer's learning rates are in the optimizer's own. */
  stateDict(): SchedulerState {
    // A function is not saved: whoever loads the state has it.
    const options: [string, unknown][] = Object.entries(this.options)
      .filter(([, value]) => ![value].flat().some((one) => typeof one === "function"))
      .map(([name, value]) => [this.stateKey(name), copyOf(value)]);
    return {
      ...Object.fromEntries(options),
      ...this.saved(),
      last_epoch: this.lastEpoch,
      _last_lr: this.getLastLr(),
    };
  }

  /**
   * Takes over a state made by `stateDict()`, or by PyTorch. Nothing changes where it throws.
   *
   * @throws Error `ERR_STATE` where something is missing, or not what it should be
   */
  loadStateDict(state: SchedulerState): void {
    const given = entriesOf(state, "state");
    const options = { ...this.options };
    for (const name of namesOf(options)) {
      const key = this.stateKey(name);
      if (given.has(key)) options[name] = this.readOption(name, given.get(key)) as O[typeof name];
      given.delete(key);
    }
    checkOptions(this.name, this.#rows, options);
    const known = ["last_epoch", "_last_lr", ...Object.keys(this.saved())];
    for (const key of given.keys()) {
      if (!ignoredKeys.has(key)) checkName(this.name, "state", key, known);
    }
    const lastEpoch = numberOf(given, "last_epoch");
    const lastLrs = numbersOf(given, "_last_lr");
    this.load(given);
    Object.assign(this.options, options);
    this.lastEpoch = lastEpoch;
    this.lastLrs = lastLrs;
  }

  /** The rest of a subclass's state, with PyTorch's keys. */
  protected abstract saved(): SchedulerState;

  /** Takes over a result of `saved`; must throw before it changes anything. */
  protected abstract load(state: Map<string, unknown>): void;

  /** A saved option, which PyTorch may have saved in another form. */
  protected readOption(_name: string, saved: unknown): unknown {
    return copyOf(saved);
  }

  /** PyTorch's key for an option: one capital letter stands alone there, as in `T_max`. */
  protected stateKey(name: string): string {
    const [, letter, rest] = /^([a-z])([A-Z0-9].*)$/.exec(name) ?? [];
    if (letter === undefined || rest === undefined) return snakeCase(name);
    return `${letter.toUpperCase()}_${snakeCase(rest.slice(0, 1).toLowerCase() + rest.slice(1))}`;
  }

  protected currentLrs(): number[] {
    return this.optimizer.paramGroups.map((group) => lrOf(group));
  }

  /** Sets the learning rates of the groups, in order. */
  protected setLrs(lrs: readonly number[]): void {
    this.optimizer.paramGroups.forEach((group, index) => {
      const lr = lrs[index];
      if (lr !== undefined) (group as { lr?: number }).lr = lr;
    });
    this.lastLrs = this.currentLrs();
  }
}

/** Options of every `LRScheduler`. */
export interface SchedulerOptions {
  /** The epoch after which to go on; -1, the default, begins anew. */
  lastEpoch: number;
}

/** The row of `lastEpoch`, for the options of an `LRScheduler`. */
export const schedulerOptions: OptionRows<SchedulerOptions> = {
  lastEpoch: { value: -1, check: finite("Invalid last_epoch value", { min: -1, integer: true }) },
};

/**
 * A scheduler whose rates depend on the epoch. Adding one means to write `next` and `closed`.
 *
 * With `lastEpoch` a schedule is resumed after that epoch. The groups' rates, loaded with the optimizer, may be those of
 * that epoch or already those of the next: both go on as if nothing had happened.
 */
export abstract class LRScheduler<O extends object = object> extends Scheduler<O> {
  /** The rates with which the schedule began. */
  protected baseLrs: number[];
  /** How often `step()` has been called, the one at construction included. */
  protected stepCount = 0;

  protected constructor(
    optimizer: Optimizer,
    given: (Given<O> & Given<SchedulerOptions>) | undefined,
    rows: OptionRows<O>,
  ) {
    const { own, lastEpoch } = splitOptions(given);
    super(optimizer, own as Given<O> | undefined, rows, lastEpoch);
    schedulerOptions.lastEpoch.check(this.name, "lastEpoch", lastEpoch);
    const groups = optimizer.paramGroups as RatedGroup[];
    if (lastEpoch === -1) {
      this.prepare(groups);
    } else {
      const index = groups.findIndex((group) => !Object.hasOwn(group, "initialLr"));
      if (index >= 0) {
        throw stateError(
          `param 'initial_lr' is not specified in param_groups[${index}] when resuming an optimizer ` +
            "(load the optimizer's state first, or give the group an initialLr)",
        );
      }
    }
    this.baseLrs = groups.map(({ initialLr }) => initialLr!);
    this.begin();
  }

  /**
   * Counts an epoch, and sets the learning rates for it. Comes after the optimizer's `step()`.
   *
   * @throws TypeError `ERR_ARGUMENT` where it is given an epoch
   */
  step(...surplus: never[]): void {
    refuseSurplus(this.name, surplus);
    this.warnOfOrder();
    this.#advance((lr, base, index) => this.next(lr, base, index));
  }

  /** A group's rate for epoch `lastEpoch`, from the rate it has and the one it began with. */
  protected abstract next(lr: number, baseLr: number, index: number): number;

  /** A group's rate for an epoch, from the one it began with. */
  protected abstract closed(epoch: number, baseLr: number, index: number): number;

  /** A group's rate for epoch 0, from the one it has; that one, where it is left out. */
  protected first(...[lr]: [lr: number, baseLr: number, index: number]): number {
    return lr;
  }

  /** Sees to the rates with which a schedule that begins anew begins. */
  protected prepare(groups: RatedGroup[]): void {
    for (const group of groups) if (!Object.hasOwn(group, "initialLr")) group.initialLr = lrOf(group);
  }

  /** Goes to an epoch: sets its rates. */
  protected arrive(epoch: number, lrs: readonly number[]): void {
    this.lastEpoch = epoch;
    this.setLrs(lrs);
  }

  /** Makes the step of the construction. @internal */
  begin(): void {
    this.stepCount = 0;
    const isFresh = this.lastEpoch === -1;
    this.#advance((lr, base, index) => {
      if (isFresh) return this.first(lr, base, index);
      const due = this.closed(this.lastEpoch, base, index);
      return isNear(lr, due) ? lr : this.next(lr, base, index);
    });
  }

  /** Takes the step of the construction back, for a schedule that begins later. @internal */
  unbegin(): void {
    --this.lastEpoch;
  }

  /** Begins with epoch 0, in the midst of another schedule. @internal */
  restart(): void {
    this.lastEpoch = -1;
    --this.stepCount;
    this.#advance((lr, base, index) => this.again(lr, base, index));
  }

  /** A group's rate for epoch 0 in the midst of another schedule. */
  protected again(_lr: number, baseLr: number, index: number): number {
    return this.closed(0, baseLr, index);
  }

  protected warnOfOrder(): void {
    if (this.stepCount !== 1 || this.optimizer.hasStepped) return;
    process.emitWarning(
      "Detected call of `lr_scheduler.step()` before `optimizer.step()`. You should call them in the opposite " +
        "order: `optimizer.step()` before `lr_scheduler.step()`. Failure to do this will result in skipping the " +
        "first value of the learning rate schedule.",
      { code: "ADJOINT_SCHEDULER_ORDER" },
    );
  }

  /** The values of an option that may be a list, one for each group. */
  protected perGroup(name: string, value: number | readonly number[]): number[] {
    const { length } = this.optimizer.paramGroups;
    return perGroup(this.name, name, value, length);
  }

  protected override saved(): SchedulerState {
    return { base_lrs: [...this.baseLrs], _step_count: this.stepCount };
  }

  protected override load(state: Map<string, unknown>): void {
    const baseLrs = numbersOf(state, "base_lrs");
    this.stepCount = numberOf(state, "_step_count");
    this.baseLrs = baseLrs;
  }

  #advance(rate: (lr: number, baseLr: number, index: number) => number): void {
    const before = this.lastEpoch;
    this.lastEpoch++;
    try {
      // A group that was added later begins with the rate it has.
      const groups = this.optimizer.paramGroups as RatedGroup[];
      const later = groups.slice(this.baseLrs.length);
      LRScheduler.prototype.prepare.call(this, later);
      for (const { initialLr } of later) this.baseLrs.push(initialLr!);
      const lrs = this.currentLrs().map((lr, i) => rate(lr, this.baseLrs[i]!, i));
      this.stepCount++;
      this.arrive(this.lastEpoch, lrs);
    } catch (error) {
      this.lastEpoch = before;
      throw error;
    }
  }
}

/** A parameter group, with the rates that schedulers look at. */
export interface RatedGroup {
  lr?: number;
  initialLr?: number;
}

/** Refuses arguments where there is room for none. */
export function refuseSurplus(what: string, surplus: readonly unknown[]): void {
  if (surplus.length > 0)
    throw makeError(
      TypeError,
      `${what}: step() takes no epoch, but got ${describe(surplus[0])}; begin with lastEpoch instead`,
      { code: "ERR_ARGUMENT" },
    );
}

/** The values of an option that may be a list, one for each of `count` groups. */
export function perGroup(
  what: string,
  name: string,
  value: number | readonly number[],
  count: number,
): number[] {
  if (typeof value === "number") return Array.from({ length: count }, () => value);
  if (value.length === count) return [...value];
  throw optionError(
    RangeError,
    `expected ${count} values for ${name}, got ${value.length} (${what}: one for each parameter group, or one number)`,
  );
}

/** Whether two rates differ by rounding errors only. */
function isNear(a: number, b: number): boolean {
  return Math.abs(a - b) <= 1e-9 * Math.max(Math.abs(a), Math.abs(b));
}

// Keys that a PyTorch scheduler saves beside these.
const ignoredKeys = new Set([
  "lr_lambdas",
  "_schedule_phases",
  "_anneal_func_type",
  "use_beta1",
  "_scale_fn_custom",
  "step_ratio",
  "total_size",
  "max_lrs",
  "base_momentums",
  "max_momentums",
  "_is_initial",
  "_get_lr_called_within_step",
  "verbose",
  "default_min_lr",
  "mode_worse",
]);

/** A number of a saved state. */
export function numberOf(state: Map<string, unknown>, key: string): number {
  const value = state.get(key);
  if (typeof value === "number") return value;
  throw stateError(
    `loadStateDict: '${camelCase(key)}' ('${key}') must be a number, but got ${describe(value)}`,
  );
}

/** An array of numbers of a saved state. */
export function numbersOf(state: Map<string, unknown>, key: string): number[] {
  const value = state.get(key);
  if (Array.isArray(value) && value.every((item) => typeof item === "number")) return [...value];
  throw stateError(`loadStateDict: '${key}' must be an array of numbers, but got ${describe(value)}`);
}

function splitOptions(given: unknown): { own: unknown; lastEpoch: number } {
  if (given === null || typeof given !== "object" || !Object.hasOwn(given, "lastEpoch")) {
    return { own: given, lastEpoch: -1 };
  }
  const { lastEpoch, ...own } = given as { lastEpoch?: number };
  return { own, lastEpoch: lastEpoch ?? -1 };
}

function lrOf(group: object): number {
  return (group as { lr: number }).lr;
}
