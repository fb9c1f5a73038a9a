// What optimizers have passed, as record and picture; and `npx adjoint race`.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { minimizeSync, optim, tensor, type Tensor } from "adjoint";
import { animatePath, lossCurves, pathsOver, Trajectory } from "../../lib/plot/index.js";
import { himmelblau } from "../../lib/gallery/index.js";
import type { Race } from "../../lib/cli/race.js";
import { errorOf } from "../helpers/reference.js";

const folder = mkdtempSync(join(tmpdir(), "adjoint-race-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const loose = (value: unknown) => value as never;
const bowl = (x: number, y: number) => x * x + 3 * y * y;
const slope = (x: Tensor) =>
  x
    .mul(tensor([1, 3]))
    .mul(x)
    .sum();

function descent(name = "SGD"): Trajectory {
  const x = tensor([2, -1], { requiresGrad: true });
  const optimizer = new optim.SGD([x], { lr: 0.1 });
  const trajectory = new Trajectory(name);
  for (let i = 0; i < 20; ++i) {
    optimizer.zeroGrad();
    const loss = slope(x);
    loss.backward();
    trajectory.record(x, loss);
    optimizer.step();
  }
  return trajectory;
}

describe("a trajectory", () => {
  test("holds copies of points and values, of loops and of minimisations", () => {
    const path = descent();
    expect(path.length).toBe(20);
    expect(path.steps[0]).toEqual({ x: [2, -1], fun: 7 });
    expect(path.along(0)[1]).toBeCloseTo(1.6, 6);
    expect(path.values).toEqual([...path.values].sort((a, b) => b - a));
    const result = minimizeSync(himmelblau, [0, 0], { history: true });
    const found = Trajectory.of(result, "bfgs");
    expect(found.length).toBe(result.nit);
    expect(found.toArray().at(-1)).toEqual(result.x.toArray());
    expect(
      new Trajectory()
        .record(1, 2)
        .record(tensor(3), tensor([4]))
        .toArray(),
    ).toEqual([1, 3]);
  });

  test("is a path, and is drawn over the function and against steps", async () => {
    const paths = [descent("one"), descent("two")];
    expect(await animatePath(bowl, { one: paths[0]! }).toSVG()).toContain("step");
    const map = await pathsOver(bowl, paths, { title: "A bowl", minima: [[0, 0]] }).toSVG();
    for (const text of ["A bowl", "one", "two", "start", "minimum"]) expect(map).toContain(`>${text}</text>`);
    const curves = await lossCurves(paths).toSVG();
    expect(curves).toContain(">0.01</text>"); // a logarithmic axis
    expect(await lossCurves(paths, { least: -1 }).toSVG()).toContain("f above its least value");
    expect(await lossCurves(paths, { least: null, ylabel: "loss" }).toSVG()).toContain(">loss</text>");
  });

  test("leaves gaps for what is not finite or outside, and has more than six looks", async () => {
    const wild = new Trajectory("wild").record([0, 0], 1).record([1e9, 0], NaN).record([1, 1], Infinity);
    const many = Array.from({ length: 8 }, (_, i) => descent(`path ${i}`));
    const svg = await pathsOver(bowl, [wild, ...many], { xRange: [-2, 2], yRange: [-2, 2] }).toSVG();
    expect(svg).toContain("stroke-dasharray");
    expect(await lossCurves([wild, ...many]).toSVG()).toContain("path 7");
  });

  test.each<[string, () => unknown, string]>([
    [
      "another number of coordinates",
      () => descent().record([1], 0),
      "x has 1 coordinates, but the points before it have 2",
    ],
    [
      "a value that is none",
      () => new Trajectory().record([1], loose("x")),
      "the value must be a number or a tensor of one element",
    ],
    ["points that are none", () => new Trajectory().record(loose(null), 1), "x must be an array of numbers"],
    ["a result without history", () => Trajectory.of(loose({})), "ask for it with { history: true }"],
    ["no paths", () => lossCurves([]), "an array of trajectories, and not empty"],
    [
      "paths on a line",
      () => pathsOver(bowl, [new Trajectory("line").record(1, 1)]),
      "'line' has points of 1 coordinates",
    ],
    ["no function", () => pathsOver(loose(1), [descent()]), "f must be a function of x and y"],
    ["a least value", () => lossCurves([descent()], { least: NaN }), "least must be a finite number or null"],
    ["an unknown option", () => lossCurves([descent()], loose({ least_: 1 })), "least"],
  ])("refuses %s", (_, call, words) => {
    const error = errorOf(call);
    expect(error.message).toContain(words);
    expect(error.code).toMatch(/^ERR_/);
  });
});

function adjoint(...args: string[]) {
  const main = fileURLToPath(new URL("../../dist/lib/cli/main.js", import.meta.url));
  return spawnSync(process.execPath, [main, ...args], { encoding: "utf8", cwd: folder });
}

describe("adjoint race", () => {
  test("says how optimizers did, the best first, and draws them", () => {
    const { stdout, stderr, status } = adjoint(
      "race",
      "--optimizers",
      "adam,lbfgs,nelder-mead,differential-evolution",
      "--steps",
      "60",
    );
    expect(stderr).toBe("");
    expect(status).toBe(0);
    expect(stdout).toContain("Himmelblau from (0, 0), whose least value is 0");
    const rows = stdout
      .split("\n")
      .filter((line) => /^(adam|lbfgs|nelder-mead|differential-evolution) /.test(line));
    expect(rows).toHaveLength(4);
    expect(rows.at(-1)).toMatch(/^(adam|nelder-mead)/);
    for (const ending of ["-paths.svg", "-loss.svg", ".html"]) {
      const file = join(folder, `race-himmelblau${ending}`);
      expect(existsSync(file), file).toBe(true);
      expect(readFileSync(file, "utf8")).toContain("lbfgs");
    }
  });

  test("draws PNGs where the prefix ends so, and drops the ending", () => {
    for (const ending of [".png", ".svg"]) {
      const { stdout, status } = adjoint("race", "--optimizers", "bfgs", "--out", `named${ending}`);
      expect(status).toBe(0);
      for (const file of [`named-paths${ending}`, `named-loss${ending}`, "named.html"]) {
        expect(stdout).toContain(`${file}\n`);
        const isPng = readFileSync(join(folder, file)).subarray(1, 4).toString() === "PNG";
        expect(isPng, file).toBe(file.endsWith(".png"));
      }
    }
  });

  test("takes a start, learning rates and a place, and gives JSON", () => {
    const { stdout, status } = adjoint("race", "--function", "rosenbrock", "--optimizers", "sgd,bfgs", "--start", "2,2", "--lr", "sgd=0.0001", "--steps", "50", "--out", "none", "--json"); // prettier-ignore
    expect(status).toBe(0);
    const { start, runners } = JSON.parse(stdout) as Race;
    expect(start).toEqual([2, 2]);
    expect(runners.map(({ name, lr }) => [name, lr])).toEqual([["sgd", 0.0001], ["bfgs", null]]); // prettier-ignore
    expect(runners[1]).toMatchObject({ status: "converged" });
    expect(runners[1]!.distance).toBeLessThan(1e-4);
    expect(runners[0]!.path[0]).toEqual({ x: [2, 2], fun: 401 });
    expect(runners[0]!.path).toHaveLength(50);
    expect(existsSync(join(folder, "race-rosenbrock.html"))).toBe(false);
  });

  test.each([
    [["--function", "himelblau"], "there is no function 'himelblau', did you mean 'himmelblau'?"],
    [["--optimizers", "adm"], "there is no optimizer 'adm', did you mean 'adam'?"],
    [["--start", "1"], "--start needs two numbers"],
    [["--start", "1,x"], "--start must be a number"],
    [["--steps", "0"], "--steps must be a whole number from 1 on"],
    [["--lr", "fast"], "--lr must be a number"],
    [["--lr", "lion=0.1"], "which is not among the optimizers"],
    [["--device", "cpu"], "race has no option --device"],
  ])("refuses %j", (args, words) => {
    const { stderr, status } = adjoint("race", ...args);
    expect(status).toBe(2);
    expect(stderr).toContain(words);
    expect(stderr).toContain("Usage: adjoint");
  });
});
