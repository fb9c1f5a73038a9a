import { describe, readOptions } from "../options.js";
import { blend, fillColors, lineColors, palette } from "./colors.js";
import { chooseLevels, sampleGrid, type Grid } from "./contour.js";
import * as data from "./data.js";
import type { Numbers, Range, Surface } from "./data.js";
import { hasPlace, type Contour, type Drawing, type ScaleType, type Series } from "./drawing.js";
import { renderDrawing, saveAs, toPng } from "./render.js";

/** What a figure is about, and its size. */
export interface FigureOptions {
  /** Below the horizontal axis. */
  xlabel?: string;
  /** Beside the vertical axis. */
  ylabel?: string;
  /** Above the picture. */
  title?: string;
  /** Width of the picture in pixels, labels and all. */
  width?: number;
  /** Height of the picture in pixels, labels and all. */
  height?: number;
  /** The ends of the x axis; by default it shows everything. */
  xRange?: Range;
  /** The ends of the y axis; by default it shows everything. */
  yRange?: Range;
  /** On a logarithmic axis, numbers that are not positive are gaps. */
  xScale?: "linear" | "log";
  /** On a logarithmic axis, numbers that are not positive are gaps. */
  yScale?: "linear" | "log";
}

/** The look of a line. */
export interface PlotOptions {
  /** Its name in the legend. */
  label?: string;
  /** A CSS colour. */
  color?: string;
  /** `"dashed"`, `"dotted"`, or lengths of dashes and gaps in pixels. */
  dash?: "solid" | "dashed" | "dotted" | readonly number[];
  /** Pixels. */
  width?: number;
  /** A symbol at every point. */
  marker?: Marker;
}

/** The look of separate points. */
export interface ScatterOptions {
  /** Their name in the legend. */
  label?: string;
  /** A CSS colour. */
  color?: string;
  /** Diameter in pixels. */
  size?: number;
  /** The symbol. */
  marker?: Marker;
}

/** How a surface is mapped. */
export interface ContourOptions {
  /** Where a function is drawn along x; by default, the figure's `xRange`. */
  xRange?: Range;
  /** Where a function is drawn along y; by default, the figure's `yRange`. */
  yRange?: Range;
  /** The positions of a grid's columns. */
  x?: Numbers;
  /** The positions of a grid's rows. */
  y?: Numbers;
  /** The heights to draw, or about how many. */
  levels?: number | readonly number[];
  /** Into how many cells each side is cut to sample a function. */
  resolution?: number;
  /** Colours the regions between the levels rather than the lines. */
  filled?: boolean;
  /** A title for the scale of colours. */
  label?: string;
}

/** Where a note stands and what it points at. */
export interface AnnotateOptions {
  /** The point that the note is about. */
  xy: readonly [number, number];
  /** Where the text starts: its lower left corner. */
  xytext: readonly [number, number];
  /** Whether an arrow goes from the text to the point. */
  arrow?: boolean;
}

/** The symbols that mark points. */
export type Marker = "circle" | "square" | "diamond" | "cross" | "triangle";

const markers: readonly string[] = ["circle", "square", "diamond", "cross", "triangle"];
const dashes: Record<string, readonly number[]> = { solid: [], dashed: [7, 4], dotted: [2, 3] };

/**
 * A picture of curves, points, contour maps and notes, put together by chaining. Everything that it
 * is given is copied at the call.
 *
 * @example
 * const fig = figure({ xlabel: "x", ylabel: "f(x)" });
 * fig.plot([0, 1, 2], [0, 1, 4], { label: "squares" }).annotate("here", { xy: [1, 1], xytext: [0.2, 3] });
 * await fig.save("squares.svg");
 */
export class Figure {
  readonly #drawing: Drawing;

  /** Prefer `figure(options)`. */
  constructor(options: FigureOptions = {}) {
    const what = "figure";
    const read = readOptions(what, options, {
      xlabel: "",
      ylabel: "",
      title: "",
      width: 640,
      height: 400,
      xRange: undefined as Range | undefined,
      yRange: undefined as Range | undefined,
      xScale: "linear",
      yScale: "linear",
    });
    const [xScale, yScale] = [checkScale("xScale", read.xScale), checkScale("yScale", read.yScale)];
    this.#drawing = {
      xlabel: data.checkText(what, "xlabel", read.xlabel),
      ylabel: data.checkText(what, "ylabel", read.ylabel),
      title: data.checkText(what, "title", read.title),
      width: data.checkNumber(what, "width", read.width, 100, 10_000),
      height: data.checkNumber(what, "height", read.height, 100, 10_000),
      xRange: checkEnds("xRange", read.xRange, xScale),
      yRange: checkEnds("yRange", read.yRange, yScale),
      xScale,
      yScale,
      series: [],
      contours: [],
      annotations: [],
    };
  }

  /** Draws a line through points; NaN and infinities leave gaps. */
  plot(x: Numbers, y: Numbers, options: PlotOptions = {}): this {
    const what = "plot";
    const read = readOptions(what, options, {
      label: "",
      color: undefined as string | undefined,
      dash: "solid",
      width: 2,
      marker: "",
    });
    return this.#add(what, x, y, {
      kind: "line",
      ...this.#look(what, read),
      dash: checkDash(read.dash),
      width: data.checkNumber(what, "width", read.width, 0, 100),
      marker: read.marker === "" ? "" : checkMarker(what, read.marker),
      size: 6,
    });
  }

  /** Draws separate points; those with NaN or infinities are left out. */
  scatter(x: Numbers, y: Numbers, options: ScatterOptions = {}): this {
    const what = "scatter";
    const read = readOptions(what, options, {
      label: "",
      color: undefined as string | undefined,
      size: 6,
      marker: "circle",
    });
    return this.#add(what, x, y, {
      kind: "points",
      ...this.#look(what, read),
      dash: [],
      width: 0,
      marker: checkMarker(what, read.marker),
      size: data.checkNumber(what, "size", read.size, 0, 1000),
    });
  }

  /**
   * Maps a surface: a function of x and y, or a grid of heights `z[j][i]` at `x[i]`, `y[j]`. Where
   * the surface is NaN or infinite, the map is empty. Without levels, about ten are chosen.
   */
  contour(
    surface: Surface | readonly Numbers[] | { toArray(): unknown },
    options: ContourOptions = {},
  ): this {
    const what = "contour";
    if (this.#drawing.xScale === "log" || this.#drawing.yScale === "log") {
      throw data.rangeError(what, "maps need linear axes");
    }
    const read = readOptions(what, options, {
      xRange: this.#drawing.xRange,
      yRange: this.#drawing.yRange,
      x: undefined as Numbers | undefined,
      y: undefined as Numbers | undefined,
      levels: 10,
      resolution: 100,
      filled: false,
      label: "",
    });
    const grid = typeof surface === "function" ? gridOf(surface, read) : readGrid(surface, read.x, read.y);
    const levels = chooseLevels(
      grid,
      typeof read.levels === "number"
        ? Math.round(data.checkNumber(what, "levels", read.levels, 1, 200))
        : data.toNumbers(what, "levels", read.levels),
    );
    const colors = read.filled ? blend(fillColors, levels.length + 1) : blend(lineColors, levels.length);
    const label = data.checkText(what, "label", read.label);
    const contour: Contour = {
      kind: "contour",
      grid,
      levels,
      colors,
      isFilled: data.checkBoolean(what, "filled", read.filled),
      label,
    };
    this.#drawing.contours.push(contour);
    return this;
  }

  /** Writes a text at `xytext` about the point `xy`, with an arrow from the one to the other. */
  annotate(text: string, options: AnnotateOptions): this {
    const what = "annotate";
    const none = undefined as readonly [number, number] | undefined;
    const read = readOptions(what, options, { xy: none, xytext: none, arrow: true });
    this.#drawing.annotations.push({
      kind: "annotation",
      text: data.checkText(what, "text", text),
      xy: this.#place("xy", read.xy),
      xytext: this.#place("xytext", read.xytext ?? read.xy),
      hasArrow: data.checkBoolean(what, "arrow", read.arrow),
    });
    return this;
  }

  /** The picture as SVG. */
  async toSVG(): Promise<string> {
    return (await renderDrawing(this.#drawing)).svg;
  }

  /**
   * Writes the picture to a file ending in .svg or .png (which has two pixels to one of the figure,
   * each way), and returns its path.
   *
   * @throws RangeError `ERR_ARGUMENT` for another ending; Error `ERR_MISSING_PACKAGE` where vega or
   * resvg are not installed, `ERR_NO_FONTS` where a PNG would have no text.
   */
  save(path: string): Promise<string> {
    return saveAs(path, { ".svg": () => this.toSVG(), ".png": async () => toPng(await this.toSVG()) });
  }

  #add(what: string, x: Numbers, y: Numbers, look: Omit<Series, "x" | "y">): this {
    const [xs, ys] = [data.toNumbers(what, "x", x), data.toNumbers(what, "y", y)];
    data.checkSameLength(what, xs, ys);
    this.#drawing.series.push({ ...look, x: xs, y: ys });
    return this;
  }

  #place(name: string, given: unknown): [number, number] {
    const [x, y] = data.checkPoint("annotate", name, given);
    const { xScale, yScale } = this.#drawing;
    if (hasPlace(x, xScale) && hasPlace(y, yScale)) return [x, y];
    throw data.rangeError("annotate", `${name} must be positive on a log axis, but is [${x}, ${y}]`);
  }

  #look(what: string, { label, color }: { label: string; color: string | undefined }) {
    const next = palette[this.#drawing.series.length % palette.length]!;
    return {
      label: data.checkText(what, "label", label),
      color: color === undefined ? next : data.checkColor(what, color),
    };
  }
}

/** Starts a figure. */
export function figure(options: FigureOptions = {}): Figure {
  return new Figure(options);
}

function gridOf(
  f: Surface,
  read: { xRange: Range | undefined; yRange: Range | undefined; resolution: number },
): Grid {
  const what = "contour";
  const { xRange, yRange } = read;
  if (!xRange || !yRange) throw data.typeError(what, "a function needs xRange and yRange, such as [-2, 2]");
  const resolution = Math.round(data.checkNumber(what, "resolution", read.resolution, 2, 2000));
  return sampleGrid(
    (x, y) => data.callForNumber(what, f, x, y),
    data.checkRange(what, "xRange", xRange),
    data.checkRange(what, "yRange", yRange),
    resolution,
  );
}

function readGrid(surface: unknown, x: Numbers | undefined, y: Numbers | undefined): Grid {
  const what = "contour";
  const z = Array.from(data.toList(what, "z", surface), (row, j) => data.toNumbers(what, `z[${j}]`, row));
  if (!x || !y) throw data.typeError(what, "a grid needs x and y, the positions of its columns and rows");
  const grid = { x: data.toNumbers(what, "x", x), y: data.toNumbers(what, "y", y), z };
  const isRising = (list: number[]) =>
    list.every((v, i) => data.isPlottable(v) && (i === 0 || v > list[i - 1]!));
  if (!isRising(grid.x) || !isRising(grid.y)) throw data.rangeError(what, "x and y must be finite and rise");
  const uneven = z.find((row) => row.length !== grid.x.length);
  if (z.length !== grid.y.length || uneven || z.length < 2 || grid.x.length < 2) {
    const shape = `[${z.length},${(uneven ?? z[0] ?? []).length}]`;
    const problem = `z has shape ${shape}, expected [${grid.y.length},${grid.x.length}], of at least [2,2]`;
    throw data.rangeError(what, problem);
  }
  return grid;
}

function checkScale(name: string, type: string): ScaleType {
  if (type === "linear" || type === "log") return type;
  throw data.rangeError("figure", `${name} must be linear or log, but is ${describe(type)}`);
}

function checkEnds(name: string, range: Range | undefined, type: ScaleType): Range | undefined {
  const ends = range && data.checkRange("figure", name, range);
  if (!ends || hasPlace(ends[0], type)) return ends;
  throw data.rangeError("figure", `${name} must be positive on a log axis, but is [${ends.join(", ")}]`);
}

function checkDash(dash: string | readonly number[]): readonly number[] {
  if (typeof dash !== "string") {
    return data.toNumbers("plot", "dash", dash).map((n) => data.checkNumber("plot", "dash", n, 0, 1000));
  }
  if (Object.hasOwn(dashes, dash)) return dashes[dash]!;
  throw data.rangeError("plot", `dash must be solid, dashed, dotted or a list of lengths, but is "${dash}"`);
}

function checkMarker(what: string, marker: string): string {
  if (!markers.includes(marker)) {
    throw data.rangeError(what, `marker must be one of ${markers.join(", ")}, but is "${marker}"`);
  }
  return marker === "triangle" ? "triangle-up" : marker;
}
