import { ending, type Outcome, type Status } from "./outcome.js";
import type { Asking, Iterate, Question, ValueAndGradient, Vector } from "./questions.js";

/** What ends a run beside its method. */
export interface Limits {
  readonly maxIter: number;
  readonly maxFev: number;
  /** In milliseconds of `performance.now()`. */
  readonly until: number;
  readonly signal: AbortSignal | null;
  /** Told of every iteration; may end the run by returning true. */
  onIteration(iterate: Iterate, nit: number): boolean;
}

/** A method at work: what it asks next, how often it has asked, and the best point so far. */
export class Run {
  /** What has to be answered next; undefined once it has ended. */
  question: Question | undefined;
  outcome: Outcome | undefined;
  nit = 0;
  nfev = 0;
  njev = 0;
  nhev = 0;
  #best: { x: Vector; fun: number; grad?: Vector } | undefined;
  /** Why it is to end at the next question. */
  #due: Status | undefined;

  constructor(
    private readonly method: Asking<Outcome>,
    private readonly limits: Limits,
  ) {
    this.#proceed(undefined);
  }

  /** Answers what was asked. */
  answer(result: unknown): void {
    const question = this.question!;
    switch (question.ask) {
      case "value":
        this.nfev++;
        this.#note({ x: question.x, fun: result as number });
        break;
      case "gradient":
        this.nfev++;
        this.njev++;
        this.#note({ x: question.x, ...(result as ValueAndGradient) });
        break;
      default:
        this.nhev++;
    }
    this.#proceed(result);
  }

  #note(point: { x: Vector; fun: number; grad?: Vector }): void {
    if (this.#best === undefined || point.fun < this.#best.fun || Number.isNaN(this.#best.fun))
      this.#best = point;
  }

  #proceed(result: unknown): void {
    let answer = result;
    for (;;) {
      const { done, value } = this.method.next(answer);
      if (done === true) {
        this.#end(value);
        return;
      }
      if (value.ask !== "iterated") {
        const status = this.#due ?? this.#exceeded();
        if (status === undefined) this.question = value;
        else {
          this.method.return(undefined as never);
          this.#end(ending(this.#best ?? { x: new Float64Array(0), fun: NaN }, status));
        }
        return;
      }
      this.nit++;
      // A method that has converged says so before it asks again.
      if (this.limits.onIteration(value.iterate, this.nit)) this.#due = "stopped";
      else if (this.nit >= this.limits.maxIter) this.#due = "maxIterations";
      answer = undefined;
    }
  }

  #exceeded(): Status | undefined {
    const { maxFev, until, signal } = this.limits;
    if (this.nfev >= maxFev) return "maxEvaluations";
    if (signal?.aborted === true) return this.nfev > 0 ? "aborted" : undefined;
    if (until < Infinity && this.nfev > 0 && performance.now() >= until) return "timeLimit";
    return undefined;
  }

  #end(outcome: Outcome): void {
    this.question = undefined;
    const best = this.#best;
    // The best point is kept, whatever the method ended with.
    const isBetter = best !== undefined && (best.fun < outcome.fun || Number.isNaN(outcome.fun));
    this.outcome = isBetter ? ending(best, outcome.status, outcome.message) : outcome;
  }
}
