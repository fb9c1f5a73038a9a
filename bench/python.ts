// The Python peers: one process that answers JSON lines, so that their repetitions alternate with ours.
import { spawn, type ChildProcess } from "node:child_process";
import { createInterface, type Interface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Summary } from "./data.js";
import type { Peer } from "./harness.js";
import { root } from "./machine.js";
import type { Case, Workload } from "./workload.js";

interface Greeting {
  peers: string[];
  versions: Record<string, string>;
  absent: Record<string, string>;
}

/** What Python libraries read when they start. */
const threadVariables = ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NPROC"];

/** A Python process with what it can import. */
export class PythonWorker {
  /** Its libraries, and their versions. */
  peers: Peer[] = [];
  versions: Record<string, string> = {};
  /** Libraries that are there but cannot compute on the device, and why. */
  absent: Record<string, string> = {};

  readonly #process: ChildProcess;
  readonly #lines: Interface;
  readonly #answers: AsyncIterator<string>;

  /** Starts `python`; its peers compute on that device, with so many threads. */
  static async start(python: string, threads: number, device = "cpu"): Promise<PythonWorker> {
    const worker = new PythonWorker(python, threads, device);
    const { peers, versions, absent } = await worker.#ask<Greeting>({ ask: "peers" });
    worker.peers = peers.map((name) => worker.#peer(name));
    worker.versions = versions;
    worker.absent = absent;
    return worker;
  }

  private constructor(python: string, threads: number, device: string) {
    const limits = Object.fromEntries(threadVariables.map((name) => [name, String(threads)]));
    const script = fileURLToPath(new URL("bench/peers.py", root));
    this.#process = spawn(python, [script, String(threads), device], {
      env: { ...process.env, ...limits },
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#lines = createInterface({ input: this.#process.stdout! });
    // A Python that cannot be started, or has died, ends its output, which the next question notices.
    this.#process.on("error", () => this.#lines.close());
    this.#process.stdin!.on("error", () => undefined);
    this.#answers = this.#lines[Symbol.asyncIterator]();
  }

  /** Ends the process. */
  stop(): void {
    this.#process.kill();
    this.#lines.close();
  }

  #peer(name: string): Peer {
    const question = ({ name: workload }: Workload, { parameters }: Case) => ({
      peer: name,
      workload,
      parameters,
    });
    return {
      name,
      check: async (workload, of) => {
        const { summaries } = await this.#ask<{ summaries: Summary[] | null }>({
          ask: "check",
          ...question(workload, of),
        });
        return summaries;
      },
      time: async (workload, of, count) => {
        const { seconds } = await this.#ask<{ seconds: number }>({
          ask: "time",
          ...question(workload, of),
          count,
        });
        return seconds;
      },
    };
  }

  async #ask<A>(question: object): Promise<A> {
    this.#process.stdin!.write(`${JSON.stringify(question)}\n`);
    const line = await this.#answers.next();
    if (line.done) throw new Error(`${this.#process.spawnfile} does not answer`);
    const answer = JSON.parse(line.value) as A & { error?: string };
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer;
  }
}
