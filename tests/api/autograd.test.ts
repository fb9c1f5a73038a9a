import { describe, expect, test } from "vitest";
import {
  autograd,
  cat,
  enableGrad,
  isGradEnabled,
  noGrad,
  ones,
  stack,
  tensor,
  tidy,
  where,
  zeros,
  type CreationOptions,
  type Tensor,
  type TensorData,
} from "../../lib/index.js";
import { errorOf, expectClose, numbers } from "../helpers/reference.js";

// PyTorch's autograd, rule by rule; every number here was compared with PyTorch 2.13.

const leaf = (data: TensorData, options: CreationOptions = {}) =>
  tensor(data, { dtype: "float64", requiresGrad: true, ...options });
const constant = (data: TensorData) => tensor(data, { dtype: "float64" });
const gradOf = (x: Tensor) => x.grad && numbers(x.grad);

const secondTime = "Trying to backward through the graph a second time";
const noHistory = "element 0 of tensors does not require grad and does not have a grad_fn";

describe("backward", () => {
  test("accumulates in grad, which is null before", () => {
    const x = leaf([1]);
    expect(x.grad).toBeNull();
    x.mul(x).backward();
    x.mul(x).backward();
    expect(gradOf(x)).toEqual([4]);
  });

  test("grad is one Tensor until it is set to null", () => {
    const x = leaf([2, 3]);
    x.mul(x).sum().backward();
    const first = x.grad!;
    expect(numbers(first)).toEqual([4, 6]);
    x.mul(x).sum().backward();
    expect(x.grad).toBe(first);
    expect(numbers(first)).toEqual([8, 12]);
    noGrad(() => first.zero_());
    expect(gradOf(x)).toEqual([0, 0]);
    x.grad = null;
    expect(x.grad).toBeNull();
    x.mul(3).sum().backward();
    expect(Object.is(x.grad, first)).toBe(false);
    expect([gradOf(x), numbers(first)]).toEqual([
      [3, 3],
      [0, 0],
    ]);
  });

  test("an assigned grad is the one that accumulates", () => {
    const x = leaf([1, 2]);
    const mine = constant([1, 1]);
    x.grad = mine;
    expect(x.grad).toBe(mine);
    x.mul(2).sum().backward();
    expect(x.grad).toBe(mine);
    expect(numbers(mine)).toEqual([3, 3]);
  });

  test("a leaf, a scalar, a 1-element tensor of any rank", () => {
    const x = leaf([2]);
    x.backward();
    expect(gradOf(x)).toEqual([1]);
    const y = leaf([[[3]]]);
    y.square().backward();
    expect(y.grad!.toArray()).toEqual([[[6]]]);
    const z = leaf(3);
    z.mul(z).backward();
    expect(z.grad!.toArray()).toBe(6);
  });

  test("with a gradient: weights, of another dtype too", () => {
    const x = leaf([2, 3]);
    x.mul(x).backward(tensor([1, 10]));
    expect(gradOf(x)).toEqual([4, 60]);
    expect(x.grad!.dtype).toBe("float64");
    const error = errorOf(() => x.mul(x).backward(tensor([1, 2, 3])));
    expect(error.message).toContain(
      "Mismatch in shape: grad_output[0] has a shape of torch.Size([3]) and output[0] has a shape of torch.Size([2]).",
    );
    expect(error.shapes).toEqual([[3], [2]]);
    expect(gradOf(x)).toEqual([4, 60]);
  });

  test("refuses what has no history, and vectors without a gradient", () => {
    expect(errorOf(() => constant([1]).backward())).toMatchObject({ code: "ERR_AUTOGRAD" });
    expect(errorOf(() => constant([1]).backward()).message).toContain(noHistory);
    const error = errorOf(() => leaf([1, 2]).mul(2).backward());
    expect(error.message).toContain("grad can be implicitly created only for scalar outputs");
    expect(error).toMatchObject({ code: "ERR_AUTOGRAD", op: "backward", shapes: [[2]] });
  });

  test("fan-out: every use counts", () => {
    const x = leaf([2]);
    const y = x.mul(x);
    y.mul(y).add(y).add(x).backward();
    expect(gradOf(x)).toEqual([4 * 8 + 4 + 1]);
  });

  test("reaches only what the root depends on", () => {
    const [x, y] = [leaf([2]), leaf([3])];
    const both = x.mul(y);
    const other = y.mul(10);
    both.backward();
    expect([gradOf(x), gradOf(y)]).toEqual([[3], [2]]);
    other.backward();
    expect([gradOf(x), gradOf(y)]).toEqual([[3], [12]]);
  });

  test("inputs restricts accumulation", () => {
    const [x, y] = [leaf([2]), leaf([3])];
    x.mul(y).backward(null, { inputs: [x] });
    expect([gradOf(x), gradOf(y)]).toEqual([[3], null]);
    const unused = leaf([1]);
    x.mul(y).backward(undefined, { inputs: [unused, y] });
    expect([gradOf(unused), gradOf(x), gradOf(y)]).toEqual([null, [3], [2]]);
    expect(errorOf(() => x.mul(y).backward(null, { inputs: [] })).message).toContain(
      "`inputs` argument to `backward()` cannot be empty.",
    );
    expect(errorOf(() => x.mul(y).backward(null, { inputs: [constant([1])] })).message).toContain(
      "One of the differentiated Tensors does not require grad",
    );
  });

  test("a leaf whose requiresGrad went off meanwhile gets nothing", () => {
    const [x, y] = [leaf([2]), leaf([3])];
    const loss = x.mul(y);
    y.requiresGrad_(false);
    loss.backward();
    expect([gradOf(x), gradOf(y)]).toEqual([[3], null]);
  });

  test("gradients have the leaf's shape and dtype", () => {
    const x = leaf([[1], [2]], { dtype: "float32" });
    const y = leaf([1, 2, 3]);
    x.mul(y).sum().backward();
    expect([x.grad!.dtype, x.grad!.shape, gradOf(x)]).toEqual(["float32", [2, 1], [6, 6]]);
    expect([y.grad!.dtype, y.grad!.shape, gradOf(y)]).toEqual(["float64", [3], [3, 3, 3]]);
  });
});

describe("reading at any moment", () => {
  const run = (reads: readonly string[]) => {
    const x = leaf([0.5, 1.5]);
    const shared = x.sin().mul(x);
    if (reads.includes("shared")) shared.dataSync();
    const loss = shared.sum();
    if (reads.includes("loss before")) loss.item();
    loss.backward(null, { retainGraph: true });
    if (reads.includes("gradient")) gradOf(x);
    const second = shared.exp().mean();
    second.backward();
    return [gradOf(x), loss.item(), second.item(), numbers(shared)];
  };

  test("the loss before or after backward, the shared part, the gradient between", () => {
    const lazy = run([]);
    const slope = (v: number) => Math.sin(v) + v * Math.cos(v);
    expectClose(
      lazy[0] as number[],
      [0.5, 1.5].map((v) => slope(v) * (1 + Math.exp(v * Math.sin(v)) / 2)),
      1e-14,
      0,
      "gradient",
    );
    for (const reads of [["shared"], ["loss before"], ["gradient"], ["shared", "loss before", "gradient"]])
      expect(run(reads)).toEqual(lazy);
  });

  test("backward frees history, never values that are still unread", () => {
    const x = leaf([0.3, 0.6]);
    const hidden = x.exp();
    const loss = hidden.mul(hidden).sum();
    loss.backward();
    expectClose([loss.item()], [Math.exp(0.6) + Math.exp(1.2)], 1e-14, 0, "loss");
    expectClose(numbers(hidden), [Math.exp(0.3), Math.exp(0.6)], 1e-14, 0, "hidden");
    expectClose(gradOf(x)!, [2 * Math.exp(0.6), 2 * Math.exp(1.2)], 1e-14, 0, "gradient");
  });

  test("a second loss over shared parts", () => {
    const x = leaf([3]);
    const plus = x.add(1);
    plus.sum().backward();
    plus.mul(2).sum().backward();
    expect(gradOf(x)).toEqual([3]);
    const y = leaf([3]);
    const power = y.exp();
    const [one, two] = [power.sum(), power.mul(2).sum()];
    one.backward();
    expect(errorOf(() => two.backward()).message).toContain(secondTime);
    expectClose(gradOf(y)!, [Math.exp(3)], 1e-14, 0, "only the first");
  });

  test("backward on half of a graph that was computed already", () => {
    const x = leaf([2]);
    const half = x.mul(x);
    expect(half.item()).toBe(4);
    const whole = half.mul(half).mul(x);
    half.backward(null, { retainGraph: true });
    expect(gradOf(x)).toEqual([4]);
    expect(whole.item()).toBe(32);
    whole.backward();
    expect(gradOf(x)).toEqual([4 + 5 * 16]);
    expect(errorOf(() => half.backward()).message).toContain(secondTime);
  });

  test("a tensor that is disposed of stays in the history of others", () => {
    const x = leaf([2]);
    const middle = x.mul(3);
    const loss = middle.mul(middle);
    middle.dispose();
    loss.backward();
    expect(gradOf(x)).toEqual([36]);
  });

  test("what a tidy leaves behind stays differentiable", () => {
    const x = leaf([2]);
    const loss = tidy(() => {
      const y = x.mul(x);
      return y.mul(y);
    });
    tidy(() => loss.backward());
    expect(gradOf(x)).toEqual([32]);
    x.mul(1).backward();
    expect(gradOf(x)).toEqual([33]);
  });
});

describe("a second backward", () => {
  const saving: Record<string, (x: Tensor) => Tensor> = {
    "x * x": (x) => x.mul(x),
    "x * 2": (x) => x.mul(2),
    "x / 2": (x) => x.div(2),
    "x ** 2": (x) => x.pow(2),
    "2 / x": (x) => x.rdiv(2),
    exp: (x) => x.exp(),
    sin: (x) => x.sin(),
    abs: (x) => x.abs(),
    tanh: (x) => x.tanh(),
    sigmoid: (x) => x.sigmoid(),
    sqrt: (x) => x.sqrt(),
    log: (x) => x.log(),
    relu: (x) => x.relu(),
    square: (x) => x.square(),
    reciprocal: (x) => x.reciprocal(),
    amax: (x) => x.amax(),
    max: (x) => x.max(),
    clamp: (x) => x.clamp(0, 1),
    where: (x) => where(x.gt(2), x, 1),
    maximum: (x) => x.maximum(constant([2, 2])),
    matmul: (x) => x.matmul(x),
  };
  test.each(Object.keys(saving))("of sum(%s) raises: something was saved", (name) => {
    const x = leaf([2, 3]);
    const loss = saving[name]!(x).sum();
    loss.backward();
    const before = gradOf(x);
    const error = errorOf(() => loss.backward());
    expect(error.message).toContain(
      "Trying to backward through the graph a second time (or directly access saved tensors after they have already " +
        "been freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). " +
        "Specify retain_graph=True if you need to backward through the graph a second time or if you need to access " +
        "saved tensors after calling backward.",
    );
    expect(error).toMatchObject({ code: "ERR_AUTOGRAD", op: "backward" });
    expect(gradOf(x)).toEqual(before);
  });

  const free: Record<string, [(x: Tensor) => Tensor, number[]]> = {
    "x + x": [(x) => x.add(x), [4, 4]],
    "x - 2": [(x) => x.sub(2), [2, 2]],
    neg: [(x) => x.neg(), [-2, -2]],
    clone: [(x) => x.clone(), [2, 2]],
    sum: [(x) => x.sum(), [2, 2]],
    mean: [(x) => x.mean(), [1, 1]],
    floor: [(x) => x.floor(), [0, 0]],
    sign: [(x) => x.sign(), [0, 0]],
    reshape: [(x) => x.reshape(2, 1), [2, 2]],
    select: [(x) => x.select(0, 0), [2, 0]],
    flip: [(x) => x.flip(0), [2, 2]],
    cat: [(x) => cat([x, x]), [4, 4]],
    stack: [(x) => stack([x, x]), [4, 4]],
    expand: [(x) => x.expand(3, 2), [6, 6]],
    pad: [(x) => x.pad([1, 1]), [2, 2]],
    to: [(x) => x.to("float32"), [2, 2]],
  };
  test.each(Object.keys(free))("of sum(%s) does not: nothing was saved", (name) => {
    const [f, expected] = free[name]!;
    const x = leaf([2, 3]);
    const loss = f(x).sum();
    loss.backward();
    loss.backward();
    expect(gradOf(x)).toEqual(expected);
  });

  test("is allowed by retainGraph, as often as wanted", () => {
    const x = leaf([2]);
    const loss = x.mul(x).exp().log();
    loss.backward(null, { retainGraph: true });
    loss.backward(null, { retainGraph: true });
    loss.backward();
    expectClose(gradOf(x)!, [12], 1e-14, 0, "three times");
    expect(errorOf(() => loss.backward()).message).toContain(secondTime);
  });

  test("that raises leaves every gradient as it was", () => {
    const [x, y] = [leaf([2]), leaf([3])];
    const freed = x.mul(x);
    freed.backward();
    const loss = freed.add(y.mul(y));
    expect(errorOf(() => loss.backward()).message).toContain(secondTime);
    expect([gradOf(x), gradOf(y)]).toEqual([[4], null]);
    autograd.grad(loss, y);
  });
});

describe("gradients of gradients", () => {
  test("third order by createGraph", () => {
    const x = leaf([2]);
    const [first] = autograd.grad(x.pow(3), x, { createGraph: true });
    const [second] = autograd.grad(first!, x, { createGraph: true });
    const [third] = autograd.grad(second!, x, { createGraph: true });
    expect([first, second, third].map((g) => g!.item())).toEqual([12, 12, 6]);
    expect(first!.requiresGrad).toBe(true);
    expect(x.grad).toBeNull();
  });

  test("through a composition, to the fifth order", () => {
    const at = 0.7;
    const x = leaf([at]);
    let y: Tensor = x.sin().exp();
    const found: number[] = [];
    for (let order = 0; order < 5; ++order) {
      found.push(y.item());
      y = autograd.grad(y, x, { createGraph: true })[0]!;
    }
    found.push(y.item());
    // Derivatives of e**sin(x), by hand.
    const [s, c, e] = [Math.sin(at), Math.cos(at), Math.exp(Math.sin(at))];
    const expected = [
      e,
      e * c,
      e * (c * c - s),
      e * (c ** 3 - 3 * s * c - c),
      e * (c ** 4 - 6 * s * c ** 2 + 3 * s ** 2 - 4 * c ** 2 + s),
      e * (c ** 5 - 10 * s * c ** 3 + 15 * s ** 2 * c - 10 * c ** 3 + 15 * s * c + c),
    ];
    expectClose(found, expected, 1e-12, 1e-12, "derivatives");
  });

  test("by backward: grad has history", () => {
    const x = leaf([2]);
    x.pow(3).backward(null, { createGraph: true });
    const gradient = x.grad!;
    expect(gradient.requiresGrad).toBe(true);
    const penalty = gradient.mul(gradient).sum();
    x.grad = null;
    penalty.backward();
    expect(gradOf(x)).toEqual([288]);
    expect(x.grad!.requiresGrad).toBe(false);
  });

  test("a gradient penalty in a loss", () => {
    const w = leaf([0.5, -1]);
    const x = leaf([1, 2]);
    const output = w.mul(x).tanh().sum();
    const [gx] = autograd.grad(output, x, { createGraph: true });
    output.add(gx!.square().sum()).backward();
    const expected = [
      [0.5, 1],
      [-1, 2],
    ].map(([wi, xi]) => {
      const t = Math.tanh(wi! * xi!);
      const d = 1 - t * t;
      // d/dw of tanh(wx) + (w (1 - tanh(wx)**2))**2
      return xi! * d + 2 * wi! * d * (d + wi! * -2 * t * d * xi!);
    });
    expectClose(gradOf(w)!, expected, 1e-13, 0, "penalty");
  });

  test("Hessian times vector of Rosenbrock", () => {
    const x = leaf([-1.2, 1, 0.5]);
    const [head, tail] = [x.at(":-1"), x.at("1:")];
    const f = tail.sub(head.square()).square().mul(100).add(head.rsub(1).square()).sum();
    const [g] = autograd.grad(f, x, { createGraph: true });
    const [hv] = autograd.grad(g!, x, { gradOutputs: constant([1, -2, 3]) });
    const [a, b, c] = [-1.2, 1, 0.5];
    const hessian = [
      [1200 * a * a - 400 * b + 2, -400 * a, 0],
      [-400 * a, 200 + 1200 * b * b - 400 * c + 2, -400 * b],
      [0, -400 * b, 200],
    ];
    expectClose(
      numbers(hv!),
      hessian.map((row) => row[0]! - 2 * row[1]! + 3 * row[2]!),
      1e-12,
      0,
      "product",
    );
  });

  test("of matmul", () => {
    const a = leaf([
      [1, 2],
      [3, 4],
    ]);
    const b = leaf([
      [0.5, -1],
      [2, 1],
    ]);
    const [ga] = autograd.grad(a.matmul(b).square().sum(), a, { createGraph: true });
    const [gb] = autograd.grad(ga!.sum(), b);
    // ga = 2 a b bT, so d(sum ga)/db = 2 (aT J b + a.T... ) computed by differences instead.
    const f = (values: number[]) => {
      const moved = constant(values).reshape(2, 2);
      return a.detach().matmul(moved).matmul(moved.T).mul(2).sum().item();
    };
    const base = [0.5, -1, 2, 1];
    const expected = base.map((_, i) => {
      const move = (by: number) => f(base.map((v, k) => (k === i ? v + by : v)));
      return (move(1e-5) - move(-1e-5)) / 2e-5;
    });
    expectClose(numbers(gb!), expected, 1e-8, 1e-8, "mixed");
  });
});

describe("autograd.grad", () => {
  test("touches nobody's grad", () => {
    const [x, y] = [leaf([2]), leaf([3])];
    const [gx, gy] = autograd.grad(x.mul(y), [x, y]);
    expect([gx!.item(), gy!.item(), x.grad, y.grad]).toEqual([3, 2, null, null]);
    expect(gx!.requiresGrad).toBe(false);
  });

  test("of several outputs, with weights", () => {
    const x = leaf([2, 3]);
    const [sum] = autograd.grad([x.mul(2).sum(), x.mul(3).sum()], [x]);
    expect(numbers(sum!)).toEqual([5, 5]);
    const [weighted] = autograd.grad([x.mul(2), x.sum()], x, { gradOutputs: [constant([1, 10]), null] });
    expect(numbers(weighted!)).toEqual([3, 21]);
    expect(
      errorOf(() => autograd.grad([x.sum(), x.sum()], x, { gradOutputs: [constant(1)] })).message,
    ).toContain("got 2 tensors and 1 gradients");
    expect(errorOf(() => autograd.grad(x.mul(2), x, { gradOutputs: constant([1]) })).message).toContain(
      "Mismatch in shape: grad_output[0] has a shape of torch.Size([1]) and output[0] has a shape of torch.Size([2]).",
    );
    expect(errorOf(() => autograd.grad(x.sum(), [])).message).toContain(
      "`inputs` argument to `grad()` cannot be empty.",
    );
  });

  test("unused inputs raise, or give null", () => {
    const [x, y] = [leaf([2]), leaf([3])];
    const error = errorOf(() => autograd.grad(x.mul(2), [x, y]));
    expect(error.message).toContain(
      "The differentiated Tensor at index 1 appears to not have been used in the graph. Set allow_unused=True if this is the desired behavior.",
    );
    const [gx, gy] = autograd.grad(x.mul(2), [x, y], { allowUnused: true });
    expect([gx!.item(), gy]).toEqual([2, null]);
    expect(errorOf(() => autograd.grad(x.mul(2), constant([1]))).message).toContain(
      "One of the differentiated Tensors does not require grad",
    );
    expect(errorOf(() => autograd.grad(constant([1]), x)).message).toContain(noHistory);
  });

  test("with respect to results, the output itself and one input twice", () => {
    const x = leaf([2]);
    const y = x.mul(x);
    const z = y.mul(3);
    const [gz, gy, gx, again] = autograd.grad(z, [z, y, x, x], { retainGraph: true });
    expect([gz, gy, gx, again].map((g) => g!.item())).toEqual([1, 3, 12, 12]);
    const [only] = autograd.grad(z, y);
    expect(only!.item()).toBe(3);
  });

  test("frees what it walked, unless retainGraph or createGraph", () => {
    const x = leaf([2]);
    const loss = x.mul(x);
    autograd.grad(loss, x, { retainGraph: true });
    autograd.grad(loss, x, { createGraph: true });
    autograd.grad(loss, x);
    expect(errorOf(() => loss.backward()).message).toContain(secondTime);
    // Only what lies between: the part of the other input is still there.
    const [a, b] = [leaf([2]), leaf([3])];
    const both = a.mul(a).add(b.mul(b));
    autograd.grad(both, b);
    expect(autograd.grad(both, a)[0]!.item()).toBe(4);
  });
});

describe("leaves, results and modes", () => {
  test("isLeaf and requiresGrad", () => {
    const x = leaf([1]);
    const plain = constant([1]);
    const result = x.mul(2);
    expect([x.isLeaf, x.requiresGrad, plain.isLeaf, plain.requiresGrad]).toEqual([true, true, true, false]);
    expect([result.isLeaf, result.requiresGrad, plain.mul(2).isLeaf]).toEqual([false, true, true]);
    expect([x.gradFn, plain.gradFn, result.gradFn]).toEqual([null, null, "MulBackward0"]);
    expect(plain.requiresGrad_()).toBe(plain);
    expect(plain.requiresGrad).toBe(true);
    plain.requiresGrad = false;
    expect(plain.requiresGrad).toBe(false);
    expect(result.requiresGrad_()).toBe(result);
    expect(x.eq(1).requiresGrad).toBe(false);
    expect(result.grad).toBeNull();
  });

  test("requiresGrad of results cannot be switched off, nor that of integers on", () => {
    const off = errorOf(() => leaf([1]).mul(2).requiresGrad_(false));
    expect(off.message).toContain(
      "you can only change requires_grad flags of leaf variables. If you want to use a computed variable in a " +
        "subgraph that doesn't require differentiation use var_no_grad = var.detach().",
    );
    for (const dtype of ["int32", "int64", "uint8", "bool"] as const) {
      const error = errorOf(() => zeros([2], { dtype }).requiresGrad_());
      expect(error.message).toContain("only Tensors of floating point dtype can require gradients");
      expect(error).toMatchObject({ code: "ERR_DTYPE", name: "TypeError" });
      expect(errorOf(() => zeros([2], { dtype, requiresGrad: true })).message.toLowerCase()).toContain(
        "only tensors of floating point",
      );
    }
  });

  test("detach cuts history and shares the value", () => {
    const x = leaf([2, 3]);
    const y = x.mul(x);
    const cut = y.detach();
    expect([cut.requiresGrad, cut.isLeaf, numbers(cut)]).toEqual([false, true, [4, 9]]);
    y.mul(cut).sum().backward();
    expect(gradOf(x)).toEqual([16, 54]);
    expect(cut.requiresGrad_().isLeaf).toBe(true);
    cut.sum().backward();
    expect([gradOf(cut), gradOf(x)]).toEqual([
      [1, 1],
      [16, 54],
    ]);
  });

  test("noGrad and enableGrad nest, and give their callback's result", () => {
    const x = leaf([2]);
    expect(isGradEnabled()).toBe(true);
    const seen = noGrad(() => {
      const inner = enableGrad(() => [isGradEnabled(), x.mul(2).requiresGrad]);
      return [isGradEnabled(), x.mul(2).requiresGrad, x.mul(2).isLeaf, ...inner];
    });
    expect(seen).toEqual([false, false, true, true, true]);
    expect(isGradEnabled()).toBe(true);
    expect(enableGrad(() => noGrad(() => isGradEnabled()))).toBe(false);
  });

  test("the mode is restored after an exception, also of something that is no Error", () => {
    for (const thrown of [new RangeError("mine"), "text", undefined]) {
      let caught: unknown = "nothing";
      try {
        noGrad(() => {
          enableGrad(() => {
            // eslint-disable-next-line @typescript-eslint/only-throw-error -- what users may throw
            throw thrown;
          });
        });
      } catch (error) {
        caught = error;
      }
      expect(caught).toBe(thrown);
      expect(isGradEnabled()).toBe(true);
    }
  });

  test.each([
    ["noGrad", noGrad],
    ["enableGrad", enableGrad],
    ["tidy", tidy],
  ] as [string, (body: () => unknown) => unknown][])(
    "%s refuses a callback that returns a Promise, or no function",
    async (name, mode) => {
      for (const body of [
        async () => Promise.resolve(1),
        async () => Promise.reject(new Error("lost")),
        () => ({ then: () => undefined }),
      ]) {
        const error = errorOf(() => mode(body));
        expect(error).toMatchObject({ name: "TypeError", code: "ERR_ASYNC", op: name });
        expect(isGradEnabled()).toBe(true);
      }
      for (const wrong of [undefined, null, 1, {}, "x"])
        expect(errorOf(() => mode(wrong as never))).toMatchObject({
          name: "TypeError",
          code: "ERR_ARGUMENT",
          op: name,
        });
      // A rejection of a refused Promise is nobody's unhandled rejection.
      await new Promise((resolve) => setTimeout(resolve, 5));
    },
  );

  test("backward inside noGrad differentiates what was recorded outside", () => {
    const x = leaf([3]);
    const loss = x.mul(x);
    noGrad(() => loss.backward());
    expect(gradOf(x)).toEqual([6]);
    expect(isGradEnabled()).toBe(true);
    const other = x.mul(x).mul(x);
    expect(noGrad(() => autograd.grad(other, x)[0]!.item())).toBe(27);
  });
});

describe("in place", () => {
  test("a leaf that requires grad is refused outside noGrad, and unchanged", () => {
    const x = leaf([1, 2]);
    const sentence = "a leaf Variable that requires grad is being used in an in-place operation.";
    const attempts: (() => unknown)[] = [
      () => x.add_(1),
      () => x.sub_(1),
      () => x.mul_(2),
      () => x.div_(2),
      () => x.pow_(2),
      () => x.neg_(),
      () => x.clamp_(0, 1),
      () => x.lerp_(1, 0.5),
      () => x.addcmul_(x, x),
      () => x.addcdiv_(x, x),
      () => x.copy_(constant([3, 4])),
      () => x.fill_(1),
      () => x.zero_(),
    ];
    for (const attempt of attempts) {
      expect(errorOf(attempt).message, String(attempt)).toContain(sentence);
      expect(errorOf(attempt)).toMatchObject({ code: "ERR_AUTOGRAD" });
    }
    expect(errorOf(() => x.set(0, 1)).message).toContain(
      "a view of a leaf Variable that requires grad is being used in an in-place operation.",
    );
    expect(numbers(x)).toEqual([1, 2]);
  });

  test("under noGrad it stays the leaf that it was, with its grad", () => {
    const x = leaf([1, 2]);
    x.mul(x).sum().backward();
    const { grad } = x;
    expect(noGrad(() => x.sub_(x.grad!.mul(0.5)))).toBe(x);
    expect([x.isLeaf, x.requiresGrad, numbers(x)]).toEqual([true, true, [0, 0]]);
    expect(x.grad).toBe(grad);
    noGrad(() => x.set(0, 5).add_(1));
    x.mul(x).sum().backward();
    expect(gradOf(x)).toEqual([2 + 12, 4 + 2]);
    // The classic mistake: a new tensor, without history.
    const lost = noGrad(() => x.sub(0.1));
    expect([lost.requiresGrad, lost.isLeaf]).toEqual([false, true]);
  });

  test("history keeps the value that was used", () => {
    // PyTorch raises here, since its in-place methods write where the graph reads; here nothing aliases.
    const x = leaf([2, 3]);
    const loss = x.mul(x).sum();
    noGrad(() => x.add_(1));
    loss.backward();
    expect([gradOf(x), numbers(x)]).toEqual([
      [4, 6],
      [3, 4],
    ]);
  });

  test("on results, history goes on", () => {
    const x = leaf([2, 3]);
    const y = x.mul(1);
    y.mul_(y).add_(1);
    expect([y.requiresGrad, y.isLeaf, numbers(y)]).toEqual([true, false, [5, 10]]);
    y.sum().backward();
    expect(gradOf(x)).toEqual([4, 6]);
    const plain = ones([2], { dtype: "float64" });
    plain.add_(x);
    expect([plain.requiresGrad, plain.isLeaf]).toEqual([true, false]);
    plain.mul(3).sum().backward();
    expect(gradOf(x)).toEqual([7, 9]);
  });

  test("what is assigned over has gradient zero", () => {
    for (const assign of [
      (y: Tensor) => y.zero_(),
      (y: Tensor) => y.fill_(2),
      (y: Tensor) => y.copy_(constant([1, 2])),
    ]) {
      const x = leaf([1, 2]);
      const y = x.mul(3);
      expect(assign(y).requiresGrad).toBe(true);
      y.sum().backward();
      expect(gradOf(x)).toEqual([0, 0]);
    }
    const [x, source] = [leaf([1, 2]), leaf(5)];
    const y = x.mul(3);
    y.copy_(source);
    y.mul(constant([1, 10]))
      .sum()
      .backward();
    expect([gradOf(x), gradOf(source), numbers(y)]).toEqual([[0, 0], [11], [5, 5]]);
  });

  test("under noGrad a result keeps its history", () => {
    const x = leaf([2, 3]);
    const y = x.mul(2);
    noGrad(() => y.add_(1));
    expect(numbers(y)).toEqual([5, 7]);
    y.sum().backward();
    expect(gradOf(x)).toEqual([2, 2]);
  });

  test("slices and views are values: in place on them throws and names the way", () => {
    const x = leaf([[1, 2]]).mul(1);
    const views = {
      detach: x.detach(),
      reshape: x.reshape(2),
      permute: x.permute(1, 0),
      transpose: x.transpose(0, 1),
      narrow: x.narrow(1, 0, 1),
      select: x.select(0, 0),
      at: x.at(0),
      unsqueeze: x.unsqueeze(0),
      squeeze: x.squeeze(0),
      expand: x.expand(2, 2),
      flatten: x.flatten(),
    };
    for (const [name, view] of Object.entries(views)) {
      const error = errorOf(() => view.mul_(2));
      expect(error.message, name).toContain(name);
      expect(error.message).toContain("clone()");
      expect(error).toMatchObject({ code: "ERR_VIEW", op: "mul_" });
    }
    expect(views.at.clone().mul_(2).toArray()).toEqual([2, 4]);
  });
});

describe("assigning grad", () => {
  test("wrong shape, dtype or kind", () => {
    const x = leaf([1, 2]);
    expect(errorOf(() => (x.grad = constant([1, 2, 3]))).message).toContain(
      "attempting to assign a gradient of size '[3]' to a tensor of size '[2]'. Please ensure that the gradient and the tensor are the same size",
    );
    expect(errorOf(() => (x.grad = tensor([1, 2])))).toMatchObject({ code: "ERR_DTYPE" });
    expect(errorOf(() => (x.grad = 5 as never)).message).toContain(
      "assigned grad expected to be a Tensor or null",
    );
    expect(errorOf(() => (x.grad = x)).message).toContain("can't assign Variable as its own grad");
    expect(x.grad).toBeNull();
  });
});

describe("names of history", () => {
  const names: [string, (x: Tensor) => Tensor][] = [
    ["AddBackward0", (x) => x.add(1)],
    ["SubBackward0", (x) => x.sub(1)],
    ["RsubBackward1", (x) => x.rsub(1)],
    ["MulBackward0", (x) => x.mul(x)],
    ["DivBackward0", (x) => x.div(2)],
    ["NegBackward0", (x) => x.neg()],
    ["PowBackward0", (x) => x.pow(2)],
    ["PowBackward0", (x) => x.pow(3)],
    ["PowBackward0", (x) => x.pow(2.5)],
    ["PowBackward0", (x) => x.square()],
    ["PowBackward1", (x) => x.pow(x)],
    ["SinBackward0", (x) => x.sin()],
    ["TanhBackward0", (x) => x.tanh()],
    ["SumBackward0", (x) => x.sum()],
    ["SumBackward1", (x) => x.sum(0)],
    ["MeanBackward0", (x) => x.mean()],
    ["MeanBackward1", (x) => x.mean(0)],
    ["MaxBackward1", (x) => x.max()],
    ["MaximumBackward0", (x) => x.maximum(0)],
    ["SelectBackward0", (x) => x.at(0)],
    ["SliceBackward0", (x) => x.at("1:")],
    ["ViewBackward0", (x) => x.reshape(2, 1)],
    ["PermuteBackward0", (x) => x.reshape(2, 1).T],
    ["DotBackward0", (x) => x.matmul(x)],
    ["MvBackward0", (x) => x.expand(2, 2).matmul(x)],
    ["MmBackward0", (x) => x.expand(2, 2).matmul(x.expand(2, 2))],
    ["CatBackward0", (x) => cat([x, x])],
    ["StackBackward0", (x) => stack([x, x])],
    ["CloneBackward0", (x) => x.clone()],
    ["WhereBackward0", (x) => where(x.gt(0), x, 0)],
    ["ClampBackward1", (x) => x.clamp(0, 1)],
    ["UnsqueezeBackward0", (x) => x.unsqueeze(0)],
    ["ExpandBackward0", (x) => x.expand(2, 2)],
    ["LerpBackward0", (x) => x.lerp(x, 0.5)],
    ["ToCopyBackward0", (x) => x.to("float32")],
  ];
  test.each(names)("%s %#", (name, f) => {
    expect(f(leaf([1, 2])).gradFn).toBe(name);
  });
});

test("the namespace holds what PyTorch's does, and nothing of the engine", () => {
  expect(Object.keys(autograd).sort()).toEqual([
    "Function",
    "FunctionContext",
    "RemovableHandle",
    "customFunction",
    "detectAnomaly",
    "enableGrad",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "inferenceMode",
    "isAnomalyEnabled",
    "isGradEnabled",
    "isInferenceModeEnabled",
    "noGrad",
    "setDetectAnomaly",
  ]);
});

test("a batch of weights gives a batch of gradients", () => {
  const x = tensor([1, 2, 3], { requiresGrad: true });
  const y = tensor([4], { requiresGrad: true });
  const [f, g] = [x.square(), x.sum().mul(2)];
  const weights = [
    tensor([
      [1, 0, 0],
      [0, 1, 1],
    ]),
    tensor([0, 10]),
  ];
  const options = { gradOutputs: weights, isGradsBatched: true, allowUnused: true };
  const [byX, byY] = autograd.grad([f, g], [x, y], options);
  expect(byX!.toArray()).toEqual([
    [2, 0, 0],
    [20, 24, 26],
  ]);
  expect(byY).toBe(null);
  expect(() => autograd.grad(f, x, { gradOutputs: weights[0]!, isGradsBatched: true })).toThrow(
    "a second time",
  );
  for (const gradOutputs of [null, [tensor(1)], weights.map((one, i) => one.narrow(0, 0, 1 + i))])
    expect(() => autograd.grad([f, g], x, { gradOutputs, isGradsBatched: true })).toThrow(
      "grad: isGradsBatched needs gradOutputs with a first dimension of one size for all outputs",
    );
});
