import { makeError } from "../../errors.js";
import { named } from "../../functional/history.js";
import { describe } from "../../options.js";
import type { Tensor } from "../../tensor.js";

/** What becomes of the losses of elements: their mean, their sum, or nothing. */
export type Reduction = "mean" | "sum" | "none";

/** Options of every loss. */
export interface LossOptions {
  /** What becomes of the losses of elements; `"mean"` when left out. */
  reduction?: Reduction;
}

export const lossDefaults: Readonly<Required<LossOptions>> = Object.freeze({ reduction: "mean" });

/** Why PyTorch's older words for the reduction are none of ours. */
export const olderWords: Record<string, string> = Object.freeze({
  sizeAverage: 'give reduction: "mean", "sum" or "none"',
  reduce: 'give reduction: "mean", "sum" or "none"',
});

/** A reduction that is one. @throws RangeError (`ERR_VALUE`) with PyTorch's sentence for anything else. */
export function reductionFrom(
  op: string,
  reduction: unknown,
  known: readonly string[] = ["mean", "sum", "none"],
): Reduction {
  if (known.includes(reduction as string)) return reduction as Reduction;
  const given = typeof reduction === "string" ? reduction.slice(0, 40) : describe(reduction);
  throw makeError(
    RangeError,
    `${given} is not a valid value for reduction; ${op}: use ${known.map((word) => `"${word}"`).join(", ")}`,
    { code: "ERR_VALUE", op },
  );
}

/** The losses of elements, reduced; with a label the last step of the history has PyTorch's name. */
export function reduced(losses: Tensor, reduction: Reduction, label?: string): Tensor {
  const result = reduction === "mean" ? losses.mean() : reduction === "sum" ? losses.sum() : losses;
  return label === undefined ? result : named(result, label);
}
