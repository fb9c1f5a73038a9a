import type { Vector } from "./questions.js";

/** Losses of squares z: their value, and their first and second derivatives. SciPy's `loss`. */
type Loss = (z: number) => readonly [value: number, first: number, second: number];

/** What residuals may count: squares, or less where they are large. */
export const losses = {
  linear: (z) => [z, 1, 0],
  softL1(z) {
    const t = 1 + z;
    return [2 * (Math.sqrt(t) - 1), t ** -0.5, -0.5 * t ** -1.5];
  },
  huber: (z) => (z <= 1 ? [z, 1, 0] : [2 * Math.sqrt(z) - 1, z ** -0.5, -0.5 * z ** -1.5]),
  cauchy: (z) => [Math.log1p(z), 1 / (1 + z), -1 / (1 + z) ** 2],
  arctan(z) {
    const t = 1 + z * z;
    return [Math.atan(z), 1 / t, (-2 * z) / t ** 2];
  },
} satisfies Record<string, Loss>;

/** The name of a loss. */
export type LossName = keyof typeof losses;

/** Half the loss of all residuals. */
export function costOf(loss: LossName, fScale: number, residuals: Vector): number {
  let sum = 0;
  for (const f of residuals) sum += losses[loss]((f / fScale) ** 2)[0];
  return 0.5 * fScale ** 2 * sum;
}

/**
 * Residuals and a Jacobian whose least squares have the loss's gradient, and about its Hessian: Triggs et al., "Bundle
 * Adjustment - A Modern Synthesis", 1999, section 4.3.
 */
export function weighted(
  loss: LossName,
  fScale: number,
  residuals: Vector,
  jacobian: Float64Array,
): { residuals: Vector; jacobian: Float64Array } {
  if (loss === "linear") return { residuals, jacobian };
  const n = jacobian.length / residuals.length;
  const [f, j] = [residuals.slice(), jacobian.slice()];
  residuals.forEach((value, i) => {
    const [, first, second] = losses[loss]((value / fScale) ** 2);
    const scale = Math.sqrt(Math.max(first + (2 * second * value ** 2) / fScale ** 2, Number.EPSILON));
    f[i]! *= first / scale;
    for (let k = 0; k < n; ++k) j[i * n + k]! *= scale;
  });
  return { residuals: f, jacobian: j };
}
