import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
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
  nn,
  ones,
  rand,
  randn,
  realize,
  stack,
  tensor,
  tidy,
  where,
  zeros,
  zerosLike,
  type Tensor,
} from "../../lib/index.js";
import { elementwise, native } from "../../lib/native.js";
import { handleOf, Tensor as TensorClass } from "../../lib/tensor.js";
import { errorOf, numbers } from "../helpers/reference.js";

// Tensors that are taken for what they are not, and arguments that nobody would pass on purpose: nobody falls over.

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

  test("methods that PyTorch and TensorFlow.js have say what there is instead", () => {
    const x = tensor([1, 2]) as unknown as Record<string, () => unknown>;
    for (const [name, instead] of [
      ["tolist", "tolist is PyTorch's; here it is toArray()"],
      ["log_softmax", "log_softmax is PyTorch's; here it is logSoftmax()"],
      ["requires_grad_", "requires_grad_ is PyTorch's; here it is requiresGrad_()"],
      ["arraySync", "arraySync is TensorFlow.js's; here it is toArray()"],
      ["expandDims", "expandDims is TensorFlow.js's; here it is unsqueeze(dim)"],
    ] as const)
      expect(errorOf(() => x[name]!())).toMatchObject({
        name: "TypeError",
        code: "ERR_ARGUMENT",
        message: instead,
      });
    expect(Object.keys(TensorClass.prototype)).toEqual([]);
    expect(errorOf(() => [...tensor(1)]).message).toContain("not iterable");
  });

  test("a tensor where options are expected", () => {
    const x = ones([2, 3]);
    expect(errorOf(() => nn.functional.linear(x, ones([4, 3]), ones([4]) as never)).message).toBe(
      "linear: a Tensor stands where options are expected; name it, as in { bias: value }",
    );
    expect(x.clone().fill_(tensor(2)).sum().item()).toBe(12);
    expect(errorOf(() => x.clone().fill_(ones([2])))).toMatchObject({ code: "ERR_SHAPE", op: "fill_" });
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

  test("what used to bring the process down", () => {
    native.endScope([]);
    const survive = (call: () => unknown) => {
      try {
        call();
      } catch {
        // An error will do; which tensor has this handle is chance.
      }
    };
    survive(() => native.bindGrad({}, 1));
    survive(() => (elementwise.sin as (...args: unknown[]) => number)({}, 0, 1));
    const identity = native.eye({}, [3, 3], native.dtypes.indexOf("float32"), 0);
    native.data(identity);
    stillWorks();
  });

  test("shapes of another rank than a creation has", () => {
    const dtype = native.dtypes.indexOf("float32");
    for (const shape of [[], [2], [2, 3, 2]]) {
      const error = errorOf(() => native.eye({}, shape, dtype, 0));
      expect(error.message).toContain(`eye: shape must have 2 entries, got ${shape.length}`);
      expect(error.code).toBe("ERR_ARGUMENT");
    }
    for (const shape of [[], [2, 3]]) {
      expect(errorOf(() => native.arange({}, shape, dtype, 0, 0, 1)).code).toBe("ERR_ARGUMENT");
      expect(errorOf(() => native.linspace({}, shape, dtype, 0, 0, 1, 1)).code).toBe("ERR_ARGUMENT");
    }
    stillWorks();
  });

  describe("entries that read arrays whose getters call others", () => {
    let value: Tensor;
    let handle: number;
    beforeEach(() => {
      value = tensor([1, 2], { requiresGrad: true }).sin();
      handle = handleOf(value, "sin");
    });
    /** An array whose first element is asked of `get`. */
    function trapped(get: () => unknown): number[] {
      const array = [handle];
      Object.defineProperty(array, 0, { get, enumerable: true });
      return array;
    }

    test("end a recording that is being ended", () => {
      const objects = [{}, {}];
      const [param] = native.beginRecording("hostile", objects, [handle]);
      const array = trapped(() => {
        native.abandonRecording();
        return param;
      });
      expect(errorOf(() => native.endRecording(array, [handle]))).toMatchObject({ code: "ERR_ARGUMENT" });
      stillWorks();
    });

    test("fail while a recording begins", () => {
      let reads = 0;
      const objects = [{}, {}];
      Object.defineProperty(objects, 1, {
        get() {
          if (++reads > 1) throw new Error("trap");
          return 7;
        },
      });
      expect(errorOf(() => native.beginRecording("hostile", objects, [handle])).code).toBe("ERR_ARGUMENT");
      stillWorks(); // nothing is confined
    });

    test("read a number for a tensor", () => {
      native.beginRecording("hostile", [{}, {}], [handle]);
      const scalar = native.recordScalar({});
      native.abandonRecording();
      for (const read of [
        () => native.read(scalar, true),
        () => native.read(scalar, false),
        () => native.item(scalar),
        () => native.data(scalar),
      ])
        expect(errorOf(read)).toMatchObject({
          name: "TypeError",
          code: expect.stringMatching(/^ERR_/) as string,
        });
      stillWorks();
    });

    test("use up a graph without a place for its gradients", () => {
      const x = tensor([1, 2], { requiresGrad: true });
      const loss = x.square().sum();
      const gradients = (...args: unknown[]) =>
        (native.gradients as (...args: unknown[]) => unknown)(...args);
      for (const objects of [undefined, 7, [], [7]])
        expect(
          errorOf(() =>
            gradients(objects, [handleOf(loss, "grad")], [0], [handleOf(x, "grad")], false, false, false),
          ),
        ).toMatchObject({ code: "ERR_ARGUMENT" });
      loss.backward();
      expect(x.grad!.toArray()).toEqual([2, 4]);
    });

    test("are given objects that are none", () => {
      for (const out of [undefined, null, 7, "text"])
        expect(errorOf(() => elementwise.sin(out as never, handle, 0))).toMatchObject({
          code: "ERR_ARGUMENT",
        });
    });

    test("take bytes for booleans", () => {
      const from = (...bytes: number[]) => native.fromArray({}, Uint8Array.from(bytes), null, true, 0);
      expect(errorOf(() => from(1, 2))).toMatchObject({ code: "ERR_VALUE" });
      expect(errorOf(() => from(255))).toMatchObject({ code: "ERR_VALUE" });
      expect(Array.from(native.data(from(0, 1)) as Uint8Array)).toEqual([0, 1]);
    });
  });
});
