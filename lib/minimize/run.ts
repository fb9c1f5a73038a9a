import { ending, type Outcome, sentences, type Status } from "./outcome.js";
import type { SquaresOutcome } from "./methods/lm.js";
import type {
  Asking,
  Iterate,
  Question,
  ResidualsAndJacobian,
  ValueAndGradient,
  Vector,
} from "./questions.js";

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

/** A method at work: what it asks next, and how often it has asked. */
abstract class AnyRun<R extends { readonly status: Status }> {
  /** What has to be answered next; undefined once it has ended. */
  question: Question | undefined;
  outcome: R | undefined;
  nit = 0;
  nfev = 0;
  njev = 0;
  nhev = 0;
  /** Why it is to end at the next question. */
  #due: Status | undefined;

  constructor(
    private readonly method: Asking<R>,
    private readonly limits: Limits,
  ) {}

  /** Answers what was asked. */
  answer(result: unknown): void {
    this.note(this.question!, result);
    this.proceed(result);
  }

  /** Counts an answer, and keeps what is worth keeping. */
  protected abstract note(question: Question, result: unknown): void;

  /** What there is where it is ended. */
  protected abstract stopped(status: Status): R;

  /** What becomes of the method's own result. */
  protected abstract finished(outcome: R): R;

  protected proceed(result: unknown): void {
    let answer = result;
    for (;;) {
      const { done, value } = this.method.next(answer);
      if (done === true) {
        this.#end(this.finished(value));
        return;
      }
      if (value.ask !== "iterated") {
        const status = this.#due ?? this.#exceeded();
        if (status === undefined) this.question = value;
        else {
          this.method.return(undefined as never);
          this.#end(this.stopped(status));
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

  #end(outcome: R): void {
    this.question = undefined;
    this.outcome = outcome;
  }
}

/** A minimisation at work; it keeps the best point. */
export class Run extends AnyRun<Outcome> {
  #best: { x: Vector; fun: number; grad?: Vector } | undefined;

  constructor(method: Asking<Outcome>, limits: Limits) {
    super(method, limits);
    this.proceed(undefined);
  }

  protected override note(question: Question, result: unknown): void {
    switch (question.ask) {
      case "value":
        this.nfev++;
        this.#keep({ x: question.x, fun: result as number });
        break;
      case "gradient":
        this.nfev++;
        this.njev++;
        this.#keep({ x: question.x, ...(result as ValueAndGradient) });
        break;
      default:
        this.nhev++;
    }
  }

  protected override stopped(status: Status): Outcome {
    return ending(this.#best!, status);
  }

  protected override finished(outcome: Outcome): Outcome {
    const best = this.#best!;
    // The best point is kept, whatever the method ended with: without a lower bound, values may end at -Infinity.
    if (Number.isFinite(best.fun) && !Number.isFinite(outcome.fun)) return ending(best, "nonFinite");
    return best.fun < outcome.fun ? ending(best, outcome.status, outcome.message) : outcome;
  }

  #keep(point: { x: Vector; fun: number; grad?: Vector }): void {
    const best = this.#best;
    if (
      best === undefined ||
      (Number.isFinite(point.fun) && !(Number.isFinite(best.fun) && best.fun <= point.fun))
    )
      this.#best = point;
  }
}

/** A least squares method at work; Jacobians are computed where it has taken a step. */
export class SquaresRun extends AnyRun<SquaresOutcome> {
  #last: ({ x: Vector } & ResidualsAndJacobian) | undefined;

  constructor(method: Asking<SquaresOutcome>, limits: Limits) {
    super(method, limits);
    this.proceed(undefined);
  }

  protected override note(question: Question, result: unknown): void {
    if (question.ask === "residuals") this.nfev++;
    if (question.ask !== "jacobian") return;
    // The residuals of the start come with its Jacobian.
    if (this.#last === undefined) this.nfev++;
    this.njev++;
    this.#last = { x: question.x, ...(result as ResidualsAndJacobian) };
  }

  protected override stopped(status: Status): SquaresOutcome {
    return { ...this.#last!, status, message: sentences[status] };
  }

  protected override finished(outcome: SquaresOutcome): SquaresOutcome {
    return outcome;
  }
}
