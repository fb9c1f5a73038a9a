// The check of includes, on small trees: it must find what is wrong, since nobody would miss what it does not find.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";

interface Rules {
  below: string[];
  searched: string[];
  folders: Record<string, string[]>;
  exceptions: [from: string, to: string, why: string][];
}
const script = fileURLToPath(new URL("../../scripts/includes.mjs", import.meta.url));
const { problemsOf } = (await import(script)) as { problemsOf: (root: string, rules: Rules) => string[] };

const rules: Rules = {
  below: ["native", "tests"],
  searched: ["native"],
  folders: {
    "native/ops": [],
    "native/graph": ["native/ops"],
    "native/cpu": ["native/cpu/jit", "native/ops"],
    "native/cpu/jit": ["native/cpu"],
    tests: ["native/ops", "native/graph", "native/cpu"],
  },
  exceptions: [],
};
const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** What is wrong with sources that include these others. */
function problems(sources: Record<string, string[]>, exceptions: Rules["exceptions"] = []): string[] {
  const root = mkdtempSync(join(tmpdir(), "adjoint-includes-"));
  folders.push(root);
  const files = { "native/ops/op.h": [], "tests/some.cpp": [], ...sources };
  for (const [file, included] of Object.entries(files)) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    const lines = included.map((name) => `#include "${name}"\n`);
    writeFileSync(
      join(root, file),
      `// #include "nothing.h"\n#pragma once\n#include <vector>\n${lines.join("")}`,
    );
  }
  return problemsOf(root, { ...rules, exceptions });
}

test("a tree that keeps the rules is fine", () => {
  const sources = {
    "native/graph/node.h": ["ops/op.h"],
    "native/graph/node.cpp": ["graph/node.h", "graph/routines/scan.h"],
    "native/graph/routines/scan.h": ["ops/op.h"],
    "native/cpu/device.cpp": ["cpu/jit/code.h", "ops/rows.def"],
    "native/cpu/jit/code.h": ["cpu/isa.h"],
    "native/cpu/isa.h": [],
    "native/ops/rows.def": [],
    "tests/native/harness.h": ["cpu/isa.h"],
    "tests/native/some.cpp": ["harness.h", "../other.h", "graph/node.h"],
    "tests/other.h": [],
  };
  expect(problems(sources)).toEqual([]);
});

describe("the direction between folders", () => {
  test.each([
    ["up", "native/ops/rows.h", "graph/node.h", "native/ops may not include native/graph"],
    ["aside", "native/graph/record.cpp", "cpu/isa.h", "native/graph may not include native/cpu"],
    [
      "down too far",
      "native/graph/record.cpp",
      "cpu/jit/code.h",
      "native/graph may not include native/cpu/jit",
    ],
    ["below what may be included", "tests/code.cu", "cpu/jit/code.h", "tests may not include native/cpu/jit"],
    ["to tests", "native/cpu/isa.cpp", "../../tests/other.h", "native/cpu may not include tests"],
  ])("%s", (_name, file, included, problem) => {
    const found = problems({
      "native/graph/node.h": [],
      "native/cpu/isa.h": [],
      "native/cpu/jit/code.h": [],
      "tests/other.h": [],
      [file]: [included],
    });
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(new RegExp(`^${file} includes .*: ${problem}$`));
  });

  test("of a folder in one that is listed: it has the rules of that one", () => {
    const below = { "native/graph/node.h": [], "native/cpu/isa.h": [] };
    expect(problems({ ...below, "native/graph/routines/scan.h": ["graph/node.h", "cpu/isa.h"] })).toEqual([
      "native/graph/routines/scan.h includes native/cpu/isa.h: native/graph may not include native/cpu",
    ]);
  });

  test("of a folder that no rule is for", () => {
    expect(problems({ "native/metal/device.h": [] })).toEqual([
      "native/metal/device.h: no folder of it is in the list of folders",
    ]);
  });

  test("of what is not there", () => {
    expect(problems({ "native/ops/rows.h": ["ops/row.h"] })).toEqual([
      'native/ops/rows.h includes "ops/row.h", which is not there',
    ]);
  });
});

describe("circles", () => {
  const circle = {
    "native/graph/node.h": [],
    "native/graph/node.cpp": ["graph/node.h", "graph/engine.h"],
    "native/graph/engine.h": ["graph/snapshot.h"],
    "native/graph/snapshot.h": ["graph/node.h"],
  };
  const path = "native/graph/engine -> native/graph/snapshot -> native/graph/node -> native/graph/engine";

  test("a source counts with its header", () => {
    expect(problems(circle)).toEqual([`a circle: ${path}`]);
    expect(problems({ ...circle, "native/graph/node.cpp": ["graph/node.h"] })).toEqual([]);
    // Whoever includes some of them is not a part of it.
    expect(
      problems({ ...circle, "native/graph/above.cpp": ["graph/engine.h", "graph/node.h"] }),
    ).toHaveLength(1);
  });

  test("each is said once", () => {
    const other = { "tests/a.h": ["b.h"], "tests/b.h": ["a.h"], "tests/c.h": ["a.h", "b.h"] };
    expect(problems({ ...circle, ...other })).toEqual([
      `a circle: ${path}`,
      "a circle: tests/a -> tests/b -> tests/a",
    ]);
    const shared = { ...circle, "native/graph/session.h": ["graph/engine.h"] };
    const both = problems({ ...shared, "native/graph/engine.h": ["graph/snapshot.h", "graph/session.h"] });
    expect(both).toEqual([
      "a circle: native/graph/engine -> native/graph/session -> native/graph/engine",
      `a circle: ${path}`,
    ]);
  });
});

describe("exceptions", () => {
  const sources = {
    "native/graph/node.cpp": ["graph/engine.h"],
    "native/graph/engine.h": ["graph/node.h"],
    "native/graph/node.h": ["cpu/isa.h"],
    "native/cpu/isa.h": [],
  };
  const needed: Rules["exceptions"] = [
    ["native/graph/node", "native/graph/engine", "it counts"],
    ["native/graph/node", "native/cpu/isa", "it asks"],
  ];

  test("allow what they name, and that alone", () => {
    expect(problems(sources)).toHaveLength(2);
    expect(problems(sources, needed)).toEqual([]);
    const more = { ...sources, "native/graph/above.h": ["cpu/isa.h", "graph/below.h"] };
    expect(problems({ ...more, "native/graph/below.h": ["graph/above.h"] }, needed)).toEqual([
      "native/graph/above.h includes native/cpu/isa.h: native/graph may not include native/cpu",
      "a circle: native/graph/above -> native/graph/below -> native/graph/above",
    ]);
  });

  test("are wrong where nothing needs them", () => {
    expect(problems({ ...sources, "native/graph/node.h": [] }, needed)).toEqual([
      "the exception native/graph/node -> native/cpu/isa is not needed: there is no such include",
    ]);
    expect(problems({ ...sources, "native/graph/engine.h": [] }, needed)).toEqual([
      "the exception native/graph/node -> native/graph/engine is not needed: it breaks no rule",
    ]);
  });
});
