import { isFloating, wordOf } from "../dtype.js";
import { makeError } from "../errors.js";
import { elementwise } from "../native.js";
import { describe, readOptions } from "../options.js";
import { unary, type Tensor } from "../tensor.js";
import { named } from "./history.js";

/** Options of `round`. */
export interface RoundOptions {
  /** How many digits behind the point are kept; of a negative number, that many before it become 0. */
  decimals?: number;
}

const roundDefaults: Readonly<Required<RoundOptions>> = Object.freeze({ decimals: 0 });

/** x rounded as the options say, by way of a power of ten, as PyTorch does. */
export function rounded(x: Tensor, options: RoundOptions): Tensor {
  const { decimals } = readOptions("round", options, roundDefaults);
  if (!Number.isInteger(decimals))
    throw makeError(TypeError, `round: decimals must be a whole number, got ${describe(decimals)}`, {
      code: "ERR_OPTION",
      op: "round",
    });
  if (decimals === 0) return unary(elementwise.round, x);
  if (!isFloating(x.dtype))
    throw makeError(
      TypeError,
      `"round_cpu" not implemented for '${wordOf(x.dtype)}'; round: integers have no decimals, convert with .to("float32") first`,
      { code: "ERR_DTYPE", op: "round" },
    );
  const power = 10 ** Math.abs(decimals);
  const result = decimals > 0 ? x.mul(power).round().div(power) : x.div(power).round().mul(power);
  return named(result, "Round", "1");
}
