export { Adadelta, type AdadeltaOptions } from "./adadelta.js";
export { Adafactor, type AdafactorOptions } from "./adafactor.js";
export { Adagrad, type AdagradOptions } from "./adagrad.js";
export { Adam, type AdamOptions } from "./adam.js";
export { Adamax, type AdamaxOptions } from "./adamax.js";
export { AdamW, type AdamWOptions } from "./adamw.js";
export { AdamWScheduleFree, type AdamWScheduleFreeOptions } from "./adamwschedulefree.js";
export { Adan, type AdanOptions } from "./adan.js";
export { ASGD, type ASGDOptions } from "./asgd.js";
export * as checks from "./checks.js";
export type { NumberRow, Numbers, Rule, RuleDefinition, StateRow } from "./definition.js";
export { LAMB, type LAMBOptions } from "./lamb.js";
export { LBFGS } from "./lbfgs.js";
export type { LBFGSOptions } from "./lbfgsstep.js";
export { Lion, type LionOptions } from "./lion.js";
export * as lrScheduler from "./lrScheduler.js";
export { Muon, type MuonOptions } from "./muon.js";
export { NAdam, type NAdamOptions } from "./nadam.js";
export {
  Optimizer,
  type ParamGroup,
  registerOptimizerStepPostHook,
  registerOptimizerStepPreHook,
  type StateDictHook,
  type StateHook,
  type StepHook,
} from "./optimizer.js";
export type { ParamGroupInit, Params } from "./params.js";
export { RAdam, type RAdamOptions } from "./radam.js";
export { RMSprop, type RMSpropOptions } from "./rmsprop.js";
export { Rprop, type RpropOptions } from "./rprop.js";
export { rule, RuleOptimizer, zeroed } from "./rule.js";
export { SGD, type SGDOptions } from "./sgd.js";
export { SparseAdam, type SparseAdamOptions } from "./sparseadam.js";
export type { ParamState, StateDict } from "./state.js";
export type { HookOptions } from "./hooks.js";
export * as swaUtils from "./swaUtils.js";
