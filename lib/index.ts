export { Tensor, isTensor } from "./tensor.js";
export type {
  BackwardOptions,
  Dims,
  Factor,
  NestedArray,
  NumberArray,
  Operand,
  ReduceOptions,
} from "./tensor.js";
import "./missing.js";
export * from "./functions.js";
export type { SortOptions, ValuesAndIndices } from "./functional/along.js";
export type { Conversion } from "./functional/conversion.js";
export type { VarianceOptions } from "./functional/reductions.js";
export type { Unique, UniqueOptions } from "./functional/selection.js";
export type { SoftmaxOptions } from "./functional/shares.js";
export type { OpaqueScalar } from "./opaque.js";
export type { Index } from "./indexing.js";
export type { EngineStats, Scalar, TypedArray } from "./native.js";
export * as cuda from "./cuda.js";
export { device, getDefaultDevice, setDefaultDevice } from "./device.js";
export type { Device } from "./device.js";
export { getDefaultDtype, setDefaultDtype } from "./dtype.js";
export type { DType } from "./dtype.js";
export {
  arange,
  cat,
  eye,
  full,
  fullLike,
  linspace,
  manualSeed,
  ones,
  onesLike,
  rand,
  randn,
  stack,
  tensor,
  where,
  zeros,
  zerosLike,
} from "./creation.js";
export type { CreationOptions, ShapeLike, TensorData } from "./creation.js";
export { enableGrad, isGradEnabled, noGrad } from "./autograd.js";
export type { GradOptions } from "./autograd.js";
export * as autograd from "./autograd.js";
export { engineStats, explain, getNumThreads, realize, setNumThreads, tidy } from "./engine.js";
export { getFloat32MatmulPrecision, setFloat32MatmulPrecision } from "./precision.js";
export type { Float32MatmulPrecision } from "./precision.js";
export { getPrintOptions, setPrintOptions } from "./print.js";
export type { PrintOptions } from "./print.js";
export * as nn from "./nn/index.js";
export * as optim from "./optim/index.js";
export * as linalg from "./linalg/index.js";
