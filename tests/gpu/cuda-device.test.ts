// The driver side of the CUDA device, on the stand-in for the driver: one process for each case, since a driver is
// opened once. tests/native/cuda_device.cpp holds the cases.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";

const build = fileURLToPath(new URL("../../build/cmake", import.meta.url));
const standIn = join(build, "stand-in", "libcuda.so.1");
const program = join(build, "cuda_device");
const minutes = 60_000;

const targets = existsSync(build)
  ? spawnSync("cmake", ["--build", build, "--target", "help"], { encoding: "utf8" }).stdout
  : "";
const reasonToSkip = !/\bcuda_stand_in\b/.test(targets)
  ? "there is no build of the stand-in for the driver here"
  : undefined;

const cases = [
  "copies",
  "order",
  "reads",
  "replay",
  "no-graphs",
  "scratch",
  "wide-program",
  "compiling",
  "pool",
  "out-of-memory",
  "refusal-of-memory",
  "crossing",
  "threads",
  "two-devices",
  "fatal-errors",
  "refused-launches",
  "fatal-read",
  "end-of-driver",
  "exit",
];

const run = (args: string[], environment: Record<string, string | undefined> = {}) =>
  spawnSync(program, args, {
    encoding: "utf8",
    env: {
      ...process.env,
      CUDA_VISIBLE_DEVICES: undefined,
      ADJOINT_STAND_IN: undefined,
      ADJOINT_CUDA_DRIVER: standIn,
      ...environment,
    },
    timeout: 2 * minutes,
  });

describe.skipIf(reasonToSkip)(`the CUDA device${reasonToSkip ? ` (skipped: ${reasonToSkip})` : ""}`, () => {
  beforeAll(() => {
    execFileSync("cmake", ["--build", build, "--target", "cuda_stand_in", "cuda_device"], {
      stdio: "pipe",
    });
  }, 10 * minutes);

  test("has a test here for each of its cases", () => {
    expect(run([]).stdout.trim().split("\n")).toEqual(cases);
  });

  test.each(cases)("%s", { timeout: 3 * minutes }, (name) => {
    const { status, signal, stdout, stderr } = run([name]);
    // Nothing but what is wrong is ever printed.
    expect({ status, signal, stdout, stderr }).toEqual({ status: 0, signal: null, stdout: "", stderr: "" });
  });

  test("ends without a word, at any moment", { timeout: 5 * minutes }, () => {
    for (let i = 0; i < 20; ++i) {
      const { status, signal, stdout, stderr } = run(["exit"]);
      expect({ status, signal, stdout, stderr }).toEqual({ status: 0, signal: null, stdout: "", stderr: "" });
    }
  });

  test.each<[string, Record<string, string>, RegExp]>([
    [
      "a driver that is not there",
      { ADJOINT_CUDA_DRIVER: "/nowhere/libcuda.so.1" },
      /ADJOINT_CUDA_DRIVER names a driver that could not be opened: .*\/nowhere\/libcuda\.so\.1/,
    ],
    [
      "a library that is no driver",
      { ADJOINT_CUDA_DRIVER: "libm.so.6" },
      /libm\.so\.6 is no NVIDIA driver: it has no cuDriverGetVersion/,
    ],
    [
      "an old driver",
      { ADJOINT_STAND_IN: "driver=10020" },
      /the NVIDIA driver is too old: it is one for CUDA 10\.2, and adjoint needs one for CUDA 11\.0 or later/,
    ],
    ["no GPU", { ADJOINT_STAND_IN: "no-device" }, /the NVIDIA driver finds no GPU/],
    ["hidden GPUs", { CUDA_VISIBLE_DEVICES: "-1" }, /CUDA_VISIBLE_DEVICES="-1" shows this process no GPU/],
    [
      "hidden GPUs, by an empty list",
      { CUDA_VISIBLE_DEVICES: "" },
      /CUDA_VISIBLE_DEVICES="" shows this process no GPU/,
    ],
    [
      "a driver that fails",
      { ADJOINT_STAND_IN: "init=999" },
      /could not be initialized: cuInit gave CUDA_ERROR_UNKNOWN \(999\)/,
    ],
    [
      "an old GPU",
      { ADJOINT_STAND_IN: "capability=61" },
      /cuda:0 \(.+\) has compute capability 6\.1, and adjoint needs 7\.5 or later/,
    ],
    ["a build without kernels", { TEST_WITHOUT_CODE: "1" }, /this build of adjoint has no kernels for GPUs/],
  ])("says what is wrong: %s", (_, environment, message) => {
    const { status, stdout } = run(["reason"], environment);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^ERR_NO_CUDA: CUDA is not available: /);
    expect(stdout).toMatch(message);
    // In the words of availability() too.
    expect(stdout.trim().split("\n")[1]).toMatch(message);
  });

  test("lists the devices there are", () => {
    expect(run(["reason", "0"]).stdout).not.toMatch(/ERR_/);
    expect(run(["reason", "7"], { ADJOINT_STAND_IN: "devices=2" }).stdout).toMatch(
      /^ERR_DEVICE: there is no device cuda:7; there is cuda:0 \(.+\), cuda:1 \(.+\)/,
    );
  });
});

const hasDriver = /libcuda\.so\.1/.test(spawnSync("ldconfig", ["-p"], { encoding: "utf8" }).stdout);
test.skipIf(reasonToSkip !== undefined || hasDriver)("says that no driver is there", () => {
  const { stdout } = run(["reason"], { ADJOINT_CUDA_DRIVER: undefined });
  expect(stdout).toMatch(/no NVIDIA driver found: libcuda\.so\.1 could not be opened/);
});
