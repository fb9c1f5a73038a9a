// PyTorch's torch.autograd.
import { countedAll } from "./arity.js";
import * as gradients from "./gradients.js";

export type * from "./gradients.js";
export const { enableGrad, grad, isGradEnabled, noGrad } = countedAll(gradients);
