// Checkpoints: the same gradients with less memory, from a function that runs twice.
import { describe, expect, test } from "vitest";
import {
  autograd,
  checkpoint,
  engineStats,
  func,
  getRngState,
  manualSeed,
  nn,
  noGrad,
  rand,
  realize,
  setRngState,
  tensor,
  type Tensor,
} from "../../lib/index.js";

const loose = (value: unknown) => value as never;
const float64 = { dtype: "float64" } as const;
const leaf = (shape: number[]) => rand(shape, float64).sub(0.5).detach().requiresGrad_();

test("gradients are those without it: of arguments, of what is captured, and of both in trees", () => {
  const [x, weight, bias] = [leaf([5, 4]), leaf([4, 4]), leaf([4])];
  const scaled = bias.mul(2);
  const block = (h: Tensor, { gain }: { gain: Tensor }) => ({
    out: h.matmul(weight).add(scaled).tanh().mul(gain),
    side: [h.sum()],
  });
  const gain = leaf([4]);
  const loss = (call: typeof block) => {
    let { out, side } = call(x, { gain });
    for (let i = 0; i < 3; ++i) ({ out, side } = call(out, { gain }));
    return out.square().sum().add(side[0]!);
  };
  const wanted = autograd.grad(loss(block), [x, weight, bias, gain], { retainGraph: true });
  const got = autograd.grad(
    loss((h, options) => checkpoint(block, h, options)),
    [x, weight, bias, gain],
    { retainGraph: true },
  );
  got.forEach((one, i) => {
    expect(one!.sub(wanted[i]!).abs().max().item()).toBeLessThan(1e-14);
  });
  loss((h, options) => checkpoint(block, h, options)).backward();
  expect(weight.grad!.sub(wanted[1]!).abs().max().item()).toBeLessThan(1e-14);
});

test("what lies between is not kept, and f runs a second time", () => {
  const weight = leaf([60, 60]);
  const x = leaf([2000, 60]);
  let calls = 0;
  const block = (h: Tensor) => {
    ++calls;
    let y = h;
    for (let i = 0; i < 8; ++i) y = y.matmul(weight).tanh();
    return y;
  };
  const heldBy = (run: (h: Tensor) => Tensor) => {
    weight.grad = x.grad = null;
    realize([weight, x]);
    const before = engineStats().bytes;
    const loss = run(run(run(x)))
      .square()
      .sum();
    loss.item();
    const held = engineStats().bytes - before;
    loss.backward();
    return { held, grads: [weight.grad, x.grad].map((grad) => grad as unknown as Tensor) };
  };
  const plain = heldBy(block);
  expect(calls).toBe(3);
  calls = 0;
  const checked = heldBy((h) => checkpoint(block, h));
  expect(calls).toBe(6);
  // 24 products of 960,000 bytes, against those between the blocks.
  expect(plain.held).toBeGreaterThan(20e6);
  expect(checked.held).toBeLessThan(plain.held / 4);
  checked.grads.forEach((grad, i) => {
    expect(grad.sub(plain.grads[i]!).abs().max().item()).toBeLessThan(1e-10);
  });
});

test("random numbers are the same both times, and go on as if it were not there", () => {
  const x = tensor(Array(64).fill(1) as number[], { requiresGrad: true });
  const drop = (h: Tensor) => nn.functional.dropout(h.mul(2), { p: 0.5 });
  manualSeed(5);
  const plain = drop(x).toArray();
  const after = rand([3]).toArray();
  manualSeed(5);
  const y = checkpoint(drop, x);
  expect(y.toArray()).toEqual(plain);
  expect(rand([3]).toArray()).toEqual(after);
  const next = getRngState();
  y.sum().backward();
  expect(x.grad!.toArray()).toEqual(plain);
  expect(getRngState()).toEqual(next);
});

test("of any order, nested, and inside of transformations", () => {
  const cube = (x: Tensor) => x.pow(3).sum();
  const point = tensor([1, 2], float64);
  expect(
    func
      .grad((x: Tensor) => checkpoint(cube, x))(point)
      .toArray(),
  ).toEqual([3, 12]);
  expect(
    func
      .hessian((x: Tensor) => checkpoint(cube, x))(point)
      .toArray(),
  ).toEqual([
    [6, 0],
    [0, 12],
  ]);
  expect(
    func
      .vmap(func.grad((x: Tensor) => checkpoint(cube, x)))(
        tensor([
          [1, 2],
          [3, 4],
        ]),
      )
      .toArray(),
  ).toEqual([
    [3, 12],
    [27, 48],
  ]);
  const x = leaf([4]);
  const [first] = autograd.grad(
    checkpoint((h: Tensor) => checkpoint(cube, h.sin()), x),
    x,
    { createGraph: true },
  );
  const [second] = autograd.grad(first!.sum(), x);
  const [one] = autograd.grad(cube(x.sin()), x, { createGraph: true });
  const [two] = autograd.grad(one!.sum(), x);
  expect(first!.sub(one!).abs().max().item()).toBeLessThan(1e-14);
  expect(second!.sub(two!).abs().max().item()).toBeLessThan(1e-13);
});

describe("without gradients", () => {
  test("it is a call", () => {
    let calls = 0;
    const f = (x: Tensor) => {
      ++calls;
      return x.mul(2);
    };
    const x = leaf([2]);
    expect(noGrad(() => checkpoint(f, x)).requiresGrad).toBe(false);
    expect(checkpoint(f, x.detach()).requiresGrad).toBe(false);
    expect(calls).toBe(2);
  });
});

test("what cannot be", () => {
  const x = leaf([2]);
  expect(() => checkpoint(loose(3), x)).toThrow("checkpoint: expected a function, got 3");
  expect(() => checkpoint((h: Tensor) => h.numel(), x)).toThrow(
    "checkpoint: expected f to return a Tensor, or an array or object of them, got 2",
  );
  expect(() => checkpoint(async (h: Tensor) => Promise.resolve(h), x)).toThrow("returned a Promise");
  expect(() =>
    checkpoint(() => {
      throw new RangeError("from f");
    }),
  ).toThrow(new RangeError("from f"));
  let calls = 0;
  const fickle = checkpoint((h: Tensor) => (++calls === 1 ? h.mul(2) : h.mul(2).sum()), x);
  expect(() => {
    fickle.sum().backward();
  }).toThrow(
    "checkpoint: Recomputed values have different metadata than during the forward pass: [] float64 instead of [2] float64",
  );
  expect(x.grad).toBeNull();
  const random = getRngState();
  expect(() => {
    setRngState(loose({ seed: 1 }));
  }).toThrow("setRngState: expected a state of getRngState, { seed, offset }");
  setRngState(random);
});
