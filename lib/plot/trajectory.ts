/*
 * Where an optimizer has been: recorded in a loop, or told by what a minimisation returns; and the
 * pictures of it, over the function and against the steps.
 */
import { makeError } from "../errors.js";
import { describe, readOptions } from "../options.js";
import { trailColors } from "./colors.js";
import * as data from "./data.js";
import type { Range, Surface } from "./data.js";
import { figure, type Figure } from "./figure.js";

/** A point: numbers, or a tensor of them. */
export type Point = number | ArrayLike<number> | { toArray(): unknown };
/** A value: a number, or a tensor of one element. */
export type Value = number | { item(): number | bigint | boolean };

/** A step of a trajectory. */
export interface Step {
  readonly x: readonly number[];
  readonly fun: number;
}

/**
 * The points that an optimizer passes, with the function's values there. What it is given is copied.
 * A trajectory in the plane is a path that `animatePath` takes.
 *
 * @example
 * import { optim, tensor } from "adjoint";
 * import { lossCurves, Trajectory } from "adjoint/plot";
 *
 * const x = tensor([2, -1], { requiresGrad: true });
 * const optimizer = new optim.Adam([x], { lr: 0.1 });
 * const trajectory = new Trajectory("Adam");
 * for (let i = 0; i < 100; ++i) {
 *   optimizer.zeroGrad();
 *   const loss = x.square().sum();
 *   loss.backward();
 *   trajectory.record(x, loss);
 *   optimizer.step();
 * }
 * await lossCurves([trajectory]).save("loss.svg");
 */
export class Trajectory {
  readonly #steps: Step[] = [];

  /** With its name in legends. */
  constructor(readonly name = "") {
    data.checkText("Trajectory", "name", name);
  }

  /** The trajectory that a minimisation has kept, as `minimize(f, x0, { history: true })` does. */
  static of(result: { history?: readonly { x: unknown; fun: number }[] }, name = ""): Trajectory {
    const { history } = result as { history?: unknown };
    if (!Array.isArray(history))
      throw data.typeError(
        "Trajectory.of",
        `the result has no history, but ${describe(history)}; ask for it with { history: true }`,
      );
    const trajectory = new Trajectory(name);
    for (const { x, fun } of history as { x: Point; fun: number }[]) trajectory.record(x, fun);
    return trajectory;
  }

  /** Notes a point and the function's value there: before a step of the optimizer, since the value belongs to the old point. */
  record(x: Point, fun: Value): this {
    const what = "Trajectory.record";
    const point = coordinates(what, x);
    const [first] = this.#steps;
    if (first !== undefined && first.x.length !== point.length)
      throw makeError(
        RangeError,
        `${what}: x has ${point.length} coordinates, but the points before it have ${first.x.length}`,
        { code: "ERR_SHAPE", op: what },
      );
    const value: unknown = typeof fun === "object" && "item" in fun ? fun.item() : fun;
    if (typeof value !== "number" && typeof value !== "bigint" && typeof value !== "boolean")
      throw data.typeError(
        what,
        `the value must be a number or a tensor of one element, but is ${describe(value)}`,
      );
    this.#steps.push({ x: point, fun: Number(value) });
    return this;
  }

  /** The steps so far. */
  get steps(): readonly Step[] {
    return this.#steps;
  }
  /** The number of them. */
  get length(): number {
    return this.#steps.length;
  }
  /** The function's values. */
  get values(): number[] {
    return this.#steps.map(({ fun }) => fun);
  }
  /** One coordinate of all points. */
  along(axis: number): number[] {
    return this.#steps.map(({ x }) => x[axis] ?? NaN);
  }
  /** The points: pairs in the plane, numbers on a line. */
  toArray(): (number | number[])[] {
    return this.#steps.map(({ x }) => (x.length === 1 ? x[0]! : [...x]));
  }
}

function coordinates(what: string, x: unknown): number[] {
  if (typeof x === "number") return [x];
  const isTensor = typeof x === "object" && x !== null && "toArray" in x;
  const list: unknown = isTensor ? (x as { toArray(): unknown }).toArray() : x;
  return typeof list === "number" ? [list] : data.toNumbers(what, "x", list);
}

/** The look of {@link pathsOver}. */
export interface PathsOptions {
  /** The range along x; by default, the paths and some room. */
  xRange?: Range;
  /** The range along y; by default, the paths and some room. */
  yRange?: Range;
  /** Above the picture. */
  title?: string;
  /** Points to mark, such as known minima. */
  minima?: readonly (readonly [number, number])[];
  /** About how many heights the map shows. */
  levels?: number;
  /** Width of the picture in pixels. */
  width?: number;
  /** Height of the picture in pixels. */
  height?: number;
}

/**
 * The paths of optimizers in the plane, over a map of the function. Heights are spaced evenly for their
 * logarithms above the lowest, so that valleys show beside mountains.
 *
 * @example
 * import { minimizeSync, tensor } from "adjoint";
 * import { himmelblau } from "adjoint/functions";
 * import { pathsOver, Trajectory } from "adjoint/plot";
 *
 * const paths = ["bfgs", "nelder-mead"].map((method) =>
 *   Trajectory.of(minimizeSync(himmelblau, [0, 0], { method, history: true }), method),
 * );
 * await pathsOver((x, y) => himmelblau(tensor([x, y])).item(), paths).save("paths.svg");
 */
export function pathsOver(f: Surface, paths: readonly Trajectory[], options: PathsOptions = {}): Figure {
  const what = "pathsOver";
  if (typeof f !== "function") throw data.typeError(what, "f must be a function of x and y");
  const read = readOptions(what, options, {
    xRange: undefined as Range | undefined,
    yRange: undefined as Range | undefined,
    title: "",
    minima: [] as readonly (readonly [number, number])[],
    levels: 14,
    width: 720,
    height: 540,
  });
  for (const path of list(what, paths))
    if (path.steps.some(({ x }) => x.length !== 2))
      throw makeError(
        RangeError,
        `${what}: '${path.name}' has points of ${path.steps[0]!.x.length} coordinates, but a map has two`,
        { code: "ERR_SHAPE", op: what },
      );
  const points = [...paths.flatMap(({ steps }) => steps.map(({ x }) => x)), ...read.minima];
  const xRange = read.xRange ?? around(points.map(([x]) => x!));
  const yRange = read.yRange ?? around(points.map(([, y]) => y!));
  const levels = heights((x, y) => data.callForNumber(what, f, x, y), xRange, yRange, read.levels);
  const { title, width, height } = read;
  const result = figure({ title, width, height, xRange, yRange, xlabel: "x", ylabel: "y" });
  result.contour(f, { levels, resolution: 120, filled: true });
  const inside = ([x, y]: readonly number[]) =>
    x! >= xRange[0] && x! <= xRange[1] && y! >= yRange[0] && y! <= yRange[1];
  paths.forEach((path, k) => {
    const look = lookOf(k);
    // What leaves the map is a gap.
    const shown = path.steps.map(({ x }) => (inside(x) ? x : [NaN, NaN]));
    const [xs, ys] = [0, 1].map((axis) => shown.map((x) => x[axis]!)) as [number[], number[]];
    // A pale border sets it off from the map and from other paths.
    result.plot(xs, ys, { color: "rgba(255, 255, 255, 0.75)", width: 4.5 });
    result.plot(xs, ys, { label: path.name, ...look });
    result.scatter(xs.slice(-1), ys.slice(-1), { color: "#ffffff", size: 12 });
    result.scatter(xs.slice(-1), ys.slice(-1), { color: look.color, size: 9 });
  });
  const starts = new Map(paths.flatMap(({ steps: [first] }) => (first ? [[String(first.x), first.x]] : [])));
  const seen = [...starts.values()].filter(inside);
  if (seen.length > 0) {
    const [xs, ys] = [0, 1].map((axis) => seen.map((x) => x[axis]!)) as [number[], number[]];
    result.scatter(xs, ys, { color: "#ffffff", size: 15 });
    result.scatter(xs, ys, { label: "start", color: "#111111", size: 10 });
  }
  if (read.minima.length > 0)
    result.scatter(
      read.minima.map(([x]) => x),
      read.minima.map(([, y]) => y),
      { label: "minimum", color: "#111111", marker: "cross", size: 11 },
    );
  return result;
}

/** The look of {@link lossCurves}. */
export interface LossOptions {
  /** The least value there is: values are shown above it, on a logarithmic axis; null shows values themselves. */
  least?: number | null;
  /** Above the picture. */
  title?: string;
  /** Beside the vertical axis. */
  ylabel?: string;
  /** Width of the picture in pixels. */
  width?: number;
  /** Height of the picture in pixels. */
  height?: number;
}

const lossDefaults: Omit<Required<LossOptions>, "ylabel"> & { ylabel: string | undefined } = {
  least: 0,
  title: "",
  ylabel: undefined,
  width: 720,
  height: 420,
};

/**
 * The values of optimizers against their steps: how far they are above `least` (0 by default), on a
 * logarithmic axis; with `least: null` the values themselves.
 */
export function lossCurves(paths: readonly Trajectory[], options: LossOptions = {}): Figure {
  const what = "lossCurves";
  const read = readOptions(what, options, lossDefaults);
  const { least, title, width, height } = read;
  if (least !== null && !Number.isFinite(least))
    throw data.rangeError(what, `least must be a finite number or null, but is ${describe(least)}`);
  const usual = least === null || least === 0 ? "f" : "f above its least value";
  const result = figure({
    title,
    width,
    height,
    xlabel: "step",
    ylabel: read.ylabel ?? usual,
    yScale: least === null ? "linear" : "log",
  });
  list(what, paths).forEach((path, k) => {
    const values = least === null ? path.values : path.values.map((fun) => fun - least);
    result.plot([...values.keys()], values, { label: path.name, ...lookOf(k) });
  });
  return result;
}

/** Colours, and dashes where these are used up. */
function lookOf(k: number) {
  const dash = (["solid", "dashed", "dotted"] as const)[Math.floor(k / trailColors.length) % 3]!;
  return { color: trailColors[k % trailColors.length]!, dash, width: 2 };
}

function list(what: string, paths: unknown): readonly Trajectory[] {
  if (Array.isArray(paths) && paths.length > 0 && paths.every((one) => one instanceof Trajectory))
    return paths;
  throw data.typeError(
    what,
    `paths must be an array of trajectories, and not empty, but is ${describe(paths)}`,
  );
}

/** A range with some room around numbers. */
function around(numbers: readonly number[]): Range {
  const shown = numbers.filter((value) => data.isPlottable(value));
  const [low, high] = shown.length > 0 ? [Math.min(...shown), Math.max(...shown)] : [-1, 1];
  const room = 0.15 * (high - low) || 1;
  return [low - room, high + room];
}

/** Heights between the lowest and the highest of a surface, evenly spaced for their logarithms. */
function heights(f: Surface, [x0, x1]: Range, [y0, y1]: Range, count: number): number[] {
  const cells = 40;
  const found: number[] = [];
  for (let i = 0; i <= cells; ++i)
    for (let j = 0; j <= cells; ++j) {
      const value = f(x0 + ((x1 - x0) * i) / cells, y0 + ((y1 - y0) * j) / cells);
      if (data.isPlottable(value)) found.push(value);
    }
  found.sort((a, b) => a - b);
  const low = found[0] ?? 0;
  const span = (found.at(-1) ?? 1) - low;
  // The lowest tenth decides how close to the bottom the first height is.
  const first = Math.max(((found[Math.floor(found.length / 50)] ?? low) - low) / (span || 1), 1e-6);
  const levels = Array.from({ length: count }, (_, i) => low + span * first ** (1 - (i + 1) / (count + 1)));
  // Few digits are easier to read, where they tell heights apart.
  const rounded = levels.map((level) => Number(level.toPrecision(2)));
  return new Set(rounded).size === count && rounded.every((level) => level > low) ? rounded : levels;
}
