import { isFloating } from "../dtype.js";
import { recordRoutine, type Tensor } from "../tensor.js";
import { cummax, type ValuesAndIndices } from "./along.js";
import { lineOf, neighbours, padAlong } from "./axes.js";
import { refuseWhole } from "./floating.js";
import { named } from "./history.js";

// What has run through a dimension so far, by the scans that are routines.

/** The smallest element so far along `dim`, and its int64 position: of equal ones the last. NaN is smaller than all. */
export function cummin(x: Tensor, dim: number): ValuesAndIndices {
  const { values, indices } = cummax(mirrored(x), dim);
  return { values: named(mirrored(values), "Cummin"), indices };
}

/** In the opposite order, without overflow: -x of floating numbers, -1 - x of whole ones, as the bits of both agree. */
function mirrored(x: Tensor): Tensor {
  if (isFloating(x.dtype)) return x.neg();
  if (x.dtype === "bool") return x.logicalNot();
  return x.dtype === "uint8" ? x.rsub(255) : x.rsub(-1);
}

/**
 * log of the running sum of e**x along `dim`, without overflow; a floating tensor. As in PyTorch the gradient is NaN where
 * there is nothing but -infinity so far.
 *
 * With m[i] the largest element up to i, the sum of e**(x[j] - m[i]) follows the recurrence
 * s[i] = e**(m[i - 1] - m[i]) s[i - 1] + e**(x[i] - m[i]), where no power exceeds 1.
 */
export function logcumsumexp(x: Tensor, dim: number): Tensor {
  const { lines, axis, restore } = lineOf("logcumsumexp", x, dim);
  refuseWhole("logcumsumexp", x);
  if (lines.numel() === 0) return x.clone();
  const top = cummax(lines.detach(), axis).values;
  // Of equal ones the difference is 0, also where they are infinite.
  const scales = neighbours(top, axis, (after, before) => before.eq(after).where(1, before.sub(after).exp()));
  const base = top.isinf().where(0, top);
  const powers = lines.sub(base).exp();
  const sums = recordRoutine("recurrence", [padAlong(scales, axis, 1, 0, 0), powers], axis)[0]!;
  return named(restore(sums.log().add(base)), "Logcumsumexp");
}
