import { describe, expect, test } from "vitest";
import * as adjoint from "../../lib/index.js";
import { mul, ones, sin, tensor, Tensor } from "../../lib/index.js";
import { entries, refusesNonsense, strangersOf } from "../helpers/opinfo.js";
import { errorOf } from "../helpers/reference.js";

// Nothing that is said in a call is dropped without a word.

type AnyFunction = (...given: unknown[]) => unknown;

const spaces: Record<string, object> = {
  "": adjoint,
  "autograd.": adjoint.autograd,
  "cuda.": adjoint.cuda,
  "func.": adjoint.func,
  "linalg.": adjoint.linalg,
  "nn.functional.": adjoint.nn.functional,
  "special.": adjoint.special,
};
const functions = Object.entries(spaces).flatMap(([place, space]) =>
  Object.entries(space)
    .filter(([, value]) => typeof value === "function" && !String(value).startsWith("class"))
    .map(([name, value]) => [`${place}${name}`, value as AnyFunction] as const),
);
const methods = Object.entries(Object.getOwnPropertyDescriptors(Tensor.prototype))
  .filter(([name, { value }]) => typeof value === "function" && name !== "constructor")
  .map(([name, { value }]) => [name, value as AnyFunction] as const);

/** They take any number of arguments, each of which they look at. */
const takeMany =
  /^(arange|at|broadcastShapes|broadcastTo|chainMatmul|checkpoint|expand|flip|func.linearize|func.vjp|permute|randint|randintLike|repeat|reshape|sumToSize|tile|view)$/;

describe("arguments that a function does not take", () => {
  const surplus = Array.from({ length: 20 }, () => Symbol("surplus"));

  function checkRefusal(name: string, call: () => unknown): void {
    const error = errorOf(call);
    expect(error, name).toMatchObject({ name: "TypeError", code: expect.stringMatching(/^ERR_/) as string });
    if (!takeMany.test(name))
      expect(error.message, name).toMatch(
        /: expected .* arguments?, got more: a|is (PyTorch|TensorFlow\.js)'s; here it is/,
      );
  }

  test(`are refused by every function (${functions.length})`, () => {
    for (const [name, f] of functions) checkRefusal(name, () => f(ones([2, 2]), ...surplus));
  });

  test(`are refused by every method (${methods.length})`, () => {
    for (const [name, f] of methods) checkRefusal(name, () => f.apply(ones([2, 2]), surplus));
  });

  test("are named", () => {
    const x = tensor([1, 2]) as unknown as Record<string, AnyFunction>;
    for (const [call, code, message] of [
      [() => x["sin"]!(3), "ERR_ARGUMENT", "sin: expected no arguments, got more: 3"],
      [() => x["mul"]!(1, { alpha: 2 }), "ERR_OPTION", "mul: expected 1 argument, got more: { alpha }"],
      [() => x["mul_"]!(1, 2), "ERR_ARGUMENT", "mul_: expected 1 argument, got more: 2"],
      [
        () => (adjoint.softmax as AnyFunction)(x, -1, { dtyp: "float64" }),
        "ERR_OPTION",
        "softmax: unknown option 'dtyp', did you mean 'dtype'?",
      ],
      [
        () => (adjoint.sum as AnyFunction)(x, 0, { keepdim: true }, { dtype: "float64" }),
        "ERR_OPTION",
        "sum: expected at most 3 arguments, got more: { dtype }",
      ],
    ] as const)
      expect(errorOf(call)).toMatchObject({ name: "TypeError", code, message });
    expect(x["mul"]!(2, undefined)).toEqual(tensor([2, 4]));
  });

  test("may be those that the methods of arrays add to what a function takes", () => {
    const list = [tensor([1]), tensor([2])];
    expect(list.map(sin)).toEqual(list.map((x) => x.sin()));
    expect(list.reduce(mul)).toEqual(tensor([2]));
    expect(list.every(adjoint.isTensor)).toBe(true);
    expect(errorOf(() => list.map(mul as never)).message).toBe(
      "mul: expected at most 2 arguments, got more: an array",
    );
    expect(errorOf(() => (sin as AnyFunction)(list[0], 0, [])).message).toBe(
      "sin: expected 1 argument, got more: 0",
    );
  });
});

test("an option that does not exist is refused by every operator of PyTorch's samples", () => {
  const deaf = Object.entries(entries)
    .filter(([name, entry]) => refusesNonsense(name, entry) === false)
    .map(([name]) => name);
  expect(deaf).toEqual([]);
});

describe("errors name what was called", () => {
  test("of PyTorch's refused samples", () => {
    expect(Object.entries(entries).flatMap(([name, entry]) => strangersOf(name, entry))).toEqual([]);
  });

  const wrong = [
    ones([2, 3]),
    ones([4]),
    ones([3, 3], { dtype: "bool" }),
    ones([2], { dtype: "int64" }),
    7,
    [5],
    {},
    "x",
  ];
  const calls = [[], ...wrong.flatMap((one) => [[one], ...wrong.map((two) => [one, two])])];
  /** Errors of values, of callbacks and of devices are others'. */
  const ofCalls = /^ERR_(ARGUMENT|DIM|DTYPE|OPTION|SHAPE|VALUE)$/;

  function strangers(name: string, call: (given: unknown[]) => unknown): string[] {
    return calls.flatMap((given) => {
      try {
        const result = call(given);
        if (result instanceof Promise) result.catch(() => undefined);
      } catch (error) {
        const { op, code, message } = error as { op?: string; code?: string; message: string };
        if (ofCalls.test(String(code)) && op !== name) return [`${name}: ${op}: ${message}`];
      }
      return [];
    });
  }

  test("by every function", () => {
    const found = functions.flatMap(([path, f]) => {
      const name = path.split(".").at(-1)!;
      return /^(set|manualSeed)/.test(name) ? [] : strangers(name, (given) => f(...given));
    });
    expect(found).toEqual([]);
  });

  test("by every method", () => {
    const found = methods.flatMap(([name, f]) => strangers(name, (given) => f.apply(ones([2, 3]), given)));
    expect(found).toEqual([]);
  });

  test("also errors that show when values are read", () => {
    const { crossEntropy, embedding, nllLoss, oneHot } = adjoint.nn.functional;
    const x = ones([2, 3]);
    const wrong = tensor([5n, 1n]);
    const target = "Target 5 is out of bounds.";
    const size = "index 5 is out of bounds for dimension 0 with size 2";
    for (const [op, make, sentence] of [
      ["crossEntropy", () => crossEntropy(x, wrong), target],
      ["nllLoss", () => nllLoss(x, wrong), target],
      ["oneHot", () => oneHot(wrong, { numClasses: 3 }), "Class values must be smaller than num_classes."],
      ["embedding", () => embedding(wrong, x), size],
      ["at", () => x.at(wrong), size],
      ["set", () => x.clone().set(wrong, 1), size],
      ["indexAdd_", () => x.clone().indexAdd_(0, wrong, x), size],
      ["indexSelect", () => adjoint.noGrad(() => x.indexSelect(0, wrong)), size],
    ] as const) {
      const made = make();
      const error = errorOf(() => made.dataSync());
      expect(error).toMatchObject({ code: "ERR_INDEX", op });
      expect(error.message).toMatch(`${sentence}; ${op}: `);
    }
  });
});

describe("arguments as they are written in JavaScript", () => {
  const x = tensor([1, 2, 3]);

  test("arrays and booleans are indices", () => {
    expect(x.at([0, 2])).toEqual(tensor([1, 3]));
    expect(x.at([true, false, true])).toEqual(tensor([1, 3]));
    expect(x.at(true)).toEqual(tensor([[1, 2, 3]]));
    expect(x.at(false).shape).toEqual([0, 3]);
    expect(x.at([]).shape).toEqual([0]);
    expect(ones([2, 3]).at([[0], [1]], [0, 2]).shape).toEqual([2, 2]);
    expect(x.clone().set([[0, 2]], 5)).toEqual(tensor([5, 2, 5]));
    expect(errorOf(() => x.at([5]).dataSync())).toMatchObject({ code: "ERR_INDEX", op: "at" });
    for (const wrong of [[0.5], ["a"], [true, 1]])
      expect(errorOf(() => x.at(wrong as never))).toMatchObject({ code: "ERR_INDEX", op: "at" });
  });

  test("quantile takes an array", () => {
    expect(x.quantile([0, 0.5, 1])).toEqual(x.quantile(tensor([0, 0.5, 1])));
    expect(x.nanquantile([0.5]).shape).toEqual([1]);
    expect(errorOf(() => x.quantile([0.5, 2]))).toMatchObject({ code: "ERR_VALUE", op: "quantile" });
  });

  test("functions take a number first where PyTorch's do", () => {
    const whole = tensor([1n, 2n]);
    expect(adjoint.pow(2, x)).toEqual(x.rpow(2));
    expect(adjoint.sub(2, x, { alpha: 3 })).toEqual(x.mul(3).rsub(2));
    expect(adjoint.subtract(2, x)).toEqual(x.rsub(2));
    expect(adjoint.floatPower(2, x).dtype).toBe("float64");
    expect(adjoint.bitwiseLeftShift(1, whole).toArray()).toEqual([2n, 4n]);
    expect(adjoint.remainder(5, x)).toEqual(tensor([0, 1, 2]));
    const leaf = tensor([3], { requiresGrad: true });
    adjoint.div(6, leaf).backward();
    expect(leaf.grad!.item()).toBeCloseTo(-6 / 9, 6);
    for (const call of [() => adjoint.eq(2 as never, x), () => adjoint.add(2 as never, 3)])
      expect(errorOf(call)).toMatchObject({ code: "ERR_ARGUMENT" });
  });

  test("a value that a dtype does not hold says what to do", () => {
    const { message } = errorOf(() => adjoint.full([2], 300, { dtype: "uint8" }));
    expect(message).toMatch(/; choose a dtype that holds it, as in \{ dtype: "int64" \}$/);
    expect(errorOf(() => adjoint.zeros([2], { dtype: "uint8" }).fill_(300)).message).toContain(
      'x.to("int64")',
    );
  });
});
