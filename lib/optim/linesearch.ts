// The strong Wolfe line search of PyTorch, which comes from minFunc (Mark Schmidt, 2005): bracket, then zoom by
// cubic interpolation (Nocedal and Wright, "Numerical Optimization", algorithms 3.5 and 3.6). It knows numbers only:
// of a trial point it needs the loss, and the slope along the direction.

/** A trial point of a line search. */
export interface Trial {
  /** How far along the direction. */
  readonly t: number;
  /** The loss there. */
  readonly f: number;
  /** The derivative of the loss along the direction. */
  readonly slope: number;
}

/** The limits of a line search. */
export interface WolfeLimits<P> {
  /** How many more evaluations there may be, beside the first. */
  readonly maxEvaluations: number;
  /** The search ends where no component of the direction times the bracket's length is larger. */
  readonly toleranceChange: number;
  /** The largest component of the direction, which comes with a trial. */
  sizeOf(trial: P): number;
}

/** Armijo's constant: the decrease that is asked of a step, as a part of what the slope promises. */
const sufficientDecrease = 1e-4;
/** The curvature constant: by how much the slope must have flattened. */
const curvature = 0.9;

/**
 * Searches along a direction for a step that satisfies the strong Wolfe conditions.
 *
 * Unlike in PyTorch, a trial where the loss or the slope is not finite counts as a step too long.
 *
 * @returns the best trial, which is `start` where nothing better was found, and the number of evaluations
 */
export function strongWolfe<P extends Trial>(
  start: P,
  first: number,
  evaluate: (t: number) => P,
  limits: WolfeLimits<P>,
): { best: P; evaluations: number } {
  let evaluations = 1;
  let trial = evaluate(first);
  const size = limits.sizeOf(trial);
  const failsArmijo = ({ t, f }: Trial) => !(f <= start.f + sufficientDecrease * t * start.slope);
  const isFlat = ({ slope }: Trial) => Math.abs(slope) <= -curvature * start.slope;
  const next = (t: number) => {
    evaluations++;
    return evaluate(t);
  };

  let previous = start;
  let bracket: [P, P] | undefined;
  while (bracket === undefined && evaluations - 1 < limits.maxEvaluations) {
    // PyTorch compares with the trial before only from the third on.
    if (!isFinite(trial) || failsArmijo(trial) || (evaluations > 2 && trial.f >= previous.f)) {
      bracket = [previous, trial];
    } else if (isFlat(trial)) {
      return { best: trial, evaluations };
    } else if (trial.slope >= 0) {
      bracket = [previous, trial];
    } else {
      const bounds: [number, number] = [trial.t + 0.01 * (trial.t - previous.t), trial.t * 10];
      const t = cubicMinimum(previous, trial, bounds);
      previous = trial;
      trial = next(t);
    }
  }
  bracket ??= [start, trial];

  let isStuck = false;
  let low = isLower(bracket[1], bracket[0]) ? 1 : 0;
  while (evaluations - 1 < limits.maxEvaluations) {
    const [a, b] = bracket;
    if (Math.abs(b.t - a.t) * size < limits.toleranceChange) break;
    let t = cubicMinimum(a, b);
    // A step next to an end of the bracket makes insufficient progress: the second time, move it inwards.
    const [left, right] = [Math.min(a.t, b.t), Math.max(a.t, b.t)];
    const margin = 0.1 * (right - left);
    if (Math.min(right - t, t - left) < margin) {
      if (isStuck || t >= right || t <= left) {
        t = Math.abs(t - right) < Math.abs(t - left) ? right - margin : left + margin;
        isStuck = false;
      } else {
        isStuck = true;
      }
    } else {
      isStuck = false;
    }
    trial = next(t);
    const high = 1 - low;
    if (!isFinite(trial) || failsArmijo(trial) || trial.f >= bracket[low]!.f) {
      bracket[high] = trial;
      low = isLower(bracket[1], bracket[0]) ? 1 : 0;
    } else {
      if (isFlat(trial)) return { best: trial, evaluations };
      if (trial.slope * (bracket[high]!.t - bracket[low]!.t) >= 0) bracket[high] = bracket[low]!;
      bracket[low] = trial;
    }
  }
  return { best: bracket[low]!, evaluations };
}

/** The minimum of the cubic through two points with slopes, kept within bounds; their middle where there is none. */
export function cubicMinimum(p: Trial, q: Trial, bounds?: readonly [number, number]): number {
  const [least, most] = bounds ?? (p.t <= q.t ? [p.t, q.t] : [q.t, p.t]);
  const d1 = p.slope + q.slope - (3 * (p.f - q.f)) / (p.t - q.t);
  const square = d1 * d1 - p.slope * q.slope;
  if (square >= 0) {
    const d2 = Math.sqrt(square);
    const t =
      p.t <= q.t
        ? q.t - (q.t - p.t) * ((q.slope + d2 - d1) / (q.slope - p.slope + 2 * d2))
        : p.t - (p.t - q.t) * ((p.slope + d2 - d1) / (p.slope - q.slope + 2 * d2));
    if (!Number.isNaN(t)) return Math.min(Math.max(t, least), most);
  }
  return (least + most) / 2;
}

function isFinite({ f, slope }: Trial): boolean {
  return Number.isFinite(f) && Number.isFinite(slope);
}

/** Whether `p` is the lower of two ends; one that is not finite never is. */
function isLower(p: Trial, q: Trial): boolean {
  return isFinite(p) && !(q.f <= p.f);
}
