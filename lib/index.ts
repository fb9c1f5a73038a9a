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
  TotalOptions,
} from "./tensor.js";
import "./missing.js";
export * from "./functions.js";
export type { RunningOptions, SortOptions, ValuesAndIndices } from "./functional/along.js";
export type { Bins, HistogramOptions } from "./functional/bins.js";
export type { ClampOptions } from "./functional/arithmetic.js";
export type { ClosenessOptions } from "./functional/comparison.js";
export type { MantissaAndExponent, NanToNumOptions } from "./functional/pieces.js";
export type { DivisionOptions } from "./functional/quotients.js";
export type { RoundOptions } from "./functional/rounding.js";
export type { LogitOptions } from "./functional/transcendental.js";
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
export type { NonzeroOptions } from "./functional/selection.js";
export type { BincountOptions, HistcOptions, Histogram } from "./functional/counting.js";
export type { CovarianceOptions } from "./functional/covariance.js";
export type { DiffOptions } from "./functional/differences.js";
export type { NormOptions } from "./functional/distances.js";
export type { MinAndMax } from "./functional/extrema.js";
export type { Interpolation, QuantileOptions } from "./functional/quantiles.js";
export type { TopkOptions } from "./functional/ranking.js";
export type { Unique, UniqueConsecutiveOptions, UniqueOptions } from "./functional/sets.js";
export type { VarianceOptions } from "./functional/spread.js";
export type { BernoulliOptions, MultinomialOptions } from "./functional/random.js";
export type {
  LuOptions,
  OrthogonalFactors,
  PinverseOptions,
  QrOptions,
  SvdOptions,
  TriangularSolution,
  TriangularSolveOptions,
} from "./functional/factors.js";
export type { SignAndLog } from "./functional/squares.js";
export type { WeightedSumOptions } from "./functional/sums.js";
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
export { normal, randint, randintLike, randLike, randnLike, randperm } from "./random.js";
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
export { cumulativeTrapezoid, gradient, trapezoid, trapz } from "./calculus.js";
export type { GradientOptions, TrapezoidOptions } from "./calculus.js";
export { cdist, pdist } from "./distances.js";
export type { CdistOptions } from "./distances.js";
export { histogramdd } from "./histograms.js";
export type { HistogramOfPoints } from "./histograms.js";
export { bucketize, isin, searchsorted } from "./searching.js";
export type { BucketizeOptions, IsinOptions, SearchOptions } from "./searching.js";
export { stdMean, varMean } from "./statistics.js";
export { enableGrad, isGradEnabled, noGrad } from "./autograd.js";
export type { GradOptions } from "./autograd.js";
export * as autograd from "./autograd.js";
export { engineStats, explain, getNumThreads, realize, setNumThreads, tidy } from "./engine.js";
export { getFloat32MatmulPrecision, setFloat32MatmulPrecision } from "./precision.js";
export type { Float32MatmulPrecision } from "./precision.js";
export { getPrintOptions, setPrintOptions } from "./print.js";
export type { PrintOptions } from "./print.js";
export * as nn from "./nn/index.js";
export { gridSampler, gridSampler2d, gridSampler3d } from "./nn/functional/gridsampling.js";
export { constantPadNd } from "./nn/functional/padding.js";
export * as optim from "./optim/index.js";
export { chainMatmul, tensordot, vander } from "./contractions.js";
export type { VanderOptions } from "./contractions.js";
export { einsum } from "./einsum.js";
export { luUnpack } from "./unpacking.js";
export type { LuUnpackOptions } from "./unpacking.js";
export * as linalg from "./linalg/index.js";
export * as special from "./special.js";
export { polygamma } from "./special.js";
