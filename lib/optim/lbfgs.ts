import { noGrad } from "../gradients.js";
import { zeros } from "../creation.js";
import { makeError } from "../errors.js";
import { checkName, describe, own, snakeCase } from "../options.js";
import type { Tensor } from "../tensor.js";
import { type Check, finite, flag, type Given, learningRate, oneOf, option } from "./checks.js";
import { History } from "./lbfgshistory.js";
import { type LBFGSOptions, type LBFGSReport, type Memory, type Past, Step } from "./lbfgsstep.js";
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
    maximize: option<boolean>(false, flag),
  },
};

/**
 * Limited-memory BFGS: Nocedal, "Updating Quasi-Newton Matrices with Limited Storage", Mathematics of Computation
 * 35, 1980; Liu and Nocedal, Mathematical Programming 45, 1989. After PyTorch, which is after minFunc.
 *
 * `step()` needs a closure that clears the gradients, computes the loss, calls `backward()` and returns the loss;
 * it is called several times, and the loss of the first call is returned. There is one parameter group. `report` says how
 * the last step ended.
 *
 * Numbers of the search are sums in double, whatever the parameters' dtype. `toleranceGrad` and `toleranceChange` are
 * absolute, as PyTorch's. Where the history's curvature says that a direction is flatter than that though the gradient
 * is not, and there is a line search, the history is forgotten. A line search has room for 20 evaluations in the first
 * iteration of a step, however small `maxIter`, unless `maxEval` is given.
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
export class LBFGS extends Optimizer<LBFGSOptions, typeof lbfgs, Kept> {
  #report: LBFGSReport | undefined;

  constructor(params: Params<LBFGSOptions>, options?: Given<LBFGSOptions>) {
    super(params, options, lbfgs);
  }

  /** How the last step went; undefined before the first. */
  get report(): LBFGSReport | undefined {
    return this.#report;
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
      const kept = this.kept.get(first)!;
      if (this.state.get(first) !== kept.entry) kept.adopt(this.state.get(first));
      kept.history.keep(options.historySize);
      const step = new Step(params, options, kept.history, () => this.call(closure));
      return step.run(kept.memory, (memory, report) => {
        this.state.set(first, kept.remember(memory));
        this.#report = report;
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
    const first = group.params[0];
    if (first === undefined) {
      throw makeError(Error, "optimizer got an empty parameter list", { code: "ERR_PARAMS" });
    }
    this.kept.set(first, new Kept(group.params, group.historySize));
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
    const keys = new Map(stateNames.map((name) => [this.stateKey(name), name]));
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
    const expected = Object.hasOwn(state, "d") ? stateNames : ["funcEvals", "nIter"];
    const missing = expected.find((name) => !Object.hasOwn(state, name));
    if (missing !== undefined) throw stateError(`loadStateDict: ${where} has no '${this.stateKey(missing)}'`);
    const lengths = ["oldDirs", "oldStps", "ro"].map(
      (name) => (state[name] as unknown[] | undefined)?.length,
    );
    if (new Set(lengths).size > 1)
      throw stateError(`loadStateDict: the histories of ${where} differ in length`);
    return state;
  }

  protected override settle(param: Tensor, state: ParamState): ParamState {
    const kept = this.kept.get(param)!;
    kept.adopt(state);
    return kept.entry!;
  }
}

const stateNames = [
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

/** The state of an optimizer. Its tensors are made with it: those made in a tidy would end with that. */
class Kept {
  readonly history: History;
  memory: Memory = { funcEvals: 0, nIter: 0, past: undefined };
  /** The same, as it stands in the optimizer's `state`. */
  entry: ParamState | undefined;
  readonly #d: Tensor;
  readonly #grad: Tensor;

  constructor(params: readonly Tensor[], historySize: number) {
    this.#d = flatZeros(params);
    this.#grad = flatZeros(params);
    this.history = new History(this.#d, historySize);
  }

  /** Keeps the state after a step. */
  remember({ past, ...counts }: Memory): ParamState {
    this.memory = {
      ...counts,
      past: past && {
        ...past,
        d: noGrad(() => this.#d.copy_(past.d)),
        prevFlatGrad: noGrad(() => this.#grad.copy_(past.prevFlatGrad)),
      },
    };
    const { history } = this;
    this.entry = { ...counts };
    if (past === undefined) return this.entry;
    const { d, t, prevFlatGrad, prevLoss } = this.memory.past!;
    const { hDiag } = history.moment;
    Object.assign(this.entry, { d, t });
    // Rows are made when they are asked for.
    Object.defineProperties(this.entry, {
      oldDirs: { enumerable: true, get: () => history.changes },
      oldStps: { enumerable: true, get: () => history.steps },
      ro: { enumerable: true, get: () => history.ro },
    });
    return Object.assign(this.entry, { hDiag, prevFlatGrad, prevLoss });
  }

  /** Takes over a state that came from elsewhere, or none. */
  adopt(state: ParamState | undefined): void {
    const { funcEvals, nIter, d, t, oldDirs, oldStps, hDiag, prevFlatGrad, prevLoss } = own(state ?? {});
    const past = d === undefined ? undefined : ({ d, t, prevFlatGrad, prevLoss } as Past);
    noGrad(() => {
      const [steps, changes] = [oldStps ?? [], oldDirs ?? []] as Tensor[][];
      this.history.load(
        steps!.map((step, i) => ({ step, change: changes![i]! })),
        (hDiag ?? 1) as number,
      );
    });
    this.remember({
      funcEvals: (funcEvals ?? 0) as number,
      nIter: (nIter ?? 0) as number,
      past,
    });
    if (state === undefined) this.entry = undefined;
  }
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
