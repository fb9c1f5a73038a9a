// Checks the direction of includes in native/: a folder may include itself and the folders named here, no others.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const allowed = {
  device: [],
  ops: [],
  cpu: ["device", "ops"],
  cuda: ["device", "ops"],
  graph: ["device", "ops"],
  cuda: ["device", "ops"],
  node: ["device", "graph", "cpu", "cuda"],
};

const wrong = [];
for (const folder of readdirSync("native")) {
  const mayInclude = allowed[folder];
  if (!mayInclude) wrong.push(`native/${folder}: not in the list of folders`);
  for (const file of readdirSync(join("native", folder))) {
    const path = join("native", folder, file);
    for (const [, included] of readFileSync(path, "utf8").matchAll(/^#include "([^"/]+)\//gm))
      if (included !== folder && !mayInclude?.includes(included)) wrong.push(`${path} includes ${included}/`);
  }
}
for (const line of wrong) console.error(line);
process.exitCode = wrong.length > 0 ? 1 : 0;
