import { isFloating, wordOf, type DType } from "../dtype.js";
import { makeError } from "../errors.js";
import { readOptions } from "../options.js";
import type { Tensor } from "../tensor.js";
import { named } from "./history.js";
import { axesOf } from "./axes.js";

/** Options of `softmax` and its kin. */
export interface SoftmaxOptions {
  /** The dtype that the input is converted to first. */
  dtype?: DType;
}

const softmaxDefaults = Object.freeze({ dtype: undefined as DType | undefined });
export const keepdim = Object.freeze({ keepdim: true });

/** e**x divided by its sum along `dim`, for the op of a name. */
export function shares(op: string, x: Tensor, dim: number, options: SoftmaxOptions | undefined): Tensor {
  const { axes, shifted } = below(op, "softmax", x, dim, options);
  const powers = shifted.exp();
  return named(powers.div(powers.sum(axes, keepdim)), "Softmax");
}

/**
 * The input less its largest element along `dim`, which changes no share, so that no power of e overflows; and that
 * element, which an empty line does not have.
 */
export function below(
  op: string,
  kernel: string,
  x: Tensor,
  dim: number,
  options: SoftmaxOptions | undefined,
) {
  const { dtype } = readOptions(op, options, softmaxDefaults);
  const axes = axesOf(op, x, [dim]);
  const input = dtype === undefined ? x : x.to(dtype);
  const { shape } = input;
  const axis = axes[0] ?? 0;
  if (!isFloating(input.dtype)) {
    // PyTorch's kernels along other dimensions have one name.
    const name =
      axis === Math.max(shape.length - 1, 0) ? `${kernel}_lastdim_kernel_impl` : "softmax_kernel_impl";
    throw makeError(
      TypeError,
      `"${name}" not implemented for '${wordOf(input.dtype)}'; ${op}: convert first, as in ${op}(dim, { dtype: "float32" })`,
      { code: "ERR_DTYPE", op },
    );
  }
  if (shape[axis] === 0) return { axes, shifted: input };
  const largest = input.detach().amax(axes, keepdim);
  return { axes, largest, shifted: input.sub(largest) };
}
