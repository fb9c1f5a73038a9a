import { noGrad } from "../gradients.js";
import { realize, tidy } from "../engine.js";
import { zeros } from "../creation.js";
import { cat } from "../joining.js";
import { makeError } from "../errors.js";
import { describe } from "../options.js";
import { isTensor, type Tensor } from "../tensor.js";
import { strongWolfe, type Trial } from "./linesearch.js";

// All parameters together are one flat vector here. The host decides on numbers, which reach it in one packed read
// per evaluation of the closure and one per direction. A step works on a copy of the state and hands it over at its
// end; when the closure throws, the step takes its changes of parameters back.

/** Options of `LBFGS`. */
export interface LBFGSOptions {
  /** The step length, without a line search; the first trial, with one; 1 by default. */
  lr: number;
  /** Iterations per step; 20 by default. */
  maxIter: number;
  /** Evaluations of the closure per step; null, the default, stands for maxIter * 5 / 4. */
  maxEval: number | null;
  /** Ends the step where no component of the gradient is larger; 1e-7 by default. */
  toleranceGrad: number;
  /** Ends the step where the loss or the parameters change less; 1e-9 by default. */
  toleranceChange: number;
  /** How many past updates approximate the Hessian; 100 by default. */
  historySize: number;
  /** "strong_wolfe", or null for steps of length lr; null by default. */
  lineSearchFn: "strong_wolfe" | null;
}

/** The state of an LBFGS between steps. A step reads it, and makes another. */
export interface Memory {
  readonly funcEvals: number;
  readonly nIter: number;
  readonly past?: Past;
}

/** The results of the last iteration. */
export interface Past {
  /** The direction. */
  readonly d: Tensor;
  /** How far it was followed. */
  readonly t: number;
  /** The gradient from which it was computed. */
  readonly prevFlatGrad: Tensor;
  readonly prevLoss: number;
  readonly history: History;
}

/** The last updates: changes y of the gradient, changes s of the parameters, 1 / y.s, and the scale y.s / y.y. */
export interface History {
  readonly oldDirs: readonly Tensor[];
  readonly oldStps: readonly Tensor[];
  readonly ro: readonly number[];
  readonly hDiag: number;
}

const noHistory: History = { oldDirs: [], oldStps: [], ro: [], hDiag: 1 };

/** A direction, with the derivative of the loss along it and its largest component. */
interface Direction {
  readonly d: Tensor;
  readonly slope: number;
  readonly size: number;
}

/** An evaluation of the closure: loss, flat gradient, and the sizes of the gradient. */
interface Point {
  readonly loss: number;
  readonly grad: Tensor;
  readonly maxGrad: number;
  readonly sumGrad: number;
}

type LinePoint = Point & Trial;

/** One call of `step()`. */
export class Step<T> {
  /** The tensors that this step has made; they end with it. */
  readonly #made = new Set<Tensor>();

  constructor(
    private readonly params: readonly Tensor[],
    private readonly options: LBFGSOptions,
    private readonly closure: () => T,
  ) {}

  /** Runs the step, and hands over the new state; returns the first result of the closure. */
  run(memory: Memory, remember: (memory: Memory) => void): T {
    const entry = this.params.map((param) => this.#keep(param.detach()));
    try {
      const { value, point } = this.#evaluate();
      const after = { ...memory, funcEvals: memory.funcEvals + 1 };
      remember(point.maxGrad <= this.options.toleranceGrad ? after : this.#iterate(after, point));
      return value;
    } catch (error) {
      noGrad(() => {
        this.params.forEach((param, i) => param.copy_(entry[i]!));
      });
      throw error;
    } finally {
      for (const made of this.#made) made.dispose();
    }
  }

  /** Runs the iterations of a step; returns the new state. */
  #iterate(memory: Memory, first: Point): Memory {
    const { lr, maxIter, maxEval, toleranceGrad, toleranceChange, lineSearchFn } = this.options;
    const evaluationLimit = maxEval ?? Math.floor((maxIter * 5) / 4);
    let { funcEvals, nIter, past } = memory;
    let point = first;
    let evaluations = 1;
    for (let iteration = 1; iteration <= maxIter; iteration++) {
      nIter++;
      const { history, d, slope, size } = this.#direction(nIter === 1 ? undefined : past, point.grad);
      let t = nIter === 1 ? Math.min(1, 1 / point.sumGrad) * lr : lr;
      const prevLoss = point.loss;
      const prevFlatGrad = point.grad;
      past = { d, t, prevFlatGrad, prevLoss, history };
      if (slope > -toleranceChange) break;

      let spent = 0;
      if (lineSearchFn !== null) {
        const origin = this.params.map((param) => this.#keep(param.detach()));
        const start: LinePoint = { ...point, t: 0, f: point.loss, slope };
        const { best, evaluations: tried } = strongWolfe(
          start,
          t,
          (length) => this.#evaluateAlong(origin, d, length),
          { maxEvaluations: evaluationLimit - evaluations, toleranceChange, directionSize: size },
        );
        point = best;
        t = best.t;
        spent = tried;
        this.#move(origin, d, t);
      } else {
        this.#move(this.params, d, t);
        // After the last iteration nobody asks for the loss.
        if (iteration !== maxIter) {
          ({ point } = this.#evaluate());
          spent = 1;
        }
      }
      past = { ...past, t };
      evaluations += spent;
      funcEvals += spent;
      if (evaluations >= evaluationLimit) break;
      if (point.maxGrad <= toleranceGrad) break;
      if (size * Math.abs(t) <= toleranceChange) break;
      if (Math.abs(point.loss - prevLoss) < toleranceChange) break;
    }
    realize([...this.params]);
    return { funcEvals, nIter, ...(past !== undefined && { past }) };
  }

  /** The next direction, after taking the last update into the history, unless its curvature is too small. */
  #direction(past: Past | undefined, grad: Tensor): Direction & { history: History } {
    if (past === undefined) return { history: noHistory, ...this.#measure(noHistory, grad).direction };
    const y = this.#keep(noGrad(() => grad.sub(past.prevFlatGrad)));
    const s = this.#keep(noGrad(() => past.d.mul(past.t)));
    const { oldDirs, oldStps, ro } = past.history;
    const drop = oldDirs.length >= this.options.historySize ? 1 : 0;
    const grown = { oldDirs: [...oldDirs.slice(drop), y], oldStps: [...oldStps.slice(drop), s] };
    // Nearly always the update is taken, so the direction that it gives is computed before its curvature is known.
    const { direction, ys, yy } = this.#measure({ ...past.history, ...grown, ro: ro.slice(drop) }, grad);
    if (!(ys > 1e-10)) return { history: past.history, ...this.#measure(past.history, grad).direction };
    return { history: { ...grown, ro: [...ro.slice(drop), 1 / ys], hDiag: ys / yy }, ...direction };
  }

  /**
   * The two-loop recursion applied to -grad, with its slope and its largest component. Where the history has no ro
   * for its last update, that and hDiag come from its curvature, which is returned too.
   */
  #measure(history: History, grad: Tensor): { direction: Direction; ys: number; yy: number } {
    const { oldDirs, oldStps } = history;
    const last = oldDirs.length - 1;
    const [y, s] = [oldDirs[last], oldStps[last]];
    const isFresh = y !== undefined && s !== undefined && history.ro.length === last;
    const d = this.#keep(
      noGrad(() =>
        tidy(() => {
          const ys = isFresh ? y.dot(s) : undefined;
          const hDiag = isFresh ? y.dot(s).div(y.dot(y)) : history.hDiag;
          const ro = (i: number) => (i === last && ys !== undefined ? ys.reciprocal() : history.ro[i]!);
          const al: Tensor[] = [];
          let q = grad.neg();
          for (let i = last; i >= 0; i--) {
            al[i] = oldStps[i]!.dot(q).mul(ro(i));
            q = q.sub(oldDirs[i]!.mul(al[i]!));
          }
          let r = q.mul(hDiag);
          for (let i = 0; i <= last; i++) {
            const be = oldDirs[i]!.dot(r).mul(ro(i));
            r = r.add(oldStps[i]!.mul(al[i]!.sub(be)));
          }
          return r;
        }),
      ),
    );
    const [slope, size, ys = NaN, yy = NaN] = this.#read(
      () => [grad.dot(d), d.abs().max(), ...(isFresh ? [y.dot(s), y.dot(y)] : [])],
      isFresh ? [d, y, s] : [d],
    );
    return { direction: { d, slope: slope!, size: size! }, ys, yy };
  }

  /** Calls the closure with the parameters at origin + t d. */
  #evaluateAlong(origin: readonly Tensor[], d: Tensor, t: number): LinePoint {
    this.#move(origin, d, t);
    const { point, slope } = this.#evaluate(d);
    return { ...point, t, f: point.loss, slope };
  }

  /** Calls the closure, and reads everything about the loss and the gradient in one go. */
  #evaluate(d?: Tensor): { value: T; point: Point; slope: number } {
    const value = this.closure();
    const returned = lossOf(value);
    const grad = this.#keep(noGrad(() => tidy(() => this.#flatGrad())));
    const numbers = this.#read(() => {
      const sizes = grad.abs();
      return [
        sizes.max(),
        sizes.sum(),
        ...(d === undefined ? [] : [grad.dot(d)]),
        ...(isTensor(returned) ? [returned.detach()] : []),
      ];
    }, [grad, ...this.params]);
    const loss = isTensor(returned) ? numbers.at(-1)! : returned;
    const point = { loss, grad, maxGrad: numbers[0]!, sumGrad: numbers[1]! };
    return { value, point, slope: d === undefined ? NaN : numbers[2]! };
  }

  #flatGrad(): Tensor {
    const pieces = this.params.map((param) => {
      const { grad, dtype, device } = param;
      return grad === null ? zeros([param.numel()], { dtype, device }) : grad.detach().reshape(-1);
    });
    return cat(pieces, 0);
  }

  /** Reads numbers in one transfer; `alongside` is computed and kept by the same run. */
  #read(numbers: () => Tensor[], alongside: readonly Tensor[]): number[] {
    return noGrad(() =>
      tidy(() => {
        const packed = cat(
          numbers().map((number) => number.reshape(1)),
          0,
        );
        realize([...alongside, packed]);
        return Array.from(packed.dataSync() as ArrayLike<number>);
      }),
    );
  }

  /** Sets the parameters to origin + t d. */
  #move(origin: readonly Tensor[], d: Tensor, t: number): void {
    noGrad(() =>
      tidy(() => {
        let offset = 0;
        const moved = this.params.map((param, i) => {
          const length = param.numel();
          const piece = d.narrow(0, offset, length).reshape(...param.shape);
          offset += length;
          return origin[i]!.add(piece.mul(t));
        });
        this.params.forEach((param, i) => param.copy_(moved[i]!));
      }),
    );
  }

  #keep(made: Tensor): Tensor {
    this.#made.add(made);
    return made;
  }
}

/** The result of a closure, where it is a loss. */
function lossOf(value: unknown): number | Tensor {
  if (typeof value === "number" || (isTensor(value) && value.numel() === 1)) return value;
  throw makeError(
    TypeError,
    isTensor(value)
      ? `a Tensor with ${value.numel()} elements cannot be converted to Scalar (LBFGS: the closure's loss)`
      : `LBFGS: the closure must return the loss, a number or a Tensor of one element, but got ${describe(value)}`,
    { code: "ERR_CLOSURE" },
  );
}
