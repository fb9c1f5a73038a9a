// PyTorch's torch.nn.functional.
export { logSoftmax, softmax, softmin, type SoftmaxOptions } from "../functional/activations.js";
export { fold, unfold, type Pair, type WindowOptions } from "../functional/windows.js";
