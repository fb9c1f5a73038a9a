// PyTorch's torch.nn.functional.
export { logSoftmax, softmax } from "../../functional/activations.js";
export type { SoftmaxOptions } from "../../functional/shares.js";
export * from "./activations.js";
export { oneHot, type OneHotOptions } from "./classes.js";
export { fold, unfold, type Pair, type WindowOptions } from "./windows.js";
export { pdist } from "../../distances.js";
