// Threads of JavaScript of eight kinds, one after another, most of which are terminated at random moments, while this thread
// computes and checks. Prints the process's memory as it goes.
//
//   node --expose-gc workers.mjs CYCLES [planted]
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { linspace, optim, ones, realize, tensor } from "adjoint";

/** What a thread does after it has said that it starts. */
const kinds = {
  loop() {
    for (let x = linspace(0, 1, 5000); ;) {
      x = x.sin().add(1);
      realize(x);
    }
  },
  async reads() {
    for (let i = 0; ; ++i) {
      const x = linspace(0, 1, 200_000).add(i).sin();
      await Promise.all([x.data(), x.sum().itemAsync(), x.mul(2).data()]);
    }
  },
  pending() {
    for (let i = 0; i < 4; ++i) void linspace(0, 1, 3_000_000).sin().data();
  },
  throws() {
    void linspace(0, 1, 100_000).exp().data();
    throw new Error("on purpose");
  },
  exits() {
    void linspace(0, 1, 100_000).exp().data();
    process.exit(4);
  },
  products() {
    for (let x = ones([64, 64]); ;) {
      x = x.matmul(x).mul(1 / 64);
      realize(x);
    }
  },
  optimizes() {
    const x = tensor([8], { requiresGrad: true });
    const optimizer = new optim.Adam([x], { lr: 2 });
    for (;;) {
      optimizer.zeroGrad();
      x.square().sum().backward();
      optimizer.step();
    }
  },
  ends() {
    if (linspace(0, 1, 1001).sum().item() !== 500.5) process.exit(9);
  },
};

const megabytes = () => process.memoryUsage.rss() / 1e6;

async function main(cycles, isPlanted) {
  const names = Object.keys(kinds);
  const held = [];
  const resident = [];
  const ends = {};
  for (let i = 0; i < cycles; ++i) {
    const kind = names[i % names.length];
    const worker = new Worker(new URL(import.meta.url), { workerData: kind });
    const ended = new Promise((resolve) => worker.once("exit", resolve));
    let message = "";
    worker.once("error", (error) => (message = error.message));
    // Every third is terminated while it still loads the library.
    if (i % 3 !== 0) await new Promise((resolve) => worker.once("message", resolve));
    if (["throws", "exits", "ends"].includes(kind)) await ended;
    const moment = ((i * 7919) % 13) / 2;
    const x = tensor([1, 2, 3], { requiresGrad: true });
    x.mul(x).sum().backward();
    const sum = await linspace(0, 1, 1001).add(i).sum().itemAsync();
    if (String(x.grad.toArray()) !== "2,4,6" || Math.abs(sum - 500.5 - 1001 * i) > 1e-4 * (1 + 1001 * i))
      throw new Error(`WRONG values beside a thread that ${kind}`);
    await new Promise((resolve) => setTimeout(resolve, moment));
    await worker.terminate();
    const code = await ended;
    ends[kind] = [...new Set([...(ends[kind] ?? []), `${code}${message && ` ${message}`}`])].sort();
    if (isPlanted) held.push(Buffer.alloc(2e6, 1));
    if (i % 16 === 15) {
      globalThis.gc();
      resident.push(megabytes());
    }
  }
  console.log(JSON.stringify({ resident, ends, held: held.length }));
}

if (isMainThread) await main(Number(process.argv[2]), process.argv[3] === "planted");
else {
  parentPort.postMessage("started");
  await kinds[workerData]();
}
