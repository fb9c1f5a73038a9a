import { zeros } from "../../creation.js";
import { makeError } from "../../errors.js";
import { named } from "../../functional/history.js";
import { readOptions } from "../../options.js";
import { handleOf, type Tensor } from "../../tensor.js";
import {
  atLeast,
  count,
  inBrackets,
  isLeftOut,
  requireFloating,
  requireImages,
  sizesOf,
  type Sizes,
} from "./sizes.js";

/** Options of {@link maxUnpool1d}, {@link maxUnpool2d} and {@link maxUnpool3d}. */
export interface UnpoolOptions {
  /** The distance between windows that the pool had: `kernelSize` when left out. */
  stride?: Sizes | null;
  /** The padding that the pool had. */
  padding?: Sizes;
  /** The spatial dimensions of what was pooled, or its whole shape: several have pools of one shape. */
  outputSize?: readonly number[] | null;
}

const defaults: Readonly<Required<UnpoolOptions>> = Object.freeze({
  stride: null,
  padding: 0,
  outputSize: null,
});

/**
 * The elements of `[N, C, L]` or `[C, L]`, each at the place that `indices`, as {@link maxPool1d} gives them, name in a
 * signal of zeros. Its size is `outputSize`, or `(L - 1) * stride - 2 * padding + kernelSize`. Where several elements have
 * one place the last is there, and all get its gradient.
 *
 * @throws RangeError (`ERR_SHAPE`) where shapes do not fit, (`ERR_ARGUMENT`) for sizes out of range; TypeError (`ERR_DTYPE`)
 * unless the input is floating and the indices int64. A place out of range is an error (`ERR_INDEX`) when the result is
 * read.
 */
export function maxUnpool1d(
  input: Tensor,
  indices: Tensor,
  kernelSize: Sizes,
  options?: UnpoolOptions,
): Tensor {
  return unpooled("maxUnpool1d", 1, input, indices, kernelSize, options);
}

/** {@link maxUnpool1d} of images, `[N, C, H, W]` or `[C, H, W]`. */
export function maxUnpool2d(
  input: Tensor,
  indices: Tensor,
  kernelSize: Sizes,
  options?: UnpoolOptions,
): Tensor {
  return unpooled("maxUnpool2d", 2, input, indices, kernelSize, options);
}

/** {@link maxUnpool1d} of volumes, `[N, C, D, H, W]` or `[C, D, H, W]`. */
export function maxUnpool3d(
  input: Tensor,
  indices: Tensor,
  kernelSize: Sizes,
  options?: UnpoolOptions,
): Tensor {
  return unpooled("maxUnpool3d", 3, input, indices, kernelSize, options);
}

function unpooled(
  op: string,
  rank: number,
  input: Tensor,
  indices: Tensor,
  kernelSize: Sizes,
  options: UnpoolOptions | undefined,
): Tensor {
  const given = readOptions(op, options, defaults);
  handleOf(input, op);
  handleOf(indices, op);
  requireFloating(op, `max_unpooling${rank}d_forward_out`, input);
  if (indices.dtype !== "int64")
    throw makeError(
      TypeError,
      `elements in indices should be type int64 but got: ${indices.dtype}; ${op}: give those that maxPool${rank}d returns`,
      { code: "ERR_DTYPE", op },
    );
  const { shape, dtype, device } = input;
  if (String(shape) !== String(indices.shape))
    throw makeError(
      RangeError,
      `Expected shape of indices to be same as that of the input tensor (${inBrackets(shape)}) but got indices tensor ` +
        `with shape: ${inBrackets(indices.shape)}; ${op}: give those that maxPool${rank}d returns`,
      { code: "ERR_SHAPE", op, shapes: [shape, indices.shape] },
    );
  requireImages(op, input, rank);
  const sizes = sizesOfResult(op, rank, shape, kernelSize, given);
  const leading = shape.slice(0, -rank);
  const elements = count(shape.slice(-rank));
  const { values: places, indices: order } = indices.reshape(...leading, elements).sort(-1);
  const ordered = input.reshape(...leading, elements).gather(-1, order);
  const isLast = places
    .narrow(-1, 1, elements - 1)
    .ne(places.narrow(-1, 0, elements - 1))
    .pad([0, 1], { value: true });
  // What another element has taken the place of is worth nothing, but has its gradient.
  const nothing = ordered.isfinite().where(ordered.sub(ordered.detach()), 0);
  const result = zeros([...leading, count(sizes)], { dtype, device })
    .scatterAdd(-1, places, isLast.where(ordered, nothing))
    .reshape(...leading, ...sizes);
  return named(result, rank === 1 ? "Squeeze" : `MaxUnpool${rank}D`, rank === 1 ? "1" : "0");
}

function sizesOfResult(
  op: string,
  rank: number,
  shape: readonly number[],
  kernelSize: Sizes,
  { stride, padding, outputSize }: Required<UnpoolOptions>,
): number[] {
  const kernels = sizesOf(op, "kernelSize", kernelSize, rank);
  atLeast(op, "kernelSize", kernels, 1, "kernel size should be greater than zero");
  const strides = isLeftOut(stride) ? kernels : sizesOf(op, "stride", stride, rank);
  atLeast(op, "stride", strides, 1, "strides should be greater than zero");
  const paddings = sizesOf(op, "padding", padding, rank);
  const usual = shape
    .slice(-rank)
    .map((size, i) => (size - 1) * strides[i]! + kernels[i]! - 2 * paddings[i]!);
  const whole: readonly number[] = outputSize ?? usual;
  if (!Array.isArray(whole) || (whole.length !== rank && whole.length !== rank + 2))
    throw makeError(
      TypeError,
      `output_size should be a sequence containing ${rank} or ${rank + 2} elements; ${op}: outputSize is a shape`,
      { code: "ERR_ARGUMENT", op },
    );
  const sizes = sizesOf(op, "outputSize", whole.slice(-rank), rank);
  for (const [i, size] of sizes.entries())
    if (size < 1 || Math.abs(size - usual[i]!) >= strides[i]!)
      throw makeError(
        RangeError,
        `invalid output_size ${inBrackets(sizes)} (dim ${i} must be between ${usual[i]! - strides[i]!} and ` +
          `${usual[i]! + strides[i]!}); ${op}: give the shape of what was pooled`,
        { code: "ERR_ARGUMENT", op, shapes: [[...shape]] },
      );
  return sizes;
}
