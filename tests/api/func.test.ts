import { describe, expect, test } from "vitest";
import {
  autograd,
  bernoulli,
  explain,
  eye,
  func,
  linalg,
  manualSeed,
  noGrad,
  ones,
  rand,
  stack,
  tensor,
  where,
  type Tensor,
} from "adjoint";

const { grad, gradAndValue, hessian, hvp, jacfwd, jacrev, jvp, linearize, vjp, vmap } = func;
const double = (data: unknown) => tensor(data as number[], { dtype: "float64" });
const x = double([1, 2, 3]);
const cubes = (a: Tensor) => a.pow(3).sum();
const constant: (a: Tensor) => Tensor = () => tensor(1);

describe("grad", () => {
  test("takes the form of the argument", () => {
    const loss = ({ w, b }: { w: Tensor; b: Tensor[] }) => w.mul(2).sum().add(b[0]!.mul(b[1]!).sum());
    const found = grad(loss)({ w: ones([2]), b: [tensor(3), tensor(4)] });
    expect(found.w.toArray()).toEqual([2, 2]);
    expect(found.b.map((one) => one.item())).toEqual([4, 3]);
  });

  test("goes by argnums, and hands on what is beside the value", () => {
    const f = (a: Tensor, b: Tensor): [Tensor, string] => [a.mul(b).sum(), "aux"];
    const [a, b] = [double([1, 2]), double([3, 4])];
    expect(grad(f, { argnums: 1, hasAux: true })(a, b)).toEqual([a, "aux"]);
    const [both, [value, aux]] = gradAndValue(f, { argnums: [0, -1], hasAux: true })(a, b) as [
      Tensor[],
      [Tensor, string],
    ];
    expect(both.map((one) => one.toArray())).toEqual([
      [3, 4],
      [1, 2],
    ]);
    expect([value.item(), aux, value.requiresGrad]).toEqual([11, "aux", false]);
  });

  test("knows whose derivative is meant", () => {
    // Perturbation confusion: the inner derivative by b of a b is a, and by a of that 1.
    const confusing = (a: Tensor) => a.mul(grad((b: Tensor) => a.add(b))(a));
    expect(grad(confusing)(tensor(3)).item()).toBe(1);
  });

  test("goes on to what the program differentiates by itself", () => {
    const w = double([2]).requiresGrad_();
    const g = grad((a: Tensor) => a.square().mul(w).sum())(double([3]));
    expect(g.requiresGrad).toBe(true);
    g.backward();
    expect(w.grad!.item()).toBe(6);
    expect(noGrad(() => grad(cubes)(x)).toArray()).toEqual([3, 12, 27]);
  });

  test("is zero by what has no influence", () => {
    expect(grad(constant)(x).toArray()).toEqual([0, 0, 0]);
    expect(grad((a: Tensor) => a.detach().sum())(x).toArray()).toEqual([0, 0, 0]);
    expect(jacfwd((a: Tensor) => ones([a.numel() - 1]))(x).shape).toEqual([2, 3]);
    expect(jvp(constant, [x], [x])[1].item()).toBe(0);
  });
});

describe("what a function changes in place", () => {
  test("does not change what is differentiated by", () => {
    const given = double([1, 2]);
    const scaled = (a: Tensor) => {
      a.mul_(3);
      return a.square().sum();
    };
    const parted = (a: Tensor) => {
      a.set(0, 3);
      return a.square().sum();
    };
    expect(grad(scaled)(given).toArray()).toEqual([18, 36]);
    expect(grad(parted)(given).toArray()).toEqual([0, 4]);
    expect(hessian(scaled)(given).toArray()).toEqual([
      [18, 0],
      [0, 18],
    ]);
    expect(vmap(grad(scaled))(given.unsqueeze(1)).toArray()).toEqual([[18], [36]]);
    expect(jvp((a: Tensor) => a.mul_(3).square(), [given], [double([1, 1])])[1].toArray()).toEqual([18, 36]);
    expect([given.toArray(), given.requiresGrad, grad(scaled)(given).requiresGrad]).toEqual([
      [1, 2],
      false,
      false,
    ]);
  });
});

describe("products with Jacobians", () => {
  test("are differentiated by their weights and tangents too", () => {
    const [, products] = vjp((a: Tensor) => a.sin(), double([0.3, 2]));
    const cosines = [Math.cos(0.3), Math.cos(2)];
    const byWeights = grad((w: Tensor) => products(w)[0].sum())(double([1, 1]));
    for (const [i, value] of cosines.entries()) expect(byWeights.at(i).item()).toBeCloseTo(value, 12);
    const third = grad((v: Tensor) => hvp((a: Tensor) => a.pow(3), [double(3)], [v])[1][0])(double(1));
    expect(third.item()).toBe(18);
    const w = double([1, 1]).requiresGrad_();
    products(w)[0].sum().backward();
    expect(w.grad!.at(1).item()).toBeCloseTo(cosines[1]!, 12);
  });

  test("of a batch serve batches inside of it", () => {
    const found = vmap((a: Tensor) => {
      const [, products] = vjp((b: Tensor) => b.square().mul(a), a);
      return vmap((v: Tensor) => products(v)[0])(eye(2, { dtype: "float64" }));
    })(
      double([
        [1, 2],
        [3, 4],
      ]),
    );
    expect(found.toArray()).toEqual([
      [
        [2, 0],
        [0, 8],
      ],
      [
        [18, 0],
        [0, 32],
      ],
    ]);
  });

  test("are of all primals, and may be asked for again", () => {
    const [y, products] = vjp((a: Tensor, b: Tensor) => [a.mul(b), a.sum()], x, double([4, 5, 6]));
    expect(y.map((one) => one.requiresGrad)).toEqual([false, false]);
    for (let time = 0; time < 2; ++time)
      expect(products([double([1, 0, 0]), double(10)]).map((one: Tensor) => one.toArray())).toEqual([
        [14, 10, 10],
        [1, 0, 0],
      ]);
    const [z, again, aux] = vjp((a: Tensor): [Tensor, number] => [a.sum(), 7], x, { hasAux: true });
    expect([(z as Tensor).item(), again(double(2))[0].toArray(), aux]).toEqual([6, [2, 2, 2], 7]);
  });

  test("of a linearized function share what does not depend on the tangents", () => {
    const [y, times] = linearize((a: Tensor) => ({ s: a.sin(), n: a.sum() }), x);
    expect(y.n.item()).toBe(6);
    const products = [1, 2].map((by) => times(double([by, 0, 0])));
    expect(products[1]!.s.div(products[0]!.s).at(0).item()).toBeCloseTo(2, 12);
    expect(products.map((one) => one.n.item())).toEqual([1, 2]);
  });

  test("of Hessians are those of the Hessian", () => {
    const f = (a: Tensor, b: Tensor) => a.mul(b).prod().add(a.exp().sum());
    const [a, b] = [double([1, 0.5]), double([2, -1])];
    const [v, w] = [double([0.3, 0.1]), double([-1, 2])];
    const blocks = hessian(f, { argnums: [0, 1] })(a, b) as Tensor[][];
    const [value, products] = hvp(f, [a, b], [v, w]);
    expect(value.item()).toBeCloseTo(f(a, b).item(), 12);
    for (const [i, row] of blocks.entries()) {
      const wanted = row[0]!.matmul(v).add(row[1]!.matmul(w));
      expect((products[i] as Tensor).allclose(wanted)).toBe(true);
    }
  });
});

describe("Jacobians", () => {
  test("are arguments by outputs, in both modes", () => {
    const f = ({ p, q }: { p: Tensor; q: Tensor }) => [p.unsqueeze(1).mul(q), q.sum()];
    const given = { p: double([1, 2]), q: double([3, 4, 5]) };
    const [rev, fwd] = [jacrev(f)(given), jacfwd(f)(given)] as { p: Tensor; q: Tensor }[][];
    expect(rev!.map(({ p, q }) => [p.shape, q.shape])).toEqual([
      [
        [2, 3, 2],
        [2, 3, 3],
      ],
      [[2], [3]],
    ]);
    for (const [i, { p, q }] of rev!.entries()) {
      expect(p.equal(fwd![i]!.p)).toBe(true);
      expect(q.equal(fwd![i]!.q)).toBe(true);
    }
  });

  test("in forward mode hand on what is beside the output, without history", () => {
    const [, aux] = jacfwd((a: Tensor): [Tensor, Tensor] => [a.sin(), a.mul(2)], { hasAux: true })(x) as [
      Tensor,
      Tensor,
    ];
    expect([aux.toArray(), aux.requiresGrad]).toEqual([[2, 4, 6], false]);
    expect(() => jacfwd((a: Tensor) => a, { hasAux: true })(x)).toThrow(
      "jacfwd: with hasAux, f must return [output, aux]",
    );
  });

  test("in chunks are the same, and may be empty", () => {
    const f = (a: Tensor) => a.cumsum(0).square();
    for (const chunkSize of [1, 2, 5])
      expect((jacrev(f, { chunkSize })(x) as Tensor).equal(jacfwd(f, { chunkSize })(x) as Tensor)).toBe(true);
    expect(jacrev(f)(double([])).shape).toEqual([0, 0]);
    expect(jacfwd((a: Tensor) => a.sum())(double([])).shape).toEqual([0]);
    expect((jacrev((a: Tensor): [Tensor, number] => [f(a), 3], { hasAux: true })(x) as unknown[])[1]).toBe(3);
    expect((jacfwd((a: Tensor): [Tensor, number] => [f(a), 3], { hasAux: true })(x) as unknown[])[1]).toBe(3);
  });
});

describe("vmap", () => {
  const matrix = double([
    [1, 2, 3],
    [4, 5, 6],
  ]);

  test("goes by dimensions, trees and results", () => {
    const f = ({ a, b }: { a: Tensor; b: Tensor }, c: Tensor) => [a.mul(b).add(c), a.sum()];
    const [first, second] = vmap(f, { inDims: [{ a: 1, b: null }, 0], outDims: [1, 0] })(
      { a: matrix, b: double([10, 100]) },
      x,
    );
    expect(first!.toArray()).toEqual([
      [11, 22, 33],
      [401, 502, 603],
    ]);
    expect(second!.toArray()).toEqual([5, 7, 9]);
    expect(vmap((a: Tensor) => a.mul(2), { inDims: -1, outDims: -1 })(matrix).equal(matrix.mul(2))).toBe(
      true,
    );
  });

  test("repeats what is the same for all", () => {
    expect(vmap((a: Tensor) => tensor([1, a.numel() + 1]))(x).toArray()).toEqual(Array(3).fill([1, 2]));
    const nested = vmap((a: Tensor) => vmap((b: Tensor) => (b.ndim === 0 ? a : b))(x))(double([7, 8]));
    expect(nested.toArray()).toEqual([
      [7, 7, 7],
      [8, 8, 8],
    ]);
  });

  test("gives a gradient for each example", () => {
    const w = double([[1, 2, 3]]);
    const loss = (a: Tensor, row: Tensor) => a.matmul(row).sum().square();
    const found = vmap(grad(loss), { inDims: [null, 0] })(w, matrix);
    const wanted = stack([0, 1].map((i) => grad(loss)(w, matrix.select(0, i))));
    expect(found.allclose(wanted)).toBe(true);
  });

  test("draws for all or for each", () => {
    const noisy = (a: Tensor) => a.add(rand([2], { dtype: "float64" }));
    manualSeed(3);
    const [same, different] = (["same", "different"] as const).map((randomness) =>
      vmap(noisy, { randomness })(
        double([
          [0, 0],
          [0, 0],
        ]),
      ),
    ) as [Tensor, Tensor];
    expect(same.select(0, 0).equal(same.select(0, 1))).toBe(true);
    expect(different.select(0, 0).equal(different.select(0, 1))).toBe(false);
    const coins = vmap((p: Tensor) => bernoulli(p), { randomness: "different" })(ones([100]).mul(0.5));
    expect(Number(coins.sum().item())).toBeGreaterThan(20);
    expect(Number(coins.sum().item())).toBeLessThan(80);
  });

  test("in chunks is the same", () => {
    const f = (a: Tensor) => ({ sum: a.sum(), outer: a.unsqueeze(1).mul(a) });
    const all = vmap(f, { outDims: { sum: 0, outer: 2 } })(matrix.T);
    const chunks = vmap(f, { outDims: { sum: 0, outer: 2 }, chunkSize: 2 })(matrix.T);
    expect(chunks.sum.equal(all.sum)).toBe(true);
    expect(chunks.outer.equal(all.outer)).toBe(true);
  });

  test("keeps what where has not chosen out, as a loop does", () => {
    const f = grad((a: Tensor) => where(tensor([true, false]), a.sqrt(), 0).sum());
    expect(
      vmap(f)(
        double([
          [4, 0],
          [0, 0],
        ]),
      ).toArray(),
    ).toEqual([
      [0.25, 0],
      [Infinity, 0],
    ]);
  });

  test("scatters into examples without dimensions", () => {
    const found = vmap((a: Tensor) => a.scatterAdd(0, tensor([0n]), double([1])))(double([1, 2]));
    expect(found.toArray()).toEqual([2, 3]);
  });

  test("is one kernel over all examples", () => {
    const f = (a: Tensor) => a.sin().mul(a).exp().sum();
    expect(explain(vmap(grad(f))(matrix))).toMatch(/^1 kernel/);
    expect(explain(vmap((a: Tensor) => a.sin().add(a.cos()))(matrix))).toMatch(/^1 kernel/);
  });

  test("is text while it is at work, and its values are changed inside of it alone", () => {
    let text = "";
    vmap((a: Tensor) => {
      text = String(a);
      a.add_(1);
      return a;
    })(x.clone());
    expect(text).toBe(
      "BatchedTensor(lvl=1, bdim=0, value=\n    tensor([1., 2., 3.], dtype=torch.float64)\n)",
    );
  });
});

describe("what is refused", () => {
  const leaf = ones([3]).requiresGrad_();
  const rows = ones([2, 3]);
  const outside = ones([3]);
  const untyped = (f: unknown) => f as (a: Tensor) => Tensor;
  const asynchronous = (async (a: Tensor) => Promise.resolve(a)) as unknown as (a: Tensor) => Tensor;
  const cases: [name: string, sentence: string, () => unknown][] = [
    ["no function", "grad: expected a function, got 3", () => grad(3 as never)],
    [
      "no tensor",
      "grad: argument 0 must be a Tensor, or an array or object of them, got 3",
      () => grad(cubes)(3 as never),
    ],
    [
      "no gradient of integers",
      "only Tensors of floating point dtype can require gradients; grad: this one is int64",
      () => grad(cubes)(tensor([1n, 2n])),
    ],
    [
      "a number",
      "grad: expected f to return a Tensor, or an array or object of them, got 3",
      () => grad(untyped((a: Tensor) => a.numel()))(x),
    ],
    [
      "nothing",
      "vmap: expected f to return a Tensor, or an array or object of them, got undefined",
      () => vmap(untyped(() => undefined))(x),
    ],
    ["a Promise", "grad: the callback returned a Promise", () => grad(asynchronous)(x)],
    ["a Promise from vmap", "vmap: the callback returned a Promise", () => vmap(asynchronous)(x)],
    [
      "several elements",
      "Expected f(*args) to return a scalar tensor, got tensor with 1 dims. Maybe you wanted to use the vjp or jacrev APIs instead?",
      () => grad((a: Tensor) => a)(x),
    ],
    [
      "several results",
      "grad(f)(*args): Expected f(*args) to return a tensor, got several; use func.vjp or func.jacrev",
      () => grad(untyped((a: Tensor) => [a.sum(), a.sum()]))(x),
    ],
    ["argnums", "grad: got argnums=2, but only 1 positional inputs", () => grad(cubes, { argnums: 2 })(x)],
    ["argnums twice", "grad: argnums must be different positions", () => grad(cubes, { argnums: [0, 0] })(x)],
    [
      "an option",
      "grad: unknown option 'argNums', did you mean 'argnums'?",
      () => grad(cubes, { argNums: 1 } as object),
    ],
    ["no aux", "grad: with hasAux, f must return [output, aux], got", () => grad(cubes, { hasAux: true })(x)],
    [
      "other tangents",
      "jvp: the tangents have the shape [2] where [3] belongs",
      () => jvp(cubes, [x], [double([1, 2])]),
    ],
    [
      "other trees",
      "jvp: the tangents must have the same structure as what they belong to",
      () => jvp(cubes, [x], [[x]] as never),
    ],
    [
      "no lists",
      "hvp: primals must be an array with one entry for each argument of f",
      () => hvp(cubes, x as never, [x]),
    ],
    [
      "other weights",
      "vjp: the weights must have the same structure as what they belong to",
      () => vjp(cubes, x)[1]([x]),
    ],
    [
      "chunkSize",
      "jacrev: chunkSize must be a whole number above 0, got 0",
      () => jacrev(cubes, { chunkSize: 0 }),
    ],
    [
      "sizes",
      "vmap: Expected all tensors to have the same size in the mapped dimension, got sizes [3, 2] for the mapped dimension",
      () => vmap((a: Tensor, b: Tensor) => a.add(b))(x, double([1, 2])),
    ],
    ["nothing mapped", "vmap: no input is mapped", () => vmap(cubes, { inDims: null })(x)],
    [
      "a dimension",
      "vmap: Got in_dim=1 for some input, but that input is a Tensor of dimensionality 1 so expected in_dim to satisfy -1 <= in_dim < 1.",
      () => vmap(cubes, { inDims: 1 })(x),
    ],
    [
      "a scalar",
      "vmap: Got in_dim=0 for an input but the input is of 0 dimensions",
      () => vmap(cubes)(tensor(1)),
    ],
    [
      "inDims",
      "vmap: inDims is not compatible with the structure of inputs: 2 entries for 1 arguments",
      () => vmap(cubes, { inDims: [0, 0] })(x),
    ],
    [
      "inDims of an object",
      "vmap: inDims is not compatible with the structure of what it belongs to: no b",
      () => vmap(({ b }: { b: Tensor }) => b, { inDims: [{ a: 0 }] })({ b: x }),
    ],
    ["no inputs", "vmap(f)(<inputs>): got no inputs.", () => (vmap(() => x) as () => unknown)()],
    ["outDims", "vmap: outDims cannot be null", () => vmap(cubes, { outDims: null })(rows)],
    [
      "randomness",
      "Only allowed values for randomness are 'error', 'different', or 'same'. Got the string \"none\"; vmap",
      () => vmap(cubes, { randomness: "none" as never }),
    ],
    [
      "draws",
      "vmap: called random operation while in randomness error mode.",
      () => vmap((a: Tensor) => a.add(rand([3])))(rows),
    ],
    [
      "a value",
      "vmap: It looks like you're either (1) calling .item() on a Tensor",
      () => vmap((a: Tensor) => tensor(a.sum().item()))(rows),
    ],
    [
      "a shape of values",
      "vmap: nonzero cannot be batched, since the shape of its result depends on the values",
      () => vmap((a: Tensor) => a.nonzero())(rows),
    ],
    [
      "a change outside",
      "vmap: inplace arithmetic(self, *extra_args) is not possible because there exists a Tensor `other` in extra_args that has more elements than `self`",
      () => vmap((a: Tensor) => outside.add_(a))(rows),
    ],
    [
      "a gradient of an outsider",
      "vmap: this tensor comes from outside of the function that vmap is given",
      () => vmap((a: Tensor) => autograd.grad(a.mul(leaf).sum(), leaf)[0]!)(rows),
    ],
    [
      "backward to an outsider",
      "vmap: this tensor comes from outside of the function that vmap is given",
      () =>
        vmap((a: Tensor) => {
          const y = a.mul(leaf).sum();
          y.backward();
          return y;
        })(rows),
    ],
  ];
  test.each(cases)("%s", (_, sentence, call) => {
    expect(call).toThrow(sentence);
    // The levels are as they were.
    expect(vmap((a: Tensor) => a.sum())(rows).toArray()).toEqual([3, 3]);
    expect([...outside.dataSync(), leaf.grad]).toEqual([1, 1, 1, null]);
  });
});

test("implicit functions: Newton's steps through a solver", () => {
  // The root of y^3 + y = x, and its derivative 1 / (3 y^2 + 1).
  const root = (a: Tensor) => {
    let y = a.detach();
    for (let i = 0; i < 30; ++i) y = y.sub(y.pow(3).add(y).sub(a).div(y.square().mul(3).add(1)));
    return y;
  };
  const at = double(2);
  expect(grad(root)(at).item()).toBeCloseTo(0.25, 12);
  const many = vmap(hessian((v: Tensor) => linalg.det(v.unsqueeze(1).mul(v).add(linalg.inv(v.diag())))))(
    double([
      [1, 2],
      [3, 0.5],
    ]),
  );
  expect(many.shape).toEqual([2, 2, 2]);
});
