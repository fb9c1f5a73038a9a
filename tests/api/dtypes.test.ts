import { readFileSync } from "node:fs";
import { beforeAll, expect, test } from "vitest";
import * as adjoint from "../../lib/index.js";
import { ones, setDefaultDevice, Tensor, type DType } from "../../lib/index.js";

// Which dtypes each op takes, and gives, beside what PyTorch does (goldens/dtypes.py).

// Other devices have not all kernels; the rules are the same.
beforeAll(() => setDefaultDevice("cpu"));

const read = (name: string) =>
  JSON.parse(readFileSync(new URL(`../goldens/${name}.json`, import.meta.url), "utf8")) as Record<
    string,
    unknown
  >;
const patterns = read("dtypes") as Record<string, string>;
const decisions = Object.values(read("dtypes-decisions") as Record<string, string[]>).flat();

const dtypes: Record<string, DType> = {
  b: "bool",
  u: "uint8",
  i: "int32",
  l: "int64",
  f: "float32",
  d: "float64",
};
const letters = Object.fromEntries(Object.entries(dtypes).map(([letter, dtype]) => [dtype, letter]));
const argumentsOf: Record<string, (dtype: DType) => unknown> = {
  x: (dtype) => ones([3, 3], { dtype }),
  v: (dtype) => ones([3], { dtype }),
  "2": () => 2,
  "0": () => 0,
};

function given(result: unknown): string {
  if (result instanceof Tensor) {
    result.dataSync();
    return letters[result.dtype]!;
  }
  return typeof result === "object" && result !== null ? Object.values(result).map(given).join("") : "";
}

function ours(call: string, dtype: DType): string {
  const [, path, kinds] = /^(.*)\((.*)\)$/.exec(call)!;
  const [first, ...rest] = Array.from(kinds!, (kind) => argumentsOf[kind]!(dtype));
  const name = path!.split(".").at(-1)!;
  const space = path!
    .split(".")
    .slice(path!.startsWith("x.") ? 1 : 0, -1)
    .reduce<object>((at, part) => Reflect.get(at, part) as object, adjoint);
  try {
    const f: unknown = path!.startsWith("x.") ? undefined : Reflect.get(space, name);
    if (typeof f === "function") return given((f as (...all: unknown[]) => unknown)(first, ...rest));
    return given((Reflect.get(first as Tensor, name) as (...all: unknown[]) => unknown).apply(first, rest));
  } catch (error) {
    expect(error, call).toHaveProperty("code", expect.stringMatching(/^ERR_/));
    return "-";
  }
}

test("every op takes and gives PyTorch's dtypes, but for what is decided otherwise", () => {
  const different = Object.entries(patterns).flatMap(([pattern, calls]) =>
    calls.split(" ").flatMap((call) => {
      const found = Object.values(dtypes)
        .map((dtype) => ours(call, dtype))
        .join(" ");
      return found === pattern ? [] : [`${call}: ${found} instead of ${pattern}`];
    }),
  );
  const name = (line: string) => line.slice(0, line.indexOf(":"));
  expect(different.filter((line) => !decisions.includes(name(line)))).toEqual([]);
  expect(decisions.filter((call) => !different.some((line) => name(line) === call))).toEqual([]);
});
