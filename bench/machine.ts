// What figures depend on, beside the code.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { cpus, loadavg, release, totalmem, type } from "node:os";
import { pathToFileURL } from "node:url";

/** The folder of package.json: above the compiled modules and above the sources. */
export const root: URL = (() => {
  let folder = new URL(".", import.meta.url);
  while (!existsSync(new URL("package.json", folder))) folder = new URL("..", folder);
  return folder;
})();

/** What a machine is, as far as it says. */
export interface Machine {
  cpu: string;
  cores: number;
  /** Caches of the first core, as in `L2 1024K`. */
  caches: string[];
  /** The widest vectors: `avx512f`, `avx2`, `asimd`. */
  simd: string | null;
  memoryGiB: number;
  /** How many cores others kept busy in the last minute. */
  load: number;
  os: string;
  node: string;
  /** What was measured: the commit, with `+` where files have changed since. */
  commit: string | null;
}

const sysfs = pathToFileURL("/sys/devices/system/cpu/cpu0/cache/");

function textOf(file: string | URL): string | undefined {
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    return undefined;
  }
}

function caches(): string[] {
  const found: string[] = [];
  for (let i = 0; existsSync(new URL(`index${i}`, sysfs)); ++i) {
    const [level, kind, size] = ["level", "type", "size"].map((name) =>
      textOf(new URL(`index${i}/${name}`, sysfs)),
    );
    found.push(`L${level}${kind === "Data" ? "d" : kind === "Instruction" ? "i" : ""} ${size}`);
  }
  return found;
}

function simd(): string | null {
  const flags = /^(?:flags|Features)\s*:(.*)$/m.exec(textOf("/proc/cpuinfo") ?? "")?.[1]?.split(" ") ?? [];
  return ["avx512f", "avx2", "avx", "sse2", "asimd"].find((name) => flags.includes(name)) ?? null;
}

function commit(): string | null {
  const told = process.env["ADJOINT_COMMIT"];
  if (told !== undefined) return told;
  const git = (...words: string[]) =>
    execFileSync("git", words, { cwd: root, encoding: "utf8", stdio: "pipe" }).trim();
  try {
    return (
      git("rev-parse", "--short", "HEAD") + (git("status", "--porcelain", "--untracked-files=no") && "+")
    );
  } catch {
    return null;
  }
}

/** This machine. */
export function describeMachine(): Machine {
  const processors = cpus();
  return {
    cpu: processors[0]?.model ?? "unknown",
    cores: processors.length,
    caches: caches(),
    simd: simd(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    load: Math.round(loadavg()[0]! * 10) / 10,
    os: `${type()} ${release()}`,
    node: process.version,
    commit: commit(),
  };
}
