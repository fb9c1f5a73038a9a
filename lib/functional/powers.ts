import type { Tensor } from "../tensor.js";

/** The powers from 0 on of each element, in a last dimension. */
export function powersOf(vectors: Tensor, count: number): Tensor {
  const { shape } = vectors;
  const powers = vectors
    .unsqueeze(-1)
    .expand([...shape, Math.max(count - 1, 0)])
    .cumprod(-1);
  return count === 0 ? powers : powers.pad([1, 0], { value: 1 });
}
