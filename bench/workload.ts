// What a benchmark is: a workload has cases (sizes), and each library that takes part makes a task of a case, which
// does one step as often as it is asked. The Python peers know the same workloads by name and parameters.
import { realize, type Tensor } from "adjoint";
import type { TfTensor } from "./tfjs.js";

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
export type Parameters = Readonly<Record<string, string | number | readonly (readonly number[])[]>>;

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
  /** The time of a step that we would like to see. */
  aimSeconds?: number;
  /** How far the medians of ours and of the variants may lie apart, as a ratio. */
  variantsWithin?: number;
  /** How far results may differ from peer to peer, relative to their mean magnitude. */
  tolerance: number;
}

/** A benchmark. */
export interface Workload {
  name: string;
  /** What one step does. */
  what: string;
  cases: readonly Case[];
  /** Cases for tests. */
  tiny: readonly Case[];
}

/** Makes the cases of a workload from sizes. */
export function workload<S>(
  name: string,
  what: string,
  sizes: { all: readonly S[]; tiny: readonly S[] },
  make: (size: S) => Omit<Case, "tolerance"> & { tolerance?: number },
): Workload {
  const cases = (list: readonly S[]): Case[] => list.map((size) => ({ tolerance: 1e-4, ...make(size) }));
  return { name, what, cases: cases(sizes.all), tiny: cases(sizes.tiny) };
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

/** A task of adjoint: a step returns its results, which are computed in one run. */
export function realizing(step: () => readonly Tensor[]): Task<Tensor> {
  let results: readonly Tensor[] = [];
  return {
    step: () => realize((results = step())),
    results: () => results,
  };
}
