import { rand } from "../creation.js";
import { integerBounds, wordOf, type DType } from "../dtype.js";
import { makeError } from "../errors.js";
import type { Scalar } from "../native.js";
import { describe } from "../options.js";
import type { Device } from "../device.js";
import type { Tensor } from "../tensor.js";

// Distributions, made of the uniform and normal numbers of rand and randn: fixed by manualSeed and the order of calls, the
// same for any number of threads. What is drawn has 53 bits, whatever dtype it becomes.

const word = 2 ** 32;

/** Numbers of [0, 1) in float64. */
export function uniformOf(shape: readonly number[], device: Device): Tensor {
  return rand(shape, { dtype: "float64", device });
}

/** Numbers of the exponential distribution with mean 1, in float64. */
export function exponentialOf(shape: readonly number[], device: Device): Tensor {
  return uniformOf(shape, device).neg().log1p().neg();
}

/** A whole number as an argument. @throws TypeError (`ERR_ARGUMENT`) for anything else. */
export function wholeOf(op: string, name: string, value: unknown): bigint {
  if (typeof value === "bigint") return value;
  if (Number.isInteger(value)) return BigInt(value as number);
  throw makeError(TypeError, `${op}: ${name} must be a whole number, got ${describe(value)}`, {
    code: "ERR_ARGUMENT",
    op,
  });
}

/**
 * Whole numbers of [low, high) in int64, each as likely as any other, as near as 2**53 can be divided by their number; where
 * there are more than that, two draws are put together.
 */
export function wholesOf(
  op: string,
  shape: readonly number[],
  low: bigint,
  high: bigint,
  device: Device,
): Tensor {
  if (low >= high)
    throw makeError(
      RangeError,
      `random_ expects 'from' to be less than 'to', but got from=${low} >= to=${high}; ${op}: the end is not among the numbers`,
      { code: "ERR_VALUE", op },
    );
  const count = high - low;
  if (count > 2n ** 63n)
    throw makeError(RangeError, `${op}: from ${low} to ${high} there are more numbers than 2**63`, {
      code: "ERR_VALUE",
      op,
    });
  const below = (n: bigint) => uniformOf(shape, device).mul(Number(n)).to("int64");
  if (count <= 2n ** 53n) return below(count).add(low);
  const words = (count + BigInt(word) - 1n) / BigInt(word);
  const drawn = below(words)
    .mul(word)
    .add(below(BigInt(word)));
  const isWhole = words * BigInt(word) === count;
  return (isWhole ? drawn : drawn.ge(count).where(drawn.sub(count), drawn)).add(low);
}

/** Refuses a number that a dtype cannot hold. @throws RangeError (`ERR_VALUE`) with PyTorch's sentence. */
export function requireWithin(op: string, name: string, value: bigint, dtype: DType): void {
  const [least, most] =
    dtype === "bool" ? [0, 1] : (integerBounds.get(dtype) ?? [-(2n ** 63n), 2n ** 63n - 1n]);
  if (value >= least && value <= most) return;
  throw makeError(
    RangeError,
    `${name} is out of bounds for ${wordOf(dtype)}; ${op}: it is ${value}, and ${dtype} goes from ${least} to ${most}`,
    { code: "ERR_VALUE", op },
  );
}

/** A number as an argument. @throws TypeError (`ERR_ARGUMENT`) for anything else. */
export function parameterOf(op: string, name: string, value: Scalar): number {
  if (typeof value === "number") return value;
  throw makeError(TypeError, `${op}: ${name} must be a number, got ${describe(value)}`, {
    code: "ERR_ARGUMENT",
    op,
  });
}
