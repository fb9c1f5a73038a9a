import { cat } from "../joining.js";
import { makeError } from "../errors.js";
import { describe, readOptions, withDim } from "../options.js";
import { handleOf, type Tensor } from "../tensor.js";
import { axisOf, neighbours } from "./axes.js";

/** Options of {@link diff}. */
export interface DiffOptions {
  /** How often differences are taken; once when left out. */
  n?: number;
  /** The dimension, where it does not come before the options; the last one when left out. */
  dim?: number;
  /** Elements before those of the tensor, along `dim`. */
  prepend?: Tensor | null;
  /** Elements behind those of the tensor, along `dim`. */
  append?: Tensor | null;
}

const diffDefaults: Readonly<Required<DiffOptions>> = Object.freeze({
  n: 1,
  dim: -1,
  prepend: null,
  append: null,
});

/** The differences of neighbours along `dim`, taken n times; of bool, where neighbours differ. */
export function diff(x: Tensor, dim?: number | DiffOptions, options?: DiffOptions): Tensor {
  const { n, dim: along, prepend, append } = readOptions("diff", withDim(dim, options), diffDefaults);
  const axis = axisOf("diff", x, along);
  const { shape } = x;
  if (shape.length === 0)
    throw makeError(
      RangeError,
      "diff expects input to be at least one-dimensional; diff: x has no dimensions",
      { code: "ERR_SHAPE", op: "diff", shapes: [shape] },
    );
  if (!Number.isInteger(n) || n < 0)
    throw makeError(
      RangeError,
      `order must be non-negative but got ${describe(n)}; diff: n is a whole number`,
      {
        code: "ERR_VALUE",
        op: "diff",
      },
    );
  for (const more of [prepend, append]) {
    if (more === null) continue;
    handleOf(more, "diff");
    const fits = more.ndim === shape.length && more.shape.every((size, i) => i === axis || size === shape[i]);
    if (!fits)
      throw makeError(
        RangeError,
        `diff expects prepend or append to be the same dimension as input; diff: [${more.shape}] does not go along dim ${axis} with [${shape}]`,
        { code: "ERR_SHAPE", op: "diff", shapes: [shape, more.shape] },
      );
  }
  // PyTorch gives the tensor itself for no differences, whatever is beside it.
  if (n === 0) return x.clone();
  let result = cat(
    [prepend, x, append].filter((part) => part !== null),
    axis,
  );
  const isBool = result.dtype === "bool";
  for (let i = Math.min(n, result.shape[axis]!); i > 0; --i)
    result = neighbours(result, axis, (after, before) => (isBool ? after.ne(before) : after.sub(before)));
  return result;
}
