/*
 * From drawings to SVG and PNG. Vega and resvg are loaded when they are first needed, so that
 * tensors do without them. The view is run twice: once to learn the layout, then again with the
 * paths that depend on it.
 */
import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { extname } from "node:path";
import type { LoggerInterface } from "vega";
import { makeError } from "../errors.js";
import { linePath, regionPath } from "./contour.js";
import { rangeError, typeError, type Range } from "./data.js";
import { annotationSize, chooseRanges, shareOf } from "./drawing.js";
import type { Annotation, Contour, Drawing, ScaleType } from "./drawing.js";
import { toSpec } from "./spec.js";
import { measureByLetters, textWidth as widthOf } from "./text.js";

/** Where the plot lies within its picture, in pixels, and what it spans. */
export interface Frame {
  left: number;
  top: number;
  width: number;
  height: number;
  x: Range;
  y: Range;
  xScale: ScaleType;
  yScale: ScaleType;
}

/** The pixel of a point, measured from the upper left corner of the plot. */
export function toPixel(frame: Frame, px: number, py: number): [number, number] {
  const { width, height, x, y, xScale, yScale } = frame;
  return [shareOf(px, x, xScale) * width, (1 - shareOf(py, y, yScale)) * height];
}

/** A number as short text, to a tenth of a pixel or finer. */
export function short(value: number, digits = 1): string {
  return String(Number(value.toFixed(digits)) + 0);
}

interface PathRow {
  path: string;
  fill: string;
  stroke: string;
  width: number;
  description: string;
}

/** Draws a picture, and says where its plot lies. */
export async function renderDrawing(drawing: Drawing): Promise<{ svg: string; frame: Frame }> {
  const vega = await loadVega();
  const { xScale, yScale } = drawing;
  const ranges = chooseRanges(drawing);
  const spec = vega.parse(toSpec(drawing, ranges));
  const errors: unknown[] = [];
  const restore = measureByLetters(vega);
  const view = new vega.View(spec, { renderer: "none", logger: collectInto(errors) });
  try {
    await view.runAsync();
    if (errors.length > 0) throw errors[0];
    const [x, y] = view.origin();
    const { left, top } = view.padding() as { left: number; top: number };
    const size = { width: view.signal("width") as number, height: view.signal("height") as number };
    const frame = { left: x + left, top: y + top, ...size, ...ranges, xScale, yScale };
    const regions = drawing.contours.flatMap((contour) => contourRows(contour, frame));
    const arrows = drawing.annotations.flatMap((annotation) => arrowRows(annotation, frame));
    view.data("regions", regions).data("arrows", arrows);
    return { svg: renameClips(await view.toSVG()), frame };
  } finally {
    view.finalize();
    restore();
  }
}

/** A logger of Vega's, which otherwise shows what it has in spite of errors; warnings are not heard. */
function collectInto(errors: unknown[]): LoggerInterface {
  const logger = {
    level: (() => 0) as unknown as LoggerInterface["level"],
    error: (error: unknown) => (errors.push(error), logger),
    warn: () => logger,
    info: () => logger,
    debug: () => logger,
  };
  return logger;
}

/**
 * Vega numbers its clipping paths through the life of the process; the same picture should be the
 * same text.
 */
function renameClips(svg: string): string {
  const anonymous = svg.replace(clipNames, "$1");
  const key = createHash("sha256").update(anonymous).digest("hex").slice(0, 8);
  const names = [...new Set(Array.from(svg.matchAll(clipNames), (match) => match[2]!))];
  return svg.replace(
    clipNames,
    (_, before: string, name: string) => `${before}c${key}-${names.indexOf(name)}`,
  );
}

const clipNames = /(url\(#|<clipPath id=")(clip\d+)/g;

function contourRows({ grid, levels, colors, isFilled }: Contour, frame: Frame): PathRow[] {
  const pixel = (x: number, y: number) => toPixel(frame, x, y).map((value) => short(value)).join(","); // prettier-ignore
  if (!isFilled) {
    return levels.map((level, i) => ({
      path: linePath(grid, level, pixel),
      fill: "transparent",
      stroke: colors[i]!,
      width: 1.5,
      description: `level ${short(level, 12)}`,
    }));
  }
  return [-Infinity, ...levels].map((level, i) => ({
    path: regionPath(grid, level, pixel),
    fill: colors[i]!,
    stroke: "rgba(255, 255, 255, 0.45)",
    width: 0.6,
    description: i === 0 ? "below the lowest level" : `level ${short(level, 12)}`,
  }));
}

const headLength = 9;
const headWidth = 7;

/**
 * A shaft and a head whose tip is the point; it starts where the line from the middle of the text
 * leaves the text.
 */
function arrowRows({ text, xy, xytext, hasArrow }: Annotation, frame: Frame): PathRow[] {
  if (!hasArrow) return [];
  const [tipX, tipY] = toPixel(frame, ...xy);
  const [textX, textY] = toPixel(frame, ...xytext);
  const lines = text.split("\n");
  const textWidth = Math.max(...lines.map((line) => widthOf(line, annotationSize)));
  const textHeight = lines.length * annotationSize * 1.25;
  const [middleX, middleY] = [textX + textWidth / 2, textY - textHeight / 2];
  const [dx, dy] = [tipX - middleX, tipY - middleY];
  const margin = 3;
  const leaves = Math.min((textWidth / 2 + margin) / Math.abs(dx), (textHeight / 2 + margin) / Math.abs(dy));
  const length = Math.hypot(dx, dy);
  if (!(leaves < 1)) return [];
  const [ux, uy] = [dx / length, dy / length];
  const at = (along: number, across: number) =>
    `${short(tipX - along * ux - across * uy, 2)},${short(tipY - along * uy + across * ux, 2)}`;
  const start = length * (1 - leaves);
  const description = `arrow to (${short(xy[0], 12)}, ${short(xy[1], 12)})`;
  const style = { fill: "#333", stroke: "transparent", width: 0, description };
  const head = {
    ...style,
    path: `M${at(0, 0)}L${at(headLength, headWidth / 2)}L${at(headLength, -headWidth / 2)}Z`,
  };
  if (start <= headLength) return [head];
  const shaft = `M${at(start, 0)}L${at(headLength - 1, 0)}`;
  return [{ ...style, fill: "transparent", stroke: "#333", width: 1.2, path: shaft }, head];
}

/** Pixels of a PNG to one of the figure, for screens of high density. */
const pngDensity = 2;

/** Turns an SVG into a PNG of twice its size. */
export async function toPng(svg: string): Promise<Uint8Array> {
  const { Resvg } = await loadResvg();
  const fonts = bundledFonts();
  const font = { loadSystemFonts: true, fontFiles: fonts, ...(fonts.length > 0 ? dejavu : {}) };
  const probe = `<svg xmlns="http://www.w3.org/2000/svg"><text y="9" font-family="sans-serif">a</text></svg>`;
  if (new Resvg(probe, { font }).getBBox() === undefined) {
    const message =
      "save: this machine has no fonts to draw a PNG's text with; npm install dejavu-fonts-ttf, " +
      "or install a font for the system, or save as .svg";
    throw makeError(Error, message, { code: "ERR_NO_FONTS", op: "save" });
  }
  return new Resvg(svg, { font, fitTo: { mode: "zoom", value: pngDensity } }).render().asPng();
}

const dejavu = {
  defaultFontFamily: "DejaVu Sans",
  sansSerifFamily: "DejaVu Sans",
  monospaceFamily: "DejaVu Sans Mono",
};

function bundledFonts(): string[] {
  const { resolve } = createRequire(import.meta.url);
  try {
    return ["Sans", "Sans-Bold", "SansMono"].map((name) => resolve(`dejavu-fonts-ttf/ttf/DejaVu${name}.ttf`));
  } catch {
    return [];
  }
}

/**
 * Writes a file of one of several kinds, chosen by the ending of its name.
 *
 * @throws RangeError `ERR_ARGUMENT` for an ending that is not among them; Node's error where the
 * file cannot be written.
 */
export async function saveAs(
  path: unknown,
  kinds: Record<string, () => Promise<string | Uint8Array>>,
): Promise<string> {
  if (typeof path !== "string") throw typeError("save", "path must be a string");
  const ending = extname(path).toLowerCase();
  const make = Object.hasOwn(kinds, ending) ? kinds[ending] : undefined;
  if (!make) {
    const known = Object.keys(kinds).join(" or ");
    throw rangeError("save", `"${path}" must end in ${known}${ending ? `, not ${ending}` : ""}`);
  }
  await writeFile(path, await make());
  return path;
}

async function loadVega(): Promise<typeof import("vega")> {
  try {
    return await import("vega");
  } catch (error) {
    throw missing("vega", error);
  }
}

async function loadResvg(): Promise<typeof import("@resvg/resvg-js")> {
  try {
    return await import("@resvg/resvg-js");
  } catch (error) {
    throw missing("@resvg/resvg-js", error);
  }
}

function missing(name: string, cause: unknown): Error {
  const message = `plots need the package ${name}: npm install vega @resvg/resvg-js`;
  const error = makeError(Error, message, { code: "ERR_MISSING_PACKAGE" });
  error.cause = cause;
  return error;
}
