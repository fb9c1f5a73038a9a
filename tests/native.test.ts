import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const compiler = process.env.CXX ?? "g++";
const flags = ["-std=c++20", "-O3", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"];

const runsV3 = () => {
  try {
    const cpu = readFileSync("/proc/cpuinfo", "utf8");
    return /\bavx2\b/.test(cpu) && /\bfma\b/.test(cpu);
  } catch {
    return false; // not Linux
  }
};

describe("math", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "adjoint-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const isWithinBounds = (name: string, march: string[]) => {
    const program = join(folder, name);
    const source = join(root, "tests/native/math_accuracy.cpp");
    execFileSync(compiler, [...flags, ...march, "-I", join(root, "native"), source, "-o", program]);
    const { status, stdout, stderr } = spawnSync(program, { encoding: "utf8" });
    expect(status, stdout + stderr).toBe(0);
  };

  // With and without fused multiply-adds, results differ; the bounds are the same.
  test("is within its bounds on every processor", { timeout: 180_000 }, () => isWithinBounds("base", []));
  test.skipIf(!runsV3())("is within its bounds with AVX2 and FMA", { timeout: 180_000 }, () =>
    isWithinBounds("v3", ["-march=x86-64-v3"]),
  );
});
