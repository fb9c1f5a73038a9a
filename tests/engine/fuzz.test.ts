// Random programs over the whole public API (programs/fuzz.mjs) give the library's errors or values, and the same bits in
// every mode of the engine; hostile calls of the addon's entries (programs/fuzz-entries.mjs) end in errors.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { getDefaultDevice } from "adjoint";

const isLong = process.env["ADJOINT_LONG"] === "1";
const programs = isLong ? "3000" : "400";
const seed = isLong ? String(Date.now() % 1_000_000) : "1";

async function run(program: string, args: string[], env: Record<string, string> = {}): Promise<unknown> {
  const words = ["--no-warnings", "--expose-gc", `tests/programs/${program}`, "--seed", seed, ...args];
  const options = { env: { ...process.env, ...env }, maxBuffer: 2 ** 26 };
  return JSON.parse((await promisify(execFile)(process.execPath, words, options)).stdout);
}

interface Outcome {
  digests: string[];
  calls: number;
  worked: number;
  functions: number;
  unreached: string[];
}
const fuzz = async (env: Record<string, string>, ...args: string[]): Promise<Outcome> =>
  (await run("fuzz.mjs", ["--programs", programs, ...args], env)) as Outcome;

const isOnCpu = getDefaultDevice() === "cpu";
const reason = isOnCpu ? "" : " (skipped: of the CPU's modes)";
describe.skipIf(!isOnCpu)(`random programs over the whole API${reason}`, () => {
  const usual = isOnCpu ? fuzz({}) : null;
  usual?.catch(() => undefined);

  test("end in values, or in errors of the library", { timeout: 600_000 }, async () => {
    const { digests, calls, worked, functions, unreached } = (await usual)!;
    console.log(`seed ${seed}: ${digests.length} programs, ${worked} of ${calls} calls gave values`);
    expect(worked / calls).toBeGreaterThan(0.25);
    // Each program learns how functions are called from those before it.
    expect(unreached.length / functions, unreached.join()).toBeLessThan(isLong ? 0.08 : 0.2);
  });

  test.each<[string, Record<string, string>, string]>([
    ["on one thread, read at the end", { ADJOINT_NUM_THREADS: "1" }, "none"],
    ["on four threads, read at once", { ADJOINT_NUM_THREADS: "4" }, "all"],
    ["without fusion", { ADJOINT_FUSION: "0" }, "some"],
    ["without code made for a machine", { ADJOINT_JIT: "0" }, "none"],
    ["with AVX2, without huge pages", { ADJOINT_ISA: "v3", ADJOINT_HUGE_PAGES: "0" }, "some"],
  ])("leave the same bits %s", { timeout: 600_000 }, async (_, env, reads) => {
    const [one, other] = [await fuzz(env, "--reads", reads), (await usual)!];
    expect(one.digests.length).toBe(Number(programs));
    const different = one.digests.flatMap((digest, i) => (digest === other.digests[i] ? [] : [i]));
    expect(different).toEqual([]);
  });

  test("find a planted difference, and a planted error", { timeout: 600_000 }, async () => {
    const threads = (count: string) => fuzz({ ADJOINT_NUM_THREADS: count }, "--planted", "bits");
    expect((await threads("1")).digests).not.toEqual((await threads("2")).digests);
    await expect(fuzz({}, "--planted", "error")).rejects.toThrow("a planted error");
  });
});

describe("hostile calls of the addon's entries", () => {
  const calls = (count: string, ...more: string[]) =>
    run("fuzz-entries.mjs", ["--calls", count, ...more], { ADJOINT_MAX_BYTES: "256M" });

  test("end in errors, and leave what is right", { timeout: 600_000 }, async () => {
    const { entries, returned, neverCalled } = (await calls(isLong ? "500000" : "30000")) as {
      entries: number;
      returned: number;
      neverCalled: string[];
    };
    expect(entries).toBeGreaterThan(100);
    expect(returned).toBeGreaterThan(5000);
    expect(neverCalled).toEqual([]);
  });

  test("find what is planted", async () => {
    await expect(calls("20000", "--planted")).rejects.toThrow("what is no Error");
  });
});
