export { ChainedScheduler } from "./schedulers/chainedscheduler.js";
export type { Part } from "./schedulers/combined.js";
export { ConstantLR, type ConstantLROptions } from "./schedulers/constantlr.js";
export { CosineAnnealingLR, type CosineAnnealingLROptions } from "./schedulers/cosineannealinglr.js";
export {
  CosineAnnealingWarmRestarts,
  type CosineAnnealingWarmRestartsOptions,
} from "./schedulers/cosineannealingwarmrestarts.js";
export { CyclicLR, type CyclicLROptions } from "./schedulers/cycliclr.js";
export { ExponentialLR, type ExponentialLROptions } from "./schedulers/exponentiallr.js";
export { LambdaLR } from "./schedulers/lambdalr.js";
export type { LambdaOptions, LRLambda } from "./schedulers/lambdas.js";
export { LinearLR, type LinearLROptions } from "./schedulers/linearlr.js";
export { MultiplicativeLR } from "./schedulers/multiplicativelr.js";
export { MultiStepLR, type MultiStepLROptions } from "./schedulers/multisteplr.js";
export { OneCycleLR, type OneCycleLROptions } from "./schedulers/onecyclelr.js";
export { PolynomialLR, type PolynomialLROptions } from "./schedulers/polynomiallr.js";
export { ReduceLROnPlateau, type ReduceLROnPlateauOptions } from "./schedulers/reducelronplateau.js";
export {
  LRScheduler,
  Scheduler,
  type SchedulerOptions,
  type SchedulerState,
} from "./schedulers/scheduler.js";
export { SequentialLR, type SequentialLROptions } from "./schedulers/sequentiallr.js";
export { StepLR, type StepLROptions } from "./schedulers/steplr.js";
export { SWALR, type SWALROptions } from "./schedulers/swalr.js";
export {
  getConstantScheduleWithWarmup,
  getCosineScheduleWithWarmup,
  getLinearScheduleWithWarmup,
  type WarmupOptions,
} from "./schedulers/warmup.js";
