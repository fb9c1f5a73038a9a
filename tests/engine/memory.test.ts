import { execFileSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { atMost } from "../helpers/effort.js";
import { autograd, engineStats, getDefaultDevice, ones, tensor, tidy } from "adjoint";

// The loops run as programs of their own, so that nothing but them is measured.
function run(program: string, ...options: string[]): unknown {
  const output = execFileSync(process.execPath, [`tests/programs/${program}`, ...options], {
    encoding: "utf8",
  });
  return JSON.parse(output);
}

describe("a synchronous loop", () => {
  test("of a million Adam steps runs in constant memory", { timeout: 600_000 }, () => {
    const { residentMegabytes, x } = run("adam-loop.mjs", String(atMost(1_000_000, 100_000))) as {
      residentMegabytes: number[];
      x: number;
    };
    const warm = residentMegabytes[1]!;
    expect(Math.max(...residentMegabytes.slice(2)) - warm).toBeLessThan(5);
    expect(x).toBeCloseTo(3.9847, 3);
  });

  test.each([0, 300])(
    "of 4 MiB tensors stays below 200 MB beside a heap of %i MB",
    { timeout: 300_000 },
    (heap) => {
      const { peakMegabytes } = run("big-tensors.mjs", String(heap), String(atMost(600, 150))) as {
        peakMegabytes: number;
      };
      expect(peakMegabytes).toBeLessThan(200);
    },
  );
});

test(
  "memory that rises and falls, in changing sizes, is not asked of the system again",
  { timeout: 120_000 },
  () => {
    // 20 tensors of 8 MiB and 20 of 12 MiB in turn, ten times: 4 GiB, or 2000 huge pages.
    expect(run("pages.mjs", "8", "20", "10")).toBeLessThan(200);
  },
);

test.skipIf(getDefaultDevice() !== "cpu")("what is given back is the system's, in all sizes", () => {
  const words = ["tests/programs/limited.mjs", "resident"];
  const env = { ...process.env, ADJOINT_MAX_BYTES: "150M" };
  const { megabytes } = JSON.parse(execFileSync(process.execPath, words, { encoding: "utf8", env })) as {
    megabytes: number;
  };
  // 150 MB of tensors at most, kept ones and all, beside Node itself.
  expect(megabytes).toBeLessThan(250);
});

describe("releasing at once", () => {
  const mebibyte = () => tensor(new Float32Array(2 ** 18));

  test("dispose and using give the bytes back", () => {
    const before = engineStats().bytes;
    const x = mebibyte();
    expect(engineStats().bytes - before).toBe(2 ** 20);
    x.dispose();
    x.dispose();
    expect(engineStats().bytes).toBe(before);
    {
      using y = mebibyte();
      expect(y.shape).toEqual([2 ** 18]);
    }
    expect(engineStats().bytes).toBe(before);
  });

  test("tidy keeps what it returns, however nested, and nothing else", () => {
    const outer = mebibyte();
    const before = engineStats();
    const { kept } = tidy(() => {
      mebibyte();
      const inner = tidy(() => [mebibyte(), mebibyte()] as const);
      expect(inner[1].shape).toEqual([2 ** 18]);
      return { kept: [inner[0]] };
    });
    expect(engineStats().tensors).toBe(before.tensors + 1);
    expect(engineStats().bytes).toBe(before.bytes + 2 ** 20);
    expect(outer.sum().item()).toBe(0);
    kept[0]!.dispose();
    outer.dispose();
  });

  test("tidy releases when its callback throws", () => {
    const before = engineStats().bytes;
    expect(() =>
      tidy(() => {
        mebibyte();
        throw new Error("inside");
      }),
    ).toThrow("inside");
    expect(engineStats().bytes).toBe(before);
  });

  test("a value lives as long as a tensor computed from it needs it", () => {
    const x = ones([3]);
    const y = x.mul(2);
    x.dispose();
    expect(y.toArray()).toEqual([2, 2, 2]);
  });

  test("backward frees what history kept", () => {
    const x = tensor(new Float32Array(2 ** 18), { requiresGrad: true });
    const loss = tidy(() => x.exp().exp().sum());
    const { nodes } = engineStats();
    loss.backward();
    x.grad = null;
    loss.item();
    expect(engineStats().nodes).toBeLessThanOrEqual(nodes - 2);
  });

  test("a gradient with history and its leaf are no leak", () => {
    const before = engineStats();
    for (let i = 0; i < 10; ++i)
      tidy(() => {
        const x = tensor(new Float32Array(2 ** 18), { requiresGrad: true });
        x.square().sum().backward(null, { createGraph: true });
        expect(autograd.grad(x.grad!.sum(), x)[0]!.at(0).item()).toBe(2);
      });
    expect(engineStats().bytes - before.bytes).toBeLessThan(2 ** 20);
  });
});
