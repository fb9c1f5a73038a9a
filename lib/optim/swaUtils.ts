// PyTorch's torch.optim.swa_utils: averages of parameters over the steps of a training.
import { makeError } from "../errors.js";
import { noGrad } from "../gradients.js";
import { describe, readOptions } from "../options.js";
import type { Tensor } from "../tensor.js";
import { tensorsIn } from "./params.js";
import { loadNumber, loadTensor, stateError } from "./state.js";

export { SWALR, type SWALROptions } from "./schedulers/swalr.js";

/** The next average of a parameter, from the one before, the parameter, and how many have been averaged. */
export type AverageFunction = (averaged: Tensor, param: Tensor, numAveraged: number) => Tensor;
/** The same of all parameters; it changes the averages in place. */
export type MultiAverageFunction = (
  averaged: readonly Tensor[],
  params: readonly Tensor[],
  numAveraged: number,
) => void;

/** Options of {@link AveragedModel}, of which one may be given. */
export interface AveragedModelOptions {
  /** How a parameter is averaged; as {@link getSwaAvgFn} when left out. */
  avgFn?: AverageFunction;
  /** How all of them are averaged. */
  multiAvgFn?: MultiAverageFunction;
}

function decayOf(op: string, decay: unknown): number {
  if (typeof decay === "number" && decay >= 0 && decay <= 1) return decay;
  throw makeError(
    RangeError,
    `Invalid decay value ${String(decay)} provided. Please provide a value in [0,1] range. (${op})`,
    {
      code: "ERR_OPTION",
      op,
    },
  );
}

const inPlace =
  (average: AverageFunction): MultiAverageFunction =>
  (averaged, params, numAveraged) => {
    averaged.forEach((one, i) => one.copy_(average(one, params[i]!, numAveraged)));
  };

/** An exponential moving average: decay * averaged + (1 - decay) * param. */
export function getEmaAvgFn(decay = 0.999): AverageFunction {
  const kept = decayOf("getEmaAvgFn", decay);
  return (averaged, param) => averaged.mul(kept).add(param.mul(1 - kept));
}

/** {@link getEmaAvgFn} of all parameters. */
export function getEmaMultiAvgFn(decay = 0.999): MultiAverageFunction {
  const fresh = 1 - decayOf("getEmaMultiAvgFn", decay);
  return inPlace((averaged, param) => averaged.lerp(param, fresh));
}

/** The mean of all: Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization", arXiv:1803.05407. */
export function getSwaAvgFn(): AverageFunction {
  return (averaged, param, numAveraged) => averaged.add(param.sub(averaged).div(numAveraged + 1));
}

/** {@link getSwaAvgFn} of all parameters. */
export function getSwaMultiAvgFn(): MultiAverageFunction {
  return inPlace((averaged, param, numAveraged) => averaged.lerp(param, 1 / (numAveraged + 1)));
}

/**
 * Averages of parameters. PyTorch's keeps a copy of a module; here it is a list of tensors, in the parameters' order.
 *
 * @example
 * const { AveragedModel, getEmaMultiAvgFn } = optim.swaUtils;
 * const average = new AveragedModel([x], { multiAvgFn: getEmaMultiAvgFn(0.99) });
 * for (let step = 0; step < 3; ++step) {
 *   optimizer.step(() => loss(x).backward());
 *   average.updateParameters([x]);
 * }
 * average.copyTo([x]);
 */
export class AveragedModel {
  /** The averages; the parameters as they were, before the first update. */
  readonly params: readonly Tensor[];
  #numAveraged = 0;
  readonly #average: MultiAverageFunction;

  /**
   * @throws TypeError (`ERR_ARGUMENT`) for what are no tensors; `ERR_OPTION` for options that do not exist
   */
  constructor(params: Iterable<Tensor>, options?: AveragedModelOptions) {
    const { avgFn, multiAvgFn } = readOptions("AveragedModel", options, {
      avgFn: undefined as AverageFunction | undefined,
      multiAvgFn: undefined as MultiAverageFunction | undefined,
    });
    if (avgFn !== undefined && multiAvgFn !== undefined)
      throw makeError(TypeError, "Only one of avg_fn and multi_avg_fn should be provided (AveragedModel)", {
        code: "ERR_OPTION",
        op: "AveragedModel",
      });
    for (const one of [avgFn, multiAvgFn] as unknown[])
      if (one !== undefined && typeof one !== "function")
        throw makeError(TypeError, `AveragedModel: expected a function, got ${describe(one)}`, {
          code: "ERR_OPTION",
          op: "AveragedModel",
        });
    this.params = tensorsIn("AveragedModel", params).map((param) => noGrad(() => param.clone()));
    this.#average = multiAvgFn ?? (avgFn === undefined ? getSwaMultiAvgFn() : inPlace(avgFn));
  }

  /** How many have been averaged. */
  get nAveraged(): number {
    return this.#numAveraged;
  }

  /**
   * Takes parameters into the averages; the first ones are copied.
   * @throws RangeError (`ERR_SHAPE`) where they are others than at first
   */
  updateParameters(params: Iterable<Tensor>): void {
    const list = this.#matching("updateParameters", params).map((param) => param.detach());
    noGrad(() => {
      if (this.#numAveraged === 0) this.params.forEach((one, i) => one.copy_(list[i]!));
      else this.#average(this.params, list, this.#numAveraged);
    });
    this.#numAveraged++;
  }

  /** Gives parameters the averages' values. */
  copyTo(params: Iterable<Tensor>): void {
    const list = this.#matching("copyTo", params);
    noGrad(() => {
      list.forEach((param, i) => param.copy_(this.params[i]!));
    });
  }

  /** Averages and their number. Later updates do not change it. */
  stateDict(): { n_averaged: number; params: Tensor[] } {
    return { n_averaged: this.#numAveraged, params: this.params.map((one) => one.detach()) };
  }

  /**
   * Takes over a state made by `stateDict()`. Nothing changes where it throws.
   * @throws Error `ERR_STATE` where it does not fit
   */
  loadStateDict(state: { n_averaged: number; params: readonly Tensor[] }): void {
    const given = state as unknown as { n_averaged: unknown; params: unknown };
    const count = loadNumber(given.n_averaged, "n_averaged");
    if (!Array.isArray(given.params) || given.params.length !== this.params.length)
      throw stateError(
        `loadStateDict: params must be an array of ${this.params.length}, but got ${describe(given.params)}`,
      );
    const loaded = this.params.map((one, i) =>
      loadTensor(one, (given.params as unknown[])[i], `params[${i}]`),
    );
    noGrad(() => {
      this.params.forEach((one, i) => one.copy_(loaded[i]!));
    });
    this.#numAveraged = count;
  }

  #matching(op: string, params: Iterable<Tensor>): Tensor[] {
    const list = tensorsIn("AveragedModel", params);
    const shapes = (tensors: readonly Tensor[]) => tensors.map(({ shape }) => shape);
    if (JSON.stringify(shapes(list)) === JSON.stringify(shapes(this.params))) return list;
    throw makeError(
      RangeError,
      `AveragedModel: ${op} expects parameters of the shapes ${JSON.stringify(shapes(this.params))}, got ${JSON.stringify(shapes(list))}`,
      { code: "ERR_SHAPE", op, shapes: shapes(list) },
    );
  }
}
