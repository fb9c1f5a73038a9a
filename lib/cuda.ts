// PyTorch's torch.cuda.
import { guardedAll } from "./modules.js";
import * as gpus from "./gpus.js";

export type * from "./gpus.js";
export const {
  deviceCount,
  devices,
  driverVersion,
  emptyCache,
  isAvailable,
  memoryStats,
  preferredBlasLibrary,
  resetPeakMemoryStats,
  setMemoryLimit,
  state,
  synchronize,
  unavailableReason,
} = guardedAll(gpus);
