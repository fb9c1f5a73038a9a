export { Tensor, isTensor } from "./tensor.js";
export type {
  BackwardOptions,
  Dims,
  Factor,
  Index,
  NestedArray,
  NumberArray,
  Operand,
  ReduceOptions,
} from "./tensor.js";
import "./missing.js";
export * from "./functions.js";
export type { SortOptions, ValuesAndIndices } from "./functional/along.js";
export type { Conversion } from "./functional/conversion.js";
export type { DiagonalOption, DiagonalOptions, OffsetOption } from "./functional/diagonals.js";
export type { RepeatOptions } from "./functional/order.js";
export type { Cuts, SliceOptions } from "./functional/parts.js";
export type { AccumulateOptions } from "./functional/positions.js";
export type {
  IndexAddOptions,
  ReduceAtOptions,
  ScatterOptions,
  ScatterReduction,
} from "./functional/scatter.js";
export type { VarianceOptions } from "./functional/reductions.js";
export type { NonzeroOptions, Unique, UniqueOptions } from "./functional/selection.js";
export type { SoftmaxOptions } from "./functional/shares.js";
export type { OpaqueScalar } from "./opaque.js";
export type { EngineStats, Scalar, TypedArray } from "./native.js";
export * as cuda from "./cuda.js";
export { device, getDefaultDevice, setDefaultDevice } from "./device.js";
export type { Device } from "./device.js";
export { getDefaultDtype, setDefaultDtype } from "./dtype.js";
export type { DType } from "./dtype.js";
export {
  full,
  fullLike,
  manualSeed,
  ones,
  onesLike,
  rand,
  randn,
  scalarTensor,
  tensor,
  where,
  zeros,
  zerosLike,
} from "./creation.js";
export type { CreationOptions, ShapeLike, TensorData } from "./creation.js";
export { cartesianProd, combinations, meshgrid, trilIndices, triuIndices, unravelIndex } from "./grids.js";
export type { CombinationsOptions, MeshgridOptions, TriangleOptions } from "./grids.js";
export {
  atleast1d,
  atleast2d,
  atleast3d,
  blockDiag,
  broadcastShapes,
  broadcastTensors,
  cat,
  columnStack,
  concat,
  concatenate,
  dstack,
  hstack,
  rowStack,
  stack,
  vstack,
} from "./joining.js";
export { arange, eye, linspace, logspace } from "./ranges.js";
export type { Bound, LogspaceOptions } from "./ranges.js";
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
