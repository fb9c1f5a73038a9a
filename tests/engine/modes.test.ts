// The engine's modes are chosen when a process starts: each is tried in one of its own.
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import ts from "typescript";
import { afterAll, describe, expect, test } from "vitest";
import { isClose } from "../helpers/reference.js";

interface Outcome {
  small: string[];
  large: string[];
  routines: string[];
  totals: number[];
}

// A folder of the build, so that the library lies where the sources expect it.
const folder = mkdtempSync("dist/modes-");
const helpers = join(folder, "helpers");
mkdirSync(helpers);
afterAll(() => rmSync(folder, { recursive: true }));
for (const name of ["graph-hashes", "large-graphs", "random-graphs", "repeatable", "routine-results"]) {
  const { outputText } = ts.transpileModule(readFileSync(`tests/helpers/${name}.ts`, "utf8"), {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
  });
  writeFileSync(join(helpers, `${name}.js`), outputText);
}

const modes = {
  usual: {},
  "fusion off": { ADJOINT_FUSION: "0", ADJOINT_NUM_THREADS: "4" },
  "loops alone": { ADJOINT_JIT: "0" },
  "one thread": { ADJOINT_NUM_THREADS: "1" },
  "three threads": { ADJOINT_NUM_THREADS: "3" },
  v4: { ADJOINT_ISA: "v4" },
  v3: { ADJOINT_ISA: "v3" },
  v2: { ADJOINT_ISA: "v2" },
  portable: { ADJOINT_ISA: "portable" },
};
type Mode = keyof typeof modes;

/** What a mode gives, or null where the machine does not have it. */
async function outcomeOf(mode: Mode): Promise<Outcome | null> {
  const args = [join(helpers, "graph-hashes.js"), "80", "36"];
  const options = { env: { ...process.env, ...modes[mode] }, maxBuffer: 2 ** 26 };
  try {
    return JSON.parse((await promisify(execFile)(process.execPath, args, options)).stdout) as Outcome;
  } catch (error) {
    if (!(error as { stderr?: string }).stderr?.includes("this machine runs")) throw error;
    return null;
  }
}

// Two at a time: more would only wait for processors.
const outcomes = new Map<Mode, Promise<Outcome | null>>();
const names = Object.keys(modes) as Mode[];
names.forEach((mode, i) => {
  const before = i < 2 ? Promise.resolve(null) : outcomes.get(names[i - 2]!)!;
  const outcome = before.then(() => outcomeOf(mode));
  outcome.catch(() => undefined);
  outcomes.set(mode, outcome);
});

describe("random graphs and ops over whole arrays give the same bits", () => {
  test.for<[Mode, Mode]>([
    ["fusion off", "usual"],
    ["loops alone", "usual"],
    ["one thread", "usual"],
    ["three threads", "usual"],
    ["v4", "v3"],
  ])("with %s as with %s", { timeout: 120_000 }, async ([mode, other], { skip }) => {
    const [one, two] = [await outcomes.get(mode)!, await outcomes.get(other)!];
    if (!one || !two) return skip("the machine does not have this instruction set");
    expect(one.small.length + one.large.length).toBe(116);
    expect(one.routines.length).toBe(14);
    expect(one).toEqual(two);
  });
});

describe("random graphs agree", () => {
  test.for<Mode>(["v2", "portable"])("with %s", { timeout: 120_000 }, async (mode, { skip }) => {
    const [one, usual] = [await outcomes.get(mode)!, await outcomes.get("usual")!];
    if (!one) return skip("the machine does not have this instruction set");
    const wrong = one.totals.findIndex((total, i) => !isClose(total, usual!.totals[i]!, 1e-4, 1e-5));
    expect(wrong, `${one.totals[wrong]} instead of ${usual!.totals[wrong]}`).toBe(-1);
  });
});
