import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  arange,
  autograd,
  cat,
  eye,
  full,
  linspace,
  ones,
  rand,
  randn,
  realize,
  setDefaultDtype,
  stack,
  tensor,
  tidy,
  where,
  zeros,
  zerosLike,
  type DType,
  type Tensor,
} from "../../lib/index.js";
import { errorOf } from "../helpers/reference.js";

// What is refused, in which words, and that nothing else changes.

type Kind = "RangeError" | "TypeError" | "Error";

const m = () => ones([2, 3]);
const v = (length: number, dtype: DType = "float32") => ones([length], { dtype });

describe("PyTorch's sentences, with class, code, op and shapes", () => {
  const cases: [string, () => unknown, string, Kind, string, (string | undefined)?, number[][]?][] = [
    [
      "shapes that do not broadcast",
      () => m().add(v(4)),
      "The size of tensor a (3) must match the size of tensor b (4) at non-singleton dimension 1",
      "RangeError",
      "ERR_SHAPE",
      "add",
      [[2, 3], [4]],
    ],
    [
      "three operands",
      () => m().lerp(v(3), v(2)),
      "The size of tensor a (3) must match the size of tensor b (2) at non-singleton dimension 1",
      "RangeError",
      "ERR_SHAPE",
      "lerp",
      [[2, 3], [2]],
    ],
    [
      "matmul",
      () => m().matmul(m()),
      "mat1 and mat2 shapes cannot be multiplied (2x3 and 2x3)",
      "RangeError",
      "ERR_SHAPE",
      "matmul",
      [
        [2, 3],
        [2, 3],
      ],
    ],
    [
      "matmul of 0-d",
      () => m().matmul(tensor(1)),
      "both arguments to matmul need to be at least 1D, but they are 2D and 0D",
      "RangeError",
      "ERR_SHAPE",
      "matmul",
      [[2, 3], []],
    ],
    [
      "matmul of dtypes",
      () => m().matmul(ones([3, 2], { dtype: "float64" })),
      "expected m1 and m2 to have the same dtype",
      "TypeError",
      "ERR_DTYPE",
      "matmul",
    ],
    [
      "matmul of batches",
      () => ones([4, 2, 3]).matmul(ones([5, 3, 2])),
      "The size of tensor a (4) must match the size of tensor b (5) at non-singleton dimension 0",
      "RangeError",
      "ERR_SHAPE",
      "matmul",
    ],
    [
      "vectors",
      () => v(3).matmul(v(4)),
      "inconsistent tensor size, expected tensor [3] and src [4] to have the same number of elements",
      "RangeError",
      "ERR_SHAPE",
      "matmul",
      [[3], [4]],
    ],
    [
      "dot",
      () => m().dot(v(3)),
      "1D tensors expected, but got 2D and 1D tensors",
      "RangeError",
      "ERR_SHAPE",
      "dot",
      [[2, 3], [3]],
    ],
    [
      "reshape",
      () => m().reshape(4),
      "shape '[4]' is invalid for input of size 6",
      "RangeError",
      "ERR_SHAPE",
      "reshape",
      [[2, 3], [4]],
    ],
    [
      "reshape with -1",
      () => m().reshape(-1, 4),
      "shape '[-1, 4]' is invalid for input of size 6",
      "RangeError",
      "ERR_SHAPE",
      "reshape",
    ],
    [
      "reshape with two unknowns",
      () => m().reshape(-1, -1),
      "shape '[-1, -1]' is invalid for input of size 6",
      "RangeError",
      "ERR_SHAPE",
      "reshape",
    ],
    [
      "sum over a dim",
      () => m().sum(5),
      "Dimension out of range (expected to be in range of [-2, 1], but got 5)",
      "RangeError",
      "ERR_DIM",
      "sum",
    ],
    [
      "sum of 0-d over a dim",
      () => tensor(1).sum(1),
      "Dimension out of range (expected to be in range of [-1, 0], but got 1)",
      "RangeError",
      "ERR_DIM",
      "sum",
    ],
    [
      "size",
      () => m().size(-3),
      "Dimension out of range (expected to be in range of [-2, 1], but got -3)",
      "RangeError",
      "ERR_DIM",
      "size",
      [[2, 3]],
    ],
    [
      "unsqueeze",
      () => m().unsqueeze(4),
      "Dimension out of range (expected to be in range of [-3, 2], but got 4)",
      "RangeError",
      "ERR_DIM",
      "unsqueeze",
    ],
    [
      "transpose",
      () => m().transpose(0, 2),
      "Dimension out of range (expected to be in range of [-2, 1], but got 2)",
      "RangeError",
      "ERR_DIM",
      "transpose",
    ],
    [
      "flatten",
      () => m().flatten(1, 0),
      "flatten() has invalid args: start_dim cannot come after end_dim",
      "RangeError",
      "ERR_DIM",
      "flatten",
    ],
    [
      "permute twice",
      () => m().permute(0, 0),
      "permute(): duplicate dims are not allowed",
      "RangeError",
      "ERR_DIM",
      "permute",
    ],
    [
      "permute too few",
      () => m().permute(0),
      "permute: 1 dims for a tensor of shape [2, 3]",
      "RangeError",
      "ERR_DIM",
      "permute",
      [[2, 3]],
    ],
    [
      "flip twice",
      () => m().flip(1, -1),
      "dim -1 appears multiple times in the list of dims",
      "RangeError",
      "ERR_DIM",
      "flip",
    ],
    ["sum twice", () => m().sum([0, -2]), "appears", "RangeError", "ERR_DIM", "sum"],
    [
      "amax of nothing",
      () => zeros([0]).amax(),
      "max(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' argument.",
      "RangeError",
      "ERR_SHAPE",
      "amax",
      [[0]],
    ],
    [
      "mean of integers",
      () => v(2, "int64").mean(),
      "mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. Got: Long",
      "TypeError",
      "ERR_DTYPE",
      "mean",
    ],
    [
      "integers to negative powers",
      () => v(2, "int32").pow(-1),
      "Integers to negative integer powers are not allowed.",
      "RangeError",
      "ERR_VALUE",
      "pow",
    ],
    [
      "in place into a narrower category",
      () => v(2, "int64").add_(1.5),
      "result type Float can't be cast to the desired output type Long",
      "TypeError",
      "ERR_DTYPE",
      "add_",
    ],
    [
      "in place division of integers",
      () => v(2, "int32").div_(2),
      "result type Float can't be cast to the desired output type Int",
      "TypeError",
      "ERR_DTYPE",
      "div_",
    ],
    [
      "in place into another shape",
      () => v(2).add_(ones([3, 2])),
      "output with shape [2] doesn't match the broadcast shape [3, 2]",
      "RangeError",
      "ERR_SHAPE",
      "add_",
      [[2], [3, 2]],
    ],
    [
      "copy_ of another shape",
      () => v(2).copy_(v(3)),
      "The size of tensor a (2) must match the size of tensor b (3) at non-singleton dimension 0",
      "RangeError",
      "ERR_SHAPE",
      "copy_",
      [[2], [3]],
    ],
    [
      "copy_ of a higher rank",
      () => v(2).copy_(ones([1, 2])),
      "output with shape [2] doesn't match the broadcast shape [1, 2]",
      "RangeError",
      "ERR_SHAPE",
      "copy_",
    ],
    [
      "item of several",
      () => v(2).item(),
      "a Tensor with 2 elements cannot be converted to Scalar",
      "Error",
      "ERR_ITEM",
      "item",
      [[2]],
    ],
    [
      "item of none",
      () => zeros([0]).item(),
      "a Tensor with 0 elements cannot be converted to Scalar",
      "Error",
      "ERR_ITEM",
      "item",
      [[0]],
    ],
    [
      "an index",
      () => m().at(2),
      "index 2 is out of bounds for dimension 0 with size 2",
      "RangeError",
      "ERR_INDEX",
      "at",
      [[2, 3]],
    ],
    [
      "too many indices",
      () => m().at(0, 0, 0),
      "too many indices for tensor of dimension 2",
      "RangeError",
      "ERR_INDEX",
      "at",
      [[2, 3]],
    ],
    [
      "a step of zero",
      () => m().at("::0"),
      "step must be greater than zero",
      "RangeError",
      "ERR_INDEX",
      "at",
    ],
    [
      "a step backwards",
      () => m().at("::-1"),
      "step must be greater than zero",
      "RangeError",
      "ERR_INDEX",
      "at",
    ],
    [
      "two ellipses",
      () => m().at("...", "..."),
      "an index can only have a single ellipsis ('...')",
      "RangeError",
      "ERR_INDEX",
      "at",
    ],
    [
      "select",
      () => m().select(1, 3),
      "select(): index 3 out of range for tensor of size [2, 3] at dimension 1",
      "RangeError",
      "ERR_INDEX",
      "select",
      [[2, 3]],
    ],
    [
      "select of 0-d",
      () => tensor(1).select(0, 0),
      "select() cannot be applied to a 0-dim tensor.",
      "RangeError",
      "ERR_SHAPE",
      "select",
      [[]],
    ],
    [
      "narrow",
      () => m().narrow(1, 2, 2),
      "start (2) + length (2) exceeds dimension size (3)",
      "RangeError",
      "ERR_INDEX",
      "narrow",
      [[2, 3]],
    ],
    [
      "cat",
      () => cat([m(), ones([2, 4])]),
      "Sizes of tensors must match except in dimension 0. Expected size 3 but got size 4 for tensor number 1 in the list.",
      "RangeError",
      "ERR_SHAPE",
      "cat",
      [
        [2, 3],
        [2, 4],
      ],
    ],
    [
      "cat of 0-d",
      () => cat([tensor(1)]),
      "zero-dimensional tensors cannot be concatenated",
      "RangeError",
      "ERR_SHAPE",
      "cat",
      [[]],
    ],
    [
      "cat of nothing",
      () => cat([]),
      "expected a non-empty list of Tensors",
      "RangeError",
      "ERR_VALUE",
      "cat",
    ],
    [
      "stack",
      () => stack([v(2), v(3)]),
      "stack expects each tensor to be equal size, but got [2] at entry 0 and [3] at entry 1",
      "RangeError",
      "ERR_SHAPE",
      "stack",
      [[2], [3]],
    ],
    ["stack of nothing", () => stack([]), "stack expects a non-empty", "RangeError", "ERR_VALUE", "stack"],
    [
      "expand",
      () => m().expand(2, 4),
      "The expanded size of the tensor (4) must match the existing size (3) at non-singleton dimension 1.  Target sizes: [2, 4].  Tensor sizes: [2, 3]",
      "RangeError",
      "ERR_SHAPE",
      "expand",
      [
        [2, 3],
        [2, 4],
      ],
    ],
    [
      "expand to fewer dimensions",
      () => m().expand(3),
      "the number of sizes provided (1) must be greater or equal to the number of dimensions in the tensor (2)",
      "RangeError",
      "ERR_SHAPE",
      "expand",
    ],
    [
      "expand with -1 in front",
      () => m().expand(-1, 2, 3),
      "The expanded size of the tensor (-1) isn't allowed in a leading, non-existing dimension 0",
      "RangeError",
      "ERR_SHAPE",
      "expand",
    ],
    [
      "where",
      () => where(v(2), 1, 2),
      "where expected condition to be a boolean tensor, but got a tensor with dtype Float",
      "TypeError",
      "ERR_DTYPE",
      "where",
    ],
    [
      "clamp without bounds",
      () => v(2).clamp(),
      "torch.clamp: At least one of 'min' or 'max' must not be None",
      "TypeError",
      "ERR_ARGUMENT",
      "clamp",
    ],
    [
      "arange with step 0",
      () => arange(0, 1, 0),
      "step must be nonzero",
      "RangeError",
      "ERR_ARGUMENT",
      "arange",
    ],
    [
      "arange the wrong way",
      () => arange(0, 1, -1),
      "upper bound and lower bound inconsistent with step sign",
      "RangeError",
      "ERR_ARGUMENT",
      "arange",
    ],
    [
      "default dtype",
      () => setDefaultDtype("int32"),
      "only floating-point types are supported as the default type",
      "TypeError",
      "ERR_DTYPE",
      "setDefaultDtype",
    ],
    [
      "set",
      () => m().set(0, v(2)),
      "shape mismatch: value tensor of shape [2] cannot be broadcast to indexing result of shape [3]",
      "RangeError",
      "ERR_SHAPE",
      "set",
      [[2], [3]],
    ],
    [
      "arithmetic on bool",
      () => tensor([true]).neg(),
      "neg: not defined for bool tensors",
      "TypeError",
      "ERR_DTYPE",
      "neg",
    ],
  ];
  test.each(cases)("%s", (_, body, sentence, name, code, op, shapes) => {
    const error = errorOf(body);
    expect(error.message).toContain(sentence);
    expect([error.name, error.code, error.op]).toEqual([name, code, op]);
    if (shapes) expect(error.shapes).toEqual(shapes);
  });

  test("a refused in-place method changes nothing", () => {
    const x = tensor([1, 2]);
    for (const attempt of [
      () => x.add_(ones([3])),
      () => x.add_(ones([3, 2])),
      () => x.set(5, 1),
      () => x.set(0, ones([3])),
      () => x.copy_(ones([3])),
      () => x.add_(undefined as never),
      () => x.fill_("1" as never),
    ])
      errorOf(attempt);
    expect(x.toArray()).toEqual([1, 2]);
  });
});

describe("shapes", () => {
  const huge: [string, number[]][] = [
    ["2**40 elements", [2 ** 40]],
    ["2**20 x 2**20", [2 ** 20, 2 ** 20]],
    ["a product that wraps to 4", [4194305, 4194305, 211106198978564]],
    ["a product of 2**64", [2 ** 32, 2 ** 32]],
    ["a product of 2**64 and 0", [2 ** 32, 2 ** 32, 0]],
    ["2**53 - 1", [2 ** 53 - 1]],
    ["negative", [-1]],
    ["negative beside zero", [0, -1]],
    ["33 dimensions", Array.from({ length: 33 }, () => 1)],
    ["5000 dimensions", Array.from({ length: 5000 }, () => 1)],
    ["fractional", [1.5]],
    ["NaN", [NaN]],
    ["infinite", [Infinity]],
    ["above 2**53", [2 ** 60]],
  ];
  const makers: [string, (shape: number[]) => Tensor][] = [
    ["zeros", (shape) => zeros(shape)],
    ["ones", (shape) => ones(shape, { dtype: "uint8" })],
    ["full", (shape) => full(shape, 1.5)],
    ["rand", (shape) => rand(shape)],
    ["randn", (shape) => randn(shape)],
    ["expand", (shape) => tensor(1).expand(shape)],
    ["reshape", (shape) => ones([4]).reshape(shape)],
  ];
  test.each(huge)("%s: RangeError, before any allocation", (_, shape) => {
    const before = process.memoryUsage().rss;
    for (const [name, make] of makers) {
      const isUnknown = name === "reshape" && shape.includes(-1);
      if (isUnknown && shape.length === 1) continue;
      if (name === "expand" && shape.length === 1 && shape[0] === 0) continue;
      const error = errorOf(() => make(shape));
      expect(error.name, name).toBe("RangeError");
      expect(error.code, name).toMatch(/^ERR_(SHAPE|ARGUMENT)$/);
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(32 * 2 ** 20);
  });

  test("any shape at all gives a tensor or a clear error", () => {
    const size = fc.oneof(
      fc.integer({ min: -2, max: 5 }),
      fc.double(),
      fc.constantFrom(2 ** 31, 2 ** 32, 2 ** 52, 2 ** 53, -0, "3", null, undefined, true, 3n, {}, [2]),
    );
    fc.assert(
      fc.property(fc.array(size, { maxLength: 5 }), (shape) => {
        try {
          const made = zeros(shape as number[]);
          expect(made.shape).toEqual(shape.map((s) => (s as number) + 0));
          expect(made.sum().item()).toBe(0);
        } catch (error) {
          expect((error as Error).name).toMatch(/^(RangeError|TypeError)$/);
          expect((error as { code?: string }).code).toMatch(/^ERR_/);
        }
      }),
      { numRuns: 500, seed: 7 },
    );
  });

  test("what reductions and joins would make of empty tensors", () => {
    const wide = zeros([2 ** 30, 0, 2 ** 20]);
    expect(wide.sum().item()).toBe(0);
    expect(errorOf(() => wide.sum(1))).toMatchObject({ name: "RangeError", code: "ERR_SHAPE", op: "sum" });
    expect(errorOf(() => zeros([2 ** 25, 0]).matmul(zeros([0, 2 ** 25])))).toMatchObject({
      code: "ERR_SHAPE",
      op: "matmul",
    });
    expect(errorOf(() => zeros([2]).pad([0, 2 ** 45]))).toMatchObject({ name: "RangeError" });
    expect(errorOf(() => ones([2 ** 20, 1]).add(ones([1, 2 ** 20])))).toMatchObject({
      code: "ERR_SHAPE",
      op: "add",
    });
    expect(errorOf(() => arange(2 ** 45))).toMatchObject({ name: "RangeError" });
    expect(errorOf(() => linspace(0, 1, 2 ** 45))).toMatchObject({ name: "RangeError" });
    expect(errorOf(() => eye(2 ** 25))).toMatchObject({ name: "RangeError" });
  });

  test("left out", () => {
    for (const make of [zeros, ones, rand, randn] as ((shape: never) => Tensor)[])
      for (const shape of [undefined, null, "3", {}, true])
        expect(errorOf(() => make(shape as never))).toMatchObject({
          name: "TypeError",
          code: "ERR_ARGUMENT",
        });
  });
});

describe("options", () => {
  test("unknown ones name the nearest", () => {
    const wrong: [() => unknown, string][] = [
      [() => zeros([1], { requires_grad: true } as never), "requiresGrad"],
      [() => tensor([1], { dType: "float32" } as never), "dtype"],
      [() => ones([2]).sum(0, { keepDim: true } as never), "keepdim"],
      [() => ones([2]).sum(0, { keep_dim: true } as never), "keepdim"],
      [() => ones([1]).backward(null, { retain_graph: true } as never), "retainGraph"],
      [() => ones([1]).add(1, { alhpa: 2 } as never), "alpha"],
      [() => autograd.grad(ones([1]), ones([1]), { allow_unused: true } as never), "allowUnused"],
      [() => ones([1]).pad([1, 1], { vaule: 2 } as never), "value"],
    ];
    for (const [body, nearest] of wrong) {
      const error = errorOf(body);
      expect(error).toMatchObject({ name: "TypeError", code: "ERR_OPTION" });
      expect(error.message).toContain(`did you mean '${nearest}'?`);
    }
  });

  test("of the wrong kind", () => {
    for (const options of [null, 1, "x", true, [], () => 1] as never[]) {
      expect(errorOf(() => zeros([1], options)).code).toBe("ERR_OPTION");
      expect(errorOf(() => ones([1]).sum(0, options)).code).toBe("ERR_OPTION");
    }
    expect(errorOf(() => zeros(2, 3 as never)).message).toContain(
      "a shape is one array, as in zeros([2, 3])",
    );
    expect(errorOf(() => zeros([-1]))).toMatchObject({ op: "zeros", shapes: [[-1]] });
    expect(errorOf(() => ones([1]).backward({ retainGraph: true } as never)).message).toContain(
      "backward(null, {",
    );
    expect(errorOf(() => ones([1]).add([1] as never)).message).toContain("an array; use tensor(data)");
    expect(errorOf(() => zeros([1], { dtype: "complex64" as never }))).toMatchObject({
      name: "TypeError",
      code: "ERR_DTYPE",
    });
    expect(errorOf(() => zeros([1], { dtype: 1 as never })).code).toBe("ERR_DTYPE");
    expect(errorOf(() => zeros([1], { device: "gpu" as never }))).toMatchObject({
      name: "RangeError",
      code: "ERR_DEVICE",
    });
    expect(errorOf(() => zeros([1], { requiresGrad: "yes" as never })).code).toBe("ERR_OPTION");
    expect(errorOf(() => ones([1]).add(1, { alpha: "2" as never })).code).toBe("ERR_ARGUMENT");
    expect(errorOf(() => ones([1]).add(ones([1]), { alpha: "2" as never })).code).toBe("ERR_ARGUMENT");
    for (const inputs of [5, {}, "x", [1]])
      expect(errorOf(() => ones([1]).backward(null, { inputs: inputs as never })).code).toBe("ERR_ARGUMENT");
  });

  test("a polluted Object.prototype changes nothing", () => {
    const polluted = Object.prototype as unknown as Record<string, unknown>;
    try {
      polluted.dtype = "int32";
      polluted.keepdim = true;
      expect(zeros([1], {}).dtype).toBe("float32");
      expect(ones([2, 2]).sum(0, {}).shape).toEqual([2]);
    } finally {
      delete polluted.dtype;
      delete polluted.keepdim;
    }
  });
});

describe("disposed tensors", () => {
  const isDisposed = expect.objectContaining({ name: "Error", code: "ERR_DISPOSED" }) as Error;

  test("every use throws, a second dispose does nothing", () => {
    const x = tensor([1, 2]);
    const y = x.mul(2);
    x.dispose();
    x.dispose();
    x[Symbol.dispose]();
    const uses: (() => unknown)[] = [
      () => x.shape,
      () => x.dtype,
      () => x.device,
      () => x.grad,
      () => x.isLeaf,
      () => x.requiresGrad,
      () => x.item(),
      () => x.toArray(),
      () => x.dataSync(),
      () => x.toString(),
      () => JSON.stringify(x),
      () => x.add(1),
      () => y.add(x),
      () => x.add_(1),
      () => y.add_(x),
      () => x.set(0, 1),
      () => y.set(0, x),
      () => x.sum(),
      () => x.reshape(2, 1),
      () => x.at(0),
      () => x.matmul(y),
      () => y.matmul(x),
      () => x.detach(),
      () => x.clone(),
      () => x.backward(),
      () => y.backward(x),
      () => x.requiresGrad_(),
      () => (x.grad = null),
      () => (y.grad = x),
      () => cat([y, x]),
      () => stack([x]),
      () => where(x, 1, 2),
      () => realize([y, x]),
      () => autograd.grad(y, x),
      () => zerosLike(x),
      () => [...x],
    ];
    for (const use of uses) expect(use, String(use)).toThrow(isDisposed);
    expect(errorOf(() => x.add(1)).op).toBe("add");
    expect(y.toArray()).toEqual([2, 4]);
  });

  test("await throws too", async () => {
    const x = tensor([1]);
    x.dispose();
    await expect(x.data()).rejects.toThrow(isDisposed);
    await expect(x.itemAsync()).rejects.toThrow(isDisposed);
  });

  test("what tidy disposed of throws as well, and never turns into another tensor", () => {
    const lost: Tensor[] = [];
    const kept = tidy(() => {
      const x = tensor([1]);
      lost.push(
        x,
        x.add(1),
        tidy(() => x.add(2)),
      );
      return [x.add(3)];
    });
    const others = Array.from({ length: 10 }, (_, i) => tensor([i + 100]));
    for (const x of lost) {
      expect(() => x.toArray()).toThrow(isDisposed);
      x.dispose();
    }
    expect(others.map((x) => x.item())).toEqual(others.map((_, i) => i + 100));
    expect(kept[0]!.item()).toBe(4);
  });

  test("a gradient that is disposed of, a leaf that is disposed of", () => {
    const x = tensor([2], { requiresGrad: true });
    x.mul(x).backward();
    x.grad!.dispose();
    expect(x.grad!.item()).toBe(4);
    const y = tensor([3], { requiresGrad: true });
    const loss = x.mul(y);
    y.dispose();
    loss.backward();
    expect(x.grad!.item()).toBe(7);
  });
});
