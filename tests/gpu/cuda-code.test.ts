// The kernels for CUDA: ptxas takes every module, for every generation of GPUs, and on a driver they give what
// the CPU gives. Needs no GPU: ADJOINT_CUDA_DRIVER may name a library that stands in for the driver.
import { execFile, execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const build = join(root, "build", "cmake");
const minutes = 60_000;
const generations = ["sm_75", "sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120"];

const answers = (program: string) => spawnSync(program, ["--version"]).status === 0;
const ptxas = ["ptxas", "/usr/local/cuda/bin/ptxas", `${process.env.CUDA_PATH ?? ""}/bin/ptxas`].find(
  answers,
);

const program = (() => {
  if (!existsSync(join(build, "CMakeCache.txt"))) return undefined;
  execFileSync("cmake", ["--build", build, "--target", "cuda_code"], { stdio: "pipe" });
  const built = join(build, "cuda_code");
  return spawnSync(built, ["--write"]).status === 3 ? undefined : built; // without nvcc
})();

const driver = process.env.ADJOINT_CUDA_DRIVER;
const reason = program ? "" : " (skipped: the addon has not been built here, or without nvcc)";

describe.skipIf(!program)(`kernels for CUDA${reason}`, () => {
  test.skipIf(!ptxas)(
    `are modules that ptxas takes${ptxas ? "" : " (skipped: no ptxas)"}`,
    { timeout: 15 * minutes },
    async () => {
      const folder = mkdtempSync(join(tmpdir(), "adjoint-ptx-"));
      try {
        const { status, stdout, stderr } = spawnSync(program!, ["--write", folder, "40"], {
          encoding: "utf8",
        });
        expect(status, stdout + stderr).toBe(0);
        const modules = readdirSync(folder);
        expect(modules.length).toBeGreaterThan(300);
        // A module is for the generation that it names, and those that came later: it is assembled for the first and
        // the last of them, and for those between in turn.
        const number = (generation: string) => Number(generation.slice(3));
        const work = modules.flatMap((module, i) => {
          const text = readFileSync(join(folder, module), "utf8");
          const target = number(/\.target (sm_\d+)/.exec(text)![1]!);
          const fitting = generations.filter((generation) => number(generation) >= target);
          const last = fitting.length - 1;
          return fitting
            .filter((_, k) => k === 0 || k === last || (k - i) % (last - 1) === 0)
            .map((generation) => ({ module, generation }));
        });
        expect(new Set(work.map(({ generation }) => generation)).size).toBe(generations.length);
        const refused: string[] = [];
        const assemble = promisify(execFile);
        const worker = async () => {
          for (let next = work.pop(); next; next = work.pop()) {
            const { module, generation } = next;
            const options = [`-arch=${generation}`, join(folder, module), "-o", "/dev/null"];
            await assemble(ptxas!, options).catch((error: unknown) =>
              refused.push(`${module}: ${String(error)}`),
            );
          }
        };
        await Promise.all(Array.from({ length: availableParallelism() }, worker));
        expect(refused).toEqual([]);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  );

  test.skipIf(!driver)(
    `give what the CPU gives${driver ? "" : " (skipped: ADJOINT_CUDA_DRIVER names no driver)"}`,
    { timeout: 15 * minutes },
    () => {
      const { status, stdout, stderr } = spawnSync(program!, ["--run"], { encoding: "utf8" });
      expect(status, stdout + stderr).toBe(0);
    },
  );
});
