import { makeError } from "../errors.js";
import { readOptions } from "../options.js";
import { handleOf, recordRoutine, type Tensor } from "../tensor.js";
import { named } from "./history.js";

// Ops whose shape depends on values: their inputs are computed when they are called.

/** Options of {@link nonzero}. */
export interface NonzeroOptions {
  /** A vector of indices for each dimension, as {@link Tensor.at} takes them. */
  asTuple?: boolean;
}

const nonzeroDefaults: Readonly<Required<NonzeroOptions>> = Object.freeze({ asTuple: false });
/** The indices of elements that are not zero: a row for each, or with `asTuple` a vector for each dimension. */
export function nonzero(x: Tensor, options: NonzeroOptions & { asTuple: true }): Tensor[];
export function nonzero(x: Tensor, options?: NonzeroOptions & { asTuple?: false }): Tensor;
export function nonzero(x: Tensor, options?: NonzeroOptions): Tensor | Tensor[] {
  const { asTuple } = readOptions("nonzero", options, nonzeroDefaults);
  if (!asTuple) return recordRoutine("nonzero", [x])[0]!;
  // A number counts as a vector of one element.
  const { shape } = x;
  const rows = recordRoutine("nonzero", [shape.length === 0 ? x.reshape(1) : x])[0]!;
  return Array.from({ length: Math.max(shape.length, 1) }, (_, dim) => rows.select(1, dim));
}

/** The indices of elements that are not zero, a row for each. */
export function argwhere(x: Tensor): Tensor {
  return recordRoutine("nonzero", [x])[0]!;
}

/** The elements at which a bool tensor that broadcasts with it is true, in row-major order. */
export function maskedSelect(x: Tensor, mask: Tensor): Tensor {
  handleOf(mask, "maskedSelect");
  if (mask.dtype !== "bool")
    throw makeError(
      TypeError,
      `masked_select: expected BoolTensor for mask, but it is ${mask.dtype}; compare first, as in x.gt(0)`,
      { code: "ERR_DTYPE", op: "maskedSelect" },
    );
  const shape = mask.where(mask, x.isnan()).shape;
  const places = argwhere(mask.expand(shape).reshape(-1)).reshape(-1);
  return named(x.expand(shape).reshape(-1).indexSelect(0, places), "MaskedSelect");
}
