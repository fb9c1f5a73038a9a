import { fitting } from "./calls.js";
import {
  finish,
  optionsLike,
  rand,
  randn,
  readCreation,
  shapeOf,
  type CreationOptions,
  type ShapeLike,
} from "./creation.js";
import { deviceName } from "./device.js";
import { isFloating, wordOf, type DType } from "./dtype.js";
import { makeError } from "./errors.js";
import { parameterOf, requireWithin, uniformOf, wholeOf, wholesOf } from "./functional/draws.js";
import { isTensor, type Tensor } from "./tensor.js";

// Tensors of random numbers. Those that a tensor draws are methods: functional/random.ts.

type Whole = number | bigint;

/** Uniform random numbers in [0, 1) in another tensor's shape and dtype, on its device. Floating. */
export function randLike(like: Tensor, options?: CreationOptions): Tensor {
  const given = optionsLike("randLike", like, options);
  return rand(like.shape, given);
}

/** Standard normal random numbers in another tensor's shape and dtype, on its device. Floating. */
export function randnLike(like: Tensor, options?: CreationOptions): Tensor {
  const given = optionsLike("randnLike", like, options);
  return randn(like.shape, given);
}

function wholes(
  op: string,
  low: Whole,
  high: Whole,
  shape: readonly number[],
  options: CreationOptions | undefined,
): Tensor {
  const { dtype, device, requiresGrad } = readCreation(op, options);
  const [from, to] = [wholeOf(op, "low", low), wholeOf(op, "high", high)];
  const chosen: DType = dtype ?? "int64";
  if (from < to) {
    requireWithin(op, "from", from, chosen);
    requireWithin(op, "to - 1", to - 1n, chosen);
  }
  return finish(wholesOf(op, shape, from, to, deviceName(device)).to(chosen), requiresGrad);
}

/**
 * Whole random numbers of [low, high), each as likely as any other: `randint(high, size)` or `randint(low, high, size)`,
 * where low is 0 when left out. The dtype is int64 unless `dtype` says otherwise; low and high can be bigints.
 * @throws RangeError (`ERR_VALUE`) for an empty range, or one beyond the dtype.
 */
export function randint(high: Whole, size: ShapeLike, options?: CreationOptions): Tensor;
export function randint(low: Whole, high: Whole, size: ShapeLike, options?: CreationOptions): Tensor;
export function randint(...given: unknown[]): Tensor {
  // The shape is a list, or the third number.
  const at = Array.isArray(given[1]) || (!isWhole(given[2]) && !Array.isArray(given[2])) ? 1 : 2;
  const [low, high] = at === 1 ? [0, given[0]] : [given[0], given[1]];
  const shape = shapeOf(given[at] as ShapeLike);
  const options = fitting("randint", given, at + 2)[at + 1] as CreationOptions | undefined;
  return wholes("randint", low as Whole, high as Whole, shape, options);
}

/** {@link randint} in another tensor's shape and dtype, on its device: `randintLike(x, high)` or `randintLike(x, low, high)`. */
export function randintLike(like: Tensor, high: Whole, options?: CreationOptions): Tensor;
export function randintLike(like: Tensor, low: Whole, high: Whole, options?: CreationOptions): Tensor;
export function randintLike(like: Tensor, ...given: unknown[]): Tensor {
  const [low, high, options] = isWhole(given[1])
    ? fitting("randintLike", given, 3)
    : [0, ...fitting("randintLike", given, 2)];
  const all = optionsLike("randintLike", like, options as CreationOptions | undefined);
  return wholes("randintLike", low as Whole, high as Whole, like.shape, all);
}

const isWhole = (value: unknown) => typeof value === "number" || typeof value === "bigint";

/**
 * The numbers from 0 to n - 1 in a random order, each as likely as any other: the order of n random keys, of which equal ones
 * keep theirs. The dtype is int64 unless `dtype` says otherwise.
 * @throws RangeError (`ERR_VALUE`) for a negative n, or one beyond the dtype.
 */
export function randperm(n: number, options?: CreationOptions): Tensor {
  const { dtype, device, requiresGrad } = readCreation("randperm", options);
  const count = Number(wholeOf("randperm", "n", n));
  if (count < 0)
    throw makeError(RangeError, `n must be non-negative, got ${count}; randperm: it is how many numbers`, {
      code: "ERR_VALUE",
      op: "randperm",
    });
  const chosen: DType = dtype ?? "int64";
  if (count > 0) requireWithin("randperm", "n - 1", BigInt(count) - 1n, chosen);
  return finish(uniformOf([count], deviceName(device)).argsort(0).to(chosen), requiresGrad);
}

/**
 * Normal random numbers with a mean and a standard deviation: tensors, which broadcast and say the dtype, the first of them
 * if both do; or numbers, and then `size` is the shape: `normal(mean, std, size)`. The mean is that of each element; there is
 * no gradient. Floating.
 * @throws RangeError (`ERR_VALUE`) for a negative number as standard deviation, TypeError (`ERR_ARGUMENT`) without a shape.
 */
export function normal(mean: Tensor, std?: Tensor | number): Tensor;
export function normal(mean: number, std: Tensor): Tensor;
export function normal(mean: number, std: number, size: ShapeLike, options?: CreationOptions): Tensor;
export function normal(
  mean: Tensor | number,
  std: Tensor | number = 1,
  size?: ShapeLike,
  options?: CreationOptions,
): Tensor {
  const op = "normal";
  const [tensors, numbers] = [[mean, std].filter(isTensor), [mean, std].filter((one) => !isTensor(one))];
  for (const one of numbers) parameterOf(op, one === mean ? "mean" : "std", one as number);
  if (typeof std === "number" && !(std >= 0))
    throw makeError(
      RangeError,
      `normal expects std >= 0.0, but found std ${std}; ${op}: it is a standard deviation`,
      { code: "ERR_VALUE", op },
    );
  const [first] = tensors;
  if (first === undefined) {
    if (size === undefined)
      throw makeError(TypeError, `${op}: give a shape, as in normal(0, 1, [2, 3])`, {
        code: "ERR_ARGUMENT",
        op,
      });
    const { requiresGrad, dtype, device } = readCreation(op, options);
    const drawn = randn(size, { ...(dtype && { dtype }), device: deviceName(device) });
    return finish(drawn.mul(std).add(mean), requiresGrad);
  }
  if (size !== undefined)
    throw makeError(TypeError, `${op}: the shape is that of the tensors; leave the size out`, {
      code: "ERR_ARGUMENT",
      op,
    });
  const wrong = tensors.find((one) => !isFloating(one.dtype));
  if (wrong)
    throw makeError(
      TypeError,
      `"normal_kernel_cpu" not implemented for '${wordOf(wrong.dtype)}'; ${op}: convert first, as in x.to("float32")`,
      { code: "ERR_DTYPE", op },
    );
  const [centre, spread] = [mean, std].map((one) => (isTensor(one) ? one.detach() : one)) as [
    Tensor | number,
    Tensor | number,
  ];
  const { shape } = tensors.length === 2 ? (centre as Tensor).add(spread) : first;
  const { dtype, device } = first;
  return randn(shape, { dtype, device }).mul(spread).add(centre).to(dtype);
}
