import { execFileSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { autograd, tensor } from "adjoint";

function limited(program: string, bytes: number): unknown {
  const output = execFileSync(process.execPath, ["tests/programs/limited.mjs", program], {
    encoding: "utf8",
    env: { ...process.env, ADJOINT_MAX_BYTES: String(bytes) },
  });
  return JSON.parse(output);
}

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
    expect(limited("plan", 30e6)).toEqual({ code: "ERR_HOST_OOM", small: 6, x: 1, again: 2 });
  });

  test("a step that fails leaves parameter, gradient and state as they were, and can be repeated", () => {
    const { w, ...rest } = limited("step", 40e6) as { w: number };
    expect(rest).toEqual({ code: "ERR_HOST_OOM", before: [1, 2], after: [1, 2], state: 0 });
    expect(w).toBeCloseTo(0.9, 5);
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
