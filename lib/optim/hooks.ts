import { refusePromise } from "../engine.js";
import { makeError } from "../errors.js";
import { describe, readOptions } from "../options.js";
import { RemovableHandle } from "../removable.js";

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

  /** Calls those that are there now, each with the last result that one of them had, at first with `value`. */
  map<Owner, Value>(this: Hooks<[Owner, Value], unknown>, owner: Owner, value: Value): Value {
    return this.#hooks.reduce((before, hook) => {
      const after = hook(owner, before);
      refusePromise(this.op, after);
      return (after as Value | undefined) ?? before;
    }, value);
  }
}
