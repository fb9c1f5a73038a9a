import { noGrad } from "../gradients.js";
import { realize, tidy } from "../engine.js";
import { zeros } from "../creation.js";
import { cat } from "../joining.js";
import { makeError } from "../errors.js";
import { describe } from "../options.js";
import { isTensor, type Tensor } from "../tensor.js";
import { type History, inner, type Products, type Update } from "./lbfgshistory.js";
import { strongWolfe, type Trial } from "./linesearch.js";

// All parameters together are one flat vector here. The host decides on numbers, which reach it in one packed read per
// evaluation of the closure. When the closure throws, the step takes its changes of parameters and history back.

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
  /** Ascend instead of descend; false by default. */
  maximize: boolean;
}

/**
 * Why a step of LBFGS ended: no component of the gradient is larger than `toleranceGrad`; the loss, or each parameter,
 * changes by less than `toleranceChange`; the slope along the best direction is flatter than that; the iterations or the evaluations
 * are spent; or no point along the direction was better (`"lineSearch"`), as where the loss is at the limit of its precision.
 */
export type LBFGSEnd =
  "toleranceGrad" | "lossChange" | "parameterChange" | "slope" | "maxIter" | "maxEval" | "lineSearch";

/** How the last step of an LBFGS went. */
export interface LBFGSReport {
  readonly reason: LBFGSEnd;
  readonly iterations: number;
  /** How often the closure was called. */
  readonly evaluations: number;
  /** The last loss that was computed; without a line search the last iteration's is not. */
  readonly loss: number;
}

/** The state of an LBFGS between steps, beside its history. A step reads it, and makes another. */
export interface Memory {
  readonly funcEvals: number;
  readonly nIter: number;
  readonly past: Past | undefined;
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
}

/** An evaluation of the closure: the loss, the flat gradient, and numbers about it. */
interface Point {
  readonly loss: number;
  readonly grad: Tensor;
  readonly maxGrad: number;
  readonly sumGrad: number;
  /** grad . grad */
  readonly squaredGrad: number;
  /** About the direction that led here, and the change of the gradient along it; none where there was none. */
  readonly arrival: Arrival | undefined;
}

interface Arrival {
  readonly update: Update;
  /** d . grad */
  readonly slope: number;
  /** The largest component of d. */
  readonly size: number;
  readonly products: Products;
}

/** The direction that leads to an evaluation, how far, and the gradient where it begins. */
interface Departure {
  readonly d: Tensor;
  readonly t: number;
  readonly grad: Tensor;
}

type LinePoint = Point & Trial;

/** The evaluations that the first line search of a step has where `maxEval` leaves it to `maxIter`. */
const roomForSearch = 20;
/** How much steeper than the direction may be the gradient has to be for the history to be wrong. */
const steep = 500;
/** One call of `step()`. */
export class Step<T> {
  /** The tensors that this step has made; they end with it. */
  readonly #made = new Set<Tensor>();

  constructor(
    private readonly params: readonly Tensor[],
    private readonly options: LBFGSOptions,
    private readonly history: History,
    private readonly closure: () => T,
  ) {}

  /** Runs the step, and hands over the new state; returns the first result of the closure. */
  run(memory: Memory, remember: (memory: Memory, report: LBFGSReport) => void): T {
    const entry = this.params.map((param) => this.#keep(param.detach()));
    const moment = this.history.protect();
    try {
      const { past } = memory;
      const { value, point } = this.#evaluate(past && { ...past, grad: past.prevFlatGrad });
      const after = { ...memory, funcEvals: memory.funcEvals + 1 };
      if (point.maxGrad <= this.options.toleranceGrad)
        remember(after, { reason: "toleranceGrad", iterations: 0, evaluations: 1, loss: point.loss });
      else this.#iterate(after, point, remember);
      return value;
    } catch (error) {
      this.history.restore(moment);
      noGrad(() => {
        this.params.forEach((param, i) => param.copy_(entry[i]!));
      });
      throw error;
    } finally {
      for (const made of this.#made) made.dispose();
    }
  }

  /** Runs the iterations of a step. */
  #iterate(memory: Memory, first: Point, remember: (memory: Memory, report: LBFGSReport) => void): void {
    const { lr, maxIter, maxEval, toleranceGrad, toleranceChange, lineSearchFn } = this.options;
    const evaluationLimit = maxEval ?? Math.floor((maxIter * 5) / 4);
    let { funcEvals, nIter, past } = memory;
    let point = first;
    let evaluations = 1;
    let iterations = 0;
    let reason: LBFGSEnd | undefined;
    while (reason === undefined) {
      nIter++;
      iterations++;
      let { d, slope } = this.#direction(point);
      let isFresh = nIter === 1;
      if (slope > -toleranceChange && lineSearchFn !== null && point.squaredGrad > steep * toleranceChange) {
        // The curvature of where it came from says nothing about where it is.
        this.history.forget();
        ({ d, slope } = this.#direction({ ...point, arrival: undefined }));
        isFresh = true;
      }
      let t = isFresh ? Math.min(1, 1 / point.sumGrad) * lr : lr;
      const prevLoss = point.loss;
      const prevFlatGrad = point.grad;
      past = { d, t, prevFlatGrad, prevLoss };
      if (slope > -toleranceChange) {
        reason = "slope";
        break;
      }

      const departure = { d, t, grad: point.grad };
      let spent = 0;
      if (lineSearchFn !== null) {
        const origin = this.params.map((param) => this.#keep(param.detach()));
        const start: LinePoint = { ...point, t: 0, f: point.loss, slope };
        const left = evaluationLimit - evaluations;
        const { best, evaluations: tried } = strongWolfe(
          start,
          t,
          (length) => this.#evaluateAlong(origin, { ...departure, t: length }),
          {
            maxEvaluations: maxEval === null && iterations === 1 ? Math.max(left, roomForSearch) : left,
            toleranceChange,
            sizeOf: ({ arrival }) => arrival!.size,
          },
        );
        point = best;
        t = best.t;
        spent = tried;
        this.#move(origin, d, t);
        if (t === 0) reason = "lineSearch";
      } else {
        this.#move(this.params, d, t);
        // After the last iteration nobody asks for the loss.
        if (iterations !== maxIter) {
          ({ point } = this.#evaluate(departure));
          spent = 1;
        }
      }
      past = { ...past, t };
      evaluations += spent;
      funcEvals += spent;
      if (reason !== undefined || iterations === maxIter) reason ??= "maxIter";
      else if (evaluations >= evaluationLimit) reason = "maxEval";
      else if (point.maxGrad <= toleranceGrad) reason = "toleranceGrad";
      else if (point.arrival!.size * Math.abs(t) <= toleranceChange) reason = "parameterChange";
      else if (Math.abs(point.loss - prevLoss) < toleranceChange) reason = "lossChange";
    }
    realize([...this.params]);
    remember({ funcEvals, nIter, past }, { reason, iterations, evaluations, loss: point.loss });
  }

  /** Takes the last update into the history; the direction that it gives, and its slope. */
  #direction({ grad, squaredGrad, arrival }: Point): { d: Tensor; slope: number } {
    const { d, slope } = noGrad(() =>
      tidy(() => {
        if (arrival) this.history.take(arrival.update, arrival.products);
        return this.history.direction(grad, squaredGrad, arrival?.products.withGrad ?? []);
      }),
    );
    return { d: this.#keep(d), slope };
  }

  /** Calls the closure with the parameters at origin + t d. */
  #evaluateAlong(origin: readonly Tensor[], departure: Departure): LinePoint {
    const { d, t } = departure;
    this.#move(origin, d, t);
    const { point } = this.#evaluate(departure);
    return { ...point, t, f: point.loss, slope: point.arrival!.slope };
  }

  /** Calls the closure, and reads everything about the loss and the gradient in one go. */
  #evaluate(departure: Departure | undefined): { value: T; point: Point } {
    const { history, options } = this;
    const value = this.closure();
    const returned = lossOf(value);
    const grad = this.#keep(noGrad(() => tidy(() => this.#flatGrad())));
    const update = departure && this.#update(departure, grad);
    const read = this.#read([grad, ...this.params, ...(departure ? [departure.d] : [])], () => {
      const sizes = grad.abs();
      return {
        maxGrad: sizes.max(),
        sumGrad: sizes.sum(),
        squaredGrad: inner(grad, grad),
        ...(isTensor(returned) && { loss: returned.detach() }),
        ...(departure && {
          slope: inner(departure.d, grad),
          size: departure.d.abs().max(),
          ...history.products(grad, update!.change),
        }),
      };
    });
    const number = (name: string) => read.get(name)![0]!;
    const loss = isTensor(returned) ? number("loss") : returned;
    const arrival = update && {
      update,
      slope: number("slope"),
      size: number("size"),
      products: { withGrad: read.get("withGrad")!, withChange: read.get("withChange")! },
    };
    return {
      value,
      point: {
        loss: options.maximize ? -loss : loss,
        grad,
        maxGrad: number("maxGrad"),
        sumGrad: number("sumGrad"),
        squaredGrad: number("squaredGrad"),
        arrival,
      },
    };
  }

  /** What a step along a direction has changed. */
  #update({ d, t, grad: before }: Departure, grad: Tensor): Update {
    const [step, change] = noGrad(() => [d.mul(t), grad.sub(before)] as const);
    const update = { step: this.#keep(step), change: this.#keep(change) };
    noGrad(() =>
      tidy(() => {
        this.history.stage(update);
      }),
    );
    return update;
  }

  #flatGrad(): Tensor {
    const pieces = this.params.map((param) => {
      const { grad, dtype, device } = param;
      return grad === null ? zeros([param.numel()], { dtype, device }) : grad.detach().reshape(-1);
    });
    const grad = cat(pieces, 0);
    return this.options.maximize ? grad.neg() : grad;
  }
  /** Reads numbers by name, in one transfer; `alongside` is computed and kept by the same run. */
  #read(alongside: readonly Tensor[], numbers: () => Record<string, Tensor>): Map<string, Float64Array> {
    return noGrad(() =>
      tidy(() => {
        const named = Object.entries(numbers());
        const packed = cat(
          named.map(([, tensor]) => tensor.to("float64").reshape(-1)),
          0,
        );
        realize([...alongside, packed]);
        const all = packed.dataSync<Float64Array>();
        let offset = 0;
        return new Map(
          named.map(([name, tensor]) => [name, all.subarray(offset, (offset += tensor.numel()))]),
        );
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
