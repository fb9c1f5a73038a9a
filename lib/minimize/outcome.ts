import type { Vector } from "./questions.js";

/**
 * How a minimisation ended. The method's own rules say `"converged"`, `"lineSearchFailed"` (no lower point along a direction
 * of descent: often the limit of precision), `"badModel"` (the quadratic model of a trust region predicts no decrease),
 * `"noBracket"` (along a line, no point between two higher ones), `"noProgress"` (towards a root), `"infeasible"` (no
 * point near by meets all constraints); who runs it says the others.
 */
export type Status =
  | "converged"
  | "lineSearchFailed"
  | "badModel"
  | "noBracket"
  | "noProgress"
  | "infeasible"
  | "nonFinite"
  | "maxIterations"
  | "maxEvaluations"
  | "timeLimit"
  | "stopped"
  | "aborted";

/** Where a method ends by its own rules. */
export interface Outcome {
  readonly x: Vector;
  readonly fun: number;
  readonly grad?: Vector;
  readonly hess?: Float64Array;
  readonly status: Status;
  readonly message: string;
}

/** A sentence for each of the endings that are the same for all methods. */
export const sentences: Readonly<Record<Status, string>> = {
  converged: "Optimization terminated successfully.",
  lineSearchFailed: "Desired error not necessarily achieved due to precision loss.",
  badModel: "A bad approximation caused failure to predict improvement.",
  noBracket:
    "No three points were found of which the middle one is the lowest; try another bracket, the function may have no minimum.",
  infeasible: "Inequality constraints incompatible: no point near by meets all constraints.",
  noProgress: "The iteration is not making good progress.",
  nonFinite: "The function or its gradient is NaN or infinite where a finite value is needed.",
  maxIterations: "Maximum number of iterations has been exceeded.",
  maxEvaluations: "Maximum number of function evaluations has been exceeded.",
  timeLimit: "The time limit has been reached.",
  stopped: "onIteration has stopped it.",
  aborted: "The signal has aborted it.",
};

/** The ending of a method at a point. */
export function ending(
  at: { readonly x: Vector; readonly fun: number; readonly grad?: Vector },
  status: Status,
  message = sentences[status],
): Outcome {
  const { x, fun, grad } = at;
  return { x, fun, ...(grad && { grad }), status, message };
}
