import { workload, type ProcessKind } from "../workload.js";
import { notebookLoop } from "./adam-loop.js";

// The driver keeps what it has compiled in a folder; so the second process finds what the first one had to wait for.
const kinds: Readonly<Record<ProcessKind, { label: string; mustSeconds?: number; aimSeconds?: number }>> = {
  first: { label: "nothing compiled yet", mustSeconds: 0.3, aimSeconds: 0.1 },
  second: { label: "in a second process", aimSeconds: 0.02 }, // what JavaScript takes that has not run before
};

export const firstRun = workload(
  "first-run",
  "the first step of adam-loop in a new process, from when the GPU is ready",
  { cuda: { all: ["first", "second"], tiny: ["first", "second"] } },
  (kind: ProcessKind) => ({
    ...kinds[kind],
    parameters: {},
    adjoint: notebookLoop,
    targets: [],
    process: kind,
  }),
);
