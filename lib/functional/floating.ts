import { isFloating, wordOf } from "../dtype.js";
import { makeError } from "../errors.js";
import type { Tensor } from "../tensor.js";

/** Refuses integers and bool, in PyTorch's words for a kernel that does not take them. */
export function refuseWhole(op: string, x: Tensor, kernel = op): void {
  if (isFloating(x.dtype)) return;
  throw makeError(
    TypeError,
    `"${kernel}" not implemented for '${wordOf(x.dtype)}'; ${op}: convert with .to("float32") first`,
    { code: "ERR_DTYPE", op },
  );
}
