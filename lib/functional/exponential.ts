import type { Tensor } from "../tensor.js";
import { identities, sizesOf } from "./matrices.js";
import { wholeBatch } from "./batches.js";

const degree = 19;
const most = 2000; // more halvings than any number of a floating dtype needs

/** Scaling and squaring: exp(A) = exp(A / 2**s)**(2**s), with s for each matrix. */
export function exponentialOf(a: Tensor): Tensor {
  if (a.numel() === 0) return a.clone();
  const norm = a.detach().abs().sum(-2).amax(-1);
  const known = norm.isfinite();
  const halvings = known
    .logicalAnd(norm.gt(1))
    .where(known.where(norm, 1).log2().ceil(), 0)
    .reshape([...norm.shape, 1, 1]);
  const rounds = Math.min(Number(wholeBatch(halvings).amax().item()), most);
  // Two factors, since one may be too small a number.
  const half = halvings.div(2).floor();
  const scaled = a.mul(half.neg().exp2()).mul(half.sub(halvings).exp2());
  let result = polynomial(scaled);
  for (let round = 0; round < rounds; ++round) {
    const goesOn = halvings.gt(round);
    // What is not squared must not overflow either.
    const base = goesOn.where(result, 0);
    result = goesOn.where(base.matmul(base), result);
  }
  return result;
}

/** Taylor's polynomial as one of degree 4 in A**4, whose coefficients are polynomials in A (Paterson and Stockmeyer, 1973). */
function polynomial(a: Tensor): Tensor {
  const square = a.matmul(a);
  const cube = square.matmul(a);
  const powers = [identities(a, sizesOf(a)[0]), a, square, cube];
  const fourth = square.matmul(square);
  const inverseFactorials = [1];
  for (let k = 1; k <= degree; ++k) inverseFactorials.push(inverseFactorials[k - 1]! / k);
  const coefficient = (from: number) =>
    powers
      .map((power, k) => power.mul(inverseFactorials[from + k]!))
      .reduce((total, term) => total.add(term));
  let result = coefficient(degree - 3);
  for (let from = degree - 7; from >= 0; from -= 4) result = result.matmul(fourth).add(coefficient(from));
  return result;
}
