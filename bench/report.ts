// Runs workloads with every library that is there, prints their table, and keeps it.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { LocalPeer, measure, ours, type Effort, type Peer, type Result } from "./harness.js";
import { describeMachine, root, type Machine } from "./machine.js";
import { PythonWorker } from "./python.js";
import { columns, judge, lines, markdown, rowsOf, summary, withTable, type Verdict } from "./table.js";
import { tfjsBackends, tfjsVersions } from "./tfjs.js";
import type { Workload } from "./workload.js";

/** How to run, and what to keep. */
export interface Plan {
  effort: Effort;
  threads: number;
  /** A Python whose libraries take part. */
  python: string | undefined;
  /** The name of the file in bench/results, if there is to be one. */
  save: string | undefined;
  /** Whether to replace the table of bench/README.md, too. */
  publish: boolean;
}

interface Report {
  date: string;
  machine: Machine;
  versions: Record<string, string>;
  threads: number;
  repetitions: number;
  results: Result[];
  verdicts: Verdict[];
  failures: string[];
}

/** Measures, prints and saves; false where a peer failed, or gives other results than ours. */
export async function benchmark(workloads: readonly Workload[], plan: Plan): Promise<boolean> {
  const worker = plan.python === undefined ? undefined : await PythonWorker.start(plan.python, plan.threads);
  const backends = await tfjsBackends();
  const others: Peer[] = [...backends.map((backend) => new LocalPeer(backend)), ...(worker?.peers ?? [])];
  const versions = { ...tfjsVersions(), ...worker?.versions };
  const machine = describeMachine();
  const rows: string[][] = [];
  const results: Result[] = [];
  const verdicts: Verdict[] = [];
  const about = headline(machine, plan, versions);
  console.log(about);
  if (machine.load > 0.5)
    console.log(`Others keep ${machine.load} cores busy: these figures will not be fair.`);
  console.log(`\n${lines([columns])}`);
  for (const workload of workloads) {
    for (const of of workload.cases) {
      const own = [ours(), ...Object.keys(of.variants ?? {}).map(ours)].map(
        (library) => new LocalPeer(library),
      );
      const result = await measure(workload, of, [...own, ...others], plan.effort);
      const judged = judge(of, result);
      const added = rowsOf(result, judged);
      console.log(lines(added));
      for (const failure of result.failures) console.log(`  failed: ${failure}`);
      rows.push(...added);
      results.push(result);
      verdicts.push(...judged);
    }
  }
  worker?.stop();
  const failures = results.flatMap((result) => result.failures);
  console.log(`\n${summary(verdicts)}`);
  if (failures.length > 0) console.log(`failed:\n  ${failures.join("\n  ")}`);
  const date = new Date().toISOString().slice(0, 10);
  if (plan.save !== undefined) {
    const { repetitions } = plan.effort;
    const report = {
      date,
      machine,
      versions,
      threads: plan.threads,
      repetitions,
      results,
      verdicts,
      failures,
    };
    save(plan.save, report);
  }
  if (plan.publish) {
    const file = new URL("bench/README.md", root);
    const parts = [`${date}. ${about}`, markdown(rows), `\`\`\`text\n${summary(verdicts)}\n\`\`\``];
    writeFileSync(file, withTable(readFileSync(file, "utf8"), parts.join("\n\n")));
  }
  return failures.length === 0;
}

function headline(machine: Machine, { threads, effort }: Plan, versions: Record<string, string>): string {
  const { cpu, cores, caches, simd, memoryGiB, os, node, commit } = machine;
  const libraries = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return (
    `${cpu}, ${cores} cores, ${caches.join(", ")}, ${simd ?? "no SIMD known"}, ${memoryGiB} GiB, ${os}; ` +
    `Node ${node.slice(1)}, ${libraries.join(", ")}; commit ${commit ?? "unknown"}; ` +
    `${threads} threads, median of ${effort.repetitions} repetitions.`
  );
}

function save(name: string, report: Report): void {
  const file = new URL(`bench/results/${name}-${report.date}.json`, root);
  mkdirSync(new URL(".", file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
  console.log(`saved as ${fileURLToPath(file)}`);
}
