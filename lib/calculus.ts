import { getDefaultDtype, isFloating } from "./dtype.js";
import { makeError } from "./errors.js";
import { axesOf, axisOf, neighbours } from "./functional/axes.js";
import { cat } from "./joining.js";
import { describe, readOptions, withDim } from "./options.js";
import { handleOf, isTensor, type Dims, type Tensor } from "./tensor.js";

// Integrals and derivatives of sampled functions.

/** Options of {@link trapezoid} and {@link cumulativeTrapezoid}, where no places are given. */
export interface TrapezoidOptions {
  /** The dimension along which the samples are; the last one when left out. */
  dim?: number;
  /** The distance between neighbouring samples; 1 when left out. */
  dx?: number;
}

const trapezoidDefaults: Readonly<Required<TrapezoidOptions>> = Object.freeze({ dim: -1, dx: 1 });
const placesDefaults = Object.freeze({ dim: -1 });

/**
 * The areas under straight lines between neighbouring samples. Places broadcast with samples; a vector of them goes along
 * `dim`.
 */
function trapezoids(
  op: string,
  y: Tensor,
  x: Tensor | TrapezoidOptions | null | undefined,
  options: TrapezoidOptions | undefined,
): { areas: Tensor; axis: number } {
  handleOf(y, op);
  const places = isTensor(x) ? x : null;
  // Without places the options may come second.
  const { dim, dx } = places
    ? { dx: 1, ...readOptions(op, options, placesDefaults) }
    : readOptions(
        op,
        x === null || (x === undefined && options !== undefined) ? options : x,
        trapezoidDefaults,
      );
  const axis = axisOf(op, y, dim);
  const { shape } = y;
  if (shape.length === 0)
    throw makeError(RangeError, `${op}: y must have at least one dimension`, {
      code: "ERR_SHAPE",
      op,
      shapes: [shape],
    });
  for (const one of places ? [y, places] : [y])
    if (one.dtype === "bool")
      throw makeError(TypeError, `${op}: received a bool input, but bool is not supported; convert first`, {
        code: "ERR_DTYPE",
        op,
      });
  if (typeof dx !== "number")
    throw makeError(TypeError, `${op}: dx must be a number, got ${describe(dx)}`, {
      code: "ERR_ARGUMENT",
      op,
    });
  const sums = neighbours(withFractions(y), axis, (after, before) => after.add(before));
  if (places === null) return { areas: sums.mul(dx / 2), axis };
  const isVector = places.ndim === 1;
  if (isVector && places.shape[0] !== shape[axis])
    throw makeError(
      RangeError,
      `${op}(): There must be one \`x\` value for each sample point; ${op}: x has shape [${places.shape}], y [${shape}]`,
      { code: "ERR_SHAPE", op, shapes: [places.shape, shape] },
    );
  // A vector lies along the axis; other places have the dimensions of y, counted from the last.
  const missing = Math.max(shape.length - places.ndim, 0);
  const along = places.reshape(
    isVector
      ? shape.map((_, i) => (i === axis ? -1 : 1))
      : [...Array<number>(missing).fill(1), ...places.shape],
  );
  const widths = neighbours(withFractions(along), along.ndim - shape.length + axis, (after, before) =>
    after.sub(before),
  );
  return { areas: sums.mul(widths).div(2), axis };
}

/** A tensor in which sums and differences do not overflow. */
function withFractions(x: Tensor): Tensor {
  return isFloating(x.dtype) ? x : x.to(getDefaultDtype());
}

/**
 * The integral along a dimension by the trapezoidal rule: of samples y at the places x, or `dx` apart:
 * `trapezoid(y, x, { dim })`, `trapezoid(y, { dx, dim })`.
 */
export function trapezoid(y: Tensor, x: Tensor, options?: Omit<TrapezoidOptions, "dx">): Tensor;
export function trapezoid(y: Tensor, options?: TrapezoidOptions): Tensor;
export function trapezoid(y: Tensor, x?: Tensor | TrapezoidOptions, options?: TrapezoidOptions): Tensor {
  const { areas, axis } = trapezoids("trapezoid", y, x, options);
  return areas.sum(axis);
}

/** {@link trapezoid} up to each sample but the first. */
export function cumulativeTrapezoid(y: Tensor, x: Tensor, options?: Omit<TrapezoidOptions, "dx">): Tensor;
export function cumulativeTrapezoid(y: Tensor, options?: TrapezoidOptions): Tensor;
export function cumulativeTrapezoid(
  y: Tensor,
  x?: Tensor | TrapezoidOptions,
  options?: TrapezoidOptions,
): Tensor {
  const { areas, axis } = trapezoids("cumulativeTrapezoid", y, x, options);
  return areas.cumsum(axis);
}

export { trapezoid as trapz };

/** Options of {@link gradient}. */
export interface GradientOptions {
  /**
   * The distance between neighbouring samples, or one for each dimension of `dim`; or vectors of the samples' places.
   * 1 when left out.
   */
  spacing?: number | readonly (number | Tensor)[] | null;
  /** The dimensions along which derivatives are taken; all of them when left out. */
  dim?: Dims;
  /** Of the differences at the edges: 1 is of two samples, 2 of three. */
  edgeOrder?: 1 | 2;
}

const gradientDefaults: Readonly<Required<GradientOptions>> = Object.freeze({
  spacing: null,
  dim: null,
  edgeOrder: 1,
});

/**
 * The derivatives of a sampled function along each of its dimensions, by differences of second order inside: an array with
 * a tensor for each of `dim`, in the shape of x. Integers give the default dtype.
 */
export function gradient(
  x: Tensor,
  dim?: GradientOptions["dim"] | GradientOptions,
  options?: GradientOptions,
): Tensor[] {
  const given = readOptions("gradient", withDim(dim, options), gradientDefaults);
  return gradientOf(x, given);
}

function gradientOf(x: Tensor, { spacing, dim, edgeOrder }: Required<GradientOptions>): Tensor[] {
  handleOf(x, "gradient");
  if (![1, 2].includes(edgeOrder))
    throw makeError(
      RangeError,
      `torch.gradient only supports edge_order=1 and edge_order=2.; gradient: got ${describe(edgeOrder)}`,
      { code: "ERR_VALUE", op: "gradient" },
    );
  const { shape, dtype } = x;
  if (dtype === "uint8" || dtype === "bool")
    throw makeError(
      TypeError,
      `torch.gradient does not support ${dtype} input.; gradient: differences may be negative, convert first`,
      { code: "ERR_DTYPE", op: "gradient" },
    );
  // In the order in which they are named.
  axesOf("gradient", x, dim);
  const dims =
    dim === undefined || dim === null ? [...shape.keys()] : typeof dim === "number" ? [dim] : [...dim];
  const axes = dims.map((one) => axisOf("gradient", x, one));
  const spacings = spacingsOf(spacing, axes, shape);
  for (const axis of axes)
    if (shape[axis]! <= edgeOrder)
      throw makeError(
        RangeError,
        `torch.gradient expected each dimension size to be at least edge_order+1; gradient: dimension ${axis} has ${shape[axis]} samples`,
        { code: "ERR_SHAPE", op: "gradient", shapes: [shape] },
      );
  return axes.map((axis, i) => {
    const step = spacings[i]!;
    return isTensor(step) ? byPlaces(x, axis, step, edgeOrder) : bySteps(x, axis, step, edgeOrder);
  });
}

function spacingsOf(
  spacing: GradientOptions["spacing"],
  axes: readonly number[],
  shape: readonly number[],
): (number | Tensor)[] {
  if (spacing === null || spacing === undefined) return axes.map(() => 1);
  if (typeof spacing === "number") return axes.map(() => spacing);
  if (!Array.isArray(spacing) || spacing.length !== axes.length)
    throw makeError(
      RangeError,
      `torch.gradient expected spacing to be unspecified, a scalar or a list of length ${axes.length}; gradient: got ${describe(spacing)}${Array.isArray(spacing) ? ` of ${spacing.length}` : ""}`,
      { code: "ERR_ARGUMENT", op: "gradient" },
    );
  return (spacing as readonly unknown[]).map((one, i) => {
    if (typeof one === "number") return one;
    handleOf(one, "gradient");
    const places = one as Tensor;
    if (places.ndim === 1 && places.shape[0] === shape[axes[i]!]) return places;
    throw makeError(
      RangeError,
      `torch.gradient expected each element of spacing to have one dimension, and the length of its dimension; gradient: got [${places.shape}] for dimension ${axes[i]} of [${shape}]`,
      { code: "ERR_SHAPE", op: "gradient", shapes: [places.shape, [...shape]] },
    );
  });
}

function bySteps(x: Tensor, axis: number, step: number, edgeOrder: 1 | 2): Tensor {
  const length = x.shape[axis]!;
  const at = (i: number) => x.narrow(axis, i < 0 ? length + i : i, 1);
  const inside = x
    .narrow(axis, 2, length - 2)
    .sub(x.narrow(axis, 0, length - 2))
    .div(2 * step);
  const [first, last] =
    edgeOrder === 1
      ? [at(1).sub(at(0)), at(-1).sub(at(-2))]
      : [
          at(1).mul(2).sub(at(0).mul(1.5)).sub(at(2).mul(0.5)),
          at(-1).mul(1.5).sub(at(-2).mul(2)).add(at(-3).mul(0.5)),
        ];
  return cat([first.div(step), inside, last.div(step)], axis);
}

/** The derivatives of the parabola through each three samples, at the one in the middle, or at the edge. */
function byPlaces(x: Tensor, axis: number, places: Tensor, edgeOrder: 1 | 2): Tensor {
  const length = x.shape[axis]!;
  const along = (values: Tensor) => values.reshape(x.shape.map((_, i) => (i === axis ? -1 : 1)));
  const distances = neighbours(places, 0, (after, before) => after.sub(before));
  const weighted = (weights: readonly Tensor[], start: number, count: number) =>
    weights
      .map((weight, i) => along(weight).mul(x.narrow(axis, start + i, count)))
      .reduce((sum, term) => sum.add(term));
  const h = (start: number, count: number) => distances.narrow(0, start, count);
  const [a, b] = [h(0, length - 2), h(1, length - 2)];
  const both = a.add(b);
  const inside = weighted(
    [b.div(a.mul(both)).neg(), b.sub(a).div(a.mul(b)), a.div(b.mul(both))],
    0,
    length - 2,
  );
  const slope = (i: number) => weighted([h(i, 1).reciprocal().neg(), h(i, 1).reciprocal()], i, 1);
  if (edgeOrder === 1) return cat([slope(0), inside, slope(length - 2)], axis);
  const edge = (c: Tensor, d: Tensor) => {
    const sum = c.add(d);
    return { near: c.mul(2).add(d).div(c.mul(sum)), middle: sum.div(c.mul(d)), far: c.div(d.mul(sum)) };
  };
  const front = edge(h(0, 1), h(1, 1));
  const back = edge(h(length - 2, 1), h(length - 3, 1));
  return cat(
    [
      weighted([front.near.neg(), front.middle, front.far.neg()], 0, 1),
      inside,
      weighted([back.far, back.middle.neg(), back.near], length - 3, 1),
    ],
    axis,
  );
}
