export { CosineAnnealingLR, type CosineAnnealingLROptions } from "./schedulers/cosineannealinglr.js";
export { ExponentialLR, type ExponentialLROptions } from "./schedulers/exponentiallr.js";
export { ReduceLROnPlateau, type ReduceLROnPlateauOptions } from "./schedulers/reducelronplateau.js";
export {
  LRScheduler,
  Scheduler,
  type SchedulerOptions,
  type SchedulerState,
} from "./schedulers/scheduler.js";
export { StepLR, type StepLROptions } from "./schedulers/steplr.js";
