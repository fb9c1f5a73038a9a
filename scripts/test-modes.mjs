// Runs the tests that compute under every mode of the engine: without fusion, on several numbers of threads, with
// every instruction set that the machine has, and on a GPU that the stand-in for its driver simulates. Names of modes as
// arguments choose among them.
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { resolve } from "node:path";

const elsewhere = /^(bench|cuda-.*|examples|modes|native|plot|readme)$/;
const files = readdirSync("tests")
  .filter((name) => name.endsWith(".test.ts") && !elsewhere.test(name.replace(".test.ts", "")))
  .map((name) => `tests/${name}`);

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

const node = (args, env) =>
  spawnSync(process.execPath, args, {
    env: { ...process.env, ...env },
    encoding: "utf8",
    maxBuffer: 2 ** 28,
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
    const why =
      'import { cuda } from "adjoint"; console.log(cuda.state().hasCode ? "" : cuda.unavailableReason())';
    const reason = node(["--input-type=module", "-e", why], env).stdout.trim();
    if (reason !== "") {
      console.log(`${name}: skipped, ${reason}`);
      continue;
    }
  }
  const start = node(["--input-type=module", "-e", 'import "adjoint"'], env);
  if (start.status !== 0) {
    const isAbsent = start.stderr.includes("this machine runs");
    hasFailed ||= !isAbsent;
    console.log(`${name}: ${isAbsent ? "skipped, the machine does not have it" : start.stderr}`);
    continue;
  }
  const began = Date.now();
  const { status, stdout, stderr } = node(
    ["node_modules/vitest/vitest.mjs", "run", "--reporter=json", "--testTimeout=300000", ...files],
    env,
  );
  const seconds = ((Date.now() - began) / 1000).toFixed(0);
  let report;
  try {
    report = JSON.parse(stdout.slice(stdout.indexOf('{"numTotalTestSuites"')));
  } catch {
    console.log(`${name}: no report\n${stdout}${stderr}`);
    hasFailed = true;
    continue;
  }
  const { numPassedTests, numPendingTests, numFailedTests, testResults } = report;
  console.log(
    `${name}: ${numPassedTests} passed, ${numPendingTests} skipped, ${numFailedTests} failed (${seconds} s)`,
  );
  if (status === 0) continue;
  hasFailed = true;
  for (const { name: file, message, assertionResults } of testResults) {
    if (message) console.log(`  ${file}: ${message}`);
    for (const { status, fullName, failureMessages } of assertionResults)
      if (status === "failed") console.log(`  ${fullName}\n    ${failureMessages.join("\n").slice(0, 600)}`);
  }
}
process.exit(hasFailed ? 1 : 0);
