import { onesLike, zeros } from "../../creation.js";
import { makeError } from "../../errors.js";
import { describe, readOptions } from "../../options.js";
import { handleOf, type Tensor } from "../../tensor.js";

/** Options of {@link oneHot}. */
export interface OneHotOptions {
  /** How many classes there are; -1, the default, is one more than the greatest, which is read. */
  numClasses?: number;
}

const oneHotDefaults: Readonly<Required<OneHotOptions>> = Object.freeze({ numClasses: -1 });

/**
 * Classes as rows of zeros with a 1: an int64 tensor with a new last dimension, as long as there are classes.
 *
 * @throws TypeError (`ERR_DTYPE`) for classes that are not int64; RangeError (`ERR_VALUE`) for less than one class,
 * (`ERR_INDEX`) when the result is read, for a class that is negative or not below `numClasses`.
 */
export function oneHot(input: Tensor, options?: OneHotOptions): Tensor {
  const op = "oneHot";
  const { numClasses } = readOptions(op, options, oneHotDefaults);
  handleOf(input, op);
  if (input.dtype !== "int64")
    throw makeError(
      TypeError,
      `one_hot is only applicable to index tensor of type LongTensor.; oneHot: got ${input.dtype}, convert with .to("int64")`,
      { code: "ERR_DTYPE", op },
    );
  const valueError = (message: string) =>
    makeError(RangeError, `${message}; oneHot`, { code: "ERR_VALUE", op });
  if (!Number.isInteger(numClasses) || numClasses < -1 || (numClasses === 0 && input.numel() > 0))
    throw valueError(`num_classes should be positive, got ${describe(numClasses)}`);
  const isEmpty = input.numel() === 0;
  if (isEmpty && numClasses <= 0)
    throw valueError("Can not infer total number of classes from empty tensor.");
  const count = numClasses === -1 ? input.amax().item() + 1 : numClasses;
  if (count < 1) throw valueError("Class values must be non-negative.");
  const rows = zeros([...input.shape, count], { dtype: "int64", device: input.device });
  const places = input.unsqueeze(-1);
  return isEmpty ? rows : rows.scatter(input.shape.length, places, onesLike(places));
}
