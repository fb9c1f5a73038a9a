// PyTorch's torch.nn.functional.
export { logSoftmax, softmax } from "../../functional/activations.js";
export type { SoftmaxOptions } from "../../functional/shares.js";
export * from "./activations.js";
export { oneHot, type OneHotOptions } from "./onehot.js";
export * from "./batches.js";
export { scaledDotProductAttention, type AttentionOptions } from "./attention.js";
export * from "./binary.js";
export * from "./classification.js";
export * from "./ctc.js";
export * from "./distances.js";
export * from "./dropout.js";
export * from "./embedding.js";
export * from "./heads.js";
export * from "./linear.js";
export * from "./margins.js";
export {
  groupNorm,
  layerNorm,
  localResponseNorm,
  rmsNorm,
  type LocalResponseNormOptions,
  type NormOptions,
  type RmsNormOptions,
} from "./norms.js";
export * from "./pieces.js";
export * from "./regression.js";
export type { LossOptions, Reduction } from "./reduction.js";
export { fold, unfold, type Pair, type WindowOptions } from "./windows.js";
export { pdist } from "../../distances.js";
