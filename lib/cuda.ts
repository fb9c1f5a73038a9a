// PyTorch's torch.cuda.
import { countedAll } from "./arity.js";
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
} = countedAll(gpus);
