// Minimisation of functions of one number.
import { makeError } from "../errors.js";
import { describe, readOptions } from "../options.js";
import { checkOptions, defaultsOf, flag, oneOf, option, optionError, tuple } from "../optim/checks.js";
import type { Tensor } from "../tensor.js";
import { tolerance } from "./methods/bfgs.js";
import {
  type Along,
  bounded,
  type Bracket,
  bracketed,
  brent,
  goldenSections,
} from "./methods/onedimension.js";
import { ending, type Outcome, type Status } from "./outcome.js";
import { Layout } from "./layout.js";
import { Problem } from "./problem.js";
import { type Asking, iterated, valueAt } from "./questions.js";
import { drive, driveSync, Run } from "./run.js";
import { type Budget, budgetRows, limitsFrom } from "./budget.js";

/** What `onIteration` is told. */
export interface ScalarProgress {
  /** The number of iterations so far. */
  nit: number;
  /** The lowest point so far. */
  x: number;
  /** The function's value there. */
  fun: number;
}

/** Options of {@link minimizeScalar}. */
export interface ScalarOptions extends Budget<ScalarProgress> {
  /** "brent", the default without bounds; "golden" sections; "bounded", Brent's method within bounds. */
  method?: ScalarMethod;
  /**
   * Two points to go downhill from, or three of which the middle one is lower than the others; `[0, 1]` by default. For
   * "brent" and "golden".
   */
  bracket?: readonly [number, number] | readonly [number, number, number];
  /** The ends of the interval that "bounded" searches. */
  bounds?: readonly [lower: number, upper: number];
  /** The precision of x, relative to x: 1.48e-8 by default for "brent", 1.49e-8 for "golden". */
  xtol?: number;
  /** The precision of x that "bounded" wants, in absolute terms; 1e-5 by default. */
  xatol?: number;
  /** Stands for the method's own of these two. */
  tol?: number;
  /** Keep the lowest points after all iterations in the result; false by default. */
  history?: boolean;
}

/** The names of the methods. */
export type ScalarMethod = "brent" | "golden" | "bounded";

/** The result of {@link minimizeScalar}. */
export interface ScalarResult {
  /** The lowest point. */
  x: number;
  /** The function's value there. */
  fun: number;
  /** The numbers of iterations and of evaluations. */
  nit: number;
  nfev: number;
  /** What ended it, in a word and in a sentence. */
  status: Status;
  message: string;
  /** Whether the method says that it has converged. */
  success: boolean;
  /** The lowest points after all iterations, where `history` asks for them. */
  history?: { x: number; fun: number }[];
}

const unset = option<unknown>(undefined, () => undefined);
const rows = {
  ...budgetRows,
  method: option<ScalarMethod | undefined>(undefined, (what, name, value) => {
    if (value !== undefined) oneOf(["brent", "golden", "bounded"])(what, name, value);
  }),
  bracket: unset,
  bounds: unset,
  xtol: option<number | undefined>(undefined, (what, name, value) => {
    if (value !== undefined) tolerance(what, name, value);
  }),
  xatol: option<number | undefined>(undefined, (what, name, value) => {
    if (value !== undefined) tolerance(what, name, value);
  }),
  tol: option<number | undefined>(undefined, (what, name, value) => {
    if (value !== undefined) tolerance(what, name, value);
  }),
  history: option<boolean>(false, flag),
};

const defaultIterations = { brent: 500, golden: 5000, bounded: 500 };
const defaultPrecision = { brent: 1.48e-8, golden: Math.sqrt(Number.EPSILON), bounded: 1e-5 };

/** What the options say. */
function read(what: string, given: unknown) {
  const options = readOptions<Record<string, unknown>>(what, given, defaultsOf(rows));
  checkOptions(what, rows as never, options);
  const { bounds, bracket, tol } = options as ScalarOptions;
  const method =
    (options["method"] as ScalarMethod | undefined) ?? (bounds === undefined ? "brent" : "bounded");
  const isBounded = method === "bounded";
  const refuse = (name: string, takes: string) =>
    optionError(TypeError, `${what}: method '${method}' takes no ${name}, but ${takes}`);
  if (isBounded && bracket !== undefined) throw refuse("bracket", "bounds");
  if (!isBounded && bounds !== undefined) throw refuse("bounds", "a bracket; 'bounded' keeps to bounds");
  if (options[isBounded ? "xtol" : "xatol"] !== undefined)
    throw isBounded ? refuse("xtol", "xatol") : refuse("xatol", "xtol");
  if (isBounded) checkBounds(what, bounds);
  if (bracket !== undefined) checkBracket(what, bracket);
  const precision =
    (options[isBounded ? "xatol" : "xtol"] as number | undefined) ?? tol ?? defaultPrecision[method];
  return { options: options as ScalarOptions, method, precision };
}

const numbers = (sentence: string, count: number) =>
  tuple(Array.from({ length: count }, () => [sentence, {}]));

function checkBounds(what: string, bounds: ScalarOptions["bounds"]): void {
  if (bounds === undefined)
    throw optionError(TypeError, `${what}: The \`bounds\` parameter is mandatory for method \`bounded\`.`);
  numbers("Optimization bounds must be finite scalars", 2)(what, "bounds", bounds);
  if (bounds[0] > bounds[1])
    throw optionError(
      RangeError,
      `${what}: The lower bound exceeds the upper bound (${bounds[0]} and ${bounds[1]})`,
    );
}

function checkBracket(what: string, bracket: unknown): void {
  const count = Array.isArray(bracket) && bracket.length === 3 ? 3 : 2;
  numbers("Invalid bracket", count)(what, "bracket", bracket);
  const [a, b, c] = bracket as number[];
  if (c !== undefined && !((a! < b! && b! < c) || (a! > b! && b! > c)))
    throw optionError(
      RangeError,
      `${what}: Bracketing values (xa, xb, xc) do not fulfill this requirement: (xa < xb) and (xb < xc); got [${a}, ${b}, ${c}]`,
    );
}

/** The bracket that a method begins with. */
function* givenBracket(f: Along, what: string, points: readonly number[]): Asking<Bracket> {
  if (points.length === 2) return yield* bracketed(f, points[0]!, points[1]!);
  const [a, b, c] = points as [number, number, number];
  const values = [yield* f(a), yield* f(b), yield* f(c)] as const;
  if (!(values[1] < values[0] && values[1] < values[2]))
    throw optionError(
      RangeError,
      `${what}: Bracketing values (xa, xb, xc) do not fulfill this requirement: (f(xb) < f(xa)) and (f(xb) < f(xc)); ` +
        `got values of ${values.join(", ")}`,
    );
  return { a, b, c, fb: values[1], isValid: true };
}

function* search(what: string, given: ReturnType<typeof read>): Asking<Outcome> {
  const { options, method, precision } = given;
  const f: Along = (t) => valueAt(Float64Array.of(t));
  const told = (t: number, fun: number) => iterated({ x: Float64Array.of(t), fun });
  const end = ({ t, fun, status }: { t: number; fun: number; status: Status }) =>
    ending({ x: Float64Array.of(t), fun }, status);
  // Whoever runs it counts the iterations.
  const most = Infinity;
  if (method === "bounded") {
    const [lower, upper] = options.bounds!;
    return end(yield* bounded(f, lower, upper, precision, most, told));
  }
  const bracket = yield* givenBracket(f, what, options.bracket ?? [0, 1]);
  if (!bracket.isValid)
    return end({
      t: bracket.b,
      fun: bracket.fb,
      status: Number.isFinite(bracket.fb) ? "noBracket" : "nonFinite",
    });
  return end(yield* (method === "golden" ? goldenSections : brent)(f, bracket, precision, most, told));
}

function begin(what: string, f: unknown, given: unknown) {
  if (typeof f !== "function")
    throw makeError(TypeError, `${what}: f must be a function, but got ${describe(f)}`, {
      code: "ERR_ARGUMENT",
      op: what,
    });
  const asked = read(what, given);
  const { options, method } = asked;
  const history: { x: number; fun: number }[] = [];
  const run = new Run(
    search(what, asked),
    limitsFrom(what, options, { maxIter: defaultIterations[method], maxFev: Infinity }, ({ x, fun }, nit) => {
      if (options.history === true) history.push({ x: x[0]!, fun });
      return options.onIteration?.({ nit, x: x[0]!, fun }) === true;
    }),
  );
  const problem = new Problem(what, new Layout(what, 0), { f: f as () => unknown });
  const result = (): ScalarResult => {
    const { x, fun, status, message } = run.outcome!;
    return {
      x: x[0]!,
      fun,
      nit: run.nit,
      nfev: run.nfev,
      status,
      message,
      success: status === "converged",
      ...(options.history === true && { history }),
    };
  };
  return { run, problem, result };
}

/**
 * Minimises a function of one number, to a local minimum: SciPy's minimize_scalar. `f` gets a tensor of float64 without
 * dimensions and returns a tensor of one element; nothing is differentiated. Without options it goes downhill from 0 and 1.
 *
 * @example
 * import { minimizeScalar } from "adjoint";
 *
 * const { x, nfev } = await minimizeScalar((x) => x.sub(2).square().mul(x.add(1)), { bounds: [0, 5] });
 * console.log(x.toFixed(4), nfev); // 2.0000 11
 *
 * @throws TypeError and RangeError (`ERR_OPTION`, `ERR_ARGUMENT`, `ERR_ASYNC`) for what cannot be minimised; what `f` throws.
 */
export async function minimizeScalar(
  f: (x: Tensor) => Tensor,
  options?: ScalarOptions,
): Promise<ScalarResult> {
  const { run, problem, result } = begin("minimizeScalar", f, options);
  await drive(run, (question) => problem.ask(question));
  return result();
}

/** {@link minimizeScalar}, at once. */
export function minimizeScalarSync(f: (x: Tensor) => Tensor, options?: ScalarOptions): ScalarResult {
  const { run, problem, result } = begin("minimizeScalarSync", f, options);
  driveSync(run, (question) => problem.ask(question));
  return result();
}
