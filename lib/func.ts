// PyTorch's torch.func: transformations of functions of tensors.
import * as gradients from "./func/gradients.js";
import * as jacobians from "./func/jacobians.js";
import * as mapping from "./func/vmap.js";
import { guardedAll } from "./modules.js";

export type { ArgumentOptions } from "./func/calls.js";
export type { JvpOptions, VjpFunction } from "./func/gradients.js";
export type { JacobianOptions } from "./func/jacobians.js";
export type { Tree } from "./func/trees.js";
export type { BatchDims, VmapOptions } from "./func/vmap.js";
export const { grad, gradAndValue, hessian, hvp, jacfwd, jacrev, jvp, linearize, vjp, vmap } = guardedAll({
  ...gradients,
  ...jacobians,
  ...mapping,
});
