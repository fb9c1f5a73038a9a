import { ending, type Outcome, sentences, type Status } from "./outcome.js";
import { length } from "./vectors.js";
import type { Pending } from "./layout.js";
import type { RootOutcome } from "./methods/hybr.js";
import type { SquaresOutcome } from "./methods/lm.js";
import type {
  Asking,
  Constrained,
  Iterate,
  Population,
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
  /** Told when nothing more is to come, be it of an error. */
  onEnd(): void;
}

/** Answers the questions of a run until it has ended, while the event loop goes on. */
export async function drive(
  run: Driven,
  ask: (question: Question) => Pending,
  answer = (values: unknown): void => {
    run.answer(values);
  },
): Promise<void> {
  try {
    while (run.question !== undefined) {
      const { packed, decode } = ask(run.question);
      answer(decode((await packed.data()) as ArrayLike<number>));
    }
  } finally {
    run.close();
  }
}

/** The same at once. */
export function driveSync(
  run: Driven,
  ask: (question: Question) => Pending,
  answer = (values: unknown): void => {
    run.answer(values);
  },
): void {
  try {
    while (run.question !== undefined) {
      const { packed, decode } = ask(run.question);
      answer(decode(packed.dataSync() as ArrayLike<number>));
    }
  } finally {
    run.close();
  }
}

/** What is driven: see {@link Run}. */
export type Driven = Pick<Run, "question" | "answer" | "close">;

/** A method at work: what it asks next, and how often it has asked. */
abstract class AnyRun<R extends { readonly status: Status }> {
  /** What has to be answered next; undefined once it has ended. */
  question: Question | undefined;
  outcome: R | undefined;
  /** Of the last iteration, where the method has one. */
  population: Population | undefined;
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

  /** Nothing more will be answered. */
  close(): void {
    this.limits.onEnd();
  }

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
      this.population = value.iterate.population;
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

/** A point that has been evaluated. */
interface Met {
  readonly x: Vector;
  readonly fun: number;
  readonly grad?: Vector;
  /** By how much it violates constraints, where there are some. */
  readonly violation?: number;
}

/** Violations up to this are as good as none. */
const negligible = 1e-6;

function isBetter(one: Met, other: Met): boolean {
  if (!Number.isFinite(one.fun)) return false;
  if (!Number.isFinite(other.fun)) return true;
  const [a, b] = [one, other].map(({ violation = 0 }) => Math.max(violation, negligible)) as [number, number];
  return a < b || (a === b && one.fun < other.fun);
}

/** A minimisation at work; it keeps the best point. */
export class Run extends AnyRun<Outcome> {
  #best: Met | undefined;

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
      case "values":
        this.nfev += question.points.length;
        question.points.forEach((x, i) => {
          this.#keep({ x, fun: (result as Vector)[i]! });
        });
        break;
      case "gradients":
        this.nfev += question.points.length;
        this.njev += question.points.length;
        question.points.forEach((x, i) => {
          this.#keep({ x, ...(result as ValueAndGradient[])[i]! });
        });
        break;
      case "constrained": {
        // Gradients are asked for where the value is known, but for the start.
        if (!question.withGradients || this.nfev === 0) this.nfev++;
        if (question.withGradients) this.njev++;
        const { fun, grad, constraints, equations } = result as Constrained;
        const violation = constraints.reduce(
          (most, value, j) => Math.max(most, -value, j < equations ? value : 0),
          0,
        );
        this.#keep({ x: question.x, fun, ...(grad && { grad }), violation });
        break;
      }
      default:
        this.nhev++;
    }
  }

  protected override stopped(status: Status): Outcome {
    return ending(this.#best!, status);
  }

  protected override finished(outcome: Outcome): Outcome {
    const best = this.#best!;
    // A lower point may violate constraints: the method knows.
    if (best.violation !== undefined) return outcome;
    // The best point is kept, whatever the method ended with: without a lower bound, values may end at -Infinity.
    if (Number.isFinite(best.fun) && !Number.isFinite(outcome.fun)) return ending(best, "nonFinite");
    return best.fun < outcome.fun ? ending(best, outcome.status, outcome.message) : outcome;
  }

  #keep(point: Met): void {
    const best = this.#best;
    if (best === undefined || isBetter(point, best)) this.#best = point;
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

/** A search for a root at work; it keeps the point with the smallest residuals. */
export class RootRun extends AnyRun<RootOutcome> {
  #best: { x: Vector; residuals: Vector; norm: number } | undefined;

  constructor(method: Asking<RootOutcome>, limits: Limits) {
    super(method, limits);
    this.proceed(undefined);
  }

  protected override note(question: Question, result: unknown): void {
    const { x } = question as { x: Vector };
    if (question.ask === "residuals") {
      this.nfev++;
      this.#keep(x, result as Vector);
      return;
    }
    // The residuals of the start come with its Jacobian.
    if (this.nfev === 0) this.nfev++;
    this.njev++;
    this.#keep(x, (result as ResidualsAndJacobian).residuals);
  }

  protected override stopped(status: Status): RootOutcome {
    const { x, residuals } = this.#best!;
    return { x, residuals, status, message: sentences[status] };
  }

  protected override finished(outcome: RootOutcome): RootOutcome {
    const { x, residuals, norm } = this.#best!;
    return norm < length(outcome.residuals) ? { ...outcome, x, residuals } : outcome;
  }

  #keep(x: Vector, residuals: Vector): void {
    const norm = length(residuals);
    if (this.#best === undefined || norm < this.#best.norm || !(this.#best.norm < Infinity))
      this.#best = { x, residuals, norm };
  }
}
