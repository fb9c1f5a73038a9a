import { expect } from "vitest";
import { autograd, tensor, type Tensor } from "../../lib/index.js";
import { expectClose, randomSource } from "./reference.js";

const weights = (like: Tensor, seed: number): Tensor => {
  const random = randomSource(seed);
  const values = Array.from({ length: like.numel() }, () => 2 * random() - 1);
  return tensor(values, { dtype: "float64" }).reshape(like.shape);
};
const moved = (x: Tensor, direction: Tensor, step: number): Tensor =>
  x.detach().add(direction, { alpha: step }).requiresGrad_();

/** Gradients of a weighted sum of what `f` gives; `create` records their history. */
function gradients(f: (...inputs: Tensor[]) => Tensor, inputs: readonly Tensor[], create = false): Tensor[] {
  const out = f(...inputs);
  const found = autograd.grad(out.mul(weights(out, 1)).sum(), inputs, { createGraph: create });
  return found.map((gradient) => gradient!);
}

/**
 * Compares gradients of float64 inputs, and gradients of gradients, with differences along random directions. `f` must be
 * smooth there.
 */
export function expectGradients(
  f: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  tolerance = 1e-6,
): void {
  const step = 1e-5;
  const leaves = inputs.map((input) => input.detach().requiresGrad_());
  const directions = leaves.map((leaf, i) => weights(leaf, 10 + i));
  const along = (values: readonly Tensor[]): Tensor =>
    values.map((value, i) => value.mul(directions[i]!).sum()).reduce((a, b) => a.add(b));
  const at = (sign: number) => leaves.map((leaf, i) => moved(leaf, directions[i]!, sign * step));

  const value = (all: readonly Tensor[]) => {
    const out = f(...all);
    return out.mul(weights(out, 1)).sum().item();
  };
  const slope = (value(at(1)) - value(at(-1))) / (2 * step);
  expectClose([along(gradients(f, leaves)).item()], [slope], tolerance, tolerance, "gradient");

  const first = gradients(f, leaves, true);
  const sum = along(first);
  expect(first.map(({ shape }) => shape)).toEqual(leaves.map(({ shape }) => shape));
  const second = sum.requiresGrad
    ? autograd.grad(sum, leaves, { allowUnused: true })
    : leaves.map(() => null);
  const [after, before] = [gradients(f, at(1)), gradients(f, at(-1))];
  // The second derivative in the directions is symmetric: one product with it says all of it along them.
  const bend = (along(after).item() - along(before).item()) / (2 * step);
  const product = along(second.map((gradient, i) => gradient ?? leaves[i]!.mul(0))).item();
  expectClose([product], [bend], tolerance * 10, tolerance * 10, "gradient of the gradient");
}
