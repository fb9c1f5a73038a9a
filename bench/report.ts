// Runs workloads with every library that is there, prints their table, and keeps it.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describeGpu, inWords, type Gpu } from "./gpu.js";
import { LocalPeer, measure, ours, type Effort, type Peer, type Result } from "./harness.js";
import { describeMachine, root, type Machine } from "./machine.js";
import { processPeers } from "./process.js";
import { PythonWorker } from "./python.js";
import {
  columns,
  copyBandwidth,
  gpuColumns,
  judge,
  lines,
  markdown,
  rowsOf,
  summary,
  withTable,
  type CopyBandwidth,
  type Verdict,
} from "./table.js";
import { tfjsBackends, tfjsVersions } from "./tfjs.js";
import type { Case } from "./workload.js";
import { copy as copyWorkload } from "./workloads/copy.js";
import type { Chosen } from "./workloads/index.js";

/** How to run, and what to keep. */
export interface Plan {
  effort: Effort;
  threads: number;
  /** Where everybody computes. */
  device: string;
  /** A Python whose libraries take part. */
  python: string | undefined;
  /** The file to write, if there is to be one: its name without date and ending, and its folder. */
  save: { name: string; folder: string } | undefined;
  /** Whether to replace the table of bench/README.md, too. */
  publish: boolean;
}

interface Report {
  date: string;
  machine: Machine;
  /** Where the figures are of a GPU. */
  gpu?: Gpu;
  /** What the fastest copy on the GPU has reached. */
  copyBytesPerSecond?: number;
  versions: Record<string, string>;
  /** Libraries that could not take part, and why. */
  absent: Record<string, string>;
  threads: number;
  repetitions: number;
  results: Result[];
  verdicts: Verdict[];
  failures: string[];
}

/** Measures, prints and saves; false where a peer failed, or gives other results than ours. */
export async function benchmark(chosen: readonly Chosen[], plan: Plan): Promise<boolean> {
  const gpu = describeGpu();
  const worker =
    plan.python === undefined ? undefined : await PythonWorker.start(plan.python, plan.threads, plan.device);
  const tfjs = gpu === null ? await tfjsBackends() : [];
  const others: Peer[] = [...tfjs.map((backend) => new LocalPeer(backend)), ...(worker?.peers ?? [])];
  const report: Report = {
    date: new Date().toISOString().slice(0, 10),
    machine: describeMachine(),
    ...(gpu !== null && { gpu }),
    versions: { ...(gpu === null && tfjsVersions()), ...worker?.versions },
    absent: worker?.absent ?? {},
    threads: plan.threads,
    repetitions: plan.effort.repetitions,
    results: [],
    verdicts: [],
    failures: [],
  };
  const { machine, results, verdicts, failures } = report;
  console.log(headline(report));
  for (const [name, reason] of Object.entries(report.absent)) console.log(`${name} is left out: ${reason}`);
  if (machine.load > 0.5)
    console.log(`Others keep ${machine.load} cores busy: these figures will not be fair.`);
  console.log(`\n${lines([gpu === null ? columns : gpuColumns])}`);
  for (const { workload, cases } of chosen) {
    for (const of of cases) {
      const result = await measure(workload, of, [...ownPeers(of), ...others], plan.effort);
      const copied = workload === copyWorkload ? copyBandwidth(result) : undefined;
      if (copied !== undefined) report.copyBytesPerSecond = copied;
      const judged = judge(of, result, report.copyBytesPerSecond);
      console.log(lines(rowsOf(result, judged, bandwidthOf(report))));
      for (const failure of result.failures) console.log(`  failed: ${failure}`);
      results.push(result);
      verdicts.push(...judged);
      failures.push(...result.failures);
      // After every case: hosts are lent for a time.
      if (plan.save !== undefined) save(plan.save, report);
    }
  }
  worker?.stop();
  console.log(`\n${summary(verdicts)}`);
  if (failures.length > 0) console.log(`failed:\n  ${failures.join("\n  ")}`);
  if (plan.save !== undefined) console.log(`saved as ${save(plan.save, report)}`);
  if (plan.publish) publish(report);
  return failures.length === 0;
}

const readme = fileURLToPath(new URL("bench/README.md", root));

/** Puts the table of a report that has been saved into a page, which has a place for it. */
export function publishSaved(file: string, page = readme): void {
  publish(JSON.parse(readFileSync(file, "utf8")) as Report, page);
}

/** Ways of doing a case with adjoint. */
function ownPeers(of: Case): Peer[] {
  if (of.process !== undefined) return processPeers(of.process);
  return [ours(), ...Object.keys(of.variants ?? {}).map(ours)].map((library) => new LocalPeer(library));
}

const bandwidthOf = ({ gpu, copyBytesPerSecond }: Report): { copy: CopyBandwidth } | undefined =>
  gpu && { copy: copyBytesPerSecond };

function headline({ machine, gpu, versions, threads, repetitions }: Report): string {
  const { cpu, cores, caches, simd, memoryGiB, os, node, commit } = machine;
  const libraries = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return (
    (gpu === undefined ? "" : `${inWords(gpu)}; `) +
    `${cpu}, ${cores} cores, ${caches.join(", ")}, ${simd ?? "no SIMD known"}, ${memoryGiB} GiB, ${os}; ` +
    `${[`Node ${node.slice(1)}`, ...libraries].join(", ")}; commit ${commit ?? "unknown"}; ` +
    `${threads} threads, median of ${repetitions} repetitions.`
  );
}

/** Returns the file's path. */
function save({ name, folder }: { name: string; folder: string }, report: Report): string {
  const file = join(folder, `${name}-${report.date}.json`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
  return file;
}

function publish(report: Report, page = readme): void {
  const { date, gpu, results, verdicts } = report;
  const rows = results.flatMap((result) => {
    const judged = verdicts.filter(
      ({ workload, size }) => workload === result.workload && size === result.size,
    );
    return rowsOf(result, judged, bandwidthOf(report));
  });
  const parts = [
    `${date}. ${headline(report)}`,
    markdown(gpu === undefined ? columns : gpuColumns, rows),
    `\`\`\`text\n${summary(verdicts)}\n\`\`\``,
  ];
  const table = gpu === undefined ? "table" : "GPU table";
  writeFileSync(page, withTable(readFileSync(page, "utf8"), parts.join("\n\n"), table));
}
