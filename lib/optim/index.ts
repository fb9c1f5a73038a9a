export { Adadelta, type AdadeltaOptions } from "./adadelta.js";
export { Adagrad, type AdagradOptions } from "./adagrad.js";
export { Adam, type AdamOptions } from "./adam.js";
export { AdamW, type AdamWOptions } from "./adamw.js";
export * as checks from "./checks.js";
export { LBFGS } from "./lbfgs.js";
export type { LBFGSOptions } from "./lbfgsstep.js";
export * as lrScheduler from "./lrScheduler.js";
export { Optimizer, type ParamGroup } from "./optimizer.js";
export type { ParamGroupInit, Params } from "./params.js";
export { RMSprop, type RMSpropOptions } from "./rmsprop.js";
export {
  type NumberRow,
  type Numbers,
  rule,
  type Rule,
  type RuleDefinition,
  RuleOptimizer,
  type StateRow,
  zeroed,
} from "./rule.js";
export { SGD, type SGDOptions } from "./sgd.js";
export type { ParamState, StateDict } from "./state.js";
