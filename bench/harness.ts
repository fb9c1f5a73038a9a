// How time is taken. All peers of a case are first compared by their outputs. Then repetitions go round: ours, the next
// peer's, ..., ours again. A repetition makes data and state afresh, does one step that is not timed, then as many
// steps as take some milliseconds, and ends when their results can be read.
import { runInNewContext } from "node:vm";
import { setFlagsFromString } from "node:v8";
import { setTimeout as sleep } from "node:timers/promises";
import { cuda, getDefaultDevice, realize, type NumberArray, type Tensor } from "adjoint";
import { difference, forgetData, summarize, type Summary } from "./data.js";
import type { Case, Task, Workload } from "./workload.js";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** A library that takes part, in this process or in another. */
export interface Peer {
  readonly name: string;
  /** How many times the usual tolerance its outputs are allowed. */
  readonly slack?: number | undefined;
  /** What two steps result in; null where this peer does not do the case. */
  check(workload: Workload, of: Case): Promise<readonly Summary[] | null>;
  /** The seconds that `count` steps take, on fresh data and state. */
  time(workload: Workload, of: Case, count: number): Promise<number>;
}

/** The times of one peer in one case. */
export interface Measurement {
  peer: string;
  /** Steps in a repetition. */
  count: number;
  /** Seconds a step, of each repetition. */
  seconds: number[];
}

/** One case, measured. */
export interface Result {
  workload: string;
  size: string;
  /** How many bytes a step has to move, where that says something. */
  bytes?: number;
  /** Ours first. */
  measurements: Measurement[];
  /** Peers that failed, or whose outputs differ from ours. */
  failures: string[];
}

/** How long to measure. */
export interface Effort {
  repetitions: number;
  /** What a repetition takes at least. */
  leastSeconds: number;
}

/** Steps this slow are repeated three times, and do without the step that is not timed. */
const slowSeconds = 1;
const slowRepetitions = 3;
/** For so long JavaScript's compilers are given time to do what they will. */
const warmUpRepetitions = 10;
/** Threads that wait for work by spinning have gone to sleep after this. */
const pauseMilliseconds = 5;

/** Makes, runs and reads the tasks of a library in this process. */
export interface Library<T> {
  name: string;
  /** As of {@link Peer}. */
  slack?: number;
  /** What this library does in a case. */
  task(of: Case): (() => Task<T>) | undefined;
  /** The elements of a result. */
  read(result: T): ArrayLike<number>;
  /** Returns when the results can be read. */
  finish(results: readonly T[]): void;
  /** Called before anything is made. */
  begin?(): Promise<void>;
  /** Whether an error means that the library cannot do it. */
  cannot?(error: unknown): boolean;
}

/** Returns when these have been computed, though `realize` need not wait: reads an element of some of them. */
export function finish(results: readonly Tensor[]): void {
  realize(results);
  const device = results[0]?.device ?? "cpu";
  if (device !== "cpu") return cuda.synchronize(device);
  const probes = Math.min(results.length, 4);
  for (let i = 1; i <= probes; ++i) {
    const result = results[Math.floor((i * results.length) / probes) - 1]!;
    const { shape } = result;
    (shape.length === 0 ? result : result.at(...shape.map(() => 0))).item();
  }
}

/** adjoint, or another way of doing a case with it. */
export function ours(variant?: string): Library<Tensor> {
  return {
    name: variant ?? "adjoint",
    task: (of) => (variant === undefined ? of.adjoint : of.variants?.[variant]),
    read: (result): NumberArray => {
      const values = result.dataSync();
      return values instanceof BigInt64Array ? Float64Array.from(values, Number) : values;
    },
    finish,
  };
}

/** A library in this process. */
export class LocalPeer<T> implements Peer {
  readonly #library: Library<T>;

  constructor(library: Library<T>) {
    this.#library = library;
  }
  get name(): string {
    return this.#library.name;
  }
  get slack(): number | undefined {
    return this.#library.slack;
  }
  async check(_: Workload, of: Case): Promise<readonly Summary[] | null> {
    if (this.#library.task(of) === undefined) return null;
    try {
      return await this.#withTask(of, (task) => {
        task.step();
        task.step();
        return task.results().map((result) => summarize(this.#library.read(result)));
      });
    } catch (error) {
      if (this.#library.cannot?.(error)) return null;
      throw error;
    }
  }
  async time(_: Workload, of: Case, count: number): Promise<number> {
    return this.#withTask(of, (task) => {
      const start = process.hrtime.bigint();
      task.step();
      this.#library.finish(task.results());
      const first = Number(process.hrtime.bigint() - start) / 1e9;
      if (first > slowSeconds && count === 1) return first;
      for (let i = 1; i < (of.steps?.untimed ?? 1); ++i) task.step();
      const begin = process.hrtime.bigint();
      for (let i = 0; i < count; ++i) task.step();
      this.#library.finish(task.results());
      return Number(process.hrtime.bigint() - begin) / 1e9;
    });
  }
  async #withTask<R>(of: Case, use: (task: Task<T>) => R): Promise<R> {
    await this.#library.begin?.();
    const task = this.#library.task(of)!();
    try {
      return use(task);
    } finally {
      task.dispose?.();
      // What one variant leaves behind is not for the next to clear away.
      if (of.variants !== undefined) collectGarbage();
    }
  }
}

/** Warms up, and finds how many steps take `leastSeconds`. */
async function countSteps(peer: Peer, workload: Workload, of: Case, leastSeconds: number): Promise<number> {
  const least = of.steps?.timed ?? 1;
  let count = least;
  for (let spent = 0; ;) {
    const seconds = await peer.time(workload, of, count);
    const fitting = Math.max(least, Math.round((count * leastSeconds) / seconds));
    spent += seconds;
    if (spent >= warmUpRepetitions * leastSeconds) return fitting;
    count = Math.min(fitting, 10 * count);
  }
}

/** Compares the peers' outputs with ours, and measures those that agree. `peers[0]` is ours. */
export async function measure(
  workload: Workload,
  of: Case,
  peers: readonly Peer[],
  effort: Effort,
): Promise<Result> {
  const failures: string[] = [];
  const fail = (peer: Peer, error: unknown) =>
    failures.push(`${workload.name} ${of.label}: ${peer.name}: ${(error as Error).message}`);
  const running = new Map<Peer, Measurement>();
  let expected: readonly Summary[] | undefined;
  // Not before each repetition: a full collection also throws away optimised code.
  collectGarbage();
  // Others have memory of the same GPU.
  if (getDefaultDevice() !== "cpu") cuda.emptyCache(getDefaultDevice());
  for (const peer of peers) {
    try {
      const outputs = await peer.check(workload, of);
      if (outputs === null) continue;
      expected ??= outputs;
      const differs = difference(expected, outputs, of.tolerance * (peer.slack ?? 1));
      if (differs !== undefined) throw new Error(`outputs differ: ${differs}`);
      const count = await countSteps(peer, workload, of, effort.leastSeconds);
      running.set(peer, { peer: peer.name, count, seconds: [] });
    } catch (error) {
      fail(peer, error);
      if (expected === undefined) break; // ours: there is nothing to compare with
    }
  }
  for (let i = 0; i < effort.repetitions; ++i) {
    for (const [peer, { count, seconds }] of running) {
      if (i >= slowRepetitions && seconds[0]! > slowSeconds) continue;
      await sleep(pauseMilliseconds);
      try {
        seconds.push((await peer.time(workload, of, count)) / count);
      } catch (error) {
        fail(peer, error);
        running.delete(peer);
      }
    }
  }
  forgetData();
  const { label: size, bytes } = of;
  const measurements = [...running.values()];
  return { workload: workload.name, size, ...(bytes !== undefined && { bytes }), measurements, failures };
}

/** The middle one, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length / 2;
  return (sorted[Math.ceil(half) - 1]! + sorted[Math.floor(half)]!) / 2;
}
