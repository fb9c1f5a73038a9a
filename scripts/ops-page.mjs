// Writes docs/ops.md: every function and method that computes, from the declarations and their comments, the tables of rows,
// and what is known to be missing. With --check it only compares.
//
//   node scripts/ops-page.mjs [--check]
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import prettier from "prettier";
import ts from "typescript";
import * as adjoint from "../dist/lib/index.js";
import { refused } from "../dist/lib/kernels.js";
import { native } from "../dist/lib/native.js";

const page = "docs/ops.md";
const rows = new Map(native.ops.map((row) => [row.name, row]));
/** Rows that have kernels for the CPU alone. */
const ofHost = new Set(
  [...readFileSync("native/ops/routines.def", "utf8").matchAll(/^ROUTINE\w*\((\w+),.*\bhost\b/gm)].map(
    ([, name]) => name,
  ),
);

/** The first sentence of a declaration's comment, on one line. */
function sentence(node) {
  const doc = ts.getJSDocCommentsAndTags(node).find(ts.isJSDoc);
  const text = ts.getTextOfJSDocComment(doc?.comment) ?? "";
  const flat = text.replaceAll(/\{@link (?:Tensor\.)?([^}]*)\}/g, "`$1`").replaceAll(/\s+/g, " ");
  const [first] = /^.*?[.:;](?= [A-Z`]|$)/.exec(flat) ?? [flat];
  return first.replaceAll("|", "\\|").replace(/[.:;]$/, "");
}

/** How it is called: its parameters' names, those that may be left out in brackets. */
const signature = (parameters) =>
  parameters
    .map(({ name, questionToken, initializer, dotDotDotToken }) => {
      const text = `${dotDotDotToken ? "..." : ""}${name.getText()}`;
      return questionToken || initializer ? `[${text}]` : text;
    })
    .join(", ");

const isExported = (node) =>
  node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) ?? false;
const parse = (path) =>
  ts.createSourceFile(path, readFileSync(path, "utf8"), ts.ScriptTarget.Latest, true, ts.ScriptKind.TS);

/** The exported functions of a module; `name as other` counts as other. */
function functionsOf(path) {
  const source = parse(path);
  const renamed = new Map();
  const found = [];
  source.forEachChild((node) => {
    if (
      ts.isExportDeclaration(node) &&
      node.exportClause &&
      ts.isNamedExports(node.exportClause) &&
      !node.moduleSpecifier
    )
      for (const { name, propertyName } of node.exportClause.elements)
        renamed.set((propertyName ?? name).text, name.text);
  });
  const seen = new Set();
  source.forEachChild((node) => {
    if (ts.isFunctionDeclaration(node) && node.name) {
      const name = isExported(node) ? node.name.text : renamed.get(node.name.text);
      if (name === undefined || seen.has(name)) return;
      const overloads = source.statements.filter(
        (other) => ts.isFunctionDeclaration(other) && other.name?.text === node.name.text,
      );
      seen.add(name);
      found.push({ name, parameters: node.parameters, text: overloads.map(sentence).find(Boolean) ?? "" });
    } else if (ts.isVariableStatement(node) && isExported(node))
      for (const { name, initializer } of node.declarationList.declarations)
        if (
          ts.isIdentifier(name) &&
          initializer &&
          /^[a-z]/.test(name.text) &&
          ts.isArrowFunction(initializer)
        )
          found.push({ name: name.text, parameters: initializer.parameters, text: sentence(node) });
  });
  return found;
}

/** The methods of the class Tensor that give tensors. */
function methodsOfClass() {
  const methods = [];
  parse("lib/tensor.ts").forEachChild((node) => {
    if (!ts.isClassDeclaration(node) || node.name.text !== "Tensor") return;
    for (const member of node.members)
      if (ts.isMethodDeclaration(member) && ts.isIdentifier(member.name))
        if (/Tensor|this/.test(member.type?.getText() ?? ""))
          methods.push({ name: member.name.text, parameters: member.parameters, text: sentence(member) });
  });
  return methods;
}

const modulesOfMethods = [
  ...readFileSync("lib/methods.ts", "utf8").matchAll(/import \* as \w+ from "\.\/(.*?)\.js"/g),
].map(([, path]) => `lib/${path}.ts`);
const functionNames = new Set(
  [
    ...readFileSync("lib/functions.ts", "utf8").matchAll(
      /^(?: {2}|const \{ )(\w+)(?:,$|: \w+ \} = functions;)/gm,
    ),
  ].map(([, name]) => name),
);

const kinds = {
  elementwise: "elementwise, fused",
  reduction: "reduction, fused",
  routine: "a kernel of its own",
  structure: "index arithmetic, fused",
};
const dtypes = {
  any: "all", numeric: "all but bool", floating: "floating; others become the default dtype", truth: "all, gives bool",
  select: "all", total: "all; integers give int64", mean: "floating", own: "its own",
}; // prettier-ignore

/** What an op takes: as its row says, or less where PyTorch has no kernel; the sign and the square of bool are PyTorch's. */
function takes(name, row) {
  const kind = refused[name]?.[0];
  if (kind) return kind === "whole" ? "floating" : "all but bool";
  if (name === "gelu") return "floating";
  if (name === "sign" || name === "square") return name === "sign" ? "all" : "all; bool gives int64";
  return row ? (dtypes[row.dtypes] ?? row.dtypes) : "as its parts";
}

function line({ name, parameters, text }, place) {
  const isMethod = place === "x.";
  const given = signature(parameters);
  const row = rows.get(name);
  const call = `\`${place}${name}(${given})\`${isMethod && functionNames.has(name) ? ", also a function" : ""}`;
  return `| ${call} | ${text} | ${takes(name, row)} | ${row ? (row.label ? row.label : "none") : "of its parts"} | ${row ? kinds[row.kind] : "composition"}${ofHost.has(name) ? ", on the CPU alone" : ""} |`;
}

function table(title, entries, place) {
  const lines = entries.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map((entry) => line(entry, place));
  return `## ${title}\n\n| op | what it computes | dtypes | gradient | kernel |\n| --- | --- | --- | --- | --- |\n${lines.join("\n")}\n`;
}

/** Functions of the modules that people can reach. */
const isReachable =
  (space) =>
  ({ name }) =>
    typeof space[name] === "function";

const modulesIn = (folder) =>
  readdirSync(folder)
    .filter((file) => file.endsWith(".ts") && basename(file) !== "index.ts")
    .map((file) => `${folder}/${file}`);
const exportedBy = (index) =>
  new Set(
    [...readFileSync(index, "utf8").matchAll(/from "(\.[^"]*)\.js"/g)].map(
      ([, path]) => `${index.replace(/[^/]*$/, "")}${path.replace("./", "")}.ts`,
    ),
  );
const namespace = (index, folder, space) =>
  modulesIn(folder)
    .filter((path) => exportedBy(index).has(path))
    .flatMap(functionsOf)
    .filter(isReachable(space));

const methods = [
  ...methodsOfClass(),
  ...modulesOfMethods
    .flatMap(functionsOf)
    .map((method) => ({ ...method, parameters: method.parameters.slice(1) })),
];
const known = new Set(methods.map(({ name }) => name));
const creation = [...exportedBy("lib/index.ts")]
  .filter(
    (path) =>
      !/\/(tensor|functions|autograd|engine|cuda|device|dtype|precision|print|missing)\.ts$/.test(path),
  )
  .filter((path) => !/\/index\.ts$|lib\/special\.ts$/.test(path) && !modulesOfMethods.includes(path))
  .flatMap((path) => functionsOf(path))
  .filter(({ name }) => !known.has(name))
  .filter(isReachable(adjoint));
const decisions = JSON.parse(readFileSync("tests/goldens/dtypes-decisions.json", "utf8"));
const missing = JSON.parse(readFileSync("tests/goldens/opinfo-missing.json", "utf8"));

const special = functionsOf("lib/functional/special.ts");
const text = `# Ops

Made by \`npm run docs\` from the declarations in lib/ and the tables in native/ops/; a test compares. PyTorch's name in
camelCase; where it lives in PyTorch it lives here. Required arguments are given by position, then \`dim\` where there is
one; the others by name in one object at the end. In brackets: what can be left out.

Gradients have PyTorch's names, as \`gradFn\` shows them without "Backward0". Those of a composition are of its parts. All ops
compute on every device, unless the table says otherwise.

${table("Methods of tensors", methods, "x.")}
${table("Functions", creation, "")}
${table("nn.functional", namespace("lib/nn/functional/index.ts", "lib/nn/functional", adjoint.nn.functional), "nn.functional.")}
${table("linalg", namespace("lib/linalg/index.ts", "lib/linalg", adjoint.linalg), "linalg.")}
${table("special", special, "special.")}
## Dtypes

A test compares what each op takes, and gives, for each dtype with PyTorch on the CPU (tests/goldens/dtypes.json). These differences
are meant:

${Object.entries(decisions)
  .map(([reason, calls]) => `* ${reason}: ${calls.map((call) => `\`${call}\``).join(", ")}`)
  .join("\n")}

## What PyTorch has, and this library has not

Of PyTorch's own operator tests with real numbers these are not whole:

${Object.entries(missing)
  .map(([name, reason]) => `* \`${name}\`: ${reason}`)
  .join("\n")}
`;
const formatted = await prettier.format(text, {
  ...(await prettier.resolveConfig(page)),
  parser: "markdown",
});
if (!process.argv.includes("--check")) writeFileSync(page, formatted);
else if (formatted !== readFileSync(page, "utf8")) {
  console.error("docs/ops.md is not what the declarations say; run `npm run docs`");
  process.exitCode = 1;
}
