import { makeError } from "./errors.js";
import { native, type EngineStats } from "./native.js";
import { readOptions } from "./options.js";
import { forget, fresh, handleOf, Tensor } from "./tensor.js";

/** Refuses what would go on after the mode has been restored. */
function refusePromise(op: string, result: unknown): void {
  if (typeof (result as { then?: unknown } | null | undefined)?.then !== "function") return;
  // Whatever becomes of it, this error is the one to see.
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

function withGradMode<T>(op: string, enabled: boolean, body: () => T): T {
  if (typeof body !== "function")
    throw makeError(TypeError, `${op}: expected a function`, { code: "ERR_ARGUMENT", op });
  const before = native.setGradEnabled(enabled);
  try {
    const result = body();
    refusePromise(op, result);
    return result;
  } finally {
    native.setGradEnabled(before);
  }
}

/**
 * Runs `body` without recording history, and returns its result.
 * @throws TypeError (`ERR_ASYNC`) when it returns a Promise; the mode is restored in any case.
 */
export function noGrad<T>(body: () => T): T {
  return withGradMode("noGrad", false, body);
}
/** Runs `body` with history recorded, also inside {@link noGrad}, and returns its result. */
export function enableGrad<T>(body: () => T): T {
  return withGradMode("enableGrad", true, body);
}
/** Whether history is being recorded. */
export function isGradEnabled(): boolean {
  return native.isGradEnabled();
}

/** Options of {@link grad}. */
export interface GradOptions {
  /** Weights of the outputs' elements, one tensor (or null) per output. */
  gradOutputs?: Tensor | null | readonly (Tensor | null)[];
  /** Keep the graph; as `createGraph` when left out. */
  retainGraph?: boolean;
  /** Record the gradients' own history. */
  createGraph?: boolean;
  /** Give null for inputs that the outputs do not depend on, instead of throwing. */
  allowUnused?: boolean;
}

/**
 * The gradients of the sum of `outputs` with respect to `inputs`, without touching anyone's `grad`.
 * @throws Error (`ERR_AUTOGRAD`) with PyTorch's sentences.
 */
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: Tensor | readonly Tensor[],
  options?: GradOptions,
): (Tensor | null)[] {
  const { gradOutputs, retainGraph, createGraph, allowUnused } = readOptions("grad", options, {
    gradOutputs: null as Tensor | null | readonly (Tensor | null)[],
    retainGraph: undefined as boolean | undefined,
    createGraph: false,
    allowUnused: false,
  });
  const roots = asList(outputs).map((output) => handleOf(output, "grad"));
  const targets = asList(inputs).map((input) => handleOf(input, "grad"));
  const seeds = asList(gradOutputs ?? []).map((seed) => (seed === null ? 0 : handleOf(seed, "grad")));
  return fresh(targets.length, (objects) =>
    native.gradients(objects, roots, seeds, targets, retainGraph ?? createGraph, createGraph, allowUnused),
  );
}

function asList<T>(given: T | readonly T[]): readonly T[] {
  return Array.isArray(given) ? (given as readonly T[]) : [given as T];
}

const noHandles: number[] = [];

/**
 * Runs `body` and disposes of every tensor it made, except those it returns (alone, or inside arrays and objects).
 * Nothing needs it: memory is found by itself. It makes the release immediate.
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
 * Computes `values` in one run and gives them to `targets`, of the same shapes and dtypes; for optimizers, under
 * {@link noGrad}. Nothing has changed when it throws.
 * @throws TypeError (`ERR_RULE`) naming `who` where a value does not fit its target.
 */
export function assign(who: string, targets: readonly Tensor[], values: readonly Tensor[]): void {
  const handles = (tensors: readonly Tensor[]) => tensors.map((tensor) => handleOf(tensor, who));
  native.assign(who, handles(targets), handles(values));
}

/** What the engine holds and has done since the start. */
export function engineStats(): EngineStats {
  return native.stats();
}
