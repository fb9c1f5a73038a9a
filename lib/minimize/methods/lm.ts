import { dampedToRadius, type Factors, factored } from "../dense.js";
import { type Asking, iterated, jacobianAt, residualsAt, type Vector } from "../questions.js";
import { along, isFiniteVector, length, product, times } from "../vectors.js";
import type { Status } from "../outcome.js";

/** Options of "lm". */
export interface LmOptions {
  /** It has converged where both the decrease of the cost and what is predicted are less than this part of it. */
  readonly ftol: number;
  /** And where a step is shorter than this part of the point, scaled. */
  readonly xtol: number;
  /** And where the residuals are this close to being orthogonal to the Jacobian's columns. */
  readonly gtol: number;
  /** What a step's elements are measured by: the Jacobian's columns ("jac"), or numbers. */
  readonly scale: "jac" | Vector;
}

/** The end of a least squares method. */
export interface SquaresOutcome {
  readonly x: Vector;
  readonly residuals: Vector;
  readonly jacobian: Float64Array;
  readonly status: Status;
  readonly message: string;
}

/** SciPy's sentences. */
export const squaresSentences = {
  gtol: "`gtol` termination condition is satisfied.",
  ftol: "`ftol` termination condition is satisfied.",
  xtol: "`xtol` termination condition is satisfied.",
  both: "Both `ftol` and `xtol` termination conditions are satisfied.",
  limit: "No further decrease can be had in this precision.",
};

/**
 * Levenberg and Marquardt's method in the form of Moré, "The Levenberg-Marquardt algorithm: implementation and theory",
 * Lecture Notes in Mathematics 630, 1978; MINPACK's lmder, with its numbers.
 */
export function* lm(x0: Vector, { ftol, xtol, gtol, scale: given }: LmOptions): Asking<SquaresOutcome> {
  const n = x0.length;
  let x = x0;
  let { residuals, jacobian } = yield* jacobianAt(x);
  let size = length(residuals);
  let par = 0;
  let radius = 0;
  let scale = given === "jac" ? new Float64Array(n) : times(given, 1);
  const ended = (status: Status, message: string): SquaresOutcome => ({
    x,
    residuals,
    jacobian,
    status,
    message,
  });
  const isFinite = () => Number.isFinite(size) && isFiniteVector(jacobian);
  if (!isFinite()) return ended("nonFinite", "Residuals are not finite in the initial point.");
  for (let iteration = 1; ; ++iteration) {
    const factors = factored(jacobian, residuals, n);
    if (given === "jac")
      scale = scale.map((value, j) => Math.max(value, factors.norms[j]! || (iteration === 1 ? 1 : 0)));
    const scaled = (v: Vector) => product(scale, v);
    if (iteration === 1) radius = 100 * length(scaled(x)) || 100;
    const cosine = largestCosine(factors, size);
    if (cosine <= gtol) return ended("converged", squaresSentences.gtol);
    for (;;) {
      const found = dampedToRadius(factors, scale, radius, par);
      par = found.par;
      const step = times(found.x, -1);
      const stepSize = length(scaled(step));
      if (iteration === 1) radius = Math.min(radius, stepSize);
      const trial = along(x, step, 1);
      const trialResiduals = yield* residualsAt(trial);
      const trialSize = length(trialResiduals);
      // A size that is not finite is no decrease.
      const actual = 0.1 * trialSize < size ? 1 - (trialSize / size) ** 2 : -1;
      const linear = length(rTimes(factors, step)) / size;
      const damping = (Math.sqrt(par) * stepSize) / size;
      const predicted = linear ** 2 + 2 * damping ** 2;
      const slope = -(linear ** 2 + damping ** 2);
      const ratio = predicted === 0 ? 0 : actual / predicted;
      if (ratio <= 0.25) {
        let factor = actual >= 0 ? 0.5 : (0.5 * slope) / (slope + 0.5 * actual);
        if (!(0.1 * trialSize < size) || factor < 0.1) factor = 0.1;
        radius = factor * Math.min(radius, stepSize / 0.1);
        par /= factor;
      } else if (par === 0 || ratio >= 0.75) {
        radius = stepSize / 0.5;
        par *= 0.5;
      }
      const isTaken = ratio >= 1e-4;
      if (isTaken) {
        x = trial;
        ({ residuals, jacobian } = yield* jacobianAt(x));
        size = length(residuals);
        if (!isFinite()) return ended("nonFinite", "The Jacobian is not finite.");
        yield* iterated({ x, fun: size ** 2 / 2 });
      }
      const xSize = length(scaled(x));
      const isFlat = (bound: number) => Math.abs(actual) <= bound && predicted <= bound && 0.5 * ratio <= 1;
      const [byF, byX] = [isFlat(ftol), radius <= xtol * xSize];
      if (byF || byX)
        return ended(
          "converged",
          byF && byX ? squaresSentences.both : byF ? squaresSentences.ftol : squaresSentences.xtol,
        );
      const isLimit = isFlat(Number.EPSILON) || radius <= Number.EPSILON * xSize || cosine <= Number.EPSILON;
      if (size === 0) return ended("converged", squaresSentences.gtol);
      if (isLimit) return ended("converged", squaresSentences.limit);
      if (isTaken) break;
    }
  }
}

/** The largest cosine of the angles between the residuals and the Jacobian's columns. */
function largestCosine({ r, qtb, columns, norms }: Factors, size: number): number {
  const n = qtb.length;
  if (size === 0) return 0;
  return columns.reduce((most, column, j) => {
    const norm = norms[column]!;
    if (norm === 0) return most;
    let sum = 0;
    for (let i = 0; i <= j; ++i) sum += r[i * n + j]! * (qtb[i]! / size);
    return Math.max(most, Math.abs(sum / norm));
  }, 0);
}

/** R P^T v */
function rTimes({ r, columns }: Factors, v: Vector): Vector {
  const n = v.length;
  const result = new Float64Array(n);
  for (let i = 0; i < n; ++i) for (let j = i; j < n; ++j) result[i]! += r[i * n + j]! * v[columns[j]!]!;
  return result;
}
