import { list, type Listed } from "../lists.js";
import { readOptions } from "../options.js";
import { arange } from "../ranges.js";
import { zeros } from "../creation.js";
import { cat } from "../joining.js";
import { handleOf, isTensor, type Tensor } from "../tensor.js";
import { axisOf } from "./axes.js";
import { named } from "./history.js";
import { checkPositions, shapeError, sizes, valueError, whole, wholes } from "./refusals.js";

// Elements in another order, or repeated.

/** Options of {@link repeatInterleave}. */
export interface RepeatOptions {
  /** The size of the result along the dimension, where repeats are a tensor: then its values need not be read. */
  outputSize?: number;
}

const repeatDefaults = Object.freeze({ outputSize: undefined as number | undefined });

const asArray = (given: number | readonly number[]): readonly number[] =>
  typeof given === "number" ? [given] : given;

/**
 * With positions moved by `shifts` along `dims`; those that leave at the end come in at the beginning. Without `dims`
 * the elements are moved as if they were in one dimension.
 */
export function roll(
  x: Tensor,
  shifts: number | readonly number[],
  dims?: number | readonly number[],
): Tensor {
  handleOf(x, "roll");
  const by = wholes("roll", "shifts", asArray(shifts));
  const along = wholes("roll", "dims", asArray(dims ?? []));
  if (by.length === 0) throw valueError("roll", "`shifts` required");
  if (along.length === 0 && by.length === 1)
    return named(rolled(x.reshape(-1), by[0]!, 0).reshape(x.shape), "Roll");
  if (along.length !== by.length)
    throw shapeError(
      "roll",
      `shifts and dimensions must align. shifts: ${by.length}, dims:${along.length}`,
      x.shape,
    );
  if (x.shape.length === 0)
    throw shapeError("roll", `Dimension specified as ${along[0]} but tensor has no dimensions`, []);
  const axes = along.map((dim) => axisOf("roll", x, dim));
  const out = axes.reduce((before, axis, i) => rolled(before, by[i]!, axis), x);
  return named(out === x ? x.clone() : out, "Roll");
}

function rolled(x: Tensor, by: number, axis: number): Tensor {
  const extent = x.shape[axis]!;
  const shift = extent === 0 ? 0 : ((by % extent) + extent) % extent;
  if (shift === 0) return x;
  return cat([x.narrow(axis, extent - shift, shift), x.narrow(axis, 0, extent - shift)], axis);
}

/** Turned by 90 degrees `k` times, from the first of two dimensions towards the second. */
export function rot90(x: Tensor, k = 1, dims: readonly number[] = [0, 1]): Tensor {
  handleOf(x, "rot90");
  whole("rot90", "k", k);
  const { shape } = x;
  if (wholes("rot90", "dims", dims).length !== 2)
    throw shapeError("rot90", `expected total rotation dims == 2, but got dims = ${dims.length}`, shape);
  if (shape.length < 2)
    throw shapeError("rot90", `expected total dims >= 2, but got total dims = ${shape.length}`, shape);
  const [from, to] = dims.map((dim) => axisOf("rot90", x, dim)) as [number, number];
  if (from === to)
    throw shapeError(
      "rot90",
      `expected rotation dims to be different, but got dim0 = ${dims[0]!} and dim1 = ${dims[1]!}`,
      shape,
    );
  const turns = [
    () => x.clone(),
    () => x.flip(to).transpose(from, to),
    () => x.flip(from, to),
    () => x.flip(from).transpose(from, to),
  ];
  return named(turns[((k % 4) + 4) % 4]!(), "Rot90");
}

/** Columns backwards: dimension 1. */
export function fliplr(x: Tensor): Tensor {
  handleOf(x, "fliplr");
  if (x.shape.length < 2) throw shapeError("fliplr", "Input must be >= 2-d.", x.shape);
  return x.flip(1);
}

/** Rows backwards: dimension 0. */
export function flipud(x: Tensor): Tensor {
  handleOf(x, "flipud");
  if (x.shape.length < 1) throw shapeError("flipud", "Input must be >= 1-d.", x.shape);
  return x.flip(0);
}

/** The tensor so many times along each dimension; more numbers than dimensions are for new ones in front. */
export function repeat(x: Tensor, ...repeats: Listed): Tensor {
  handleOf(x, "repeat");
  const times = list("repeat", repeats);
  if (times.length < x.shape.length)
    throw shapeError(
      "repeat",
      "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor",
      x.shape,
    );
  return tiled("repeat", x, times);
}

/** {@link repeat}, where missing numbers are for the first dimensions, and are 1. */
export function tile(x: Tensor, ...dims: Listed): Tensor {
  handleOf(x, "tile");
  const times = list("tile", dims);
  const missing = Math.max(x.shape.length - times.length, 0);
  return tiled("tile", x, [...new Array<number>(missing).fill(1), ...times]);
}

function tiled(op: string, x: Tensor, repeats: readonly number[]): Tensor {
  const times = wholes(op, "repeats", repeats);
  const own = [...new Array<number>(times.length - x.shape.length).fill(1), ...x.shape];
  if (times.some((count) => count < 0))
    throw shapeError(
      op,
      `Trying to create tensor with negative dimension: ${sizes(own.map((extent, i) => extent * times[i]!))}`,
      x.shape,
    );
  const apart = x.reshape(own.flatMap((extent) => [1, extent]));
  return named(
    apart
      .expand(own.flatMap((extent, i) => [times[i]!, extent]))
      .reshape(own.map((extent, i) => extent * times[i]!)),
    "Repeat",
  );
}

/**
 * Each position along `dim` so many times in a row; without `dim`, of the elements in one dimension. `repeats` is one
 * number, or an integer tensor of one for each position, whose sum is read unless `outputSize` says it. Without
 * `repeats` the tensor is taken for them, and the positions themselves are repeated.
 *
 * @throws RangeError (`ERR_VALUE`) for negative repeats, (`ERR_SHAPE`) for a wrong number of them; (`ERR_INDEX`) when the
 * result is read, where `outputSize` is not their sum.
 */
export function repeatInterleave(
  x: Tensor,
  repeats?: number | Tensor,
  dim?: number | null,
  options?: RepeatOptions,
): Tensor {
  const op = "repeatInterleave";
  handleOf(x, op);
  if (repeats === undefined) return repeatedPlaces(op, x, undefined).to(x.dtype);
  const { outputSize } = readOptions(op, options, repeatDefaults);
  const input = (dim ?? null) === null ? x.reshape(-1) : x.shape.length === 0 ? x.reshape(1) : x;
  const axis = axisOf(op, x, dim ?? 0);
  const extent = input.shape[axis]!;
  if (!isTensor(repeats)) {
    if (whole(op, "repeats", repeats) < 0) throw valueError(op, "Repeats must be non-negative");
    const shape = input.shape.with(axis, extent * repeats);
    return input
      .unsqueeze(axis + 1)
      .expand([...input.shape.slice(0, axis + 1), repeats, ...input.shape.slice(axis + 1)])
      .reshape(shape);
  }
  const given =
    repeats.shape.length === 0 || repeats.shape[0] === 1 ? repeats.reshape(1).expand([extent]) : repeats;
  if (given.shape.length > 1) throw shapeError(op, "repeats must be 0-dim or 1-dim tensor", given.shape);
  if (given.shape[0] !== extent)
    throw shapeError(
      op,
      `repeats must have the same size as input along dim, but got repeats.size(0) = ${given.shape[0]} and input.size(${axis}) = ${extent}`,
      x.shape,
      repeats.shape,
    );
  return input.indexSelect(axis, repeatedPlaces(op, given, outputSize));
}

/** Each position of a vector so many times as its element says. */
function repeatedPlaces(op: string, repeats: Tensor, outputSize: number | undefined): Tensor {
  checkPositions(op, repeats.dtype);
  if (repeats.shape.length !== 1)
    throw shapeError(op, "repeat_interleave only accept 1D vector as repeat", repeats.shape);
  const counts = repeats.to("int64");
  const total =
    outputSize === undefined
      ? counts.lt(0).any().where(-1, counts.sum()).item()
      : whole(op, "outputSize", outputSize);
  if (total < 0) throw valueError(op, "repeats can not be negative");
  // The position at a place is the number of those whose last repetition is before it.
  const options = { dtype: "int64", device: repeats.device } as const;
  const ends = zeros([total + 1], options).scatterAdd(
    0,
    counts.cumsum(0),
    arange(counts.numel(), options).ge(0).to("int64"),
  );
  return ends.cumsum(0).narrow(0, 0, total);
}
