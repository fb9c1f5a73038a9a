import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { existsSync } from "node:fs";
import { makeError } from "./errors.js";
import { collectYoung } from "./garbage.js";

/** A fresh object that native code ties to a value; it is watched weakly. */
type Fresh = object;
/** The integer that stands for a tensor in native code; 0 is none, and then the number beside it counts. */
export type Handle = number;
/** The JavaScript values that a tensor can be combined with: every one that is a number of some kind. */
export type Scalar = number | bigint | boolean;
/** The arrays that hold tensors' elements, one kind per dtype. */
export type TypedArray = Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array;
/** One entry of an index: a position, a range with null for a missing bound or step, or an ellipsis. */
export type NativeIndex = number | [number | null, number | null, number | null] | "...";

/** A row of the op table, as native code has it. */
export interface OpRow {
  name: string;
  label: string;
  kind: "elementwise" | "reduction" | "routine" | "structure";
  arity: number;
  dtypes:
    "any" | "numeric" | "floating" | "whole" | "integral" | "truth" | "select" | "total" | "mean" | "own";
  /** Of reductions: whether one of no elements has a value. */
  hasEmptyValue: boolean;
  /** Of routines: how many tensors they give, and the names of the whole numbers that they take. */
  results: number;
  parameters: string;
  lo: number;
  hi: number;
}

/** The contents and the work of the engine; see {@link engineStats}. */
export interface EngineStats {
  /** Tensors that JavaScript can still reach, as far as known. */
  tensors: number;
  /** Nodes of the graph, pending or computed. */
  nodes: number;
  /** Bytes that tensors hold. */
  bytes: number;
  /** Bytes that tensors may hold. */
  capacityBytes: number;
  /** Plans that have run. */
  runs: number;
  /** Runs whose plan was there already. */
  planHits: number;
  /** Runs that had to be planned. */
  planMisses: number;
  /** Kernels launched. */
  kernels: number;
  /** Bytes that kernels have read and written. */
  bytesMoved: number;
  /** Times that dead tensors were looked for. */
  sweeps: number;
}

/** A GPU, as `cuda.devices()` tells of it. */
export interface CudaDevice {
  /** Its name in this library: `"cuda:0"`. */
  device: `cuda:${number}`;
  /** Its name in the world. */
  name: string;
  /** The memory that it has. */
  totalBytes: number;
  /** Its compute capability, as in `"9.0"`. */
  capability: string;
  /** How many blocks of threads it runs side by side, at least. */
  multiprocessors: number;
  /** Where it sits, as nvidia-smi says it. */
  pciBusId: string;
  /** A name that no other GPU has. */
  uuid: string;
  /** Why it cannot be used; empty if it can. */
  problem: string;
}

/** The state of CUDA and its GPUs here. */
export interface CudaState {
  /** Whether the addon was built with kernels for GPUs. */
  hasCode: boolean;
  /** Whether tensors can live on a GPU. */
  isAvailable: boolean;
  /** Why not; empty if they can. */
  reason: string;
  /** Of CUDA, as in `"12.4"`; empty without a driver. */
  driverVersion: string;
  /** The GPUs that the driver shows this process. */
  devices: CudaDevice[];
}

/** Bytes of a GPU's memory. */
export interface GpuMemory {
  /** The bytes of tensors, and those that computing needs. */
  allocatedBytes: number;
  /** The most that has been allocated. */
  peakAllocatedBytes: number;
  /** The bytes that the driver has given: allocated, or kept for reuse. */
  reservedBytes: number;
  /** The most that has been reserved. */
  peakReservedBytes: number;
  /** The most that may be reserved. */
  limitBytes: number;
}

/** Records one element by element: the fresh object, a handle per input, then numbers for the inputs without one. */
export type ElementwiseEntry = (out: Fresh, ...handlesThenNumbers: Scalar[]) => Handle;
type ReductionEntry = (out: Fresh, input: Handle, axes: readonly number[] | null, keepdim: boolean) => Handle;
type CreationEntry<Numbers extends number[]> = (
  out: Fresh,
  shape: readonly number[],
  dtype: number,
  device: number,
  ...numbers: Numbers
) => Handle;

/** The rows of native/ops/elementwise.def. */
export type ElementwiseRow =
  | "clone"
  | "neg"
  | "abs"
  | "sign"
  | "square"
  | "floor"
  | "ceil"
  | "round"
  | "trunc"
  | "relu"
  | "sqrt"
  | "rsqrt"
  | "reciprocal"
  | "exp"
  | "exp2"
  | "expm1"
  | "log"
  | "log2"
  | "log10"
  | "log1p"
  | "sin"
  | "cos"
  | "tan"
  | "asin"
  | "acos"
  | "atan"
  | "sinh"
  | "cosh"
  | "tanh"
  | "asinh"
  | "acosh"
  | "atanh"
  | "sigmoid"
  | "erf"
  | "erfc"
  | "erfinv"
  | "erfcx"
  | "ndtri"
  | "normalCdf"
  | "logisticDensity"
  | "normalDensity"
  | "logNdtr"
  | "gelu"
  | "logit"
  | "entr"
  | "lgamma"
  | "digamma"
  | "i0"
  | "i0e"
  | "i1"
  | "i1e"
  | "bitwiseNot"
  | "signbit"
  | "isnan"
  | "isinf"
  | "isfinite"
  | "logicalNot"
  | "add"
  | "sub"
  | "mul"
  | "div"
  | "pow"
  | "maximum"
  | "minimum"
  | "atan2"
  | "fmod"
  | "remainder"
  | "floorDivide"
  | "copysign"
  | "nextafter"
  | "logaddexp"
  | "logaddexp2"
  | "xlogy"
  | "xlog1py"
  | "zeta"
  | "igamma"
  | "igammac"
  | "bitwiseAnd"
  | "bitwiseOr"
  | "bitwiseXor"
  | "bitwiseLeftShift"
  | "bitwiseRightShift"
  | "gcd"
  | "hypot"
  | "eq"
  | "ne"
  | "lt"
  | "le"
  | "gt"
  | "ge"
  | "logicalAnd"
  | "logicalOr"
  | "where"
  | "lerp"
  | "clamp";
/** The rows of native/ops/reductions.def. */
export type ReductionRow = "sum" | "mean" | "prod" | "amax" | "amin" | "any" | "all";

/** The entries of the addon, without those of the rows that compute. */
export interface Native {
  readonly ops: readonly OpRow[];
  readonly dtypes: readonly string[];
  /** The dtypes as PyTorch's messages spell them. */
  readonly dtypeWords: readonly string[];
  /** The largest finite element of each dtype. */
  readonly largestElements: readonly number[];

  // Transformations of functions: native/node/entries_transforms.cpp and entries_callbacks.cpp say what these do.
  variable(out: Fresh, tensor: Handle): Handle;
  dependOnOthers(outputs: readonly Handle[], variables: readonly Handle[]): boolean;
  sequence(): number;
  capturedLeaves(outputs: readonly Handle[], variables: readonly Handle[], since: number): unknown[];
  captured(
    out: readonly Fresh[],
    outputs: readonly Handle[],
    variables: readonly Handle[],
    since: number,
  ): Handle[] | number;
  beginLevel(extent: number, randomness: number): number;
  endLevel(): void;
  enterLevel(out: Fresh, tensor: Handle, dim: number): Handle;
  leaveLevel(out: Fresh, tensor: Handle, dim: number): Handle;
  wholeBatch(out: Fresh, tensor: Handle): Handle;
  countLevels(tensor: Handle): number;
  addHook(tensor: Handle, hook: () => Handle[], isAfter: boolean): number;
  removeHook(tensor: Handle, hook: number): void;
  takeGradients(out: Fresh[]): Handle[];
  setCallSite(says: (() => string) | null): void;
  custom(
    out: Fresh[],
    outputs: readonly Handle[],
    inputs: readonly Handle[],
    name: string,
    gradients: () => Handle[],
  ): Handle[];

  fromArray(
    out: Fresh,
    data: TypedArray,
    shape: readonly number[] | null,
    areBooleans: boolean,
    device: number,
  ): Handle;
  full(
    out: Fresh,
    shape: readonly number[],
    dtype: number,
    value: Scalar,
    op: string,
    device: number,
  ): Handle;
  arange: CreationEntry<[start: number, step: number]>;
  linspace: CreationEntry<[start: number, end: number, step: number]>;
  eye: CreationEntry<[]>;
  rand: CreationEntry<[]>;
  randn: CreationEntry<[]>;
  manualSeed(seed: number | bigint): void;
  seed(): bigint;
  initialSeed(): bigint;
  randomState(): [seed: bigint, offset: bigint];
  setRandomState(seed: bigint, offset: bigint): void;
  setDefaultDtype(dtype: number): void;
  defaultDtype(): number;

  reshape(out: Fresh, input: Handle, shape: readonly number[]): Handle;
  flatten(out: Fresh, input: Handle, first: number, last: number): Handle;
  unsqueeze(out: Fresh, input: Handle, dim: number): Handle;
  squeeze(out: Fresh, input: Handle, dims: readonly number[] | null): Handle;
  permute(out: Fresh, input: Handle, dims: readonly number[]): Handle;
  transpose(out: Fresh, input: Handle, dim0: number, dim1: number): Handle;
  expand(out: Fresh, input: Handle, shape: readonly number[]): Handle;
  flip(out: Fresh, input: Handle, dims: readonly number[]): Handle;
  narrow(out: Fresh, input: Handle, dim: number, start: number, length: number): Handle;
  select(out: Fresh, input: Handle, dim: number, index: number): Handle;
  at(out: Fresh, input: Handle, indices: readonly NativeIndex[]): Handle;
  splice(out: Fresh, input: Handle, indices: readonly NativeIndex[], part: Handle, number: Scalar): Handle;
  cat(out: Fresh, inputs: readonly Handle[], dim: number): Handle;
  stack(out: Fresh, inputs: readonly Handle[], dim: number): Handle;
  pad(out: Fresh, input: Handle, widths: readonly number[], value: Scalar): Handle;
  to(out: Fresh, input: Handle, dtype: number): Handle;
  transfer(out: Fresh, input: Handle, device: number): Handle;
  openDevice(ordinal: number): number;
  deviceOf(handle: Handle): number;
  synchronize(device: number): void;
  allowRoundedProducts(areAllowed: boolean): void;
  preferBlas(isPreferred: boolean): void;
  cudaState(): CudaState;
  gpuMemory(ordinal: number): GpuMemory;
  resetGpuPeaks(ordinal: number): void;
  emptyGpuCache(ordinal: number): void;
  setGpuLimit(ordinal: number, bytes: number): void;
  detach(out: Fresh, input: Handle): Handle;
  nameGradient(handle: Handle, label: string, suffix: string): void;
  setCaller(name: string): void;

  shape(handle: Handle): number[];
  axes(handle: Handle, axes: readonly number[] | null, op: string): number[];
  dtype(handle: Handle): number;
  flags(handle: Handle): number;
  gradFn(handle: Handle): string | null;
  item(handle: Handle): Scalar;
  data(handle: Handle): TypedArray;
  read(handle: Handle, isItem: boolean): Promise<unknown>;
  realize(handles: readonly Handle[]): void;
  explain(handles: readonly Handle[]): string;
  setThreadCount(count: number): void;
  threadCount(): number;
  setFused(isFused: boolean): void;
  rebind(
    target: Handle,
    value: Handle,
    number: Scalar,
    op: string,
    broadcasts: boolean,
    reshapes: boolean,
  ): void;

  backward(
    root: Handle,
    gradient: Handle,
    inputs: readonly Handle[] | null,
    retain: boolean,
    create: boolean,
  ): void;
  gradients(
    out: readonly Fresh[],
    outputs: readonly Handle[],
    gradients: readonly Handle[],
    inputs: readonly Handle[],
    retain: boolean,
    create: boolean,
    allowUnused: boolean,
  ): Handle[];
  grad(handle: Handle): object | null | undefined;
  bindGrad(out: Fresh, handle: Handle): Handle;
  setGrad(handle: Handle, gradient: Handle): void;
  requireGrad(handle: Handle, wanted: boolean): void;
  setGradEnabled(enabled: boolean): boolean;
  isGradEnabled(): boolean;
  /** Sets the mode and returns the one before. */
  setInference(enabled: boolean): boolean;
  isInference(): boolean;

  zeroGrad(handles: Uint32Array): void;

  beginRecording(who: string, out: readonly Fresh[], rows: readonly Handle[]): Handle[];
  recordScalar(out: Fresh): Handle;
  endRecording(
    results: readonly Handle[],
    targets: readonly Handle[],
  ): { id: number; fitsEveryShape: boolean };
  abandonRecording(): void;
  dropTrace(id: number): void;
  applyTraces(rows: number, records: Uint32Array, scalars: Float64Array, expected: Uint8Array): boolean;
  replace(target: Handle, value: Handle): void;

  dispose(handle: Handle): void;
  beginScope(): void;
  endScope(kept: readonly Handle[]): object[];
  stats(device: number): EngineStats;
  /** What collects young objects, and says whether it could; to be given once. */
  setCollector(collect: () => boolean): void;
}

/** Entries of the rows that compute element by element. */
export type ElementwiseEntries = Record<ElementwiseRow, ElementwiseEntry>;
/** Records a routine: a fresh object for each result, a handle for each input, then the row's whole numbers. */
export type RoutineEntry = (...outHandlesNumbers: (Fresh | number)[]) => Handle | Handle[];
/** Entries of the rows that reduce. */
export type ReductionEntries = Record<ReductionRow, ReductionEntry>;

/** The folder of package.json: two above the compiled module, one above the source. */
function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "binding.gyp"))) {
    const parent = dirname(folder);
    if (parent === folder)
      throw new Error(
        "adjoint: binding.gyp, which marks the package's folder, was not found above the library",
      );
    folder = parent;
  }
  return folder;
}

function load(): unknown {
  const require = createRequire(import.meta.url);
  try {
    return (require("node-gyp-build") as (folder: string) => unknown)(packageRoot());
  } catch (cause) {
    const code = (cause as { code?: string }).code;
    // The addon is there, and its own error says what is wrong.
    if (code === "ERR_OPTION") throw cause;
    const hint =
      code === "ERR_DLOPEN_DISABLED"
        ? "Node runs with --permission: add --allow-addons"
        : `there is no build/ or prebuilds/ for ${process.platform}-${process.arch} in ${packageRoot()}; ` +
          "in a clone of the repository, run `npm ci && npm run build` (it needs cmake and a C++20 compiler)";
    const error = makeError(Error, `adjoint: the native addon could not be loaded; ${hint}`, {
      code: "ERR_ADDON",
    });
    error.cause = cause;
    throw error;
  }
}

/** The addon of this environment; copied into an object literal, whose properties V8 finds fast. */
const addon = {
  ...(load() as Native & ElementwiseEntries & ReductionEntries & Record<string, RoutineEntry>),
};
export const native: Native = addon;
native.setCollector(collectYoung);
/** The rows over whole arrays (native/ops/routines.def), each with its entry. */
export const routines: ReadonlyMap<string, { entry: RoutineEntry; results: number }> = new Map(
  addon.ops
    .filter((row) => row.kind === "routine")
    .map(({ name, results }) => [name, { entry: addon[name]!, results }]),
);
/** Its entries of the rows that compute element by element. */
export const elementwise: ElementwiseEntries = addon;
/** Its entries of the rows that reduce. */
export const reductions: ReductionEntries = addon;
