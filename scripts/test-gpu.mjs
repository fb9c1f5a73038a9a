// Runs the tests that compute on a GPU: node scripts/test-gpu.mjs, after a build. Needs no npm, so it runs where there
// are Node, the built package and node_modules alone.
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const usage = `Usage: node scripts/test-gpu.mjs [options] [files]
  files             tests to run, as in tests/api/rows.test.ts (all that compute)
  --sanitize TOOL   run small ones under compute-sanitizer: memcheck or racecheck
  --out FILE        where the summary goes (bench/results/tests-cuda-DATE.json)`;

const tools = ["memcheck", "racecheck"];
/** Files whose tensors are small enough for a GPU that is a hundred times slower. */
const small = ["gpu/devices", "api/goldens", "api/autograd", "api/rows", "optim/rules"].map(
  (name) => `tests/${name}.test.ts`,
);

function stop(message) {
  console.error(`test-gpu: ${message}`);
  process.exit(2);
}

function readArguments() {
  try {
    const options = { sanitize: { type: "string" }, out: { type: "string" } };
    return parseArgs({ options, allowPositionals: true });
  } catch (error) {
    return stop(`${error.message}\n\n${usage}`);
  }
}

const { values, positionals } = readArguments();
const { sanitize } = values;
if (sanitize !== undefined && !tools.includes(sanitize))
  stop(`--sanitize is ${tools.join(" or ")}, got ${sanitize}\n\n${usage}`);
// Before the folder changes to that of the package.
const out = values.out === undefined ? undefined : resolve(values.out);
process.chdir(fileURLToPath(new URL("..", import.meta.url)));
const absent = positionals.filter((file) => !existsSync(file));
if (absent.length > 0) stop(`there is no ${absent.join(", ")}\n\n${usage}`);
if (!existsSync("dist/bench/gpu.js")) stop("nothing is built: npm run build");
const sanitizer = (process.env.PATH ?? "")
  .split(delimiter)
  .map((folder) => join(folder, "compute-sanitizer"))
  .find((file) => existsSync(file));
if (sanitize !== undefined && sanitizer === undefined)
  stop("compute-sanitizer is not on the PATH; it comes with the CUDA toolkit");

process.env.ADJOINT_DEVICE = "cuda";
const { describeGpu, inWords } = await import("../dist/bench/gpu.js");
const { describeMachine } = await import("../dist/bench/machine.js");
const { computingTests, failuresOf, printFailures, runTests } = await import("./computing-tests.mjs");
let gpu;
try {
  gpu = describeGpu();
} catch (error) {
  stop(error.message);
}
const date = new Date().toISOString();
console.log(`${inWords(gpu)}; ${date}`);

const files = positionals.length > 0 ? positionals : sanitize === undefined ? computingTests : small;
const command = [process.execPath];
if (sanitize !== undefined)
  command.unshift(sanitizer, "--tool", sanitize, "--target-processes", "all", "--error-exitcode", "1");
const { status, report, output, seconds } = await runTests(files, {}, { command, isLive: true });
if (report === null) stop(`vitest gave no report, and ended with ${status}`);

const failures = failuresOf(report);
// "ERROR SUMMARY: 2 errors", "RACECHECK SUMMARY: 1 hazard displayed (1 error, 0 warnings)", of every process.
const summaries = [...output.matchAll(/SUMMARY: (\d+) (?:error|hazard)/g)].map(([, count]) => Number(count));
if (sanitize !== undefined && summaries.length === 0) stop(`${sanitizer} has not said what it found`);
const findings = summaries.reduce((sum, count) => sum + count, 0);
const isWell = status === 0 && (sanitize === undefined || findings === 0);
const summary = {
  date,
  gpu,
  machine: describeMachine(),
  ...(sanitize !== undefined && { sanitize: { tool: sanitize, findings } }),
  files,
  passed: report.numPassedTests,
  skipped: report.numPendingTests,
  failed: report.numFailedTests,
  isWell,
  seconds,
  failures,
};
const file =
  out ?? resolve("bench", "results", `tests-cuda${sanitize ? `-${sanitize}` : ""}-${date.slice(0, 10)}.json`);
mkdirSync(dirname(file), { recursive: true });
writeFileSync(file, `${JSON.stringify(summary, null, 2)}\n`);
printFailures(failures);
console.log(
  `${summary.passed} passed, ${summary.skipped} skipped, ${summary.failed} failed` +
    (sanitize === undefined ? "" : `, ${sanitize} found ${findings}`) +
    ` (${seconds.toFixed(0)} s); saved as ${file}`,
);
process.exit(isWell ? 0 : 1);
