// Benchmarks at tiny sizes, so that they cannot rot: they run, and their outputs agree.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { difference, spread, summarize } from "../../bench/data.js";
import { LocalPeer, measure, median, ours, type Peer } from "../../bench/harness.js";
import { PythonWorker } from "../../bench/python.js";
import {
  columns,
  copyBandwidth,
  duration,
  gpuColumns,
  judge,
  lines,
  markdown,
  rowsOf,
  summary,
  withTable,
} from "../../bench/table.js";
import { tfjsBackends } from "../../bench/tfjs.js";
import { resnet50 } from "../../bench/workloads/adamw-lists.js";
import { workloads, workloadsOn } from "../../bench/workloads/index.js";
import type { Case, Platform } from "../../bench/workload.js";

const effort = { repetitions: 1, leastSeconds: 0 };
const tinyCases = (platform: Platform) =>
  workloadsOn(platform, "tiny").flatMap(({ workload, cases }) =>
    cases.map((tiny) => ({ name: `${workload.name}, ${tiny.label}`, workload, tiny })),
  );
const cases = tinyCases("cpu");
// What a GPU is to do gives the same here.
const gpuCases = tinyCases("cuda").filter(({ tiny }) => tiny.process === undefined);
const [loop] = workloadsOn("cpu", "tiny");
const ownPeers = (of: Case) =>
  [ours(), ...Object.keys(of.variants ?? {}).map(ours)].map((library) => new LocalPeer(library));

describe("workloads", () => {
  let tfjs: Peer;
  beforeAll(async () => {
    tfjs = new LocalPeer((await tfjsBackends())[0]!);
  });

  it.each(cases)("$name: ours and tfjs agree", async ({ workload, tiny }) => {
    const own = ownPeers(tiny);
    const { measurements, failures } = await measure(workload, tiny, [...own, tfjs], effort);
    expect(failures).toEqual([]);
    const expected = [...own, ...(tiny.tfjs === undefined ? [] : [tfjs])];
    expect(measurements.map(({ peer }) => peer)).toEqual(expected.map(({ name }) => name));
    for (const { seconds } of measurements) expect(median(seconds)).toBeGreaterThan(0);
  });

  it("have tiny cases, and sizes with names of their own", () => {
    for (const { name, on } of workloads) {
      expect(Object.keys(on), name).not.toEqual([]);
      for (const { all, tiny } of Object.values(on)) {
        expect(tiny.length).toBeGreaterThan(0);
        expect(new Set(all.map(({ label }) => label)).size).toBe(all.length);
      }
    }
  });

  it("know ResNet-50", () => {
    const counts = resnet50().map((shape) => shape.reduce((product, size) => product * size, 1));
    expect(counts).toHaveLength(161);
    expect(counts.reduce((sum, count) => sum + count)).toBe(25_557_032);
  });
});

const python = process.env["ADJOINT_PYTHON"];
describe.skipIf(python === undefined)("workloads in Python (ADJOINT_PYTHON)", () => {
  let worker: PythonWorker;
  beforeAll(async () => {
    worker = await PythonWorker.start(python!, 1);
  }, 60_000);
  afterAll(() => worker.stop());

  it.each([...cases, ...gpuCases])("$name: ours and theirs agree", async ({ workload, tiny }) => {
    // Compiling takes long; it compiles what PyTorch runs here.
    const peers = worker.peers.filter(({ name }) => name !== "torch.compile");
    const { failures } = await measure(workload, tiny, [new LocalPeer(ours()), ...peers], effort);
    expect(failures).toEqual([]);
  });

  it("say when they find no GPU", async () => {
    process.env["CUDA_VISIBLE_DEVICES"] = "";
    const blind = await PythonWorker.start(python!, 1, "cuda:0");
    delete process.env["CUDA_VISIBLE_DEVICES"];
    blind.stop();
    expect(blind.peers).toEqual([]);
    for (const [name, reason] of Object.entries(blind.absent)) expect(reason, name).toContain("no GPU");
    const has = (name: string) => Object.keys(worker.versions).includes(name);
    expect(Object.keys(blind.absent).sort()).toEqual([
      ...(has("jax") ? ["JAX"] : []),
      ...(has("torch") ? ["PyTorch"] : []),
    ]);
  }, 60_000);
});

describe("the harness", () => {
  const [workload, of] = [loop!.workload, loop!.cases[0]!];
  const peer = (name: string, seconds: number, elements: number[] = [1, 2, 3]): Peer => ({
    name,
    check: () => Promise.resolve([summarize(elements)]),
    time: (_workload, _of, count) => Promise.resolve(count * seconds),
  });

  it("finds peers that compute something else", async () => {
    const peers = [peer("ours", 1), peer("right", 1), peer("wrong", 1, [1, 2, 4])];
    const { measurements, failures } = await measure(workload, of, peers, effort);
    expect(measurements.map(({ peer }) => peer)).toEqual(["ours", "right"]);
    expect(failures).toEqual([expect.stringMatching(/wrong: outputs differ: result 0: mean is 2, but 2.33/)]);
  });

  it("leaves out who does not do it, and tells of who fails", async () => {
    const absent: Peer = { ...peer("absent", 1), check: () => Promise.resolve(null) };
    const broken: Peer = { ...peer("broken", 1), check: () => Promise.reject(new Error("out of order")) };
    const { measurements, failures } = await measure(workload, of, [peer("ours", 1), absent, broken], effort);
    expect(measurements).toHaveLength(1);
    expect(failures).toEqual([expect.stringMatching(/broken: out of order$/)]);
  });

  it("goes on without a peer that fails on the way", async () => {
    let calls = 0;
    const dying: Peer = {
      ...peer("dying", 1),
      time: () => (++calls < 3 ? Promise.resolve(1) : Promise.reject(new Error("gone"))),
    };
    const peers = [peer("ours", 1), dying];
    const { measurements, failures } = await measure(workload, of, peers, { ...effort, repetitions: 3 });
    expect(measurements).toEqual([{ peer: "ours", count: 1, seconds: [1, 1, 1] }]);
    expect(failures).toEqual([expect.stringMatching(/dying: gone$/)]);
  });

  it("does as many steps as fill a repetition, and fewer repetitions of slow ones", async () => {
    const peers = [peer("quick", 1e-4), peer("slow", 2)];
    const { measurements } = await measure(workload, of, peers, { repetitions: 5, leastSeconds: 0.05 });
    expect(measurements).toEqual([
      {
        peer: "quick",
        count: 500,
        seconds: Array.from({ length: 5 }, () => expect.closeTo(1e-4, 9) as number),
      },
      { peer: "slow", count: 1, seconds: [2, 2, 2] },
    ]);
  });

  it("compares summaries, and refuses NaN", () => {
    const values = spread(1000, -1, 1);
    const other = values.map((value, i) => (i === 999 ? value + 0.01 : value));
    expect(difference([summarize(values)], [summarize(values)], 0)).toBeUndefined();
    expect(difference([summarize(values)], [summarize(other)], 1e-3)).toMatch(/element sample 15/);
    expect(difference([summarize([NaN])], [summarize([NaN])], 1)).toMatch(/NaN/);
    expect(difference([summarize(values)], [], 1)).toBe("1 results, but 0");
  });

  it("takes medians", () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 3, 2])).toBe(2.5);
  });
});

describe("the table", () => {
  const of: Case = {
    ...loop!.cases[0]!,
    targets: [
      { peers: ["slow", "fast"], must: 0.5, aim: 0.25 },
      { peers: ["absent"], must: 1 },
    ],
    aimSeconds: 1e-6,
    variants: { variant: loop!.cases[0]!.adjoint },
    variantsWithin: 1.1,
  };
  const times = { adjoint: 1e-5, variant: 1.2e-5, slow: 1e-3, fast: 2.5e-5 };
  const measurements = Object.entries(times).map(([peer, time]) => ({ peer, count: 1, seconds: [time] }));
  const result = { workload: "loop", size: "1", measurements, failures: [] };
  const verdicts = judge(of, result);
  const rows = rowsOf(result, verdicts);

  it("marks targets, against the fastest of several peers", () => {
    expect(rows).toEqual([
      [
        "loop",
        "1",
        "adjoint",
        "10.0 µs",
        "10.0 µs to 10.0 µs",
        "",
        "✘ must 1.1 of each other, ✘ aim 1.00 µs",
      ],
      ["", "", "variant", "12.0 µs", "12.0 µs to 12.0 µs", "0.833", ""],
      ["", "", "slow", "1.00 ms", "1.00 ms to 1.00 ms", "0.010", ""],
      ["", "", "fast", "25.0 µs", "25.0 µs to 25.0 µs", "0.400", "✔ must 0.5, ✘ aim 0.25"],
    ]);
    expect(lines(rows).split("\n")).toHaveLength(4);
    expect(markdown(columns, rows).split("\n")).toHaveLength(6);
  });

  it("counts what is met", () => {
    expect(summary(verdicts)).toBe(`must: 1 of 2 met; 1 had no library here to compare with
  ✘ loop, 1: must 1.1 of each other
aim: 0 of 2 met
  ✘ loop, 1: aim 0.25 of slow or fast (fast)
  ✘ loop, 1: aim 1.00 µs`);
  });

  it("tells bandwidths beside that of a copy", () => {
    const moving = { ...result, bytes: 8e5 }; // ours in 10 µs
    const moved: Case = {
      ...loop!.cases[0]!,
      targets: [],
      bytes: 8e5,
      ofCopy: { must: 0.9, aim: 0.95 },
      mustSeconds: 2e-5,
      aimSeconds: 1e-6,
    };
    const judged = judge(moved, moving, 8.6e10);
    expect(judged.map(({ kind, target, isMet }) => [kind, target, isMet])).toEqual([
      ["must", "must 90 % of copy", true],
      ["must", "must 20.0 µs", true],
      ["aim", "aim 95 % of copy", false],
      ["aim", "aim 1.00 µs", false],
    ]);
    const told = rowsOf(moving, judged, { copy: 8.6e10 });
    expect(told.map((row) => row[6])).toEqual([
      "80.0 GB/s, 93 % of copy",
      "66.7 GB/s, 78 % of copy",
      "800 MB/s, 1 % of copy",
      "32.0 GB/s, 37 % of copy",
    ]);
    expect(told[0]![7]).toBe("✔ must 90 % of copy, ✔ must 20.0 µs, ✘ aim 95 % of copy, ✘ aim 1.00 µs");
    expect(markdown(gpuColumns, told).split("\n")[1]).toBe("|---|---|---|--:|---|--:|---|---|");
    // Without a copy there is nothing to compare with, and nothing is claimed.
    expect(judge(moved, moving).map(({ isMet }) => isMet)).toEqual([null, true, null, false]);
    expect(rowsOf(moving, [], { copy: undefined })[0]![6]).toBe("80.0 GB/s");
    expect(rowsOf(result, [], { copy: 1e9 })[0]![6]).toBe("");
  });

  it("takes the fastest copy for what is possible", () => {
    expect(copyBandwidth({ ...result, bytes: 8e5 })).toBeCloseTo(8e10, -3);
    expect(copyBandwidth({ ...result, bytes: 1e6, measurements: [] })).toBeUndefined();
  });

  it("goes between the marks of a page", () => {
    const page = (table: string) => `Before\n<!-- table -->\n${table}\n<!-- end of table -->\nAfter`;
    expect(withTable(page("old"), "new")).toBe(page("new"));
    expect(() => withTable("Nothing", "new")).toThrow(/no place between/);
    const readme = readFileSync(new URL("../../bench/README.md", import.meta.url), "utf8");
    expect(withTable(readme, "new")).toContain("<!-- table -->\nnew\n<!-- end of table -->");
    expect(withTable(readme, "new", "GPU table")).toContain(
      "<!-- GPU table -->\nnew\n<!-- end of GPU table -->",
    );
  });

  it("writes times with three digits", () => {
    expect([1.234, 0.1234, 1.234e-5, 5e-9].map(duration)).toEqual(["1.23 s", "123 ms", "12.3 µs", "5.00 ns"]);
  });
});

describe("npm run bench", () => {
  const run = (...words: string[]) => {
    const script = fileURLToPath(new URL("../../dist/bench/run.js", import.meta.url));
    const env = { ...process.env, ADJOINT_PYTHON: process.execPath + "-no-python" };
    return execFileSync(process.execPath, [script, ...words], { encoding: "utf8", stdio: "pipe", env });
  };

  it("lists workloads", () => {
    const listed = run("--list");
    for (const { workload } of workloadsOn("cpu")) expect(listed).toContain(`${workload.name}: `);
    expect(listed).not.toContain("copy: ");
    expect(run("--list", "--only", "adam").split("\n")).toHaveLength(3);
  });

  it.each([
    [["--bogus"], /Unknown option '--bogus'[^]*Usage: npm run bench/],
    [["loop"], /Unexpected argument 'loop'[^]*Usage/],
    [["--only", "adam,adams"], /no workload for cpu is called adams; --list names them[^]*Usage/],
    [["--quick", "--only", "adam-loop"], /bench: .*-no-python does not answer/],
    [["--repeat", "0"], /--repeat must be a whole number above 0, got 0[^]*Usage/],
  ])("refuses %j", (words, message) => {
    expect(() => run(...words)).toThrow(message);
  });
});
