import { makeError } from "./errors.js";
import { native } from "./native.js";
import { describe, nearestName } from "./options.js";

/** How exact products of float32 matrices are on GPUs; see {@link setFloat32MatmulPrecision}. */
export type Float32MatmulPrecision = "highest" | "high" | "medium";

const precisions: readonly string[] = ["highest", "high", "medium"] satisfies Float32MatmulPrecision[];
let current: Float32MatmulPrecision = "highest";

/**
 * Sets how exact products of float32 matrices are on GPUs, from the next one that is recorded on; gradients are recorded
 * by `backward`. The CPU, other dtypes and other ops are always exact.
 *
 * - `"highest"`, as at the start: float32 throughout.
 * - `"high"`: factors may be rounded to TF32, which has the range of a float32 and 10 bits of mantissa rather than 23;
 *   their products are summed in float32. Only GPUs of compute capability 8.0 or higher do so, for products with more
 *   than 16 rows and columns; others stay exact.
 * - `"medium"`: the same as `"high"`. PyTorch allows bfloat16 as well, for which there is no kernel here.
 *
 * It holds for the thread that calls it.
 * @throws RangeError (`ERR_VALUE`) for anything else.
 */
export function setFloat32MatmulPrecision(precision: Float32MatmulPrecision): void {
  if (!precisions.includes(precision)) {
    const nearest = typeof precision === "string" ? nearestName(precision, precisions) : undefined;
    throw makeError(
      RangeError,
      `setFloat32MatmulPrecision: expected "highest", "high" or "medium", got ${describe(precision)}` +
        (nearest === undefined ? "" : `; did you mean "${nearest}"?`),
      { code: "ERR_VALUE", op: "setFloat32MatmulPrecision" },
    );
  }
  native.allowRoundedProducts(precision !== "highest");
  current = precision;
}

/** How exact products of float32 matrices are on GPUs; see {@link setFloat32MatmulPrecision}. */
export function getFloat32MatmulPrecision(): Float32MatmulPrecision {
  return current;
}
