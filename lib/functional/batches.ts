import { native } from "../native.js";
import { create, handleOf, type Tensor } from "../tensor.js";

/**
 * All examples of the batches that vmap is at work on, as one tensor, of which they are the first dimensions; elsewhere the
 * tensor itself. For what is decided about all of them together, such as whether one is out of range.
 */
export function wholeBatch(x: Tensor): Tensor {
  const handle = handleOf(x, "vmap");
  return native.countLevels(handle) === 0 ? x : create((out) => native.wholeBatch(out, handle));
}
