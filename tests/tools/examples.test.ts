import { execFile, type ExecFileException } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tmpdir } from "node:os";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { getPrintOptions, type DType } from "adjoint";
import * as curve from "../../examples/01-curve.js";
import * as byHand from "../../examples/02-descent-by-hand.js";
import * as manyMinima from "../../examples/03-many-minima.js";
import * as optimizers from "../../examples/04-optimizers.js";
import * as lbfgs from "../../examples/05-lbfgs.js";
import * as schedulers from "../../examples/06-schedulers.js";
import * as stopping from "../../examples/07-stopping.js";
import * as learningRates from "../../examples/08-learning-rates.js";
import * as maximum from "../../examples/09-maximum.js";
import * as minima from "../../examples/10-local-and-global.js";
import * as saddles from "../../examples/11-saddles.js";
import * as valley from "../../examples/12-valley.js";
import type { Lesson, Run } from "../../examples/lesson.js";
import { formatTable } from "../../examples/show.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const demo = join(root, "dist", "examples", "demo.js");
const folder = mkdtempSync(join(tmpdir(), "adjoint-examples-"));
afterAll(() => rmSync(folder, { recursive: true }));

interface Golden {
  name: string;
  dtype: DType;
  points: [number, number][];
  prints?: string[];
}
const goldens = JSON.parse(readFileSync(join(root, "tests/goldens/notebook.json"), "utf8")) as {
  cases: Golden[];
};
const dtypes = ["float32", "float64"] as const;
const tolerance = { float32: 1e-5, float64: 1e-12 };

function golden(name: string, dtype: DType): Golden {
  const found = goldens.cases.find((one) => one.name.startsWith(name) && one.dtype === dtype);
  if (!found) throw new Error(`no golden ${name} ${dtype}`);
  return found;
}

/** Compares the first points of a run, or all. */
function expectPoints(
  actual: readonly (readonly number[])[],
  expected: [number, number][],
  dtype: (typeof dtypes)[number],
  count = expected.length,
) {
  if (count === expected.length) expect(actual).toHaveLength(count);
  for (const [i, point] of expected.slice(0, count).entries()) {
    point.forEach((value, k) => {
      const difference = Math.abs(actual[i]![k]! - value);
      const text = `point ${i}[${k}] is ${actual[i]![k]}, expected ${value}`;
      expect(difference, text).toBeLessThanOrEqual(tolerance[dtype] * Math.abs(value));
    });
  }
}

const named = (runs: readonly Run[], name: string): Run => {
  const found = runs.find((run) => run.name.startsWith(name));
  if (!found) throw new Error(`no run ${name}`);
  return found;
};

/** f and its slope, in plain JavaScript. */
const f = (x: number) => x ** 2 / 20 + Math.tanh(Math.sin(x));
const slope = (x: number) => x / 10 + (1 - Math.tanh(Math.sin(x)) ** 2) * Math.cos(x);
const ripple = (x: number) => x * Math.cos(Math.PI * x);

describe.each(dtypes)("the notebook's numbers in %s", (dtype) => {
  it("by hand: every pair and every print", () => {
    const expected = golden("gradient descent by hand", dtype);
    const { notebookPairs, prints, run } = byHand.descend(dtype);
    expectPoints(notebookPairs, expected.points, dtype);
    expect(prints).toEqual(expected.prints);
    // The animation's own pairs lie on the curve.
    for (const [x, y] of run.points) expect(y).toBeCloseTo(x! ** 2, 5);
    expect(run.points).toHaveLength(40);
  });

  it.each([
    ["Adam", undefined],
    ["SGD", undefined],
    ["Adadelta", undefined],
    ["Adagrad", undefined],
    ["RMSprop", { float32: 2, float64: 6 }],
  ])("%s at learning rate 2", (name, comparable) => {
    const expected = golden(`${name} on`, dtype);
    const run = named(optimizers.bold(dtype), `${name}, lr 2`);
    expectPoints(run.points, expected.points, dtype, comparable?.[dtype]);
    if (!comparable) expect([optimizers.printed(run, dtype)]).toEqual(expected.prints);
    expect(run.steps).toBe(expected.points.length);
  });

  it("LBFGS as the notebook has it, and done right", () => {
    const astray = golden("LBFGS, closure without backward", dtype).points;
    expectPoints(lbfgs.asInTheNotebook(dtype).points, astray, dtype, 5);
    const plain = golden("LBFGS, closure that recomputes", dtype).points;
    expectPoints(lbfgs.withGradients(dtype).points, plain, dtype);
    const right = golden("LBFGS, strong Wolfe", dtype).points;
    expectPoints(lbfgs.doneRight(8, dtype).points, right, dtype);
  });
});

describe("the lessons", () => {
  it("draw the right functions", () => {
    const { x, y } = curve.curve("float64");
    expect(x.at(0).item()).toBe(-2);
    expect(x.at(-1).item()).toBe(2);
    expect(y.toArray()).toEqual((x.toArray() as number[]).map((at) => at * at));
    const wavy = manyMinima.wavyCurve("float64");
    expect([wavy.x.at(0).item(), wavy.x.at(-1).item()]).toEqual([-10, 10]);
    (wavy.x.toArray() as number[]).forEach((at, i) => {
      expect(wavy.y.at(i).item()).toBeCloseTo(f(at), 12);
    });
  });

  it("run every optimizer at the notebook's careful settings", () => {
    const runs = optimizers.careful("float64");
    expect(runs.map(({ name }) => name.split(",")[0])).toEqual([
      "SGD",
      "Adam",
      "AdamW",
      "Adadelta",
      "Adagrad",
      "RMSprop",
    ]);
    for (const run of runs) {
      expect(run.steps).toBe(40);
      expect(run.start).toEqual([8]);
      expect(run.final.f).toBeLessThan(run.points[0]![1]!);
    }
    let [x, velocity] = [8, 0];
    for (const [at, height] of named(runs, "SGD").points) {
      expect(at).toBeCloseTo(x, 10);
      expect(height).toBeCloseTo(f(x), 10);
      velocity = 0.9 * velocity + slope(x);
      x -= 0.01 * velocity;
    }
  });

  it("name the local and the global minimum", () => {
    const local = lbfgs.doneRight(8, "float64").final;
    expect(local.x[0]).toBeCloseTo(3.9847, 4);
    expect(local.f).toBeCloseTo(0.1607, 4);
    const global = lbfgs.doneRight(-2, "float64").final;
    expect(global.x[0]).toBeCloseTo(-1.2805, 4);
    expect(global.f).toBeCloseTo(-0.66147, 5);
    // Nothing on a fine grid is lower.
    for (let x = -20; x < 20; x += 0.001) expect(f(x)).toBeGreaterThanOrEqual(global.f - 1e-12);
    expect(lbfgs.lesson().lines.at(-1)).toContain("f(-1.2805) = -0.66147, the global minimum");
  });

  it("lower the learning rate by a schedule", () => {
    const all = schedulers.compare("float64");
    const [constant, step, exponential, cosine, plateau] = all.map(({ rates }) => rates);
    expect(new Set(constant)).toEqual(new Set([4]));
    expect([19, 20, 99].map((i) => step![i])).toEqual([4, 2, 0.25]);
    expect(exponential![50]).toBeCloseTo(4 * 0.96 ** 50, 12);
    expect(cosine![50]).toBeCloseTo(2, 12);
    expect(plateau!.at(-1)).toBeLessThan(4);
    const ends = all.map(({ run }) => Math.abs(slope(run.final.x[0]!)));
    expect(ends[0]).toBeGreaterThan(0.01);
    for (const end of ends.slice(1)) expect(end).toBeLessThan(1e-3);
  });

  it("stop for the reason that they give", () => {
    const found = stopping.minimizeUntil(1);
    expect(found.reason).toBe("gradient below 0.0001");
    expect(Math.abs(slope(found.run.final.x[0]!))).toBeLessThan(2e-4);
    const wild = stopping.minimizeUntil(4);
    expect(wild.reason).toBe("no progress in 10 steps");
    const heights = wild.run.heights;
    expect(heights.indexOf(Math.min(...heights))).toBe(heights.length - 12);
    const slow = stopping.minimizeUntil(0.001);
    expect([slow.reason, slow.run.steps]).toEqual(["1000 steps are done", 1000]);
  });

  it("find the best learning rate", () => {
    for (const name of ["SGD", "Adam"] as const) {
      const sweep = learningRates.sweep(name, "float64");
      expect(sweep.rates).toHaveLength(25);
      expect(sweep.rates[0]).toBeCloseTo(0.01, 12);
      expect(sweep.rates.at(-1)).toBeCloseTo(10, 12);
      const { lr, run } = learningRates.bestOf(sweep);
      expect(sweep.rates).toContain(lr);
      for (const other of sweep.runs) expect(other.final.f).toBeGreaterThanOrEqual(run.final.f);
      expect(run.final.f).toBeLessThan(-0.6);
    }
  });

  it("climb equally by sign and by option", () => {
    const [sign, option] = [maximum.bySign("float64"), maximum.byOption("float64")];
    expect(sign.points).toEqual(option.points);
    expect(Math.abs(slope(sign.final.x[0]!))).toBeLessThan(1e-3);
    expect(sign.final.f).toBe(sign.bestF);
    expect(sign.final.f).toBeGreaterThan(f(-3));
  });

  it("find both minima of x cos(pi x)", () => {
    const [local, global] = [
      minima.minimizeFrom(0, "float64").final,
      minima.minimizeFrom(0.6, "float64").final,
    ];
    expect(local.x[0]).toBeCloseTo(-0.860333589019 / Math.PI, 8);
    expect(global.x[0]).toBeCloseTo(3.425618459481 / Math.PI, 8);
    expect(global.f).toBeCloseTo(ripple(global.x[0]!), 12);
    for (let x = -1; x < 2; x += 0.001) expect(ripple(x)).toBeGreaterThanOrEqual(global.f - 1e-12);
  });

  it("stay at one saddle and leave the other", () => {
    const flat = saddles.stuck("float64");
    expect(flat.final.x[0]).toBeGreaterThan(0);
    expect(flat.final.x[0]).toBeLessThan(0.1);
    for (const run of Object.values(saddles.escapes("float64"))) {
      expect(run.final.f).toBeLessThan(-3);
      expect(run.steps).toBeLessThan(60);
    }
  });

  it("cross the valley", () => {
    const runs = valley.descents("float64");
    expect(runs["Momentum"]!.final.f).toBeLessThan(runs["SGD"]!.final.f / 100);
    // By hand: x(k) = x0 (1 - lr)**k, y(k) = y0 (1 - 100 lr)**k.
    const [x, y] = runs["SGD"]!.final.x as [number, number];
    expect(x).toBeCloseTo(-1.8 * (1 - 0.0195) ** 59, 10);
    expect(y).toBeCloseTo(0.5 * (1 - 1.95) ** 59, 10);
    const quick = valley.byLBFGS("float64");
    expect(quick.steps).toBeLessThan(12);
    expect(quick.final.f).toBeLessThan(1e-10);
  });

  it("leave the print options alone, and say something", () => {
    const before = getPrintOptions();
    const lessons: (() => Lesson)[] = [
      curve, byHand, manyMinima, optimizers, lbfgs, schedulers, stopping, learningRates, maximum, minima, saddles, valley,
    ].map((module) => module.lesson); // prettier-ignore
    for (const lesson of lessons) {
      const { title, lines, runs, pictures } = lesson();
      expect(title).not.toBe("");
      expect(lines.length).toBeGreaterThan(0);
      expect(lines.join()).not.toMatch(/NaN|undefined/);
      expect(Object.keys(pictures).length).toBeGreaterThan(0);
      if (runs.length > 0) expect(formatTable(runs)).not.toMatch(/NaN|undefined/);
    }
    expect(getPrintOptions()).toEqual(before);
  });
});

interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs node; the output is no terminal. */
function node(args: string[], cwd = folder): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd }, (error: ExecFileException | null, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
    });
  });
}

describe("the demo", () => {
  const out = join(folder, "drawings");
  let ended: Ended;
  beforeAll(async () => {
    if (!existsSync(demo)) throw new Error("the demo is not built: npm run build");
    ended = await node([demo, "--out", out]);
  }, 120_000);

  it("runs to its end", () => {
    expect(ended).toMatchObject({ code: 0, stderr: "" });
  });

  it("shows progress and the notebook's numbers", () => {
    const { stdout } = ended;
    for (let i = 1; i <= 12; i++) expect(stdout).toContain(`[${i}/12] `);
    for (const line of golden("gradient descent by hand", "float32").prints!) expect(stdout).toContain(line);
    expect(stdout).toContain("Adam, lr 2, after 15 steps: tensor([-0.275])");
    expect(stdout).toContain("f(3.9847) = 0.16071");
    expect(stdout).toContain("f(-1.2805) = -0.66147, the global minimum");
    expect(stdout).not.toMatch(/NaN|undefined/);
  });

  it("prints a table", () => {
    const lines = ended.stdout.split("\n");
    const start = lines.findIndex((line) => line.startsWith("optimizer "));
    expect(lines[start]!.split(/ {2,}/)).toEqual(
      "optimizer,start,steps,final x,final f,best f,time per step".split(","),
    );
    const rows = lines.slice(start + 2, lines.indexOf("", start)).map((line) => line.split(/ {2,}/));
    for (const row of rows) expect(row).toHaveLength(7);
    expect(rows.length).toBeGreaterThan(30);
    expect(rows.find(([name]) => name === "Adam, lr 2")!.slice(1, 6)).toEqual([
      "8",
      "15",
      "-0.2908",
      "-0.2749",
      "-0.6568",
    ]);
    for (const [, , , , , , time] of rows) expect(time).toMatch(/^\d+ µs$/);
  });

  it("writes plots and animations, and says where", () => {
    const files = readdirSync(out);
    expect(ended.stdout).toContain(`${files.length} plots and animations are in ${out}\n`);
    for (const file of files) expect(statSync(join(out, file)).size, file).toBeGreaterThan(2000);
    const byEnding = (ending: string) => files.filter((file) => file.endsWith(ending));
    expect(byEnding(".png").length).toBeGreaterThanOrEqual(12);
    expect(byEnding(".html").length).toBeGreaterThanOrEqual(5);
    expect(byEnding(".svg")).toHaveLength(byEnding(".png").length + byEnding(".html").length);
    for (const file of byEnding(".png")) {
      expect(readFileSync(join(out, file)).subarray(1, 4).toString(), file).toBe("PNG");
    }
    for (const file of byEnding(".svg")) {
      const svg = readFileSync(join(out, file), "utf8");
      expect(svg, file).toMatch(/^<svg /);
      expect(svg, file).not.toMatch(/NaN|undefined/);
    }
  });

  it("writes pages that load nothing", () => {
    for (const file of readdirSync(out).filter((name) => name.endsWith(".html"))) {
      const page = readFileSync(join(out, file), "utf8");
      expect(page, file).toContain("default-src 'none'");
      expect(page, file).not.toMatch(/\b(?:src|href)=|@import|url\((?!#)|fetch\(/);
      const foreign = [...page.matchAll(/https?:\/\/[^\s"']+/g)].map(([address]) => address);
      for (const address of foreign) expect(address, file).toMatch(/^http:\/\/www\.w3\.org\//);
    }
  });

  it("explains itself", async () => {
    const help = await node([demo, "--help"]);
    expect(help).toMatchObject({ code: 0, stderr: "" });
    expect(help.stdout).toContain("--out DIR");
  });

  it.each([
    [["--ot", "x"], "'--ot'"],
    [["somewhere"], "'somewhere'"],
    [["--out"], "--out"],
    [["--out", ""], "needs the name of a folder"],
    [["--out", demo], "is not a folder"],
    [["--out", join(demo, "below")], "ENOTDIR"],
  ])("refuses %j", async (args, message) => {
    const { code, stdout, stderr } = await node([demo, ...args]);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain(message);
    expect(stderr).toContain("Usage: npm run demo");
    expect(stderr).not.toContain("    at ");
  });

  it("does without the packages for plots", async () => {
    const hooks = join(folder, "no-plots.mjs");
    const missing = `export async function resolve(name, context, next) {
      if (name !== "vega" && !name.startsWith("@resvg/")) return next(name, context);
      throw Object.assign(new Error("Cannot find package '" + name + "'"), { code: "ERR_MODULE_NOT_FOUND" });
    }`;
    const address = `data:text/javascript,${encodeURIComponent(missing)}`;
    writeFileSync(hooks, `import { register } from "node:module"; register(${JSON.stringify(address)});`);
    const { code, stdout, stderr } = await node([
      "--import",
      pathToFileURL(hooks).href,
      demo,
      "--out",
      join(folder, "none"),
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/No plots: .*npm install vega @resvg\/resvg-js/);
    expect(stdout).toContain("Adam, lr 2, after 15 steps: tensor([-0.275])");
    expect(stdout).toContain("time per step");
  });

  it("consists of lessons that run alone", async () => {
    const { code, stdout, stderr } = await node([join(root, "dist/examples/10-local-and-global.js")]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("f(1.0904) = -1.0467");
    expect(stdout).toContain("time per step");
    const pictures = ["10-local-and-global.png", "10-local-and-global.svg"];
    expect(readdirSync(join(folder, "demo-output"))).toEqual(pictures);
    const there = join(folder, "there");
    const named = await node([join(root, "dist/examples/10-local-and-global.js"), "--out", there]);
    expect(named).toMatchObject({ code: 0, stderr: "" });
    expect(named.stdout).toContain(`Pictures are in ${there}\n`);
    expect(readdirSync(there)).toEqual(pictures);
  });

  it("consists of lessons that refuse what they do not know", async () => {
    const { code, stdout, stderr } = await node([join(root, "dist/examples/05-lbfgs.js"), "--ot", "x"]);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain("'--ot'");
    expect(stderr).toContain("[--out DIR]");
    expect(stderr).not.toContain("    at ");
  });
});
