import { isFloating, wordOf } from "./dtype.js";
import { makeError } from "./errors.js";
import { isTensor } from "./tensor.js";

// Dtypes that PyTorch has no kernels for, where what is here would compute.

/** For a method or function the dtypes that it refuses, and the kernel that PyTorch has not; other sentences are whole. */
export const refused: Readonly<Record<string, readonly ["bool" | "whole", string]>> = {
  addcmul: ["bool", "addcmul_cpu_out"],
  argmax: ["bool", "argmax(): does not support bool input"],
  argmin: ["bool", "argmin(): does not support bool input"],
  bucketize: ["bool", "searchsorted_out_cpu"],
  corrcoef: ["bool", "cov(): bool dtype is not supported for input"],
  cov: ["bool", "cov(): bool dtype is not supported for input"],
  hypot: ["whole", "hypot_cpu"],
  igamma: ["whole", "igamma_cpu"],
  igammac: ["whole", "igammac_cpu"],
  isin: ["bool", "Unsupported input type encountered for isin(): Bool"],
  klDiv: ["whole", "kl_div: Integral inputs not supported."],
  kthvalue: ["bool", "kthvalue_cpu"],
  lerp: ["whole", "lerp_kernel_tensor"],
  logaddexp: ["whole", "logaddexp_cpu"],
  logaddexp2: ["whole", "logaddexp2_cpu"],
  matmul: ["bool", "addmm_impl_cpu_"],
  median: ["bool", "median_cpu"],
  mvlgamma: ["bool", "The input tensor may not be a boolean tensor."],
  nanmedian: ["bool", "median_cpu"],
  nextafter: ["whole", "nextafter_cpu"],
  searchsorted: ["bool", "searchsorted_out_cpu"],
  topk: ["bool", "topk does not support bool dtypes on CPU"],
  trace: ["bool", "trace"],
  vecdot: ["whole", "linalg.vecdot: Expected a floating point or complex tensor as input."],
};

/**
 * `f`, a method or a function, which throws a TypeError (`ERR_DTYPE`) where no tensor among its operands is of a dtype that
 * PyTorch has a kernel for.
 */
export function refusing<F extends (this: never, ...given: never[]) => unknown>(name: string, given: F): F {
  if (!Object.hasOwn(refused, name)) return given;
  const f = given as unknown as (this: unknown, ...all: unknown[]) => unknown;
  const [kind, sentence] = refused[name]!;
  const isWrong = kind === "bool" ? (x: string) => x === "bool" : (x: string) => !isFloating(x);
  const target = kind === "bool" ? "int64" : "float32";
  return function (this: unknown, ...all: unknown[]) {
    const dtypes = [this, ...all].filter(isTensor).map(({ dtype }) => dtype);
    if (dtypes.length > 0 && dtypes.every(isWrong)) {
      const isKernel = !sentence.includes(" ");
      throw makeError(
        TypeError,
        `${isKernel ? `"${sentence}" not implemented for '${wordOf(dtypes[0]!)}'` : sentence}; ${name}: convert with .to("${target}") first`,
        { code: "ERR_DTYPE", op: name },
      );
    }
    return f.apply(this, all);
  } as unknown as F;
}
