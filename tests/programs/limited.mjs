// Programs for a process with little memory, on the default device: ADJOINT_MAX_BYTES is set by the test. Each prints
// what came of it.
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { cat, cuda, engineStats, full, getDefaultDevice, optim, realize, tensor, zeros } from "adjoint";

if (getDefaultDevice() !== "cpu") cuda.setMemoryLimit(Number(process.env["ADJOINT_MAX_BYTES"]));

const failure = (body) => {
  try {
    body();
    return "none";
  } catch (error) {
    return error.code;
  }
};

const programs = {
  // One MB lives, the rest is garbage that nothing has looked for yet.
  garbage() {
    let x = zeros([250_000]);
    for (let i = 0; i < 500; ++i) {
      x = x.add(1);
      x.sum().item();
    }
    return { x: x.at(0).item() };
  },
  // In-place values that are replaced before anyone reads them.
  rebinding() {
    const x = zeros([250_000]);
    for (let i = 0; i < 1000; ++i) x.add_(1);
    return { x: x.at(-1).item() };
  },
  pieces() {
    const pieces = Array.from({ length: 500 }, () => zeros([1000]).requiresGrad_());
    realize(pieces);
    cat(pieces).add(1).square().sum().backward();
    realize(pieces.map((piece) => piece.grad));
    return { grad: pieces[499].grad.at(0).item() };
  },
  // A plan that cannot be had leaves everything as it was.
  plan() {
    const x = tensor(new Float32Array(2_000_000).fill(1));
    const large = x.add(1);
    const other = x.add(2);
    const code = failure(() => realize([large, other, x.add(3), x.add(4)]));
    return { code, small: zeros([3]).add(2).sum().item(), x: x.at(5).item(), again: large.at(7).item() };
  },
  step() {
    const w = tensor(new Float32Array(1_000_000).fill(1), { requiresGrad: true });
    const optimizer = new optim.Adam([w], { lr: 0.1 });
    w.square().sum().backward();
    realize(w.grad);
    const held = [];
    failure(() => {
      for (;;) held.push(tensor(new Float32Array(500_000)));
    });
    const before = [w.at(0).item(), w.grad.at(0).item()];
    const code = failure(() => optimizer.step());
    const after = [w.at(0).item(), w.grad.at(0).item()];
    const state = Object.keys(optimizer.stateDict().state).length;
    for (const tensor of held) tensor.dispose();
    optimizer.step();
    return { code, before, after, state, w: w.at(0).item() };
  },
  // The same read succeeds when there is room again, and a read that failed holds nothing.
  async read() {
    const x = tensor(new Float32Array(1_000_000).fill(3));
    const others = Array.from({ length: 5 }, (_, i) => full([1_000_000], i).clone());
    const large = x.add(1);
    realize(others);
    const wanted = cat([large, large, x]);
    const codes = [failure(() => wanted.dataSync()), await wanted.data().catch(({ code }) => code)];
    const kept = [x.sum().item() / 1e6, others.map((other) => other.at(-1).item())];
    for (const other of others) other.dispose();
    const data = await wanted.data();
    const { bytes } = engineStats();
    const source = tensor(new Float32Array(1_000_000));
    const pieces = Array.from({ length: 6 }, () => source.add(2));
    const tooLarge = cat(pieces);
    codes.push(
      failure(() => realize(tooLarge)),
      failure(() => tooLarge.dataSync()),
    );
    for (const one of [source, ...pieces, tooLarge]) one.dispose();
    return { codes, kept, ends: [data[0], data.at(-1)], left: engineStats().bytes - bytes };
  },
  // Parameters and state that are there already are as they were after a step that failed.
  async later() {
    const w = tensor(new Float32Array(1_000_000).fill(1), { requiresGrad: true });
    const optimizer = new optim.Adam([w], { lr: 0.1, amsgrad: true });
    const gradient = () => {
      optimizer.zeroGrad();
      w.square().sum().backward();
      realize(w.grad);
    };
    gradient();
    optimizer.step();
    const alias = w.detach();
    gradient();
    const held = [];
    failure(() => {
      for (;;) held.push(tensor(new Float32Array(300_000)));
    });
    const state = () => {
      const rows = optimizer.stateDict().state[0];
      return [w, w.grad, rows.exp_avg, rows.exp_avg_sq, rows.max_exp_avg_sq].map((t) => t.at(-1).item());
    };
    const before = [...state(), optimizer.stateDict().state[0].step];
    const codes = [failure(() => optimizer.step()), failure(() => optimizer.step())];
    const after = [...state(), optimizer.stateDict().state[0].step];
    for (const one of held) one.dispose();
    optimizer.step();
    return { codes, before, after, alias: alias.at(0).item(), w: await w.at(-1).itemAsync() };
  },
  // What a plan had acquired before it failed is given back at once, not with the next plan.
  failing() {
    const x = tensor(new Float32Array(1_000_000).fill(1));
    realize(x);
    const { bytes } = engineStats();
    const code = failure(() => realize(Array.from({ length: 12 }, (_, i) => x.add(i))));
    return { code, more: engineStats().bytes - bytes };
  },
  // Memory that has been given back is the system's again, whatever the sizes were.
  resident() {
    let live = [];
    let peak = 0;
    for (let round = 0; round < 12; ++round) {
      const size = Math.floor(16384 * 1.37 ** round);
      while (live.length * size < 25_000_000) live.push(full([size], live.length, { device: "cpu" }).add(1));
      realize(live);
      live.at(-1).at(0).item(); // they are there
      peak = Math.max(peak, process.memoryUsage.rss());
      const kept = live.filter((_, i) => i % 40 === 0).slice(-6);
      for (const one of live) if (!kept.includes(one)) one.dispose();
      live = kept;
    }
    return { megabytes: peak / 1e6 };
  },
  // A thread is refused what another one holds.
  async threads() {
    const x = zeros([10_000_000]).clone();
    const first = failure(() => realize(x));
    x.at(0).item(); // no longer under way
    const worker = new Worker(
      `const { parentPort } = require("node:worker_threads");
      const tell = (word) => parentPort.postMessage(word);
      const take = async () => {
        const { realize, zeros } = await import("adjoint");
        realize(zeros([10_000_000]).clone());
      };
      const attempt = () => take().then(() => tell("none"), ({ code }) => tell(code));
      parentPort.once("message", () => attempt());
      attempt();`,
      { eval: true },
    );
    const [second] = await once(worker, "message");
    x.dispose();
    worker.postMessage("now");
    const [later] = await once(worker, "message");
    return { first, second, later };
  },
  // A failed backward must be possible again, and lose nothing.
  backward() {
    const w = tensor(new Float32Array(1_000_000).fill(1), { requiresGrad: true });
    const one = tensor([1]).expand(1_000_000);
    const products = Array.from({ length: 140 }, (_, i) => w.mul(i + 1));
    const codes = new Set(products.map((product) => failure(() => product.backward(one))));
    return { codes: [...codes], grad: w.grad.at(0).item(), live: engineStats().bytes > 0 };
  },
};

console.log(JSON.stringify(await programs[process.argv[2]]()));
