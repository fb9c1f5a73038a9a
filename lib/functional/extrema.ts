import { isFloating } from "../dtype.js";
import { readOptions, withOptions } from "../options.js";
import { isTensor, reduceDefaults, type ReduceOptions, type Tensor } from "../tensor.js";
import type { ValuesAndIndices } from "./along.js";
import { axesOf, lineOf, lineOfAll, refuseEmpty, type Dim, type Line } from "./axes.js";
import { named } from "./history.js";
import { positionsAlong } from "./places.js";

// The largest and the smallest elements, and where they are. NaN counts as larger, and as smaller, than everything.

/** The result of {@link aminmax}. */
export type MinAndMax = {
  min: Tensor;
  max: Tensor;
};

/**
 * The largest of all elements, which share the gradient where they are equal; {@link Tensor.amax} takes several
 * dimensions. With another tensor the larger of the two, element by element, as {@link Tensor.maximum} gives it.
 */
export function max(x: Tensor, other?: Tensor): Tensor;
/** The largest element along `dim`, and its int64 position: of equal ones the first, which gets the gradient. */
export function max(x: Tensor, dim: number, options?: ReduceOptions): ValuesAndIndices;
export function max(x: Tensor, dim?: number | Tensor, options?: ReduceOptions): Tensor | ValuesAndIndices {
  if (isTensor(dim)) return withoutOptions("max", x.maximum(dim), options);
  if (dim !== undefined) return extremeAlong("max", x, dim, options);
  refuseEmpty("max", x, lineOfAll("max", x, dim), dim);
  return withoutOptions("max", named(x.amax(), "Max", "1"), options);
}

/**
 * The smallest of all elements, which share the gradient where they are equal; {@link Tensor.amin} takes several
 * dimensions. With another tensor the smaller of the two, element by element, as {@link Tensor.minimum} gives it.
 */
export function min(x: Tensor, other?: Tensor): Tensor;
/** The smallest element along `dim`, and its int64 position: of equal ones the first, which gets the gradient. */
export function min(x: Tensor, dim: number, options?: ReduceOptions): ValuesAndIndices;
export function min(x: Tensor, dim?: number | Tensor, options?: ReduceOptions): Tensor | ValuesAndIndices {
  if (isTensor(dim)) return withoutOptions("min", x.minimum(dim), options);
  if (dim !== undefined) return extremeAlong("min", x, dim, options);
  refuseEmpty("min", x, lineOfAll("min", x, dim), dim);
  return withoutOptions("min", named(x.amin(), "Min", "1"), options);
}

/** The forms without a dimension have no options. */
function withoutOptions<T>(op: string, result: T, options: ReduceOptions | undefined): T {
  readOptions(op, options, {});
  return result;
}

function extremeAlong(
  op: "max" | "min",
  x: Tensor,
  dim: number,
  options: ReduceOptions | undefined,
): ValuesAndIndices {
  const { keepdim } = readOptions(op, options, reduceDefaults);
  const line = lineOf(op, x, dim);
  refuseEmpty(op, x, line, dim);
  const indices = placeOfExtreme(line, op === "max");
  const values = line.finish(line.lines.gather(line.axis, indices), keepdim);
  return {
    values: named(values, op === "max" ? "Max" : "Min"),
    indices: line.finish(indices, keepdim),
  };
}

/** The first position of the extreme in each line: two reductions, since positions take no memory. */
function placeOfExtreme({ lines, axis, length }: Line, isLargest: boolean): Tensor {
  const x = lines.detach();
  const kept = { keepdim: true };
  const equal = x.eq(isLargest ? x.amax(axis, kept) : x.amin(axis, kept));
  // A NaN is the extreme where there is one, and equals nothing.
  const isExtreme = isFloating(x.dtype) ? equal.logicalOr(x.isnan()) : equal;
  return isExtreme.where(positionsAlong(x, axis), length).amin(axis, kept).to("int64");
}

/**
 * The int64 position of the largest element along `dim`, of equal ones the first; without a `dim` the position among
 * all elements in row-major order.
 */
export function argmax(x: Tensor, dim?: Dim | ReduceOptions, options?: ReduceOptions): Tensor {
  return argExtreme("argmax", x, dim, options);
}

/** The int64 position of the smallest element, with the rules of {@link argmax}. */
export function argmin(x: Tensor, dim?: Dim | ReduceOptions, options?: ReduceOptions): Tensor {
  return argExtreme("argmin", x, dim, options);
}

function argExtreme(
  op: "argmax" | "argmin",
  x: Tensor,
  first: Dim | ReduceOptions,
  second: ReduceOptions | undefined,
): Tensor {
  const [dim, options] = withOptions<Dim, ReduceOptions>(first, second);
  const { keepdim } = readOptions(op, options, reduceDefaults);
  const line = lineOfAll(op, x, dim);
  refuseEmpty(op, x, line, dim);
  return line.finish(placeOfExtreme(line, op === "argmax"), keepdim);
}

/** The smallest and the largest element along `dim`, or of all; equal ones share the gradient. */
export function aminmax(x: Tensor, dim?: Dim | ReduceOptions, options?: ReduceOptions): MinAndMax {
  const [along, given] = withOptions<Dim, ReduceOptions>(dim, options);
  const { keepdim } = readOptions("aminmax", given, reduceDefaults);
  const axes = along === undefined || along === null ? null : [along];
  axesOf("aminmax", x, axes);
  return {
    min: named(x.amin(axes, { keepdim }), "Aminmax"),
    max: named(x.amax(axes, { keepdim }), "Aminmax"),
  };
}
