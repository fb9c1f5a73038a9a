import { zeros } from "./creation.js";
import { checkPivots, exchanges, trianglesOf } from "./functional/elimination.js";
import { checkMatrix } from "./functional/matrices.js";
import { orderOf } from "./functional/solutions.js";
import { readOptions } from "./options.js";
import { handleOf, type Tensor } from "./tensor.js";

/** Options of {@link luUnpack}. */
export interface LuUnpackOptions {
  /** Give L and U; otherwise they are empty. */
  unpackData?: boolean;
  /** Give P; otherwise it is empty. */
  unpackPivots?: boolean;
}

const defaults: Readonly<Required<LuUnpackOptions>> = Object.freeze({ unpackData: true, unpackPivots: true });

/**
 * The matrices P, L and U with P L U = A, of what `linalg.luFactor(A)` gives.
 *
 * @throws RangeError (`ERR_INDEX`) when P is read, for pivots that are no rows.
 */
export function luUnpack(
  LU: Tensor,
  pivots: Tensor,
  options?: LuUnpackOptions,
): { P: Tensor; L: Tensor; U: Tensor } {
  const op = "luUnpack";
  const { unpackData, unpackPivots } = readOptions(op, options, defaults);
  checkMatrix(op, LU, "LU");
  handleOf(pivots, op);
  checkPivots(op, LU, pivots);
  const none = () => zeros([0], { dtype: LU.dtype, device: LU.device });
  const P = unpackPivots ? exchanges(LU, orderOf(pivots, LU.shape.at(-2)!)) : none();
  return unpackData ? { P, ...trianglesOf(LU) } : { P, L: none(), U: none() };
}
