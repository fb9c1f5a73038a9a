// A process of the workload first-run: makes the GPU ready, does the notebook's step twice, and says as JSON how long
// what took, and what came of it.
import { tensor } from "adjoint";
import { summarize } from "./data.js";
import { ours } from "./harness.js";
import type { Once, Phase } from "./process.js";
import { notebookLoop } from "./workloads/adam-loop.js";

const seconds = {} as Record<Phase, number>;
function timed(phase: Phase, act: () => void): void {
  const start = process.hrtime.bigint();
  act();
  seconds[phase] = Number(process.hrtime.bigint() - start) / 1e9;
}

timed("ready", () => tensor([8]).item());
const task = notebookLoop();
timed("first", () => task.step());
timed("next", () => task.step());
const summaries = task.results().map((result) => summarize(ours().read(result)));
const once: Once = { seconds, summaries };
console.log(JSON.stringify(once));
