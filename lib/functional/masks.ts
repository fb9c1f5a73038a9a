import { zeros } from "../creation.js";
import { cat } from "../joining.js";
import { native, type Scalar } from "../native.js";
import { create, handleOf, isTensor, type Tensor } from "../tensor.js";
import { named } from "./history.js";
import { filling } from "./filling.js";
import { dtypeError } from "./refusals.js";

// Elements replaced where a bool tensor says.

function checkMask(op: string, word: string, mask: Tensor): void {
  handleOf(mask, op);
  if (mask.dtype !== "bool")
    throw dtypeError(
      op,
      `${word} only supports boolean masks, but got mask with dtype ${mask.dtype}; compare first, as in x.gt(0)`,
    );
}

/**
 * The tensor with a value, a number or a 0-d tensor, where `mask` is true; mask and tensor broadcast. The dtype stays.
 *
 * @throws TypeError (`ERR_DTYPE`) for a mask that is not bool, RangeError (`ERR_SHAPE`) for a value with dimensions.
 */
export function maskedFill(x: Tensor, mask: Tensor, value: Tensor | Scalar): Tensor {
  handleOf(x, "maskedFill");
  checkMask("maskedFill", "masked_fill_", mask);
  return named(
    mask.where(filling("maskedFill", "masked_fill_", x, value), x),
    "MaskedFill",
    isTensor(value) ? "1" : "0",
  );
}

/**
 * The tensor with elements of `source`, one after the other, where `mask` is true; mask and tensor broadcast.
 *
 * @throws TypeError (`ERR_DTYPE`); RangeError (`ERR_INDEX`) when the result is read, where `source` has too few elements.
 */
export function maskedScatter(x: Tensor, mask: Tensor, source: Tensor): Tensor {
  handleOf(x, "maskedScatter");
  checkMask("maskedScatter", "masked_scatter_", mask);
  handleOf(source, "maskedScatter");
  if (source.dtype !== x.dtype)
    throw dtypeError(
      "maskedScatter",
      `masked_scatter: expected self and source to have same dtypes but got ${x.dtype} and ${source.dtype}`,
    );
  const { shape } = mask.where(mask, x.isnan());
  const isReplaced = mask.expand(shape).reshape(-1);
  // Position 0 is where all the elements look that are not replaced.
  const places = isReplaced.where(isReplaced.cumsum(0), 0);
  const nothing = zeros([1], { dtype: x.dtype, device: x.device });
  const taken = cat([nothing, source.reshape(-1)]).gather(0, places);
  return named(mask.where(taken.reshape(shape), x), "MaskedScatter");
}

/** A value, a number or a 0-d tensor, in the shape and dtype of the tensor, whose gradient is 0. */
export function fill(x: Tensor, value: Tensor | Scalar): Tensor {
  const handle = handleOf(x, "fill");
  const given = handleOf(filling("fill", "fill_", x, value), "fill");
  return named(
    create((out) => native.splice(out, handle, ["..."], given, 0)),
    "Fill",
    isTensor(value) ? "1" : "0",
  );
}
