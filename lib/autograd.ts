// PyTorch's torch.autograd.
import * as anomalies from "./anomalies.js";
import * as customs from "./customs.js";
import * as checks from "./gradcheck.js";
import * as gradients from "./gradients.js";
import { guardedAll } from "./modules.js";

export type * from "./gradients.js";
export type { CheckedFunction, GradcheckOptions } from "./gradcheck.js";
export type { GradientHook } from "./functional/hooks.js";
export { Function, FunctionContext, type FunctionParts } from "./customs.js";
export { RemovableHandle } from "./removable.js";
export const {
  customFunction,
  detectAnomaly,
  enableGrad,
  grad,
  gradcheck,
  gradgradcheck,
  inferenceMode,
  isAnomalyEnabled,
  isGradEnabled,
  isInferenceModeEnabled,
  noGrad,
  setDetectAnomaly,
} = guardedAll({
  ...anomalies,
  ...gradients,
  ...checks,
  customFunction: customs.customFunction,
});
