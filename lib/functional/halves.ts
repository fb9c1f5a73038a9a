import { isFloating, isHalfDtype, type DType } from "../dtype.js";
import { native } from "../native.js";
import { handleOf, isTensor, type Tensor } from "../tensor.js";
import { named } from "./history.js";

// Every op rounds its result to the dtype of halves. What is made of several ops would round as often; it is computed in
// float32 instead, and rounded once, as PyTorch's kernels do.

/** The functions and methods that are. Others are single ops, keep state or tables, or leave halves as they are. */
const computedInFloat32: ReadonlySet<string> = new Set([
  "adaptiveAvgPool1d",
  "adaptiveAvgPool2d",
  "adaptiveAvgPool3d",
  "addbmm",
  "addcdiv",
  "addcmul",
  "addmm",
  "addmv",
  "addr",
  "alphaDropout",
  "avgPool1d",
  "avgPool2d",
  "avgPool3d",
  "baddbmm",
  "bilinear",
  "binaryCrossEntropy",
  "binaryCrossEntropyWithLogits",
  "cdist",
  "celu",
  "conv1d",
  "conv2d",
  "conv3d",
  "convTranspose1d",
  "convTranspose2d",
  "convTranspose3d",
  "corrcoef",
  "cosineEmbeddingLoss",
  "cosineSimilarity",
  "cov",
  "cross",
  "crossEntropy",
  "ctcLoss",
  "diff",
  "dist",
  "dropout",
  "dropout1d",
  "dropout2d",
  "dropout3d",
  "elu",
  "featureAlphaDropout",
  "gaussianNllLoss",
  "gelu",
  "glu",
  "gridSample",
  "gridSampler",
  "gridSampler2d",
  "gridSampler3d",
  "groupNorm",
  "gumbelSoftmax",
  "hardsigmoid",
  "hardswish",
  "hingeEmbeddingLoss",
  "histc",
  "histogram",
  "huberLoss",
  "indexReduce",
  "interpolate",
  "klDiv",
  "kron",
  "l1Loss",
  "layerNorm",
  "ldexp",
  "linear",
  "linearCrossEntropy",
  "localResponseNorm",
  "logSoftmax",
  "logcumsumexp",
  "logsigmoid",
  "logsumexp",
  "lpPool1d",
  "lpPool2d",
  "lpPool3d",
  "marginRankingLoss",
  "matrixExp",
  "matrixNorm",
  "matrixPower",
  "mish",
  "mseLoss",
  "multiDot",
  "multiHeadAttentionForward",
  "multiMarginLoss",
  "multilabelMarginLoss",
  "multilabelSoftMarginLoss",
  "mvlgamma",
  "nanmean",
  "ndtr",
  "nllLoss",
  "norm",
  "normalize",
  "pairwiseDistance",
  "pdist",
  "poissonNllLoss",
  "polygamma",
  "renorm",
  "rmsNorm",
  "round",
  "scaledDotProductAttention",
  "selu",
  "silu",
  "sinc",
  "smoothL1Loss",
  "softMarginLoss",
  "softmax",
  "softmin",
  "softplus",
  "softshrink",
  "softsign",
  "std",
  "stdMean",
  "tanhshrink",
  "tripletMarginLoss",
  "upsample",
  "upsampleBilinear",
  "upsampleNearest",
  "vander",
  "var",
  "varMean",
  "vecdot",
  "vectorNorm",
]);

/** Whether a value is a list or an object of options, whose values count. */
function isNest(value: unknown): value is object {
  if (Array.isArray(value)) return true;
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** The tensors among arguments, those in lists and options too. */
function tensorsOf(values: readonly unknown[]): Tensor[] {
  return values.flatMap((value) =>
    isTensor(value) ? [value] : isNest(value) ? tensorsOf(Object.values(value)) : [],
  );
}

/** Whether floating tensors among the arguments of a function all have one dtype of halves, and no other dtype is asked for. */
export function areHalves(x: unknown, ...more: unknown[]): boolean {
  // Others are the rule, and cost one look.
  if (isTensor(x) ? isFloating(x.dtype) && !isHalfDtype(x.dtype) : !Array.isArray(x)) return false;
  const dtypes = new Set(
    tensorsOf([x, ...more])
      .map(({ dtype }) => dtype)
      .filter(isFloating),
  );
  const isAsked = more.some(
    (value) =>
      isNest(value) && Object.hasOwn(value, "dtype") && (value as { dtype?: unknown }).dtype !== undefined,
  );
  return dtypes.size === 1 && isHalfDtype([...dtypes][0]!) && !isAsked;
}

/** A tensor, or a list or an object of values, with its tensors changed. */
function changed(value: unknown, change: (x: Tensor) => Tensor): unknown {
  if (isTensor(value)) return change(value);
  if (Array.isArray(value)) return value.map((one) => changed(one, change));
  if (!isNest(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, changed(one, change)]));
}

/** What a function gives for halves: it computes in float32, and what it gives is rounded. Arguments are {@link areHalves}. */
export function inFloat32<A extends unknown[], R>(compute: (...args: A) => R, ...args: A): R {
  const { dtype } = tensorsOf(args).find((one) => isFloating(one.dtype))!;
  const wide = args.map((one) => changed(one, (x) => (x.dtype === dtype ? x.to("float32") : x))) as A;
  return changed(compute(...wide), (x) => (x.dtype === "float32" ? rounded(x, dtype) : x)) as R;
}

/** A result in another dtype, whose gradient keeps its name. */
function rounded(result: Tensor, dtype: DType): Tensor {
  const halves = result.to(dtype);
  const name = /^(.*)Backward(.)$/.exec(native.gradFn(handleOf(result, "to")) ?? "");
  return name ? named(halves, name[1]!, name[2]) : halves;
}

/** `f`, a method or a function, which computes in float32 what is made of several ops, of halves. */
export function widening<F extends (this: never, ...given: never[]) => unknown>(name: string, given: F): F {
  if (!computedInFloat32.has(name)) return given;
  const f = given as unknown as (this: unknown, ...all: unknown[]) => unknown;
  return function (this: unknown, ...all: unknown[]) {
    if (!isTensor(this)) return areHalves(...(all as [unknown])) ? inFloat32(f, ...all) : f.apply(this, all);
    if (!areHalves(this, ...all)) return f.apply(this, all);
    return inFloat32((x, ...rest: unknown[]) => f.apply(x, rest), this, ...all);
  } as unknown as F;
}
