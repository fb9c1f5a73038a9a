// `npm run bench`: measures, and prints a table as it goes. Libraries read the number of threads and the device when
// they load, so the arguments come first.
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { Device } from "adjoint";

const usage = `Usage: npm run bench -- [options], npm run bench:gpu -- [options]
  --list            print the workloads
  --only a,b        these workloads alone
  --sizes TEXT      those of their sizes alone that have this in their names
  --device NAME     where to measure: cpu, or a GPU, as in cuda or cuda:1 (cpu; with bench:gpu cuda)
  --repeat N        repetitions (7)
  --quick           less time for each repetition, and three of them
  --tiny            one repetition at tiny sizes, to see that all works
  --threads N       threads for everybody (2)
  --save            keep the figures in bench/results, and those of a full run in bench/README.md
  --out FOLDER      keep the figures there instead
  --publish FILE    put figures that were kept into bench/README.md, and measure nothing
ADJOINT_PYTHON names a Python with PyTorch, JAX, CuPy or NumPy, which then take part.`;

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
        sizes: { type: "string" },
        device: { type: "string", default: "cpu" },
        repeat: { type: "string" },
        quick: { type: "boolean", default: false },
        tiny: { type: "boolean", default: false },
        threads: { type: "string", default: "2" },
        save: { type: "boolean", default: false },
        out: { type: "string" },
        publish: { type: "string" },
      },
    }).values;
  } catch (error) {
    return refuse((error as Error).message);
  }
}

const values = readArguments();
const threads = count("threads", values.threads);
const repetitions = count("repeat", values.repeat ?? (values.tiny ? "1" : values.quick ? "3" : "7"));
if (values.tiny && values.quick) refuse("--tiny and --quick exclude each other");
if (values.tiny && values.save) refuse("--save keeps figures, and tiny sizes give none; see --out");
process.env["ADJOINT_NUM_THREADS"] = String(threads);
process.env["ADJOINT_DEVICE"] = values.device;

const { device: open } = await import("adjoint");
const { workloadsOn } = await import("./workloads/index.js");
const platform = values.device === "cpu" ? "cpu" : "cuda";
const there = workloadsOn(platform, values.tiny ? "tiny" : "all");
const names = values.only?.split(",") ?? there.map(({ workload }) => workload.name);
const unknown = names.filter((name) => !there.some(({ workload }) => workload.name === name));
if (unknown.length > 0)
  refuse(`no workload for ${values.device} is called ${unknown.join(", ")}; --list names them`);
// What a GPU's memory gives is part of what is told of the others.
const chosen = there
  .filter(({ workload: { name } }) => names.includes(name) || (name === "copy" && !values.list))
  .map(({ workload, cases }) => ({
    workload,
    cases: cases.filter(({ label }) => workload.name === "copy" || label.includes(values.sizes ?? "")),
  }))
  .filter(({ cases }) => cases.length > 0);
if (chosen.length === 0) refuse(`no size has "${values.sizes}" in its name; --list names them`);

if (values.list) {
  for (const { workload, cases } of chosen)
    console.log(`${workload.name}: ${workload.what}\n    ${cases.map(({ label }) => label).join("; ")}`);
} else if (values.publish !== undefined) {
  const { publishSaved } = await import("./report.js");
  try {
    publishSaved(values.publish);
  } catch (error) {
    stop(`${values.publish} cannot be published: ${(error as Error).message}`);
  }
} else {
  let device: Device;
  try {
    device = open(values.device as Device);
  } catch (error) {
    stop((error as Error).message);
  }
  const isAll = values.only === undefined && values.sizes === undefined;
  const words = [
    isAll
      ? "all"
      : [...(values.only === undefined ? [] : names), ...(values.sizes ? [values.sizes] : [])].join("+"),
    platform === "cpu" ? "" : "cuda",
  ];
  words.push(values.tiny ? "tiny" : values.quick ? "quick" : "");
  const { root } = await import("./machine.js");
  const folder =
    values.out === undefined ? fileURLToPath(new URL("bench/results", root)) : resolve(values.out);
  const name = words.filter((word) => word !== "").join("-");
  const { benchmark } = await import("./report.js");
  const measured = benchmark(chosen, {
    effort: { repetitions, leastSeconds: values.tiny ? 0 : values.quick ? 0.01 : 0.05 },
    threads,
    device,
    python: process.env["ADJOINT_PYTHON"],
    save: values.save || values.out !== undefined ? { name, folder } : undefined,
    publish: values.save && isAll && values.out === undefined,
  });
  const isWell = await measured.catch((error: unknown) => stop((error as Error).message));
  process.exit(isWell ? 0 : 1);
}
