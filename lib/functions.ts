import { arityOf, guarded } from "./calls.js";
import "./methods.js";
import { aliases, type Aliases } from "./aliases.js";
import { scaled } from "./functional/alpha.js";
import { elementwise, type Scalar } from "./native.js";
import { readOptions } from "./options.js";
import { binary, handleOf, isTensor, Tensor, type Factor } from "./tensor.js";

// What is a method and a function in PyTorch is both here: these are the functions, with the tensor as first argument.

type MethodName = {
  [Name in keyof Tensor]: Tensor[Name] extends (...rest: never[]) => unknown ? Name : never;
}[keyof Tensor];
/** The function that a method is, with all of its overloads, of which there are up to three. */
type FunctionOf<Method> = Method extends (...rest: infer A) => infer One
  ? ((...rest: A) => One) extends Method
    ? (x: Tensor, ...rest: A) => One
    : OverloadsOf<Method>
  : never;
type OverloadsOf<Method> = Method extends {
  (...rest: infer A): infer One;
  (...rest: infer B): infer Two;
  (...rest: infer C): infer Three;
}
  ? { (x: Tensor, ...rest: A): One; (x: Tensor, ...rest: B): Two; (x: Tensor, ...rest: C): Three }
  : never;
type FunctionsOf<Names extends MethodName> = {
  [Name in Names]: FunctionOf<Tensor[Name]> & (Name extends NumberFirst ? OfNumber : unknown);
};
/** Functions whose first operand may be a number where the second is a tensor. */
const numberFirst = [
  "add",
  "bitwiseAnd",
  "bitwiseLeftShift",
  "bitwiseOr",
  "bitwiseRightShift",
  "bitwiseXor",
  "div",
  "floatPower",
  "floorDivide",
  "mul",
  "pow",
  "remainder",
  "sub",
  "xlogy",
] as const;
type NumberFirst =
  | (typeof numberFirst)[number]
  | {
      [Alias in keyof Aliases]: Aliases[Alias] extends (typeof numberFirst)[number] ? Alias : never;
    }[keyof Aliases];
type OfNumber = (x: Scalar, other: Tensor, options?: { alpha?: Factor }) => Tensor;

/** One of these functions of a number and a tensor; undefined for all others. */
function ofNumber(name: string, x: unknown, [other, ...rest]: unknown[]): Tensor | undefined {
  const row = Object.hasOwn(aliases, name) ? aliases[name as keyof Aliases] : name;
  if (!["number", "bigint", "boolean"].includes(typeof x) || !isTensor(other)) return undefined;
  if (!numberFirst.some((one) => one === row)) return undefined;
  const options = rest[0] as { alpha?: Factor } | undefined;
  if (row === "floatPower") return binary(elementwise.pow, x as Scalar, other.to("float64"));
  if (row === "add" || row === "sub")
    return binary(elementwise[row], x as Scalar, scaled(row, other, other, options));
  if (options !== undefined) readOptions(name, options, {});
  return binary(elementwise[row as "mul"], x as Scalar, other);
}

function functionsOf(): FunctionsOf<MethodName> {
  const functions: Record<string, unknown> = {};
  for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(Tensor.prototype))) {
    if (typeof value !== "function") continue;
    const method = value as (this: Tensor, ...rest: unknown[]) => unknown;
    const compute = (x: Tensor, ...rest: unknown[]) => {
      const made = isTensor(x) ? undefined : ofNumber(name, x, rest);
      if (made !== undefined) return made;
      handleOf(x, name);
      return method.apply(x, rest);
    };
    functions[name] = guarded(name, compute, arityOf(method) + 1);
  }
  return functions as FunctionsOf<MethodName>;
}

const functions = functionsOf();
export const {
  abs,
  absolute,
  acos,
  acosh,
  add,
  addbmm,
  addcdiv,
  addcmul,
  addmm,
  addmv,
  addr,
  adjoint,
  all,
  allclose,
  amax,
  amin,
  aminmax,
  any,
  arccos,
  arccosh,
  arcsin,
  arcsinh,
  arctan,
  arctan2,
  arctanh,
  argmax,
  argmin,
  argsort,
  argwhere,
  asin,
  asinh,
  atan,
  atan2,
  atanh,
  baddbmm,
  bernoulli,
  bincount,
  bitwiseAnd,
  bitwiseLeftShift,
  bitwiseNot,
  bitwiseOr,
  bitwiseRightShift,
  bitwiseXor,
  bmm,
  broadcastTo,
  ceil,
  cholesky,
  choleskyInverse,
  choleskySolve,
  chunk,
  clamp,
  clampMax,
  clampMin,
  clip,
  clone,
  copysign,
  corrcoef,
  cos,
  cosh,
  countNonzero,
  cov,
  cross,
  cummax,
  cummin,
  cumprod,
  cumsum,
  deg2rad,
  det,
  detach,
  diag,
  diagEmbed,
  diagflat,
  diagonal,
  diagonalScatter,
  diff,
  digamma,
  dist,
  div,
  divide,
  dot,
  dsplit,
  eq,
  equal,
  erf,
  erfc,
  erfinv,
  exp,
  exp2,
  expm1,
  fill,
  fix,
  flatten,
  flip,
  fliplr,
  flipud,
  floatPower,
  floor,
  floorDivide,
  fmax,
  fmin,
  fmod,
  frac,
  frexp,
  gather,
  gcd,
  ge,
  ger,
  greater,
  greaterEqual,
  gt,
  heaviside,
  histc,
  histogram,
  hsplit,
  hypot,
  i0,
  igamma,
  igammac,
  indexAdd,
  indexCopy,
  indexFill,
  indexPut,
  indexReduce,
  indexSelect,
  inner,
  inverse,
  isclose,
  isfinite,
  isinf,
  isnan,
  isneginf,
  isposinf,
  kron,
  kthvalue,
  lcm,
  ldexp,
  le,
  lerp,
  less,
  lessEqual,
  lgamma,
  log,
  log10,
  log1p,
  log2,
  logSoftmax,
  logaddexp,
  logaddexp2,
  logcumsumexp,
  logdet,
  logicalAnd,
  logicalNot,
  logicalOr,
  logicalXor,
  logit,
  logsumexp,
  lt,
  lu,
  luSolve,
  maskedFill,
  maskedScatter,
  maskedSelect,
  matmul,
  matrixExp,
  matrixPower,
  max,
  maximum,
  mean,
  median,
  min,
  minimum,
  mm,
  mode,
  moveaxis,
  movedim,
  msort,
  mul,
  multinomial,
  multiply,
  mv,
  mvlgamma,
  nanToNum,
  nanmean,
  nanmedian,
  nanquantile,
  nansum,
  narrow,
  ne,
  neg,
  negative,
  nextafter,
  nonzero,
  norm,
  notEqual,
  numel,
  outer,
  permute,
  pinverse,
  positive,
  pow,
  prod,
  put,
  qr,
  quantile,
  rad2deg,
  ravel,
  reciprocal,
  relu,
  remainder,
  renorm,
  repeatInterleave,
  reshape,
  roll,
  rot90,
  round,
  rsqrt,
  rsub,
  scatter,
  scatterAdd,
  scatterReduce,
  select,
  selectScatter,
  sgn,
  sigmoid,
  sign,
  signbit,
  sin,
  sinc,
  sinh,
  sliceScatter,
  slogdet,
  softmax,
  sort,
  split,
  splitWithSizes,
  sqrt,
  square,
  squeeze,
  std,
  sub,
  subtract,
  sum,
  svd,
  swapaxes,
  swapdims,
  t,
  take,
  takeAlongDim,
  tan,
  tanh,
  tensorSplit,
  tile,
  topk,
  trace,
  transpose,
  triangularSolve,
  tril,
  triu,
  trueDivide,
  trunc,
  unbind,
  unflatten,
  unique,
  uniqueConsecutive,
  unsafeChunk,
  unsafeSplit,
  unsafeSplitWithSizes,
  unsqueeze,
  vdot,
  vsplit,
  xlogy,
} = functions;
const { var: variance } = functions;
export { variance as var };
