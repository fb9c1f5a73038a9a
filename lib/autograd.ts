// PyTorch's torch.autograd.
import { guardedAll } from "./modules.js";
import * as gradients from "./gradients.js";

export type * from "./gradients.js";
export const { enableGrad, grad, isGradEnabled, noGrad } = guardedAll(gradients);
