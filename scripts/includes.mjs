// What sources include, held against rules: in which direction folders may include each other, and that files do not
// include each other in a circle.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path/posix";

/** A source counts with its header: both are "native/cpu/queue". */
const unitOf = (file) => file.replace(/\.\w+$/, "");

/** The files with what each includes of the others, as in [["native/cpu/queue.cpp", ["native/cpu/queue.h"]]]. */
function readIncludes(root, { below, searched }, problems) {
  const files = below
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((name) =>
        join(folder, name.replaceAll("\\", "/")),
      ),
    )
    .filter((name) => /\.(h|cpp|cu|def)$/.test(name))
    .sort();
  return files.map((file) => {
    const included = [];
    for (const [, name] of readFileSync(join(root, file), "utf8").matchAll(/^\s*#\s*include\s*"([^"]+)"/gm)) {
      const found = [dirname(file), ...searched]
        .map((folder) => normalize(join(folder, name)))
        .find((path) => existsSync(join(root, path)));
      if (found === undefined) problems.push(`${file} includes "${name}", which is not there`);
      else included.push(found);
    }
    return [file, included];
  });
}

/** Every circle among units as a path that ends where it begins. */
function findCircles(included) {
  const circles = [];
  const done = new Set();
  const path = [];
  const visit = (unit) => {
    if (done.has(unit)) return;
    const at = path.indexOf(unit);
    if (at >= 0) {
      circles.push([...path.slice(at), unit]);
      return;
    }
    path.push(unit);
    for (const next of [...(included.get(unit) ?? [])].sort()) visit(next);
    path.pop();
    done.add(unit);
  };
  for (const unit of included.keys()) visit(unit);
  return circles;
}

/** Whether one unit includes another, directly or not. */
function leads(included, from, to, seen = new Set()) {
  if (from === to) return true;
  if (seen.has(from)) return false;
  seen.add(from);
  return [...(included.get(from) ?? [])].some((next) => leads(included, next, to, seen));
}

/**
 * What is wrong, a sentence each.
 * @param root the folder that all paths start from
 * @param rules.below where the sources lie
 * @param rules.searched where the compiler looks for what is not beside the file that includes it
 * @param rules.folders for each folder the others that it may include; one that is not listed belongs to the folder that
 *   it lies in
 * @param rules.exceptions includes that break a rule: [from, to, why], without endings of files. One that breaks no
 *   rule is wrong itself.
 */
export function problemsOf(root, rules) {
  const problems = [];
  const ruleOf = (folder) => (folder === "." || folder in rules.folders ? folder : ruleOf(dirname(folder)));
  const keyOf = (from, to) => `${from} -> ${to}`;
  const excepted = new Set(rules.exceptions.map(([from, to]) => keyOf(from, to)));
  const wrongWay = new Set();
  const all = new Set();
  const included = new Map();
  for (const [file, headers] of readIncludes(root, rules, problems)) {
    const from = unitOf(file);
    const folder = ruleOf(dirname(file));
    if (!included.has(from)) included.set(from, new Set());
    if (folder === ".") problems.push(`${file}: no folder of it is in the list of folders`);
    for (const header of headers) {
      const to = unitOf(header);
      const key = keyOf(from, to);
      const other = ruleOf(dirname(header));
      all.add(key);
      if (other !== folder && !rules.folders[folder]?.includes(other)) {
        wrongWay.add(key);
        if (!excepted.has(key))
          problems.push(`${file} includes ${header}: ${folder} may not include ${other}`);
      }
      if (from !== to && !excepted.has(key)) included.get(from).add(to);
    }
  }
  for (const circle of findCircles(included)) problems.push(`a circle: ${circle.join(" -> ")}`);
  for (const [from, to] of rules.exceptions) {
    const key = keyOf(from, to);
    if (!all.has(key)) problems.push(`the exception ${key} is not needed: there is no such include`);
    else if (!wrongWay.has(key) && !leads(included, to, from))
      problems.push(`the exception ${key} is not needed: it breaks no rule`);
  }
  return problems;
}
