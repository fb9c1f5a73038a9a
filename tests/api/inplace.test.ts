import { describe, expect, test } from "vitest";
import { manualSeed, noGrad, ones, tensor, Tensor, type DType } from "../../lib/index.js";
import { errorOf } from "../helpers/reference.js";

// Methods whose names end in an underscore: what they give, and what becomes of history.

const prototype = Tensor.prototype as unknown as Record<string, unknown>;

/** PyTorch's in-place methods whose other form exists here; resize_ and the like are about storage. */
const pytorch =
  "addbmm addcdiv addcmul addmm addmv addr baddbmm bernoulli cauchy clamp copysign cumprod cumsum detach exponential floorDivide geometric indexPut lerp logNormal maskedFill nanToNum normal pow random relu renorm scatterReduce squeeze swapaxes swapdims t transpose tril uniform unsqueeze xlogy zero";

describe("in-place methods", () => {
  test("are there where the other form is", () => {
    expect(pytorch.split(" ").filter((name) => typeof prototype[`${name}_`] !== "function")).toEqual([]);
  });

  test("of scans and products give what the other form gives", () => {
    const x = tensor([
      [1, 2],
      [3, 4],
    ]);
    expect(x.clone().cumsum_(0)).toEqual(x.cumsum(0));
    expect(x.clone().cumprod_(1)).toEqual(x.cumprod(1));
    expect(x.clone().addmm_(x, x, { beta: 2 })).toEqual(x.addmm(x, x, { beta: 2 }));
    expect(x.to("int32").clone().cumsum_(0).dtype).toBe("int32" satisfies DType);
  });

  test("of shapes give the tensor another shape", () => {
    const x = ones([2, 3]).clone();
    const same = x.unsqueeze_(0).transpose_(1, 2);
    expect(same).toBe(x);
    expect(x.shape).toEqual([1, 3, 2]);
    expect(x.squeeze_().t_().shape).toEqual([2, 3]);
    expect(x.swapaxes_(0, 1).swapdims_(0, 1).shape).toEqual([2, 3]);
    expect(tensor([1, 2]).t_().toArray()).toEqual([1, 2]);
    const w = ones([2, 3], { requiresGrad: true });
    const y = w.mul(2).t_();
    y.at(0).sum().backward();
    expect(w.grad!.toArray()).toEqual([
      [2, 0, 0],
      [2, 0, 0],
    ]);
    expect(errorOf(() => w.t_())).toMatchObject({ code: "ERR_AUTOGRAD", op: "t_" });
    expect(errorOf(() => noGrad(() => w.t_()))).toMatchObject({ code: "ERR_SHAPE", op: "t_" });
  });

  test("that draw cut history, with a gradient of zero", () => {
    manualSeed(1);
    const draws: [string, (x: Tensor) => Tensor][] = [
      ["Normal", (x) => x.normal_()],
      ["Uniform", (x) => x.uniform_()],
      ["Exponential", (x) => x.exponential_()],
      ["Cauchy", (x) => x.cauchy_()],
      ["LogNormal", (x) => x.logNormal_()],
      ["Bernoulli", (x) => x.bernoulli_()],
      ["Geometric", (x) => x.geometric_(0.5)],
      ["Random", (x) => x.random_()],
    ];
    for (const [label, draw] of draws) {
      const w = ones([3], { requiresGrad: true });
      const y = draw(w.mul(2));
      expect(y.gradFn).toBe(`${label}Backward0`);
      y.mul(3).sum().backward();
      expect(w.grad!.toArray()).toEqual([0, 0, 0]);
      expect(draw(ones([3]).clone()).requiresGrad).toBe(false);
    }
  });

  test("detach_ lets go of history, and of a leaf's gradients", () => {
    const w = ones([3], { requiresGrad: true });
    const y = w.mul(2);
    expect(y.detach_()).toBe(y);
    expect([y.requiresGrad, y.gradFn, y.toArray()]).toEqual([false, null, [2, 2, 2]]);
    expect(noGrad(() => w.mul(1).detach_()).requiresGrad).toBe(false);
    expect(w.detach_().requiresGrad).toBe(false);
  });
});
