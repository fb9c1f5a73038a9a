// Builds the addon with cmake-js into build/cmake; the result is build/Release/adjoint.node.
// npm's build script and binding.gyp both call this file. A second run is incremental.
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const cmakeJs = createRequire(import.meta.url).resolve("cmake-js/bin/cmake-js");
const jobs = process.env.CMAKE_BUILD_PARALLEL_LEVEL ?? String(availableParallelism());
const { status, error } = spawnSync(
  process.execPath,
  [cmakeJs, "compile", "--directory", root, "--out", join(root, "build", "cmake"), "--parallel", jobs],
  { stdio: "inherit", cwd: root },
);
if (error) throw error;
process.exit(status ?? 1);
