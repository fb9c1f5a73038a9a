import { arange } from "../../ranges.js";
import { makeError } from "../../errors.js";
import { named } from "../../functional/history.js";
import { describe, readOptions } from "../../options.js";
import { handleOf, type Tensor } from "../../tensor.js";
import { cubicWeights } from "./cubic.js";
import { count, inBrackets, requireFlags, requireFloating } from "./sizes.js";

/** Options of {@link gridSample}. */
export interface GridSampleOptions {
  /** `"bilinear"` when left out, which is trilinear for volumes. */
  mode?: "bilinear" | "nearest" | "bicubic";
  /** What lies outside: zeros when left out, the nearest edge, or the input mirrored at its edges. */
  paddingMode?: "zeros" | "border" | "reflection";
  /** Whether -1 and 1 are the centres of the first and last elements, rather than their outer edges. */
  alignCorners?: boolean | null;
}

const modes = ["bilinear", "nearest", "bicubic"] as const;
const paddingModes = ["zeros", "border", "reflection"] as const;
const defaults: Readonly<Required<GridSampleOptions>> = Object.freeze({
  mode: "bilinear",
  paddingMode: "zeros",
  alignCorners: false,
});

/**
 * The input `[N, C, H, W]` at the places of a grid `[N, H', W', 2]`, as `[N, C, H', W']`; or `[N, C, D, H, W]` at those of
 * `[N, D', H', W', 3]`. A place is (x, y) or (x, y, z), each from -1 at one edge to 1 at the other; x goes along W. Both
 * are float32 or float64.
 *
 * Gradients flow to the input and, unless the mode is `"nearest"`, to the grid; the grid gets none where a place was moved
 * to an edge. NaN in a grid is an edge, too, or NaN with `"zeros"`.
 *
 * @throws RangeError (`ERR_SHAPE`) where the shapes do not fit; TypeError (`ERR_ARGUMENT`) for other modes, (`ERR_DTYPE`) for
 * other or different dtypes.
 */
export function gridSample(input: Tensor, grid: Tensor, options?: GridSampleOptions): Tensor {
  return sampled("gridSample", input, grid, readOptions("gridSample", options, defaults));
}

/** {@link gridSample} with modes as numbers, in the order of their lists: PyTorch's torch.grid_sampler. */
export function gridSampler(
  input: Tensor,
  grid: Tensor,
  interpolationMode: number,
  paddingMode: number,
  alignCorners: boolean,
): Tensor {
  return byNumbers("gridSampler", null, input, grid, interpolationMode, paddingMode, alignCorners);
}

/** {@link gridSampler} of images. */
export function gridSampler2d(
  input: Tensor,
  grid: Tensor,
  interpolationMode: number,
  paddingMode: number,
  alignCorners: boolean,
): Tensor {
  return byNumbers("gridSampler2d", 2, input, grid, interpolationMode, paddingMode, alignCorners);
}

/** {@link gridSampler} of volumes. */
export function gridSampler3d(
  input: Tensor,
  grid: Tensor,
  interpolationMode: number,
  paddingMode: number,
  alignCorners: boolean,
): Tensor {
  return byNumbers("gridSampler3d", 3, input, grid, interpolationMode, paddingMode, alignCorners);
}

function byNumbers(
  op: string,
  rank: number | null,
  input: Tensor,
  grid: Tensor,
  interpolationMode: number,
  paddingMode: number,
  alignCorners: boolean,
): Tensor {
  handleOf(input, op);
  const { shape } = input;
  if (rank !== null && shape.length !== rank + 2)
    throw makeError(
      RangeError,
      `${op}: expected an input of ${rank + 2} dimensions, got ${inBrackets(shape)}`,
      { code: "ERR_SHAPE", op, shapes: [shape] },
    );
  return sampled(op, input, grid, {
    mode: modes[interpolationMode] ?? (interpolationMode as never),
    paddingMode: paddingModes[paddingMode] ?? (paddingMode as never),
    alignCorners,
  });
}

/** A coordinate of places, and the dimension that it goes along. */
interface Coordinate {
  size: number;
  /** In elements, from 0 at the first one's centre. */
  place: Tensor;
}

function sampled(op: string, input: Tensor, grid: Tensor, options: Required<GridSampleOptions>): Tensor {
  const { mode, paddingMode } = options;
  const alignCorners = options.alignCorners ?? false;
  checkGrid(op, input, grid, { mode, paddingMode, alignCorners });
  const { shape } = input;
  const rank = shape.length - 2;
  const [batch, channels, ...sizes] = shape as [number, number, ...number[]];
  const out = grid.shape.slice(1, -1);
  const places = grid.reshape(batch, count(out), rank);
  // With zeros NaN is outside of volumes, and makes NaN of images.
  const moved = (place: Tensor, size: number) =>
    paddingMode === "zeros"
      ? rank === 3
        ? place.isnan().where(-2, place)
        : place
      : clipped(paddingMode === "border" ? place : reflected(place, size, alignCorners), size, rank);
  // The last of a place's numbers goes along the first dimension.
  const coordinates = sizes.map((size, i): Coordinate => {
    const number = places.select(-1, rank - 1 - i);
    const place = alignCorners
      ? number
          .add(1)
          .div(2)
          .mul(size - 1)
      : number.add(1).mul(size).sub(1).div(2);
    return { size, place: mode === "bicubic" ? place : moved(place, size) };
  });
  // Places are rows of channels, which are copied at once.
  const area = count(sizes);
  const rows = input
    .reshape(batch, channels, area)
    .transpose(1, 2)
    .reshape(batch * area, channels);
  const starts = arange(batch, { dtype: "int64", device: input.device }).mul(area).unsqueeze(1);
  /** The elements at whole places, times how much they count; 0 where a place is outside. */
  const take = (whole: readonly Tensor[], weight?: Tensor) => {
    const isInside = whole
      .map((place, i) => place.ge(0).logicalAnd(place.le(sizes[i]! - 1)))
      .reduce((a, b) => a.logicalAnd(b));
    const index = whole
      .map((place) => isInside.where(place, 0).to("int64"))
      .reduce((a, b, i) => a.mul(sizes[i]!).add(b));
    const elements = rows.indexSelect(0, index.add(starts).reshape(batch * count(out)));
    const inside = isInside.reshape(batch * count(out), 1).where(elements, 0);
    return weight === undefined ? inside : inside.mul(weight.reshape(batch * count(out), 1));
  };
  const weighed = (corners: readonly (readonly Tap[])[]) =>
    combinations(corners)
      .map((taps) =>
        take(
          taps.map(({ place }) => place),
          taps.map(({ weight }) => weight).reduce((a, b) => a.mul(b)),
        ),
      )
      .reduce((a, b) => a.add(b));
  const sums =
    mode === "nearest"
      ? take(coordinates.map(({ place }) => place.detach().round()))
      : weighed(
          mode === "bilinear"
            ? coordinates.map(neighbours)
            : coordinates.map(({ size, place }) => cubicNeighbours(place, (one) => moved(one, size))),
        );
  const images = sums.reshape(batch, count(out), channels).transpose(1, 2);
  return named(images.reshape(batch, channels, ...out), `GridSampler${rank}D`);
}

/** A whole place along one dimension, and how much it counts. */
interface Tap {
  place: Tensor;
  weight: Tensor;
}

function neighbours({ place }: Coordinate): Tap[] {
  const base = place.detach().floor();
  return [
    { place: base, weight: base.add(1).sub(place) },
    { place: base.add(1), weight: place.sub(base) },
  ];
}

function cubicNeighbours(place: Tensor, moved: (place: Tensor) => Tensor): Tap[] {
  const base = place.detach().floor();
  return cubicWeights(place.sub(base)).map((weight, k) => ({ place: moved(base.add(k - 1)), weight }));
}

/** Every choice of one tap along each dimension. */
function combinations(corners: readonly (readonly Tap[])[]): Tap[][] {
  return corners.reduce<Tap[][]>(
    (chosen, taps) => chosen.flatMap((some) => taps.map((tap) => [...some, tap])),
    [[]],
  );
}

/** Within the dimension, without a gradient at its ends and beyond; NaN is the first place of images, the last of volumes. */
function clipped(place: Tensor, size: number, rank: number): Tensor {
  const last = size - 1;
  return rank === 2
    ? place.gt(0).where(place.lt(last).where(place, last), 0)
    : place.lt(last).where(place.gt(0).where(place, 0), last);
}

/** Mirrored at the outer elements' centres or edges, as often as it takes. */
function reflected(place: Tensor, size: number, alignCorners: boolean): Tensor {
  const [low, span] = alignCorners ? [0, size - 1] : [-0.5, size];
  if (span === 0) return place.mul(0);
  const from = place.sub(low);
  const distance = place.lt(low).where(from.neg(), from);
  const flips = distance.detach().div(span).floor();
  const rest = distance.sub(flips.mul(span));
  const isEven = flips.div(2).floor().mul(2).eq(flips);
  return isEven.where(rest.add(low), rest.rsub(span + low));
}

function checkGrid(op: string, input: Tensor, grid: Tensor, options: Required<GridSampleOptions>): void {
  const { mode, paddingMode, alignCorners } = options;
  handleOf(input, op);
  handleOf(grid, op);
  for (const [name, value, known] of [
    ["mode", mode, modes],
    ["paddingMode", paddingMode, paddingModes],
  ] as const)
    if (!(known as readonly unknown[]).includes(value))
      throw makeError(
        TypeError,
        `nn.functional.grid_sample(): expected ${name} to be ${known.join(", ")}, but got: ${describe(value)}; ${op}: choose one`,
        { code: "ERR_ARGUMENT", op },
      );
  requireFlags(op, { alignCorners });
  requireFloating(op, "grid_sampler", input);
  if (input.dtype !== grid.dtype)
    throw makeError(
      TypeError,
      `grid_sampler(): expected input and grid to have same dtype, but input has ${input.dtype} and grid has ${grid.dtype}; ` +
        `${op}: convert one of them`,
      { code: "ERR_DTYPE", op },
    );
  const shapes = [input.shape, grid.shape] as const;
  const [given, places] = shapes;
  const rank = given.length - 2;
  const refuse = (problem: string) =>
    makeError(
      RangeError,
      `grid_sampler(): ${problem}; ${op}: give [N, C, H, W] and [N, H, W, 2], or [N, C, D, H, W] and [N, D, H, W, 3]`,
      { code: "ERR_SHAPE", op, shapes: [...shapes] },
    );
  if ((rank !== 2 && rank !== 3) || places.length !== given.length)
    throw refuse(
      `expected 4D or 5D input and grid with same number of dimensions, but got input with sizes ${inBrackets(given)} and ` +
        `grid with sizes ${inBrackets(places)}`,
    );
  if (given[0] !== places[0])
    throw refuse(
      `expected grid and input to have same batch size, but got input with sizes ${inBrackets(given)} and grid with sizes ${inBrackets(places)}`,
    );
  if (places.at(-1) !== rank)
    throw refuse(
      `expected grid to have size ${rank} in last dimension, but got grid with sizes ${inBrackets(places)}`,
    );
  if (given.slice(2).some((size) => size === 0))
    throw refuse(
      `expected input to have non-empty spatial dimensions, but input has sizes ${inBrackets(given)}`,
    );
  if (mode === "bicubic" && rank !== 2) throw refuse("bicubic interpolation only supports 4D input");
}
