import type { Tensor } from "../../tensor.js";

/**
 * The weights of the four neighbours of a place, which is `t` behind the second, in cubic convolution with a = -0.75 (Keys,
 * 1981).
 */
export function cubicWeights(t: Tensor): [Tensor, Tensor, Tensor, Tensor] {
  const a = -0.75;
  // ((a + 2) x - (a + 3)) x**2 + 1 up to a distance x of 1, ((a x - 5a) x + 8a) x - 4a from there to 2.
  const near = (x: Tensor) =>
    x
      .mul(a + 2)
      .sub(a + 3)
      .mul(x)
      .mul(x)
      .add(1);
  const far = (x: Tensor) =>
    x
      .mul(a)
      .sub(5 * a)
      .mul(x)
      .add(8 * a)
      .mul(x)
      .sub(4 * a);
  const rest = t.rsub(1);
  return [far(t.add(1)), near(t), near(rest), far(rest.add(1))];
}
