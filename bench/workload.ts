// What a benchmark is: a workload has cases (sizes), and each library that takes part makes a task of a case, which
// does one step as often as it is asked. The Python peers know the same workloads by name and parameters.
import { realize, type Tensor } from "adjoint";
import type { TfTensor } from "./tfjs.js";

/** Where a workload is measured: sizes and targets of a GPU are not those of a CPU. */
export type Platform = "cpu" | "cuda";

/** A case as one library does it, with data and state of its own. */
export interface Task<T> {
  /** One step: records, computes and realises everything that the case asks for. */
  step(): void;
  /** What the last step realised: values, gradients, parameters, state. */
  results(): readonly T[];
  /** Lets go of data and state. */
  dispose?(): void;
}

/** What a ratio, ours over theirs, has to be and should be; against several peers, the fastest of them counts. */
export interface Target {
  peers: readonly string[];
  must?: number;
  aim?: number;
}

/** What the Python peers are told of a case. */
export type Parameters = Readonly<Record<string, string | number | readonly number[] | readonly object[]>>;

/** A workload at one size. */
export interface Case {
  /** The size, in the table. */
  label: string;
  parameters: Parameters;
  adjoint: () => Task<Tensor>;
  /** The same in tfjs; left out where it has no such thing. */
  tfjs?: () => Task<TfTensor>;
  /** Other ways of doing it with adjoint. */
  variants?: Readonly<Record<string, () => Task<Tensor>>>;
  targets: readonly Target[];
  /** What the time of a step has to be, and should be. */
  mustSeconds?: number;
  aimSeconds?: number;
  /** How many bytes a step has to read and write, at least. */
  bytes?: number;
  /** What part of the bandwidth of a copy that has to make, and should make. */
  ofCopy?: { must?: number; aim?: number };
  /** Makes every step a process of its own: {@link adjoint} says what it does. */
  process?: ProcessKind;
  /** How many steps are not timed before those that are, where one does not settle memory; and how many are, at least. */
  steps?: { untimed: number; timed: number };
  /** How far the medians of ours and of the variants may lie apart, as a ratio. */
  variantsWithin?: number;
  /** How far results may differ from peer to peer, relative to their mean magnitude. */
  tolerance: number;
}

/** What a process finds of those before it: kernels that the driver has compiled, or nothing. */
export type ProcessKind = "first" | "second";

/** The cases of a workload on one platform. */
export interface Cases {
  all: readonly Case[];
  /** Those for tests. */
  tiny: readonly Case[];
}

/** A benchmark. */
export interface Workload {
  name: string;
  /** What one step does. */
  what: string;
  on: Readonly<Partial<Record<Platform, Cases>>>;
}

interface Sizes<S> {
  all: readonly S[];
  tiny: readonly S[];
}

/** Makes the cases of a workload from sizes. */
export function workload<S>(
  name: string,
  what: string,
  sizes: Readonly<Partial<Record<Platform, Sizes<S>>>>,
  make: (size: S, platform: Platform) => Omit<Case, "tolerance"> & { tolerance?: number },
): Workload {
  const cases = (platform: Platform): Cases | undefined => {
    const made = (size: S): Case => ({ tolerance: 1e-4, ...make(size, platform) });
    const list = sizes[platform];
    return list && { all: list.all.map(made), tiny: list.tiny.map(made) };
  };
  const [cpu, cuda] = [cases("cpu"), cases("cuda")];
  return { name, what, on: { ...(cpu && { cpu }), ...(cuda && { cuda }) } };
}

/** What holds wherever tfjs takes part. */
export const tfjsTargets: readonly Target[] = [
  { peers: ["tfjs cpu", "tfjs wasm"], must: 0.1 },
  { peers: ["tfjs-node"], must: 0.3 },
];

/** `1e6` rather than `1000000`, where that is exact. */
export function power(count: number): string {
  return count >= 1e4 ? count.toExponential().replace("e+", "e") : String(count);
}

/**
 * A task of adjoint: a step returns its results, which are computed in one run. Those of the step before are found when
 * JavaScript collects its garbage, or disposed of at once.
 */
export function realizing(step: () => readonly Tensor[], { disposes = false } = {}): Task<Tensor> {
  let results: readonly Tensor[] = [];
  return {
    step: () => {
      if (disposes) for (const result of results) result.dispose();
      realize((results = step()));
    },
    results: () => results,
  };
}

/** On a GPU, the same task with results that are disposed of: there, collecting garbage may take longer than a step. */
export function disposing(
  platform: Platform,
  task: (options: { disposes: boolean }) => Task<Tensor>,
): Pick<Case, "variants"> {
  return platform === "cuda" ? { variants: { "adjoint dispose": () => task({ disposes: true }) } } : {};
}
