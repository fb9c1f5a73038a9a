import { asList, refusePromise } from "./engine.js";
import { makeError } from "./errors.js";
import { stack } from "./joining.js";
import { native } from "./native.js";
import { readOptions } from "./options.js";
import { fresh, handleOf, type Tensor } from "./tensor.js";

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
/**
 * Runs `body` without recording history, and returns its result. What it makes never takes part in differentiation, so that it
 * cannot be kept for a gradient by mistake: see {@link Tensor.isInference}.
 *
 * @throws TypeError (`ERR_ASYNC`) when it returns a Promise; the mode is restored in any case.
 */
export function inferenceMode<T>(body: () => T): T {
  if (typeof body !== "function")
    throw makeError(TypeError, "inferenceMode: expected a function", {
      code: "ERR_ARGUMENT",
      op: "inferenceMode",
    });
  const before = native.setInference(true);
  try {
    return withGradMode("inferenceMode", false, body);
  } finally {
    native.setInference(before);
  }
}
/** Whether {@link inferenceMode} is running. */
export function isInferenceModeEnabled(): boolean {
  return native.isInference();
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
  /** The first dimension of each of `gradOutputs` is a batch, and so is that of the gradients: one for each of its weights. */
  isGradsBatched?: boolean;
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
  const { gradOutputs, retainGraph, createGraph, allowUnused, isGradsBatched } = readOptions(
    "grad",
    options,
    {
      gradOutputs: null as Tensor | null | readonly (Tensor | null)[],
      retainGraph: undefined as boolean | undefined,
      createGraph: false,
      allowUnused: false,
      isGradsBatched: false,
    },
  );
  if (isGradsBatched) {
    const keeps = retainGraph ?? createGraph;
    return ofBatch(asList(gradOutputs ?? []), (weights, isLast) =>
      grad(outputs, inputs, {
        gradOutputs: weights,
        retainGraph: keeps || !isLast,
        createGraph,
        allowUnused,
      }),
    );
  }
  const roots = asList(outputs).map((output) => handleOf(output, "grad"));
  const targets = asList(inputs).map((input) => handleOf(input, "grad"));
  const seeds = asList(gradOutputs ?? []).map((seed) => (seed === null ? 0 : handleOf(seed, "grad")));
  return fresh(targets.length, (objects) =>
    native.gradients(objects, roots, seeds, targets, retainGraph ?? createGraph, createGraph, allowUnused),
  );
}

/** The gradients for each of a batch of weights, one behind the other. All of them are computed in one run. */
function ofBatch(
  weights: readonly (Tensor | null)[],
  gradients: (weights: readonly (Tensor | null)[], isLast: boolean) => (Tensor | null)[],
): (Tensor | null)[] {
  const sizes = weights.map((one) => one?.shape[0]);
  const count = sizes[0];
  if (count === undefined || count === 0 || sizes.some((size) => size !== count))
    throw makeError(
      RangeError,
      `grad: isGradsBatched needs gradOutputs with a first dimension of one size for all outputs, got sizes [${sizes.join(", ")}]`,
      { code: "ERR_SHAPE", op: "grad" },
    );
  const rows = Array.from({ length: count }, (_, i) =>
    gradients(
      weights.map((one) => one!.select(0, i)),
      i + 1 === count,
    ),
  );
  return rows[0]!.map((first, k) => (first === null ? null : stack(rows.map((row) => row[k]!))));
}
