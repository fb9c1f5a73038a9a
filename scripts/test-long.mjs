// Runs the tests that watch over reliability in their long forms: every failure of memory in every program, alone and
// several in a row.
import { spawnSync } from "node:child_process";

const words = ["node_modules/vitest/vitest.mjs", "run", "tests/engine/failing.test.ts"];
const env = { ...process.env, ADJOINT_LONG: "1" };
process.exit(spawnSync(process.execPath, words, { env, stdio: "inherit" }).status ?? 1);
