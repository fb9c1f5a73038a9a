import { tensor, zerosLike } from "../creation.js";
import { makeError } from "../errors.js";
import { describe } from "../options.js";
import { isTensor, type Tensor } from "../tensor.js";

/** The state that an optimizer keeps for a parameter. */
export type ParamState = Record<string, number | Tensor | number[] | Tensor[]>;

/** An optimizer's state in PyTorch's layout and spelling; state is keyed by the position of the parameter. */
export interface StateDict {
  /** The state of each parameter. */
  state: Record<number, Record<string, unknown>>;
  /** Options of each group, and the positions of its parameters as `params`. */
  param_groups: Record<string, unknown>[];
}

/** A saved tensor as state of the given shape, and of the parameter's dtype and device. */
export function loadTensor(like: Tensor, saved: unknown, where: string): Tensor {
  if (!isTensor(saved) && typeof saved !== "number" && !Array.isArray(saved)) {
    throw stateError(`loadStateDict: ${where} must be a Tensor or nested arrays, but got ${describe(saved)}`);
  }
  const value = isTensor(saved) ? saved : readArrays(like, saved as number[], where);
  if (value.shape.length !== like.shape.length || value.shape.some((size, dim) => size !== like.shape[dim])) {
    throw makeError(
      RangeError,
      `loadStateDict: ${where} has shape [${value.shape.join(", ")}], expected [${like.shape.join(", ")}]`,
      { code: "ERR_STATE", shapes: [value.shape, like.shape] },
    );
  }
  return zerosLike(like).copy_(value);
}

function readArrays(like: Tensor, saved: number[] | number, where: string): Tensor {
  try {
    return tensor(saved, { dtype: like.dtype });
  } catch (cause) {
    const hint = "JSON has no NaN and no Infinity: they are saved as null";
    const error = stateError(
      `loadStateDict: ${where} could not be read (${(cause as Error).message}); ${hint}`,
    );
    error.cause = cause;
    throw error;
  }
}

/** A saved number, which in PyTorch may be a tensor of one element. */
export function loadNumber(saved: unknown, where: string): number {
  const value = isTensor(saved) && saved.numel() === 1 ? Number(saved.item()) : saved;
  if (typeof value !== "number") {
    throw stateError(`loadStateDict: ${where} must be a number, but got ${describe(saved)}`);
  }
  return value;
}

/** Makes the error of a state that does not fit. */
export function stateError(message: string): Error {
  return makeError(Error, message, { code: "ERR_STATE" });
}

/** A value of the state for keeping: later steps do not change it. */
export function snapshot(value: ParamState[string]): unknown {
  if (Array.isArray(value)) return value.map((item) => snapshot(item));
  return isTensor(value) ? value.detach() : value;
}

/** The own properties of a part of a saved state. */
export function entriesOf(value: unknown, what: string): Map<string, unknown> {
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    throw stateError(`loadStateDict: the ${what} must be an object, but got ${describe(value)}`);
  }
  return new Map(Object.entries(value));
}
