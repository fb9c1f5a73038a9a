// Runs the tests that compute under every mode of the engine: without fusion, on several numbers of threads, with
// every instruction set that the machine has, and on a GPU that the stand-in for its driver simulates. Names of modes as
// arguments choose among them.
import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { computingTests, failuresOf, printFailures, runTests } from "./computing-tests.mjs";

const modes = {
  "fusion-off": { ADJOINT_FUSION: "0" },
  "threads-1": { ADJOINT_NUM_THREADS: "1" },
  "threads-2": { ADJOINT_NUM_THREADS: "2" },
  "threads-4": { ADJOINT_NUM_THREADS: "4" },
  portable: { ADJOINT_ISA: "portable" },
  v2: { ADJOINT_ISA: "v2" },
  v3: { ADJOINT_ISA: "v3" },
  v4: { ADJOINT_ISA: "v4" },
  "stand-in": {
    ADJOINT_DEVICE: "cuda",
    ADJOINT_CUDA_DRIVER: resolve("build/cmake/stand-in/libcuda.so.1"),
    ADJOINT_STAND_IN: "devices=2",
  },
};

const wanted = process.argv.slice(2);
for (const name of wanted) {
  if (name in modes) continue;
  console.error(`there is no mode ${name}; there are ${Object.keys(modes).join(", ")}`);
  process.exit(2);
}

const run = (program, env) =>
  spawnSync(process.execPath, ["--input-type=module", "-e", program], {
    env: { ...process.env, ...env },
    encoding: "utf8",
  });
let hasFailed = false;
for (const [name, env] of Object.entries(modes)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  if (name === "stand-in") {
    const built = spawnSync("cmake", ["--build", "build/cmake", "--target", "cuda_stand_in", "--parallel"], {
      encoding: "utf8",
    });
    if (built.status !== 0) {
      hasFailed = true;
      console.log(`${name}: the stand-in could not be built\n${built.stdout}${built.stderr}`);
      continue;
    }
    const reason = run(
      'import { cuda } from "adjoint"; console.log(cuda.state().hasCode ? "" : cuda.unavailableReason())',
      env,
    ).stdout.trim();
    if (reason !== "") {
      console.log(`${name}: skipped, ${reason}`);
      continue;
    }
  }
  const start = run('import "adjoint"', env);
  if (start.status !== 0) {
    const isAbsent = start.stderr.includes("this machine runs");
    hasFailed ||= !isAbsent;
    console.log(`${name}: ${isAbsent ? "skipped, the machine does not have it" : start.stderr}`);
    continue;
  }
  const { status, report, output, seconds } = await runTests(computingTests, env);
  if (report === null) {
    console.log(`${name}: no report\n${output}`);
    hasFailed = true;
    continue;
  }
  const { numPassedTests, numPendingTests, numFailedTests } = report;
  console.log(
    `${name}: ${numPassedTests} passed, ${numPendingTests} skipped, ${numFailedTests} failed (${seconds.toFixed(0)} s)`,
  );
  if (status === 0) continue;
  hasFailed = true;
  printFailures(failuresOf(report));
}
process.exit(hasFailed ? 1 : 0);
