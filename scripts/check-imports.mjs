// Checks that the modules of lib/ import in no circle, types included. One edge is left out: the class Tensor is a
// table of contents, whose methods call compositions, which are written with methods. By then all is loaded.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import ts from "typescript";

const isTableOfContents = (from, to) => from === "lib/tensor.ts" && to.startsWith("lib/functional/");

const modules = readdirSync("lib", { recursive: true })
  .filter((name) => name.endsWith(".ts"))
  .map((name) => `lib/${name}`);
const imports = new Map(
  modules.map((path) => {
    const { importedFiles } = ts.preProcessFile(readFileSync(path, "utf8"), true, true);
    const names = importedFiles.map(({ fileName }) => fileName).filter((name) => name.startsWith("."));
    const targets = names.map((name) => join(dirname(path), name.replace(/\.js$/, ".ts")));
    return [path, targets.filter((target) => !isTableOfContents(path, target))];
  }),
);

const circles = new Set();
const finished = new Set();
function follow(path, trail) {
  if (trail.includes(path)) circles.add([...trail.slice(trail.indexOf(path)), path].join(" -> "));
  if (finished.has(path) || trail.includes(path)) return;
  for (const target of imports.get(path) ?? []) follow(target, [...trail, path]);
  finished.add(path);
}
for (const path of modules) follow(path, []);

for (const circle of circles) console.error(`a circle of imports: ${circle}`);
process.exitCode = circles.size > 0 ? 1 : 0;
