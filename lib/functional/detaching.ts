import { enableGrad } from "../gradients.js";
import { rebind, type Tensor } from "../tensor.js";

/** Lets go of its history: a leaf no longer requires gradients. */
export function detach_(x: Tensor): Tensor {
  if (x.isLeaf) return x.requiresGrad_(false);
  return enableGrad(() => rebind("detach_", x, x.detach()));
}
