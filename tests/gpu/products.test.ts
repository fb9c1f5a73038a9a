// Who multiplies matrices on GPUs, and how exactly. Where there is a build of the stand-in for the driver, its cases run
// there, each in a process of its own, with a stand-in for cuBLAS: tests/programs/products.mjs.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  cuda,
  getFloat32MatmulPrecision,
  optim,
  setFloat32MatmulPrecision,
  tensor,
  type Float32MatmulPrecision,
} from "adjoint";
import { errorOf } from "../helpers/reference.js";

const build = fileURLToPath(new URL("../../build/cmake", import.meta.url));
const folder = join(build, "stand-in");
const blas = join(folder, "libcublas.so.12");
const minutes = 60_000;

afterEach(() => setFloat32MatmulPrecision("highest"));

describe("the precision of products", () => {
  test("is the highest, and remembers what it is set to", () => {
    expect(getFloat32MatmulPrecision()).toBe("highest");
    for (const precision of ["high", "medium", "highest"] as const) {
      setFloat32MatmulPrecision(precision);
      expect(getFloat32MatmulPrecision()).toBe(precision);
    }
  });

  test.each([
    ["higest", 'got the string "higest"; did you mean "highest"?'],
    ["tf32", 'got the string "tf32"'],
    [true, "got true"],
    [undefined, "got undefined"],
  ])("is not %j", (precision, got) => {
    const error = errorOf(() => setFloat32MatmulPrecision(precision as Float32MatmulPrecision));
    expect(error).toMatchObject({
      name: "RangeError",
      code: "ERR_VALUE",
      op: "setFloat32MatmulPrecision",
      message: `setFloat32MatmulPrecision: expected "highest", "high" or "medium", ${got}`,
    });
    expect(getFloat32MatmulPrecision()).toBe("highest");
  });

  test("changes nothing on the CPU", () => {
    const x = tensor([[1 + 2 ** -20]], { device: "cpu" });
    const exact = x.matmul(x).item();
    setFloat32MatmulPrecision("high");
    expect(x.matmul(x).item()).toBe(exact);
  });
});

describe("the library of products", () => {
  test("is this one, unless another is asked for", () => {
    expect(cuda.preferredBlasLibrary()).toBe("default");
    expect(cuda.preferredBlasLibrary("default")).toBe("default");
  });

  test.each([
    ["cublass", 'got the string "cublass"; did you mean "cublas"?'],
    ["magma", 'got the string "magma"'],
    [null, "got null"],
  ])("is not %j", (library, got) => {
    const error = errorOf(() => cuda.preferredBlasLibrary(library as "cublas"));
    expect(error).toMatchObject({
      name: "RangeError",
      code: "ERR_VALUE",
      op: "preferredBlasLibrary",
      message: `preferredBlasLibrary: expected "default" or "cublas", ${got}`,
    });
  });

  test.skipIf(cuda.isAvailable())("cannot be cuBLAS without a GPU", () => {
    const error = errorOf(() => cuda.preferredBlasLibrary("cublas"));
    expect(error).toMatchObject({ name: "Error", code: "ERR_NO_CUDA" });
    expect(error.message).toBe(`CUDA is not available: ${cuda.unavailableReason()}`);
    expect(cuda.preferredBlasLibrary()).toBe("default");
  });
});

test("an optimizer's update changes neither", () => {
  const lr = { lr: optim.checks.option<number>(0.5, optim.checks.learningRate) };
  for (const change of [
    () => setFloat32MatmulPrecision("high"),
    () => cuda.preferredBlasLibrary("default"),
  ] as const) {
    class Changing extends optim.RuleOptimizer<{ lr: number }> {
      constructor(params: optim.Params<{ lr: number }>) {
        const rule = optim.rule({
          options: lr,
          scalars: (options) => ({ lr: options.lr }),
          update({ param }) {
            change();
            return { param: param.add(1) };
          },
        });
        super(params, {}, rule);
      }
    }
    const x = tensor([1], { device: "cpu", requiresGrad: true });
    x.sum().backward();
    const error = errorOf(() => new Changing([x]).step());
    expect(error.code).toBe("ERR_RULE");
    expect(error.message).toContain("so it cannot change how products are computed");
  }
  expect(getFloat32MatmulPrecision()).toBe("highest");
});

const targets = existsSync(build)
  ? spawnSync("cmake", ["--build", build, "--target", "help"], { encoding: "utf8" }).stdout
  : "";
const skipped = !/\bcublas_stand_in\b/.test(targets) || !cuda.state().hasCode;
const note = skipped ? " (skipped: the stand-ins, or kernels for CUDA, cannot be built here)" : "";

describe.skipIf(skipped)(`on the stand-in for a GPU${note}`, () => {
  beforeAll(() => {
    const names = ["cuda_stand_in", "cublas_stand_in", "cuda_code"];
    execFileSync("cmake", ["--build", build, "--target", ...names], { stdio: "pipe" });
  }, 10 * minutes);

  const environment = (more: Record<string, string | undefined>) => ({
    ...process.env,
    ADJOINT_CUDA_DRIVER: join(folder, "libcuda.so.1"),
    CUDA_VISIBLE_DEVICES: undefined,
    ADJOINT_STAND_IN: undefined,
    ADJOINT_CUBLAS: undefined,
    ADJOINT_DEVICE: "cuda",
    ...more,
  });
  /** What a case prints, as a value and the text of stderr, and the lines of cuBLAS's log. */
  const run = (args: string[], more: Record<string, string | undefined> = {}) => {
    const logs = mkdtempSync(join(tmpdir(), "adjoint-blas-"));
    try {
      const log = join(logs, "log");
      const env = environment({ ADJOINT_BLAS_LOG: log, ...more });
      const ended = spawnSync(process.execPath, ["tests/programs/products.mjs", ...args], {
        encoding: "utf8",
        env,
      });
      expect(ended.status, ended.stderr).toBe(0);
      const lines = existsSync(log) ? readFileSync(log, "utf8").trim().split("\n") : [];
      return { value: JSON.parse(ended.stdout) as unknown, stderr: ended.stderr, lines };
    } finally {
      rmSync(logs, { recursive: true });
    }
  };
  const gemms = (lines: string[]) => lines.filter((line) => line.startsWith("gemm"));

  test.each(["75", "90"])("kernels are right, capability %s", { timeout: 5 * minutes }, (capability) => {
    const { status, stdout } = spawnSync(join(build, "cuda_code"), ["--products"], {
      encoding: "utf8",
      env: environment({ ADJOINT_STAND_IN: `capability=${capability}` }),
    });
    expect(status, stdout).toBe(0);
  });

  test("float32 is rounded when it may be, and never otherwise", { timeout: minutes }, () => {
    const { value } = run(["precisions"], { ADJOINT_STAND_IN: "capability=80" });
    const { distances, bias, ...rest } = value as { distances: [number, number]; bias: number };
    expect(distances[0]).toBeLessThan(90 * 2 ** -24);
    // Either factor is off by half of 2 ** -10 at most.
    expect(distances[1]).toBeLessThan(2 ** -10 + 2 ** -22 + 90 * 2 ** -23);
    expect(distances[1]).toBeGreaterThan(2 ** -16);
    // To the nearest: cutting bits off would make all terms smaller, by 2 ** -11 and more in all.
    expect(bias).toBeLessThan(2 ** -12);
    expect(rest).toEqual({
      plans: [false, true],
      isSameAgain: true,
      isMediumHigh: true,
      differs: true,
      present: "medium",
      isLateExact: true,
      isEarlyRounded: true,
      float64: true,
      few: true,
      cpu: true,
      planOnCpu: false,
    });
  });

  test("older GPUs stay exact", { timeout: minutes }, () => {
    const { value } = run(["precisions"], { ADJOINT_STAND_IN: "capability=75" });
    expect(value).toMatchObject({ differs: false, isSameAgain: true });
  });

  test("gradients and optimizers follow the precision", { timeout: minutes }, () => {
    expect(run(["recorded"], { ADJOINT_STAND_IN: "capability=80" }).value).toEqual({
      gradients: { changes: true, returns: true },
      updates: { changes: true, returns: true },
    });
  });

  test("cuBLAS gives what the CPU gives", { timeout: 5 * minutes }, () => {
    const { value, lines } = run(["shapes"], { ADJOINT_CUBLAS: blas });
    expect(value).toEqual({ wrong: [], product: 5 });
    // All ways of saying a product have been taken; so has our own kernel, by what cuBLAS cannot say.
    const said = gemms(lines);
    expect(said.length).toBeGreaterThan(300);
    expect(said.length).toBeLessThan(1200);
    for (const ops of ["nn", "nt", "tn", "tt"])
      for (const type of ["type 0 compute 68", "type 1 compute 70"])
        expect(said.some((line) => line.startsWith(`gemm ${ops} `) && line.endsWith(type))).toBe(true);
    expect(said.some((line) => /batch [2-9]\d* stride 0 /.test(line))).toBe(true);
    expect(said.some((line) => /batch [2-9]\d* stride [1-9]\d* 0 /.test(line))).toBe(true);
    expect(said.some((line) => /batch 6 stride [1-9]\d* [1-9]\d* /.test(line))).toBe(true);
    // Begun once, with its workspace, and ended.
    expect(lines.filter((line) => !line.startsWith("gemm"))).toEqual([
      "create",
      "workspace 4194304",
      "destroy",
    ]);
  });

  test("cuBLAS has a larger workspace on newer GPUs", { timeout: minutes }, () => {
    const settings = { ADJOINT_CUBLAS: blas, ADJOINT_STAND_IN: "capability=90" };
    expect(run(["repeated", "cublas"], settings).lines).toContain("workspace 33554432");
  });

  test("cuBLAS rounds when it may", { timeout: minutes }, () => {
    const computed = (capability: string) =>
      gemms(
        run(["rounded"], { ADJOINT_CUBLAS: blas, ADJOINT_STAND_IN: `capability=${capability}` }).lines,
      ).map((line) => line.slice(line.indexOf("type")));
    expect(computed("80")).toEqual(["type 0 compute 77", "type 1 compute 70", "type 0 compute 68"]);
  });

  test("runs with cuBLAS become no CUDA graphs, others do", { timeout: minutes }, () => {
    const settings = { ADJOINT_CUBLAS: blas, ADJOINT_STAND_IN: "count" };
    const launched = (library: string) =>
      Number(/graph launches (\d+)/.exec(run(["repeated", library], settings).stderr)![1]);
    expect(launched("cublas")).toBe(0);
    expect(launched("default")).toBeGreaterThan(0);
  });

  describe("cuBLAS is found", () => {
    test.each([
      ["where ADJOINT_CUBLAS says", { ADJOINT_CUBLAS: blas }],
      ["among what the process has loaded", { LD_PRELOAD: blas }],
      ["where the system looks", { LD_LIBRARY_PATH: folder }],
    ])("%s", (_, settings) => {
      expect(run(["asked"], settings).value).toEqual({ present: "cublas" });
    });

    const install =
      "Install it, for example by `pip install nvidia-cublas-cu12`, and set ADJOINT_CUBLAS to the path of its " +
      "libcublas.so";
    test.each<[string, Record<string, string>, RegExp]>([
      [
        "nowhere",
        {},
        /it was not found; tried libcublas\.so\.13, libcublas\.so\.12, libcublas\.so\.11 \(libcublas\.so\.11: .+\)\. /,
      ],
      [
        "only for newer drivers",
        { ADJOINT_STAND_IN: "driver=11040", LD_LIBRARY_PATH: folder },
        /it was not found; tried libcublas\.so\.11 \(libcublas\.so\.11: .+\)\. .*nvidia-cublas-cu11/,
      ],
      [
        "not where ADJOINT_CUBLAS says",
        { ADJOINT_CUBLAS: "/nowhere/libcublas.so" },
        /ADJOINT_CUBLAS names a library that could not be opened: .*\/nowhere\/libcublas\.so/,
      ],
      [
        "to be something else",
        { ADJOINT_CUBLAS: "libm.so.6" },
        /the library has no cublasCreate_v2; it must be libcublas\.so of CUDA 11 or newer/,
      ],
    ])("%s: says so, and all stays as it was", (where, settings, message) => {
      const { value } = run(["asked"], settings);
      expect(value).toMatchObject({ code: "ERR_CUBLAS", present: "default" });
      const said = (value as { message: string }).message;
      expect(said).toMatch(/^cuBLAS cannot be used: /);
      expect(said).toMatch(message);
      if (where === "nowhere") expect(said).toContain(install);
    });
  });

  test.each([
    ["start:1", "starting", "CUBLAS_STATUS_NOT_INITIALIZED (1)"],
    ["start:3", "starting", "CUBLAS_STATUS_ALLOC_FAILED (3)"],
    ["13:0", "multiplying", "CUBLAS_STATUS_EXECUTION_FAILED (13)"],
    ["99:0", "multiplying", "status 99"],
  ])("cuBLAS failing by %s is an error, and nothing else", { timeout: minutes }, (fails, doing, status) => {
    const { value } = run(["failing"], { ADJOINT_CUBLAS: blas, ADJOINT_BLAS_FAILS: fails });
    const { messages, without } = value as { messages: string[]; without: unknown };
    expect(messages).toHaveLength(2);
    for (const message of messages) {
      expect(message).toMatch(new RegExp(`^ERR_CUBLAS: cuBLAS: ${doing} failed on cuda:0 \\(.+\\): `));
      expect(message).toContain(`${status}; cuda.preferredBlasLibrary("default") does without cuBLAS`);
    }
    expect(without).toEqual([[5]]);
  });

  test("cuBLAS failing when others have run loses the device", { timeout: minutes }, () => {
    const { value } = run(["failingLate"], { ADJOINT_CUBLAS: blas, ADJOINT_BLAS_FAILS: "13:0" });
    for (const message of value as string[])
      expect(message).toMatch(
        /^ERR_GPU_FATAL: cuda:0 .*: CUBLAS_STATUS_EXECUTION_FAILED \(13\) while launching kernels, of which others were/,
      );
  });
});
