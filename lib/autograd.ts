// PyTorch's torch.autograd.
import * as checks from "./gradcheck.js";
import * as gradients from "./gradients.js";
import { guardedAll } from "./modules.js";

export type * from "./gradients.js";
export type { CheckedFunction, GradcheckOptions } from "./gradcheck.js";
export type { GradientHook } from "./functional/hooks.js";
export { Function, FunctionContext } from "./customs.js";
export { RemovableHandle } from "./removable.js";
export const { enableGrad, grad, gradcheck, gradgradcheck, isGradEnabled, noGrad } = guardedAll({
  ...gradients,
  ...checks,
});
