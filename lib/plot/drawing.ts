/*
 * A drawing as data. Nothing here knows how it will be drawn: the types that the package shows to its
 * users reach this file, and they must not reach Vega's, which users may not have installed.
 */
import type { Grid } from "./contour.js";
import { extent, isPlottable, withMargin, type Range } from "./data.js";

/** Whether equal steps along an axis add or multiply. */
export type ScaleType = "linear" | "log";

/** A curve, or separate points. */
export interface Series {
  kind: "line" | "points";
  x: readonly number[];
  y: readonly number[];
  label: string;
  color: string;
  dash: readonly number[];
  /** Width of the line in pixels. */
  width: number;
  /** A Vega symbol, or none. */
  marker: string;
  /** Diameter of the marker in pixels. */
  size: number;
}

/** A surface by its levels. */
export interface Contour {
  kind: "contour";
  grid: Grid;
  levels: readonly number[];
  /** One for each level; where filled, one more, first, for the area below the lowest. */
  colors: readonly string[];
  isFilled: boolean;
  label: string;
}

/** A text with an arrow to the point that it is about. */
export interface Annotation {
  kind: "annotation";
  text: string;
  xy: readonly [number, number];
  xytext: readonly [number, number];
  hasArrow: boolean;
}

/** Everything in a figure. */
export interface Drawing {
  xlabel: string;
  ylabel: string;
  title: string;
  /** Size of the picture in pixels, labels and all. */
  width: number;
  height: number;
  xRange: Range | undefined;
  yRange: Range | undefined;
  xScale: ScaleType;
  yScale: ScaleType;
  series: Series[];
  contours: Contour[];
  annotations: Annotation[];
}

/** Fonts that readers have. */
export const fontFamily = "Helvetica, Arial, sans-serif";

/** Size of annotations, in pixels. */
export const annotationSize = 12;

/** The ranges of the two axes: those that were asked for, or else those that show everything. */
export function chooseRanges(drawing: Drawing): { x: Range; y: Range } {
  const { series, contours, annotations, xScale, yScale } = drawing;
  const along = (axis: "x" | "y", fixed: Range | undefined, type: ScaleType): Range => {
    if (fixed) return fixed;
    const index = axis === "x" ? 0 : 1;
    const surface = extent(contours.flatMap(({ grid }) => [grid[axis][0]!, grid[axis].at(-1)!]));
    const marked = annotations.flatMap(({ xy, xytext }) => [xy[index], xytext[index]]);
    // A map ends where its surface ends, unless something lies outside.
    const seen = series.flatMap((layer) => layer[axis].filter((_, i) => isShown(drawing, layer, i)));
    const everything = extent([...seen, ...marked], surface);
    if (type === "log") return everything ? withLogMargin(everything) : [1, 10];
    if (!everything) return [0, 1];
    const isInside = surface && everything[0] === surface[0] && everything[1] === surface[1];
    return isInside ? surface : withMargin(everything);
  };
  return { x: along("x", drawing.xRange, xScale), y: along("y", drawing.yRange, yScale) };
}

/** Whether both coordinates of a point have a place. */
export function isShown({ xScale, yScale }: Drawing, { x, y }: Series, i: number): boolean {
  return hasPlace(x[i]!, xScale) && hasPlace(y[i]!, yScale);
}

/** Whether a number has a place on an axis. */
export function hasPlace(value: number, type: ScaleType): boolean {
  return isPlottable(value) && (type === "linear" || value >= smallestLog);
}

/** Positive numbers below this are gaps on a logarithmic axis, for doubles so small have few digits. */
const smallestLog = 1e-290;

function withLogMargin([from, to]: Range): Range {
  const [low, high] = [Math.log10(from), Math.log10(to)];
  const margin = high > low ? 0.04 * (high - low) : 0.5;
  return [10 ** Math.max(low - margin, -300), 10 ** Math.min(high + margin, 305)];
}

/** How far along an axis a number lies, from 0 to 1. */
export function shareOf(value: number, [from, to]: Range, type: ScaleType): number {
  if (type === "linear") return (value - from) / (to - from);
  return Math.log(value / from) / Math.log(to / from);
}
