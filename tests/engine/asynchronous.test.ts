import { execFileSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { startWorker } from "../helpers/workers.js";
import { arange, full, linspace, noGrad, ones, optim, realize, tensor, type Tensor } from "adjoint";

/** Enough to compute for a while on a thread of its own. */
function slow(elements = 1_000_000, rounds = 20): Tensor {
  let y = linspace(0, 1, elements);
  for (let i = 0; i < rounds; ++i) y = y.sin().exp();
  return y;
}

describe("while something large is computed", () => {
  test("timers go on", () => {
    const steps = 12;
    const output = execFileSync(process.execPath, ["tests/programs/ticking.mjs", String(steps)], {
      encoding: "utf8",
    });
    const { ticks, longestGap, milliseconds, losses } = JSON.parse(output) as Record<string, number> & {
      losses: number[];
    };
    // Timers that wait for every step tick once a step; on two idle cores they tick more than thirty times.
    expect(ticks).toBeGreaterThan(4 * steps);
    expect(longestGap).toBeLessThan(milliseconds! / 2);
    expect(losses.every((loss, i) => i === 0 || loss < losses[i - 1]!)).toBe(true);
  });

  test("promises are kept in order, large and small", async () => {
    const order: number[] = [];
    const waiting = Array.from({ length: 40 }, (_, i) => {
      const x = i % 4 === 0 ? slow(300_000, 4).mul(0).add(i) : full([3], i);
      const read = i % 2 === 0 ? x.data().then((data) => data.at(-1)) : x.sum().div(3).itemAsync();
      return i % 4 === 3 ? x.mean().itemAsync() : read;
    });
    waiting.forEach((promise, i) => void promise.then(() => order.push(i)));
    const values = await Promise.all(waiting);
    expect(values).toEqual(Array.from({ length: 40 }, (_, i) => i));
    expect(order).toEqual(values);
  });

  test("a small value asked for while a large one is copied leaves that one whole", async () => {
    const small = tensor([1, 2, 3]);
    const elements = 10_000_000;
    for (let round = 0; round < 4; ++round) {
      const large = ones([elements]).add(round).data();
      const asked: Promise<unknown>[] = [];
      // Asked for without giving way to the event loop, until the large one has certainly been computed.
      for (const end = performance.now() + 60; performance.now() < end;) asked.push(small.data());
      const data = (await large) as Float32Array;
      expect(data.every((value) => value === round + 1)).toBe(true);
      expect(await asked.at(-1)).toEqual(Float32Array.of(1, 2, 3));
    }
  });

  test("values asked for stay what they were, whatever becomes of the tensors", async () => {
    const elements = 400_000;
    const x = full([elements], 1).clone().requiresGrad_();
    const optimizer = new optim.SGD([x], { lr: 1 });
    const reads: Promise<ArrayLike<number>>[] = [];
    for (let i = 0; i < 8; ++i) {
      optimizer.zeroGrad();
      x.sum().backward();
      reads.push(x.data<Float32Array>());
      const doubled = x.detach().mul(2);
      reads.push(doubled.data<Float32Array>());
      doubled.dispose();
      optimizer.step();
      noGrad(() => x.add_(0.5));
    }
    const values = await Promise.all(reads);
    values.forEach((data, i) => {
      const now = 1 - (i >> 1) / 2;
      const expected = i % 2 === 0 ? now : 2 * now;
      expect([data[0], data[elements >> 1], data[elements - 1]]).toEqual([expected, expected, expected]);
    });
  });

  test("the synchronous reads wait", () => {
    const y = slow();
    realize(y);
    const data = y.dataSync<Float32Array>();
    const again = slow().dataSync();
    expect(data.every((value, i) => value === again[i])).toBe(true);
  });
});

describe("what cannot be read rejects", () => {
  test("disposed tensors", async () => {
    const x = tensor([1]);
    x.dispose();
    await expect(x.itemAsync()).rejects.toMatchObject({ code: "ERR_DISPOSED" });
    await expect(x.data()).rejects.toMatchObject({ code: "ERR_DISPOSED" });
  });

  test("itemAsync of several elements, between promises that are kept", async () => {
    const before = slow().sum().itemAsync();
    const wrong = slow().itemAsync();
    const after = tensor([5]).itemAsync();
    await expect(wrong).rejects.toMatchObject({ code: "ERR_ITEM" });
    expect(await before).toBeGreaterThan(0);
    expect(await after).toBe(5);
  });
});

describe("threads of JavaScript", () => {
  const start = (rounds: number, elements: number) => startWorker("large-worker.mjs", { rounds, elements });

  test("can be terminated in the middle of a large plan", { timeout: 120_000 }, async () => {
    const kept = arange(1000).clone();
    realize(kept);
    for (let i = 0; i < 12; ++i) {
      const { worker, started, ended } = start(1000, i % 2 === 0 ? 100_000 : 1_000_000);
      await started;
      const own = slow(200_000, 2).sum().itemAsync();
      await new Promise((resolve) => setTimeout(resolve, 3 * i));
      await worker.terminate();
      await ended;
      expect(await own).toBeGreaterThan(0);
      expect(kept.sum().item()).toBe(499_500);
    }
  });

  test("compute at once, and all of them right", { timeout: 120_000 }, async () => {
    const [rounds, elements] = [6, 200_000];
    const workers = [start(rounds, elements), start(rounds, elements)];
    const expected: number[] = [];
    const x = linspace(0, 1, elements);
    for (let i = 0; i < rounds; ++i) {
      let y = x.add(i);
      for (let k = 0; k < 20; ++k) y = y.sin().exp();
      expected.push(y.sum().item(), y.at(-1).item());
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await Promise.all(workers.map(({ ended }) => ended))).toEqual([0, 0]);
    for (const { messages } of workers) expect(messages.at(-1)).toEqual(expected);
  });
});
