// Fitting of curves: SciPy's curve_fit.
import { tensor } from "../creation.js";
import { isFloating } from "../dtype.js";
import { makeError } from "../errors.js";
import { solveTriangular } from "../linalg/equations.js";
import { cholesky } from "../linalg/factors.js";
import { describe } from "../options.js";
import { flag, optionError } from "../optim/checks.js";
import { isTensor, type Tensor } from "../tensor.js";
import { factored, forwardSolved } from "./dense.js";
import {
  type LeastSquaresOptions,
  type LeastSquaresResult,
  squares,
  type SquaresDefaults,
  squaresSync,
} from "./squares.js";

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
  if (typeof f !== "function")
    throw makeError(
      TypeError,
      `${what}: f must be a function of xdata and the parameters, but got ${describe(f)}`,
      {
        code: "ERR_ARGUMENT",
        op: what,
      },
    );
  const x = dataOf(what, "xdata", xdata);
  const y = dataOf(what, "ydata", ydata);
  const p0 = dataOf(what, "p0", start);
  const dtype = isFloating(p0.dtype) ? p0.dtype : "float64";
  const begin = p0.to(dtype);
  const { sigma, absoluteSigma = false, ...options } = { ...given };
  flag(what, "absoluteSigma", absoluteSigma);
  for (const name of ["jac", "loss", "fScale"])
    if (Object.hasOwn(options, name))
      throw optionError(TypeError, `${what}: unknown option '${name}'; it is one of leastSquares`);
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
    defaults:
      method === "lm"
        ? // MINPACK's own 1.5e-8 ends early where residuals are large and convergence is slow, as with NIST's MGH09.
          { ftol: 1e-12, xtol: 1e-12, gtol: 0, xScale: "jac", maxNfev: 200 * (n + 1) }
        : { xScale: "jac" },
    isAbsolute: absoluteSigma && sigma !== undefined,
  };
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

function finished(what: string, { p0, isAbsolute }: Fit, result: LeastSquaresResult): CurveFitResult {
  const n = p0.numel();
  const m = result.fun.numel();
  const jacobian = Float64Array.from(result.jac.dataSync() as ArrayLike<number>);
  const covariance = inverseSquares(jacobian, m, n);
  const spread = isAbsolute ? 1 : m > n ? (2 * result.cost) / (m - n) : Infinity;
  const isKnown = covariance !== undefined && Number.isFinite(spread);
  if (!isKnown)
    process.emitWarning(`${what}: Covariance of the parameters could not be estimated`, {
      code: "ADJOINT_COVARIANCE",
    });
  const entries = isKnown
    ? covariance.map((value) => value * spread)
    : new Float64Array(n * n).fill(Infinity);
  const like = { dtype: p0.dtype, device: p0.device } as never;
  const stderr = Float64Array.from({ length: n }, (_, i) => Math.sqrt(entries[i * n + i]!));
  return {
    ...result,
    x: result.x as Tensor,
    covariance: tensor(entries, like).reshape(n, n),
    stderr: tensor(stderr, like).reshape(...p0.shape),
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
  options?: CurveFitOptions,
): Promise<CurveFitResult> {
  const fit = prepare("curveFit", f, xdata, ydata, p0, options);
  return finished(
    "curveFit",
    fit,
    await squares("curveFit", fit.residuals, fit.p0, fit.options, fit.defaults),
  );
}

/** {@link curveFit}, at once. */
export function curveFitSync(
  f: (x: Tensor, p: Tensor) => Tensor,
  xdata: Data,
  ydata: Data,
  p0: Data,
  options?: CurveFitOptions,
): CurveFitResult {
  const fit = prepare("curveFitSync", f, xdata, ydata, p0, options);
  return finished(
    "curveFitSync",
    fit,
    squaresSync("curveFitSync", fit.residuals, fit.p0, fit.options, fit.defaults),
  );
}
