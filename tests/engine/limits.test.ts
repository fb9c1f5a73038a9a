import { execFileSync } from "node:child_process";
import { freemem } from "node:os";
import { describe, expect, test } from "vitest";
import {
  arange,
  autograd,
  cat,
  getDefaultDevice,
  ones,
  realize,
  tensor,
  where,
  zeros,
  type Tensor,
} from "adjoint";
import { isSimulated } from "../helpers/effort.js";
import { numbers } from "../helpers/reference.js";

function limited(program: string, bytes: number): unknown {
  const output = execFileSync(process.execPath, ["tests/programs/limited.mjs", program], {
    encoding: "utf8",
    env: { ...process.env, ADJOINT_MAX_BYTES: String(bytes) },
  });
  return JSON.parse(output);
}

const isOnCpu = getDefaultDevice() === "cpu";
/** The code of the error when the default device has no more memory. */
const outOfMemory = isOnCpu ? "ERR_HOST_OOM" : "ERR_GPU_OOM";
const isFused = process.env["ADJOINT_FUSION"] !== "0";

describe("with little memory", () => {
  test("garbage is looked for before anything is refused", () => {
    expect(limited("garbage", 32e6)).toEqual({ x: 500 });
  });

  test("values that are replaced unread take no place", () => {
    expect(limited("rebinding", 32e6)).toEqual({ x: 1000 });
  });

  test("the gradient of cat does not copy itself for every piece", () => {
    expect(limited("pieces", 32e6)).toEqual({ grad: 2 });
  });

  test("a plan that fails leaves everything as it was, and the next op works", () => {
    expect(limited("plan", 30e6)).toEqual({ code: outOfMemory, small: 6, x: 1, again: 2 });
  });

  test("a step that fails leaves parameter, gradient and state as they were, and can be repeated", () => {
    const { w, ...rest } = limited("step", 40e6) as { w: number };
    expect(rest).toEqual({ code: outOfMemory, before: [1, 2], after: [1, 2], state: 0 });
    expect(w).toBeCloseTo(0.9, 5);
  });

  // How much memory it takes is known of fused plans alone.
  test.skipIf(!isFused)("a read that fails holds nothing, and succeeds when there is room again", () => {
    expect(limited("read", 32e6)).toEqual({
      codes: Array(4).fill(outOfMemory),
      kept: [3, [0, 1, 2, 3, 4]],
      ends: [4, 3],
      left: expect.toSatisfy((bytes: number) => Math.abs(bytes) < 1000) as number,
    });
  });

  test("a later step that fails leaves everything as it was, and can be repeated", () => {
    const { codes, before, after, alias, w } = limited("later", isOnCpu ? 44e6 : 50e6) as {
      codes: string[];
      before: number[];
      after: number[];
      alias: number;
      w: number;
    };
    expect(codes).toEqual([outOfMemory, outOfMemory]);
    expect(after).toEqual(before);
    expect(alias).toBeCloseTo(0.9, 5);
    expect(w).toBeCloseTo(0.8, 3);
  });

  test("a plan that fails gives back what it had acquired", () => {
    const { code, more } = limited("failing", 40e6) as { code: string; more: number };
    expect(code).toBe(outOfMemory);
    expect(Math.abs(more)).toBeLessThan(1000);
  });

  test("threads share what there is", () => {
    expect(limited("threads", 60e6)).toEqual({ first: "none", second: outOfMemory, later: "none" });
  });

  test("backward does not fail for what only waits to be computed", () => {
    expect(limited("backward", 60e6)).toEqual({ codes: ["none"], grad: (140 * 141) / 2, live: true });
  });
});

test("gradients do not depend on what has been collected", () => {
  const output = execFileSync(process.execPath, ["--expose-gc", "tests/programs/collected.mjs"], {
    encoding: "utf8",
  });
  expect(JSON.parse(output)).toEqual({ held: [4, 4], second: [4, 8], leaks: false });
});

describe("a gradient that is itself a leaf", () => {
  test("keeps its history with createGraph", () => {
    const a = tensor([1, 2], { requiresGrad: true });
    const v = tensor([1, 1], { requiresGrad: true });
    const options = { gradOutputs: v, createGraph: true };
    const [g] = autograd.grad(a.add(1), [a], options);
    expect(g!.requiresGrad).toBe(true);
    expect(autograd.grad(g!, [v], { gradOutputs: tensor([3, 4]) })[0]!.toArray()).toEqual([3, 4]);
    a.add(1).backward(v, { createGraph: true });
    expect(autograd.grad(a.grad!, [v], { gradOutputs: tensor([3, 4]) })[0]!.toArray()).toEqual([3, 4]);
  });

  test("has none without it", () => {
    const x = tensor([1, 2], { requiresGrad: true });
    const w = tensor([1, 1], { requiresGrad: true });
    x.add(1).backward(w.mul(2));
    expect([x.grad!.requiresGrad, x.grad!.toArray()]).toEqual([false, [2, 2]]);
  });
});

describe("32 dimensions", () => {
  const shape = Array.from({ length: 32 }, (_, i) => (i % 8 === 0 ? 2 : 1));
  const x = arange(16).reshape(shape).clone();
  const values = Array.from({ length: 16 }, (_, i) => i);
  const reversed = Array.from({ length: 32 }, (_, i) => 31 - i);
  const cases: [string, (x: Tensor) => Tensor, number[]][] = [
    ["elementwise ops", (x) => x.mul(2).add(x), values.map((v) => 3 * v)],
    ["broadcasting", (x) => x.sub(x.narrow(31 - 7, 1, 1)), values.map((v) => (v % 2 === 0 ? -1 : 0))],
    ["a reduction", (x) => x.sum(0), values.slice(8).map((v) => 2 * v - 8)],
    ["a reduction of the last", (x) => x.amax(24), [1, 3, 5, 7, 9, 11, 13, 15]],
    ["a reduction of them all", (x) => x.sum(), [120]],
    ["a flip", (x) => x.flip([0, 8, 16, 24]), values.toReversed()],
    ["a permutation and back", (x) => x.permute(reversed).clone().permute(reversed), values],
    ["an expansion", (x) => x.narrow(0, 1, 1).expand(shape), values.map((v) => 8 + (v % 8))],
    ["a step", (x) => x.at("::2"), values.slice(0, 8)],
    [
      "cat",
      (x) => cat([x, x.neg()], 0).narrow(0, 1, 2),
      [...values.slice(8), ...values.slice(0, 8).map((v) => -v)],
    ],
    ["where", (x) => where(x.gt(7), x, 0), values.map((v) => (v > 7 ? v : 0))],
    ["set", (x) => x.clone().set([1], 5), values.map((v) => (v > 7 ? 5 : v))],
    ["matmul", (x) => x.matmul(ones([1, 1])), values],
    ["to", (x) => x.to("int64"), values],
  ];
  test.each(cases)("%s", (_, op, expected) => {
    expect(numbers(op(x)).map((value) => value + 0)).toEqual(expected.map((value) => value + 0));
  });

  test("gradients", () => {
    const leaf = x.clone().detach().requiresGrad_();
    leaf.flip([0]).mul(x).sum(8).square().sum().backward();
    expect(leaf.grad!.shape).toEqual(shape);
    expect(numbers(leaf.grad!).every(Number.isFinite)).toBe(true);
  });
});

describe("no dimensions, and no elements", () => {
  test("ops on a scalar", () => {
    const x = tensor(3, { requiresGrad: true });
    const y = x.mul(x).add(1).reshape([]).sum().unsqueeze(0).squeeze(0).clone();
    y.backward();
    expect([y.item(), x.grad!.item(), y.shape]).toEqual([10, 6, []]);
    expect(x.detach().expand(2, 2).toArray()).toEqual([
      [3, 3],
      [3, 3],
    ]);
  });

  test.each([[[0]], [[0, 3]], [[3, 0]], [[2, 0, 3]]])("ops on shape %j", (shape) => {
    const x = zeros(shape).requiresGrad_();
    const y = cat([x.add(1).mul(x).flip([0]), x.neg()], 0).permute(shape.map((_, i) => shape.length - 1 - i));
    expect(numbers(y)).toEqual([]);
    expect(y.sum().item()).toBe(0);
    expect(x.mean().item()).toBeNaN();
    expect(numbers(x.to("int32").eq(0))).toEqual([]);
    y.sum().backward();
    expect([x.grad!.shape, numbers(x.grad!)]).toEqual([shape, []]);
    const filled = x.detach().pad([1, 1]);
    expect(numbers(filled.sum())).toEqual([0]);
    expect(x.detach().sum(0, { keepdim: true }).shape).toEqual([1, ...shape.slice(1)]);
  });
});

describe("large graphs", () => {
  test("of 10,000 ops that branch and meet again", () => {
    const x = arange(8).clone();
    realize(x);
    let [a, b] = [x, x.neg()];
    for (let i = 0; i < 2500; ++i) [a, b] = [a.add(b).mul(0.5), a.sub(b).mul(0.5)];
    const [first, second] = [numbers(a), numbers(b)];
    expect([...first, ...second].every(Number.isFinite)).toBe(true);
    let [p, q] = [1, -1];
    for (let i = 0; i < 2500; ++i) [p, q] = [Math.fround((p + q) / 2), Math.fround((p - q) / 2)];
    expect(first).toEqual(numbers(x).map((v) => v * p));
    expect(second).toEqual(numbers(x).map((v) => v * q));
  });

  test("with 2000 outputs at once", () => {
    const x = arange(100).clone();
    realize(x);
    const outputs = Array.from({ length: 2000 }, (_, i) =>
      i % 3 === 0 ? x.add(i).sum() : x.mul(i).flip([0]),
    );
    realize(outputs);
    outputs.forEach((output, i) => {
      expect(output.at(...output.shape.map(() => -1)).item()).toBe(i % 3 === 0 ? 4950 + 100 * i : 0);
    });
  });

  test("of more structures than the plan cache holds take no more memory", () => {
    const output = execFileSync(process.execPath, ["--expose-gc", "tests/programs/plans.mjs"], {
      encoding: "utf8",
    });
    const { residentMegabytes, planned } = JSON.parse(output) as {
      residentMegabytes: number[];
      planned: number;
    };
    expect(planned).toBe(30_000);
    // Kept for good, plans would take 20 MB in each fifth; allocators take some now and then.
    const growth = residentMegabytes.slice(1).map((now, i) => now - residentMegabytes[i]!);
    expect(Math.min(...growth), growth.join()).toBeLessThan(10);
  });
});

// Two gibibytes of elements, and room for what else the machine does. Without fusion a sum needs eight times as much.
const reason = !isFused ? "fusion is off" : freemem() < 8e9 ? "less than 8 GB are free" : "";
describe.skipIf(reason)(`more than 2**31 elements${reason && `, skipped: ${reason}`}`, () => {
  test("are written, read and summed", { timeout: isSimulated ? 900_000 : 120_000 }, () => {
    const output = execFileSync(process.execPath, ["tests/programs/many-elements.mjs"], { encoding: "utf8" });
    const { count, sum, ...rest } = JSON.parse(output) as { count: number; sum: number };
    expect(rest).toEqual({
      last: 3,
      flipped: [4, 4, 4, 4],
      across: [6, 6, 6, 6],
      strided: [3, 3, 3],
    });
    expect(sum).toBe(6 * count);
  });
});
