import { noGrad } from "../gradients.js";
import { zeros } from "../creation.js";
import { makeError } from "../errors.js";
import { checkName, describe, snakeCase } from "../options.js";
import { isTensor, type Tensor } from "../tensor.js";
import { type Check, finite, type Given, learningRate, oneOf, option } from "./checks.js";
import { type History, type LBFGSOptions, type Memory, type Past, Step } from "./lbfgsstep.js";
import { Optimizer, type ParamGroup } from "./optimizer.js";
import type { Params } from "./params.js";
import { loadNumber, loadTensor, type ParamState, stateError } from "./state.js";

const atLeastOne: Check = finite("Invalid value", { min: 1, integer: true });

const lbfgs = {
  options: {
    lr: option<number>(1, learningRate),
    maxIter: option<number>(20, atLeastOne),
    maxEval: option<number | null>(null, (what, name, value) => {
      if (value !== null) atLeastOne(what, name, value);
    }),
    toleranceGrad: option<number>(1e-7, finite("Invalid tolerance_grad value", { min: 0 })),
    toleranceChange: option<number>(1e-9, finite("Invalid tolerance_change value", { min: 0 })),
    historySize: option<number>(100, atLeastOne),
    lineSearchFn: option<"strong_wolfe" | null>(
      null,
      oneOf(["strong_wolfe", null], "only 'strong_wolfe' is supported"),
    ),
  },
};

/**
 * Limited-memory BFGS: Nocedal, "Updating Quasi-Newton Matrices with Limited Storage", Mathematics of Computation
 * 35, 1980; Liu and Nocedal, Mathematical Programming 45, 1989. After PyTorch, which is after minFunc.
 *
 * `step()` needs a closure that clears the gradients, computes the loss, calls `backward()` and returns the loss;
 * it is called several times, and the loss of the first call is returned. There is one parameter group.
 *
 * @example
 * const optimizer = new LBFGS([x], { lineSearchFn: "strong_wolfe" });
 * optimizer.step(() => {
 *   optimizer.zeroGrad();
 *   const loss = f(x);
 *   loss.backward();
 *   return loss;
 * });
 */
export class LBFGS extends Optimizer<LBFGSOptions, typeof lbfgs, readonly Tensor[]> {
  constructor(params: Params<LBFGSOptions>, options?: Given<LBFGSOptions>) {
    super(params, options, lbfgs);
  }

  override step(): never;
  override step<T>(closure: () => T): T;
  override step<T>(closure?: () => T): T {
    if (closure === undefined) {
      throw makeError(TypeError, "LBFGS: step() needs a closure that computes the loss and its gradients", {
        code: "ERR_CLOSURE",
      });
    }
    return this.exclusively(() => {
      const { params, ...options } = this.paramGroups[0]!;
      const first = params[0]!;
      const step = new Step(params, options, () => this.call(closure));
      return step.run(readMemory(this.state.get(first)), (memory) => {
        this.state.set(
          first,
          noGrad(() => this.settle(first, writeMemory(memory))),
        );
      });
    });
  }

  protected override update(): void {
    // Steps here are the closure's; see `step`.
  }

  protected override admit(group: ParamGroup<LBFGSOptions>): void {
    if (this.paramGroups.length > 0) {
      throw makeError(Error, "LBFGS doesn't support per-parameter options (parameter groups)", {
        code: "ERR_PARAMS",
      });
    }
    const kinds = new Set(group.params.map(({ dtype, device }) => `${dtype} on ${device}`));
    if (kinds.size > 1) {
      throw makeError(
        TypeError,
        `LBFGS: all parameters must have one dtype and device, but there are ${[...kinds].join(", ")}`,
        { code: "ERR_PARAMS" },
      );
    }
    const { params, historySize } = group;
    const first = params[0];
    if (first === undefined) {
      throw makeError(Error, "optimizer got an empty parameter list", { code: "ERR_PARAMS" });
    }
    const cells = Array.from({ length: 2 * historySize + 2 }, () => flatZeros(params));
    this.kept.set(first, cells);
  }

  protected override stateKey(name: string): string {
    return name === "hDiag" ? "H_diag" : snakeCase(name);
  }

  protected override loadState(
    param: Tensor,
    _options: LBFGSOptions,
    saved: Map<string, unknown>,
    where: string,
  ): ParamState {
    const { params } = this.paramGroups[0]!;
    if (param !== params[0])
      throw stateError("loadStateDict: LBFGS keeps its state with the first parameter");
    const names = [
      "funcEvals",
      "nIter",
      "d",
      "t",
      "oldDirs",
      "oldStps",
      "ro",
      "hDiag",
      "prevFlatGrad",
      "prevLoss",
    ];
    const keys = new Map(names.map((name) => [this.stateKey(name), name]));
    const flat = flatZeros(params);
    const state: ParamState = {};
    for (const [key, value] of saved) {
      // PyTorch's 'al' is scratch space.
      if (key === "al") continue;
      checkName(`loadStateDict: ${where}`, "state", key, [...keys.keys()]);
      const name = keys.get(key)!;
      const at = `'${key}' of ${where}`;
      if (name === "oldDirs" || name === "oldStps")
        state[name] = listOf(value, at).map((v) => loadTensor(flat, v, at));
      else if (name === "ro") state[name] = listOf(value, at).map((v) => loadNumber(v, at));
      else if (name === "d" || name === "prevFlatGrad") state[name] = loadTensor(flat, value, at);
      else state[name] = loadNumber(value, at);
    }
    const expected = Object.hasOwn(state, "d") ? names : ["funcEvals", "nIter"];
    const missing = expected.find((name) => !Object.hasOwn(state, name));
    if (missing !== undefined) throw stateError(`loadStateDict: ${where} has no '${this.stateKey(missing)}'`);
    const lengths = ["oldDirs", "oldStps", "ro"].map(
      (name) => (state[name] as unknown[] | undefined)?.length,
    );
    if (new Set(lengths).size > 1)
      throw stateError(`loadStateDict: the histories of ${where} differ in length`);
    return state;
  }

  /** Takes cells for the tensors that are in none, from those that the new state leaves free. */
  protected override settle(param: Tensor, state: ParamState): ParamState {
    const all = this.kept.get(param) ?? [];
    const wanted = new Set(Object.values(state).flat());
    const cells = new Set(all);
    const free = all.filter((cell) => !wanted.has(cell));
    const keep = (value: Tensor) =>
      cells.has(value) ? value : (free.pop() ?? flatZeros(this.paramGroups[0]!.params)).copy_(value);
    const entries = Object.entries(state).map(([name, value]): [string, ParamState[string]] => {
      if (isTensor(value)) return [name, keep(value)];
      const isList = Array.isArray(value) && isTensor(value[0]);
      return [name, isList ? (value as Tensor[]).map(keep) : value];
    });
    return Object.fromEntries(entries);
  }
}

function readMemory(state: ParamState | undefined): Memory {
  if (state === undefined) return { funcEvals: 0, nIter: 0 };
  const { funcEvals, nIter, d, t, oldDirs, oldStps, ro, hDiag, prevFlatGrad, prevLoss } = state;
  const memory = { funcEvals: funcEvals as number, nIter: nIter as number };
  if (d === undefined) return memory;
  const history = { oldDirs, oldStps, ro, hDiag } as History;
  return { ...memory, past: { d, t, prevFlatGrad, prevLoss, history } as Past };
}

function writeMemory({ funcEvals, nIter, past }: Memory): ParamState {
  if (past === undefined) return { funcEvals, nIter };
  const { d, t, prevFlatGrad, prevLoss, history } = past;
  return {
    funcEvals,
    nIter,
    d,
    t,
    oldDirs: [...history.oldDirs],
    oldStps: [...history.oldStps],
    ro: [...history.ro],
    hDiag: history.hDiag,
    prevFlatGrad,
    prevLoss,
  };
}

/** A vector for all parameters together. */
function flatZeros(params: readonly Tensor[]): Tensor {
  const { dtype, device } = params[0]!;
  const length = params.reduce((total, param) => total + param.numel(), 0);
  return zeros([length], { dtype, device });
}

function listOf(value: unknown, where: string): unknown[] {
  if (Array.isArray(value)) return value;
  throw stateError(`loadStateDict: ${where} must be an array, but got ${describe(value)}`);
}
