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
export {
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  adaptiveAvgPool3d,
  adaptiveMaxPool1d,
  adaptiveMaxPool2d,
  adaptiveMaxPool3d,
  type AdaptiveMaxPoolOptions,
  type OutputSize,
} from "./adaptivepooling.js";
export * from "./averagepooling.js";
export * from "./convolutions.js";
export { affineGrid } from "./affinegrid.js";
export { gridSample, type GridSampleOptions } from "./gridsampling.js";
export * from "./interpolation.js";
export { maxPool1d, maxPool2d, maxPool3d, type MaxPoolOptions, type OutputAndIndices } from "./maxpooling.js";
export { pad, type PadMode, type PadOptions } from "./padding.js";
export * from "./shuffles.js";
export type { Sizes } from "./sizes.js";
export * from "./unpooling.js";
export { fold, unfold, type Pair, type WindowOptions } from "./windows.js";
export { pdist } from "../../distances.js";
