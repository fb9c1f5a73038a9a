// Optimizers side by side on a test function: in a table, and in pictures.
import type * as Plot from "../plot/index.js";
import * as functions from "../gallery/index.js";
import { minimizeSync, tensor, type Method, type MinimizeOptions, type MinimizeResult } from "../index.js";
import { describe, nearestName } from "../options.js";
import { methods } from "../minimize/methods.js";
import { optimizerNames } from "../minimize/methods/optimizers.js";

/** What a race is asked for, as words. */
export interface RaceWords {
  function?: string | undefined;
  optimizers?: string | undefined;
  start?: string | undefined;
  steps?: string | undefined;
  lr?: string | undefined;
}

/** How one of them did. */
export interface Runner {
  name: string;
  /** The learning rate, where it has one. */
  lr: number | null;
  /** Least value that it has found. */
  fun: number;
  /** How far its best point is from the nearest minimum. */
  distance: number;
  steps: number;
  evaluations: number;
  milliseconds: number;
  status: string;
  /** The points, the start first, and the values there. */
  path: { x: number[]; fun: number }[];
}

/** A race that has been run. */
export interface Race {
  function: functions.TestFunction;
  start: number[];
  runners: Runner[];
}

const usual = "sgd,adam,rmsprop,bfgs,lbfgs,nelder-mead";
/** Learning rates that are tried where none is given; the best counts. */
const rates = [1, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0003];

/** A word that is none of those that are known. */
export class UnknownWord extends Error {}

function known<T>(kind: string, name: string, all: Readonly<Record<string, T>>): T {
  if (Object.hasOwn(all, name)) return all[name]!;
  const nearest = nearestName(name, Object.keys(all));
  throw new UnknownWord(
    `there is no ${kind} '${name}'` +
      (nearest === undefined ? `; there are ${Object.keys(all).join(", ")}` : `, did you mean '${nearest}'?`),
  );
}

function numberFrom(what: string, word: string): number {
  const value = Number(word);
  if (word.trim() === "" || !Number.isFinite(value))
    throw new UnknownWord(`${what} must be a number, but is ${describe(word)}`);
  return value;
}

/** `0.1` for all, or `adam=0.1,sgd=0.001`. */
function ratesFrom(word: string | undefined, names: readonly string[]): (name: string) => readonly number[] {
  if (word === undefined) return () => rates;
  if (!word.includes("=")) {
    const all = [numberFrom("--lr", word)];
    return () => all;
  }
  const given = new Map<string, number>();
  for (const pair of word.split(",")) {
    const [name = "", value = ""] = pair.split("=");
    if (!names.includes(name))
      throw new UnknownWord(
        `--lr speaks of '${name}', which is not among the optimizers ${names.join(", ")}`,
      );
    given.set(name, numberFrom(`--lr of ${name}`, value));
  }
  return (name) => (given.has(name) ? [given.get(name)!] : rates);
}

/** Runs optimizers and methods of minimize on a test function of the plane, from one start. */
export function race(words: RaceWords): Race {
  const { all } = functions;
  const f = known("function", words.function ?? "himmelblau", all);
  if (f.dimensions !== null && f.dimensions !== 2)
    throw new UnknownWord(
      `a race needs a function of two numbers, but '${words.function!}' has ${f.dimensions}`,
    );
  const names = (words.optimizers ?? usual).split(",").map((name) => name.trim().toLowerCase());
  for (const name of names) known("optimizer", name, methods);
  const start = words.start?.split(",").map((one) => numberFrom("--start", one)) ?? [...f.start];
  if (start.length !== 2) throw new UnknownWord(`--start needs two numbers, such as --start -1.2,1`);
  const steps = words.steps === undefined ? 300 : numberFrom("--steps", words.steps);
  if (!(steps >= 1 && Number.isInteger(steps)))
    throw new UnknownWord("--steps must be a whole number from 1 on");
  const ratesOf = ratesFrom(words.lr, names);
  const runners = names.map((name) => {
    const isOptimizer = (optimizerNames as string[]).includes(name);
    const tries = (isOptimizer ? ratesOf(name) : [null]).map((lr) =>
      run(f, start, name as Method, steps, lr),
    );
    return tries.reduce((best, one) => (one.fun < best.fun || Number.isNaN(best.fun) ? one : best));
  });
  return { function: f, start, runners };
}

function run(
  f: functions.TestFunction,
  start: number[],
  name: Method,
  steps: number,
  lr: number | null,
): Runner {
  const bounded = methods[name].needsBounds === true ? { bounds: [...f.domain] as [number, number] } : {};
  const options = {
    method: name,
    maxIter: steps,
    history: true,
    ...bounded,
    ...(lr !== null && { optimizerOptions: { lr } }),
  } as MinimizeOptions<number[]>;
  const go = () => minimizeSync(f, start, options);
  // The first run makes kernels; the second is timed.
  go();
  const begin = performance.now();
  const result: MinimizeResult<number[]> = go();
  const milliseconds = performance.now() - begin;
  const pair = (x: { toArray(): unknown }) => x.toArray() as number[];
  const history = result.history!.map(({ x, fun }) => ({ x: pair(x), fun }));
  const startsAtStart = history[0] !== undefined && String(history[0].x) === String(start);
  const first = { x: start, fun: f(tensor(start, { dtype: "float64" })).item() };
  const x = pair(result.x);
  return {
    name,
    lr,
    fun: result.fun,
    distance: Math.min(...f.minima.map((one) => Math.hypot(x[0]! - one.x[0]!, x[1]! - one.x[1]!))),
    steps: result.nit,
    evaluations: result.nfev,
    milliseconds,
    status: result.status,
    path: startsAtStart ? history : [first, ...history],
  };
}

const short = (value: number) =>
  value === 0 || (Math.abs(value) >= 1e-3 && Math.abs(value) < 1e5)
    ? String(Number(value.toPrecision(5)))
    : value.toExponential(2);

/** The race as a table, the best first. */
export function inTable({ function: f, start, runners }: Race): string {
  const heads = ["optimizer", "lr", "least f", "from a minimum", "steps", "evaluations", "ms", "ended"];
  const rows = runners
    .toSorted((a, b) => a.fun - b.fun)
    .map(({ name, lr, fun, distance, steps, evaluations, milliseconds, status }) => [
      name,
      lr === null ? "" : String(lr),
      short(fun),
      short(distance),
      String(steps),
      String(evaluations),
      milliseconds.toFixed(1),
      status,
    ]);
  const widths = heads.map((head, i) => Math.max(head.length, ...rows.map((row) => row[i]!.length)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) =>
        i === 0 || i === cells.length - 1 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!),
      )
      .join("  ")
      .trimEnd();
  const least = Math.min(...f.minima.map(({ fun }) => fun));
  return [
    `${f.title} from (${start.join(", ")}), whose least value is ${short(least)}`,
    "",
    line(heads),
    ...rows.map(line),
  ].join("\n");
}

/**
 * Draws the paths, the values and an animation, and returns the files: `<prefix>-paths.svg`, `-loss.svg`, `.html`. A prefix
 * that ends in .svg or .png says what kind the pictures are.
 */
export async function draw({ function: f, start, runners }: Race, out: string): Promise<string[]> {
  const [, prefix, ending = ".svg"] = /^(.*?)(\.svg|\.png)?$/s.exec(out)!;
  const plot: typeof Plot = await import("../plot/index.js");
  const surface = (x: number, y: number) => f(tensor([x, y], { dtype: "float64" })).item();
  const trajectories = runners.map(({ name, lr, path }) => {
    const trajectory = new plot.Trajectory(lr === null ? name : `${name}, lr ${lr}`);
    for (const { x, fun } of path) trajectory.record(x, fun);
    return trajectory;
  });
  const [low, high] = f.domain;
  // The map shows the start, the nearest minimum and where the runners have been, within the domain.
  const places = [
    start,
    ...runners.flatMap(({ path }) => path.map(({ x }) => x)),
    ...f.minima.map(({ x }) => [...x]),
  ];
  const within = places.filter((x) => x.every((one) => one >= low && one <= high));
  const range = (axis: 0 | 1): [number, number] => {
    const all = within.map((x) => x[axis]!);
    const [least, most] = [Math.min(...all), Math.max(...all)];
    const room = 0.1 * (most - least) || 1;
    return [Math.max(low, least - room), Math.min(high, most + room)];
  };
  const [xRange, yRange] = [range(0), range(1)];
  const title = `${f.title} from (${start.join(", ")})`;
  const minima = f.minima.map(({ x }) => [x[0]!, x[1]!] as const);
  const least = Math.min(...f.minima.map(({ fun }) => fun), ...runners.map(({ fun }) => fun));
  const map = plot.pathsOver(surface, trajectories, { title, xRange, yRange, minima });
  const curves = plot.lossCurves(trajectories, { title, least });
  const shown = trajectories.filter((_, k) => k < 6);
  const animation = plot.animatePath(
    surface,
    Object.fromEntries(shown.map((one) => [one.name, thinned(one.toArray() as number[][])])),
    { kind: "contour", title, xRange, yRange, interval: 120 },
  );
  return [
    await map.save(`${prefix}-paths${ending}`),
    await curves.save(`${prefix}-loss${ending}`),
    await animation.save(`${prefix}.html`),
  ];
}

/** Every point of a short path, and the beginning and some of the rest of a long one. */
function thinned(points: number[][]): number[][] {
  const [most, first] = [120, 60];
  if (points.length <= most) return points;
  const stride = (points.length - 1 - first) / (most - first);
  return Array.from(
    { length: most },
    (_, i) => points[i < first ? i : Math.round(first + (i - first + 1) * stride)]!,
  );
}
