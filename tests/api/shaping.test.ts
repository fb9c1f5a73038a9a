import { describe, expect, test } from "vitest";
import * as adjoint from "../../lib/index.js";
import {
  arange,
  atleast3d,
  blockDiag,
  broadcastShapes,
  cartesianProd,
  cat,
  columnStack,
  combinations,
  dstack,
  eye,
  hstack,
  linspace,
  logspace,
  meshgrid,
  ones,
  scalarTensor,
  tensor,
  trilIndices,
  triuIndices,
  unravelIndex,
  vstack,
  zeros,
  type Tensor,
} from "../../lib/index.js";
import { errorOf, numbers } from "../helpers/reference.js";

// Shapes, parts, joins and creation: what PyTorch's samples do not show.

const whole = (data: (number | bigint)[]) => tensor(BigInt64Array.from(data, BigInt));
const shapesOf = (parts: readonly Tensor[]) => parts.map(({ shape }) => shape);

describe("the dtype and the numbers of ranges", () => {
  test("integers take what is whole of start and step", () => {
    expect(numbers(arange(-0.9, 2.1, 2, { dtype: "int64" }))).toEqual([0]);
    expect(numbers(arange(0, -8.000001, -4, { dtype: "int64" }))).toEqual([0, -4]);
    expect(errorOf(() => arange(0, 64, 0.5, { dtype: "int64" })).message).toContain("step must be nonzero");
    expect(numbers(linspace(4.7, -1.9, 4, { dtype: "int64" }))).toEqual([4, 2, 0, -1]);
    expect(numbers(logspace(4.3, 1.9, 4, { base: 3, dtype: "int64" }))).toEqual([81, 27, 9, 3]);
    // The base is 2, and a double does not hold the last power of 2.9.
    expect(numbers(logspace(2, 40, 3, { base: 2.9, dtype: "int64" }))).toEqual([4, 2 ** 21, 2 ** 40]);
  });

  test("bigints make int64, exactly", () => {
    const start = 2n ** 60n + 1n;
    expect(arange(start, start + 3n).dataSync()).toEqual(BigInt64Array.of(start, start + 1n, start + 2n));
    expect(arange(3n).dtype).toBe("int64");
    expect(arange(3).dtype).toBe("float32");
  });

  test("bounds may be tensors, to which gradients flow", () => {
    const end = tensor(4, { dtype: "float64", requiresGrad: true });
    const spaced = linspace(0, end, 5, { dtype: "float64" });
    expect(numbers(spaced)).toEqual([0, 1, 2, 3, 4]);
    spaced.sum().backward();
    expect(end.grad!.item()).toBe(2.5);
    expect(linspace(end, 1, 0).shape).toEqual([0]);
    expect(numbers(linspace(end, 1, 1))).toEqual([4]);
    expect(numbers(logspace(tensor(0), tensor(2), 3))).toEqual([1, 10, 100]);
  });

  test("scalarTensor has the default dtype", () => {
    expect(scalarTensor(true).dtype).toBe("float32");
    expect(scalarTensor(3, { dtype: "int32" }).item()).toBe(3);
  });

  test("new tensors are like another", () => {
    const x = zeros([2], { dtype: "int32" });
    expect(x.newZeros([3]).dtype).toBe("int32");
    expect(x.newOnes(2).toArray()).toEqual([1, 1]);
    expect(x.newFull([1], 1.5, { dtype: "float64" }).toArray()).toEqual([1.5]);
    expect(x.newZeros([3], { dtype: undefined as never }).dtype).toBe("int32");
  });
});

describe("joins", () => {
  test("vectors of no elements fit everywhere, and count for the dtype", () => {
    const none = zeros([0], { dtype: "float64" });
    const joined = cat([none, ones([2, 2])]);
    expect(joined.shape).toEqual([2, 2]);
    expect(joined.dtype).toBe("float64");
    expect(cat([none, none]).shape).toEqual([0]);
    expect(errorOf(() => cat([zeros([0, 1]), ones([2, 2, 2])])).message).toContain(
      "Tensors must have same number of dimensions: got 2 and 3",
    );
    expect(errorOf(() => cat([]))).toMatchObject({ code: "ERR_VALUE" });
  });

  test("side by side, one below and one behind the other", () => {
    const [a, b] = [tensor([1, 2]), tensor([3, 4])];
    expect(hstack([a, b]).toArray()).toEqual([1, 2, 3, 4]);
    expect(vstack([a, b]).toArray()).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(columnStack([a, b]).toArray()).toEqual([
      [1, 3],
      [2, 4],
    ]);
    expect(dstack([a, b]).toArray()).toEqual([
      [
        [1, 3],
        [2, 4],
      ],
    ]);
    expect(shapesOf(atleast3d([tensor(1), a, ones([2, 3])]))).toEqual([
      [1, 1, 1],
      [1, 2, 1],
      [2, 3, 1],
    ]);
  });

  test("grids", () => {
    expect(cartesianProd([tensor([1, 2]), tensor([3, 4])]).toArray()).toEqual([
      [1, 3],
      [1, 4],
      [2, 3],
      [2, 4],
    ]);
    expect(combinations(tensor([1, 2, 3])).toArray()).toEqual([
      [1, 2],
      [1, 3],
      [2, 3],
    ]);
    expect(combinations(tensor([1, 2]), { withReplacement: true }).toArray()).toEqual([
      [1, 1],
      [1, 2],
      [2, 2],
    ]);
    expect(combinations(tensor([1, 2]), { r: 0 }).shape).toEqual([0]);
    expect(combinations(tensor([1, 2]), { r: 3 }).shape).toEqual([0, 3]);
    expect(blockDiag([ones([1, 2]), tensor(5)]).toArray()).toEqual([
      [1, 1, 0],
      [0, 0, 5],
    ]);
    expect(blockDiag([]).shape).toEqual([1, 0]);
    expect(broadcastShapes([3, 1], [1, 4], [])).toEqual([3, 4]);
    expect(trilIndices(2, 3, { offset: 1 }).toArray()).toEqual([
      [0n, 0n, 1n, 1n, 1n],
      [0n, 1n, 0n, 1n, 2n],
    ]);
    expect(triuIndices(2, 2, { dtype: "int32" }).dtype).toBe("int32");
  });

  test("coordinates of whole numbers beyond 2**53", () => {
    const place = 2n ** 62n + 12345678901n;
    const [row, column] = unravelIndex(whole([place]), [2n ** 31n, 2n ** 32n - 5n]);
    const width = 2n ** 32n - 5n;
    expect(row!.dataSync()).toEqual(BigInt64Array.of((place / width) % 2n ** 31n));
    expect(column!.dataSync()).toEqual(BigInt64Array.of(place % width));
  });
});

describe("parts", () => {
  const x = arange(10).reshape(5, 2);

  test("are what is left over, too", () => {
    expect(shapesOf(x.split(2))).toEqual([
      [2, 2],
      [2, 2],
      [1, 2],
    ]);
    expect(shapesOf(x.split([0, 5]))).toEqual([
      [0, 2],
      [5, 2],
    ]);
    expect(shapesOf(x.chunk(4))).toEqual([
      [2, 2],
      [2, 2],
      [1, 2],
    ]);
    expect(shapesOf(zeros([0]).chunk(3))).toEqual([[0], [0], [0]]);
    expect(shapesOf(x.tensorSplit(3))).toEqual([
      [2, 2],
      [2, 2],
      [1, 2],
    ]);
    expect(shapesOf(x.tensorSplit([-1, 7], 0))).toEqual([
      [4, 2],
      [1, 2],
      [0, 2],
    ]);
    expect(shapesOf(x.tensorSplit(tensor(2n), 1))).toEqual([
      [5, 1],
      [5, 1],
    ]);
    expect(x.unbind(1)[1]!.toArray()).toEqual([1, 3, 5, 7, 9]);
    expect(x.unfold(0, 2, 3).toArray()).toEqual([
      [
        [0, 2],
        [1, 3],
      ],
      [
        [6, 8],
        [7, 9],
      ],
    ]);
    expect(x.unfold(0, 0, 1).shape).toEqual([6, 2, 0]);
    expect(tensor(3).unfold(0, 0, 1).shape).toEqual([0]);
  });

  test("may begin where a tensor says", () => {
    expect(x.narrow(0, tensor(-2n), 2).toArray()).toEqual([
      [6, 7],
      [8, 9],
    ]);
    expect(errorOf(() => x.narrow(0, tensor(4n), 2).toArray())).toMatchObject({ code: "ERR_INDEX" });
    expect(errorOf(() => x.narrow(0, tensor(0.5), 2))).toMatchObject({ code: "ERR_DTYPE" });
  });

  test("are replaced by others of their shape", () => {
    expect(
      x
        .selectScatter(zeros([5]), 1, -1)
        .select(1, 1)
        .sum()
        .item(),
    ).toBe(0);
    expect(
      x
        .sliceScatter(zeros([2, 2]), 0, { start: 1, end: null, step: 2 })
        .sum(1)
        .toArray(),
    ).toEqual([1, 0, 9, 0, 17]);
    expect(errorOf(() => x.sliceScatter(zeros([2]), 0, { end: 1 })).message).toContain(
      "expected src to have a size equal to the slice of self. src size = [2], slice size = [1, 2]",
    );
  });
});

describe("diagonals", () => {
  test("beyond the matrix are empty", () => {
    expect(ones([2, 3]).diagonal({ offset: 5 }).shape).toEqual([0]);
    expect(ones([2, 3]).diag({ diagonal: -2 }).shape).toEqual([0]);
    expect(
      ones([2, 3])
        .diagonalScatter(zeros([0]), { offset: 3 })
        .sum()
        .item(),
    ).toBe(6);
    expect(zeros([0]).diagEmbed({ offset: 1 }).toArray()).toEqual([[0]]);
    expect(zeros([0, 4]).trace().item()).toBe(0);
  });

  test("of NaN and infinities leave nothing behind", () => {
    const x = tensor([
      [NaN, Infinity],
      [1, 2],
    ]);
    expect(x.tril({ diagonal: -1 }).toArray()).toEqual([
      [0, 0],
      [1, 0],
    ]);
    expect(x.diagonal({ offset: -1 }).diagEmbed().toArray()).toEqual([[1]]);
    expect(x.gt(0).triu().toArray()).toEqual([
      [false, true],
      [false, true],
    ]);
  });
});

describe("order", () => {
  test("rolls by more than there is, and backwards", () => {
    expect(arange(5).roll(7).toArray()).toEqual([3, 4, 0, 1, 2]);
    expect(arange(5).roll(-1, 0).toArray()).toEqual([1, 2, 3, 4, 0]);
    expect(arange(4).reshape(2, 2).roll([1, 1], [0, 1]).toArray()).toEqual([
      [3, 2],
      [1, 0],
    ]);
  });

  test("repeats", () => {
    const x = tensor([1, 2, 3]);
    expect(x.repeatInterleave(whole([0, 2, 1])).toArray()).toEqual([2, 2, 3]);
    expect(x.repeatInterleave(whole([0, 2, 1]), 0, { outputSize: 3 }).toArray()).toEqual([2, 2, 3]);
    expect(numbers(whole([2, 0, 1]).repeatInterleave())).toEqual([0, 0, 2]);
    expect(errorOf(() => x.repeatInterleave(whole([1, -1, 1])))).toMatchObject({ code: "ERR_VALUE" });
    expect(errorOf(() => x.repeatInterleave(whole([1, 1, 1]), 0, { outputSize: 2 }).toArray())).toMatchObject(
      { code: "ERR_INDEX" },
    );
    expect(errorOf(() => x.repeatInterleave(whole([1, 1, 1]), 0, { outputSize: 9 }).toArray())).toMatchObject(
      { code: "ERR_INDEX" },
    );
    expect(x.tile(2, 1).shape).toEqual([2, 3]);
    expect(x.repeat([0, 2]).shape).toEqual([0, 6]);
  });
});

test("names of gradients are PyTorch's", () => {
  const x = ones([2, 2]).requiresGrad_();
  const named: Record<string, Tensor> = {
    Diagonal: x.diagonal(),
    DiagEmbed: x.diagEmbed(),
    Fill: x.fill(1),
    MaskedFill: x.maskedFill(x.gt(0), 1),
    Permute: x.movedim(0, 1),
    Repeat: x.tile(2),
    Roll: x.roll(1),
    Rot90: x.rot90(),
    SliceScatter: x.sliceScatter(ones([1, 2]), 0, { end: 1 }),
    Split: x.split(1)[0]!,
    T: x.t(),
    Trace: x.trace(),
    Transpose: x.mT,
    Tril: x.tril(),
    Unbind: x.unbind()[0]!,
    Unfold: x.unfold(0, 1, 1),
    View: x.view(4),
  };
  for (const [label, made] of Object.entries(named))
    expect(made.gradFn).toMatch(new RegExp(`^${label}Backward`));
});

// What PyTorch says, and the code.
const x = ones([3]);
const refusals: [() => unknown, string, string][] = [
  [() => x.sumToSize([2]), "ERR_SHAPE", "size {[2]} is not expandable to size {[3]}."],
  [
    () => x.unflatten(0, [2, 2]),
    "ERR_SHAPE",
    "Provided sizes [2, 2] don't multiply up to the size of dim 0 (3) in the input tensor",
  ],
  [
    () => x.movedim(0, [0, 1] as never),
    "ERR_ARGUMENT",
    "source and destination must both be numbers or both arrays",
  ],
  [
    () => x.movedim(3, 0),
    "ERR_DIM",
    "Dimension out of range (expected to be in range of [-1, 0], but got 3)",
  ],
  [
    () => x.mT,
    "ERR_SHAPE",
    "tensor.mT is only supported on matrices or batches of matrices. Got 1-D tensor.",
  ],
  [() => ones([1, 1, 1]).t(), "ERR_SHAPE", "t() expects a tensor with <= 2 dimensions, but self is 3D"],
  [
    () => x.split(0),
    "ERR_VALUE",
    "split_size can only be 0 if dimension size is 0, but got dimension size of 3",
  ],
  [
    () => x.split([1, 1]),
    "ERR_VALUE",
    "split_with_sizes expects split_sizes to sum exactly to 3 (input tensor's size at dimension 0), but got split_sizes=[1, 1]",
  ],
  [() => x.chunk(0), "ERR_VALUE", "chunk expects `chunks` to be greater than 0, got: 0"],
  [() => x.chunk(2, 4), "ERR_DIM", "Dimension out of range"],
  [() => x.tensorSplit(0), "ERR_VALUE", "number of sections must be larger than 0, got 0"],
  [() => x.hsplit(2), "ERR_VALUE", "not divisible by the split_size 2"],
  [() => tensor(1).unbind(), "ERR_SHAPE", "Dimension specified as 0 but tensor has no dimensions"],
  [() => x.unfold(0, 4, 1), "ERR_SHAPE", "maximum size for tensor at dimension 0 is 3 but size is 4"],
  [() => x.unfold(0, 1, 0), "ERR_VALUE", "step is 0 but must be > 0"],
  [() => x.roll([]), "ERR_VALUE", "`shifts` required"],
  [() => x.roll(1, 5), "ERR_DIM", "Dimension out of range (expected to be in range of [-1, 0], but got 5)"],
  [() => x.rot90(1, [0, 1]), "ERR_SHAPE", "expected total dims >= 2, but got total dims = 1"],
  [
    () => x.repeat([]),
    "ERR_SHAPE",
    "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor",
  ],
  [() => x.tile(-1), "ERR_SHAPE", "Trying to create tensor with negative dimension"],
  [() => x.repeatInterleave(-1), "ERR_VALUE", "Repeats must be non-negative"],
  [
    () => x.repeatInterleave(whole([1, 2])),
    "ERR_SHAPE",
    "repeats must have the same size as input along dim, but got repeats.size(0) = 2 and input.size(0) = 3",
  ],
  [() => x.diagonal(), "ERR_DIM", "Dimension out of range (expected to be in range of [-1, 0], but got 1)"],
  [() => x.trace(), "ERR_SHAPE", "trace: expected a matrix, but got tensor with dim 1"],
  [() => x.tril({ offset: 1 } as never), "ERR_OPTION", "'offset'"],
  [() => x.fill(ones([2])), "ERR_SHAPE", "fill_ only supports a 0-dimensional value tensor"],
  [
    () => meshgrid([x], { indexing: "yx" as never }),
    "ERR_OPTION",
    'torch.meshgrid: indexing must be one of "xy" or "ij"',
  ],
  [() => meshgrid([x, whole([1])]), "ERR_DTYPE", "torch.meshgrid expects all tensors to have the same dtype"],
  [() => cartesianProd([ones([2, 2])]), "ERR_SHAPE", "Expect a 1D vector, but got shape [2, 2]"],
  [() => combinations(x, { r: -1 }), "ERR_VALUE", "Expect a non-negative number, but got -1"],
  [
    () => blockDiag([ones([1, 1, 1])]),
    "ERR_SHAPE",
    "Input tensors must have 2 or fewer dimensions. Input 0 has 3 dimensions",
  ],
  [() => unravelIndex(x, [3]), "ERR_DTYPE", "expected 'indices' to be integer dtype"],
  [
    () => unravelIndex(whole([1]), [2, -2]),
    "ERR_VALUE",
    "'shape' cannot have negative values, but got (2, -2)",
  ],
  [() => trilIndices(-1, 2), "ERR_VALUE", "row must be non-negative, got -1"],
  [() => linspace(0, 1, -1), "ERR_VALUE", "number of steps must be non-negative"],
  [() => linspace(x, 1, 2), "ERR_SHAPE", "only supports 0-dimensional start and end tensors"],
  [() => eye(-1), "ERR_VALUE", "n must be greater or equal to 0, got -1"],
  [() => hstack([]), "ERR_VALUE", "hstack expects a non-empty TensorList"],
  [() => vstack([x, 3 as never]), "ERR_ARGUMENT", "expected a Tensor"],
  [() => x.expandAs(3 as never), "ERR_ARGUMENT", "expected a Tensor"],
];
test.each(refusals.map(([compute, code, message]) => [message, code, compute] as const))(
  "%s",
  (message, code, compute) => {
    const error = errorOf(compute);
    expect(error).toMatchObject({ code });
    expect(error.message).toContain(message);
  },
);

test("what is a function in PyTorch is one here", () => {
  const functions = adjoint as unknown as Record<string, (...args: unknown[]) => Tensor>;
  expect(functions["roll"]!(arange(3), 1).toArray()).toEqual([2, 0, 1]);
  for (const method of ["repeat", "expandAs", "view", "viewAs", "newZeros", "unfold"])
    expect(functions[method], method).toBeUndefined();
});
