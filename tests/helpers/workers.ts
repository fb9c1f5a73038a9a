import { Worker } from "node:worker_threads";

/** Starts a program of tests/programs in a thread of JavaScript: its messages, its first one, and its end. */
export function startWorker(program: string, workerData: unknown) {
  const worker = new Worker(`./tests/programs/${program}`, { workerData });
  const messages: unknown[] = [];
  worker.on("message", (message) => messages.push(message));
  const started = new Promise<void>((resolve, reject) => {
    worker.once("message", () => resolve());
    worker.once("error", reject);
  });
  const ended = new Promise<number>((resolve) => worker.once("exit", resolve));
  return { worker, messages, started, ended };
}
