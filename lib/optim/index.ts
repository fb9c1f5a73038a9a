export { Adadelta, type AdadeltaOptions } from "./adadelta.js";
export { Adagrad, type AdagradOptions } from "./adagrad.js";
export { Adam, type AdamOptions } from "./adam.js";
export { AdamW, type AdamWOptions } from "./adamw.js";
export * as checks from "./checks.js";
export { LBFGS, type LBFGSOptions } from "./lbfgs.js";
export * as lrScheduler from "./lrScheduler.js";
export {
  Optimizer,
  type ParamGroup,
  type ParamGroupInit,
  type Params,
  type ParamState,
  type StateDict,
} from "./optimizer.js";
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
