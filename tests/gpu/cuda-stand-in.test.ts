import { execFileSync, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const build = fileURLToPath(new URL("../../build/cmake", import.meta.url));
const hasTarget = process.platform === "linux" && existsSync(join(build, "tests", "cuda"));

// The tests of device "cuda" are worth what the library is worth that they run on where there is no GPU.
describe.skipIf(!hasTarget)("the stand-in for the CUDA driver", () => {
  test("runs PTX as a GPU would, and finds what a GPU would not", { timeout: 600_000 }, () => {
    execFileSync("cmake", ["--build", build, "--target", "cuda_stand_in_test"], { stdio: "pipe" });
    const library = join(build, "stand-in", "libcuda.so.1");
    const { status, stdout, stderr } = spawnSync(join(build, "cuda_stand_in_test"), [library], {
      encoding: "utf8",
    });
    expect(status, stdout + stderr).toBe(0);
  });
});
