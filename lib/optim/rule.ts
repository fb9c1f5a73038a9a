import { makeError } from "../errors.js";
import { zerosLike } from "../creation.js";
import { checkName, own } from "../options.js";
import type { Tensor } from "../tensor.js";
import { Batch, Cohort } from "./batch.js";
import type { Given } from "./checks.js";
import type { Flags, Rows, Rule, RuleDefinition } from "./definition.js";
import { Optimizer, type ParamGroup } from "./optimizer.js";
import type { Params } from "./params.js";
import { loadNumber, loadTensor, type ParamState } from "./state.js";
import { Slot } from "./slot.js";

/** The row of a tensor that begins with zeros. */
export const zeroed = { begin: (param: Tensor) => zerosLike(param) };

/**
 * Describes an optimizer by its update.
 *
 * @throws TypeError `ERR_RULE`, at the first step, where `update` does something that cannot be recorded (reads a tensor,
 * changes one in place, computes with a scalar, uses a tensor from outside, draws random numbers), or returns other shapes or
 * dtypes. Parameters and state are then as they were.
 *
 * @example
 * interface SignOptions { lr: number }
 * const sign = rule({
 *   options: { lr: option(0.01, learningRate) } satisfies OptionRows<SignOptions>,
 *   scalars: ({ lr }) => ({ lr }),
 *   update: ({ param, grad }, { lr }) => ({ param: param.sub(grad.sign().mul(lr)) }),
 * });
 * class SignDescent extends RuleOptimizer<SignOptions> {
 *   constructor(params: Params<SignOptions>, options?: Given<SignOptions>) {
 *     super(params, options, sign);
 *   }
 * }
 */
export function rule<
  O extends object,
  S extends Rows<O>,
  N extends string,
  // eslint-disable-next-line @typescript-eslint/no-generated-empty-object-type -- no flags at all
  F extends Flags = Record<never, never>,
>(definition: RuleDefinition<O, S, N, F>): Rule<O> {
  if (typeof (definition as { update?: unknown } | undefined)?.update !== "function")
    throw makeError(TypeError, "rule: expected { scalars, update, ... } with a function update", {
      code: "ERR_RULE",
      op: "rule",
    });
  const { options = {}, state = {}, numbers = {}, ...others } = own(definition);
  const listed = <R extends object>(rows: Record<string, R>) =>
    Object.entries(rows).map(([name, row]) => [name, own(row)] as const);
  return own({
    ...others,
    options,
    state,
    numbers,
    rows: listed<object>(state),
    numberRows: listed<object>(numbers),
  }) as unknown as Rule<O>;
}

/** An optimizer that applies a rule to every parameter that has a gradient. */
export abstract class RuleOptimizer<O extends object> extends Optimizer<O, Rule<O>, Slot<O>> {
  #batch: Batch<O> | undefined;
  // What the batch was made for.
  #batchHandles: Uint32Array | undefined;
  #batchChanges = 0;
  #batchEntries = 0;

  protected constructor(params: Params<O>, options: Given<O> | undefined, definition: Rule<O>) {
    super(params, options, definition);
  }

  protected override update(): void {
    const grown = this.#currentBatch().step();
    for (const slot of grown) this.show(slot);
    this.#batchEntries = this.state.size;
  }

  protected override admit(group: ParamGroup<O>): void {
    for (const param of group.params) {
      const slot = this.slotOf(param);
      slot.need(group);
      if (this.definition.isEager !== true) continue;
      slot.beginEagerly(group);
      this.show(slot);
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
    const slot = this.slotOf(param);
    slot.adopt(
      state,
      this.paramGroups.find(({ params }) => params.includes(param))!,
    );
    this.#batch = undefined;
    return slot.show() ?? {};
  }

  /** What is kept for a parameter. */
  protected slotOf(param: Tensor): Slot<O> {
    const slot = this.kept.get(param) ?? new Slot(param, this.definition);
    this.kept.set(param, slot);
    return slot;
  }

  /** Shows a parameter's slot in `state`. */
  protected show(slot: Slot<O>): void {
    const entry = slot.show();
    if (entry !== undefined) this.state.set(slot.param, entry);
  }

  /** The batch, made anew where parameters, options or state have been edited since the last step. */
  #currentBatch(): Batch<O> {
    const handles = this.handles();
    if (
      this.#batch === undefined ||
      handles !== this.#batchHandles ||
      this.state.size !== this.#batchEntries ||
      !this.#batch.isCurrent ||
      (this.changes !== this.#batchChanges && this.#needsOtherState())
    )
      this.#batch = new Batch(this.name, this.definition, this.#cohorts());
    this.#batchHandles = handles;
    this.#batchChanges = this.changes;
    return this.#batch;
  }

  /** All parameters, those of a group together that have taken the same steps. */
  #cohorts(): Cohort<O>[] {
    const parts = new Map<string, { group: O; slots: Slot<O>[] }>();
    this.paramGroups.forEach((group, index) => {
      for (const param of group.params) {
        const slot = this.slotOf(param);
        slot.need(group);
        const entry = this.state.get(param);
        if (entry !== slot.entry) {
          slot.adopt(entry, group);
          this.show(slot);
        }
        const key = [index, ...Object.values(slot.numbers ?? {})].join(" ");
        const part = parts.get(key) ?? { group, slots: [] };
        part.slots.push(slot);
        parts.set(key, part);
      }
    });
    return [...parts.values()].map(({ group, slots }) => new Cohort<O>(group, slots));
  }

  #needsOtherState(): boolean {
    if (!this.definition.rows.some(([, row]) => row.when !== undefined)) return false;
    return this.paramGroups.some((group) =>
      group.params.some((param) => {
        const slot = this.slotOf(param);
        return slot.rowsFor(group) !== slot.needed;
      }),
    );
  }
}
