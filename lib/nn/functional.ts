// PyTorch's torch.nn.functional.
export { logSoftmax, softmax, softmin, type SoftmaxOptions } from "../functional/activations.js";
