// Checks the direction of includes in native/: a folder may include itself, what lies in it, and the folders
// named here, no others.
import { readdirSync, readFileSync } from "node:fs";

const allowed = {
  ops: [],
  device: [],
  cpu: ["device", "ops"],
  cuda: ["device", "ops"],
  graph: ["device", "ops"],
  node: ["device", "graph", "cpu", "cuda"],
};

const wrong = [];
for (const name of readdirSync("native", { recursive: true })) {
  if (!/\.(h|cpp|cu|def)$/.test(name)) continue;
  const path = `native/${name}`;
  const folder = name.split("/")[0];
  const mayInclude = allowed[folder];
  if (!mayInclude) wrong.push(`native/${folder}: not in the list of folders`);
  for (const [, included] of readFileSync(path, "utf8").matchAll(/^#include "([^"/]+)\//gm))
    if (included !== folder && !mayInclude?.includes(included)) wrong.push(`${path} includes ${included}/`);
}
for (const line of wrong) console.error(line);
process.exitCode = wrong.length > 0 ? 1 : 0;
