import "./methods.js";
import { makeError } from "./errors.js";
import { snakeCase } from "./options.js";
import { Tensor } from "./tensor.js";

// Methods that people know from elsewhere, and that are not here: they say what there is instead.

/** Of PyTorch. Its other names differ in spelling alone: snake_case. */
const pytorch: Readonly<Record<string, string>> = {
  numpy: "dataSync() gives a typed array, toArray() nested arrays",
  tolist: "toArray()",
  dim: "ndim",
  nelement: "numel()",
  element_size: "dtype",
  float: 'to("float32")',
  double: 'to("float64")',
  half: 'to("float16")',
  bfloat16: 'to("bfloat16")',
  int: 'to("int32")',
  long: 'to("int64")',
  byte: 'to("uint8")',
  bool: 'to("bool")',
  type: "to(dtype)",
  type_as: "to(other)",
  requires_grad: "requiresGrad",
  requires_grad_: "requiresGrad_()",
  is_leaf: "isLeaf",
  grad_fn: "gradFn",
  is_contiguous: "nothing: there are no strides to see",
  stride: "nothing: there are no strides to see",
  storage: "data()",
  share_memory_: "data(), and a SharedArrayBuffer",
  apply_: "methods of tensors, or Float64Array.map over dataSync()",
};

/** Of TensorFlow.js. */
const tfjs: Readonly<Record<string, string>> = {
  arraySync: "toArray()",
  array: "toArray(), or await data()",
  bytes: "data()",
  print: "console.log(x)",
  rank: "ndim",
  asScalar: "reshape([])",
  as1D: "reshape(-1)",
  as2D: "reshape(rows, columns)",
  as3D: "reshape(...)",
  as4D: "reshape(...)",
  asType: "to(dtype)",
  cast: "to(dtype)",
  toInt: 'to("int32")',
  toFloat: 'to("float32")',
  toBool: 'to("bool")',
  expandDims: "unsqueeze(dim)",
  isDisposed: "nothing: a disposed tensor throws ERR_DISPOSED when it is used",
  concat: "cat([x, y], dim)",
  slice: "narrow(dim, start, length), or at(...)",
  stridedSlice: 'at("start:end:step")',
  reverse: "flip(dims)",
  matMul: "matmul(other)",
  notEqual: "ne(other)",
  greaterEqual: "ge(other)",
  lessEqual: "le(other)",
  squaredDifference: "sub(other).square()",
  euclideanNorm: "norm()",
  logSumExp: "logsumexp(dim)",
  broadcastTo: "expand(shape)",
  oneHot: "nn.functional.oneHot(x, numClasses)",
  batchNorm: "nn.functional.batchNorm(...)",
  dataId: "nothing",
};

/** Defines `name` so that using it says what there is instead. */
function refer(name: string, from: string, instead: string): void {
  if (name in Tensor.prototype) return;
  const elsewhere = () => {
    throw makeError(TypeError, `${name} is ${from}'s; here it is ${instead}`, {
      code: "ERR_ARGUMENT",
      op: name,
    });
  };
  Object.defineProperty(Tensor.prototype, name, { value: elsewhere, configurable: true, writable: true });
}

for (const name of Object.getOwnPropertyNames(Tensor.prototype))
  if (/^[a-z]+[0-9]*([A-Z][a-z0-9]+)+_?$/.test(name)) refer(snakeCase(name), "PyTorch", `${name}()`);
for (const [name, instead] of Object.entries(pytorch)) refer(name, "PyTorch", instead);
for (const [name, instead] of Object.entries(tfjs)) refer(name, "TensorFlow.js", instead);
