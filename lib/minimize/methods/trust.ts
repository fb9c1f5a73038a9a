import { finite, option } from "../../optim/checks.js";
import { ending, type Outcome } from "../outcome.js";
import { type Asking, gradientAt, hessianAt, iterated, productAt, type Vector } from "../questions.js";
import { along, applied, dot, eigen, isFiniteVector, length, times } from "../vectors.js";
import { tolerance } from "./bfgs.js";

/** Options of the methods that trust a quadratic model within a radius. */
export interface TrustOptions {
  /** It has converged where the gradient is shorter than this; 1e-4 by default. */
  gtol: number;
  /** The first radius; 1 by default. */
  initialTrustRadius: number;
  /** The largest radius; 1000 by default. */
  maxTrustRadius: number;
  /** How much of the decrease that the model predicts a step must bring; 0.15 by default. */
  eta: number;
}

export const trustRows = {
  gtol: option<number>(1e-4, tolerance),
  initialTrustRadius: option<number>(1, finite("the initial trust radius must be positive", { above: 0 })),
  maxTrustRadius: option<number>(1000, finite("the max trust radius must be positive", { above: 0 })),
  eta: option<number>(0.15, finite("invalid acceptance stringency", { min: 0, below: 0.25 })),
};

/** A step within a radius, the decrease that the model predicts, and whether it ends at the radius. */
interface Proposal {
  readonly step: Vector;
  readonly predicted: number;
  readonly isAtBoundary: boolean;
}

/** What a model knows of a point. */
type Propose = (grad: Vector, radius: number) => Asking<Proposal>;

/** Nocedal and Wright, "Numerical Optimization", algorithm 4.1, with SciPy's numbers. */
function* trusting(
  x0: Vector,
  { gtol, initialTrustRadius, maxTrustRadius, eta }: TrustOptions,
  modelAt: (x: Vector) => Asking<Propose>,
): Asking<Outcome> {
  let at: { x: Vector; fun: number; grad: Vector } = { x: x0, ...(yield* gradientAt(x0)) };
  if (!Number.isFinite(at.fun) || !isFiniteVector(at.grad)) return ending(at, "nonFinite");
  if (length(at.grad) < gtol) return ending(at, "converged");
  let radius = Math.min(initialTrustRadius, maxTrustRadius);
  let propose = yield* modelAt(at.x);
  for (;;) {
    const { step, predicted, isAtBoundary } = yield* propose(at.grad, radius);
    if (!(predicted > 0)) return ending(at, "badModel");
    const x = along(at.x, step, 1);
    const { fun, grad } = yield* gradientAt(x);
    const ratio = (at.fun - fun) / predicted;
    // A value that is not finite is no decrease.
    if (!(ratio >= 0.25)) radius *= 0.25;
    else if (ratio > 0.75 && isAtBoundary) radius = Math.min(2 * radius, maxTrustRadius);
    if (ratio > eta && isFiniteVector(grad)) {
      at = { x, fun, grad };
      if (length(grad) < gtol) {
        yield* iterated(at);
        return ending(at, "converged");
      }
      propose = yield* modelAt(x);
    } else if (radius <= Number.EPSILON * Math.max(length(at.x), Number.MIN_VALUE)) {
      return ending(at, "lineSearchFailed");
    }
    yield* iterated(at);
  }
}

/** Where the line z + t d leaves the sphere of a radius: both distances, the smaller first. */
function boundaries(z: Vector, d: Vector, radius: number): [number, number] {
  const [a, b, c] = [dot(d, d), 2 * dot(z, d), dot(z, z) - radius ** 2];
  const root = Math.sqrt(Math.max(0, b * b - 4 * a * c));
  const q = b + (b < 0 ? -root : root);
  const [one, other] = [-q / (2 * a), (-2 * c) / q];
  return one < other ? [one, other] : [other, one];
}

/** Newton's method within a radius, by the conjugate gradients of Steihaug: of the Hessian it needs products alone. */
export function trustNcg(x0: Vector, options: TrustOptions): Asking<Outcome> {
  return trusting(x0, options, function* (x) {
    return (grad, radius) => steihaug(x, grad, radius);
  });
}

function* steihaug(x: Vector, grad: Vector, radius: number): Asking<Proposal> {
  const size = length(grad);
  const enough = Math.min(0.5, Math.sqrt(size)) * size;
  let z: Vector = new Float64Array(x.length);
  // The Hessian times z, which the products of the directions add up to.
  let product: Vector = new Float64Array(x.length);
  let rest = grad;
  let d = times(grad, -1);
  const proposal = (step: Vector, applied: Vector, isAtBoundary: boolean): Proposal => ({
    step,
    predicted: -(dot(grad, step) + 0.5 * dot(step, applied)),
    isAtBoundary,
  });
  for (;;) {
    const hd = yield* productAt(x, d);
    const curvature = dot(d, hd);
    const ends = () => boundaries(z, d, radius);
    const until = (t: number) => proposal(along(z, d, t), along(product, hd, t), true);
    if (!(curvature > 0)) {
      const [one, other] = ends().map(until) as [Proposal, Proposal];
      return one.predicted > other.predicted ? one : other;
    }
    const squared = dot(rest, rest);
    const t = squared / curvature;
    const next = along(z, d, t);
    if (length(next) >= radius) return until(ends()[1]);
    z = next;
    product = along(product, hd, t);
    rest = along(rest, hd, t);
    const nextSquared = dot(rest, rest);
    if (Math.sqrt(nextSquared) < enough) return proposal(z, product, false);
    d = along(times(rest, -1), d, nextSquared / squared);
  }
}

/**
 * Newton's method within a radius, each step the exact minimum of the model there (Moré and Sorensen, "Computing a Trust
 * Region Step", SIAM Journal on Scientific and Statistical Computing 4, 1983), from the Hessian's eigenvalues.
 */
export function trustExact(x0: Vector, options: TrustOptions): Asking<Outcome> {
  return trusting(x0, options, function* (x) {
    const hessian = yield* hessianAt(x);
    const { values, vectors } = eigen(hessian, x.length);

    return function* (grad, radius) {
      return nearest(hessian, values, vectors, grad, radius);
    };
  });
}

function nearest(
  hessian: Float64Array,
  values: Vector,
  vectors: readonly Vector[],
  grad: Vector,
  radius: number,
): Proposal {
  const parts = Float64Array.from(vectors, (vector) => dot(vector, grad));
  const least = values.reduce((a, b) => Math.min(a, b));
  const stepFor = (shift: number) => {
    const step = new Float64Array(grad.length);
    parts.forEach((part, i) => {
      if (part === 0) return;
      const factor = -part / (values[i]! + shift);
      vectors[i]!.forEach((value, k) => (step[k]! += factor * value));
    });
    return step;
  };
  const proposal = (step: Vector, isAtBoundary: boolean): Proposal => ({
    step,
    predicted: -(dot(grad, step) + 0.5 * dot(step, applied(hessian, step))),
    isAtBoundary,
  });
  if (least > 0) {
    const newton = stepFor(0);
    if (length(newton) <= radius) return proposal(newton, false);
  }
  // The shift at which the step reaches the radius: its length falls as the shift grows.
  const floor = Math.max(0, -least);
  let [low, high] = [floor, floor + length(grad) / radius];
  const edge = floor + 1e-14 * Math.max(1, Math.abs(least), high);
  const shortest = stepFor(edge);
  if (least <= 0 && length(shortest) < radius) {
    // The hard case: along the eigenvector of the least eigenvalue as far as the radius.
    const lowest = vectors[values.indexOf(least)]!;
    const [, t] = boundaries(shortest, lowest, radius);
    return proposal(along(shortest, lowest, t), true);
  }
  for (let i = 0; i < 200 && high - low > 1e-15 * high; ++i) {
    const middle = (low + high) / 2;
    if (length(stepFor(middle)) > radius) low = middle;
    else high = middle;
  }
  return proposal(stepFor(high), true);
}
