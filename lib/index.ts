import { guardedAll } from "./modules.js";
import * as calculus from "./calculus.js";
import * as contractions from "./contractions.js";
import * as creation from "./creation.js";
import * as devices from "./device.js";
import * as distances from "./distances.js";
import * as dtype from "./dtype.js";
import * as summation from "./einsum.js";
import * as engine from "./engine.js";
import * as grids from "./grids.js";
import * as histograms from "./histograms.js";
import * as joining from "./joining.js";
import * as gridsampling from "./nn/functional/gridsampling.js";
import * as checkpoints from "./checkpoint.js";
import * as minimization from "./minimize/index.js";
import * as padding from "./nn/functional/padding.js";
import * as precision from "./precision.js";
import * as print from "./print.js";
import * as random from "./random.js";
import * as ranges from "./ranges.js";
import * as searching from "./searching.js";
import * as statistics from "./statistics.js";
import * as unpacking from "./unpacking.js";
import { isTensor as isOne } from "./tensor.js";

export { Tensor } from "./tensor.js";
export type {
  BackwardOptions,
  Dims,
  Factor,
  Index,
  IndexArray,
  NestedArray,
  NumberArray,
  Operand,
  ReduceOptions,
  TotalOptions,
} from "./tensor.js";
export type { BatchResult } from "./minimize/batch.js";
export type { BoundsInit, Interval } from "./minimize/bounds.js";
export type { Constraint } from "./minimize/constraints.js";
export type {
  BatchedFitOptions,
  BatchedFitResult,
  CurveFitOptions,
  CurveFitResult,
  Data,
} from "./minimize/curvefit.js";
export type { BatchedSquaresOptions, BatchedSquaresResult } from "./minimize/squaresbatch.js";
export type { LossName } from "./minimize/losses.js";
export type { LeastSquaresResult } from "./minimize/squares.js";
export type { LeastSquaresOptions, SquaresMethod, SquaresProgress } from "./minimize/squaresoptions.js";
export type { GlobalOptions, Method } from "./minimize/methods.js";
export type { MultiStartOptions, MultiStartResult, Sampler } from "./minimize/multistart.js";
export type { CommonOptions, MinimizeOptions, MinimizeResult, Progress } from "./minimize/minimize.js";
export type { Status } from "./minimize/outcome.js";
export type { Argument, Start } from "./minimize/layout.js";
export type { RootMethod, RootOptions, RootProgress, RootResult } from "./minimize/root.js";
export type { ScalarMethod, ScalarOptions, ScalarProgress, ScalarResult } from "./minimize/scalar.js";
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
export type { Device } from "./device.js";
export type { DType, FloatInfo, IntegerInfo } from "./dtype.js";
export type { CreationOptions, RngState, ShapeLike, TensorData } from "./creation.js";
export type { CombinationsOptions, MeshgridOptions, TriangleOptions } from "./grids.js";
export type { Bound, LogspaceOptions } from "./ranges.js";
export type { GradientOptions, TrapezoidOptions } from "./calculus.js";
export type { CdistOptions } from "./distances.js";
export type { HistogramOfPoints } from "./histograms.js";
export type { BucketizeOptions, IsinOptions, SearchOptions } from "./searching.js";
export { enableGrad, inferenceMode, isGradEnabled, isInferenceModeEnabled, noGrad } from "./autograd.js";
export type { GradOptions } from "./autograd.js";
export * as autograd from "./autograd.js";
export * as func from "./func.js";
export type { Float32MatmulPrecision } from "./precision.js";
export type { PrintOptions } from "./print.js";
export * as nn from "./nn/index.js";
export * as optim from "./optim/index.js";
export type { VanderOptions } from "./contractions.js";
export type { LuUnpackOptions } from "./unpacking.js";
export * as linalg from "./linalg.js";
export * as special from "./special.js";
export { polygamma } from "./special.js";

// What JavaScript would drop without a word is refused: see calls.ts.
export const {
  arange,
  atleast1d,
  atleast2d,
  atleast3d,
  blockDiag,
  broadcastShapes,
  broadcastTensors,
  bucketize,
  cartesianProd,
  cat,
  cdist,
  chainMatmul,
  checkpoint,
  columnStack,
  combinations,
  concat,
  concatenate,
  constantPadNd,
  cumulativeTrapezoid,
  curveFit,
  curveFitSync,
  device,
  dstack,
  einsum,
  engineStats,
  explain,
  eye,
  finfo,
  full,
  fullLike,
  getDefaultDevice,
  getDefaultDtype,
  getFloat32MatmulPrecision,
  getNumThreads,
  getPrintOptions,
  getRngState,
  gradient,
  gridSampler,
  gridSampler2d,
  gridSampler3d,
  histogramdd,
  hstack,
  iinfo,
  initialSeed,
  isin,
  isTensor,
  leastSquares,
  leastSquaresSync,
  linspace,
  logspace,
  luUnpack,
  manualSeed,
  meshgrid,
  minimize,
  minimizeScalar,
  minimizeScalarSync,
  minimizeSync,
  multiStart,
  multiStartSync,
  normal,
  ones,
  onesLike,
  pdist,
  rand,
  randint,
  randintLike,
  randLike,
  randn,
  randnLike,
  randperm,
  realize,
  root,
  rootSync,
  rowStack,
  scalarTensor,
  searchsorted,
  seed,
  setDefaultDevice,
  setDefaultDtype,
  setFloat32MatmulPrecision,
  setNumThreads,
  setPrintOptions,
  setRngState,
  stack,
  stdMean,
  tensor,
  tensordot,
  tidy,
  trapezoid,
  trapz,
  trilIndices,
  triuIndices,
  unravelIndex,
  vander,
  varMean,
  vstack,
  where,
  zeros,
  zerosLike,
} = guardedAll({
  isTensor: isOne,
  ...devices,
  ...dtype,
  ...creation,
  ...random,
  ...grids,
  ...joining,
  ...ranges,
  ...calculus,
  ...distances,
  ...histograms,
  ...searching,
  ...statistics,
  ...engine,
  ...precision,
  ...print,
  ...gridsampling,
  ...padding,
  ...contractions,
  ...summation,
  ...unpacking,
  ...checkpoints,
  ...minimization,
});
