// Every allocation of the addon fails in its turn (programs/failing.mjs), and nothing is lost. And reads for which there
// is no room, and limits of memory that mean nothing.
import { execFile, execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { freemem, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, describe, expect, test } from "vitest";
import { getDefaultDevice } from "../../lib/index.js";

const isLong = process.env["ADJOINT_LONG"] === "1";
const isOnCpu = getDefaultDevice() === "cpu";
const library = resolve("build/cmake/libfailing_allocations.so");
const isThere = (() => {
  if (!isOnCpu || process.platform !== "linux" || !existsSync("build/cmake/CMakeCache.txt")) return false;
  spawnSync("cmake", ["--build", "build/cmake", "--target", "failing_allocations"]);
  return existsSync(library);
})();

const folder = mkdtempSync(join(tmpdir(), "adjoint-failing-"));
afterAll(() => rmSync(folder, { recursive: true }));
let files = 0;
async function sweep(...args: string[]): Promise<string> {
  const file = join(folder, String(++files));
  writeFileSync(file, new Uint8Array(32));
  const env = { ...process.env, LD_PRELOAD: library, FAILING_ALLOCATIONS: file };
  const options = { env, timeout: 600_000 };
  const words = ["tests/programs/failing.mjs", ...args];
  return (await promisify(execFile)(process.execPath, words, options)).stdout;
}

const reason = isThere
  ? ""
  : isOnCpu
    ? " (skipped: no library that makes them fail)"
    : " (skipped: not on a GPU)";
describe.skipIf(!isThere)(`allocations that fail${reason}`, () => {
  const names = isThere
    ? (JSON.parse(
        execFileSync(process.execPath, ["tests/programs/failing.mjs"], {
          encoding: "utf8",
          env: { ...process.env, FAILING_ALLOCATIONS: "/dev/null" },
        }),
      ) as string[])
    : [];
  const inARow = isLong ? ["1", "2", "5", "50"] : ["1"];
  let total = 0;
  test.concurrent.each(
    names.filter((name) => name !== "planted").flatMap((name) => inARow.map((n) => [name, n])),
  )("%s, %s in a row: are errors, and nothing else", { timeout: 900_000 }, async (name, failures) => {
    // Every step of these is planned anew, which asks for much.
    const most = !isLong && name.includes("new shapes") ? "150" : "100000";
    const failed = Number(await sweep(name, most, failures));
    // Letting go needs no memory.
    if (name === "dispose") expect(failed).toBe(0);
    else expect(failed).toBeGreaterThan(0);
    total += failed;
  });
  afterAll(() => console.log(`${total} allocations failed`));

  test("a planted bug is found", async () => {
    await expect(sweep("planted")).rejects.toThrow("a planted value");
  });
});

/** What a program prints in a process with little address space, or under a limit. */
const printed = (body: string, env: Record<string, string> = {}, kilobytes = "unlimited") =>
  spawnSync(
    "bash",
    ["-c", `ulimit -v ${kilobytes}; exec "$0" --input-type=module -e "$1"`, process.execPath, body],
    { encoding: "utf8", env: { ...process.env, ...env } },
  );

const failures = `
  const failure = async (read) => {
    try {
      await read();
      return "none";
    } catch (error) {
      return error.code;
    }
  };`;

const noUlimit = process.platform !== "linux" || !isOnCpu ? " (skipped: needs Linux and host memory)" : "";
describe.skipIf(noUlimit)(`reads for which there is no room${noUlimit}`, () => {
  test("of the process are errors", { timeout: 120_000 }, () => {
    const { status, stdout, stderr } = printed(
      `import { full } from "adjoint"; ${failures}
       const x = full([1e9], 1, { dtype: "uint8" });
       const codes = [];
       for (const read of [() => x.data(), () => x.dataSync(), () => x.toArray(), () => String(x), () => JSON.stringify(x)])
         codes.push(await failure(read));
       console.log(codes.join(), x.narrow(0, 5, 2).toArray().join());`,
      {},
      "2500000",
    );
    expect(stderr).toBe("");
    expect(stdout).toBe(`${Array(5).fill("ERR_HOST_OOM").join()} 1,1\n`);
    expect(status).toBe(0);
  });

  test("of the limit are errors, before the machine is asked", () => {
    const { status, stdout, stderr } = printed(
      `import { full, realize } from "adjoint"; ${failures}
       const x = full([6_000_000], 1);
       realize(x);
       console.log(await failure(() => x.data()), await failure(() => x.dataSync()), x.narrow(0, 0, 1e6).dataSync().length);`,
      { ADJOINT_MAX_BYTES: "40M" },
    );
    expect(stderr).toBe("");
    expect(stdout).toBe("ERR_HOST_OOM ERR_HOST_OOM 1000000\n");
    expect(status).toBe(0);
  });

  const little = freemem() < 4e9 ? " (skipped: less than 4 GB are free)" : "";
  test.skipIf(little)(`as nested arrays are errors${little}`, { timeout: 120_000 }, () => {
    const { status, stdout, stderr } = printed(
      `import { full, tensor } from "adjoint"; ${failures}
       const codes = [];
       for (const [shape, dtype] of [
         [[2 ** 27], "uint8"],
         [[1000, 1_000_000], "uint8"],
         [[100_000_000, 0], "float32"],
         [[999_999, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1], "uint8"],
         [[60_000_000], "int64"],
       ])
         codes.push(await failure(() => full(shape, 1, { dtype }).toArray()));
       codes.push(await failure(() => JSON.stringify(full([130_000_000], 1, { dtype: "uint8" }))));
       console.log(codes.join(), full([1000, 1100], 2, { dtype: "uint8" }).toArray()[999][1099]);`,
      { NODE_OPTIONS: "--max-old-space-size=1500" },
    );
    expect(stderr).toBe("");
    expect(stdout).toBe(`${Array(6).fill("ERR_HOST_OOM").join()} 2\n`);
    expect(status).toBe(0);
  });
});

describe.skipIf(noUlimit)(`limits that no machine reaches${noUlimit}`, () => {
  test.each(["2305843009213693952", "9223372036854775807", "4G"])("ADJOINT_MAX_BYTES=%s", (limit) => {
    const { status, stdout, stderr } = printed(
      `import { full, ones, realize, zeros } from "adjoint"; ${failures}
       const wide = () => full([2 ** 40, 2 ** 12], 1, { dtype: "uint8" });
       const codes = [];
       for (const make of [
         () => full([2 ** 52, 2047], 1, { dtype: "uint8" }),
         () => wide().to("float64").add(1),
         () => wide().add(0.5),
         () => wide().sum(1, { keepdim: true }).add(wide()),
         () => ones([2 ** 30, 1]).add(ones([1, 2 ** 30])).reshape(-1),
         () => zeros([0, 2 ** 31, 2 ** 31], { dtype: "bool" }).flatten(1),
         () => ones([2 ** 20]).reshape(2 ** 20, 1).matmul(ones([1, 2 ** 33])),
       ])
         codes.push(await failure(() => realize(make())));
       console.log(codes.join(), zeros([3]).add(1).sum().item());`,
      { ADJOINT_MAX_BYTES: limit },
    );
    expect(stderr).toBe("");
    expect(stdout).toMatch(/^((ERR_SHAPE|ERR_HOST_OOM),){6}(ERR_SHAPE|ERR_HOST_OOM) 3\n$/);
    expect(status).toBe(0);
  });
});
