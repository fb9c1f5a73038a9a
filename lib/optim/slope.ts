import type { OpaqueScalar } from "../opaque.js";
import type { Tensor } from "../tensor.js";

/** The options of nearly every rule that its update's gradient depends on. */
export interface SlopeOptions {
  weightDecay: number;
  maximize: boolean;
}

/** The flags that {@link slope} needs. */
export const slopeFlags = ({ weightDecay, maximize }: SlopeOptions) => ({
  decays: weightDecay !== 0,
  maximize,
});

/** The slope to go down: the gradient, turned round to ascend, with that of an L2 penalty. */
export function slope(
  { param, grad }: { param: Tensor; grad: Tensor },
  weightDecay: OpaqueScalar,
  { decays, maximize }: { decays: boolean; maximize: boolean },
): Tensor {
  const g = maximize ? grad.neg() : grad;
  return decays ? g.add(param.mul(weightDecay)) : g;
}
