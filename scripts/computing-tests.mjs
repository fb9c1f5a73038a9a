// The tests that compute, which other scripts run in one way or another, and a run of tests that comes back as an object.
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const elsewhere = /^(tools\/.*|gpu\/cuda-.*|engine\/(modes|native|failing|pollution))\.test\.ts$/;

/** Their files. */
export const computingTests = readdirSync("tests", { recursive: true })
  .filter((name) => name.endsWith(".test.ts") && !elsewhere.test(name))
  .sort()
  .map((name) => `tests/${name}`);

/**
 * Runs files of tests in vitest, which need not have npm around it. The report is null where vitest gave none.
 * @param command what vitest's command line is appended to, as in `["node"]`
 * @param isLive whether what vitest prints is shown as it comes
 */
export async function runTests(files, env, { command = [process.execPath], isLive = false } = {}) {
  const folder = mkdtempSync(join(tmpdir(), "adjoint-tests-"));
  const file = join(folder, "report.json");
  const began = Date.now();
  const words = ["node_modules/vitest/vitest.mjs", "run", "--testTimeout=300000"];
  words.push("--reporter=json", `--outputFile.json=${file}`);
  if (isLive) words.push("--reporter=default");
  try {
    const [program, ...rest] = [...command, ...words, ...files];
    const child = spawn(program, rest, { env: { ...process.env, ...env } });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text) => {
        output += text;
        if (isLive) process.stdout.write(text);
      });
    const status = await new Promise((resolve, reject) => child.on("error", reject).on("close", resolve));
    let report = null;
    try {
      report = JSON.parse(readFileSync(file, "utf8"));
    } catch {
      // It has not come that far; the output says why.
    }
    return { status, report, output, seconds: (Date.now() - began) / 1000 };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What failed in a report: a test, or a file as a whole. */
export function failuresOf({ testResults }) {
  return testResults.flatMap(({ name: file, message, assertionResults }) => [
    ...(message ? [{ file, test: null, message }] : []),
    ...assertionResults
      .filter(({ status }) => status === "failed")
      .map(({ fullName, failureMessages }) => ({
        file,
        test: fullName,
        message: failureMessages.join("\n"),
      })),
  ]);
}

/** Prints them. */
export function printFailures(failures) {
  for (const { file, test, message } of failures)
    console.log(test === null ? `  ${file}: ${message}` : `  ${test}\n    ${message.slice(0, 600)}`);
}
