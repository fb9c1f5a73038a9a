// Several minimisations as one method: whatever they ask for at the same time is asked for in one batch.
import type { Outcome } from "./outcome.js";
import {
  type Asking,
  gradientsAt,
  type Iterate,
  type Question,
  type ValueAndGradient,
  valuesAt,
  type Vector,
} from "./questions.js";

/** What one of them has to do with. */
interface Member {
  readonly method: Asking<Outcome>;
  question: Question | undefined;
  outcome: Outcome | undefined;
}

/**
 * Runs methods side by side that ask for values and gradients, until all have ended, and gives their outcomes. None of them
 * may take more than `most` iterations; `told` hears of each of their iterations.
 */
export function* together(
  methods: readonly Asking<Outcome>[],
  most = Infinity,
  told: (iterate: Iterate) => void = () => undefined,
): Asking<Outcome[]> {
  const members: Member[] = methods.map((method) => ({ method, question: undefined, outcome: undefined }));
  const latest = new Map<Member, Iterate>();
  const iterations = new Map<Member, number>();
  const proceed = (member: Member, answer: unknown): void => {
    for (let given = answer; ; given = undefined) {
      const { done, value } = member.method.next(given);
      if (done === true) {
        [member.outcome, member.question] = [value, undefined];
        return;
      }
      if (value.ask !== "iterated") {
        member.question = value;
        return;
      }
      told(value.iterate);
      latest.set(member, value.iterate);
      const count = (iterations.get(member) ?? 0) + 1;
      iterations.set(member, count);
      if (count < most) continue;
      member.method.return(undefined as never);
      member.question = undefined;
      const message = "Maximum number of iterations has been exceeded.";
      member.outcome = { ...value.iterate, status: "maxIterations", message };
      return;
    }
  };
  for (const member of members) proceed(member, undefined);
  for (;;) {
    const open = members.filter(({ question }) => question !== undefined);
    if (open.length === 0) return members.map(({ outcome }) => outcome!);
    const points = open.map(({ question }) => (question as { x: Vector }).x);
    // Values come with gradients, where some want these.
    if (open.some(({ question }) => question!.ask === "gradient")) {
      const answers: ValueAndGradient[] = yield* gradientsAt(points);
      open.forEach((member, i) => {
        proceed(member, member.question!.ask === "gradient" ? answers[i] : answers[i]!.fun);
      });
    } else {
      const values = yield* valuesAt(points);
      open.forEach((member, i) => {
        proceed(member, values[i]);
      });
    }
  }
}
