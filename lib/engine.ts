import { deviceNumber, type Device } from "./device.js";
import { makeError } from "./errors.js";
import { native, type EngineStats } from "./native.js";
import { forget, handleOf, Tensor } from "./tensor.js";

// Requests to the engine beyond single ops: when to compute, and when to let go.

/** Refuses a callback's Promise, which would go on after the callback's scope has ended. */
export function refusePromise(op: string, result: unknown): void {
  if (typeof (result as { then?: unknown } | null | undefined)?.then !== "function") return;
  // The error below is the one to see, even if the Promise is rejected.
  void Promise.resolve(result).catch(() => undefined);
  throw makeError(
    TypeError,
    `${op}: the callback returned a Promise; its awaited part would run outside ${op}`,
    {
      code: "ERR_ASYNC",
      op,
    },
  );
}

/** One or several, as a list. */
export function asList<T>(given: T | readonly T[]): readonly T[] {
  return Array.isArray(given) ? (given as readonly T[]) : [given as T];
}

const noHandles: number[] = [];

/**
 * Runs `body` and disposes of every tensor it made, except those it returns (alone, or inside arrays and objects).
 * It is never necessary, since memory is released anyway; it makes the release immediate.
 * @throws TypeError (`ERR_ASYNC`) when it returns a Promise.
 */
export function tidy<T>(body: () => T): T {
  if (typeof body !== "function")
    throw makeError(TypeError, "tidy: expected a function", { code: "ERR_ARGUMENT", op: "tidy" });
  let kept = noHandles;
  native.beginScope();
  try {
    const result = body();
    refusePromise("tidy", result);
    if (typeof result === "object" && result !== null) collectTensors(result, (kept = []), new Set());
    return result;
  } finally {
    forget(native.endScope(kept));
  }
}

function collectTensors(value: unknown, kept: number[], seen: Set<object>): void {
  if (typeof value !== "object" || value === null || seen.has(value)) return;
  seen.add(value);
  if (value instanceof Tensor) kept.push(handleOf(value, "tidy"));
  else if (Array.isArray(value)) for (const item of value) collectTensors(item, kept, seen);
  else if (value instanceof Map) for (const item of value.values()) collectTensors(item, kept, seen);
  else if (Object.getPrototypeOf(value) === Object.prototype || Object.getPrototypeOf(value) === null)
    for (const item of Object.values(value)) collectTensors(item, kept, seen);
}

/** Computes these tensors now, in one run; everything else stays as lazy as it was. */
export function realize(tensors: Tensor | readonly Tensor[]): void {
  native.realize(asList(tensors).map((tensor) => handleOf(tensor, "realize")));
}

/**
 * The plan by which these tensors would be computed, as text for people: its kernels, what each reads, computes and
 * writes, and how much memory it takes. Nothing is computed.
 *
 * @example
 * const plan = explain(x.sin().mul(2).sum()); // "1 kernel, ..."
 */
export function explain(tensors: Tensor | readonly Tensor[]): string {
  return native.explain(asList(tensors).map((tensor) => handleOf(tensor, "explain")));
}

/**
 * Sets how many threads compute, for all tensors of the process. Results do not depend on it. Before, it is the number
 * of processors that the process may use, or `ADJOINT_NUM_THREADS`.
 * @throws RangeError (`ERR_VALUE`) unless it is from 1 to 1024.
 */
export function setNumThreads(count: number): void {
  native.setThreadCount(count);
}

/** How many threads compute; see {@link setNumThreads}. */
export function getNumThreads(): number {
  return native.threadCount();
}

/** The contents of the engine of a device (by default the default one), and its work since the start. */
export function engineStats(device?: Device): EngineStats {
  return native.stats(deviceNumber("engineStats", device));
}
