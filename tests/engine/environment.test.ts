import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { describe, expect, test } from "vitest";
import { startWorker } from "../helpers/workers.js";

const addon = "build/Release/adjoint.node";
const run = (script: string, ...flags: string[]) =>
  spawnSync(process.execPath, [...flags, "--input-type=module", "-e", script], { encoding: "utf8" });

const start = (data: { seed: number; steps?: number }) => startWorker("worker.mjs", data);

const goldens = JSON.parse(readFileSync("tests/goldens/notebook.json", "utf8")) as {
  cases: { name: string; dtype: string; points: number[][] }[];
};
const adam = goldens.cases.find(({ name, dtype }) => name.startsWith("Adam") && dtype === "float32")!;
const steps = adam.points.length - 1;
const expected = adam.points[steps]![0]!;

describe("worker threads", () => {
  test("compute side by side, each with an engine of its own", async () => {
    const runs = [start({ seed: 1, steps }), start({ seed: 1, steps }), start({ seed: 2, steps })];
    expect(await Promise.all(runs.map((one) => one.ended))).toEqual([0, 0, 0]);
    const [first, second, third] = runs.map((one) => one.messages.at(-1) as { x: number; draw: number[] });
    expect(first!.x).toBeCloseTo(expected, 5);
    expect(second).toEqual(first);
    expect(third!.draw).not.toEqual(first!.draw);
  });

  test("can be terminated in the middle of a loop, again and again", { timeout: 120_000 }, async () => {
    for (let i = 0; i < 20; ++i) {
      const { worker, started } = start({ seed: i });
      await started;
      await worker.terminate();
    }
    const last = start({ seed: 0, steps });
    expect(await last.ended).toBe(0);
    expect((last.messages.at(-1) as { x: number }).x).toBeCloseTo(expected, 5);
  });
});

describe("the process", () => {
  test("runs with frozen intrinsics and without __proto__", () => {
    const { status, stderr } = run(
      `import { tensor } from "adjoint"; if (tensor([1]).add(1).item() !== 2) process.exit(1);`,
      "--frozen-intrinsics",
      "--disable-proto=throw",
    );
    expect(stderr.replaceAll(/.*ExperimentalWarning.*\n.*--trace-warnings.*\n/g, "")).toBe("");
    expect(status).toBe(0);
  });

  test("says what to do when native addons are not allowed", () => {
    const { status, stderr } = run(`import "adjoint";`, "--experimental-permission", "--allow-fs-read=*");
    expect(status).toBe(1);
    expect(stderr).toContain("add --allow-addons");
  });
});

describe("the module", () => {
  test("is one and the same by import and by require", () => {
    const { stdout, stderr } = run(`
      import { createRequire } from "node:module";
      import * as imported from "adjoint";
      import * as plot from "adjoint/plot";
      const required = createRequire(import.meta.url)("adjoint");
      console.log(required.Tensor === imported.Tensor, required.tensor([1]) instanceof imported.Tensor, typeof plot.figure);`);
    expect(stdout, stderr).toBe("true true function\n");
  });

  test("reaches from CommonJS", () => {
    const { stdout } = spawnSync(
      process.execPath,
      ["--input-type=commonjs", "-e", `console.log(String(require("adjoint").tensor([1.5])))`],
      { encoding: "utf8" },
    );
    expect(stdout).toBe("tensor([1.5000])\n");
  });
});

describe.runIf(process.platform === "linux" && existsSync("/usr/bin/readelf"))("the addon", () => {
  const readelf = (...flags: string[]) => execFileSync("readelf", [...flags, addon], { encoding: "utf8" });

  test("is hardened", () => {
    const headers = readelf("-lW");
    expect(headers).toContain("GNU_RELRO");
    expect(headers).toMatch(/GNU_STACK\s+\S+\s+\S+\s+\S+\s+\S+\s+\S+\s+RW\s/);
    const dynamic = readelf("-dW");
    expect(dynamic).toMatch(/BIND_NOW|FLAGS.*NOW/);
    expect(dynamic).not.toMatch(/TEXTREL|RPATH|RUNPATH/);
    // glibc's checked functions, where the compiler knows a size.
    expect(readelf("--dyn-syms", "-W")).toMatch(/UND __\w+_chk@GLIBC/);
  });

  // IBT and SHSTK are marked where every object has the note; libstdc++'s archive may lack it (docs/reliability.md).
  test("is compiled for control-flow protection", () => {
    const code = execFileSync("objdump", ["-d", "--no-show-raw-insn", "-j", ".text", addon], {
      encoding: "utf8",
      maxBuffer: 2 ** 30,
    });
    if (process.arch === "x64") expect(code.split("endbr64").length).toBeGreaterThan(5000);
  });

  test("asks for no later C library than the documentation says", () => {
    const versions = [...readelf("-VW").matchAll(/GLIBC_(\d+)\.(\d+)/g)].map(
      ([, major, minor]) => Number(major) * 1000 + Number(minor),
    );
    const documented = /glibc (\d+)\.(\d+)/.exec(readFileSync("docs/reliability.md", "utf8"))!;
    expect(Math.max(...versions)).toBeLessThanOrEqual(Number(documented[1]) * 1000 + Number(documented[2]));
  });

  test("needs nothing but the C library", () => {
    const needed = [...readelf("-dW").matchAll(/NEEDED.*\[(.*?)\]/g)].map(([, name]) => name);
    for (const name of needed) expect(name).toMatch(/^(libc|libm|libpthread|libdl|ld-linux.*)\.so/);
  });

  test("exports Node-API's entries alone", () => {
    const exported = readelf("--dyn-syms", "-W")
      .split("\n")
      .filter((line) => / (GLOBAL|WEAK|UNIQUE) /.test(line) && !line.includes(" UND "))
      .map((line) => line.trim().split(/\s+/)[7]);
    expect(exported.sort()).toEqual(["napi_register_module_v1", "node_api_module_get_api_version_v1"]);
  });

  test("is found by the loader", () => {
    const path = (createRequire(import.meta.url)("node-gyp-build") as { path(folder: string): string }).path(
      ".",
    );
    expect(path).toMatch(/adjoint\.node$/);
  });
});

test.each([
  ["ADJOINT_ISA", "v9", "ADJOINT_ISA is v9; this machine runs: portable"],
  ["ADJOINT_FUSION", "off", 'ADJOINT_FUSION is "off"; expected 0 or 1'],
  ["ADJOINT_NUM_THREADS", "two", 'ADJOINT_NUM_THREADS is "two"; expected a whole number from 1 to 1024'],
  ["ADJOINT_MAX_BYTES", "4T", 'ADJOINT_MAX_BYTES is "4T"; expected a whole number from 1 to'],
])("%s=%s is refused", (name, value, message) => {
  const { status, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", 'import "adjoint"'], {
    encoding: "utf8",
    env: { ...process.env, [name]: value },
  });
  expect(stderr).toContain(message);
  expect(stderr).toContain("ERR_OPTION");
  expect(status).toBe(1);
});
