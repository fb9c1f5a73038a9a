// Fitting of curves: SciPy's curve_fit.
import { tensor } from "../creation.js";
import { isFloating } from "../dtype.js";
import { makeError } from "../errors.js";
import { solveTriangular } from "../linalg/equations.js";
import { cholesky } from "../linalg/factors.js";
import { describe } from "../options.js";
import { flag, optionError } from "../optim/checks.js";
import { isTensor, type Tensor } from "../tensor.js";
import { vmap } from "../func/vmap.js";
import { withoutBatch } from "./batch.js";
import { factored, forwardSolved } from "./dense.js";
import { type BatchedSquaresResult, manySquares, manySquaresSync } from "./squaresbatch.js";
import { type LeastSquaresResult, squares, squaresSync } from "./squares.js";
import type { LeastSquaresOptions, SquaresDefaults } from "./squaresoptions.js";

/** Data: a tensor, or numbers, of which a tensor of float64 is made. */
export type Data = Tensor | readonly number[] | Float32Array | Float64Array;

/** Options of {@link curveFit}: those of least squares, and what is known of the data's errors. */
export interface CurveFitOptions extends Omit<LeastSquaresOptions, "jac" | "loss" | "fScale"> {
  /** The standard deviations of ydata's errors, or their covariance matrix; all the same when left out. */
  sigma?: Data;
  /** Whether `sigma` is meant absolutely, or says how they compare; false by default. */
  absoluteSigma?: boolean;
}

/** The result of {@link curveFit}. */
export interface CurveFitResult extends LeastSquaresResult {
  /** The parameters. */
  x: Tensor;
  /** Their covariance; infinite where the data say nothing of them. */
  covariance: Tensor;
  /** The parameters' standard errors. */
  stderr: Tensor;
}

/** Options of batches of fits. */
export type BatchedFitOptions = Omit<CurveFitOptions, "onIteration" | "progress">;

/** The result of a batch: of every row what {@link CurveFitResult} says. */
export interface BatchedFitResult extends BatchedSquaresResult {
  /** The covariances of the parameters, `[B, n, n]`. */
  covariance: Tensor;
  /** Their standard errors, `[B, n]`. */
  stderr: Tensor;
}

interface Fit {
  readonly residuals: (p: Tensor) => Tensor;
  readonly p0: Tensor;
  readonly options: LeastSquaresOptions;
  readonly defaults: SquaresDefaults;
  readonly isAbsolute: boolean;
}

function dataOf(what: string, name: string, given: unknown): Tensor {
  const x = isTensor(given)
    ? given
    : Array.isArray(given) || ArrayBuffer.isView(given)
      ? tensor(given as number[], { dtype: "float64" })
      : undefined;
  if (x === undefined || x.numel() === 0)
    throw makeError(
      TypeError,
      `${what}: ${name} must be a Tensor or an array of numbers, and not empty, but got ${describe(given)}`,
      {
        code: "ERR_ARGUMENT",
        op: what,
      },
    );
  if (isFloating(x.dtype) && x.isfinite().logicalNot().any().item())
    throw optionError(RangeError, `${what}: ${name} must not contain infs or NaNs`);
  return x.detach();
}

function prepare(
  what: string,
  f: unknown,
  xdata: unknown,
  ydata: unknown,
  start: unknown,
  given: CurveFitOptions | undefined,
): Fit {
  const { x, y, p0: begin, dtype } = readData(what, f, xdata, ydata, start);
  const { sigma, absoluteSigma = false, ...options } = checkedOptions(what, given);
  const n = begin.numel();
  const hasBounds = options.bounds !== undefined;
  const method = options.method ?? (hasBounds ? "trf" : "lm");
  if (method === "lm" && y.numel() < n)
    throw optionError(
      RangeError,
      `${what}: The number of func parameters=${n} must not exceed the number of data points=${y.numel()}`,
    );
  const weights = sigma === undefined ? undefined : weightsOf(what, dataOf(what, "sigma", sigma), y);
  const residuals = (p: Tensor): Tensor => {
    const value: unknown = (f as (x: Tensor, p: Tensor) => unknown)(x, p);
    if (!isTensor(value)) return value as Tensor;
    if (String(value.shape) !== String(y.shape))
      throw makeError(
        RangeError,
        `${what}: f must return what has the shape of ydata, [${y.shape.join(", ")}], but got [${value.shape.join(", ")}]`,
        { code: "ERR_SHAPE", op: what, shapes: [value.shape, y.shape] },
      );
    const difference = value.to(dtype).sub(y.to(dtype));
    return weights === undefined ? difference : weights(difference);
  };
  return {
    residuals,
    p0: begin,
    options: { ...options, method },
    defaults: defaultsFor(method, n),
    isAbsolute: absoluteSigma && sigma !== undefined,
  };
}

const defaultsFor = (method: string, n: number): SquaresDefaults =>
  method === "lm"
    ? // MINPACK's own 1.5e-8 ends early where residuals are large and convergence is slow, as with NIST's MGH09.
      { ftol: 1e-12, xtol: 1e-12, gtol: 0, xScale: "jac", maxNfev: 200 * (n + 1) }
    : { xScale: "jac" };

/** The same for as many fits as ydata has rows. */
function prepareMany(
  what: string,
  f: unknown,
  xdata: unknown,
  ydata: unknown,
  start: unknown,
  given: CurveFitOptions | undefined,
): Fit {
  const { x, y, p0: first, dtype } = readData(what, f, xdata, ydata, start);
  const count = y.shape[0] ?? 1;
  const isShared = first.ndim < 2;
  if (y.ndim < 2 || !(isShared || first.shape[0] === count))
    throw makeError(
      RangeError,
      `${what}: with batch, ydata must have a row for each fit, and p0 may; got ydata of [${y.shape.join(", ")}] and p0 of [${first.shape.join(", ")}]`,
      { code: "ERR_SHAPE", op: what, shapes: [y.shape, first.shape] },
    );
  const p0 = isShared ? first.reshape(-1).expand(count, first.numel()) : first;
  const { sigma, absoluteSigma = false, ...options } = checkedOptions(what, given);
  const method = options.method ?? (options.bounds !== undefined ? "trf" : "lm");
  const data = y.to(dtype);
  const row = y.shape.slice(1);
  const isOwn = x.ndim === y.ndim && x.shape[0] === count;
  const one = (p: Tensor, own: Tensor): Tensor => {
    const value: unknown = (f as (x: Tensor, p: Tensor) => unknown)(isOwn ? own : x, p);
    if (!isTensor(value)) return value as Tensor;
    if (String(value.shape) === String(row)) return value.to(dtype);
    throw makeError(
      RangeError,
      `${what}: f must return what has the shape of a row of ydata, [${row.join(", ")}], but got [${value.shape.join(", ")}]`,
      { code: "ERR_SHAPE", op: what, shapes: [value.shape, row] },
    );
  };
  const many = vmap(one, { inDims: [0, isOwn ? 0 : null] });
  const errors = sigma === undefined ? undefined : dataOf(what, "sigma", sigma);
  if (errors !== undefined && ![String(y.shape), String(row), "", "1"].includes(String(errors.shape)))
    throw makeError(
      RangeError,
      `${what}: \`sigma\` has incorrect shape [${errors.shape.join(", ")}]; expected [${y.shape.join(", ")}] or [${row.join(", ")}]`,
      { code: "ERR_SHAPE", op: what, shapes: [errors.shape, y.shape] },
    );
  if (errors?.le(0).any().item())
    throw optionError(
      RangeError,
      `${what}: sigma must be positive: a standard deviation of 0 would weigh infinitely much`,
    );
  const spread = errors?.to(dtype);
  return {
    residuals(p) {
      const difference = many(p, x).sub(data);
      return spread === undefined ? difference : difference.div(spread);
    },
    p0,
    options: { ...options, method },
    defaults: defaultsFor(method, p0.shape[1]!),
    isAbsolute: absoluteSigma && sigma !== undefined,
  };
}

/** What is fitted, to what, from where: the parameters are floating. */
function readData(what: string, f: unknown, xdata: unknown, ydata: unknown, start: unknown) {
  if (typeof f !== "function")
    throw makeError(
      TypeError,
      `${what}: f must be a function of xdata and the parameters, but got ${describe(f)}`,
      { code: "ERR_ARGUMENT", op: what },
    );
  const x = dataOf(what, "xdata", xdata);
  const y = dataOf(what, "ydata", ydata);
  const given = dataOf(what, "p0", start);
  const dtype = isFloating(given.dtype) ? given.dtype : "float64";
  return { x, y, p0: given.to(dtype), dtype };
}

function checkedOptions(what: string, given: CurveFitOptions | undefined): CurveFitOptions {
  const options = { ...given };
  flag(what, "absoluteSigma", options.absoluteSigma ?? false);
  for (const name of ["jac", "loss", "fScale"])
    if (Object.hasOwn(options, name))
      throw optionError(TypeError, `${what}: unknown option '${name}'; it is one of leastSquares`);
  return options;
}

/** What residuals are multiplied by. */
function weightsOf(what: string, sigma: Tensor, y: Tensor): (r: Tensor) => Tensor {
  const m = y.numel();
  if (String(sigma.shape) === String(y.shape) || sigma.numel() === 1) {
    if (sigma.le(0).any().item())
      throw optionError(
        RangeError,
        `${what}: sigma must be positive: a standard deviation of 0 would weigh infinitely much`,
      );
    return (r) => r.div(sigma.to(r.dtype));
  }
  if (sigma.shape.length === 2 && sigma.shape[0] === m && sigma.shape[1] === m) {
    const factor = cholesky(sigma.to("float64"));
    return (r) => solveTriangular(factor.to(r.dtype), r.reshape(m, 1), { upper: false }).reshape(...r.shape);
  }
  throw makeError(
    RangeError,
    `${what}: \`sigma\` has incorrect shape [${sigma.shape.join(", ")}]; expected [${y.shape.join(", ")}] or [${m}, ${m}]`,
    { code: "ERR_SHAPE", op: what, shapes: [sigma.shape, y.shape] },
  );
}

/** The covariance of parameters, from a Jacobian of m rows; infinite where the data say nothing of them. */
function covarianceOf(jacobian: Float64Array, m: number, n: number, cost: number, isAbsolute: boolean) {
  const inverse = inverseSquares(jacobian, m, n);
  const spread = isAbsolute ? 1 : m > n ? (2 * cost) / (m - n) : Infinity;
  const isKnown = inverse !== undefined && Number.isFinite(spread);
  const entries = isKnown ? inverse.map((value) => value * spread) : new Float64Array(n * n).fill(Infinity);
  return { isKnown, entries };
}

const errorsOf = (entries: Float64Array, n: number) =>
  Float64Array.from({ length: n }, (_, i) => Math.sqrt(entries[i * n + i]!));

function warn(what: string): void {
  process.emitWarning(`${what}: Covariance of the parameters could not be estimated`, {
    code: "ADJOINT_COVARIANCE",
  });
}

function finished(what: string, { p0, isAbsolute }: Fit, result: LeastSquaresResult): CurveFitResult {
  const n = p0.numel();
  const jacobian = Float64Array.from(result.jac.dataSync() as ArrayLike<number>);
  const { isKnown, entries } = covarianceOf(jacobian, result.fun.numel(), n, result.cost, isAbsolute);
  if (!isKnown) warn(what);
  const like = { dtype: p0.dtype, device: p0.device } as never;
  return {
    ...result,
    x: result.x as Tensor,
    covariance: tensor(entries, like).reshape(n, n),
    stderr: tensor(errorsOf(entries, n), like).reshape(...p0.shape),
  };
}

function finishedMany(what: string, { p0, isAbsolute }: Fit, result: BatchedSquaresResult): BatchedFitResult {
  const [count, m, n] = result.jac.shape as [number, number, number];
  const jacobians = Float64Array.from(result.jac.dataSync() as ArrayLike<number>);
  const costs = result.cost.dataSync() as ArrayLike<number>;
  const found = Array.from({ length: count }, (_, i) =>
    covarianceOf(jacobians.slice(i * m * n, (i + 1) * m * n), m, n, costs[i]!, isAbsolute),
  );
  if (!found.every(({ isKnown }) => isKnown)) warn(what);
  const like = { dtype: p0.dtype, device: p0.device } as never;
  const joined = (size: number, of: (entries: Float64Array) => Float64Array) => {
    const all = new Float64Array(count * size);
    found.forEach(({ entries }, i) => {
      all.set(of(entries), i * size);
    });
    return tensor(all, like);
  };
  return {
    ...result,
    covariance: joined(n * n, (entries) => entries).reshape(count, n, n),
    stderr: joined(n, (entries) => errorsOf(entries, n)).reshape(count, n),
  };
}

/** The inverse of J^T J, from R; undefined where the columns depend on each other. */
function inverseSquares(jacobian: Float64Array, m: number, n: number): Float64Array | undefined {
  if (m < n) return undefined;
  const { r, columns, norms } = factored(jacobian, new Float64Array(m), n);
  for (let i = 0; i < n; ++i)
    if (!(Math.abs(r[i * n + i]!) > Number.EPSILON * Math.max(m, n) * norms[columns[i]!]!)) return undefined;
  // The rows of R^-T, in the order of the columns: (J^T J)^-1 = R^-1 R^-T.
  const rows = columns.map((_, k) => {
    const unit = new Float64Array(n);
    unit[k] = 1;
    return forwardSolved(r, unit);
  });
  const inverse = new Float64Array(n * n);
  for (let a = 0; a < n; ++a)
    for (let b = 0; b < n; ++b) {
      let sum = 0;
      for (let i = 0; i < n; ++i) sum += rows[a]![i]! * rows[b]![i]!;
      inverse[columns[a]! * n + columns[b]!] = sum;
    }
  return inverse;
}

/**
 * Fits the parameters of a curve to data by least squares: `f(xdata, p)` gives what `ydata` should be. The method is "lm", with
 * tolerances of 1e-12, or "trf" where there are bounds.
 *
 * With `batch: true` every row of `ydata` is fitted, all of them at once: `f` is a function of one row, of which vmap makes one of
 * many; `xdata` and `sigma` are for all rows, or have rows of their own, and so does `p0`.
 *
 * @example
 * import { curveFit } from "adjoint";
 *
 * const decay = (t, p) => t.mul(p.at(1).neg()).exp().mul(p.at(0));
 * const { covariance } = await curveFit(decay, [0, 1, 2, 3], [5.1, 3.0, 1.9, 1.1], [1, 1]);
 *
 * @throws TypeError and RangeError (`ERR_OPTION`, `ERR_ARGUMENT`, `ERR_SHAPE`, ...) for what cannot be fitted; what `f` throws.
 */
export async function curveFit(
  f: (x: Tensor, p: Tensor) => Tensor,
  xdata: Data,
  ydata: Data,
  p0: Data,
  options: BatchedFitOptions & { batch: true },
): Promise<BatchedFitResult>;
export async function curveFit(
  f: (x: Tensor, p: Tensor) => Tensor,
  xdata: Data,
  ydata: Data,
  p0: Data,
  options?: CurveFitOptions,
): Promise<CurveFitResult>;
export async function curveFit(
  f: (x: Tensor, p: Tensor) => Tensor,
  xdata: Data,
  ydata: Data,
  p0: Data,
  options?: CurveFitOptions & { batch?: boolean },
): Promise<CurveFitResult | BatchedFitResult> {
  const what = "curveFit";
  const { batch, rest } = withoutBatch(what, options);
  if (batch) {
    const fit = prepareMany(what, f, xdata, ydata, p0, rest);
    return finishedMany(what, fit, await manySquares(what, fit.residuals, fit.p0, fit.options, fit.defaults));
  }
  const fit = prepare(what, f, xdata, ydata, p0, rest);
  return finished(what, fit, await squares(what, fit.residuals, fit.p0, fit.options, fit.defaults));
}

/** {@link curveFit}, at once. */
export function curveFitSync(
  f: (x: Tensor, p: Tensor) => Tensor,
  xdata: Data,
  ydata: Data,
  p0: Data,
  options: BatchedFitOptions & { batch: true },
): BatchedFitResult;
export function curveFitSync(
  f: (x: Tensor, p: Tensor) => Tensor,
  xdata: Data,
  ydata: Data,
  p0: Data,
  options?: CurveFitOptions,
): CurveFitResult;
export function curveFitSync(
  f: (x: Tensor, p: Tensor) => Tensor,
  xdata: Data,
  ydata: Data,
  p0: Data,
  options?: CurveFitOptions & { batch?: boolean },
): CurveFitResult | BatchedFitResult {
  const what = "curveFitSync";
  const { batch, rest } = withoutBatch(what, options);
  if (batch) {
    const fit = prepareMany(what, f, xdata, ydata, p0, rest);
    return finishedMany(what, fit, manySquaresSync(what, fit.residuals, fit.p0, fit.options, fit.defaults));
  }
  const fit = prepare(what, f, xdata, ydata, p0, rest);
  return finished(what, fit, squaresSync(what, fit.residuals, fit.p0, fit.options, fit.defaults));
}
