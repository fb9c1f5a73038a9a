import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { cat, stack, tensor, where, type Index, type Tensor } from "../../lib/index.js";
import { Tensor as TensorClass } from "../../lib/tensor.js";
import { expectClose, numbers } from "../helpers/reference.js";

// PyTorch's values and gradients in float64, special values included. Ops that are not there yet are counted and
// named; those that are there are counted too, so that none gets lost.

interface Case {
  op: string;
  args: Record<string, unknown>;
  inputs: unknown[];
  shapes: number[][];
  value: unknown;
  indices?: unknown;
  shape?: number[];
  grads: (unknown[] | null)[] | null;
}

const { cases } = JSON.parse(
  readFileSync(new URL("../goldens/operations.json", import.meta.url), "utf8"),
) as {
  cases: Case[];
};

/** Infinity and NaN are strings in JSON. */
const special: Record<string, number> = { inf: Infinity, "-inf": -Infinity, nan: NaN };
const elements = (nested: unknown): number[] =>
  ([nested].flat(40) as (number | string | boolean)[]).map((e) =>
    typeof e === "string" ? special[e]! : Number(e),
  );

type Method = (...args: unknown[]) => Tensor;
/** What the goldens call the arguments of the ops below. */
interface Args {
  min: number;
  max: number;
  weight: number;
  value: number;
  shape: number[];
  dims: number[];
  dim0: number;
  dim1: number;
  dim2: number;
  dim: number;
  shifts: number;
  diagonal: number;
  offset: number;
  repeats: number[];
  p: number | "inf";
  keepdim: boolean;
  slice: [number, number];
  start_dim: number;
  start: number;
  length: number;
  index: number;
  pad: number[];
}
type Build = (inputs: Tensor[], args: Args) => Tensor;

const methodOf = (name: string) =>
  (TensorClass.prototype as unknown as Record<string, Method | undefined>)[name];
const camelCase = (name: string) => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
const call = (name: string, x: Tensor, ...args: unknown[]): Tensor => methodOf(name)!.call(x, ...args);

const reductions = new Set(["sum", "mean", "prod", "amax", "amin", "var", "std", "logsumexp"]);

/** The ops whose arguments need a hand; the others are methods of their inputs. */
const builders: Record<string, Build> = {
  clamp: ([x], { min, max }) => x!.clamp(min, max),
  where: ([a, b]) => where(a!.gt(0), a!.mul(2), b!),
  lerp: ([a, b], { weight }) => a!.lerp(b!, weight),
  addcmul: ([a, b, c], { value }) => a!.addcmul(b!, c!, { value }),
  addcdiv: ([a, b, c], { value }) => a!.addcdiv(b!, c!, { value }),
  reshape: ([x], { shape }) => x!.reshape(shape),
  permute: ([x], { dims }) => x!.permute(dims),
  transpose: ([x], { dim0, dim1 }) => x!.transpose(dim0, dim1),
  unsqueeze: ([x], { dim }) => x!.unsqueeze(dim),
  squeeze: ([x], { slice, dim }) => x!.narrow(0, slice[0], slice[1]).squeeze(dim),
  flatten: ([x], { start_dim }) => x!.flatten(start_dim),
  expand: ([x], { shape }) => x!.at(":", ":1").expand(shape),
  flip: ([x], { dims }) => x!.flip(dims),
  narrow: ([x], { dim, start, length }) => x!.narrow(dim, start, length),
  slice: ([x], { index }) =>
    x!.at(
      ...String(index)
        .split(",")
        .map((part): Index => part.trim()),
    ),
  select: ([x], { dim, index }) => x!.select(dim, index),
  cat: ([x], { dim }) => cat([x!, x!.flip(0)], dim),
  stack: ([x], { dim }) => stack([x!, x!.flip(0)], dim),
  softmax: ([x], { dim }) => x!.softmax(dim),
  log_softmax: ([x], { dim }) => x!.logSoftmax(dim),
  pad: ([x], { pad, value }) => x!.pad(pad, { value }),
  cumsum: ([x], { dim }) => x!.cumsum(dim),
  cumprod: ([x], { dim }) => x!.cumprod(dim),
  logcumsumexp: ([x], { dim }) => x!.logcumsumexp(dim),
  norm: ([x], { p, dim, keepdim }) => x!.norm(p === "inf" ? Infinity : p, dim, { keepdim }),
  max: ([x], { dim }) => x!.max(dim).values,
  min: ([x], { dim }) => x!.min(dim).values,
  argmax: ([x], { dim }) => x!.argmax(dim),
  argmin: ([x], { dim }) => x!.argmin(dim),
  median: ([x], { dim }) => x!.median(dim).values,
  sort: ([x], { dim }) => x!.sort(dim).values,
  gather: ([x], { dim, index }) => x!.gather(dim, tensor(index, { dtype: "int64" })),
  roll: ([x], { shifts, dim }) => x!.roll(shifts, dim),
  tril: ([x], { diagonal }) => x!.tril({ diagonal }),
  triu: ([x], { diagonal }) => x!.triu({ diagonal }),
  diagonal: ([x], { offset, dim1, dim2 }) => x!.diagonal({ offset, dim1, dim2 }),
  repeat: ([x], { repeats }) => x!.repeat(repeats),
  masked_fill: ([x], { value }) => x!.maskedFill(x!.gt(0), value),
  index_select: ([x], { dim, index }) => x!.indexSelect(dim, tensor(index, { dtype: "int64" })),
};

const build: Build = (inputs, args) => {
  const { op } = current;
  const builder = builders[op];
  if (builder) return builder(inputs, args);
  const [x, ...rest] = inputs;
  if (!reductions.has(op)) return call(camelCase(op), x!, ...rest);
  const { dim, keepdim, ...options } = args as unknown as Record<string, unknown>;
  const given = keepdim === undefined ? options : { ...options, keepdim };
  return call(op, x!, dim, ...(Object.keys(given).length > 0 ? [given] : []));
};
let current: Case;

/** Whether the library has it, in the form that the case asks for. */
function exists({ op }: Case): boolean {
  return op === "slice" || op === "cat" || op === "stack" || methodOf(camelCase(op)) !== undefined;
}

const present = cases.filter(exists);
const absent = new Map<string, number>();
for (const golden of cases) if (!exists(golden)) absent.set(golden.op, (absent.get(golden.op) ?? 0) + 1);

test("none of the ops that were there is lost", () => {
  console.info(`${present.length} of ${cases.length} cases; not there yet: ${[...absent.keys()].join(", ")}`);
  expect(new Set(present.map(({ op }) => op)).size).toBeGreaterThanOrEqual(89);
  expect(present.length).toBeGreaterThanOrEqual(325);
});

/** The weights that the goldens' gradients are taken with: 1, 1.5, 2, ... */
const weightsOf = (value: Tensor): Tensor =>
  tensor(
    Array.from({ length: value.numel() }, (_, i) => 1 + 0.5 * i),
    { dtype: "float64" },
  ).reshape(value.shape);

describe.each([...new Set(present.map(({ op }) => op))])("%s", (op) => {
  const own = present.filter((golden) => golden.op === op);
  test.each(own.map((golden, i) => [i, golden.shapes, golden.args, golden] as const))(
    "%i: %j %j",
    (i, _, args, golden) => {
      current = golden;
      const wantsGradient = golden.grads !== null;
      const leaves = golden.inputs.map((input, k) =>
        tensor(elements(input), { dtype: "float64" })
          .reshape(golden.shapes[k]!)
          .clone()
          .requiresGrad_(wantsGradient),
      );
      const value = build(leaves, args as unknown as Args);
      if (golden.shape) expect(value.shape).toEqual(golden.shape);
      expectClose(numbers(value), elements(golden.value ?? golden.indices), 1e-10, 1e-300, `${op} ${i}`);
      if (golden.grads === null) return;
      value.mul(weightsOf(value)).sum().backward();
      golden.grads.forEach((expected, k) => {
        if (expected === null) return expect(leaves[k]!.grad).toBeNull();
        const absolute = Math.max(...elements(expected).filter(Number.isFinite).map(Math.abs), 0) * 1e-14;
        // PyTorch's polygamma has nine digits, and is 1e29 or more instead of infinite at a pole.
        const isPolygamma = op === "digamma";
        const wanted = elements(expected).map((g) => (isPolygamma && g > 1e29 ? Infinity : g));
        return expectClose(
          numbers(leaves[k]!.grad!),
          wanted,
          isPolygamma ? 1e-8 : 1e-10,
          isPolygamma ? 0 : absolute,
          `gradient ${k} of ${op} ${i} ${JSON.stringify(args)}`,
        );
      });
    },
  );
});
