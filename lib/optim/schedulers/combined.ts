import { describe } from "../../options.js";
import { optionError } from "../checks.js";
import type { Optimizer } from "../optimizer.js";
import { stateError } from "../state.js";
import { ReduceLROnPlateau } from "./reducelronplateau.js";
import { LRScheduler, Scheduler, type SchedulerState } from "./scheduler.js";

/** A scheduler that can be a part of another. */
export type Part = LRScheduler | Combined;

/** Schedulers that are made of others. */
export abstract class Combined<O extends object = object> extends Scheduler<O> {
  abstract readonly parts: readonly Part[];

  /** Counts an epoch, and sets the learning rates for it. Comes after the optimizer's `step()`. */
  abstract step(...surplus: never[]): void;

  /** Begins with epoch 0. @internal */
  abstract restart(): void;

  /** Makes the step of the construction. @internal */
  abstract begin(): void;

  /** Takes the step of the construction back. @internal */
  unbegin(): void {
    for (const part of this.parts) part.unbegin();
  }

  protected override saved(): SchedulerState {
    return { _schedulers: this.parts.map((part) => part.stateDict()) };
  }

  protected override load(state: Map<string, unknown>): void {
    const saved = state.get("_schedulers");
    if (!Array.isArray(saved) || saved.length !== this.parts.length)
      throw stateError(
        `loadStateDict: '_schedulers' must be an array of ${this.parts.length} states, but got ${describe(saved)}`,
      );
    const before = this.parts.map((part) => part.stateDict());
    try {
      this.parts.forEach((part, i) => {
        part.loadStateDict(saved[i] as SchedulerState);
      });
    } catch (error) {
      this.parts.forEach((part, i) => {
        part.loadStateDict(before[i]!);
      });
      throw error;
    }
  }
}

/** The schedulers of another, all of one optimizer. */
export function partsOf(what: string, given: unknown, optimizer?: Optimizer): readonly Part[] {
  if (!Array.isArray(given))
    throw optionError(TypeError, `${what}: schedulers must be an array, but got ${describe(given)}`);
  const list: unknown[] = [...(given as unknown[])];
  if (list.length === 0)
    throw optionError(RangeError, `${what} expects at least one scheduler, but got no scheduler.`);
  let owner = optimizer;
  list.forEach((one, index) => {
    if (one instanceof ReduceLROnPlateau)
      throw optionError(
        TypeError,
        `${what} does not support \`ReduceLROnPlateau\` scheduler as it requires additional kwargs to be specified ` +
          `when calling \`step\`, but got one at index ${index} in the given schedulers sequence.`,
      );
    if (!(one instanceof LRScheduler || one instanceof Combined))
      throw optionError(TypeError, `${what}: schedulers[${index}] is no scheduler, but ${describe(one)}`);
    owner ??= one.optimizer;
    if (one.optimizer !== owner)
      throw optionError(
        RangeError,
        `${what} expects all schedulers to belong to the same optimizer, but got scheduler ${one.name} at index ` +
          `${index}, which has another one`,
      );
  });
  return list as Part[];
}
