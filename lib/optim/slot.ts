import { zerosLike } from "../creation.js";
import { tidy } from "../engine.js";
import { native } from "../native.js";
import { handleOf, isTensor, type Tensor } from "../tensor.js";
import { keptNumber, type Rule } from "./definition.js";
import type { ParamState } from "./state.js";
import { has, type Trace } from "./trace.js";

/** The numbers that are kept for parameters. */
export type KeptNumbers = Record<string, number> & { step: number };

/** A parameter, with the tensors and numbers that a rule keeps for it. */
export class Slot<O extends object> {
  /** The tensors that hold its state, by row, of those rows that options have needed so far. */
  readonly cells: (Tensor | undefined)[] = [];
  /** Rows, a bit each: those that are part of the state, that the options need, and that the update finds. */
  present = 0;
  needed = 0;
  inputs = 0;
  /** Its numbers, which it shares with others; undefined before the first update. */
  numbers: KeptNumbers | undefined;
  /** Its entry in the optimizer's `state`. */
  entry: ParamState | undefined;
  trace: Trace | undefined;

  constructor(
    readonly param: Tensor,
    private readonly rule: Rule<O>,
  ) {}

  /** The rows that the options need. */
  rowsFor(options: O): number {
    const { rows } = this.rule;
    let needed = 0;
    for (let i = 0; i < rows.length; ++i)
      if (rows[i]![1].when?.(options, this.param) !== false) needed |= 1 << i;
    return needed;
  }

  /** Makes the tensors for the rows that the options need, so that they exist before any step. */
  need(options: O): void {
    this.needed = this.rowsFor(options);
    this.rule.rows.forEach((_, i) => {
      if (has(this.needed, i)) this.cells[i] ??= zerosLike(this.param);
    });
  }

  /** Fills the tensors that an update needs and that are not part of the state yet. */
  begin(options: O): void {
    this.inputs = this.needed & this.present;
    this.rule.rows.forEach(([name, row], i) => {
      if (row.begin === undefined || !has(this.needed & ~this.present, i)) return;
      tidy(() => {
        this.#fill(i, row.begin!(this.param, options), `begin of ${name}`);
      });
      this.inputs |= 1 << i;
    });
  }

  /** Adds the rows that an update has found or made to the state; returns whether it was not all there before. */
  settle(): boolean {
    const before = this.present;
    this.present |= this.inputs | this.trace!.writes;
    return this.present !== before;
  }

  /** Makes it all part of the state before the first update. */
  beginEagerly(options: O): void {
    this.begin(options);
    this.present = this.inputs;
    this.numbers = this.#numbersFrom({}, options);
  }

  /** Takes over a state that came from elsewhere, or none. */
  adopt(state: ParamState | undefined, options: O): void {
    this.present = 0;
    this.numbers = state && this.#numbersFrom(state, options);
    this.entry = undefined;
    this.rule.rows.forEach(([name], i) => {
      const value = state?.[name];
      if (!isTensor(value)) return;
      this.cells[i] ??= zerosLike(this.param);
      this.#fill(i, value, name);
      this.present |= 1 << i;
    });
  }

  /** The entry for `state` from now on; its numbers are always those of the moment. */
  show(): ParamState | undefined {
    const { rows, numberRows, counts = true } = this.rule;
    const entry: ParamState = {};
    for (const name of [...(counts ? ["step"] : []), ...numberRows.map(([row]) => row)])
      Object.defineProperty(entry, name, { enumerable: true, get: () => this.numbers![name] });
    rows.forEach(([name], i) => {
      if (has(this.present, i))
        Object.defineProperty(entry, name, { enumerable: true, value: this.cells[i] });
    });
    this.entry = Object.keys(entry).length > 0 ? entry : undefined;
    return this.entry;
  }

  #fill(row: number, value: Tensor, what: string): void {
    native.replace(handleOf(this.cells[row], what), handleOf(value, what));
  }

  /** `step` and the numbers in a state, as they begin where it does not have them. */
  #numbersFrom(state: ParamState, options: O): KeptNumbers {
    const numbers: KeptNumbers = { step: (state["step"] as number | undefined) ?? 0 };
    for (const [name, row] of this.rule.numberRows)
      numbers[name] = (state[name] as number | undefined) ?? keptNumber(row, row.begin(options));
    return numbers;
  }
}
