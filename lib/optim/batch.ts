import { noGrad } from "../gradients.js";
import { native } from "../native.js";
import { describe } from "../options.js";
import { handleOf, haveHandles, type Tensor } from "../tensor.js";
import { keptNumber, type Flags, type Rule } from "./definition.js";
import type { KeptNumbers, Slot } from "./slot.js";
import { ruleError, type Traces, tracesOf } from "./trace.js";

// All parameters of an optimizer as native code gets them: a record of integers for each, in one array, and the
// scalars of the step in another. Parameters of a group that have taken the same steps form a cohort: they share
// flags, numbers and scalars, so a step costs TypeScript nothing for each of them. A cohort divides when only some of
// its parameters have a gradient.

/** Parameters of one group that have taken the same steps. */
export class Cohort<O extends object> {
  /** The options that flags and scalars were last computed from. */
  readonly next: KeptNumbers = { step: 0 };
  /** The flags of the traces, seven bits each. */
  flags = 0;
  /** Whether the traces are those of the next step, unless the flags change. */
  isSettled = false;
  /** Whether its parameters had gradients in the last step. */
  isActive = true;
  /** Where it stands among the cohorts, and its first parameter among the records. */
  index = 0;
  first = 0;
  /** The kept numbers, the same for all its parameters. */
  readonly numbers: KeptNumbers;

  constructor(
    readonly group: O,
    readonly slots: readonly Slot<O>[],
  ) {
    this.numbers = { step: 0, ...slots[0]!.numbers };
    for (const slot of slots) if (slot.numbers !== undefined) slot.numbers = this.numbers;
  }
}

const noFlags = Object.freeze({});
const noSlots: readonly never[] = [];

/** The parameters of an optimizer, ready to be updated together. */
export class Batch<O extends object> {
  readonly #who: string;
  readonly #rule: Rule<O>;
  readonly #traces: Traces;
  #cohorts: readonly Cohort<O>[] = [];
  /** For each parameter: trace, where its scalars begin, its handle, and one for each row of state. */
  #records = new Uint32Array(0);
  /** For each parameter, whether it is expected to have a gradient. */
  #expected = new Uint8Array(0);
  #scalars = new Float64Array(0);
  #cells: readonly Tensor[] = [];
  #cellHandles = new Uint32Array(0);

  constructor(who: string, rule: Rule<O>, cohorts: readonly Cohort<O>[]) {
    this.#who = who;
    this.#rule = rule;
    this.#traces = tracesOf(rule);
    this.#layOut(cohorts);
  }

  /** Whether the tensors that hold state are still there. */
  get isCurrent(): boolean {
    return haveHandles(this.#cells, this.#cellHandles, 0);
  }

  /** Updates the parameters with a gradient, all or nothing; returns those whose state was not all there before. */
  step(): readonly Slot<O>[] {
    for (;;) {
      for (let i = 0; i < this.#cohorts.length; ++i)
        if (this.#cohorts[i]!.isActive) this.#prepare(this.#cohorts[i]!);
      const rows = this.#rule.rows.length;
      if (native.applyTraces(rows, this.#records, this.#scalars, this.#expected)) break;
      this.#divide();
    }
    let grown = noSlots as readonly Slot<O>[];
    for (let i = 0; i < this.#cohorts.length; ++i) {
      const cohort = this.#cohorts[i]!;
      if (!cohort.isActive) continue;
      const isNew = this.#keepNumbers(cohort);
      if (cohort.isSettled) continue;
      const some = cohort.slots.filter((slot) => slot.settle());
      cohort.isSettled = some.length === 0;
      grown = grown.concat(isNew ? cohort.slots : some);
    }
    return grown;
  }

  #layOut(cohorts: readonly Cohort<O>[]): void {
    const { length } = this.#rule.rows;
    const slots = cohorts.flatMap((cohort) => cohort.slots);
    this.#cohorts = cohorts;
    this.#records = new Uint32Array(slots.length * (3 + length));
    this.#expected = new Uint8Array(slots.length);
    this.#scalars = new Float64Array(0);
    slots.forEach(({ param, cells }, i) => {
      const handles = [param, ...cells].map((tensor) =>
        tensor === undefined ? 0 : handleOf(tensor, this.#who),
      );
      this.#records.set(handles, i * (3 + length) + 2);
    });
    let first = 0;
    cohorts.forEach((cohort, index) => {
      Object.assign(cohort, { index, first, isSettled: false });
      this.#expected.fill(Number(cohort.isActive), first, (first += cohort.slots.length));
    });
    this.#cells = slots.flatMap(({ cells }) => cells.filter((cell) => cell !== undefined));
    this.#cellHandles = Uint32Array.from(this.#cells, (cell) => handleOf(cell, this.#who));
  }

  /** Native code has found out which parameters have gradients. */
  #divide(): void {
    const cohorts = this.#cohorts.flatMap((cohort) => {
      const isThere = (_: Slot<O>, i: number) => this.#expected[cohort.first + i] === 1;
      const there = cohort.slots.filter(isThere);
      if (there.length === 0 || there.length === cohort.slots.length) {
        cohort.isActive = there.length > 0;
        return [cohort];
      }
      const rest = cohort.slots.filter((slot, i) => !isThere(slot, i));
      return [there, rest].map((slots) => {
        const part = new Cohort(cohort.group, slots);
        part.isActive = slots === there;
        return part;
      });
    });
    if (cohorts.length > this.#cohorts.length) this.#layOut(cohorts);
  }

  /** Computes a cohort's numbers, scalars and flags, and sees to its traces. */
  #prepare(cohort: Cohort<O>): void {
    const { group, numbers, next } = cohort;
    const { numberRows } = this.#rule;
    const isNew = cohort.slots[0]!.numbers === undefined;
    next.step = Math.fround(numbers.step + 1);
    for (let i = 0; i < numberRows.length; ++i) {
      const [name, row] = numberRows[i]!;
      if (isNew) numbers[name] = keptNumber(row, row.begin(group));
      next[name] = keptNumber(row, row.next(group, next, numbers[name]!));
    }
    const flags = this.#rule.flags?.(group, next, numbers) ?? noFlags;
    this.#writeScalars(cohort, this.#rule.scalars(group, next, numbers));
    const packed = packedFlags(flags);
    if (packed !== cohort.flags) cohort.isSettled = false;
    cohort.flags = packed;
    if (!cohort.isSettled) this.#findTraces(cohort, flags);
  }

  #writeScalars({ index }: Cohort<O>, scalars: Readonly<Record<string, number>>): void {
    const names = this.#traces.scalarNames(scalars);
    const { length } = names;
    if (this.#scalars.length === 0) this.#scalars = new Float64Array(this.#cohorts.length * length);
    for (let i = 0; i < length; ++i) {
      const value: unknown = scalars[names[i]!];
      if (typeof value !== "number")
        throw ruleError(
          `${this.#who}: scalars must return the same numbers at every step, but ${names[i]} is ${describe(value)}`,
        );
      this.#scalars[index * length + i] = value;
    }
  }

  #findTraces({ group, slots, first, index }: Cohort<O>, flags: Readonly<Flags>): void {
    const { rows } = this.#rule;
    const width = this.#scalars.length / this.#cohorts.length;
    slots.forEach((slot, i) => {
      const record = (first + i) * (3 + rows.length);
      noGrad(() => {
        slot.begin(group);
      });
      slot.trace = this.#traces.of(this.#who, slot, flags);
      this.#records[record] = slot.trace.id;
      this.#records[record + 1] = index * width;
    });
  }

  /** The step has succeeded. Returns whether there were no numbers before. */
  #keepNumbers({ slots, numbers, next }: Cohort<O>): boolean {
    if (this.#rule.counts !== false) numbers.step = next.step;
    for (const [name] of this.#rule.numberRows) numbers[name] = next[name]!;
    if (slots[0]!.numbers !== undefined) return false;
    for (const slot of slots) slot.numbers = numbers;
    return true;
  }
}

/** All flags in one number. */
function packedFlags(flags: Readonly<Flags>): number {
  let packed = 1;
  for (const name in flags) if (Object.hasOwn(flags, name)) packed = packed * 128 + Number(flags[name]);
  return packed;
}
