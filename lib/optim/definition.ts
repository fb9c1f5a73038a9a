import type { OpaqueScalar } from "../opaque.js";
import type { Tensor } from "../tensor.js";
import type { OptionRows } from "./checks.js";
import type { Definition } from "./optimizer.js";

// A rule is an optimizer's update as its paper writes it: `scalars` computes the step's numbers in double, `update`
// says with tensors what becomes of a parameter and its state. `scalars` and `flags` run at every step. `update` is
// recorded once and repeated by native code, for all parameters in one call: it gets the scalars as opaque values to
// hand to methods of tensors, and can neither read a tensor nor change one in place. A difference between
// steps that is more than a number is a flag.

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

/** A number that a rule keeps for each parameter, in float32 as PyTorch does, or in double. */
export interface NumberRow<O> {
  /** Whether it is kept in double. */
  readonly isDouble?: boolean;
  /** Its value before the first step. */
  begin(options: O): number;
  /** The next value; `now` holds this step's `step` and the numbers of the rows before. */
  next(options: O, now: Numbers, previous: number): number;
}

/** A number as its row keeps it. */
export function keptNumber<O>({ isDouble }: NumberRow<O>, value: number): number {
  return isDouble === true ? value : Math.fround(value);
}

/** The numbers kept for a parameter, and `step`, the number of updates including this one. */
export type Numbers = Readonly<Record<string, number>> & { readonly step: number };

/** What selects what an update does. */
export type Flags = Record<string, boolean | number>;

export type Rows<O> = Record<string, StateRow<O>>;

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
  F extends Flags,
> extends Omit<Definition<O>, "options"> {
  /** Every option, with its default and its check; none where they are left out. */
  readonly options?: OptionRows<O>;
  /** The tensors kept for each parameter, in the order of PyTorch's state dict; none where they are left out. */
  readonly state?: S;
  /** The numbers kept for each parameter, beside `step`. */
  readonly numbers?: Record<string, NumberRow<O>>;
  /** False where `step` is not part of the saved state. */
  readonly counts?: boolean;
  /** True where a parameter's state is made when the parameter is added, rather than at its first update. */
  readonly isEager?: boolean;
  /**
   * What selects what `update` does: booleans, or counts from 0 to 127. For each combination of them it is recorded
   * anew.
   */
  flags?(options: O, numbers: Numbers, before: Numbers): F;
  /** The numbers of this step, in double, under the same names every time; `before` are the kept numbers before it. */
  scalars(options: O, numbers: Numbers, before: Numbers): Record<N, number>;
  /**
   * The new parameter and state, of the shapes and dtypes that they had; state that is left out stays. Recorded once
   * for each combination of flags, dtypes, and state that is there. Where it asks for shapes, or does more than
   * arithmetic on elements (a norm, say), it is recorded for each shape.
   */
  update(
    tensors: { param: Tensor; grad: Tensor } & StateTensors<S>,
    scalars: Readonly<Record<N, OpaqueScalar>>,
    flags: Readonly<F>,
  ): { param: Tensor } & { [K in keyof S]?: Tensor | undefined };
}

/** A rule, ready for `RuleOptimizer`. */
export interface Rule<O extends object> extends RuleDefinition<
  O,
  Record<string, { when: () => boolean }>,
  string,
  Flags
> {
  readonly options: OptionRows<O>;
  /** The rows of `state`, listed. */
  readonly rows: readonly (readonly [name: string, row: StateRow<O>])[];
  /** The rows of `numbers`, listed. */
  readonly numberRows: readonly (readonly [name: string, row: NumberRow<O>])[];
}
