import { describe } from "../../options.js";
import { type Check, option, optionError } from "../checks.js";
import { LRScheduler } from "./scheduler.js";

/** A factor for each epoch. */
export type LRLambda = (epoch: number) => number;

/** Options of `LambdaLR` and `MultiplicativeLR`. */
export interface LambdaOptions {
  /** The factor of an epoch, of all groups or a list of one for each; there is no default. It is not saved with the state. */
  lrLambda: LRLambda | LRLambda[];
}

const functions: Check = (what, name, value) => {
  for (const one of [value].flat())
    if (typeof one !== "function")
      throw optionError(
        TypeError,
        `lr_lambda should be a function, but got ${describe(one)} (${what}: ${name})`,
      );
};

/** The row of `lrLambda`. */
export const lambdaRows = { lrLambda: option<LRLambda | LRLambda[]>(undefined as never, functions) };

/** A scheduler that asks functions. */
export abstract class LambdaScheduler extends LRScheduler<LambdaOptions> {
  /** A group's factor at an epoch. */
  protected factor(epoch: number, index: number): number {
    const { lrLambda } = this.options;
    const { length } = this.optimizer.paramGroups;
    if (Array.isArray(lrLambda) && lrLambda.length !== length)
      throw optionError(
        RangeError,
        `Expected ${length} lr_lambdas, but got ${lrLambda.length} (${this.name})`,
      );
    const value: unknown = (Array.isArray(lrLambda) ? lrLambda[index]! : lrLambda)(epoch);
    if (typeof value !== "number")
      throw optionError(
        TypeError,
        `${this.name}: lrLambda must return a number, but at epoch ${epoch} it returned ${describe(value)}`,
      );
    return value;
  }
}
