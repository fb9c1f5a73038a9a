// Our peers of cases whose every step is a process of its own: what a program waits for until its first step is done.
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { difference, type Summary } from "./data.js";
import { LocalPeer, ours, type Peer } from "./harness.js";
import { root } from "./machine.js";
import type { ProcessKind } from "./workload.js";

/** What is timed of a process: making the GPU ready, the first step, and the next one. */
export type Phase = "ready" | "first" | "next";

/** What a process tells. */
export interface Once {
  seconds: Record<Phase, number>;
  summaries: Summary[];
}

/** More than a driver that compiles all anew could take. */
const mostMilliseconds = 120_000;
const script = fileURLToPath(new URL("dist/bench/once.js", root));

/** Runs a process that finds what `kind` says in the folder where the driver keeps what it has compiled. */
async function run(kind: ProcessKind): Promise<Once> {
  const folder = await mkdtemp(join(tmpdir(), "adjoint-compiled-"));
  const env = { ...process.env, CUDA_CACHE_PATH: folder, CUDA_CACHE_DISABLE: "0" };
  const start = async () => {
    const options = { env, timeout: mostMilliseconds };
    return JSON.parse((await promisify(execFile)(process.execPath, [script], options)).stdout) as Once;
  };
  try {
    if (kind === "second") await start();
    return await start();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function peer(name: string, phase: Phase, kind: ProcessKind): Peer {
  return {
    name,
    check: async (workload, of) => {
      const { summaries } = await run(kind);
      const here = await new LocalPeer(ours()).check(workload, of);
      const differs = difference(here!, summaries, of.tolerance);
      if (differs !== undefined) throw new Error(`another process computes something else: ${differs}`);
      return summaries;
    },
    time: async (_workload, _of, count) => {
      let seconds = 0;
      for (let i = 0; i < count; ++i) seconds += (await run(kind)).seconds[phase];
      return seconds;
    },
  };
}

/** Ours: the first step, and beside it what comes before it and after it. */
export function processPeers(kind: ProcessKind): Peer[] {
  return [
    peer("adjoint", "first", kind),
    peer("adjoint GPU ready", "ready", kind),
    peer("adjoint next step", "next", kind),
  ];
}
