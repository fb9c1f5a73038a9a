/*
 * The Vega specification of a drawing. Vega lays out axes, title and legends and draws lines and
 * points. What must be computed in pixels (contours, arrows) waits for the layout: the specification
 * leaves room for it as two empty tables of paths, which the renderer fills.
 */
import type { Axis, Data, Legend, Mark, Scale, Spec } from "vega";
import type { Range } from "./data.js";
import {
  annotationSize,
  fontFamily,
  isShown,
  shareOf,
  type Annotation,
  type Contour,
  type Drawing,
  type Series,
} from "./drawing.js";
import { textWidth } from "./text.js";
import { axisFormat, levelTexts, logFormat, logTicks } from "./ticks.js";

/** The Vega specification of a drawing. */
export function toSpec(drawing: Drawing, ranges: { x: Range; y: Range }): Spec {
  const { xlabel, ylabel, title, width, height, series, contours, annotations } = drawing;
  const axis = (scale: "x" | "y", label: string): Axis => ({
    scale,
    orient: scale === "x" ? "bottom" : "left",
    tickCount: { signal: scale === "x" ? "ceil(width / 70)" : "ceil(height / 45)" },
    ...(label === "" ? {} : { title: label }),
    ...axisTicks(drawing, scale, ranges[scale]),
    grid: contours.length === 0,
  });
  const scale = (name: "x" | "y", range: "width" | "height"): Scale => ({
    name,
    type: drawing[`${name}Scale`],
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
        { name: `line${i}`, values: lineRows(drawing, layer, ranges) },
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

/** The ticks and their format where Vega's own do not do. */
function axisTicks(drawing: Drawing, axis: "x" | "y", range: Range): Partial<Axis> {
  const [size, room] = axis === "x" ? [drawing.width, 70] : [drawing.height, 45];
  const ticks = drawing[`${axis}Scale`] === "log" ? logTicks(range, Math.ceil(size / room)) : undefined;
  if (ticks) return { values: ticks, format: logFormat(range) };
  const format = axisFormat(range);
  return format === undefined ? {} : { format };
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
function lineRows(drawing: Drawing, layer: Series, ranges: { x: Range; y: Range }) {
  return layer.x.map((x, i) => {
    const ok = isShown(drawing, layer, i);
    return { x: ok ? x : ranges.x[0], y: ok ? layer.y[i]! : ranges.y[0], ok };
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

const corners = ["top-right", "top-left", "bottom-right", "bottom-left"] as const;
type Corner = (typeof corners)[number];

/** The corner in which a legend hides the fewest points, lines and notes. */
function emptiestCorner(drawing: Drawing, ranges: { x: Range; y: Range }): Corner {
  const { series, annotations, xScale, yScale } = drawing;
  const labels = series.map(({ label }) => label).filter((label) => label !== "");
  // The plot's own size is not known yet; labels and titles take about so much.
  const [plotWidth, plotHeight] = [drawing.width - 75, drawing.height - 85];
  const boxWidth = (Math.max(...labels.map((label) => textWidth(label, 12))) + 60) / plotWidth;
  const boxHeight = (labels.length * 20 + 34) / plotHeight;
  const covered = new Map<Corner, number>(corners.map((corner) => [corner, 0]));
  const count = (u: number, v: number, weight: number) => {
    const sides = [u > 1 - boxWidth ? "right" : "", u < boxWidth ? "left" : ""];
    const ends = [v > 1 - boxHeight ? "top" : "", v < boxHeight ? "bottom" : ""];
    if (u < 0 || u > 1 || v < 0 || v > 1) return;
    for (const corner of corners) {
      const [end, side] = corner.split("-") as [string, string];
      if (ends.includes(end) && sides.includes(side)) covered.set(corner, covered.get(corner)! + weight);
    }
  };
  const along = (x: number) => shareOf(x, ranges.x, xScale);
  const up = (y: number) => shareOf(y, ranges.y, yScale);
  for (const layer of series) {
    let previous: [number, number] | undefined;
    layer.x.forEach((x, i) => {
      const point: [number, number] = [along(x), up(layer.y[i]!)];
      const shown = isShown(drawing, layer, i);
      if (shown) count(...point, 1);
      if (shown && previous && layer.kind === "line") {
        for (const t of [0.2, 0.4, 0.6, 0.8]) {
          count(previous[0] + t * (point[0] - previous[0]), previous[1] + t * (point[1] - previous[1]), 0.25);
        }
      }
      previous = shown ? point : undefined;
    });
  }
  for (const { text, xy, xytext } of annotations) {
    count(along(xy[0]), up(xy[1]), 10);
    const [u, v] = [along(xytext[0]), up(xytext[1])];
    const long = Math.max(...text.split("\n").map((line) => textWidth(line, annotationSize))) / plotWidth;
    for (const t of [0, 0.5, 1]) count(u + t * long, v, 10);
  }
  return [...covered].reduce((best, next) => (next[1] < best[1] ? next : best))[0];
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
    scales.push({ name: names, type: "ordinal", domain, range: levelTexts(levels) });
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
