/*
 * What TypeScript says of the addon is what the addon has: an entry that only one of them knows is found here.
 */
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, test } from "vitest";
import { native } from "../../lib/native.js";

const path = fileURLToPath(new URL("../../lib/native.ts", import.meta.url));
const program = ts.createProgram([path], {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.NodeNext,
  strict: true,
  noEmit: true,
  skipLibCheck: true,
  types: ["node"],
});
const checker = program.getTypeChecker();
const declarations = checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(path)!)!);

/** The names of the properties of a type that lib/native.ts exports, sorted. */
function propertiesOf(name: string): string[] {
  const type = checker.getDeclaredTypeOfSymbol(declarations.find((symbol) => symbol.name === name)!);
  return type
    .getProperties()
    .map((property) => property.name)
    .sort();
}

const rowsOf = (kind: string) =>
  native.ops
    .filter((row) => row.kind === kind)
    .map(({ name }) => name)
    .sort();

describe("lib/native.ts declares", () => {
  test("the rows that compute element by element, and no others", () => {
    expect(propertiesOf("ElementwiseEntries")).toEqual(rowsOf("elementwise"));
  });

  test("the rows that reduce, and no others", () => {
    expect(propertiesOf("ReductionEntries")).toEqual(rowsOf("reduction"));
  });

  test("every entry of the addon, and no others", () => {
    const declared = ["Native", "ElementwiseEntries", "ReductionEntries"].flatMap(propertiesOf);
    expect(declared.length).toBeGreaterThan(100);
    // Those of routines are looked up by the names of their rows.
    expect(Object.keys(native).sort()).toEqual([...new Set([...declared, ...rowsOf("routine")])].sort());
  });
});
