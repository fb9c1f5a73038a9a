// Where tensors live: names of devices, moving between them, what must not be mixed. What needs a GPU runs where there
// is one, or the stand-in for one: npm run test:modes -- stand-in.
import { afterEach, describe, expect, test } from "vitest";
import {
  arange,
  autograd,
  cat,
  cuda,
  device,
  engineStats,
  eye,
  full,
  getDefaultDevice,
  linalg,
  linspace,
  noGrad,
  onesLike,
  optim,
  rand,
  manualSeed,
  realize,
  setDefaultDevice,
  tensor,
  where,
  zeros,
  type Device,
  type DType,
  type Tensor,
} from "adjoint";
import { native, type OpRow } from "../../lib/native.js";
import { errorOf, expectClose, numbers } from "../helpers/reference.js";
import { methodOf } from "../helpers/rows.js";

const first = getDefaultDevice();
afterEach(() => setDefaultDevice(first));

describe("names of devices", () => {
  test("the CPU is there, whatever else is", () => {
    expect(device("cpu")).toBe("cpu");
    expect(zeros([2], { device: "cpu" }).device).toBe("cpu");
  });

  test.each([
    [
      "gpu",
      'device: a device is "cpu", "cuda" or "cuda:1" and so on, got the string "gpu"; did you mean "cpu"?',
    ],
    [
      "cuda:x",
      'device: a device is "cpu", "cuda" or "cuda:1" and so on, got the string "cuda:x"; did you mean "cuda"?',
    ],
    ["mps", 'device: a device is "cpu", "cuda" or "cuda:1" and so on, got the string "mps"'],
    [3, 'device: a device is "cpu", "cuda" or "cuda:1" and so on, got 3'],
    [null, 'device: a device is "cpu", "cuda" or "cuda:1" and so on, got null'],
  ])("%j is none", (name, message) => {
    const error = errorOf(() => device(name as never));
    expect(error).toMatchObject({ name: "RangeError", code: "ERR_DEVICE", message });
  });

  test("a dtype is no device, and the other way round", () => {
    const x = tensor([1.5]);
    expect(x.to("int32").dtype).toBe("int32");
    expect(x.to("cpu").dtype).toBe("float32");
    expect(x.to({ dtype: "float64", device: "cpu" })).toMatchObject({ dtype: "float64", device: "cpu" });
    expect(errorOf(() => x.to({ devise: "cpu" } as never)).message).toBe(
      "to: unknown option 'devise', did you mean 'device'?",
    );
    expect(x.to("cpu", "float64")).toMatchObject({ dtype: "float64", device: "cpu" });
    expect(errorOf(() => x.cuda(-1))).toMatchObject({ name: "RangeError", code: "ERR_DEVICE" });
  });

  test("what is there already is the tensor itself, so that leaves stay leaves", () => {
    const x = tensor([1.5], { requiresGrad: true, device: "cpu" });
    for (const same of [x.cpu(), x.to("cpu"), x.to("float32"), x.to("cpu", "float32"), x.to({}), x.to(x)])
      expect(same).toBe(x);
    const other = x.to(tensor([1], { dtype: "float64", device: "cpu" }));
    expect(other).toMatchObject({ dtype: "float64", device: "cpu", isLeaf: false });
  });

  test.each<[unknown[], string]>([
    [[undefined], "undefined"],
    [["float64", "cpu"], 'the string "float64" and the string "cpu"'],
  ])("to(...%j) is refused", (words, got) => {
    const to = tensor([1]).to.bind(tensor([1])) as (...words: unknown[]) => unknown;
    expect(errorOf(() => to(...words))).toMatchObject({
      name: "TypeError",
      code: "ERR_ARGUMENT",
      message: `to: expected a dtype, a device, a device and a dtype, a tensor or { dtype, device }, got ${got}`,
    });
  });

  test("an index goes with a GPU", () => {
    expect(errorOf(() => device("cpu", 0))).toMatchObject({
      code: "ERR_DEVICE",
      message: 'device: an index goes with "cuda" alone, got the string "cpu" and 0',
    });
    expect(errorOf(() => device("cuda", -1)).message).toBe(
      "device: a GPU's index is a whole number from 0, got -1",
    );
  });

  test("a GPU that cannot be had is an error that says why", () => {
    if (cuda.isAvailable()) {
      expect(cuda.unavailableReason()).toBe("");
      const count = cuda.devices().length;
      const error = errorOf(() => zeros([1], { device: `cuda:${count}` }));
      expect(error).toMatchObject({ name: "RangeError", code: "ERR_DEVICE" });
      expect(error.message).toContain(`there is no device cuda:${count}; there is cuda:0`);
      return;
    }
    const error = errorOf(() => zeros([1], { device: "cuda" }));
    expect(error.code).toBe("ERR_NO_CUDA");
    expect(cuda.unavailableReason()).not.toBe("");
    expect(error.message).toBe(`CUDA is not available: ${cuda.unavailableReason()}`);
  });
});

describe.skipIf(!cuda.isAvailable())("a GPU (skipped where there is none, and no stand-in for one)", () => {
  test("what has a kernel on the CPU alone says so", () => {
    const x = eye(2, { device: "cuda" });
    for (const [op, make] of [
      ["svd", () => linalg.svdvals(x)],
      ["eigh", () => linalg.eigh(x)],
      ["qr", () => linalg.qr(x)],
    ] as const)
      expect(errorOf(make)).toMatchObject({
        name: "TypeError",
        code: "ERR_DEVICE",
        op,
        message: `${op}: there is no kernel for cuda:0; compute it on the CPU, as in x.cpu(), and move the result with .to("cuda:0")`,
      });
    // The result of doing so is back on the GPU, and gradients find their way.
    const leaf = eye(2, { device: "cuda" }).clone().requiresGrad_();
    const moved = linalg.svdvals(leaf.cpu()).to("cuda:0");
    expect(moved.device).toBe("cuda:0");
    moved.sum().backward();
    expect(leaf.grad!.device).toBe("cuda:0");
    expectClose(numbers(leaf.grad!), [1, 0, 0, 1], 1e-6, 1e-6, "gradient");
    expect(numbers(linalg.inv(x.mul(2)))).toEqual([0.5, 0, 0, 0.5]);
  });

  const host = (values: number[]): Tensor => tensor(values, { device: "cpu" });
  const gpu = (values: number[]): Tensor => tensor(values, { device: "cuda" });

  test("is the default when it is said to be", () => {
    setDefaultDevice("cuda");
    expect(getDefaultDevice()).toBe("cuda:0");
    expect(zeros([2]).device).toBe("cuda:0");
    expect(onesLike(host([1])).device).toBe("cpu");
    setDefaultDevice("cpu");
    expect(zeros([2]).device).toBe("cpu");
    expect(onesLike(gpu([1])).device).toBe("cuda:0");
  });

  test("takes tensors and gives them back", async () => {
    const x = host([1, 2, 3]);
    const there = x.to("cuda");
    expect(there.device).toBe("cuda:0");
    expect(there.mul(2).cpu().toArray()).toEqual([2, 4, 6]);
    expect(Array.from(await there.add(1).data())).toEqual([2, 3, 4]);
    expect(await there.sum().itemAsync()).toBe(6);
    expect(zeros([0, 3], { device: "cuda" }).to("cpu").toArray()).toEqual([]);
  });

  test("prints its name where it is not the default", () => {
    setDefaultDevice("cpu");
    expect(String(gpu([1, 2]))).toBe("tensor([1., 2.], device='cuda:0')");
    setDefaultDevice("cuda");
    expect(String(gpu([1, 2]))).toBe("tensor([1., 2.])");
    expect(String(host([1, 2]))).toBe("tensor([1., 2.], device='cpu')");
  });

  test("is not mixed with the CPU, but for scalars", () => {
    const a = gpu([1, 2, 3]);
    const b = host([4, 5, 6]);
    const message =
      "Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu!; " +
      'add: move one of them, as in x.to("cuda:0")';
    expect(errorOf(() => a.add(b))).toMatchObject({
      name: "TypeError",
      code: "ERR_DEVICE",
      op: "add",
      message,
    });
    for (const mix of [
      () => b.mul(a),
      () => where(a.gt(1), b, a),
      () => a.matmul(b),
      () => cat([a, b]),
      () => a.set(["0:2"], b.narrow(0, 0, 2)),
    ])
      expect(errorOf(mix).code).toBe("ERR_DEVICE");
    const scalar = tensor(2, { device: "cpu" });
    for (const product of [a.mul(scalar), scalar.mul(a)]) {
      expect(product.device).toBe("cuda:0");
      expect(product.toArray()).toEqual([2, 4, 6]);
    }
    expect(scalar.add(tensor(3, { device: "cuda" })).device).toBe("cuda:0");
  });

  test("gradients go back to where values came from", () => {
    const x = tensor([1, 2, 3], { device: "cpu", requiresGrad: true });
    const scale = tensor(3, { device: "cpu", requiresGrad: true });
    x.to("cuda").pow(2).mul(scale).sum().backward();
    expect(x.grad!.device).toBe("cpu");
    expect(x.grad!.toArray()).toEqual([6, 12, 18]);
    expect(scale.grad!.device).toBe("cpu");
    expect(scale.grad!.item()).toBe(14);
    const [second] = autograd.grad(x.to("cuda").pow(3).sum(), [x]);
    expect(second!.toArray()).toEqual([3, 12, 27]);
  });

  test("an optimizer steps parameters on both in one go", () => {
    const params = [host([1, 2]).requiresGrad_(), gpu([1, 2]).requiresGrad_()];
    const optimizer = new optim.Adam(params, { lr: 0.1 });
    for (let i = 0; i < 3; ++i) {
      optimizer.zeroGrad();
      for (const x of params) x.pow(2).sum().backward();
      optimizer.step();
    }
    expect(params.map((x) => x.device)).toEqual(["cpu", "cuda:0"]);
    expect(params[1]!.toArray()).toEqual(params[0]!.toArray());
  });

  test("a gradient is where its tensor is", () => {
    const there = gpu([1, 2]).requiresGrad_();
    const here = host([1, 2]).requiresGrad_();
    const refuses = (x: Tensor, grad: Tensor, where: string) => {
      const error = errorOf(() => (x.grad = grad));
      expect(error).toMatchObject({ name: "TypeError", code: "ERR_DEVICE" });
      expect(error.message).toBe(
        `attempting to assign a gradient on device ${where}. Please ensure that the gradient and the tensor are on ` +
          "the same device",
      );
      expect(x.grad).toBe(null);
    };
    refuses(there, host([3, 4]), "'cpu' to a tensor on device 'cuda:0'");
    refuses(here, gpu([3, 4]), "'cuda:0' to a tensor on device 'cpu'");
    there.grad = gpu([3, 4]);
    new optim.SGD([there], { lr: 1 }).step();
    expect(there.toArray()).toEqual([-2, -2]);
    expect(device("cuda", 0)).toBe("cuda:0");
  });

  test("assignments bring their value along", () => {
    const x = gpu([1, 2]);
    noGrad(() => x.copy_(host([5, 6])));
    expect(x.device).toBe("cuda:0");
    expect(x.toArray()).toEqual([5, 6]);
  });

  // A row that is added later cannot be forgotten here.
  const kinds = (kind: string) => native.ops.filter((row) => row.kind === kind);
  const dtypesFor: Record<string, DType[]> = {
    floating: ["float32", "float64"],
    whole: ["int32", "int64", "uint8", "bool"],
    integral: ["int32", "int64", "uint8"],
    mean: ["float32", "float64"],
    numeric: ["float32", "float64", "int32", "int64", "uint8"],
    any: ["float32", "float64", "int32", "int64", "uint8", "bool"],
    total: ["float32", "float64", "int32", "int64", "uint8", "bool"],
    truth: ["float32", "float64", "int32", "int64", "uint8", "bool"],
    select: ["float32", "float64", "int32", "int64", "uint8", "bool"],
  };
  /** Values for an input, with the ends and what is no number where the dtype has them. */
  const inputFor = (row: OpRow, i: number, dtype: DType): Tensor => {
    if (row.dtypes === "select" && i === 0)
      return tensor([true, false, true, true, false, true, false], { device: "cpu" });
    const spread = [0.1, 0.35, 0.5, 0.77, 0.95].map((at) => row.lo + at * (row.hi - row.lo) + i / 16);
    const values = dtype.startsWith("float") ? [...spread, i === 0 ? NaN : 0.5, 0] : [3, 1, 2, 7, 5, 0, 4];
    return tensor(values, { dtype: "float64", device: "cpu" }).to(dtype);
  };
  const both = (compute: (place: (x: Tensor) => Tensor) => Tensor): [Tensor, Tensor] => [
    compute((x) => x),
    compute((x) => x.to("cuda")).cpu(),
  ];

  test.each(kinds("elementwise"))("computes $name as the CPU does", (row) => {
    for (const dtype of dtypesFor[row.dtypes]!) {
      const inputs = Array.from({ length: row.arity }, (_, i) => inputFor(row, i, dtype));
      const [here, there] = both((place) => {
        const [first, ...rest] = inputs.map(place);
        return methodOf(row.name)!.call(first, ...rest);
      });
      expect(there.dtype).toBe(here.dtype);
      const tolerance = here.dtype === "float32" ? 1e-6 : 1e-14;
      expectClose(numbers(there), numbers(here), tolerance, tolerance, `${row.name} of ${dtype}`);
    }
  });

  test.each(kinds("reduction"))("reduces by $name as the CPU does, bit for bit", (row) => {
    for (const dtype of dtypesFor[row.dtypes]!)
      for (const [shape, dim] of [
        [[2500], undefined],
        [[3, 70], 1],
        [[70, 3], 0],
        [[2, 5, 7], 1],
      ] as const) {
        const count = shape.reduce((product, size) => product * size, 1);
        const x = arange(count, { device: "cpu" }).mul(0.37).sin().mul(9).to(dtype).reshape(shape);
        const [here, there] = both((place) => {
          const methods = place(x) as unknown as Record<string, (dim: number | undefined) => Tensor>;
          return methods[row.name]!(dim);
        });
        expect(there.dtype).toBe(here.dtype);
        expect(there.toArray(), `${row.name} of ${dtype} over ${dim}`).toEqual(here.toArray());
      }
  });

  test("makes the same ranges", () => {
    for (const make of [
      (place: Device) => arange(-3, 8, 0.7, { device: place }),
      (place: Device) => arange(100, { device: place, dtype: "int64" }),
      (place: Device) => linspace(-1, 2, 33, { device: place, dtype: "float64" }),
      (place: Device) => eye(5, 7, { device: place }),
      (place: Device) => full([3, 3], 2.5, { device: place }),
    ])
      expect(make("cuda").toArray()).toEqual(make("cpu").toArray());
  });

  test("draws the same random numbers", () => {
    const draw = (where: "cpu" | "cuda") => {
      manualSeed(7);
      return rand([1001], { device: where }).toArray();
    };
    expect(draw("cuda")).toEqual(draw("cpu"));
  });

  test("its memory can be watched and given back", () => {
    const before = cuda.memoryStats();
    const x = zeros([1 << 16], { device: "cuda" }).add(1);
    realize(x);
    expect(cuda.memoryStats().allocatedBytes).toBeGreaterThanOrEqual(before.allocatedBytes + (1 << 18));
    expect(engineStats("cuda").bytes).toBeGreaterThanOrEqual(1 << 18);
    x.dispose();
    cuda.synchronize();
    cuda.emptyCache();
    const after = cuda.memoryStats();
    expect(after.reservedBytes).toBeLessThanOrEqual(cuda.memoryStats().peakReservedBytes);
    cuda.resetPeakMemoryStats();
    expect(cuda.memoryStats().peakAllocatedBytes).toBe(cuda.memoryStats().allocatedBytes);
    expect(errorOf(() => cuda.setMemoryLimit(0))).toMatchObject({ name: "RangeError", code: "ERR_VALUE" });
    expect(errorOf(() => cuda.memoryStats("cpu"))).toMatchObject({ name: "RangeError", code: "ERR_DEVICE" });
  });
});
