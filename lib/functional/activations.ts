import { isFloating, wordOf, type DType } from "../dtype.js";
import { makeError } from "../errors.js";
import { readOptions } from "../options.js";
import type { Tensor } from "../tensor.js";
import { named } from "./history.js";
import { axesOf } from "./reductions.js";

/** Options of `softmax` and its kin. */
export interface SoftmaxOptions {
  /** The dtype that the input is converted to first. */
  dtype?: DType;
}

const softmaxDefaults = Object.freeze({ dtype: undefined as DType | undefined });
const keepdim = Object.freeze({ keepdim: true });

/** e**x divided by the sum of e**x along `dim`, without overflow. */
export function softmax(x: Tensor, dim: number, options?: SoftmaxOptions): Tensor {
  return shares("softmax", x, dim, options);
}

/** {@link softmax} of -x: the smallest get the largest shares. */
export function softmin(x: Tensor, dim: number, options?: SoftmaxOptions): Tensor {
  axesOf("softmin", x, [dim]);
  return shares("softmin", x.neg(), dim, options);
}

/** The logarithm of {@link softmax}, accurate where that is small. */
export function logSoftmax(x: Tensor, dim: number, options?: SoftmaxOptions): Tensor {
  const { axes, shifted } = below("logSoftmax", "log_softmax", x, dim, options);
  return named(shifted.sub(shifted.exp().sum(axes, keepdim).log()), "LogSoftmax");
}

function shares(op: string, x: Tensor, dim: number, options: SoftmaxOptions | undefined): Tensor {
  const { axes, shifted } = below(op, "softmax", x, dim, options);
  const powers = shifted.exp();
  return named(powers.div(powers.sum(axes, keepdim)), "Softmax");
}

/** The input less its largest element along `dim`, which changes no share, so that no power of e overflows. */
function below(op: string, kernel: string, x: Tensor, dim: number, options: SoftmaxOptions | undefined) {
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
  // An empty line has no largest element.
  const shifted = shape[axis] === 0 ? input : input.sub(input.detach().amax(axes, keepdim));
  return { axes, shifted };
}
