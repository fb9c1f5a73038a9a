// Builds the addon with cmake-js into build/cmake; the result is build/Release/adjoint.node.
// npm's build script and binding.gyp both call this file. A second run is incremental.
//
//   node scripts/build-native.mjs [--sanitize address|undefined|thread|address,undefined]
//
// An addon with the compiler's checks has a folder of its own, build/sanitize-...; scripts/test-sanitizers.mjs runs
// programs with it.
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const { sanitize } = parseArgs({ options: { sanitize: { type: "string" } } }).values;
const kinds = ["address", "undefined", "thread", "address,undefined"];
if (sanitize !== undefined && !kinds.includes(sanitize)) {
  console.error(`--sanitize ${sanitize}: there are ${kinds.join(", ")}`);
  process.exit(2);
}
const folder = sanitize === undefined ? "cmake" : `sanitize-${sanitize.replace(",", "-")}`;
const cmakeJs = createRequire(import.meta.url).resolve("cmake-js/bin/cmake-js");
const jobs = process.env.CMAKE_BUILD_PARALLEL_LEVEL ?? String(availableParallelism());
const words = ["compile", "--directory", root, "--out", join(root, "build", folder), "--parallel", jobs];
// Only the host's code is watched, so that of GPUs need not be there.
if (sanitize !== undefined) words.push(`--CDADJOINT_SANITIZE=${sanitize}`, "--CDADJOINT_CUDA=OFF");
const { status, error } = spawnSync(process.execPath, [cmakeJs, ...words], { stdio: "inherit", cwd: root });
if (error) throw error;
process.exit(status ?? 1);
