import { tidy } from "../engine.js";
import { enableGrad, noGrad } from "../gradients.js";
import { cat } from "../joining.js";
import { makeError } from "../errors.js";
import { camelCase, checkName, describe, own, ownEntries, readOptions, snakeCase } from "../options.js";
import { native } from "../native.js";
import type { RemovableHandle } from "../removable.js";
import { isTensor, type Tensor } from "../tensor.js";
import { checkOptions, copyOf, defaultsOf, learningRate, type Given, type OptionRows } from "./checks.js";
import { type HookOptions, Hooks } from "./hooks.js";
import { groupsOf, type ParamGroupInit, type Params, paramsError, paramsOf } from "./params.js";
import { OptionsSnapshot, ParamHandles } from "./snapshots.js";
import { entriesOf, type ParamState, snapshot, type StateDict, stateError } from "./state.js";

// The common part of all optimizers: parameter groups, the closure, saving and loading. A step has three
// parts, in this order: check every option of every group, run the closure, update. The update belongs to the
// subclass; it must leave parameters and state untouched when it throws.

/** A parameter group. Options may be changed between steps; `step()` checks them again. */
export type ParamGroup<O extends object> = O & {
  params: Tensor[];
  /** The parameters' names, where they were given. */
  paramNames?: string[];
  /** The learning rate before any scheduler, which keeps it here. */
  initialLr?: number;
};

/** The options of an optimizer. */
export interface Definition<O extends object> {
  /** Every option, with its default and its check. */
  readonly options: OptionRows<O>;
  /** Refuses combinations of options. */
  check?(options: O): void;
  /** Names that are not options, with the reason why; by default PyTorch's switches of implementation. */
  readonly refused?: Record<string, string>;
}

/** Why some of PyTorch's switches are not options here. */
export const refusedOptions: Record<string, string> = {
  foreach: "the engine itself decides how many parameters one kernel updates",
  fused: "the engine itself fuses updates",
  capturable: "nothing has to be prepared for the engine to repeat a step",
  differentiable: "the update is not recorded for gradients",
};

// In a PyTorch state dict these stand beside the options and mean nothing here.
const ignoredGroupKeys = new Set([...Object.keys(refusedOptions), "params", "param_names"]);

/** Is told of a step, before or after it. */
export type StepHook = (optimizer: Optimizer) => void;
/** Is told that the state is about to be saved, or has been loaded. */
export type StateHook = (optimizer: Optimizer) => void;
/** Gets a state that has been made, or is about to be loaded; what it returns takes its place. */
export type StateDictHook =
  | ((optimizer: Optimizer, state: StateDict) => StateDict | undefined)
  | ((optimizer: Optimizer, state: StateDict) => void);

const beforeEveryStep = new Hooks<[Optimizer], void>("registerOptimizerStepPreHook");
const afterEveryStep = new Hooks<[Optimizer], void>("registerOptimizerStepPostHook");

/**
 * Calls `hook` before every step of every optimizer, before the optimizer's own hooks.
 * @throws TypeError (`ERR_ARGUMENT`) where it is not a function; `ERR_ASYNC`, from `step()`, where it returns a Promise.
 */
export function registerOptimizerStepPreHook(hook: StepHook): RemovableHandle {
  return beforeEveryStep.add(hook);
}

/** Calls `hook` after every step of every optimizer, after the optimizer's own hooks. */
export function registerOptimizerStepPostHook(hook: StepHook): RemovableHandle {
  return afterEveryStep.add(hook);
}

/** The base of all optimizers; `K` is the type that a subclass keeps for a parameter. */
export abstract class Optimizer<
  O extends object = object,
  D extends Definition<O> = Definition<O>,
  K = unknown,
> {
  /** The options that groups have where they do not say otherwise. */
  readonly defaults: Readonly<O>;
  /** The parameter groups, there to be edited: `optimizer.paramGroups[0].lr = 0.1`. */
  readonly paramGroups: ParamGroup<O>[] = [];
  /** The state of each parameter that has been updated. */
  readonly state = new Map<Tensor, ParamState>();

  /**
   * Whether a step is left out where a gradient holds NaN or an infinity: parameters and state stay as they are. Costs
   * a read of one number at every step; false by default.
   */
  skipNonFinite = false;

  protected readonly definition: D;
  /** The results of `admit`, made before any step: a tensor that is made in a tidy would end with it. */
  protected readonly kept = new Map<Tensor, K>();
  /** Counts the changes of options. */
  protected changes = 0;
  /** The names that a parameter group may have. */
  readonly #groupNames: readonly string[];
  #handles = new ParamHandles([], "");
  /** The groups as they were when they were last checked. */
  #checked = new OptionsSnapshot([]);
  readonly #hooks = {
    beforeStep: new Hooks<[Optimizer], void>("registerStepPreHook"),
    afterStep: new Hooks<[Optimizer], void>("registerStepPostHook"),
    beforeSave: new Hooks<[Optimizer], void>("registerStateDictPreHook"),
    afterSave: new Hooks<[Optimizer, StateDict], unknown>("registerStateDictPostHook"),
    beforeLoad: new Hooks<[Optimizer, StateDict], unknown>("registerLoadStateDictPreHook"),
    afterLoad: new Hooks<[Optimizer], void>("registerLoadStateDictPostHook"),
  };
  #skippedSteps = 0;
  #isStepping = false;
  #hasStepped = false;

  protected constructor(params: Params<O>, given: Given<O> | undefined, definition: D) {
    this.definition = definition;
    const { options, refused = refusedOptions } = own(definition);
    const defaults = readOptions<O>(this.name, given, defaultsOf(options), refused);
    this.defaults = Object.freeze(
      Object.fromEntries(Object.entries(defaults).map(([name, value]) => [name, copyOf(value)])) as O,
    );
    this.check(this.defaults);
    this.#groupNames = ["params", "paramNames", "initialLr", ...Object.keys(this.defaults)];
    for (const group of groupsOf(params)) this.#add(group as ParamGroupInit<O>);
  }

  /** The optimizer's name, as in its messages. */
  get name(): string {
    return this.constructor.name;
  }

  /** Whether `step()` has been called; schedulers warn where it has not. */
  get hasStepped(): boolean {
    return this.#hasStepped;
  }

  /** How many steps have been left out, see `skipNonFinite`. */
  get skippedSteps(): number {
    return this.#skippedSteps;
  }

  /**
   * Adds a parameter group, for parameters that become trainable later.
   *
   * @throws Error `ERR_PARAMS` where a parameter already belongs to a group
   */
  addParamGroup(group: ParamGroupInit<O>): void {
    this.#add(group);
  }

  /** Forgets the gradients of all parameters; with `setToNone: false`, fills them with zeros instead. */
  zeroGrad(options?: { setToNone?: boolean }): void {
    const setToNone =
      options === undefined || readOptions("zeroGrad", options, { setToNone: true }).setToNone;
    if (setToNone) native.zeroGrad(this.handles());
    else noGrad(() => this.paramGroups.forEach(({ params }) => params.forEach(({ grad }) => grad?.zero_())));
  }

  /** `zeroGrad`, in PyTorch's spelling. */
  zero_grad(options?: { setToNone?: boolean }): void {
    this.zeroGrad(options);
  }

  /**
   * Updates the parameters once from their gradients.
   *
   * A closure is called first, with gradients enabled, and its result is returned. Parameters whose `grad` is
   * null are left alone. Whatever throws, parameters, state and gradient mode are as they were before.
   *
   * @throws RangeError or TypeError `ERR_OPTION` where an option of a group has been given an impossible value
   * @throws TypeError `ERR_ASYNC` where the closure returns a Promise
   */
  step(): undefined;
  step<T>(closure: () => T): T;
  step<T>(closure?: () => T): T | undefined {
    return this.exclusively(() => {
      let result: T | undefined;
      if (closure !== undefined) {
        result = this.call(closure);
        this.checkGroups();
      }
      if (this.skipNonFinite && !this.#hasFiniteGradients()) ++this.#skippedSteps;
      else this.update();
      return result;
    });
  }

  /** Calls `hook` before every step. Hooks are called in the order in which they were registered. */
  registerStepPreHook(hook: StepHook): RemovableHandle {
    return this.#hooks.beforeStep.add(hook);
  }

  /** Calls `hook` after every step that has succeeded. */
  registerStepPostHook(hook: StepHook): RemovableHandle {
    return this.#hooks.afterStep.add(hook);
  }

  /** Calls `hook` before `stateDict()` makes a state. */
  registerStateDictPreHook(hook: StateHook, options?: HookOptions): RemovableHandle {
    return this.#hooks.beforeSave.add(hook, options);
  }

  /** Calls `hook` with what `stateDict()` has made; what it returns takes its place. */
  registerStateDictPostHook(hook: StateDictHook, options?: HookOptions): RemovableHandle {
    return this.#hooks.afterSave.add(hook, options);
  }

  /** Calls `hook` with what `loadStateDict()` is given; what it returns takes its place. */
  registerLoadStateDictPreHook(hook: StateDictHook, options?: HookOptions): RemovableHandle {
    return this.#hooks.beforeLoad.add(hook, options);
  }

  /** Calls `hook` after `loadStateDict()`. */
  registerLoadStateDictPostHook(hook: StateHook, options?: HookOptions): RemovableHandle {
    return this.#hooks.afterLoad.add(hook, options);
  }

  /** The whole state, with PyTorch's keys. Later steps do not change the returned object. */
  stateDict(): StateDict {
    this.#hooks.beforeSave.call(this);
    const positions = new Map<Tensor, number>();
    const groups = this.paramGroups.map((group) => {
      const { params, ...options } = group;
      const packed = Object.entries(options).map(([name, value]) => [snakeCase(name), copyOf(value)]);
      for (const param of params) positions.set(param, positions.size);
      return { ...Object.fromEntries(packed), params: params.map((param) => positions.get(param)) } as Record<
        string,
        unknown
      >;
    });
    const state: StateDict["state"] = {};
    for (const [param, values] of this.state) {
      const position = positions.get(param);
      if (position === undefined) continue;
      state[position] = Object.fromEntries(
        Object.entries(values).map(([name, value]) => [this.stateKey(name), snapshot(value)]),
      );
    }
    return this.#hooks.afterSave.map(this, { state, param_groups: groups });
  }

  /**
   * Takes over a state made by `stateDict()`, or by PyTorch's `state_dict()`; nested arrays, as JSON makes of
   * tensors, will do for tensors. State takes the dtype of its parameter. Nothing changes where it throws.
   *
   * @throws Error `ERR_STATE` where the state does not fit the parameters
   */
  loadStateDict(stateDict: StateDict): void {
    const given = entriesOf(this.#hooks.beforeLoad.map(this, stateDict), "state dict");
    const savedGroups: unknown = given.get("param_groups");
    const savedState = entriesOf(given.get("state"), "state of the state dict");
    if (!Array.isArray(savedGroups)) {
      throw stateError(`loadStateDict: param_groups must be an array, but got ${describe(savedGroups)}`);
    }
    if (savedGroups.length !== this.paramGroups.length) {
      throw stateError(
        "loaded state dict has a different number of parameter groups " +
          `(it has ${savedGroups.length}, ${this.name} has ${this.paramGroups.length})`,
      );
    }
    const owners = new Map<string, { param: Tensor; options: O }>();
    const groups = this.paramGroups.map((group, index) => {
      const saved = entriesOf(savedGroups[index], `parameter group ${index}`);
      const ids = saved.get("params");
      if (!Array.isArray(ids) || ids.length !== group.params.length) {
        throw stateError(
          "loaded state dict contains a parameter group that doesn't match the size of optimizer's group " +
            `(group ${index} has ${Array.isArray(ids) ? ids.length : "no"} parameters, ` +
            `the optimizer's has ${group.params.length})`,
        );
      }
      const options = this.#readGroup(saved);
      ids.forEach((id, i) => owners.set(String(id), { param: group.params[i]!, options }));
      return options;
    });
    const state = new Map<Tensor, ParamState>();
    for (const [id, values] of savedState) {
      const owner = owners.get(id);
      if (owner === undefined)
        throw stateError(`loadStateDict: there is state for a parameter '${id}' of no group`);
      const entries = entriesOf(values, `state of parameter ${id}`);
      const loaded = noGrad(() => this.loadState(owner.param, owner.options, entries, `parameter ${id}`));
      if (Object.keys(loaded).length > 0) state.set(owner.param, loaded);
    }
    this.paramGroups.forEach((group, index) => Object.assign(group, groups[index]));
    this.state.clear();
    for (const [param, values] of state) {
      this.state.set(
        param,
        noGrad(() => this.settle(param, values)),
      );
    }
    this.#hooks.afterLoad.call(this);
  }

  /** The optimizer and its groups, an option a line. */
  toString(): string {
    const groups = this.paramGroups.map((group, index) => {
      const lines = Object.entries(group)
        .filter(([name]) => name !== "params")
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(
          ([name, value]) =>
            `    ${name}: ${Array.isArray(value) ? `[${(value as unknown[]).map(String).join(", ")}]` : String(value)}\n`,
        );
      return `Parameter Group ${index}\n${lines.join("")}`;
    });
    return `${this.name} (\n${groups.join("\n")})`;
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }

  /** Computes all new values, then gives them to parameters and state. The gradient mode is the caller's. */
  protected abstract update(): void;

  /** Reads the saved state of one parameter, under PyTorch's keys. */
  protected abstract loadState(
    param: Tensor,
    options: O,
    saved: Map<string, unknown>,
    where: string,
  ): ParamState;

  /** Takes over a state that was read, and shows it in `state` from now on. */
  protected abstract settle(param: Tensor, state: ParamState): ParamState;

  /** Checks a full set of options. */
  protected check(options: O): void {
    checkOptions(this.name, this.definition.options, options);
    if (Object.hasOwn(this.definition, "check")) this.definition.check!(options);
  }

  /** Called for each new group, after its checks and before it is there. */
  protected admit?(group: ParamGroup<O>): void;

  /** PyTorch's key for a name in the state. */
  protected stateKey(name: string): string {
    return snakeCase(name);
  }

  /** Checks the options of all groups, where they are not as they were at the last check. */
  protected checkGroups(): void {
    const { paramGroups } = this;
    if (this.#checked.isOf(paramGroups)) return;
    for (const group of paramGroups) {
      for (const name in group)
        if (!this.#groupNames.includes(name) && Object.hasOwn(group, name)) this.#checkGroupName(name);
      this.check(group);
    }
    this.#checked = new OptionsSnapshot(paramGroups);
    ++this.changes;
  }

  /** The handles of all parameters, group after group: the same array as long as nothing has changed. */
  protected handles(): Uint32Array {
    if (!this.#handles.areOf(this.paramGroups)) this.#handles = new ParamHandles(this.paramGroups, this.name);
    return this.#handles.list;
  }

  /** Runs a step, after checking the options: one at a time, so not from inside its own closure. */
  protected exclusively<T>(run: () => T): T {
    if (this.#isStepping) {
      throw makeError(Error, `${this.name}: step() was called from inside the closure of its own step()`, {
        code: "ERR_REENTRANT",
      });
    }
    this.#isStepping = true;
    try {
      if (!beforeEveryStep.isEmpty) beforeEveryStep.call(this);
      if (!this.#hooks.beforeStep.isEmpty) this.#hooks.beforeStep.call(this);
      this.checkGroups();
      const result = run();
      this.#hasStepped = true;
      if (!this.#hooks.afterStep.isEmpty) this.#hooks.afterStep.call(this);
      if (!afterEveryStep.isEmpty) afterEveryStep.call(this);
      return result;
    } finally {
      this.#isStepping = false;
    }
  }

  /** Calls a closure with gradients enabled. */
  protected call<T>(closure: () => T): T {
    if (typeof closure !== "function") {
      throw makeError(
        TypeError,
        `${this.name}: the closure must be a function, but got ${describe(closure)}`,
        {
          code: "ERR_CLOSURE",
        },
      );
    }
    return enableGrad(() => {
      const result = closure();
      if (isPromise(result)) {
        // Nobody will wait for it, so its failure must not end the process.
        result.then(undefined, () => undefined);
        throw makeError(
          TypeError,
          `${this.name}: the closure returned a Promise, but step() is synchronous; ` +
            "await what the closure needs before calling step()",
          { code: "ERR_ASYNC" },
        );
      }
      return result;
    });
  }

  /** Whether no gradient holds NaN or an infinity. */
  #hasFiniteGradients(): boolean {
    return noGrad(() =>
      tidy(() => {
        const gradients = this.paramGroups.flatMap(({ params }) =>
          params.flatMap(({ grad }) => (grad === null || grad.numel() === 0 ? [] : [grad])),
        );
        if (gradients.length === 0) return true;
        const areFinite = gradients.map((grad) => grad.isfinite().all().reshape(1));
        return cat(areFinite, 0).all().item() as unknown as boolean;
      }),
    );
  }

  #checkGroupName(name: string): void {
    const refused = own(this.definition).refused ?? refusedOptions;
    checkName(this.name, "parameter group option", name, this.#groupNames, refused);
  }

  #add(given: ParamGroupInit<O>): void {
    const entries = new Map(ownEntries(`${this.name}: parameter group`, given));
    for (const name of entries.keys()) this.#checkGroupName(name);
    const { params, names } = paramsOf(entries.get("params"));
    const group = { params } as unknown as ParamGroup<O>;
    if (names !== undefined) group.paramNames = names;
    Object.assign(
      group,
      this.#readGroup(new Map([...entries].map(([name, value]) => [snakeCase(name), value]))),
    );
    this.#checkParams(group);
    this.admit?.(group);
    this.paramGroups.push(group);
  }

  /** Reads the options of a group, spelt as PyTorch spells them, and checks them. */
  #readGroup(saved: Map<string, unknown>): O {
    const { refused = refusedOptions } = own(this.definition);
    const options = Object.fromEntries(
      Object.entries(this.defaults).map(([name, value]) => [name, copyOf(value)]),
    ) as Record<string, unknown>;
    for (const [key, value] of saved) {
      if (value === undefined || ignoredGroupKeys.has(key)) continue;
      const name = camelCase(key);
      // An option that is not one here has its own value, whatever another optimizer saved.
      if (Object.hasOwn(refused, name)) continue;
      if (name === "initialLr") learningRate(this.name, name, value);
      else checkName(this.name, "parameter group option", name, Object.keys(this.defaults));
      options[name] = copyOf(value);
    }
    this.check(options as O);
    return options as O;
  }

  #checkParams(group: ParamGroup<O>): void {
    const { params } = group;
    for (const param of params) {
      if (!param.isLeaf) {
        throw paramsError("can't optimize a non-leaf Tensor (detach() it, and call requiresGrad_())");
      }
    }
    if (new Set(params).size !== params.length) {
      throw paramsError("optimizer contains a parameter group with duplicate parameters");
    }
    const taken = new Set(this.paramGroups.flatMap((other) => other.params));
    if (params.some((param) => taken.has(param))) {
      throw paramsError("some parameters appear in more than one parameter group");
    }
    const first = this.paramGroups[0];
    if (first !== undefined && (first.paramNames === undefined) !== (group.paramNames === undefined)) {
      throw paramsError(
        "all optimizer param groups should be with/without names. cannot add param group " +
          `${group.paramNames === undefined ? "without" : "with"} names to the optimizer`,
      );
    }
  }
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return (
    value !== null &&
    typeof value === "object" &&
    !isTensor(value) &&
    typeof (value as PromiseLike<unknown>).then === "function"
  );
}
