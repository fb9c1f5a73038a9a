import vm from "node:vm";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  arange,
  autograd,
  cat,
  cuda,
  device,
  getDefaultDevice,
  eye,
  full,
  linspace,
  manualSeed,
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
  type TensorData,
} from "../lib/index.js";
import { native } from "../lib/native.js";
import { Tensor as TensorClass } from "../lib/tensor.js";
import { errorOf, numbers } from "./reference.js";

// What is refused, in which words, and that nothing else changes and nobody falls over.

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
      "iterating a 0-d tensor",
      () => [...tensor(1)],
      "iteration over a 0-d tensor",
      "TypeError",
      "ERR_SHAPE",
      undefined,
      [[]],
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

describe("data", () => {
  const ragged: [unknown, string][] = [
    [[[1], [1, 2]], "expected sequence of length 1 at dim 1 (got 2)"],
    [[[1, 2], [1]], "[1]"],
    [[[1], 2], "[1]"],
    [[1, [2]], "[1]"],
    [[[], [1]], "[1]"],
    [[[[1]], [[1], [2]]], "[1]"],
    [[new Float32Array(2), new Float32Array(3)], "[1]"],
    [[1, new Float32Array(2)], "[1]"],
  ];
  test.each(ragged)("ragged: %j", (data, place) => {
    const error = errorOf(() => tensor(data as TensorData));
    expect(error).toMatchObject({ name: "RangeError", code: "ERR_RAGGED", op: "tensor" });
    expect(error.message).toContain(place);
  });

  test("absurdly deep and cyclic arrays", () => {
    let deep: unknown = 1;
    for (let i = 0; i < 100_000; ++i) deep = [deep];
    const cyclic: unknown[] = [];
    cyclic.push(cyclic);
    const later: unknown[] = [1];
    later.push(later, later, later);
    const shrinking: unknown[] = [[1], []];
    shrinking[1] = shrinking;
    const deepLater: unknown[] = [[1], deep];
    for (const data of [deep, cyclic, later, shrinking, deepLater])
      expect(errorOf(() => tensor(data as TensorData))).toMatchObject({
        name: "RangeError",
        code: "ERR_RAGGED",
      });
  });

  test("32 levels are fine", () => {
    let data: unknown = [1, 2];
    for (let i = 0; i < 31; ++i) data = [data];
    expect(tensor(data as TensorData).ndim).toBe(32);
  });

  test("holes and huge sparse arrays are refused at once", () => {
    const sparse: unknown[] = [];
    sparse.length = 2 ** 32 - 1;
    const start = performance.now();
    for (const data of [sparse, [sparse, sparse], [[1], sparse], [true, , true]])
      expect(errorOf(() => tensor(data as TensorData))).toBeInstanceOf(Error);
    expect(performance.now() - start).toBeLessThan(2000);
  });

  test.each([
    ["1"],
    [undefined],
    [null],
    [{}],
    [Symbol("s")],
    [() => 1],
    [new Date(0)],
    [NaN.toString()],
    [new Map()],
  ] as unknown[][])("a leaf that is no number: %s", (wrong) => {
    for (const data of [
      wrong,
      [wrong],
      [1, wrong],
      [
        [1, 2],
        [3, wrong],
      ],
    ]) {
      const error = errorOf(() => tensor(data as TensorData));
      expect(error.name).toMatch(/^(TypeError|RangeError)$/);
      expect(error.code).toMatch(/^ERR_(ARGUMENT|RAGGED)$/);
    }
    const error = errorOf(() =>
      tensor([
        [1, 2],
        [3, wrong],
      ] as TensorData),
    );
    expect(error.message).toContain("[1][1]");
  });

  test("a tensor among the data names stack", () => {
    expect(errorOf(() => tensor([tensor(1)] as never)).message).toContain("stack()");
  });

  test("numbers that an integer dtype cannot hold", () => {
    const refused: [DType, unknown][] = [
      ["uint8", 256],
      ["uint8", -1],
      ["int32", 2 ** 31],
      ["int32", NaN],
      ["int32", 2n ** 40n],
      ["int64", 1e30],
      ["int64", Infinity],
      ["int64", 2n ** 63n],
    ];
    for (const [dtype, value] of refused) {
      const error = errorOf(() => tensor([value] as TensorData, { dtype }));
      expect(error).toMatchObject({ name: "RangeError", code: "ERR_ARGUMENT" });
      expect(error.message).toContain(`value cannot be converted to type ${dtype} without overflow`);
    }
    expect(tensor([255.9, -0.5], { dtype: "uint8" }).toArray()).toEqual([255, 0]);
    expect(tensor([2n ** 62n], { dtype: "int64" }).item<bigint>()).toBe(2n ** 62n);
  });

  test("data that changes while it is read", () => {
    const shrinks: unknown[] = [
      [1, 2],
      [3, 4],
      [5, 6],
    ];
    Object.defineProperty(shrinks, 1, {
      get: () => {
        shrinks.length = 1;
        return [3, 4];
      },
    });
    expect(errorOf(() => tensor(shrinks as TensorData))).toBeInstanceOf(Error);
    const growing = new Proxy([1, 2, 3], {
      get: (target, name) =>
        name === "length" ? 3 + Math.floor(Math.random() * 3) : (Reflect.get(target, name) as unknown),
    });
    for (let i = 0; i < 20; ++i)
      try {
        expect(tensor(growing).numel()).toBeLessThan(6);
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
      }
    const throwing = new Proxy([1], {
      get: () => {
        throw new Error("mine");
      },
    });
    expect(errorOf(() => tensor(throwing)).message).toBe("mine");
    expect(tensor(new Proxy([1, 2], {})).toArray()).toEqual([1, 2]);
  });
});

describe("typed arrays", () => {
  test("are copied at the call", () => {
    const data = new Float64Array([1, 2, 3]);
    const x = tensor(data);
    data.fill(9);
    expect([x.dtype, x.toArray()]).toEqual(["float64", [1, 2, 3]]);
    const out = x.dataSync();
    out.fill(7);
    expect(x.toArray()).toEqual([1, 2, 3]);
  });

  test("views with an offset, clamped bytes, all dtypes", () => {
    const buffer = new Float64Array([1, 2, 3, 4]).buffer;
    expect(tensor(new Float64Array(buffer, 8, 2)).toArray()).toEqual([2, 3]);
    expect(tensor(new Uint8ClampedArray([1, 255])).dtype).toBe("uint8");
    expect(tensor(new Int32Array([-1])).toArray()).toEqual([-1]);
    expect(tensor(new BigInt64Array([-(2n ** 63n)])).toArray()).toEqual([-(2n ** 63n)]);
    expect(tensor(Buffer.from([1, 2])).toArray()).toEqual([1, 2]);
    expect(tensor(new Float32Array(0)).shape).toEqual([0]);
    expect(tensor([new Float32Array([1, 2]), new Float32Array([3, 4])]).shape).toEqual([2, 2]);
  });

  test("of other kinds are refused", () => {
    for (const data of [
      new Int8Array(1),
      new Int16Array(1),
      new Uint16Array(1),
      new Uint32Array(1),
      new BigUint64Array(1),
    ])
      expect(errorOf(() => tensor(data as never))).toMatchObject({ name: "TypeError", code: "ERR_DTYPE" });
    for (const data of [new DataView(new ArrayBuffer(8)), new ArrayBuffer(8), new SharedArrayBuffer(8)])
      expect(errorOf(() => tensor(data as never))).toMatchObject({ name: "TypeError", code: "ERR_ARGUMENT" });
    expect(errorOf(() => tensor([new DataView(new ArrayBuffer(8))] as never)).code).toBe("ERR_ARGUMENT");
  });

  test("with a detached buffer", () => {
    const data = new Float32Array([1, 2]);
    structuredClone(data.buffer, { transfer: [data.buffer] });
    const error = errorOf(() => tensor(data));
    expect(error).toMatchObject({ name: "TypeError", code: "ERR_DETACHED", op: "tensor" });
    expect(errorOf(() => tensor([data])).code ?? "").not.toBe("");
  });

  test("resizable, shared, of another realm", () => {
    type Resizable = ArrayBuffer & { resize(bytes: number): void };
    const ResizableBuffer = ArrayBuffer as unknown as new (
      bytes: number,
      options: { maxByteLength: number },
    ) => Resizable;
    const buffer = new ResizableBuffer(32, { maxByteLength: 64 });
    const tracking = new Float64Array(buffer);
    const fixed = new Float64Array(buffer, 8, 3);
    tracking.set([1, 2, 3, 4]);
    const before = tensor(fixed);
    buffer.resize(16);
    expect(before.toArray()).toEqual([2, 3, 4]);
    expect(tensor(tracking).toArray()).toEqual([1, 2]);
    // Out of bounds now: no elements, or an error; never a stray read.
    try {
      expect(tensor(fixed).numel()).toBe(0);
    } catch (error) {
      expect(error).toBeInstanceOf(Error);
    }
    const shared = new Float32Array(new SharedArrayBuffer(8));
    shared.set([5, 6]);
    const x = tensor(shared);
    shared.fill(0);
    expect(x.toArray()).toEqual([5, 6]);
    const foreign = vm.runInNewContext("new Float64Array([7, 8])") as Float64Array;
    expect(foreign instanceof Float64Array).toBe(false);
    expect(tensor(foreign).toArray()).toEqual([7, 8]);
    expect(tensor(vm.runInNewContext("[[1, 2], [3, 4]]") as number[][]).shape).toEqual([2, 2]);
  });

  test("impostors", () => {
    for (const data of [
      new Proxy(new Float64Array(2), {}),
      Object.create(Float64Array.prototype) as Float64Array,
      { length: 2, 0: 1, 1: 2, buffer: new ArrayBuffer(8) },
    ])
      expect(errorOf(() => tensor(data as never))).toMatchObject({ name: "TypeError", code: "ERR_ARGUMENT" });
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
    const withDim = (x: Tensor) => x as unknown as Record<"max" | "min", (dim: number) => Tensor>;
    for (const options of [null, 1, "x", true, [], () => 1] as never[]) {
      expect(errorOf(() => zeros([1], options)).code).toBe("ERR_OPTION");
      expect(errorOf(() => ones([1]).sum(0, options)).code).toBe("ERR_OPTION");
    }
    expect(errorOf(() => zeros(2, 3 as never)).message).toContain(
      "a shape is one array, as in zeros([2, 3])",
    );
    expect(errorOf(() => zeros([-1]))).toMatchObject({ op: "zeros", shapes: [[-1]] });
    expect(errorOf(() => withDim(ones([2])).max(0))).toMatchObject({
      code: "ERR_ARGUMENT",
      op: "max",
    });
    expect(errorOf(() => withDim(ones([2])).min(0)).message).toContain("use amin(dim)");
    expect(errorOf(() => ones([1]).backward({ retainGraph: true } as never)).message).toContain(
      "backward(null, {",
    );
    expect(errorOf(() => ones([1]).add([1] as never)).message).toContain("an array; use tensor(data)");
    expect(errorOf(() => zeros([1], { dtype: "float16" as never }))).toMatchObject({
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

describe("JavaScript on tensors", () => {
  test("operators throw and name the methods", () => {
    const x = tensor([1, 2]) as never as number;
    const uses: (() => unknown)[] = [
      () => x + 1,
      () => x - x,
      () => x * 2,
      () => x / 2,
      () => x ** 2,
      () => -x,
      // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-conversion -- x is no number
      () => +x,
      () => x < 1,
      () => x >= x,
      () => x == 1,
      () => Math.sin(x),
      // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-conversion -- x is no number
      () => Number(x),
      () => new Float32Array([x]),
    ];
    for (const use of uses) {
      const error = errorOf(use);
      expect(error).toMatchObject({ name: "TypeError", code: "ERR_OPERATOR" });
      expect(error.message).toContain("x.add(y)");
    }
    expect(`${x}`).toBe("tensor([1., 2.])");
    expect(String(x)).toBe("tensor([1., 2.])");
  });

  test("methods without a tensor, new Tensor, subclasses", () => {
    const { add, sum, item, dispose } = TensorClass.prototype as unknown as Record<
      string,
      (...args: unknown[]) => unknown
    >;
    for (const self of [
      {},
      null,
      undefined,
      1,
      Object.create(TensorClass.prototype),
      new Proxy(tensor([1]), {}),
    ])
      for (const method of [add, sum, item, dispose])
        expect(
          errorOf(() => method!.call(self, 1)),
          String(method),
        ).toBeInstanceOf(TypeError);
    expect(errorOf(() => new (TensorClass as unknown as new () => Tensor)())).toMatchObject({
      code: "ERR_ARGUMENT",
    });
    class Mine extends TensorClass {}
    expect(errorOf(() => new Mine(Symbol("adjoint")))).toMatchObject({ code: "ERR_ARGUMENT" });
    expect(errorOf(() => Reflect.get(TensorClass.prototype, "shape", {}) as unknown)).toBeInstanceOf(
      TypeError,
    );
  });

  test("structuredClone and postMessage", () => {
    const x = tensor([1]);
    expect(errorOf(() => structuredClone(x)).name).toBe("DataCloneError");
    const { port1, port2 } = new MessageChannel();
    expect(errorOf(() => port1.postMessage({ x }))).toMatchObject({ name: "DataCloneError" });
    port1.close();
    port2.close();
    expect(x.item()).toBe(1);
  });

  test("what is passed for a tensor", () => {
    const x = ones([2]);
    for (const wrong of [
      undefined,
      null,
      {},
      "1",
      Symbol("s"),
      () => 1,
      new Proxy(ones([2]), {}),
      Object.create(TensorClass.prototype),
      new Date(0),
    ]) {
      for (const use of [
        () => x.add(wrong as never),
        () => x.lerp(wrong as never, 1),
        () => x.lerp(1, wrong as never),
        () => x.matmul(wrong as never),
        () => x.copy_(wrong as never),
        () => x.addcmul(wrong as never, 1),
        () => x.addcmul(x, wrong as never),
        () => x.addcdiv(wrong as never, 1),
        () => x.add(wrong as never, { alpha: 2 }),
        () => x.set(0, wrong as never),
        () => cat([x, wrong as never]),
        () => stack([wrong as never]),
        () => where(wrong as never, 1, 2),
        () => where(x.gt(0), wrong as never, 2),
        () => autograd.grad(x.sum(), wrong as never),
      ])
        expect(errorOf(use), String(use)).toMatchObject({ name: "TypeError", code: "ERR_ARGUMENT" });
      if (wrong !== undefined && wrong !== null)
        expect(errorOf(() => x.sum().backward(wrong as never))).toMatchObject({
          name: "TypeError",
          code: "ERR_ARGUMENT",
        });
    }
    expect(errorOf(() => x.add([1, 2] as never)).message).toContain("Tensor");
  });
});

// --- Fuzzing ---------------------------------------------------------------------------------------------------

const hostile: (() => unknown)[] = [
  () => undefined,
  () => null,
  () => true,
  () => 0,
  () => -0,
  () => 1,
  () => -1,
  () => 2,
  () => 1.5,
  () => NaN,
  () => Infinity,
  () => 2 ** 31,
  () => 2 ** 32 - 1,
  () => 2 ** 53,
  () => -(2 ** 53),
  () => 1e300,
  () => 3n,
  () => 2n ** 70n,
  () => "",
  () => "text",
  () => "...",
  () => Symbol("s"),
  () => ({}),
  () => [],
  () => [0],
  () => [-1, 1],
  () => [NaN],
  () => [2 ** 40, 2 ** 40],
  () => [undefined, null, "x"],
  () => [[0, 1, 1]],
  () => [["x"]],
  () => new Array<number>(3),
  () => Array.from({ length: 40 }, () => 1),
  () => new Float32Array(2),
  () => new Float64Array(0),
  () => new DataView(new ArrayBuffer(4)),
  () => new Proxy([], {}),
  () =>
    new Proxy([1], {
      get: () => {
        throw new Error("trap");
      },
    }),
  () =>
    new Proxy(
      {},
      {
        get: () => {
          throw new Error("trap");
        },
      },
    ),
  () => Object.create(null) as object,
  () => ({
    valueOf: () => 1,
    toString: () => {
      throw new Error("toString");
    },
  }),
  () => () => 1,
  () => Object.freeze({}),
  () => tensor([1, 2]),
  () => tensor([1, 2, 3], { dtype: "int32" }),
  () => tensor(2, { requiresGrad: true }),
];

/** A computation that would not come out right if something had been damaged. */
function stillWorks(): void {
  const x = tensor([1, 2, 3], { requiresGrad: true });
  const y = x.mul(x).sum();
  y.backward();
  expect([y.item(), numbers(x.grad!), x.at("1:").toArray()]).toEqual([14, [2, 4, 6], [2, 3]]);
}

/** Calls that would work for hours, or print. */
const isAffordable = (args: readonly unknown[]) =>
  !args.some((arg) => arg === 2 ** 31 || arg === 2 ** 32 - 1);

const argumentLists = fc.array(fc.nat(hostile.length - 1), { maxLength: 6 });

describe("hostile arguments", () => {
  const methods = Object.entries(Object.getOwnPropertyDescriptors(TensorClass.prototype)).filter(
    ([name, { value }]) => typeof value === "function" && name !== "constructor",
  );

  test(`every method of Tensor (${methods.length})`, () => {
    const random = fc.sample(argumentLists, { numRuns: 60, seed: 11 });
    for (const [name] of methods)
      for (const indices of [...hostile.keys()].map((i) => [i]).concat(random)) {
        const args = indices.map((i) => hostile[i]!());
        if (!isAffordable(args)) continue;
        const x = tensor([
          [1, 2, 3],
          [4, 5, 6],
        ]);
        try {
          const result = (x as unknown as Record<string, (...args: unknown[]) => unknown>)[name]!(...args);
          if (result instanceof Promise) result.catch(() => undefined);
        } catch (error) {
          expect(error, name).toBeInstanceOf(Error);
          const { message, code } = error as { message: string; code?: string };
          const isMine = ["trap", "toString"].includes(message);
          if (!isMine)
            expect(
              String(code),
              `${name}(${indices.map((i) => String(hostile[i])).join(", ")}): ${message}`,
            ).toMatch(/^ERR_/);
        }
      }
    stillWorks();
  });

  const functions: Record<string, (...args: never[]) => unknown> = {
    tensor,
    zeros,
    ones,
    full,
    arange,
    linspace,
    eye,
    rand,
    randn,
    manualSeed,
    cat,
    device,
    getDefaultDevice,
    memoryStats: cuda.memoryStats,
    emptyCache: cuda.emptyCache,
    synchronize: cuda.synchronize,
    stack,
    where,
    zerosLike,
    grad: autograd.grad,
    noGrad: autograd.noGrad,
    tidy,
    realize,
  };
  test.each(Object.keys(functions))("%s", (name) => {
    const random = fc.sample(argumentLists, { numRuns: 100, seed: 12 });
    for (const indices of [...hostile.keys()].map((i) => [i]).concat(random)) {
      const args = indices.map((i) => hostile[i]!());
      if (!isAffordable(args)) continue;
      try {
        (functions[name] as (...args: unknown[]) => unknown)(...args);
      } catch (error) {
        expect(error, name).toBeInstanceOf(Error);
        const { message, code } = error as { message: string; code?: string };
        if (!["trap", "toString"].includes(message))
          expect(
            String(code),
            `${name}(${indices.map((i) => String(hostile[i])).join(", ")}): ${message}`,
          ).toMatch(/^ERR_/);
      }
    }
    stillWorks();
  });

  test("every entry of the addon", () => {
    // Modes that a random call may leave behind.
    const entries = Object.entries(native).filter(([, entry]) => typeof entry === "function") as [
      string,
      (...args: unknown[]) => unknown,
    ][];
    expect(entries.length).toBeGreaterThan(100);
    const live = [tensor([1, 2]), tensor(3), tensor([[1], [2]], { dtype: "int64" }), tensor([true])];
    // Small integers are handles of live tensors, among them these.
    const random = fc.sample(fc.tuple(fc.boolean(), argumentLists), { numRuns: 400, seed: 13 });
    for (const [name, entry] of entries)
      for (const [startsFresh, indices] of random) {
        const args = [...(startsFresh ? [{}] : []), ...indices.map((i) => hostile[i]!())];
        if (!isAffordable(args)) continue;
        if (name === "dispose" || name === "rebind" || name === "replace") args[0] = 2 ** 20;
        try {
          entry(...args);
        } catch (error) {
          expect(error, name).toBeInstanceOf(Error);
        }
        if (name === "setGradEnabled") native.setGradEnabled(true);
        if (name === "setDefaultDtype") setDefaultDtype("float32");
        if (name === "beginScope") native.endScope([]);
        if (name === "setGpuLimit")
          for (const gpu of cuda.devices()) cuda.setMemoryLimit(gpu.totalBytes, gpu.device);
        if (name === "beginRecording") native.abandonRecording();
      }
    // With numbers in all the right places but values out of range.
    for (const [name, entry] of entries) {
      if (name === "dispose" || name === "rebind" || name === "replace") continue;
      for (const numbersOnly of [
        [0, 0, 0, 0, 0, 0],
        [1, 1, 1, 1, 1, 1],
        [1, 0, 0, 5, 5, 5],
        [-1, -1, -1, -1],
        [1, [1], [1], [1], 1, 1],
      ]) {
        try {
          const handle = entry({}, ...numbersOnly);
          if (typeof handle === "number" && handle > 0 && name !== "defaultDtype") native.data(handle);
        } catch (error) {
          expect(error, name).toBeInstanceOf(Error);
        }
      }
      native.setGradEnabled(true);
      native.setDefaultDtype(native.dtypes.indexOf("float32"));
    }
    expect(live.map((x) => x.ndim)).toEqual([1, 0, 2, 1]);
    stillWorks();
  });

  test("what used to bring the process down", () => {
    native.endScope([]);
    errorOf(() => native.bindGrad({}, 1));
    errorOf(() => (native.sin as (...args: unknown[]) => number)({}, 0, 1));
    const identity = native.eye({}, [3, 3], native.dtypes.indexOf("float32"), 0);
    native.data(identity);
    stillWorks();
  });
});
