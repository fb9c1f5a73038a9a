import { zerosLike } from "../creation.js";
import { assign, tidy } from "../engine.js";
import { checkName } from "../options.js";
import { isTensor, type Tensor } from "../tensor.js";
import type { Given } from "./checks.js";
import { type Definition, Optimizer, type ParamGroup } from "./optimizer.js";
import type { Params } from "./params.js";
import { loadNumber, loadTensor, type ParamState } from "./state.js";

// A rule is an optimizer's update as its paper writes it: `scalars` computes the step's numbers in double, `update`
// says with tensors what becomes of a parameter and its state. `update` must not compute with the scalars (it hands
// them to tensor operations), read a tensor, or change one in place; what differs from step to step by more than a
// number is a flag. So one recording of `update` serves every parameter and step with the same flags.

/** A tensor that a rule keeps for each parameter. */
export interface StateRow<O> {
  /**
   * The tensor before the first update. Without it, `update` finds it undefined then and makes it, in the
   * parameter's shape.
   */
  begin?(param: Tensor, options: O): Tensor;
  /** Whether these options need it; where not, `update` finds it undefined. */
  when?(options: O, param: Tensor): boolean;
}

/** The row of a tensor that begins with zeros. */
export const zeroed = { begin: (param: Tensor) => zerosLike(param) };

/** A number that a rule keeps for each parameter, in float32 as PyTorch does. */
export interface NumberRow<O> {
  begin(options: O): number;
  /** The next value; `now` holds this step's `step` and the numbers of the rows before. */
  next(options: O, now: Numbers, previous: number): number;
}

/** The numbers kept for a parameter, and `step`, the number of updates including this one. */
export type Numbers = Readonly<Record<string, number>> & { readonly step: number };

type Rows<O> = Record<string, StateRow<O>>;

type StateTensors<S> = {
  [K in keyof S]: S[K] extends { when: unknown }
    ? Tensor | undefined
    : S[K] extends { begin: unknown }
      ? Tensor
      : Tensor | undefined;
};

/** The description of a rule; see `rule`. */
export interface RuleDefinition<
  O extends object,
  S extends Rows<O>,
  N extends string,
  F extends string,
> extends Definition<O> {
  /** The tensors kept for each parameter, in the order of PyTorch's state dict. */
  readonly state: S;
  /** The numbers kept for each parameter, beside `step`. */
  readonly numbers?: Record<string, NumberRow<O>>;
  /** False where `step` is not part of the saved state. */
  readonly counts?: boolean;
  /** True where a parameter's state is made when the parameter is added, rather than at its first update. */
  readonly isEager?: boolean;
  /** The booleans that select what `update` does. */
  flags?(options: O, numbers: Numbers): Record<F, boolean>;
  /** The numbers of this step, in double; `before` are the kept numbers before it. */
  scalars(options: O, numbers: Numbers, before: Numbers): Record<N, number>;
  /** The new parameter and state. */
  update(
    tensors: { param: Tensor; grad: Tensor } & StateTensors<S>,
    scalars: Readonly<Record<N, number>>,
    flags: Readonly<Record<F, boolean>>,
  ): { param: Tensor } & { [K in keyof S]?: Tensor | undefined };
}

/** A rule, ready for `RuleOptimizer`. */
export interface Rule<O extends object> extends RuleDefinition<
  O,
  Record<string, { when: () => boolean }>,
  string,
  string
> {
  /** The rows of `state` and of `numbers`, listed. */
  readonly rows: readonly (readonly [name: string, row: StateRow<O>])[];
  readonly numberRows: readonly (readonly [name: string, row: NumberRow<O>])[];
}

/**
 * Describes an optimizer by its update.
 *
 * @example
 * interface SignOptions { lr: number }
 * const sign = rule({
 *   options: { lr: option(0.01, learningRate) } satisfies OptionRows<SignOptions>,
 *   state: {},
 *   scalars: ({ lr }) => ({ lr }),
 *   update: ({ param, grad }, { lr }) => ({ param: param.sub(grad.sign().mul(lr)) }),
 * });
 * class SignDescent extends RuleOptimizer<SignOptions> {
 *   constructor(params: Params<SignOptions>, options?: Given<SignOptions>) {
 *     super(params, options, sign);
 *   }
 * }
 */
export function rule<O extends object, S extends Rows<O>, N extends string, F extends string = never>(
  definition: RuleDefinition<O, S, N, F>,
): Rule<O> {
  const { state, numbers = {} } = definition;
  const rows = { rows: Object.entries(state), numberRows: Object.entries(numbers) };
  return { ...definition, ...rows } as unknown as Rule<O>;
}

/** One parameter's update: where it starts, and where its results go. */
interface Job<O> {
  readonly param: Tensor;
  readonly grad: Tensor;
  readonly options: O;
  readonly cells: Record<string, Tensor>;
}

/** An optimizer that applies a rule to every parameter that has a gradient. */
export abstract class RuleOptimizer<O extends object> extends Optimizer<O, Rule<O>> {
  protected constructor(params: Params<O>, options: Given<O> | undefined, definition: Rule<O>) {
    super(params, options, definition);
  }

  protected override update(): void {
    const jobs: Job<O>[] = [];
    for (const group of this.paramGroups) {
      for (const param of group.params) {
        const { grad } = param;
        if (grad === null) continue;
        jobs.push({ param, grad, options: group, cells: this.cellsOf(param, group) });
      }
    }
    const states: ParamState[] = [];
    tidy(() => {
      const targets: Tensor[] = [];
      const values: Tensor[] = [];
      for (const job of jobs) states.push(this.#compute(job, targets, values));
      assign(this.name, targets, values);
    });
    for (const [i, { param }] of jobs.entries()) {
      const state = states[i]!;
      if (Object.keys(state).length > 0) this.state.set(param, state);
    }
  }

  protected override admit(group: ParamGroup<O>): void {
    const { isEager = false } = this.definition;
    for (const param of group.params) {
      const cells = this.cellsOf(param, group);
      if (isEager) this.state.set(param, { ...numbersOf(this.definition, {}, group), ...cells });
    }
  }

  protected override loadState(
    param: Tensor,
    options: O,
    saved: Map<string, unknown>,
    where: string,
  ): ParamState {
    const { rows, numberRows, counts = true } = this.definition;
    const state: ParamState = {};
    const numberNames = [...(counts ? ["step"] : []), ...numberRows.map(([name]) => name)];
    const known = [...numberNames, ...rows.map(([name]) => name)].map((name) => this.stateKey(name));
    for (const key of saved.keys()) {
      if (key !== "step") checkName(`loadStateDict: ${where}`, "state", key, known);
    }
    const read = (name: string): unknown => saved.get(this.stateKey(name)) ?? undefined;
    for (const name of numberNames) {
      state[name] = loadNumber(read(name), `'${this.stateKey(name)}' of ${where}`);
    }
    for (const [name, row] of rows) {
      const value = read(name);
      const isOptional = row.begin === undefined || row.when?.(options, param) === false;
      if (value === undefined && isOptional) continue;
      const like = row.begin?.(param, options) ?? param;
      state[name] = loadTensor(like, value, `'${this.stateKey(name)}' of ${where}`);
    }
    return state;
  }

  protected override settle(param: Tensor, state: ParamState): ParamState {
    const cells = this.cells.get(param) ?? {};
    const entries = Object.entries(state).map(([name, value]): [string, ParamState[string]] => {
      const cell = cells[name];
      return [name, cell !== undefined && isTensor(value) ? cell.copy_(value) : value];
    });
    return Object.fromEntries(entries);
  }

  /** The tensors that hold a parameter's state, or will. */
  protected cellsOf(param: Tensor, options: O): Record<string, Tensor> {
    const cells = this.cells.get(param) ?? {};
    this.cells.set(param, cells);
    for (const [name, row] of this.definition.rows) {
      if (row.when?.(options, param) === false) continue;
      cells[name] ??= row.begin?.(param, options) ?? zerosLike(param);
    }
    return cells;
  }

  /** Runs the rule for one parameter: adds the tensors to change and their new values, and returns the new state. */
  #compute({ param, grad, options, cells }: Job<O>, targets: Tensor[], values: Tensor[]): ParamState {
    const { definition } = this;
    const state = this.state.get(param);
    const before = numbersOf(definition, state, options);
    const now = this.#advance(options, before);
    const tensors: Record<string, Tensor | undefined> = { param, grad };
    for (const [name, row] of definition.rows) {
      const isNeeded = row.when?.(options, param) !== false;
      tensors[name] = isNeeded
        ? ((state?.[name] as Tensor | undefined) ?? row.begin?.(param, options))
        : undefined;
    }
    const results: Record<string, Tensor | undefined> = definition.update(
      tensors as Parameters<Rule<O>["update"]>[0],
      definition.scalars(options, now, before),
      definition.flags?.(options, now) ?? {},
    );
    const after: ParamState = { ...state };
    if (definition.counts !== false) after["step"] = now.step;
    for (const [name] of definition.numberRows) after[name] = now[name]!;
    targets.push(param);
    values.push(results["param"]!);
    for (const [name] of definition.rows) {
      const value = results[name] ?? (state?.[name] === undefined ? tensors[name] : undefined);
      if (value === undefined) continue;
      after[name] = cells[name]!;
      targets.push(cells[name]!);
      values.push(value);
    }
    return after;
  }

  #advance(options: O, before: Numbers): Numbers {
    const now: Record<string, number> & { step: number } = { step: Math.fround(before.step + 1) };
    for (const [name, row] of this.definition.numberRows) {
      now[name] = Math.fround(row.next(options, now, before[name]!));
    }
    return now;
  }
}

/** `step` and the numbers in a parameter's state, as they begin where there is none. */
function numbersOf<O extends object>(
  { numberRows }: Rule<O>,
  state: ParamState | undefined,
  options: O,
): Numbers {
  const values: Record<string, number> & { step: number } = {
    step: (state?.["step"] as number | undefined) ?? 0,
  };
  for (const [name, row] of numberRows) {
    values[name] = (state?.[name] as number | undefined) ?? Math.fround(row.begin(options));
  }
  return values;
}
