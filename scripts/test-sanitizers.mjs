// Builds the addon with the compiler's checks and runs with it what computes: random programs over the public API, every
// entry with hostile values, and the tests. Each check has to find a planted bug first. As arguments: which checks (address,
// undefined and thread; without any: the first two at once), and --long for more of everything.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { computingTests, failuresOf, printFailures, runTests } from "./computing-tests.mjs";

const { values, positionals } = parseArgs({ options: { long: { type: "boolean" } }, allowPositionals: true });
const isLong = values.long === true;
const library = (name) =>
  spawnSync("g++", [`-print-file-name=lib${name}.so`], { encoding: "utf8" }).stdout.trim();

const address = {
  libraries: ["asan"],
  env: {
    // Node keeps what it has until it ends. Allocations that are too large are to be errors of the library's own.
    ASAN_OPTIONS: "detect_leaks=0:allocator_may_return_null=1:alloc_dealloc_mismatch=0",
  },
  planted: ["read beyond a block", "read after free"],
};
const undefinedBehavior = {
  libraries: ["ubsan"],
  env: { UBSAN_OPTIONS: "print_stacktrace=1:halt_on_error=1" },
  planted: ["shift too far"],
};
const kinds = {
  address,
  undefined: undefinedBehavior,
  "address,undefined": {
    libraries: [...address.libraries, ...undefinedBehavior.libraries],
    env: { ...address.env, ...undefinedBehavior.env },
    planted: [...address.planted, ...undefinedBehavior.planted],
  },
  thread: {
    libraries: ["tsan"],
    env: { TSAN_OPTIONS: "report_signal_unsafe=0:ignore_noninstrumented_modules=1:halt_on_error=1" },
    planted: ["race"],
    // Its shadow of the memory does not fit beside addresses that are drawn at random.
    command: ["setarch", "-R"],
    // The rest has no threads beside the calling one.
    tests: ["tests/engine/asynchronous.test.ts", "tests/engine/exits.test.ts", "tests/engine/fusion.test.ts"],
  },
};
/**
 * Tests of how much memory the process has, where freed blocks stay here; of programs that run here by themselves; and, but
 * for --long, those that start many processes, each of which loads the addon anew.
 */
const elsewhere = ["memory", "fuzz", ...(isLong ? [] : ["exits", "limits"])].map(
  (name) => `tests/engine/${name}.test.ts`,
);

let hasFailed = false;
const report = (text, isRight) => {
  console.log(`${isRight ? "" : "FAILED: "}${text}`);
  hasFailed ||= !isRight;
};

for (const name of positionals.length > 0 ? positionals : ["address,undefined"]) {
  const kind = kinds[name];
  if (!kind) {
    console.error(`there is no check ${name}; there are ${Object.keys(kinds).join(", ")}`);
    process.exit(2);
  }
  const libraries = kind.libraries.map(library);
  if (process.platform !== "linux" || !libraries.every((file) => existsSync(file))) {
    console.log(`${name}: skipped, the compiler has no library for it`);
    continue;
  }
  const built = spawnSync(process.execPath, ["scripts/build-native.mjs", "--sanitize", name], {
    encoding: "utf8",
  });
  if (built.status !== 0) {
    report(`${name}: the addon could not be built\n${built.stdout}${built.stderr}`, false);
    continue;
  }
  const folder = resolve(`build/sanitize-${name.replace(",", "-")}`);
  const env = { ...process.env, ...kind.env, LD_PRELOAD: libraries.join(" "), ADJOINT_PREBUILD: folder };
  const command = [...(kind.command ?? []), process.execPath];
  const node = (args, more = {}) =>
    spawnSync(command[0], [...command.slice(1), "--no-warnings", ...args], {
      env: { ...env, ...more },
      encoding: "utf8",
      maxBuffer: 2 ** 26,
    });

  const plant = `require(${JSON.stringify(`${folder}/planted_bugs.node`)}).plant(process.argv[1])`;
  for (const bug of kind.planted) {
    const { status, stderr } = node(["-e", plant, bug]);
    report(`${name}: finds a planted ${bug}`, status !== 0 && /Sanitizer|runtime error/.test(stderr));
  }
  report(`${name}: finds nothing where nothing is planted`, node(["-e", plant, "nothing"]).status === 0);

  const programs = { "fuzz.mjs": ["--programs", isLong ? "2000" : "100"] };
  programs["fuzz-entries.mjs"] = ["--calls", isLong ? "200000" : "10000"];
  const seed = isLong ? String(Date.now() % 1e6) : "1";
  for (const [program, args] of Object.entries(programs)) {
    const words = ["--expose-gc", `tests/programs/${program}`, "--seed", seed, ...args];
    const { status, stderr } = node(words, { ADJOINT_MAX_BYTES: "256M" });
    report(`${name}: ${program} ${words.slice(2).join(" ")}\n${stderr}`.trim(), status === 0);
  }

  const files = kind.tests ?? computingTests.filter((file) => !elsewhere.includes(file));
  const { status, report: result, output, seconds } = await runTests(files, env, { command });
  if (result === null) {
    report(`${name}: no report of the tests\n${output}`, false);
    continue;
  }
  const { numPassedTests, numPendingTests, numFailedTests } = result;
  report(
    `${name}: ${numPassedTests} passed, ${numPendingTests} skipped, ${numFailedTests} failed (${seconds.toFixed(0)} s)`,
    status === 0,
  );
  printFailures(failuresOf(result));
}
process.exit(hasFailed ? 1 : 0);
