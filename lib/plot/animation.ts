/*
 * The path of an optimizer, step by step. The picture behind it is an ordinary drawing whose axes
 * show every point; the path is turned into pixels and sentences here, once, and the page or the
 * SVG only shows and hides.
 */
import { readOptions } from "../options.js";
import { chooseLevels, sampleGrid } from "./contour.js";
import * as data from "./data.js";
import type { Range, Surface } from "./data.js";
import { blend, fillColors, palette, trailColors } from "./colors.js";
import { animatedSvg, htmlPage, type Scene, type Trail } from "./page.js";
import type { Drawing } from "./drawing.js";
import { renderDrawing, saveAs, short, toPixel } from "./render.js";

/** Points `[x, y]`; on a curve also numbers `x`, whose `y` is `f(x)`. */
export type Path = ArrayLike<number | readonly number[]> | { toArray(): unknown };

/** The surroundings of the path, and the speed. */
export interface AnimateOptions {
  /** A curve y = f(x), or a map of f(x, y); by default, as many variables as `f` declares. */
  kind?: "curve" | "contour";
  /** The range along x; widened where the path leaves it. By default, the path. */
  xRange?: Range;
  /**
   * The range along y; widened where the path leaves it. By default, the path and, of a curve,
   * the curve.
   */
  yRange?: Range;
  /** Milliseconds from step to step. */
  interval?: number;
  /** Above the picture. */
  title?: string;
  /** Below the horizontal axis. */
  xlabel?: string;
  /** Beside the vertical axis. */
  ylabel?: string;
  /** Width of the picture in pixels. */
  width?: number;
  /** Height of the picture in pixels. */
  height?: number;
  /** Several paths by name, instead of the second argument. */
  paths?: Record<string, Path>;
}

interface NamedPath {
  name: string;
  points: (readonly [number, number])[];
}

/** A path over its function, ready to be written to a file. */
export class Animation {
  readonly #drawing: Drawing;
  readonly #paths: readonly NamedPath[];
  readonly #interval: number;
  readonly #describe: (point: readonly [number, number]) => string;

  /** Prefer `animatePath(f, points, options)`. */
  constructor(
    drawing: Drawing,
    paths: readonly NamedPath[],
    interval: number,
    describe: (point: readonly [number, number]) => string,
  ) {
    this.#drawing = drawing;
    this.#paths = paths;
    this.#interval = interval;
    this.#describe = describe;
  }

  /** One self-contained page with play, pause and a slider; it loads nothing from anywhere. */
  async toHTML(): Promise<string> {
    return htmlPage(await this.#scene(0));
  }

  /** An SVG that runs by itself, over and over, also as an image in a README. */
  async toSVG(): Promise<string> {
    return animatedSvg(await this.#scene(18 * this.#paths.length + 14));
  }

  /**
   * Writes the animation to a file ending in .html or .svg, and returns its path.
   *
   * @throws RangeError `ERR_ARGUMENT` for another ending (there is no .gif); Error
   * `ERR_MISSING_PACKAGE` where vega is not installed.
   */
  save(path: string): Promise<string> {
    return saveAs(path, { ".html": () => this.toHTML(), ".svg": () => this.toSVG() });
  }

  /** The picture, and the paths in its pixels, with room left for text below. */
  async #scene(textHeight: number): Promise<Scene> {
    const { width, height, title } = this.#drawing;
    const { svg, frame } = await renderDrawing({ ...this.#drawing, height: height - textHeight });
    const steps = Math.max(1, ...this.#paths.map(({ points }) => points.length));
    const trails = this.#paths.map(({ name, points }, k): Trail => {
      const pixels = points.map((point) =>
        isShown(point) ? toPixel(frame, ...point).map((v) => Number(short(v))) : null,
      );
      const texts = points.map((point) =>
        isShown(point) ? this.#describe(point) : `${this.#describe(point)}: not finite, not shown`,
      );
      return { name, color: trailColors[k % trailColors.length]!, points: pixels, texts };
    });
    const { left, top } = frame;
    const hasHalo = this.#drawing.contours.length > 0;
    return { svg, title, width, height, left, top, trails, hasHalo, steps, interval: this.#interval };
  }
}

/**
 * Animates a path over the curve y = f(x), or over the map of f(x, y) where `f` takes two numbers:
 * the steps so far, the current one, its number and its values. The axes widen to show every point;
 * points that are not finite are skipped, and said to be.
 *
 * @example
 * const animation = animatePath((x) => x * x, [2.5, 2, 1.6, 1.28], { xRange: [-3, 3], interval: 400 });
 * await animation.save("descent.html");
 * animatePath((x, y) => x * x - y * y, { Adam: adamPoints, SGD: sgdPoints }, { xRange: [-2, 2] });
 */
export function animatePath(
  f: Surface,
  points?: Path | Record<string, Path>,
  options: AnimateOptions = {},
): Animation {
  if (typeof f !== "function") throw data.typeError(what, "f must be a function");
  const read = readOptions(what, options, {
    kind: undefined as string | undefined,
    xRange: undefined as Range | undefined,
    yRange: undefined as Range | undefined,
    interval: 400,
    title: "",
    xlabel: "x",
    ylabel: undefined as string | undefined,
    width: 640,
    height: 440,
    paths: undefined as Record<string, Path> | undefined,
  });
  const kind = chooseKind(f, read.kind);
  const call = (...args: number[]) => data.callForNumber(what, f, ...args);
  const paths = readPaths(points, read.paths, kind === "curve" ? call : undefined);
  const shown = paths.flatMap((path) => path.points.filter(isShown));
  const drawing: Drawing = {
    title: data.checkText(what, "title", read.title),
    xlabel: data.checkText(what, "xlabel", read.xlabel),
    ylabel: data.checkText(what, "ylabel", read.ylabel ?? (kind === "curve" ? "f(x)" : "y")),
    width: data.checkNumber(what, "width", read.width, 200, 10_000),
    height: data.checkNumber(what, "height", read.height, 200, 10_000),
    xRange: widened("xRange", read.xRange, shown.map(([x]) => x)), // prettier-ignore
    yRange: undefined,
    xScale: "linear",
    yScale: "linear",
    series: [],
    contours: [],
    annotations: [],
  };
  const interval = data.checkNumber(what, "interval", read.interval, 1, 3_600_000);
  const heights = shown.map(([, y]) => y);
  if (kind === "contour") {
    drawing.yRange = widened("yRange", read.yRange, heights);
    addMap(drawing, call);
    return new Animation(drawing, paths, interval, ([x, y]) => {
      const height = data.isPlottable(x) && data.isPlottable(y) ? `${gap}f = ${value(call(x, y))}` : "";
      return `x = ${value(x)}${gap}y = ${value(y)}${height}`;
    });
  }
  const curve = addCurve(drawing, call);
  const seen = read.yRange ? heights : [...heights, ...curve];
  drawing.yRange = widened("yRange", read.yRange, seen);
  return new Animation(drawing, paths, interval, ([x, y]) => `x = ${value(x)}${gap}f = ${value(y)}`);
}

const what = "animatePath";

function chooseKind(f: Surface, kind: string | undefined): "curve" | "contour" {
  if (kind === "curve" || kind === "contour") return kind;
  if (kind !== undefined) throw data.rangeError(what, `kind must be curve or contour, but is "${kind}"`);
  if (f.length === 1) return "curve";
  if (f.length === 2) return "contour";
  throw data.typeError(
    what,
    `f declares ${f.length} parameters; say which it is: { kind: "curve" } or "contour"`,
  );
}

function readPaths(points: unknown, named: unknown, curve: ((x: number) => number) | undefined): NamedPath[] {
  const isNamed = typeof points === "object" && points !== null && !data.isList(points);
  if (named !== undefined && points !== undefined) {
    throw data.typeError(what, "give either points or the option paths, not both");
  }
  const paths = named ?? (isNamed ? points : { "": points });
  if (typeof paths !== "object" || data.isList(paths)) {
    throw data.typeError(what, "paths must be an object such as { Adam: points }");
  }
  return Object.entries(paths).map(([key, list]: [string, unknown]) => {
    const name = data.checkText(what, "name", key);
    const label = name === "" ? "points" : `paths.${name}`;
    const points = Array.from(data.toList(what, label, list), (point, i) =>
      readPoint(point, `${label}[${i}]`, curve),
    );
    return { name, points };
  });
}

function readPoint(
  point: unknown,
  name: string,
  curve: ((x: number) => number) | undefined,
): readonly [number, number] {
  if (curve && typeof point === "number") return [point, data.isPlottable(point) ? curve(point) : NaN];
  const pair = data.toNumbers(what, name, point);
  if (pair.length !== 2) {
    throw data.rangeError(what, `${name} must be a pair [x, y], but has ${pair.length} numbers`);
  }
  return [pair[0]!, pair[1]!];
}

function isShown([x, y]: readonly [number, number]): boolean {
  return data.isPlottable(x) && data.isPlottable(y);
}

/** The range given, or one that shows all values, with a margin where they need it. */
function widened(name: string, given: Range | undefined, values: number[]): Range {
  const range = given && data.checkRange(what, name, given);
  const all = data.extent(values, range);
  if (!all) return [0, 1];
  return range && all[0] === range[0] && all[1] === range[1] ? range : data.withMargin(all);
}

const curvePoints = 401;

/** Draws the curve over the whole x axis, and returns its heights. */
function addCurve(drawing: Drawing, f: (x: number) => number): number[] {
  const [from, to] = drawing.xRange!;
  const x = Array.from({ length: curvePoints }, (_, i) => from + (to - from) * (i / (curvePoints - 1)));
  const y = x.map((at) => f(at));
  const look = { color: palette[0], dash: [], width: 2, marker: "", size: 0 };
  drawing.series.push({ kind: "line", label: "", ...look, x, y });
  return y;
}

/** Draws the map over both axes. */
function addMap(drawing: Drawing, f: Surface): void {
  const grid = sampleGrid(f, drawing.xRange!, drawing.yRange!, 80);
  const levels = chooseLevels(grid, 10);
  const colors = blend(fillColors, levels.length + 1);
  drawing.contours.push({ kind: "contour", grid, levels, colors, isFilled: true, label: "f" });
}

/** Between two values; SVG would make one of several plain spaces. */
const gap = "\u00a0\u00a0 ";

/** A number in about five digits. */
function value(number: number): string {
  if (!Number.isFinite(number)) return String(number);
  const size = Math.abs(number);
  const text = size !== 0 && (size < 1e-4 || size >= 1e6) ? number.toExponential(3) : number.toFixed(4);
  return text.replaceAll("-", "\u2212");
}
