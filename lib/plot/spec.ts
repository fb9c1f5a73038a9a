/*
 * A drawing as data, and the Vega specification that shows it. Vega lays out axes, title and
 * legends and draws lines and points. What must be computed in pixels (contours, arrows) waits for
 * the layout: the specification leaves room for it as two empty tables of paths, which the renderer
 * fills.
 */
import type { Axis, Data, Legend, Mark, Scale, Spec } from "vega";
import type { Grid } from "./contour.js";
import { extent, isPlottable, withMargin, type Range } from "./data.js";

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
  /** One for each level; where filled, one more, first, for what lies below the lowest. */
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
  series: Series[];
  contours: Contour[];
  annotations: Annotation[];
}

/** Fonts that readers have. */
export const fontFamily = "Helvetica, Arial, sans-serif";

/** Size of annotations, in pixels. */
export const annotationSize = 12;

/** The ranges of the two axes: what was asked for, or else what shows everything. */
export function chooseRanges(drawing: Drawing): { x: Range; y: Range } {
  const { series, contours, annotations } = drawing;
  const along = (axis: "x" | "y", fixed: Range | undefined): Range => {
    if (fixed) return fixed;
    const index = axis === "x" ? 0 : 1;
    const surface = extent(contours.flatMap(({ grid }) => [grid[axis][0]!, grid[axis].at(-1)!]));
    const marked = annotations.flatMap(({ xy, xytext }) => [xy[index], xytext[index]]);
    // A map ends where its surface ends, unless something lies outside.
    const seen = series.flatMap((layer) => layer[axis].filter((_, i) => isShown(layer, i)));
    const everything = extent([...seen, ...marked], surface);
    if (!everything) return [0, 1];
    const isInside = surface && everything[0] === surface[0] && everything[1] === surface[1];
    return isInside ? surface : withMargin(everything);
  };
  return { x: along("x", drawing.xRange), y: along("y", drawing.yRange) };
}

/** Whether both coordinates of a point have a place. */
export function isShown({ x, y }: Series, i: number): boolean {
  return isPlottable(x[i]!) && isPlottable(y[i]!);
}

/** The Vega specification of a drawing. */
export function toSpec(drawing: Drawing, ranges: { x: Range; y: Range }): Spec {
  const { xlabel, ylabel, title, width, height, series, contours, annotations } = drawing;
  const axis = (scale: "x" | "y", label: string): Axis => ({
    scale,
    orient: scale === "x" ? "bottom" : "left",
    tickCount: { signal: scale === "x" ? "ceil(width / 70)" : "ceil(height / 45)" },
    ...(label === "" ? {} : { title: label }),
    // Otherwise all digits are written, whatever the exponent.
    ...(isOrdinary(ranges[scale]) ? {} : { format: ".12~g" }),
    grid: contours.length === 0,
  });
  const scale = (name: "x" | "y", range: "width" | "height"): Scale => ({
    name,
    type: "linear",
    domain: [...ranges[name]],
    range,
    nice: false,
    zero: false,
  });
  const [seriesScales, seriesLegends] = seriesLegend(drawing, ranges);
  const [levelScales, levelLegends] = levelLegend(contours);
  return {
    width,
    height,
    padding: 10,
    autosize: { type: "fit", contains: "padding" },
    background: "white",
    ...(title === "" ? {} : { title: { text: title.split("\n") } }),
    config,
    data: [
      { name: "regions", values: [] },
      { name: "arrows", values: [] },
      ...series.flatMap((layer, i): Data[] => [
        { name: `line${i}`, values: lineRows(layer) },
        { name: `points${i}`, values: pointRows(layer, ranges) },
      ]),
    ],
    scales: [scale("x", "width"), scale("y", "height"), ...seriesScales, ...levelScales],
    axes: [axis("x", xlabel), axis("y", ylabel)],
    legends: [...seriesLegends, ...levelLegends],
    marks: [
      pathMark("regions", true),
      ...series.flatMap(seriesMarks),
      pathMark("arrows", false),
      ...annotations.flatMap((annotation) => [textMark(annotation, true), textMark(annotation, false)]),
    ],
  };
}

function isOrdinary([from, to]: Range): boolean {
  const size = Math.max(Math.abs(from), Math.abs(to));
  return size < 1e9 && size > 1e-5;
}

const config = {
  style: { "guide-label": { font: fontFamily, fontSize: 11, fill: "#333" } },
  axis: {
    titleFont: fontFamily,
    titleFontSize: 13,
    titleFontWeight: "normal" as const,
    titleColor: "#222",
    titlePadding: 8,
    domainColor: "#777",
    tickColor: "#777",
    gridColor: "#e6e6e6",
    labelFlush: false,
    labelOverlap: "greedy" as const,
  },
  title: { font: fontFamily, fontSize: 15, fontWeight: "bold" as const, color: "#111", offset: 12 },
  legend: {
    titleFont: fontFamily,
    titleFontSize: 12,
    titleFontWeight: "normal" as const,
    labelFont: fontFamily,
    labelFontSize: 12,
    labelColor: "#222",
    labelLimit: 0,
    rowPadding: 4,
  },
};

/** Every point; `ok` where the line goes through it. */
function lineRows(layer: Series): { x: number; y: number; ok: boolean }[] {
  return layer.x.map((x, i) => {
    const ok = isShown(layer, i);
    return { x: ok ? x : 0, y: ok ? layer.y[i]! : 0, ok };
  });
}

/** The points within the axes. Their markers may stand out over the edge, so they are not clipped. */
function pointRows(layer: Series, ranges: { x: Range; y: Range }): { x: number; y: number }[] {
  const isWithin = (value: number, [from, to]: Range) => value >= from && value <= to;
  return layer.x
    .map((x, i) => ({ x, y: layer.y[i]! }))
    .filter(({ x, y }) => isWithin(x, ranges.x) && isWithin(y, ranges.y));
}

const atPoint = { x: { scale: "x", field: "x" }, y: { scale: "y", field: "y" } };

function seriesMarks(layer: Series, i: number): Mark[] {
  const { kind, color, dash, width, marker, size } = layer;
  const line: Mark = {
    type: "line",
    from: { data: `line${i}` },
    clip: true,
    encode: {
      update: {
        ...atPoint,
        defined: { field: "ok" },
        stroke: { value: color },
        strokeWidth: { value: width },
        strokeDash: { value: [...dash] },
        strokeJoin: { value: "round" },
        strokeCap: { value: dash.length > 0 ? "butt" : "round" },
      },
    },
  };
  const points: Mark = {
    type: "symbol",
    from: { data: `points${i}` },
    encode: {
      update: {
        ...atPoint,
        shape: { value: marker },
        size: { value: size * size },
        fill: { value: color },
        fillOpacity: { value: kind === "points" ? 0.8 : 1 },
      },
    },
  };
  return [...(kind === "line" ? [line] : []), ...(marker === "" ? [] : [points])];
}

function pathMark(name: "regions" | "arrows", clip: boolean): Mark {
  return {
    type: "path",
    from: { data: name },
    clip,
    encode: {
      update: {
        path: { field: "path" },
        fill: { field: "fill" },
        stroke: { field: "stroke" },
        strokeWidth: { field: "width" },
        description: { field: "description" },
      },
    },
  };
}

/** The text of a note, or the white halo that keeps it readable over lines. */
function textMark({ text, xytext: [x, y] }: Annotation, isHalo: boolean): Mark {
  return {
    type: "text",
    aria: !isHalo,
    encode: {
      update: {
        x: { scale: "x", value: x },
        y: { scale: "y", value: y },
        text: { value: text.split("\n") },
        baseline: { value: "line-bottom" },
        // The lowest of several lines stands at the point.
        dy: { value: -(text.split("\n").length - 1) * annotationSize * 1.25 },
        lineHeight: { value: annotationSize * 1.25 },
        font: { value: fontFamily },
        fontSize: { value: annotationSize },
        ...(isHalo
          ? { stroke: { value: "white" }, strokeWidth: { value: 4 }, strokeJoin: { value: "round" } }
          : { fill: { value: "#111" } }),
      },
    },
  };
}

/** A legend for the series that have labels, in the corner where it hides least. */
function seriesLegend(drawing: Drawing, ranges: { x: Range; y: Range }): [Scale[], Legend[]] {
  const shown = drawing.series.filter(({ label }) => label !== "");
  if (shown.length === 0) return [[], []];
  const domain = shown.map((_, i) => i);
  const ordinal = (name: string, range: unknown[]): Scale =>
    ({ name, type: "ordinal", domain, range }) as Scale;
  const isLine = ({ kind }: Series) => kind === "line";
  const scales = [
    ordinal("legendStroke", shown.map((s) => (isLine(s) ? s.color : "transparent"))), // prettier-ignore
    ordinal("legendFill", shown.map((s) => (isLine(s) ? "transparent" : s.color))), // prettier-ignore
    ordinal("legendDash", shown.map((s) => (s.dash.length > 0 ? [...s.dash] : [1, 0]))), // prettier-ignore
    ordinal("legendShape", shown.map((s) => (isLine(s) ? "stroke" : s.marker))), // prettier-ignore
    ordinal("legendSize", shown.map((s) => (isLine(s) ? 260 : Math.min(s.size ** 2, 260)))), // prettier-ignore
    ordinal("legendLabel", shown.map((s) => s.label)), // prettier-ignore
  ];
  const legend: Legend = {
    stroke: "legendStroke",
    fill: "legendFill",
    strokeDash: "legendDash",
    shape: "legendShape",
    size: "legendSize",
    orient: emptiestCorner(drawing, ranges),
    direction: "vertical",
    fillColor: "rgba(255, 255, 255, 0.85)",
    strokeColor: "#ccc",
    cornerRadius: 3,
    padding: 7,
    offset: 8,
    symbolStrokeWidth: 2,
    encode: { labels: { update: { text: { signal: "scale('legendLabel', datum.value)" } } } },
  };
  return [scales, [legend]];
}

type Corner = "top-right" | "top-left" | "bottom-right" | "bottom-left";

function emptiestCorner({ series, annotations }: Drawing, ranges: { x: Range; y: Range }): Corner {
  const share = (value: number, [from, to]: Range) => (value - from) / (to - from);
  const counts = new Map<Corner, number>();
  for (const corner of ["top-right", "top-left", "bottom-right", "bottom-left"] as const)
    counts.set(corner, 0);
  const count = (x: number, y: number, weight: number) => {
    const [u, v] = [share(x, ranges.x), share(y, ranges.y)];
    const side = u > 0.6 ? "right" : u < 0.4 ? "left" : undefined;
    const end = v > 0.65 ? "top" : v < 0.35 ? "bottom" : undefined;
    if (!side || !end) return;
    counts.set(`${end}-${side}`, counts.get(`${end}-${side}`)! + weight);
  };
  for (const layer of series) {
    layer.x.forEach((x, i) => isShown(layer, i) && count(x, layer.y[i]!, 1 / layer.x.length));
  }
  for (const { xy, xytext } of annotations) {
    count(...xy, 0.1);
    count(...xytext, 0.3);
  }
  return [...counts].reduce((best, next) => (next[1] < best[1] ? next : best))[0];
}

/** The levels of each contour map beside it; a bar of colours where it is filled. */
function levelLegend(contours: Contour[]): [Scale[], Legend[]] {
  const scales: Scale[] = [];
  const legends: Legend[] = [];
  contours.forEach(({ levels, colors, label, isFilled }, i) => {
    if (levels.length === 0) return;
    const [name, names] = [`level${i}`, `levelName${i}`];
    // Levels are shown by their number, so that a bar has steps of one size whatever the levels.
    const domain = levels.map((_, k) => k);
    const everyOne = domain.toReversed();
    const values = everyOne.filter((_, k) => k % Math.ceil(levels.length / 16) === 0);
    const text = levels.map((level) => String(Number(level.toPrecision(6))).replace("-", "−"));
    scales.push({ name: names, type: "ordinal", domain, range: text });
    scales.push({ name, type: isFilled ? "threshold" : "ordinal", domain, range: [...colors] });
    legends.push({
      orient: "right",
      direction: "vertical",
      ...(label === "" ? {} : { title: label }),
      ...(isFilled
        ? { fill: name, type: "gradient", gradientLength: { signal: "height - 24" } }
        : { stroke: name, type: "symbol", symbolType: "stroke", symbolStrokeWidth: 2, values }),
      encode: { labels: { update: { text: { signal: `scale('${names}', datum.value)` } } } },
    });
  });
  return [scales, legends];
}
