import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const compiler = process.env.CXX ?? "g++";
const flags = ["-std=c++20", "-ffp-contract=off", "-fwrapv", "-fno-math-errno", "-fno-trapping-math"];
const minutes = 60_000;

// The builds for x86-64's levels, and what a processor must say of itself to run them.
const levels = {
  base: { march: [], needs: [] },
  v2: { march: ["-march=x86-64-v2"], needs: ["sse4_2", "popcnt"] },
  v3: { march: ["-march=x86-64-v3"], needs: ["avx2", "fma", "bmi2"] },
  v4: {
    march: ["-march=x86-64-v4", "-mprefer-vector-width=512"],
    needs: ["avx512f", "avx512vl", "avx512dq"],
  },
};
type Level = keyof typeof levels;
const allLevels = Object.keys(levels) as Level[];

const processorFlags = (() => {
  try {
    return new Set(/^flags\s*:(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1]?.split(" "));
  } catch {
    return new Set<string>(); // not Linux
  }
})();
const isX86 = process.arch === "x64";
const runs = (level: Level) => levels[level].needs.every((flag) => processorFlags.has(flag));

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "adjoint-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const compile = (options: string[], sources: string[], output: string) => {
  const files = sources.map((source) => (source.startsWith("/") ? source : join(root, source)));
  const include = ["-I", join(root, "native"), "-pthread"];
  execFileSync(compiler, [...flags, ...options, ...include, ...files, "-o", join(folder, output)]);
  return join(folder, output);
};
const run = (program: string, ...options: string[]) => {
  const { status, stdout, stderr } = spawnSync(program, options, { encoding: "utf8" });
  expect(status, stdout + stderr).toBe(0);
  return stdout;
};

describe("math", () => {
  const programs = new Map<Level, string>();
  const program = (level: Level) => {
    const known = programs.get(level);
    if (known) return known;
    const options = ["-O3", ...levels[level].march];
    const built = compile(options, ["tests/native/math_accuracy.cpp"], `math_${level}`);
    programs.set(level, built);
    return built;
  };

  // With and without fused multiply-adds, results differ; the bounds are the same.
  for (const level of allLevels)
    test.skipIf(!runs(level))(`is within its bounds on ${level}`, { timeout: 5 * minutes }, () => {
      run(program(level));
    });

  const runsBoth = runs("v3") && runs("v4");
  test.skipIf(!runsBoth)("gives the same bits on v3 and v4", { timeout: 5 * minutes }, () => {
    expect(run(program("v4"), "--hash")).toBe(run(program("v3"), "--hash"));
  });
});

describe("threads, memory and matrices", () => {
  test(
    "arrays are walked as accesses say, and passes need what they should",
    { timeout: 2 * minutes },
    () => {
      const sources = ["tests/native/walk.cpp", "native/device/walk.cpp", "native/device/passes.cpp"];
      run(compile(["-O2"], sources, "walk"));
    },
  );

  test("the pool runs every task once", { timeout: 2 * minutes }, () => {
    run(
      compile(
        ["-O2"],
        ["tests/native/pool.cpp", "native/cpu/pool.cpp", "native/device/environment.cpp"],
        "pool",
      ),
    );
  });

  test("the allocator gives blocks that are nobody else's", { timeout: 2 * minutes }, () => {
    run(
      compile(
        ["-O2"],
        ["tests/native/allocator.cpp", "native/cpu/allocator.cpp", "native/device/environment.cpp"],
        "allocator",
      ),
    );
  });

  test("matrix products have the bits that they are defined to have", { timeout: 5 * minutes }, () => {
    const built = (isX86 ? allLevels : (["base"] as Level[])).map((level) =>
      compile(
        ["-O3", "-c", ...levels[level].march],
        ["native/cpu/routines/matmul_simd.cpp"],
        `matmul_${level}.o`,
      ),
    );
    const sources = [
      "tests/native/matmul.cpp",
      "native/cpu/routines/matmul.cpp",
      "native/cpu/pool.cpp",
      "native/device/environment.cpp",
      "native/device/product.cpp",
    ];
    run(compile(["-O2"], [...sources, "native/cpu/allocator.cpp", ...built], "matmul"));
  });
});

const build = join(root, "build", "cmake");
const simdBuilds = existsSync(join(build, "CMakeFiles"))
  ? readdirSync(join(build, "CMakeFiles")).filter((name) => name.startsWith("simd_"))
  : [];

describe.skipIf(simdBuilds.length === 0)("kernels of the CPU", () => {
  test(
    "give what the steps say, for every instruction set and number of threads",
    { timeout: 300_000 },
    () => {
      execFileSync("cmake", ["--build", build, "--target", "cpu_kernels"], { stdio: "pipe" });
      const { status, stdout, stderr } = spawnSync(join(build, "cpu_kernels"), { encoding: "utf8" });
      expect(status, stdout + stderr).toBe(0);
    },
  );

  // The linker keeps one of several functions of the same name: one of a newer instruction set, perhaps.
  test.skipIf(process.platform !== "linux")("share no functions between instruction sets", () => {
    for (const name of simdBuilds) {
      const folder = join(build, "CMakeFiles", name, "native", "cpu");
      for (const object of readdirSync(folder).filter((file) => file.endsWith(".o"))) {
        const symbols = execFileSync("nm", ["--demangle", join(folder, object)], {
          encoding: "utf8",
          maxBuffer: 1 << 28,
        });
        const shared = symbols
          .split("\n")
          .filter((line) => / [WVu] /.test(line) && !/(::|_)isa_|__gxx_personality/.test(line));
        expect(shared, `${name}/${object}`).toEqual([]);
      }
    }
  });
});
