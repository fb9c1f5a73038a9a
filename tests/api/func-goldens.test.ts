// Transformations of random functions, as JAX computes them: tests/goldens/func.py.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { arange, cat, eye, func, linalg, tensor, type Tensor } from "adjoint";
import { expectClose } from "../helpers/reference.js";

interface Case {
  steps: [name: string, factor: number][];
  of: string;
  points: [x: number[], t: number[], xs: number[], ts: number[]];
  shape: number[];
  result: number[];
}
const cases = JSON.parse(readFileSync(new URL("../goldens/func.json", import.meta.url), "utf8")) as Case[];

type Vectors = (x: Tensor) => Tensor;
const like = (x: Tensor) => ({ dtype: x.dtype, device: x.device });
const outer = (a: Tensor, b: Tensor) => a.unsqueeze(1).mul(b);

const steps: Readonly<Record<string, (x: Tensor, c: number) => Tensor>> = {
  sin: (x, c) => x.mul(c).sin(),
  tanh: (x, c) => x.tanh().add(c),
  exp: (x, c) => x.mul(x).mul(-0.5).exp().mul(c),
  log: (x, c) => x.mul(x).log1p().mul(c),
  sqrt: (x, c) =>
    x
      .mul(x)
      .add(1 + c)
      .sqrt(),
  square: (x, c) => x.square().mul(0.5).sub(c),
  quotient: (x, c) => x.div(x.mul(x).add(1 + c)),
  atan2: (x, c) => x.atan2(tensor(c + 1, like(x))),
  softmax: (x, c) => x.mul(c).softmax(-1).mul(2),
  logsumexp: (x, c) => x.sub(x.logsumexp(0).mul(c)),
  cumsum: (x, c) => x.cumsum(0).mul(c),
  cumprod: (x, c) => x.mul(0.5).add(c).cumprod(0),
  flip: (x, c) => x.flip([0]).mul(x).add(c),
  roll: (x, c) => x.roll(1).mul(c).add(x),
  where: (x, c) => x.gt(0).where(x.mul(c), x.sin()),
  mean: (x, c) => x.sub(x.mean().mul(c)),
  norm: (x, c) => x.div(x.mul(x).sum().add(c).sqrt()),
  sort: (x, c) => x.sort().values.mul(c).add(x),
  matmul: (x, c) =>
    outer(x, x.cos())
      .matmul(x)
      .mul(c * 0.5),
  cat: (x, c) => cat([x.narrow(0, 1, x.shape[0]! - 1).mul(c), x.narrow(0, 0, 1)]),
  max: (x, c) => x.maximum(x.rsub(c)),
  gather: (x, c) => x.gather(0, x.argsort()).mul(c),
  solve: (x, c) =>
    linalg.solve(
      eye(x.shape[0]!, like(x))
        .mul(2 + c)
        .add(outer(x.sin(), x.cos()).mul(0.3)),
      x,
    ),
  det: (x) => x.mul(linalg.det(eye(x.shape[0]!, like(x)).mul(2).add(outer(x, x)))).mul(0.1),
};

const functionOf =
  (program: Case["steps"]): Vectors =>
  (x) =>
    program.reduce((value, [name, c]) => steps[name]!(value, c), x);

const scalar = (f: Vectors) => (x: Tensor) => {
  const y = f(x);
  const weights = arange(y.numel(), like(y)).mul(0.7).add(1).cos().reshape(y.shape);
  return y.mul(weights).sum();
};

const { grad, hessian, hvp, jacfwd, jacrev, jvp, linearize, vjp, vmap } = func;
const compositions: Readonly<
  Record<string, (f: Vectors, x: Tensor, t: Tensor, xs: Tensor, ts: Tensor) => Tensor>
> = {
  grad: (f, x) => grad(scalar(f))(x),
  jvp: (f, x, t) => jvp(f, [x], [t])[1],
  vjp: (f, x, t) => vjp(f, x)[1](t)[0],
  jacrev: (f, x) => jacrev(f)(x),
  jacfwd: (f, x) => jacfwd(f)(x),
  hessian: (f, x) => hessian(scalar(f))(x),
  hvp: (f, x, t) => hvp(scalar(f), [x], [t])[1][0],
  linearize: (f, x, t) => linearize(f, x)[1](t),
  vmap: (f, _x, _t, xs) => vmap(f)(xs),
  "vmap of grad": (f, _x, _t, xs) => vmap(grad(scalar(f)))(xs),
  "vmap of hessian": (f, _x, _t, xs) => vmap(hessian(scalar(f)))(xs),
  "vmap of jvp": (f, _x, _t, xs, ts) => vmap((a: Tensor, b: Tensor) => jvp(f, [a], [b])[1])(xs, ts),
  "vmap of vjp": (f, x, _t, _xs, ts) => vmap((b: Tensor) => vjp(f, x)[1](b)[0])(ts),
  "vmap of vmap": (f, _x, _t, xs, ts) => vmap((a: Tensor) => vmap((b: Tensor) => f(a.mul(b)))(ts))(xs),
  "grad of vmap": (f, _x, _t, xs) => grad((a: Tensor) => vmap(scalar(f))(a).sum())(xs),
  "hessian of vmap": (f, x, _t, xs) => hessian((a: Tensor) => vmap(scalar(f))(a.mul(xs)).sum())(x),
  "jacfwd of jacrev": (f, x) => jacfwd(jacrev(f))(x),
  "jacrev of jacfwd": (f, x) => jacrev(jacfwd(f))(x),
  "jvp of vjp": (f, x, t) => jvp((a: Tensor) => vjp(f, a)[1](t)[0], [x], [t])[1],
  "grad of grad": (f, x, t) => grad((a: Tensor) => grad(scalar(f))(a).mul(t).sum())(x),
  "third derivative": (f, x, t) =>
    grad((a: Tensor) =>
      jvp(grad(scalar(f)), [a], [t])[1]
        .mul(t)
        .sum(),
    )(x),
  "jacrev of vmap": (f, x, _t, xs) => jacrev((a: Tensor) => vmap((b: Tensor) => f(a.mul(b)))(xs))(x),
  "vmap of linearize": (f, x, _t, _xs, ts) => vmap(linearize(f, x)[1])(ts),
  "vmap of vmap of grad": (f, _x, _t, xs, ts) =>
    vmap((a: Tensor) => vmap((b: Tensor) => grad((q: Tensor) => scalar(f)(q.mul(b)))(a))(ts))(xs),
};

describe("random functions, as JAX differentiates them", () => {
  test.each(Object.keys(compositions))("%s", (of) => {
    const own = cases.filter((one) => one.of === of);
    expect(own.length).toBeGreaterThan(5);
    for (const { steps: program, points, shape, result } of own) {
      const [x, t, xs, ts] = points.map((point, i) => {
        const vector = tensor(point, { dtype: "float64" });
        return i < 2 ? vector : vector.reshape(2, -1);
      }) as [Tensor, Tensor, Tensor, Tensor];
      const found = compositions[of]!(functionOf(program), x, t, xs, ts);
      expect(found.shape, JSON.stringify(program)).toEqual(shape);
      expect(found.requiresGrad).toBe(false);
      expectClose(
        [...found.reshape(-1).dataSync()],
        result,
        1e-9,
        1e-10,
        `${of} of ${JSON.stringify(program)}`,
      );
    }
  });
});
