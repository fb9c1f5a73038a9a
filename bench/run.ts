// `npm run bench`: measures and prints a table; with `-- --save` it also writes bench/results/.
// ADJOINT_PYTHON names a Python with PyTorch.
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, release, type } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { adamLoop } from "./adam-loop.js";

function readArguments(): { save: boolean } {
  try {
    const { values } = parseArgs({ options: { save: { type: "boolean", default: false } } });
    return values;
  } catch (error) {
    console.error(`bench: ${(error as Error).message}\n\nUsage: npm run bench -- [--save]`);
    process.exit(1);
  }
}

const { save } = readArguments();
const steps = 5000;
const repetitions = 7;

const results = await adamLoop(steps, repetitions, process.env["ADJOINT_PYTHON"]);
const median = (values: number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
const own = median(results[0]!.microseconds);
for (const { peer, x } of results)
  if (Math.abs(x - results[0]!.x) > 1e-3)
    throw new Error(`${peer} ends at ${x}, adjoint at ${results[0]!.x}`);

console.log(
  `Adam on x**2/20 + tanh(sin x), one number, ${steps} steps, median of ${repetitions} repetitions`,
);
console.table(
  Object.fromEntries(
    results.map(({ peer, microseconds }) => [
      peer,
      {
        "µs a step": median(microseconds).toFixed(1),
        spread: `${Math.min(...microseconds).toFixed(1)} to ${Math.max(...microseconds).toFixed(1)}`,
        "ours / theirs": (own / median(microseconds)).toFixed(3),
      },
    ]),
  ),
);
if (save) {
  const machine = {
    cpu: cpus()[0]!.model,
    cores: cpus().length,
    os: `${type()} ${release()}`,
    node: process.version,
  };
  const date = new Date().toISOString().slice(0, 10);
  const folder = new URL("../../bench/results/", import.meta.url);
  const file = new URL(`adam-loop-${date}.json`, folder);
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, `${JSON.stringify({ date, machine, steps, results }, null, 2)}\n`);
  console.log(`Saved as ${fileURLToPath(file)}`);
}
