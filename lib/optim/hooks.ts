import { refusePromise } from "../engine.js";
import { makeError } from "../errors.js";
import { describe, readOptions } from "../options.js";
import { RemovableHandle } from "../removable.js";
import type { Optimizer } from "./optimizer.js";
import type { StateDict } from "./state.js";

/** Is told of a step, before or after it. */
export type StepHook = (optimizer: Optimizer) => void;
/** Is told that the state is about to be saved, or has been loaded. */
export type StateHook = (optimizer: Optimizer) => void;
/** Gets a state that has been made, or is about to be loaded; what it returns takes its place. */
export type StateDictHook =
  | ((optimizer: Optimizer, state: StateDict) => StateDict | undefined)
  | ((optimizer: Optimizer, state: StateDict) => void);

/** Options of hooks on states. */
export interface HookOptions {
  /** Called before the hooks that are there already, rather than after them; false by default. */
  prepend?: boolean;
}

/** Functions that are called on one occasion, in order. */
export class Hooks<Arguments extends unknown[], Result> {
  #hooks: ((...args: Arguments) => Result)[] = [];

  constructor(private readonly op: string) {}

  get isEmpty(): boolean {
    return this.#hooks.length === 0;
  }

  add(hook: (...args: Arguments) => Result, options?: HookOptions): RemovableHandle {
    if (typeof hook !== "function")
      throw makeError(TypeError, `${this.op}: expected a function, got ${describe(hook)}`, {
        code: "ERR_ARGUMENT",
        op: this.op,
      });
    const { prepend } = readOptions(this.op, options, { prepend: false });
    // Each registration is one of its own, also of the same function.
    const own = (...args: Arguments) => hook(...args);
    this.#hooks = prepend ? [own, ...this.#hooks] : [...this.#hooks, own];
    return new RemovableHandle(() => {
      this.#hooks = this.#hooks.filter((other) => other !== own);
    });
  }

  /** Calls those that are there now. */
  call(...args: Arguments): void {
    for (const hook of this.#hooks) refusePromise(this.op, hook(...args));
  }

  /** Calls those that are there now, each with the result of the one before where it had one. */
  map(this: Hooks<[Optimizer, StateDict], unknown>, optimizer: Optimizer, state: StateDict): StateDict {
    return this.#hooks.reduce((before, hook) => {
      const after = hook(optimizer, before);
      refusePromise(this.op, after);
      return (after as StateDict | undefined) ?? before;
    }, state);
  }
}

const before = new Hooks<[Optimizer], void>("registerOptimizerStepPreHook");
const after = new Hooks<[Optimizer], void>("registerOptimizerStepPostHook");

/** The hooks of every optimizer's steps. */
export const everywhere = { before, after };

/**
 * Calls `hook` before every step of every optimizer, before the optimizer's own hooks.
 * @throws TypeError (`ERR_ARGUMENT`) where it is not a function; `ERR_ASYNC`, from `step()`, where it returns a Promise.
 */
export function registerOptimizerStepPreHook(hook: StepHook): RemovableHandle {
  return before.add(hook);
}

/** Calls `hook` after every step of every optimizer, after the optimizer's own hooks. */
export function registerOptimizerStepPostHook(hook: StepHook): RemovableHandle {
  return after.add(hook);
}
