// A method of minimisation is a generator: it asks what it wants to know about a function, and goes on with the answer. It
// knows no tensors, no clocks and no promises. So one text of a method serves a caller who waits, one who does not, and a
// batch, in which the questions of all its rows are answered in one run; and budgets, cancellation and the best point so
// far are the business of whoever answers.

/** A point, or a direction: the elements of all tensors of the problem, one after another. */
export type Vector = Float64Array;

/** What may be asked. Vectors in a question do not change afterwards. */
export type Question =
  | { readonly ask: "value"; readonly x: Vector }
  | { readonly ask: "gradient"; readonly x: Vector }
  | { readonly ask: "product"; readonly x: Vector; readonly v: Vector }
  | { readonly ask: "hessian"; readonly x: Vector }
  | { readonly ask: "constrained"; readonly x: Vector; readonly withGradients: boolean }
  | { readonly ask: "values"; readonly points: readonly Vector[] }
  | { readonly ask: "gradients"; readonly points: readonly Vector[] }
  | { readonly ask: "residuals"; readonly x: Vector }
  | { readonly ask: "jacobian"; readonly x: Vector }
  | { readonly ask: "iterated"; readonly iterate: Iterate };

/** A method, or a part of one: asks, and ends with a result. Who answers may end it early. */
export type Asking<R> = Generator<Question, R, unknown>;

/** The end of an iteration. */
export interface Iterate {
  /** The point that it has reached. */
  readonly x: Vector;
  /** The function's value there. */
  readonly fun: number;
  /** The gradient there, where the method knows it. */
  readonly grad?: Vector;
  /** The points of a method that has many. */
  readonly population?: Population;
}

/** Points, and the function's values there. */
export interface Population {
  readonly points: readonly Vector[];
  readonly values: Vector;
}

/** A value, and the gradient at the same point. */
export interface ValueAndGradient {
  readonly fun: number;
  readonly grad: Vector;
}

/** Residuals, and their Jacobian: a row for each residual, one after another. */
export interface ResidualsAndJacobian {
  readonly residuals: Vector;
  readonly jacobian: Float64Array;
}

/** A value, and those of the constraints, equations first; with the gradient and a row of the Jacobian for each, if asked. */
export interface Constrained {
  readonly fun: number;
  readonly constraints: Vector;
  readonly equations: number;
  readonly grad?: Vector;
  readonly rows?: Float64Array;
}

/** The function's value, which may be infinite or NaN. */
export function* valueAt(x: Vector): Asking<number> {
  return (yield { ask: "value", x }) as number;
}

/** The function's value and gradient. */
export function* gradientAt(x: Vector): Asking<ValueAndGradient> {
  return (yield { ask: "gradient", x }) as ValueAndGradient;
}

/** The function's values at many points, all at once. */
export function* valuesAt(points: readonly Vector[]): Asking<Vector> {
  return (yield { ask: "values", points }) as Vector;
}

/** The function's values and gradients at many points, all at once. */
export function* gradientsAt(points: readonly Vector[]): Asking<ValueAndGradient[]> {
  return (yield { ask: "gradients", points }) as ValueAndGradient[];
}

/** The function's value and the constraints'. */
export function* constrainedAt(x: Vector, withGradients: boolean): Asking<Constrained> {
  return (yield { ask: "constrained", x, withGradients }) as Constrained;
}

/** The Hessian times a vector. */
export function* productAt(x: Vector, v: Vector): Asking<Vector> {
  return (yield { ask: "product", x, v }) as Vector;
}

/** The Hessian, row by row. */
export function* hessianAt(x: Vector): Asking<Float64Array> {
  return (yield { ask: "hessian", x }) as Float64Array;
}

/** The residuals. */
export function* residualsAt(x: Vector): Asking<Vector> {
  return (yield { ask: "residuals", x }) as Vector;
}

/** The residuals and their Jacobian. */
export function* jacobianAt(x: Vector): Asking<ResidualsAndJacobian> {
  return (yield { ask: "jacobian", x }) as ResidualsAndJacobian;
}

/** Says that an iteration has ended. Who listens may end the method here. */
export function* iterated(iterate: Iterate): Asking<void> {
  yield { ask: "iterated", iterate };
}
