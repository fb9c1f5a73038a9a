import { type Given, finite, option, checkOptions, defaultsOf } from "../checks.js";
import { readOptions } from "../../options.js";
import type { Optimizer } from "../optimizer.js";
import { LambdaLR } from "./lambdalr.js";
import type { SchedulerOptions } from "./scheduler.js";

// The schedules with which transformers are trained: `get_*_schedule_with_warmup` of Hugging Face's transformers.

/** Options of a schedule with warm-up. */
export interface WarmupOptions {
  /** The number of steps in which the rate grows from 0; there is no default. */
  numWarmupSteps: number;
  /** The number of steps of the whole; there is no default. */
  numTrainingSteps: number;
}

const count = finite("Invalid number of steps", { min: 0, integer: true });
const rows = {
  numWarmupSteps: option<number>(NaN, count),
  numTrainingSteps: option<number>(NaN, count),
};

function schedule(
  what: string,
  optimizer: Optimizer,
  given: Given<WarmupOptions & SchedulerOptions>,
  after: (step: number, options: WarmupOptions) => number,
  isEndless = false,
): LambdaLR {
  const { lastEpoch = -1, ...own } = { ...given };
  const known = isEndless ? { numWarmupSteps: rows.numWarmupSteps } : rows;
  const options = readOptions<Partial<WarmupOptions>>(what, own, defaultsOf(known)) as WarmupOptions;
  checkOptions(what, known as typeof rows, options);
  const { numWarmupSteps: first } = options;
  return new LambdaLR(optimizer, {
    lastEpoch,
    lrLambda: (step) => (step < first ? step / Math.max(1, first) : after(step, options)),
  });
}

/** The part of the steps after the warm-up that lies behind. */
const partOf = (step: number, { numWarmupSteps, numTrainingSteps }: WarmupOptions) =>
  (step - numWarmupSteps) / Math.max(1, numTrainingSteps - numWarmupSteps);

/** A rate that grows linearly from 0, and then stays. */
export function getConstantScheduleWithWarmup(
  optimizer: Optimizer,
  options: Pick<WarmupOptions, "numWarmupSteps"> & Given<SchedulerOptions>,
): LambdaLR {
  return schedule("getConstantScheduleWithWarmup", optimizer, options, () => 1, true);
}

/** A rate that grows linearly from 0, and then falls linearly to 0. */
export function getLinearScheduleWithWarmup(
  optimizer: Optimizer,
  options: WarmupOptions & Given<SchedulerOptions>,
): LambdaLR {
  return schedule("getLinearScheduleWithWarmup", optimizer, options, (step, all) =>
    Math.max(0, 1 - partOf(step, all)),
  );
}

/** A rate that grows linearly from 0, and then falls along half a cosine to 0. */
export function getCosineScheduleWithWarmup(
  optimizer: Optimizer,
  options: WarmupOptions & Given<SchedulerOptions>,
): LambdaLR {
  return schedule("getCosineScheduleWithWarmup", optimizer, options, (step, all) =>
    Math.max(0, (1 + Math.cos(Math.PI * partOf(step, all))) / 2),
  );
}
