// Runs the tests that watch over reliability in their long forms: every failure of memory in every program, alone and
// several in a row; random programs of another seed each time, and hostile calls; a thousand threads that come and go; and
// all of it under each of the compiler's checks.
import { spawnSync } from "node:child_process";

const files = ["failing", "fuzz", "exits", "modes"].map((name) => `tests/engine/${name}.test.ts`);
const commands = [
  ["node_modules/vitest/vitest.mjs", "run", ...files],
  ["scripts/test-sanitizers.mjs", "--long", "address", "undefined", "thread"],
];
const env = { ...process.env, ADJOINT_LONG: "1" };
const statuses = commands.map(
  (words) => spawnSync(process.execPath, words, { env, stdio: "inherit" }).status,
);
process.exit(statuses.every((status) => status === 0) ? 0 : 1);
