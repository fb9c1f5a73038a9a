// PyTorch's torch.linalg.
export * from "./factors.js";
