// Processes and threads of JavaScript that end, in every way that there is, with work under way or without: with the right
// code, at once, and without a sound.
import { execFileSync, spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { atMost } from "../helpers/effort.js";

const isLong = process.env["ADJOINT_LONG"] === "1";

/** How a program ends: its exit code or signal, and what it prints. */
function endOf(program: string): { end: number | string | null; output: string; errors: string } {
  const preamble = `import { linspace, ones, optim, realize, tensor } from "adjoint";
    import { Worker } from "node:worker_threads";
    let y = linspace(0, 1, ${atMost(2_000_000, 20_000)});
    for (let i = 0; i < 20; ++i) y = y.sin().exp();`;
  const { status, signal, stdout, stderr } = spawnSync(
    process.execPath,
    ["--no-warnings", "--input-type=module", "-e", `${preamble}\n${program}`],
    { encoding: "utf8", timeout: 60_000 },
  );
  return { end: signal ?? status, output: stdout.trim(), errors: stderr };
}

const worker = (body: string) =>
  `new Worker(\`const { linspace, realize } = require("adjoint"); ${body}\`, { eval: true, execArgv: [] })`;
const rounds = "for (let x = linspace(0, 1, 5000); ; realize(x)) x = x.sin().add(1);";

/** Ways to end, each with its code or signal, and what is printed of errors. */
const ways: [what: string, program: string, end: number | string, output?: string, errors?: RegExp][] = [
  ["by itself, with values that were read", "console.log(y.mean().item() > 0)", 0, "true"],
  ["by itself, with what nobody reads", "y.add(1)", 0],
  ["by itself, with a run under way", "realize(y)", 0],
  ["by itself, with promises that nobody awaits", "void y.data(); void y.sum().itemAsync()", 0],
  [
    "by itself, after what it awaits",
    `console.log((await y.data()).length > 0); await y.add(1).itemAsync().catch((error) => console.log(error.code))`,
    0,
    "true\nERR_ITEM",
  ],
  ["by process.exit", "realize(y); process.exit(7)", 7],
  ["by process.exit from a callback", "void y.data(); setImmediate(() => process.exit(3))", 3],
  ["by process.exit while an array is copied", "void y.data(); y.sum().item(); process.exit(6)", 6],
  ["by process.exit while a number is computed", "void y.sum().itemAsync(); process.exit(5)", 5],
  ["by process.exitCode", "process.exitCode = 8; realize(y)", 8],
  ["by an error", "void y.data(); throw new Error('on purpose')", 1, "", /Error: on purpose\n/],
  ["by an error after a read", "await y.data(); throw new Error('on purpose')", 1, "", /Error: on purpose\n/],
  [
    "by a rejection that nobody handles",
    "void y.itemAsync()",
    1,
    "",
    /Error: a Tensor with \d+ elements cannot be/,
  ],
  ["by SIGTERM", "realize(y); process.kill(process.pid, 'SIGTERM'); await y.data()", "SIGTERM"],
  ["by SIGKILL", "void y.data(); process.kill(process.pid, 'SIGKILL'); await y.data()", "SIGKILL"],
  [
    "by a handler of a signal",
    "process.on('SIGINT', () => process.exit(9)); void y.data(); process.kill(process.pid, 'SIGINT'); setInterval(() => 0, 1e6)",
    9,
  ],
  ["by process.abort", "realize(y); process.abort()", "SIGABRT", "", /^-+ Native stack trace/],
  [
    "with a handler that computes",
    "process.on('exit', () => console.log(ones([3]).sum().item())); realize(y)",
    0,
    "3",
  ],
  [
    "with a handler that computes, by process.exit",
    "void y.data(); process.on('exit', () => console.log(y.numel() > 1, ones([3]).sum().item())); process.exit(2)",
    2,
    "true 3",
  ],
  [
    "with reads that begin when there is nothing left",
    "process.once('beforeExit', () => void y.sum().itemAsync().then((sum) => console.log(sum > 0)))",
    0,
    "true",
  ],
  [
    "with a worker in a loop",
    `${worker(rounds)}.on("online", () => setTimeout(() => process.exit(4), 150))`,
    4,
  ],
  [
    "with a worker that exits",
    `${worker("realize(linspace(0, 1, 100000)); process.exit(5)")}.on("exit", (code) => console.log(code, y.mean().item() > 0))`,
    0,
    "5 true",
  ],
  [
    "with a worker that is terminated",
    `const w = ${worker(rounds)}; w.on("online", () => setTimeout(() => w.terminate(), 150)); w.on("exit", (code) => console.log(code))`,
    0,
    "1",
  ],
  [
    "in the middle of a step",
    `const x = tensor([1, 2], { requiresGrad: true });
     new optim.LBFGS([x]).step(() => process.exit(3))`,
    3,
  ],
  ["with a long chain", "let x = ones([1]); for (let i = 0; i < 200_000; ++i) x = x.add(1);", 0],
];

describe("a process ends", () => {
  test.each(ways)("%s", (_, program, end, output = "", errors = /^$/) => {
    const found = endOf(program);
    expect(found).toEqual({ end, output, errors: expect.stringMatching(errors) as string });
  });

  test("wrongly, where that is planted, and it is seen", () => {
    const found = endOf("process.on('exit', () => process.abort()); realize(y)");
    expect(found).not.toEqual({ end: 0, output: "", errors: "" });
  });
});

describe("threads of JavaScript", () => {
  /** The ends of each kind of thread, and by how many megabytes the process has grown in the last third. */
  function cycles(count: number, ...more: string[]) {
    const words = ["--expose-gc", "tests/programs/workers.mjs", String(count), ...more];
    const { resident, ends } = JSON.parse(
      execFileSync(process.execPath, words, { encoding: "utf8", timeout: 600_000 }),
    ) as { resident: number[]; ends: Record<string, string[]> };
    const third = Math.floor(resident.length / 3);
    const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    return { ends, growth: mean(resident.slice(-third)) - mean(resident.slice(-2 * third, -third)) };
  }

  test("come and go, and leave nothing behind", { timeout: 600_000 }, () => {
    const count = isLong ? 1008 : atMost(96, 48);
    const { ends, growth: once } = cycles(count);
    // What is left behind is left behind every time; when V8 collects is chance.
    const growth = once < 25 ? once : Math.min(once, cycles(count).growth);
    const terminated = ["loop", "reads", "pending", "products", "optimizes"];
    for (const kind of terminated) expect(["0", "1"]).toEqual(expect.arrayContaining(ends[kind]!));
    expect(ends).toMatchObject({ throws: ["1 on purpose"], exits: ["4"], ends: ["0"] });
    if (isLong) console.log(`${count} threads: ${growth.toFixed(1)} MB more in the last third`);
    expect(growth).toBeLessThan(25);
  });

  test("that leave something behind, where that is planted, are seen", { timeout: 600_000 }, () => {
    expect(cycles(96, "planted").growth).toBeGreaterThan(25);
  });
});
