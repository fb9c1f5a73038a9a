// Gradients over the whole range of the inputs, against derivatives that goldens/derivatives.py computes to many digits.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import {
  autograd,
  linalg,
  nn,
  special,
  stack,
  tensor,
  zerosLike,
  onesLike,
  type DType,
  type Tensor,
} from "../../lib/index.js";
import { numbers } from "../helpers/reference.js";
import { methodOf } from "../helpers/rows.js";

const F = nn.functional;

interface Golden {
  arguments: number[][];
  derivatives: (number[] | null)[];
}
const goldens = JSON.parse(
  readFileSync(new URL("../goldens/derivatives.json", import.meta.url), "utf8"),
) as Record<string, Record<"float64" | "float32", Golden>>;

/** What is no row. */
const compositions: Record<string, (x: Tensor) => Tensor> = {
  polygamma2: (x) => x.polygamma(2),
  ndtr: special.ndtr,
  sinc: (x) => x.sinc(),
  softplus: (x) => F.softplus(x, { threshold: 1000 }),
  logsigmoid: F.logsigmoid,
  silu: (x) => F.silu(x),
  mish: (x) => F.mish(x),
  geluTanh: (x) => F.gelu(x, { approximate: "tanh" }),
  elu: (x) => F.elu(x),
  softsign: F.softsign,
  "x ** 1.5": (x) => x.pow(1.5),
  "x ** -2.5": (x) => x.pow(-2.5),
  "length of x and x": (x) => linalg.vectorNorm(stack([x, x]), 2, 0),
  "length of order 3": (x) => linalg.vectorNorm(stack([x, x]), 3, 0),
  "std of x and 0": (x) => stack([x, zerosLike(x)]).std(0),
  "product with 2": (x) => stack([x, zerosLike(x).add(2)]).prod(0),
  "logcumsumexp of x and 0": (x) =>
    stack([x, zerosLike(x)])
      .logcumsumexp(0)
      .select(0, 1),
  "cross entropy of logit x": (x) => F.binaryCrossEntropyWithLogits(x, zerosLike(x), { reduction: "none" }),
  "cross entropy of logit x, hit": (x) =>
    F.binaryCrossEntropyWithLogits(x, onesLike(x), { reduction: "none" }),
  "length of x and 1": (x) => linalg.vectorNorm(stack([x, onesLike(x)]), 2, 0),
  "logsumexp of x and 0": (x) => stack([x, zerosLike(x)]).logsumexp(0),
};

/** The bounds above 8 units of the last place, and why they are. */
const exceptions: { reason: string; bounds: Record<string, number> }[] = [
  {
    reason: "the argument of an exponential, or the exponent of a power, is rounded",
    bounds: {
      erf: 400,
      erfc: 400,
      ndtr: 600,
      logNdtr: 2000,
      erfinv: 100,
      ndtri: 1000,
      geluTanh: 400,
      pow: 50,
      "length of order 3": 100,
      logaddexp: 60,
      logaddexp2: 60,
      igamma: 300,
      igammac: 300,
    },
  },
  {
    reason: "two terms cancel, the more the larger |x| is",
    bounds: { i0e: 1e5, i1e: 1e5, erfcx: 1e4, softsign: 1e4 },
  },
  { reason: "zeros of the derivative itself", bounds: { lgamma: 50, gelu: 40 } },
  {
    reason: "a factor has lost digits, being subnormal",
    bounds: { div: 5000, atan2: 5000, silu: 400, mish: 400 },
  },
  {
    reason: "the argument is rounded after 1 is added, or after a product with pi",
    bounds: { zeta: 20, sinc: 2000 },
  },
];
const bounds = Object.fromEntries(exceptions.flatMap((one) => Object.entries(one.bounds)));

const formats = {
  float64: { bits: 52, least: -1022, largest: Number.MAX_VALUE },
  float32: { bits: 23, least: -126, largest: 2 ** 128 - 2 ** 104 },
} satisfies Partial<Record<DType, unknown>>;
type Floating = keyof typeof formats;

/**
 * The error in units of the last place. A derivative below the smallest normal number may become 0, and one above the largest
 * number infinity.
 */
function errorOf(got: number, wanted: number, dtype: Floating): number {
  const { bits, least, largest } = formats[dtype];
  if (Math.abs(wanted) > largest)
    return got === Math.sign(wanted) * Infinity || got === Math.sign(wanted) * largest ? 0 : Infinity;
  if (Math.abs(wanted) < 2 ** least && got === 0) return 0;
  const error = Math.abs(got - wanted) / 2 ** Math.max(Math.floor(Math.log2(Math.abs(wanted))), least);
  return Number.isNaN(error) ? Infinity : error * 2 ** bits;
}

/** The worst error of a function's gradients, and where it is. */
function worstOf(name: string, dtype: Floating): { error: number; at: string } {
  const golden = goldens[name]![dtype];
  const inputs = golden.arguments.map((column) => tensor(column, { dtype, requiresGrad: true }));
  const compute = compositions[name] ?? ((x: Tensor, ...rest: Tensor[]) => methodOf(name)!.call(x, ...rest));
  const wanted = golden.derivatives.flatMap((column, i) => (column ? [{ column, i }] : []));
  const leaves = inputs.map((input, i) => (golden.derivatives[i] ? input : input.detach()));
  const gradients = autograd.grad(
    compute(leaves[0]!, ...leaves.slice(1)).sum(),
    wanted.map(({ i }) => inputs[i]!),
  );
  let worst = { error: 0, at: "" };
  wanted.forEach(({ column, i }, k) => {
    const got = numbers(gradients[k]!);
    column.forEach((value, n) => {
      const error = errorOf(got[n]!, value, dtype);
      if (error > worst.error)
        worst = {
          error,
          at: `(${golden.arguments.map((one) => one[n]).join(", ")})[${i}] = ${got[n]}, not ${value}`,
        };
    });
  });
  return worst;
}

test("gradients are right to a few units of the last place", () => {
  const found = Object.keys(goldens).map((name) => ({
    name,
    bound: bounds[name] ?? 8,
    float64: worstOf(name, "float64"),
    float32: worstOf(name, "float32"),
  }));
  const shown = (error: number) => (error < 1000 ? error.toFixed(1) : error.toExponential(0)).padStart(9);
  console.log(
    found
      .map(
        ({ name, float64, float32 }) => `${name.padEnd(22)} ${shown(float64.error)} ${shown(float32.error)}`,
      )
      .join("\n"),
  );
  const bad = found.flatMap(({ name, bound, ...errors }) =>
    (["float64", "float32"] as const)
      .filter((dtype) => errors[dtype].error > bound)
      .map((dtype) => `${name} of ${dtype}: ${errors[dtype].error} at ${errors[dtype].at}`),
  );
  expect(bad).toEqual([]);
});

test("derivatives of the first three orders are finite far out", () => {
  const smooth = {
    ...Object.fromEntries(
      ["tanh", "sigmoid", "atan", "asinh", "erf", "erfc", "gelu", "expm1"].map((name) => [
        name,
        (x: Tensor) => methodOf(name)!.call(x),
      ]),
    ),
    atan2: (x: Tensor) => x.atan2(3),
    hypot: (x: Tensor) => x.hypot(tensor(3, { dtype: x.dtype })),
    softplus: (x: Tensor) => F.softplus(x, { threshold: 1000 }),
    ...Object.fromEntries(
      ["silu", "mish", "geluTanh", "logsigmoid"].map((name) => [name, compositions[name]!]),
    ),
  };
  const bad = Object.entries(smooth).flatMap(([name, f]) =>
    (["float32", "float64"] as const)
      .filter((dtype) => {
        const far = name === "expm1" ? [1e-30, 0, -90, -800, -1e10] : [1e-30, 0, 50, -90, 800, -1e10];
        const x = tensor(far, { dtype, requiresGrad: true });
        let y = f(x);
        for (let order = 0; order < 3; ++order) y = autograd.grad(y.sum(), x, { createGraph: true })[0]!;
        return !numbers(y).every(Number.isFinite);
      })
      .map((dtype) => `${name} of ${dtype}`),
  );
  expect(bad).toEqual([]);
});

test("powers with exponents 0, 1, 2 and 3 in one tensor have derivatives of every order at 0", () => {
  const x = tensor([0, 0, 0, 0], { dtype: "float64", requiresGrad: true });
  let y = x.pow(tensor([0, 1, 2, 3], { dtype: "float64" }));
  const orders = [1, 2, 3, 4].map(() => {
    y = autograd.grad(y.sum(), x, { createGraph: true })[0]!;
    return numbers(y);
  });
  expect(orders).toEqual([
    [0, 1, 0, 0],
    [0, 0, 2, 0],
    [0, 0, 0, 6],
    [0, 0, 0, 0],
  ]);
});
