import type { Case, Platform, Workload } from "../workload.js";
import { adam } from "./adam.js";
import { adamLoop } from "./adam-loop.js";
import { adamLists, adamwLists } from "./adamw-lists.js";
import { compositions } from "./compositions.js";
import { copy } from "./copy.js";
import { elementwise } from "./elementwise.js";
import { firstRun } from "./first-run.js";
import { fits } from "./fits.js";
import { functions } from "./functions.js";
import { matmul } from "./matmul.js";
import { matrices } from "./matrices.js";
import { bfgs, gaussian, lbfgs } from "./minimising.js";
import { optimizers } from "./optimizers.js";
import { ordering } from "./ordering.js";
import { reductions } from "./reductions.js";
import { rosenbrock } from "./rosenbrock.js";
import { train } from "./train.js";
import { logistic, network } from "./training.js";
import { valueGrad } from "./value-grad.js";
import { windows } from "./windows.js";

/** All workloads, in the order of the table. */
export const workloads: readonly Workload[] = [
  copy,
  adamLoop,
  valueGrad,
  rosenbrock,
  adam,
  adamLists,
  adamwLists,
  optimizers,
  lbfgs,
  bfgs,
  gaussian,
  train,
  reductions,
  matmul,
  elementwise,
  compositions,
  ordering,
  windows,
  matrices,
  functions,
  logistic,
  network,
  fits,
  firstRun,
];

/** A workload, with its cases on a platform or the tiny ones among them. */
export interface Chosen {
  workload: Workload;
  cases: readonly Case[];
}

/** The workloads that there are on a platform. */
export function workloadsOn(platform: Platform, size: "all" | "tiny" = "all"): Chosen[] {
  return workloads.flatMap((workload) => {
    const cases = workload.on[platform]?.[size];
    return cases === undefined ? [] : [{ workload, cases }];
  });
}
