import { arange } from "../../ranges.js";
import { isFloating } from "../../dtype.js";
import { makeError } from "../../errors.js";
import { named } from "../../functional/history.js";
import { describe, readOptions } from "../../options.js";
import { handleOf, type Tensor } from "../../tensor.js";
import { evenMeans } from "./adaptivepooling.js";
import { cubicWeights } from "./cubic.js";
import { inBrackets, isLeftOut, requireFloating } from "./sizes.js";
import { alongDim } from "./taps.js";

/** How {@link interpolate} gets elements between others. */
export type InterpolationMode =
  "nearest" | "nearest-exact" | "linear" | "bilinear" | "bicubic" | "trilinear" | "area";

/** Which result {@link upsampleNearest} and {@link upsampleBilinear} give: one of both. */
export interface ResultSize {
  /** The wanted spatial dimensions, or one number for all. */
  size?: number | readonly number[] | null;
  /** By what the spatial dimensions are multiplied; fractions of elements are cut off. */
  scaleFactor?: number | readonly number[] | null;
}

/** Options of {@link interpolate}. */
export interface InterpolateOptions extends ResultSize {
  /** `"nearest"` when left out. */
  mode?: InterpolationMode;
  /** Whether the first and last elements' centres stay at the edges, rather than the elements' corners. */
  alignCorners?: boolean | null;
  /** Take the ratio of the sizes for the factor, in place of the factor itself, which differs where sizes are rounded. */
  recomputeScaleFactor?: boolean | null;
  /** Only false: results are not smoothed. */
  antialias?: boolean;
}

const sizeDefaults: Readonly<Required<ResultSize>> = Object.freeze({ size: null, scaleFactor: null });
const defaults: Readonly<Required<InterpolateOptions>> = Object.freeze({
  ...sizeDefaults,
  mode: "nearest",
  alignCorners: null,
  recomputeScaleFactor: null,
  antialias: false,
});

/** The number of spatial dimensions that a mode takes, 0 for any. */
const rankOf: Readonly<Record<InterpolationMode, number>> = Object.freeze({
  nearest: 0,
  "nearest-exact": 0,
  area: 0,
  linear: 1,
  bilinear: 2,
  bicubic: 2,
  trilinear: 3,
});
const names = ["", "1D", "2D", "3D"];

/**
 * `[N, C, ...sizes]` with other sizes in the one, two or three spatial dimensions, each of which is given by `size`, or as
 * `floor(size * scaleFactor)`. Element i of a result is taken from the place `(i + 0.5) * scale - 0.5` of the input, where
 * scale is `1 / scaleFactor` or the ratio of the sizes; with `alignCorners` from `i * (size - 1) / (outputSize - 1)`:
 *
 * * `"nearest"` takes the element at `floor(i * scale)`, `"nearest-exact"` the one whose centre is nearest;
 * * `"linear"`, `"bilinear"` and `"trilinear"` (by the number of spatial dimensions) weigh the neighbours;
 * * `"bicubic"` weighs four neighbours by cubic convolution with a = -0.75 (Keys, 1981), edges repeated;
 * * `"area"` takes means, as {@link adaptiveAvgPool2d} does.
 *
 * float32 and float64, for `"nearest"` and `"nearest-exact"` also uint8. float32 places are computed in float32.
 *
 * @throws RangeError (`ERR_SHAPE`) where the mode does not go with the shape; TypeError (`ERR_ARGUMENT`) for options that do
 * not go together, (`ERR_DTYPE`) for other dtypes.
 */
export function interpolate(input: Tensor, options: InterpolateOptions): Tensor {
  return resized("interpolate", input, readOptions("interpolate", options, defaults));
}

/** {@link interpolate}, under its old name. */
export function upsample(
  input: Tensor,
  options: Pick<InterpolateOptions, "size" | "scaleFactor" | "mode" | "alignCorners">,
): Tensor {
  const { recomputeScaleFactor, antialias, ...known } = defaults;
  const given = readOptions("upsample", options, known);
  return resized("upsample", input, { ...given, recomputeScaleFactor, antialias });
}

/** {@link interpolate} with `"nearest"`. */
export function upsampleNearest(input: Tensor, options: ResultSize): Tensor {
  const given = readOptions("upsampleNearest", options, sizeDefaults);
  return resized("upsampleNearest", input, { ...defaults, ...given });
}

/** {@link interpolate} of images with `"bilinear"` and aligned corners. */
export function upsampleBilinear(input: Tensor, options: ResultSize): Tensor {
  const given = readOptions("upsampleBilinear", options, sizeDefaults);
  return resized("upsampleBilinear", input, { ...defaults, ...given, mode: "bilinear", alignCorners: true });
}

function resized(op: string, input: Tensor, options: Required<InterpolateOptions>): Tensor {
  const { mode, alignCorners } = options;
  handleOf(input, op);
  const { shape } = input;
  const rank = shape.length - 2;
  checkMode(op, options, shape);
  const { counts, factors } = targetOf(op, shape.slice(2), options);
  if (shape.slice(1).some((size) => size === 0) || counts.some((count) => count < 1))
    throw makeError(
      RangeError,
      `Input and output sizes should be greater than 0, but got input ${inBrackets(shape)} output ${inBrackets(counts)}; ` +
        `${op}: only the batch may be empty`,
      { code: "ERR_SHAPE", op, shapes: [shape] },
    );
  const isNearest = mode === "nearest" || mode === "nearest-exact";
  if (!(isNearest && input.dtype === "uint8")) requireFloating(op, `compute_indices_weights_${mode}`, input);
  if (mode === "area") return named(evenMeans(input, counts), `AdaptiveAvgPool${names[rank]}`);
  let result = input;
  // The largest reduction is at the end, where lines are contiguous, so the last dimension is taken first.
  for (let i = rank - 1; i >= 0; --i) {
    const line: Line = {
      size: shape[2 + i]!,
      count: counts[i]!,
      factor: factors[i]!,
      align: alignCorners === true,
      isSmall: rank === 2 && counts[0]! + counts[1]! <= 128,
    };
    if (line.size === line.count && (factors[i] === null || !isNearest) && mode !== "bicubic") continue;
    result = along(result, 2 + i, mode, line);
  }
  const label = `Upsample${{ nearest: "Nearest", "nearest-exact": "NearestExact", linear: "Linear", bilinear: "Bilinear", bicubic: "Bicubic", trilinear: "Trilinear" }[mode]}${names[rank]}`;
  return named(result === input ? input.clone() : result, label);
}

/** A dimension of a size as one of another. */
interface Line {
  size: number;
  count: number;
  factor: number | null;
  align: boolean;
  /** Whether it is one of a small image, of which PyTorch has a kernel of its own for the nearest elements. */
  isSmall: boolean;
}

function along(x: Tensor, dim: number, mode: InterpolationMode, line: Line): Tensor {
  const { size, count, factor, align, isSmall } = line;
  const { device } = x;
  const dtype = isFloating(x.dtype) ? x.dtype : "float32";
  const scale = align
    ? count > 1
      ? (size - 1) / (count - 1)
      : 0
    : factor !== null && factor > 0
      ? 1 / factor
      : size / count;
  const i = arange(count, { dtype, device });
  const at = (place: Tensor) =>
    x.indexSelect(
      dim,
      place
        .maximum(0)
        .minimum(size - 1)
        .to("int64"),
    );
  // PyTorch takes the floor in float32, which may round up.
  if (mode === "nearest") {
    if (!isSmall) return at(i.mul(scale).to("float32").floor());
    if (count === size) return x;
    const exact = arange(count, { dtype: "float32", device });
    return at((count === 2 * size ? exact.div(2) : exact.mul(scale)).floor());
  }
  if (mode === "nearest-exact" && isSmall)
    return at(arange(0.5, count, { dtype: "float64", device }).mul(Math.fround(scale)).to("float32").floor());
  const source = align ? i.mul(scale) : i.add(0.5).mul(scale).sub(0.5);
  if (mode === "nearest-exact") return at(source.maximum(0).add(0.5).to("float32").floor());
  if (mode === "bicubic") {
    const base = source.floor();
    return cubicWeights(source.sub(base))
      .map((weight, k) => at(base.add(k - 1)).mul(alongDim(weight, dim, x.ndim)))
      .reduce((a, b) => a.add(b));
  }
  const inside = source.maximum(0);
  const base = inside.floor().minimum(size - 1);
  const weight = alongDim(inside.sub(base).minimum(1), dim, x.ndim);
  return at(base)
    .mul(weight.rsub(1))
    .add(at(base.add(1)).mul(weight));
}

function checkMode(op: string, options: Required<InterpolateOptions>, shape: readonly number[]): void {
  const { mode, alignCorners, recomputeScaleFactor, antialias } = options;
  const wrong = (problem: string, hint: string) =>
    makeError(TypeError, `${problem}; ${op}: ${hint}`, { code: "ERR_ARGUMENT", op });
  const modes = Object.keys(rankOf).join(" | ");
  const rank = shape.length - 2;
  if (!Object.hasOwn(rankOf, mode)) throw wrong(`unknown mode ${describe(mode)}`, `use ${modes}`);
  const flags = {
    alignCorners: alignCorners ?? false,
    recomputeScaleFactor: recomputeScaleFactor ?? false,
    antialias,
  };
  for (const [name, flag] of Object.entries(flags))
    if (typeof flag !== "boolean") throw wrong(`${name} must be true or false`, `it is ${describe(flag)}`);
  if (antialias)
    throw wrong("Anti-alias option is not supported", "smooth the input first, or leave antialias out");
  if (alignCorners !== null && rankOf[mode] === 0)
    throw wrong(
      "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear",
      `the mode is ${mode}`,
    );
  if (rank < 1 || rank > 3)
    throw makeError(
      RangeError,
      `Input Error: Only 3D, 4D and 5D input Tensors supported (got ${shape.length}D) for the modes: ${modes} (got ${mode}); ` +
        `${op}: give [N, C, ...sizes]`,
      { code: "ERR_SHAPE", op, shapes: [[...shape]] },
    );
  if (rankOf[mode] !== 0 && rankOf[mode] !== rank)
    throw makeError(
      RangeError,
      `Got ${shape.length}D input, but ${mode} mode needs ${rankOf[mode] + 2}D input; ${op}: the shape is ${inBrackets(shape)}`,
      { code: "ERR_SHAPE", op, shapes: [[...shape]] },
    );
}

/** The sizes of the result, and the factors that places are computed with, null where the sizes say them. */
function targetOf(op: string, sizes: readonly number[], options: Required<InterpolateOptions>) {
  const { size, scaleFactor, mode, recomputeScaleFactor } = options;
  const wrong = (problem: string, hint: string) =>
    makeError(TypeError, `${problem}; ${op}: ${hint}`, { code: "ERR_ARGUMENT", op });
  const bySize = !isLeftOut(size);
  if (bySize && !isLeftOut(scaleFactor))
    throw wrong("only one of size or scale_factor should be defined", "give size or scaleFactor");
  if (!bySize && isLeftOut(scaleFactor))
    throw wrong("either size or scale_factor should be defined", "give size or scaleFactor");
  const name = bySize ? "size" : "scaleFactor";
  const given: unknown = bySize ? size : scaleFactor;
  const all: unknown[] = Array.isArray(given) ? given : sizes.map(() => given);
  if (all.length !== sizes.length)
    throw wrong(
      `Input and ${bySize ? "output" : "scale_factor"} must have the same number of spatial dimensions, but got input ` +
        `with spatial dimensions of ${inBrackets(sizes)} and ${name} of ${all.length} numbers`,
      `${name} is a number, or one for each of ${sizes.length} dimensions`,
    );
  const isValid = (value: unknown) =>
    bySize ? Number.isSafeInteger(value) : Number.isFinite(value) && (value as number) > 0;
  const invalid = all.find((value) => !isValid(value));
  if (invalid !== undefined || all.includes(undefined))
    throw wrong(
      `${name} must be ${bySize ? "whole numbers" : "positive numbers"}, got ${describe(invalid)}`,
      `one for each of ${sizes.length} dimensions, or one for all`,
    );
  const numbers = all as number[];
  if (bySize) {
    if (recomputeScaleFactor === true)
      throw wrong("recompute_scale_factor is not meaningful with an explicit size.", "leave it out");
    return { counts: numbers, factors: sizes.map(() => null) };
  }
  const byRatio = recomputeScaleFactor === true || mode === "area";
  return {
    counts: sizes.map((extent, i) => Math.floor(extent * numbers[i]!)),
    factors: sizes.map((_, i) => (byRatio ? null : numbers[i]!)),
  };
}
