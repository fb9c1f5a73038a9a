// Benchmarks and tests for a GPU, on the stand-in for its driver: that they run, and what they report. Nothing that
// is timed here means anything.
import { execFile, spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { cuda } from "adjoint";
import type { Gpu } from "../../bench/gpu.js";
import type { Result } from "../../bench/harness.js";
import type { Machine } from "../../bench/machine.js";
import { publishSaved } from "../../bench/report.js";
import type { Verdict } from "../../bench/table.js";
import { workloadsOn } from "../../bench/workloads/index.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const build = join(root, "build", "cmake");
const standIn = join(build, "stand-in", "libcuda.so.1");
const listed = spawnSync("cmake", ["--build", build, "--target", "help"], { encoding: "utf8" });
// ENOENT leaves no output at all.
const targets = (listed.stdout as string | null) ?? "";
const reason = !cuda.state().hasCode
  ? " (skipped: the addon was built without kernels for GPUs)"
  : !/\bcuda_stand_in\b/.test(targets)
    ? " (skipped: the stand-in for the driver cannot be built here)"
    : "";

const folder = mkdtempSync(join(tmpdir(), "adjoint-bench-gpu-"));
afterAll(() => rmSync(folder, { recursive: true }));

interface Outcome {
  status: number;
  stdout: string;
  stderr: string;
}

/** Runs a script of the package as a process whose driver is the stand-in. */
async function run(script: string, words: string[], changes: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  // Not as a part of these tests: vitest's own variables would make it one.
  const inherited = Object.entries(process.env).filter(([name]) => !/^(VITEST|ADJOINT_|CUDA_)/.test(name));
  const env = { ...Object.fromEntries(inherited), ADJOINT_CUDA_DRIVER: standIn, ...changes };
  const options = { env, cwd: folder, maxBuffer: 2 ** 26 };
  return promisify(execFile)(process.execPath, [join(root, script), ...words], options).then(
    (output) => ({ status: 0, ...output }),
    (error: unknown) => {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
      return { status: code, stdout, stderr };
    },
  );
}
const bench = (words: string[], changes?: NodeJS.ProcessEnv) => run("dist/bench/run.js", words, changes);
const testGpu = (words: string[], changes?: NodeJS.ProcessEnv) => run("scripts/test-gpu.mjs", words, changes);

const json = (file: string): unknown => JSON.parse(readFileSync(join(folder, file), "utf8"));
const today = new Date().toISOString().slice(0, 10);

test("benchmarks on a GPU need no package", () => {
  const files = readdirSync(join(root, "dist", "bench"), { recursive: true, encoding: "utf8" });
  const modules = files.filter((file) => file.endsWith(".js"));
  expect(modules.length).toBeGreaterThan(15);
  for (const file of modules) {
    const text = readFileSync(join(root, "dist", "bench", file), "utf8");
    const imported = [...text.matchAll(/^(?:import|export) (?:[^;=]* from )?"([^"]+)";$/gm)].map(
      (match) => match[1],
    );
    expect(
      imported.filter((name) => !/^(\.|node:|adjoint$)/.test(name!)),
      file,
    ).toEqual([]);
  }
});

describe.skipIf(reason)(`npm run bench:gpu${reason}`, () => {
  beforeAll(() => {
    const { status, stderr } = spawnSync("cmake", ["--build", build, "--target", "cuda_stand_in"], {
      encoding: "utf8",
    });
    expect(status, stderr).toBe(0);
  }, 600_000);

  describe("a run of everything", () => {
    interface Report {
      date: string;
      gpu: Gpu;
      machine: Machine;
      copyBytesPerSecond: number;
      versions: Record<string, string>;
      results: Result[];
      verdicts: Verdict[];
      failures: string[];
    }
    let outcome: Outcome;
    let report: Report;
    const file = `all-cuda-tiny-${today}.json`;
    beforeAll(async () => {
      outcome = await bench(["--device", "cuda:1", "--tiny", "--repeat", "2", "--out", "kept"], {
        ADJOINT_STAND_IN: "devices=2,count",
        ADJOINT_COMMIT: "told",
      });
      expect(outcome.status, outcome.stdout + outcome.stderr).toBe(0);
      report = json(`kept/${file}`) as Report;
    }, 300_000);

    it("measures all cases that are for GPUs", () => {
      const expected = workloadsOn("cuda", "tiny").flatMap(({ workload, cases }) =>
        cases.map(({ label }) => [workload.name, label]),
      );
      expect(report.failures).toEqual([]);
      expect(report.results.map(({ workload, size }) => [workload, size])).toEqual(expected);
      for (const { measurements } of report.results) {
        expect(measurements[0]!.peer).toBe("adjoint");
        for (const { seconds } of measurements) {
          expect(seconds).toHaveLength(2);
          for (const one of seconds) expect(one).toBeGreaterThan(0);
        }
      }
    });

    it("computes on the GPU", () => {
      const launches = /stand-in: launches (\d+)/.exec(outcome.stderr)?.[1];
      expect(Number(launches)).toBeGreaterThan(50);
    });

    it("tells of the GPU, the driver, and the day", () => {
      expect(report.date).toBe(today);
      expect(report.gpu).toEqual({
        device: "cuda:1",
        name: "Stand-in 1",
        capability: "7.5",
        multiprocessors: expect.any(Number) as number,
        memoryGiB: 8,
        pciBusId: expect.stringMatching(/^\w+:\w+:/) as string,
        uuid: expect.stringMatching(/^GPU-/) as string,
        driver: standIn,
        cuda: "13.0",
      });
      expect(outcome.stdout).toMatch(/^Stand-in 1, \d+ multiprocessors, 8 GiB, capability 7\.5, driver \S+ for CUDA 13\.0; /); // prettier-ignore
      expect(report.machine.commit).toBe("told");
      expect(report.versions).toEqual({});
    });

    it("tells bandwidths beside that of a copy", () => {
      const [copy, adam] = ["copy", "adam"].map((name) =>
        report.results.find(({ workload }) => workload === name),
      );
      const middle = (result: Result) => {
        const { seconds } = result.measurements[0]!;
        return (seconds[0]! + seconds[1]!) / 2;
      };
      expect(report.copyBytesPerSecond).toBeCloseTo(800 / middle(copy!), 3);
      expect(adam!.bytes).toBe(2800);
      const part = Math.round((100 * 2800) / middle(adam!) / report.copyBytesPerSecond);
      expect(outcome.stdout).toMatch(new RegExp(`^adam +100 .* MB/s, ${part} % of copy`, "m"));
      expect(outcome.stdout).toMatch(/ours \/ theirs +bandwidth +targets$/m);
    });

    it("times first steps in processes of their own", () => {
      const peers = ["adjoint", "adjoint GPU ready", "adjoint next step"];
      const first = report.results.filter(({ workload }) => workload === "first-run");
      expect(first.map(({ size }) => size)).toEqual(["nothing compiled yet", "in a second process"]);
      for (const { measurements } of first) expect(measurements.map(({ peer }) => peer)).toEqual(peers);
      const targets = report.verdicts.filter(({ workload }) => workload === "first-run");
      expect(targets.map(({ target }) => target)).toEqual(["must 300 ms", "aim 100 ms", "aim 20.0 ms"]);
    });

    it("can be put into a page later", () => {
      const page = join(folder, "page.md");
      writeFileSync(page, "<!-- table -->\nCPU\n<!-- end of table -->\n<!-- GPU table -->\n<!-- end of GPU table -->\n"); // prettier-ignore
      publishSaved(join(folder, "kept", file), page);
      const text = readFileSync(page, "utf8");
      expect(text).toContain("<!-- table -->\nCPU\n<!-- end of table -->");
      expect(text).toContain(`<!-- GPU table -->\n${today}. Stand-in 1, `);
      const rows = text.split("\n").filter((line) => line.startsWith("| "));
      expect(new Set(rows.map((row) => row.split(" | ").length))).toEqual(new Set([8]));
      const measured = report.results.flatMap(({ measurements }) => measurements);
      expect(rows).toHaveLength(1 + measured.length);
    });
  });

  it("measures the copy whatever it is asked for", async () => {
    const { stdout } = await bench(["--device", "cuda", "--tiny", "--only", "adam-lists"]);
    expect(stdout.match(/^\S+ +\S.* {2}adjoint /gm)).toHaveLength(2);
    expect(stdout).toMatch(/^copy .*^adam-lists .* % of copy/ms);
  });

  it("lists what there is for GPUs", async () => {
    const { stdout } = await bench(["--device", "cuda", "--list"], { ADJOINT_CUDA_DRIVER: "/nowhere" });
    expect(stdout).toMatch(/^adam: .*\n {4}1e5; 1e6; 4e6; 1e8$/m);
    expect(stdout).toMatch(/^reductions: .*\n {4}sum all, 12207 x 8192; softmax dim 1, 12207 x 8192$/m);
    expect(stdout).not.toContain("matmul: ");
  });

  it.each([
    [["--device", "gpu"], /bench: device: a device is "cpu", "cuda" or "cuda:1" .*got the string "gpu"/],
    [["--device", "cuda:7"], /bench: there is no device cuda:7; there is cuda:0/],
    [["--device"], /'--device <value>' argument missing[^]*Usage/],
    [["--device", "cuda", "--only", "matmul"], /no workload for cuda is called matmul; --list[^]*Usage/],
    [["--tiny", "--quick"], /--tiny and --quick exclude each other[^]*Usage/],
    [["--tiny", "--save"], /--save keeps figures, and tiny sizes give none; see --out[^]*Usage/],
    [["--publish", "nothing.json"], /bench: nothing\.json cannot be published: ENOENT/],
  ])("refuses %j", async (words, message) => {
    const { status, stderr } = await bench(words);
    expect(stderr).toMatch(message);
    expect(status).toBe(1);
  });

  it("says why there is no GPU", async () => {
    const { status, stderr } = await bench(["--device", "cuda", "--tiny"], {
      ADJOINT_CUDA_DRIVER: "/nowhere",
    });
    expect(stderr).toMatch(/^bench: CUDA is not available: .*\/nowhere/);
    expect(status).toBe(1);
  });
});

describe.skipIf(reason)(`npm run test:gpu${reason}`, () => {
  interface Summary {
    date: string;
    gpu: Gpu;
    machine: object;
    sanitize?: { tool: string; findings: number };
    files: string[];
    passed: number;
    skipped: number;
    failed: number;
    isWell: boolean;
    failures: { file: string; test: string; message: string }[];
  }
  const file = "tests/api/random.test.ts";

  it("runs tests on the GPU, and keeps a summary", async () => {
    const { status, stdout } = await testGpu([file, "--out", "made/summary.json"]);
    expect(status, stdout).toBe(0);
    expect(stdout).toMatch(/^Stand-in 0, .* driver \S+ for CUDA 13\.0; \d{4}-\d\d-\d\dT/);
    const summary = json("made/summary.json") as Summary;
    expect(stdout).toContain(`${summary.passed} passed, 0 skipped, 0 failed (`);
    expect(summary).toMatchObject({
      date: expect.stringMatching(`^${today}T`) as string,
      gpu: { device: "cuda:0", name: "Stand-in 0", driver: standIn, cuda: "13.0" },
      machine: { node: process.version },
      files: [file],
      failed: 0,
      isWell: true,
      failures: [],
    });
    expect(summary.passed).toBeGreaterThan(5);
    expect(summary).not.toHaveProperty("sanitize");
  });

  it("tells what failed", async () => {
    const { status, stdout } = await testGpu([file, "--out", "failed.json"], {
      ADJOINT_STAND_IN: "sticky-after=1",
    });
    expect(status).toBe(1);
    const { failed, isWell, failures } = json("failed.json") as Summary;
    expect(isWell).toBe(false);
    expect(failed).toBeGreaterThan(0);
    expect(failures).toHaveLength(failed);
    expect(failures[0]!.file).toContain("random.test.ts");
    expect(stdout).toContain(failures[0]!.test);
  });

  describe("under compute-sanitizer", () => {
    // Stands in for it, too: it says how it was called, runs the program, and tells of errors.
    const bin = join(folder, "bin");
    const sanitizer = (errors: string) => {
      rmSync(bin, { recursive: true, force: true });
      spawnSync("mkdir", [bin]);
      const tool = join(bin, "compute-sanitizer");
      writeFileSync(tool, `#!/bin/sh\necho "called with $1 $2 $3 $4 $5 $6"\nshift 6\n"$@" || exit 1\n${errors}\n`); // prettier-ignore
      chmodSync(tool, 0o755);
      return { PATH: `${bin}:${process.env["PATH"]}` };
    };

    it.each(["memcheck", "racecheck"])("runs %s", async (tool) => {
      const words = [file, "--sanitize", tool, "--out", "sanitized.json"];
      const says = tool === "memcheck" ? "ERROR SUMMARY: 0 errors" : "RACECHECK SUMMARY: 0 hazards displayed";
      const { status, stdout } = await testGpu(words, sanitizer(`echo "========= ${says}"`));
      expect(stdout).toContain(`called with --tool ${tool} --target-processes all --error-exitcode 1`);
      expect(status, stdout).toBe(0);
      const { sanitize, isWell } = json("sanitized.json") as Summary;
      expect(sanitize).toEqual({ tool, findings: 0 });
      expect(isWell).toBe(true);
    });

    it("fails where something was found, though all tests pass", async () => {
      const words = [file, "--sanitize", "memcheck", "--out", "found.json"];
      const errors = 'echo "========= ERROR SUMMARY: 2 errors"; echo "========= ERROR SUMMARY: 1 error"';
      const { status } = await testGpu(words, sanitizer(errors));
      expect(status).toBe(1);
      const summary = json("found.json") as Summary;
      expect(summary).toMatchObject({ failed: 0, isWell: false, sanitize: { findings: 3 } });
    });

    it("does not take silence for a clean run", async () => {
      const { status, stderr } = await testGpu([file, "--sanitize", "memcheck"], sanitizer(""));
      expect(status).toBe(2);
      expect(stderr).toMatch(/compute-sanitizer has not said what it found/);
    });
  });

  it.each([
    [["--sanitize", "leakcheck"], /--sanitize is memcheck or racecheck, got leakcheck[^]*Usage/],
    [["--bogus"], /Unknown option '--bogus'[^]*Usage/],
    [["tests/none.test.ts"], /there is no tests\/none\.test\.ts[^]*Usage/],
    [["--sanitize", "memcheck"], /compute-sanitizer is not on the PATH; it comes with the CUDA toolkit/],
  ])("refuses %j", async (words, message) => {
    const { status, stderr } = await testGpu(words, { PATH: dirname(process.execPath) });
    expect(stderr).toMatch(message);
    expect(status).toBe(2);
  });

  it("says why there is no GPU", async () => {
    const { status, stderr } = await testGpu([], { ADJOINT_CUDA_DRIVER: "/nowhere" });
    expect(stderr).toMatch(/^test-gpu: CUDA is not available: .*\/nowhere/);
    expect(status).toBe(2);
  });
});
