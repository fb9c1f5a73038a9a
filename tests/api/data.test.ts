import vm from "node:vm";
import { describe, expect, test } from "vitest";
import { tensor, type DType, type TensorData } from "../../lib/index.js";
import { errorOf } from "../helpers/reference.js";

// What a tensor can be made of, and what is refused.

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

  test("holes are refused, and a huge sparse array is not walked to its end", () => {
    const sparse: unknown[] = [];
    sparse.length = 2 ** 32 - 1; // walking all of it takes longer than a test may
    for (const data of [sparse, [sparse, sparse], [[1], sparse], [true, , true]])
      expect(errorOf(() => tensor(data as TensorData))).toBeInstanceOf(Error);
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

  test("of other kinds are widened, also as rows", () => {
    const cases: [ArrayLike<number | bigint>, string][] = [
      [Int8Array.of(-128, 127), "int32"],
      [Int16Array.of(-32768, 32767), "int32"],
      [Uint16Array.of(0, 65535), "int32"],
      [Uint32Array.of(0, 4294967295), "int64"],
      [BigUint64Array.of(0n, 2n ** 63n - 1n), "int64"],
      [Uint8ClampedArray.of(0, 255), "uint8"],
      [Buffer.from([0, 255]), "uint8"],
    ];
    for (const [data, dtype] of cases)
      for (const x of [tensor(data as never), tensor([data] as never).reshape(-1)]) {
        expect(x.dtype).toBe(dtype);
        expect(Array.from(x.dataSync() as ArrayLike<unknown>, BigInt as never)).toEqual(
          Array.from(data, BigInt),
        );
      }
    expect(errorOf(() => tensor(BigUint64Array.of(2n ** 63n) as never)).message).toContain(
      "9223372036854775808",
    );
  });

  test("as rows give what they promote to", () => {
    const rows: [unknown[], string][] = [
      [[new Float64Array([0.1])], "float64"],
      [[new Float32Array(1), new Float64Array(1)], "float64"],
      [[new Uint8Array(1), new Int32Array(1)], "int32"],
      [[new BigInt64Array(1), new Float32Array(1)], "float32"],
      [[new Int32Array(1), [1.5]], "float32"],
      [[new Int32Array(1), [2n]], "int64"],
      [[[new Uint8Array(2)], [new BigInt64Array(2)]], "int64"],
    ];
    for (const [data, dtype] of rows) expect(tensor(data as never).dtype).toBe(dtype);
    expect(tensor([new Float64Array([0.1])]).toArray()).toEqual([[0.1]]);
  });

  test("that are none are refused", () => {
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
    // Out of bounds now.
    for (const data of [fixed, [fixed]])
      expect(errorOf(() => tensor(data))).toMatchObject({ name: "TypeError", code: "ERR_DETACHED" });
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
