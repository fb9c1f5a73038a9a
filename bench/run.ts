// `npm run bench`: measures, and prints a table as it goes. Libraries read the number of threads when they load, so
// the arguments come first.
import { parseArgs } from "node:util";

const usage = `Usage: npm run bench -- [options]
  --list            print the workloads
  --only a,b        these workloads alone
  --repeat N        repetitions (7)
  --quick           less time for each repetition, and three of them
  --threads N       threads for everybody (2)
  --save            keep the figures in bench/results, and those of a full run in bench/README.md
ADJOINT_PYTHON names a Python with PyTorch, JAX or NumPy, which then take part.`;

function stop(message: string): never {
  console.error(`bench: ${message}`);
  process.exit(1);
}

const refuse = (message: string): never => stop(`${message}\n\n${usage}`);

function count(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) refuse(`--${name} must be a whole number above 0, got ${text}`);
  return value;
}

function readArguments() {
  try {
    return parseArgs({
      options: {
        list: { type: "boolean", default: false },
        only: { type: "string" },
        repeat: { type: "string" },
        quick: { type: "boolean", default: false },
        threads: { type: "string", default: "2" },
        save: { type: "boolean", default: false },
      },
    }).values;
  } catch (error) {
    return refuse((error as Error).message);
  }
}

const values = readArguments();
const threads = count("threads", values.threads);
const repetitions = count("repeat", values.repeat ?? (values.quick ? "3" : "7"));
process.env["ADJOINT_NUM_THREADS"] = String(threads);

const { workloads } = await import("./workloads/index.js");
const names = values.only?.split(",") ?? workloads.map(({ name }) => name);
const unknown = names.filter((name) => !workloads.some((workload) => workload.name === name));
if (unknown.length > 0) refuse(`no workload is called ${unknown.join(", ")}; --list names them`);
const chosen = workloads.filter(({ name }) => names.includes(name));

if (values.list) {
  for (const { name, what, cases } of chosen)
    console.log(`${name}: ${what}\n    ${cases.map(({ label }) => label).join("; ")}`);
} else {
  const name = values.only === undefined ? "all" : names.join("+");
  const { benchmark } = await import("./report.js");
  const measured = benchmark(chosen, {
    effort: { repetitions, leastSeconds: values.quick ? 0.01 : 0.05 },
    threads,
    python: process.env["ADJOINT_PYTHON"],
    save: values.save ? `${name}${values.quick ? "-quick" : ""}` : undefined,
    publish: values.save && name === "all",
  });
  const isWell = await measured.catch((error: unknown) => stop((error as Error).message));
  process.exit(isWell ? 0 : 1);
}
