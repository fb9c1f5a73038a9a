// `npx adjoint doctor`, where there is a driver and where there is none: each time it says what to do.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { cuda } from "adjoint";
import type { Report } from "../../lib/cli/doctor.js";

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const standIn = at("../../build/cmake/stand-in/libcuda.so.1");

function adjoint(args: string[], environment: Record<string, string | undefined> = {}) {
  return spawnSync(process.execPath, [at("../../dist/lib/cli/main.js"), ...args], {
    encoding: "utf8",
    env: {
      ...process.env,
      ADJOINT_DEVICE: undefined,
      ADJOINT_CUDA_DRIVER: undefined,
      ADJOINT_STAND_IN: undefined,
      CUDA_VISIBLE_DEVICES: undefined,
      ...environment,
    },
  });
}

function diagnosed(
  environment: Record<string, string | undefined>,
  ...args: string[]
): [number | null, Report] {
  const { status, stdout } = adjoint(["doctor", "--json", ...args], environment);
  return [status, JSON.parse(stdout) as Report];
}

describe("the command line", () => {
  test.each([
    [[], 2, "a command is needed"],
    [["docter"], 2, "unknown command 'docter'"],
    [["doctor", "now"], 2, "unknown command 'doctor now'"],
    [["doctor", "--jsn"], 2, "Unknown option '--jsn'"],
  ])("%j", (args, code, message) => {
    const { status, stderr } = adjoint(args);
    expect(status).toBe(code);
    expect(stderr).toContain(message);
    expect(stderr).toContain("Usage: adjoint doctor");
  });

  test("--help", () => {
    const { status, stdout } = adjoint(["--help"]);
    expect(status).toBe(0);
    expect(stdout).toContain("Usage: adjoint doctor");
  });
});

describe("without a driver", () => {
  const environment = { ADJOINT_CUDA_DRIVER: "/nowhere/libcuda.so.1" };

  test("the CPU is tested, and that there is no GPU is no failure", () => {
    const [status, report] = diagnosed(environment);
    expect(status).toBe(0);
    expect(report).toMatchObject({ isWell: true, addonProblem: "", tests: [{ device: "cpu", problem: "" }] });
    expect(report.cuda!.isAvailable).toBe(false);
    expect(report.cuda!.reason).toContain("ADJOINT_CUDA_DRIVER names a driver that could not be opened");
    expect(report.environment).toEqual(environment);
  });

  test("a GPU that is asked for is one", () => {
    const [status, report] = diagnosed(environment, "--device", "cuda");
    expect(status).toBe(1);
    expect(report.tests).toHaveLength(1);
    expect(report.tests[0]!.problem).toContain("CUDA is not available: ADJOINT_CUDA_DRIVER names");
  });

  test("a default device that is not there is a failure", () => {
    const [status, report] = diagnosed({ ...environment, ADJOINT_DEVICE: "cuda" });
    expect(status).toBe(1);
    expect(report.tests.map(({ device, problem }) => [device, problem === ""])).toEqual([
      ["cpu", true],
      ["cuda", false],
    ]);
    expect(report.tests[1]!.problem).toContain("CUDA is not available: ADJOINT_CUDA_DRIVER names");
    expect(diagnosed({ ...environment, ADJOINT_DEVICE: "" })[0]).toBe(0);
  });

  test("people can read it", () => {
    const { stdout } = adjoint(["doctor"], environment);
    expect(stdout).toMatch(/^adjoint +0\.\d+\.\d+ on Node v\d+/);
    expect(stdout).toMatch(/^test cpu +ok, \d+\.\d\d s$/m);
    expect(stdout).toMatch(/^no GPU +ADJOINT_CUDA_DRIVER names/m);
    expect(stdout.trimEnd()).toMatch(/All that was found works\.$/);
  });
});

const whyNot = cuda.state().hasCode ? "" : "the addon was built without nvcc";

describe.skipIf(whyNot !== "")(`with the stand-in for a driver${whyNot && ` (skipped: ${whyNot})`}`, () => {
  beforeAll(() => {
    spawnSync("cmake", ["--build", at("../../build/cmake"), "--target", "cuda_stand_in"]);
    expect(existsSync(standIn)).toBe(true);
  }, 600_000);
  const faulty = (faults: string, more: Record<string, string> = {}) => ({
    ADJOINT_CUDA_DRIVER: standIn,
    ADJOINT_STAND_IN: faults,
    ...more,
  });

  test("every device is found and tested", () => {
    const [status, report] = diagnosed(faulty("devices=2"));
    expect(report.tests.map(({ device, problem }) => [device, problem])).toEqual([
      ["cpu", ""],
      ["cuda:0", ""],
      ["cuda:1", ""],
    ]);
    expect(status).toBe(0);
    expect(report.cuda).toMatchObject({ hasCode: true, isAvailable: true, reason: "" });
    expect(report.cuda!.devices).toMatchObject([
      { device: "cuda:0", name: "Stand-in 0", problem: "" },
      { device: "cuda:1", name: "Stand-in 1", problem: "" },
    ]);
  });

  test.each([
    ["no device", faulty("no-device"), /^the NVIDIA driver finds no GPU; nvidia-smi lists those it knows/],
    [
      "an old driver",
      faulty("driver=10020"),
      /^the NVIDIA driver is too old: it is one for CUDA 10\.2, and adjoint needs one for CUDA 11\.0 or later/,
    ],
    [
      "one that does not start",
      faulty("init=999"),
      /^the NVIDIA driver could not be initialized: cuInit gave CUDA_ERROR_UNKNOWN/,
    ],
    [
      "hidden GPUs",
      faulty("devices=2", { CUDA_VISIBLE_DEVICES: "" }),
      /^CUDA_VISIBLE_DEVICES="" shows this process no GPU; unset it/,
    ],
  ])("%s", (_, environment, reason) => {
    const [status, report] = diagnosed(environment);
    expect(report.cuda!.reason).toMatch(reason);
    expect(report.cuda!.isAvailable).toBe(false);
    expect(status).toBe(0);
    expect(diagnosed(environment, "--device", "cuda")[0]).toBe(1);
  });

  test("a GPU that is not there", () => {
    const [status, report] = diagnosed(faulty("devices=2"), "--device", "cuda:7");
    expect(status).toBe(1);
    expect(report.tests[0]!.problem).toBe(
      "there is no device cuda:7; there is cuda:0 (Stand-in 0), cuda:1 (Stand-in 1)",
    );
  });

  test("one GPU of two is shown, under its new number", () => {
    const [, report] = diagnosed(faulty("devices=2", { CUDA_VISIBLE_DEVICES: "1" }));
    expect(report.cuda!.devices).toMatchObject([{ device: "cuda:0", name: "Stand-in 1" }]);
  });

  test("a GPU that is too old", () => {
    const [status, report] = diagnosed(faulty("capability=70"));
    expect(status).toBe(1);
    expect(report.cuda!.reason).toContain("has compute capability 7.0, and adjoint needs 7.5 or later");
  });

  test("a GPU that fails is said to have failed", () => {
    const [status, report] = diagnosed(faulty("sticky-after=2"));
    expect(status).toBe(1);
    expect(report.tests[0]).toMatchObject({ device: "cpu", problem: "" });
    expect(report.tests[1]!.problem).toContain("cannot be used by this process any more");
  });

  test("memory that runs out is an error with the numbers, and the next small op works", () => {
    const program = `
      import { ones, realize, zeros } from "adjoint";
      const held = [];
      let error;
      try {
        for (let i = 0; i < 100; ++i) {
          held.push(ones([1 << 20], { device: "cuda" }).add(i));
          realize(held);
        }
      }
      catch (caught) { error = caught; }
      console.log(JSON.stringify([error.code, error.message, zeros([3], { device: "cuda" }).add(2).sum().item()]));`;
    const { stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
      encoding: "utf8",
      env: { ...process.env, ADJOINT_DEVICE: "cpu", ...faulty("memory=64M") },
    });
    const [code, message, sum] = JSON.parse(stdout) as [string, string, number];
    expect(code).toBe("ERR_GPU_OOM");
    expect(message).toMatch(
      /out of memory on cuda:0 .* were wanted; .* are allocated and .* reserved .* free of the device's 64\.00 MiB/,
    );
    expect(sum).toBe(6);
  });

  // However often it is tried: parameters on the CPU must not run ahead of those that could not be stepped.
  test.each([
    ["has no memory", "memory=24M", 1_000_000, ["ERR_GPU_OOM", "ERR_GPU_OOM", "ERR_GPU_OOM"], [1, 1]],
    ["is lost", "sticky-after=3", 2, ["ERR_GPU_FATAL", "ERR_GPU_FATAL", "ERR_GPU_FATAL"], [1, 1]],
  ])("a step on two devices, of which one %s, changes neither", (_, faults, count, expected, left) => {
    const program = `
      import { cuda, ones, optim, realize, zeros } from "adjoint";
      const params = ["cpu", "cuda"].map((device) => ones([${count}], { device }).clone().requiresGrad_());
      const [c, p] = params;
      realize(params);
      for (const param of params) param.sum().backward();
      // A lost device shows when its work is waited for.
      try { realize(params.map(({ grad }) => grad)); cuda.synchronize("cuda"); } catch {}
      const aliases = [p.detach()], codes = [];
      if (${count} > 2) try {
        for (;;) { aliases.push(zeros([250_000], { device: "cuda" }).add(aliases.length)); realize(aliases); }
      } catch {}
      const optimizer = new optim.SGD(params, { lr: 0.25 });
      for (let i = 0; i < 3; ++i)
        try { optimizer.step(); codes.push("none"); } catch ({ code }) { codes.push(code); }
      console.log(JSON.stringify([codes, [c.at(0).item(), c.at(-1).item()]]));`;
    const { stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
      encoding: "utf8",
      env: { ...process.env, ADJOINT_DEVICE: "cpu", ...faulty(faults) },
    });
    expect(JSON.parse(stdout)).toEqual([expected, left]);
  });

  test("after a fatal error the CPU goes on, and every call to the GPU fails at once", () => {
    const program = `
      import { tensor } from "adjoint";
      const x = tensor([1, 2], { device: "cuda" });
      const codes = [];
      for (let i = 0; i < 6; ++i) {
        try { x.add(i).sum().item(); codes.push("ok"); } catch (error) { codes.push(error.code); }
      }
      const late = await x.add(1).data().catch((error) => error.code);
      console.log(JSON.stringify([codes, late, tensor([1, 2], { device: "cpu" }).add(1).sum().item()]));`;
    const { stdout, status } = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
      encoding: "utf8",
      env: { ...process.env, ADJOINT_DEVICE: "cpu", ...faulty("sticky-after=3") },
    });
    const [codes, late, sum] = JSON.parse(stdout) as [string[], string, number];
    expect(codes.at(-1)).toBe("ERR_GPU_FATAL");
    expect(codes.slice(codes.indexOf("ERR_GPU_FATAL"))).not.toContain("ok");
    expect(late).toBe("ERR_GPU_FATAL");
    expect(sum).toBe(5);
    expect(status).toBe(0);
  });
});
