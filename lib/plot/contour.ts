/*
 * Contours by marching squares. For a level, every region where the surface is at least that high
 * becomes closed rings (the region at their left hand), found by linking the crossings of cells'
 * edges. Around the grid lies a border of missing values, so that rings always close; ring points
 * that lie there, or beside NaN, are marked, and lines leave those stretches out.
 */
import { isPlottable, rangeError, type Range } from "./data.js";

/** Heights over a rectangle: `z[j][i]` stands at `x[i]`, `y[j]`. */
export interface Grid {
  x: readonly number[];
  y: readonly number[];
  z: readonly (readonly number[])[];
}

/** A corner of a ring; `isBorder` where it lies on the edge of the grid. */
interface Crossing {
  x: number;
  y: number;
  isBorder: boolean;
}

/** Samples a function over a rectangle, `resolution` cells along each side. */
export function sampleGrid(
  f: (x: number, y: number) => number,
  [x0, x1]: Range,
  [y0, y1]: Range,
  resolution: number,
): Grid {
  const at = (from: number, to: number) =>
    Array.from({ length: resolution + 1 }, (_, i) => from + (to - from) * (i / resolution));
  const [x, y] = [at(x0, x1), at(y0, y1)];
  return { x, y, z: y.map((yj) => x.map((xi) => f(xi, yj))) };
}

/**
 * The levels to draw: those given, or about so many, evenly spaced or, for surfaces like valleys,
 * geometrically.
 */
export function chooseLevels(grid: Grid, levels: number | readonly number[]): number[] {
  const heights = grid.z.flat().filter(isPlottable);
  if (typeof levels !== "number") {
    if (!levels.every(isPlottable)) throw rangeError("contour", `levels must be finite numbers`);
    return [...new Set(levels)].sort((a, b) => a - b);
  }
  heights.sort((a, b) => a - b);
  const [lowest, highest] = [heights[0] ?? 0, heights.at(-1) ?? 0];
  const span = highest - lowest;
  const quantile = (q: number) => heights[Math.floor(q * (heights.length - 1))]! - lowest;
  if (!(span > 0)) return [];
  const candidates =
    quantile(0.5) < span / 8
      ? geometric(quantile(0.01) || span * 1e-4, span, levels).map((height) => lowest + height)
      : evenly(lowest, highest, levels);
  return [...new Set(candidates)].filter((level) => level > lowest && level < highest);
}

/** Multiples of 1, 2 or 5 times a power of ten. */
function evenly(from: number, to: number, count: number): number[] {
  const rough = (to - from) / (count + 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const share = rough / power;
  const step = power * (share > Math.sqrt(50) ? 10 : share > Math.sqrt(10) ? 5 : share > Math.SQRT2 ? 2 : 1);
  const first = Math.ceil(from / step);
  const levels = Array.from({ length: Math.floor(to / step) - first + 1 }, (_, i) => (first + i) * step);
  return levels.map((level) => Number(level.toPrecision(12)) + 0);
}

function geometric(from: number, to: number, count: number): number[] {
  const ratio = Math.log(to / from) / (count + 1);
  return Array.from({ length: count }, (_, i) => Number((from * Math.exp(ratio * (i + 1))).toPrecision(2)));
}

const [bottom, right, top, left] = [0, 1, 2, 3];

/**
 * By which corners are high (1 bottom left, 2 bottom right, 4 top right, 8 top left): edges that a
 * ring enters and leaves by.
 */
const crossings: readonly (readonly (readonly [number, number])[])[] = [
  [],
  [[bottom, left]],
  [[right, bottom]],
  [[right, left]],
  [[top, right]],
  [
    [bottom, left],
    [top, right],
  ],
  [[top, bottom]],
  [[top, left]],
  [[left, top]],
  [[bottom, top]],
  [
    [right, bottom],
    [left, top],
  ],
  [[right, top]],
  [[left, right]],
  [[bottom, right]],
  [[left, bottom]],
  [],
];

/** The two saddles again, for cells whose middle is high: the other two corners are cut off. */
const joinedSaddles = new Map([
  [5, [[bottom, right] as const, [top, left] as const]],
  [10, [[left, bottom] as const, [right, top] as const]],
]);

/** The closed rings around all that is at least `level` high. */
function rings(grid: Grid, level: number): Crossing[][] {
  const [columns, rows] = [grid.x.length, grid.y.length];
  const stride = columns + 2;
  const height = (i: number, j: number) => grid.z[j]?.[i] ?? NaN;
  // An edge is named by its lower left end and by whether it stands upright; the border is at -1.
  const edge = (i: number, j: number, upright: number) => ((j + 1) * stride + i + 1) * 2 + upright;
  const following = new Map<number, number>();
  for (let j = -1; j < rows; j++) {
    for (let i = -1; i < columns; i++) {
      const corners = [height(i, j), height(i + 1, j), height(i + 1, j + 1), height(i, j + 1)];
      const index = corners.reduce((bits, z, k) => bits | (z >= level ? 1 << k : 0), 0);
      const isHigh = corners.reduce((sum, z) => sum + z, 0) / 4 >= level;
      const cuts = (isHigh ? joinedSaddles.get(index) : undefined) ?? crossings[index]!;
      const edges = [edge(i, j, 0), edge(i + 1, j, 1), edge(i, j + 1, 0), edge(i, j, 1)];
      for (const [enter, leave] of cuts) following.set(edges[enter]!, edges[leave]!);
    }
  }
  const crossing = (name: number): Crossing => {
    const node = name >> 1;
    const [i, j] = [(node % stride) - 1, Math.floor(node / stride) - 1];
    return crossingOf(grid, level, [i, j], (name & 1) === 1 ? [i, j + 1] : [i + 1, j]);
  };
  const found: Crossing[][] = [];
  for (const start of following.keys()) {
    const ring: Crossing[] = [];
    for (let at: number | undefined = start; at !== undefined && following.has(at);) {
      ring.push(crossing(at));
      const next: number | undefined = following.get(at);
      following.delete(at);
      at = next;
    }
    if (ring.length > 0) found.push(ring);
  }
  return found;
}

/** Where the surface passes `level` between two neighbours, one of which is high. */
function crossingOf(grid: Grid, level: number, a: [number, number], b: [number, number]): Crossing {
  const za = grid.z[a[1]]?.[a[0]] ?? NaN;
  const [high, low] = za >= level ? [a, b] : [b, a];
  const [zHigh, zLow] = [grid.z[high[1]]![high[0]]!, grid.z[low[1]]?.[low[0]] ?? NaN];
  const [x, y] = [grid.x[high[0]]!, grid.y[high[1]]!];
  if (!Number.isFinite(zLow)) return { x, y, isBorder: true };
  const share = Number.isFinite(zHigh) ? (zHigh - level) / (zHigh - zLow) : 1;
  return {
    x: x + share * (grid.x[low[0]]! - x),
    y: y + share * (grid.y[low[1]]! - y),
    isBorder: false,
  };
}

/** An SVG path around all that is at least `level` high, in the units that `toPixel` gives. */
export function regionPath(grid: Grid, level: number, toPixel: (x: number, y: number) => string): string {
  return rings(grid, level)
    .map((ring) => `M${ring.map(({ x, y }) => toPixel(x, y)).join("L")}Z`)
    .join("");
}

/** An SVG path along the line where the surface is `level` high. */
export function linePath(grid: Grid, level: number, toPixel: (x: number, y: number) => string): string {
  let path = "";
  for (const ring of rings(grid, level)) {
    let previous = ring.at(-1)!;
    let isDrawing = false;
    // Once around, starting at the last point, so that the ring closes.
    for (const point of ring) {
      if (previous.isBorder || point.isBorder) {
        isDrawing = false;
      } else {
        if (!isDrawing) path += `M${toPixel(previous.x, previous.y)}`;
        path += `L${toPixel(point.x, point.y)}`;
        isDrawing = true;
      }
      previous = point;
    }
  }
  return path;
}
