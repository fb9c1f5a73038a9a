import { describe, expect, test } from "vitest";
import {
  autograd,
  enableGrad,
  explain,
  func,
  inferenceMode,
  isGradEnabled,
  isInferenceModeEnabled,
  noGrad,
  tensor,
  where,
  type Tensor,
} from "adjoint";
import { errorOf } from "../helpers/reference.js";

const leaf = (...elements: number[]) => tensor(elements, { dtype: "float64", requiresGrad: true });
type Context = autograd.FunctionContext;

class Exp extends autograd.Function {
  static forward(context: Context, x: Tensor) {
    const y = x.exp();
    context.saveForBackward(y);
    return y;
  }
  static backward(context: Context, grad: Tensor) {
    return grad.mul(context.savedTensors[0]!);
  }
}

class Blend extends autograd.Function {
  static forward(context: Context, x: Tensor, y: Tensor, factor: number) {
    context.saveForBackward(x, y);
    context["factor"] = factor;
    return [x.mul(y).mul(factor), x.sub(y)];
  }
  static backward(context: Context, product: Tensor, difference: Tensor) {
    const [x, y] = context.savedTensors as [Tensor, Tensor];
    const factor = context["factor"] as number;
    return [
      product.mul(y).mul(factor).add(difference),
      context.needsInputGrad[1] ? product.mul(x).mul(factor).sub(difference) : null,
      null,
    ];
  }
}

describe("custom functions", () => {
  test("have gradients of their own, of any order", () => {
    expect(autograd.gradcheck((x) => Exp.apply(x), leaf(0.3, -1, 2))).toBe(true);
    expect(autograd.gradgradcheck((x) => Exp.apply(x), leaf(0.3, -1, 2))).toBe(true);
    const blend = (x: Tensor, y: Tensor) => Blend.apply(x, y, 3);
    expect(autograd.gradcheck(blend, [leaf(0.5, 2), leaf(-1, 3)])).toBe(true);
    expect(autograd.gradgradcheck(blend, [leaf(0.5, 2), leaf(-1, 3)])).toBe(true);
    expect(Exp.apply(leaf(1)).gradFn).toBe("ExpBackward");
  });

  test("are transformed as any others", () => {
    const f = (x: Tensor) => Exp.apply(x.mul(2)).sum();
    const hessians = func.vmap(func.hessian(f))(
      tensor(
        [
          [0, 1],
          [2, 3],
        ],
        { dtype: "float64" },
      ),
    );
    const wanted = [0, 1, 2, 3].map((x) => 4 * Math.exp(2 * x));
    const found = [0, 1].flatMap((i) => [0, 1].map((k) => hessians.at(i, k, k).item()));
    for (const [i, value] of found.entries()) expect(value).toBeCloseTo(wanted[i]!, 9);
    const [, tangent] = func.jvp(f, [tensor([0], { dtype: "float64" })], [tensor([3], { dtype: "float64" })]);
    expect(tangent.item()).toBeCloseTo(6, 12);
  });

  test("give zeros or nulls for results that have no gradient", () => {
    const seen: unknown[] = [];
    class Both extends autograd.Function {
      static forward(context: Context, x: Tensor, materializes: boolean) {
        context.setMaterializeGrads(materializes);
        return [x.mul(1), x.mul(2)];
      }
      static backward(_: Context, a: Tensor | null, b: Tensor | null) {
        seen.push(a?.toArray() ?? null);
        return [b!.mul(2), null];
      }
    }
    for (const materializes of [true, false]) {
      const x = leaf(1);
      Both.apply(x, materializes)[1]!.backward();
      expect(x.grad!.toArray()).toEqual([2]);
    }
    expect(seen).toEqual([[0], null]);
    class Marked extends autograd.Function {
      static forward(context: Context, x: Tensor) {
        const [a, b] = [x.mul(2), x.gt(0).to("float64")];
        context.markNonDifferentiable(b);
        return [a, b];
      }
      static backward(_: Context, grad: Tensor) {
        return grad.mul(2);
      }
    }
    const [a, b] = Marked.apply(leaf(1)) as [Tensor, Tensor];
    expect([a.requiresGrad, b.requiresGrad]).toEqual([true, false]);
  });

  test("record nothing where no gradient is wanted", () => {
    expect(Exp.apply(tensor([1])).requiresGrad).toBe(false);
    expect(noGrad(() => Exp.apply(leaf(1))).requiresGrad).toBe(false);
  });

  const failing = (backward: (grad: Tensor) => unknown, count = 1) => {
    class Failing extends autograd.Function {
      static forward(_: Context, ...xs: Tensor[]) {
        return xs[0]!.mul(2);
      }
      static backward(_: Context, grad: Tensor) {
        return backward(grad);
      }
    }
    const xs = Array.from({ length: count }, () => leaf(1, 2));
    return { xs, y: Failing.apply(...xs).sum() };
  };
  test.each([
    [
      "throws",
      () => {
        throw new Error("of mine");
      },
      1,
      "of mine",
    ],
    [
      "gives too few",
      (g: Tensor) => g,
      2,
      "function FailingBackward returned an incorrect number of gradients (expected 2, got 1)",
    ],
    [
      "gives another shape",
      (g: Tensor) => g.sum(),
      1,
      "Function FailingBackward returned an invalid gradient at index 0 - got [] but expected shape compatible with [2]",
    ],
    [
      "gives no tensor",
      () => 3,
      1,
      "Failing.backward: the gradient of argument 0 must be a Tensor or null, got 3",
    ],
    [
      "is asynchronous",
      async () => Promise.resolve(),
      1,
      "Failing.backward: the callback returned a Promise",
    ],
  ] as [string, (g: Tensor) => unknown, number, string][])(
    "whose backward %s leave the graph as it was",
    (_, backward, count, sentence) => {
      let fails = true;
      const { xs, y } = failing((grad) => (fails ? backward(grad) : xs.map(() => grad.mul(2))), count);
      expect(() => y.backward()).toThrow(sentence);
      expect(xs.map((x) => x.grad)).toEqual(xs.map(() => null));
      fails = false;
      y.backward();
      expect(xs[0]!.grad!.toArray()).toEqual([2, 2]);
      expect(() => y.backward()).toThrow("Trying to backward through the graph a second time");
    },
  );

  test("must be whole", () => {
    class None extends autograd.Function {}
    expect(() => (None as unknown as typeof Exp).apply(leaf(1)) as unknown).toThrow(
      "You must implement the forward function",
    );
    class Half extends autograd.Function {
      static forward(_: Context, x: Tensor) {
        return x.mul(2);
      }
    }
    expect(() => {
      (Half as unknown as typeof Exp).apply(leaf(1)).backward();
    }).toThrow("You must implement either the backward or vjp method");
    class Wrong extends autograd.Function {
      static forward(_: Context, x: Tensor) {
        return x.item() as unknown as Tensor;
      }
    }
    expect(() => (Wrong as unknown as typeof Exp).apply(leaf(1)) as unknown).toThrow(
      "Wrong.apply: forward must return a Tensor or an array of them, got 1",
    );
  });
});

describe("hooks", () => {
  test("see gradients, and change them", () => {
    const x = leaf(1, 2);
    const y = x.mul(3);
    const seen: unknown[] = [];
    y.registerHook((grad) => {
      seen.push(["y", grad.toArray()]);
      return grad.mul(10);
    });
    const handle = x.registerHook((grad) => {
      seen.push(["x", grad.toArray()]);
    });
    y.sum().backward();
    expect(seen).toEqual([
      ["y", [1, 1]],
      ["x", [30, 30]],
    ]);
    handle.remove();
    x.sum().backward();
    expect(seen.length).toBe(2);
    expect(x.grad!.toArray()).toEqual([31, 31]);
  });

  test("are called once, with the whole gradient, in their order", () => {
    const x = leaf(1);
    const order: unknown[] = [];
    x.registerHook((grad) => {
      order.push(grad.item());
      return grad.add(1);
    });
    x.registerHook((grad) => {
      order.push(grad.item());
    });
    x.mul(2).add(x.mul(3)).backward();
    expect(order).toEqual([5, 6]);
    const [found] = autograd.grad(x.mul(2), x);
    expect(found!.item()).toBe(3);
  });

  test("may differentiate themselves, also the same graph, and remove themselves", () => {
    const x = leaf(2);
    const z = x.square();
    const total = z.sum();
    const handle = z.registerHook((grad) => {
      handle.remove();
      const [inner] = autograd.grad(total, x, { retainGraph: true });
      return grad.add(inner!);
    });
    // 1 and the hook's own 4, times 4.
    total.backward(null, { retainGraph: true });
    expect(x.grad!.item()).toBe(20);
    total.backward();
    expect(x.grad!.item()).toBe(24);
  });

  test("of accumulated gradients get the leaf", () => {
    const x = leaf(1, 2);
    let count = 0;
    const handle = x.registerPostAccumulateGradHook((own) => {
      count += Number(own.grad!.sum().item());
      own.grad = null;
    });
    x.mul(2).sum().backward();
    handle.remove();
    expect([count, x.grad]).toEqual([4, null]);
  });

  test("that throw leave gradients as they were", () => {
    const x = leaf(1);
    const handle = x.registerHook(() => {
      throw new Error("of mine");
    });
    const y = x.mul(2);
    expect(() => y.backward()).toThrow("of mine");
    expect(x.grad).toBe(null);
    handle.remove();
    y.backward();
    expect(x.grad!.toArray()).toEqual([2]);
  });

  test("are refused where there is nothing to see", () => {
    const sentence = "cannot register a hook on a tensor that doesn't require gradient";
    expect(() => tensor([1]).registerHook(() => null)).toThrow(sentence);
    expect(() => leaf(1).registerHook(3 as never)).toThrow("registerHook: expected a function, got 3");
    expect(() =>
      leaf(1)
        .mul(2)
        .registerPostAccumulateGradHook(() => undefined),
    ).toThrow("post accumulate grad hooks cannot be registered on non-leaf tensors");
    const x = leaf(1, 2);
    x.registerHook((grad) => grad.sum());
    expect(() => x.sum().backward()).toThrow(
      "registerHook: the hook returned an invalid gradient - got [] but expected shape compatible with [2]",
    );
  });

  test("keep gradients of tensors that are no leaves", () => {
    const x = leaf(1, 2);
    const y = x.mul(3);
    y.retainGrad();
    y.retainGrad();
    x.retainGrad();
    y.square().sum().backward();
    expect(y.grad!.toArray()).toEqual([6, 12]);
    expect(() => tensor([1]).retainGrad()).toThrow(
      "can't retain_grad on Tensor that has requires_grad=False",
    );
  });
});

describe("what hooks and custom functions do in the midst of a pass", () => {
  test("hooks of accumulated gradients may let go of gradients and leaves", () => {
    const [x, y] = [leaf(1), leaf(2)];
    const seen: unknown[] = [];
    x.registerPostAccumulateGradHook((own) => {
      own.grad = null;
      y.grad = null;
    });
    x.registerPostAccumulateGradHook((own) => seen.push(own.grad));
    y.registerPostAccumulateGradHook((own) => seen.push(own.grad));
    x.mul(y).sum().backward();
    expect(seen).toEqual([null, null]);
    const z = leaf(1);
    x.registerPostAccumulateGradHook(() => {
      z.dispose();
    });
    x.mul(z).sum().backward();
  });

  test("a pass whose graph is freed under it ends in an error", () => {
    const x = leaf(1, 2);
    const y = x.mul(x).exp();
    const [total, other] = [y.sum(), y.square().sum()];
    let once = true;
    y.registerHook(() => {
      if (once) {
        once = false;
        autograd.grad(total, x);
      }
    });
    expect(() => other.backward()).toThrow("Trying to backward through the graph a second time");
    expect(x.grad).toBe(null);
    let count = 0;
    const of: { sum?: Tensor } = {};
    class Again extends autograd.Function {
      static forward(_: Context, a: Tensor) {
        return [a.mul(2), a.mul(3)];
      }
      static backward(_: Context, g: Tensor, h: Tensor) {
        if (count++ === 0) of.sum!.backward();
        return g.mul(2).add(h.mul(3));
      }
    }
    const a = leaf(3);
    const [p, q] = Again.apply(a) as [Tensor, Tensor];
    of.sum = p.add(q).sum();
    of.sum.backward();
    expect(a.grad!.item()).toBe(10);
  });

  test("a hook's gradient counts for all elements", () => {
    const x = leaf(1, 2);
    const y = x.exp();
    y.registerHook((grad) => grad.add(1));
    where(tensor([true, false]), y, tensor([0, 0], { dtype: "float64" }))
      .sum()
      .backward();
    expect(x.grad!.at(1).item()).toBeCloseTo(Math.exp(2), 12);
  });

  test("a hook can be removed after its tensor has changed or is gone", () => {
    let count = 0;
    const y = leaf(1).mul(2);
    const handle = y.registerHook(() => {
      ++count;
    });
    y.mul_(3);
    handle.remove();
    y.sum().backward();
    expect(count).toBe(0);
    const x = leaf(1);
    const gone = x.registerHook(() => undefined);
    x.dispose();
    gone.remove();
  });
});

describe("gradcheck", () => {
  class Wrong extends autograd.Function {
    static forward(_: Context, x: Tensor) {
      return x.square();
    }
    static backward(_: Context, grad: Tensor) {
      return grad;
    }
  }
  test("finds a gradient that is wrong", () => {
    expect(() => autograd.gradcheck((x) => Wrong.apply(x), leaf(3))).toThrow(
      "Jacobian mismatch for output 0 with respect to input 0,\nnumerical:tensor([[6.0000]]",
    );
    expect(autograd.gradcheck((x) => Wrong.apply(x), leaf(3), { raiseException: false })).toBe(false);
    expect(autograd.gradcheck((x) => Wrong.apply(x), leaf(0.5))).toBe(true);
    expect(() => autograd.gradcheck((x) => x, tensor([1]))).toThrow(
      "gradcheck expects at least one input tensor to require gradient",
    );
  });
  test("and one of a gradient that is", () => {
    expect(autograd.gradgradcheck((x) => x.pow(3), leaf(0.5, -2))).toBe(true);
    expect(() => autograd.gradgradcheck((x) => Wrong.apply(x).square(), leaf(3))).toThrow(
      "Jacobian mismatch",
    );
  });
});

describe("anomalies", () => {
  const broken = () => {
    const x = leaf(4, -1, 0);
    return { x, y: x.sqrt().mul(2).sum() };
  };
  test("are named, with their place and the line that called the op", () => {
    expect(() => autograd.detectAnomaly(() => broken().y.backward())).toThrow(
      /^Function 'SqrtBackward0' returned nan values in its 0th output\.; the first is at \[1\] of \[3\], and the op was called\n.*autograd-tools\.test\.ts/,
    );
    expect(autograd.isAnomalyEnabled()).toBe(false);
  });
  test("are let through where nobody looks for them", () => {
    const { x, y } = broken();
    y.backward();
    expect(x.grad!.at(1).item()).toBeNaN();
  });
  test("leave gradients as they were", () => {
    autograd.setDetectAnomaly(true);
    try {
      const { x, y } = broken();
      expect(() => y.backward()).toThrow("nan values");
      expect(x.grad).toBe(null);
      const z = x.square().sum();
      z.backward();
      expect(x.grad!.toArray()).toEqual([8, -2, 0]);
    } finally {
      autograd.setDetectAnomaly(false);
    }
    expect(() => autograd.setDetectAnomaly(1 as never)).toThrow(
      "setDetectAnomaly: mode must be true or false, got 1",
    );
  });
});

describe("functions with products of their own with tangents", () => {
  const f64 = (values: number[]) => tensor(values, { dtype: "float64" });
  const used: string[] = [];
  class Both2 extends autograd.Function {
    static forward(context: autograd.FunctionContext, x: Tensor, y: Tensor) {
      context.saveForBackward(x, y);
      return [x.mul(y), x.sin()];
    }
    static backward(context: autograd.FunctionContext, a: Tensor, b: Tensor) {
      used.push("backward");
      const [x, y] = context.savedTensors as [Tensor, Tensor];
      return [a.mul(y).add(b.mul(x.cos())), a.mul(x)];
    }
    static jvp(context: autograd.FunctionContext, dx: Tensor, dy: Tensor) {
      used.push("jvp");
      const [x, y] = context.savedTensors as [Tensor, Tensor];
      return [dx.mul(y).add(dy.mul(x)), dx.mul(x.cos())];
    }
  }
  const cube = autograd.customFunction({
    name: "Cube",
    forward(context, x: Tensor) {
      context.saveForBackward(x);
      return x.pow(3);
    },
    jvp: (context, t) => t!.mul(context.savedTensors[0]!.square()).mul(3),
  });

  test("are used where these are wanted, and backward elsewhere", () => {
    const [x, y, dx, dy] = [[1, 2], [3, 4], [0.5, -1], [2, 1]].map(f64) as [Tensor, Tensor, Tensor, Tensor]; // prettier-ignore
    const both = (a: Tensor, b: Tensor) => Both2.apply(a, b);
    const plain = (a: Tensor, b: Tensor) => [a.mul(b), a.sin()];
    used.length = 0;
    expect(func.jvp(both, [x, y], [dx, dy]).flat().map(String)).toEqual(
      func.jvp(plain, [x, y], [dx, dy]).flat().map(String),
    );
    const product = (a: Tensor) => both(a, y)[0]!;
    expect(func.jacfwd(product)(x).toArray()).toEqual(
      func
        .jacfwd((a: Tensor) => a.mul(y))(x)
        .toArray(),
    );
    const [, linear] = func.linearize(product, x);
    expect(linear(dx).toArray()).toEqual(dx.mul(y).toArray());
    expect(new Set(used)).toEqual(new Set(["jvp"]));
    used.length = 0;
    expect(func.jacrev(product)(x).toArray()).toEqual(
      func
        .jacfwd((a: Tensor) => a.mul(y))(x)
        .toArray(),
    );
    expect(new Set(used)).toEqual(new Set(["backward"]));
  });

  test("alone give gradients of any order, in batches too", () => {
    const x = f64([0.5, -2]).requiresGrad_();
    const [grad] = autograd.grad(cube(x).sum(), x, { createGraph: true });
    expect(grad!.toArray()).toEqual([0.75, 12]);
    expect(autograd.grad(grad!.sum(), x)[0]!.toArray()).toEqual([3, -12]);
    expect(autograd.gradcheck(cube, [x])).toBe(true);
    expect(autograd.gradgradcheck(cube, [x])).toBe(true);
    expect(func.hessian((a: Tensor) => cube(a).sum())(x.detach()).add(0).toArray()).toEqual([[3, 0], [0, -12]]); // prettier-ignore
    expect(
      func
        .vmap(func.grad((a: Tensor) => cube(a)))(x.detach())
        .toArray(),
    ).toEqual([0.75, 12]);
    expect(explain(cube(x))).toContain("1 kernel");
  });

  test("are refused where they give what is none", () => {
    const make = (jvp: () => unknown) =>
      autograd.customFunction({ name: "Odd", forward: (_, x: Tensor) => x.mul(2), jvp });
    const x = f64([1, 2]).requiresGrad_();
    const failing = (jvp: () => unknown) => errorOf(() => { make(jvp)(x).sum().backward(); }).message; // prettier-ignore
    expect(failing(() => [x, x])).toContain(
      "Odd.jvp returned an incorrect number of tangents (expected 1, got 2)",
    );
    expect(failing(() => f64([1]))).toContain(
      "the tangent of result 0 must be a Tensor of shape [2] or null, but got shape [1]",
    );
    expect(failing(() => 3)).toContain("must be a Tensor of shape [2] or null, but got 3");
    expect(failing(() => Promise.resolve(x))).toContain("Promise");
    expect(failing(() => { throw new Error("from jvp"); })).toBe("from jvp"); // prettier-ignore
    make(() => null)(x)
      .sum()
      .backward();
    expect(x.grad).toBeNull();
  });

  test("and customFunction takes functions alone", () => {
    const loose = autograd.customFunction as (parts: unknown) => unknown;
    expect(errorOf(() => loose({ backward: () => null })).message).toContain(
      "forward must be a function, but got undefined",
    );
    expect(errorOf(() => loose({ forward: () => null, jvp: 3 })).message).toContain(
      "jvp must be a function, but got 3",
    );
    expect(errorOf(() => loose({ forward: () => null, backwards: () => null })).message).toContain(
      "backward",
    );
    const none = autograd.customFunction({ forward: (_, x: Tensor) => x.mul(2) });
    expect(errorOf(() => { none(f64([1]).requiresGrad_()).sum().backward(); }).message).toContain("You must implement either"); // prettier-ignore
  });
});

describe("inferenceMode", () => {
  const ones = (requiresGrad = false) => tensor([1, 2], { dtype: "float64", requiresGrad });

  test("records nothing, and marks what it makes", () => {
    const w = ones(true);
    expect(isInferenceModeEnabled()).toBe(false);
    const [inside, made] = inferenceMode(() => {
      expect([isInferenceModeEnabled(), isGradEnabled()]).toEqual([true, false]);
      // Of what is made here no history is recorded, whatever is asked for.
      const forced = enableGrad(() => w.mul(3));
      expect(forced.requiresGrad).toBe(false);
      return [w.mul(2), ones()] as const;
    });
    expect([isInferenceModeEnabled(), isGradEnabled()]).toEqual([false, true]);
    expect([inside.requiresGrad, inside.isInference(), made.isInference()]).toEqual([false, true, true]);
    expect([w.isInference(), made.clone().isInference(), noGrad(() => w.mul(2)).isInference()]).toEqual([
      false,
      false,
      false,
    ]);
    expect(inside.add(made).toArray()).toEqual([3, 6]);
  });

  test("keeps what it has made out of gradients, unless it is not needed for them", () => {
    const w = ones(true);
    const made = inferenceMode(() => ones());
    for (const call of [() => w.mul(made), () => made.div(w), () => w.pow(made)])
      expect(errorOf(call)).toMatchObject({
        code: "ERR_AUTOGRAD",
        message: expect.stringContaining("Inference tensors cannot be saved for backward.") as string,
      });
    w.add(made).sum().backward();
    expect(w.grad!.toArray()).toEqual([1, 1]);
    w.mul(made.clone()).sum().backward();
    expect(w.grad!.toArray()).toEqual([2, 3]);
  });

  test("allows changes in place inside alone, and of tensors that were there before", () => {
    const [w, x] = [ones(true), ones()];
    const made = inferenceMode(() => {
      const y = ones();
      y.mul_(3);
      x.add_(y);
      w.add_(1);
      return y;
    });
    expect([made.toArray(), x.toArray(), w.toArray()]).toEqual([[3, 6], [4, 8], [2, 3]]); // prettier-ignore
    expect([made.isInference(), x.isInference(), w.isInference()]).toEqual([true, false, false]);
    expect(errorOf(() => made.add_(1)).message).toContain(
      "Inplace update to inference tensor outside InferenceMode is not allowed.",
    );
    expect(errorOf(() => made.requiresGrad_()).message).toContain(
      "Setting requires_grad=True on inference tensor outside",
    );
    w.mul(x).sum().backward();
    expect(w.grad!.toArray()).toEqual([4, 8]);
    expect(inferenceMode(() => made.add_(1).toArray())).toEqual([4, 7]);
  });

  test("refuses promises and what is no function, and ends with an error", () => {
    const loose = inferenceMode as (body: unknown) => unknown;
    expect(errorOf(() => loose(3)).message).toContain("inferenceMode: expected a function");
    expect(errorOf(() => loose(() => Promise.resolve(1)))).toMatchObject({ code: "ERR_ASYNC" });
    expect(() => loose(() => { throw new Error("from inside"); })).toThrow("from inside"); // prettier-ignore
    expect(isInferenceModeEnabled()).toBe(false);
  });
});
