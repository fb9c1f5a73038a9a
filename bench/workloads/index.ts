import type { Workload } from "../workload.js";
import { adam } from "./adam.js";
import { adamLoop } from "./adam-loop.js";
import { adamwLists } from "./adamw-lists.js";
import { matmul } from "./matmul.js";
import { reductions } from "./reductions.js";
import { rosenbrock } from "./rosenbrock.js";
import { train } from "./train.js";
import { logistic, network } from "./training.js";
import { valueGrad } from "./value-grad.js";

/** All workloads, in the order of the table. */
export const workloads: readonly Workload[] = [
  adamLoop,
  valueGrad,
  rosenbrock,
  adam,
  adamwLists,
  train,
  reductions,
  matmul,
  logistic,
  network,
];
