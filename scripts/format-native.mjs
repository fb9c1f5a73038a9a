// Formats every C++ and CUDA source of native/ and tests/ in place, or says with --check which ones are not formatted.
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const files = ["native", "tests"].flatMap((folder) =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(h|cpp|cu)$/.test(name))
    .map((name) => join(folder, name)),
);
const how = process.argv.includes("--check") ? ["--dry-run", "-Werror"] : ["-i"];
const clangFormat = createRequire(import.meta.url).resolve("clang-format-node/build/cli.js");
const { status } = spawnSync(process.execPath, [clangFormat, ...how, ...files], { stdio: "inherit" });
process.exitCode = status ?? 1;
