// PyTorch's torch.autograd.
import * as anomalies from "./anomalies.js";
import * as checks from "./gradcheck.js";
import * as gradients from "./gradients.js";
import { guardedAll } from "./modules.js";

export type * from "./gradients.js";
export type { CheckedFunction, GradcheckOptions } from "./gradcheck.js";
export type { GradientHook } from "./functional/hooks.js";
export { customFunction, Function, FunctionContext, type FunctionParts } from "./customs.js";
export { RemovableHandle } from "./removable.js";
export const {
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
});
