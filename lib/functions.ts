import "./methods.js";
import { handleOf, Tensor } from "./tensor.js";

// What is a method and a function in PyTorch is both here: these are the functions, with the tensor as first argument.

type MethodName = {
  [Name in keyof Tensor]: Tensor[Name] extends (...rest: never[]) => unknown ? Name : never;
}[keyof Tensor];
type FunctionsOf<Names extends MethodName> = {
  [Name in Names]: (x: Tensor, ...rest: Parameters<Tensor[Name]>) => ReturnType<Tensor[Name]>;
};

function functionsOf(): FunctionsOf<MethodName> {
  const functions: Record<string, unknown> = {};
  for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(Tensor.prototype))) {
    if (typeof value !== "function") continue;
    const method = value as (this: Tensor, ...rest: unknown[]) => unknown;
    functions[name] = (x: Tensor, ...rest: unknown[]) => {
      handleOf(x, name);
      return method.apply(x, rest);
    };
    Object.defineProperty(functions[name], "name", { value: name });
  }
  return functions as FunctionsOf<MethodName>;
}

export const {
  abs,
  acos,
  acosh,
  add,
  addcdiv,
  addcmul,
  all,
  amax,
  amin,
  any,
  argsort,
  asin,
  asinh,
  atan,
  atan2,
  atanh,
  ceil,
  clamp,
  clone,
  cos,
  cosh,
  cummax,
  cumprod,
  cumsum,
  detach,
  div,
  dot,
  eq,
  erf,
  erfc,
  exp,
  exp2,
  expm1,
  flatten,
  flip,
  floor,
  gather,
  ge,
  gt,
  hypot,
  indexSelect,
  isfinite,
  isinf,
  isnan,
  le,
  lerp,
  log,
  log10,
  log1p,
  log2,
  logSoftmax,
  logicalAnd,
  logicalNot,
  logicalOr,
  logsumexp,
  lt,
  maskedSelect,
  matmul,
  max,
  maximum,
  mean,
  min,
  minimum,
  mul,
  narrow,
  ne,
  neg,
  nonzero,
  numel,
  permute,
  pow,
  reciprocal,
  relu,
  reshape,
  round,
  rsqrt,
  rsub,
  scatterAdd,
  select,
  sigmoid,
  sign,
  sin,
  sinh,
  softmax,
  sort,
  sqrt,
  square,
  squeeze,
  std,
  sub,
  sum,
  tan,
  tanh,
  transpose,
  trunc,
  unique,
  unsqueeze,
  var: variance,
} = functionsOf();
export { variance as var };
