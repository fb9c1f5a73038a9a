import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import {
  autograd,
  engineStats,
  isGradEnabled,
  manualSeed,
  noGrad,
  type OpaqueScalar,
  optim,
  rand,
  realize,
  setDefaultDtype,
  type Tensor,
  tensor,
  zeros,
  zerosLike,
} from "adjoint";

const { Adam, checks, rule, RuleOptimizer, SGD, zeroed } = optim;

interface Options {
  lr: number;
}
const lrOption = { lr: checks.option<number>(0.5, checks.learningRate) };

class Ruled<O extends object> extends RuleOptimizer<O> {
  constructor(definition: optim.Rule<O>, params: optim.Params<O>, options?: Partial<O>) {
    super(params, options, definition);
  }
}

type Update = (tensors: { param: Tensor; grad: Tensor }, scalars: { lr: OpaqueScalar }) => { param: Tensor };

/** An optimizer without state, of which only the update matters. */
function updating(update: Update, params: Tensor[]) {
  return new Ruled(rule({ options: lrOption, scalars: ({ lr }: Options) => ({ lr }), update }), params);
}

/** A parameter with a gradient. */
function leaf(
  data: number | number[] | number[][],
  grad = 1,
  dtype: "float32" | "float64" = "float64",
): Tensor {
  const x = tensor(data, { dtype, requiresGrad: true });
  x.mul(grad).sum().backward();
  return x;
}

/** Momentum, counting how often its update runs in TypeScript. */
function counted() {
  const calls = { count: 0 };
  const definition = rule({
    options: { ...lrOption, ascend: checks.option<boolean>(false, checks.flag) },
    state: { velocity: {} },
    flags: ({ ascend }: Options & { ascend: boolean }) => ({ ascend }),
    scalars: ({ lr }) => ({ lr }),
    update({ param, grad, velocity }, { lr }, { ascend }) {
      calls.count++;
      const v = velocity?.mul(0.5).add(grad) ?? grad;
      return { param: ascend ? param.add(v.mul(lr)) : param.sub(v.mul(lr)), velocity: v };
    },
  });
  return { calls, definition };
}

afterEach(() => {
  expect(isGradEnabled()).toBe(true);
});

describe("an update runs in TypeScript", () => {
  test("once without state and once with it, whatever the parameters, shapes and steps", () => {
    const { calls, definition } = counted();
    const params = [leaf(1), leaf([1, 2]), leaf([[1, 2, 3]]), leaf([1, 2, 3, 4])];
    const optimizer = new Ruled(definition, params);
    for (let step = 0; step < 10; ++step) optimizer.step();
    expect(calls.count).toBe(2);
    const other = new Ruled(definition, [leaf([[5]])]);
    for (let step = 0; step < 3; ++step) other.step();
    expect(calls.count).toBe(2);
  });

  test("once for each dtype", () => {
    const { calls, definition } = counted();
    const optimizer = new Ruled(definition, [leaf([1]), leaf([1], 1, "float32")]);
    for (let step = 0; step < 3; ++step) optimizer.step();
    expect(calls.count).toBe(4);
    expect(optimizer.paramGroups[0]!.params.map((x) => x.item())).toEqual([-1.125, -1.125]);
  });

  test("once for each combination of flags", () => {
    const { calls, definition } = counted();
    const x = leaf([1]);
    const optimizer = new Ruled(definition, [x]);
    for (let step = 0; step < 3; ++step) optimizer.step();
    for (let step = 0; step < 6; ++step) {
      optimizer.paramGroups[0]!.ascend = step % 2 === 0;
      optimizer.step();
    }
    expect(calls.count).toBe(3);
  });

  test("never because a number has changed", () => {
    const { calls, definition } = counted();
    const x = leaf([0]);
    const optimizer = new Ruled(definition, [x], { lr: 1 });
    optimizer.step();
    optimizer.step();
    expect(x.item()).toBe(-2.5);
    for (const lr of [0.5, 2, 0, 0.125]) {
      x.grad = zeros([1], { dtype: "float64" });
      const before = x.item();
      const velocity = (optimizer.state.get(x)!["velocity"] as Tensor).item();
      optimizer.paramGroups[0]!.lr = lr;
      optimizer.step();
      expect(x.item()).toBe(before - (velocity / 2) * lr);
    }
    expect(calls.count).toBe(2);
  });

  test("once for each shape, where it does more than arithmetic on elements", () => {
    let calls = 0;
    const normalised: Update = ({ param, grad }, { lr }) => {
      calls++;
      return { param: param.sub(grad.div(grad.square().sum().sqrt()).mul(lr)) };
    };
    const params = [
      leaf([0, 0, 0, 0]),
      leaf([
        [0, 0],
        [0, 0],
      ]),
      leaf([1, 1, 1, 1], 3),
      leaf(2),
    ];
    const optimizer = updating(normalised, params);
    for (let step = 0; step < 4; ++step) optimizer.step();
    expect(calls).toBe(3);
    expect(params.map((x) => x.toArray())).toEqual([
      [-1, -1, -1, -1],
      [
        [-1, -1],
        [-1, -1],
      ],
      [0, 0, 0, 0],
      0,
    ]);
  });

  test("once for each shape, where it asks for one", () => {
    let calls = 0;
    const scaled: Update = ({ param, grad }, { lr }) => {
      calls++;
      return { param: param.sub(grad.mul(lr).div(param.numel())) };
    };
    const params = [leaf([0, 0]), leaf([0, 0, 0, 0]), leaf([1, 1])];
    const optimizer = updating(scaled, params);
    for (let step = 0; step < 4; ++step) optimizer.step();
    expect(calls).toBe(2);
    expect(params.map((x) => x.toArray())).toEqual([
      [-1, -1],
      [-0.5, -0.5, -0.5, -0.5],
      [0, 0],
    ]);
  });

  test("once for each default dtype, which decides what comparisons choose", () => {
    const update: Update = ({ param, grad }, { lr }) => ({
      param: param.sub(grad.gt(0).where(lr, 0).to("float64")),
    });
    const x = leaf([0]);
    const optimizer = updating(update, [x]);
    optimizer.paramGroups[0]!.lr = 0.1;
    optimizer.step();
    expect(x.item()).toBe(-Math.fround(0.1));
    try {
      setDefaultDtype("float64");
      updating(update, [x]).step();
      optimizer.addParamGroup({ params: leaf([0]), lr: 0.1 });
      optimizer.step();
      expect(optimizer.paramGroups[1]!.params[0]!.item()).toBe(-0.1);
    } finally {
      setDefaultDtype("float32");
    }
  });
});

describe("an update cannot", () => {
  const other = new SGD([leaf([1])]);
  const outside = tensor([1], { dtype: "float64" });
  const anything = (value: unknown) => value as never;
  test.each<[string, (tensors: { param: Tensor; grad: Tensor }, lr: OpaqueScalar) => unknown, string]>([
    ["multiply a scalar", (_, lr) => anything(lr) * 2, "the scalar 'lr' has no value in update"],
    ["compare a scalar", (_, lr) => anything(lr) > 0, "the scalar 'lr' has no value in update"],
    ["print a scalar", (_, lr) => String(anything(lr)), "the scalar 'lr' has no value in update"],
    ["take a root of a scalar", (_, lr) => Math.sqrt(anything(lr)), "compute with numbers in scalars"],
    ["call a scalar's methods", (_, lr) => (anything(lr) as Tensor).mul(2), "give it to methods of tensors"],
    ["ask for a scalar's value", (_, lr) => (anything(lr) as Tensor).item(), "no value in update"],
    ["save a scalar", (_, lr) => JSON.stringify({ lr }), "no value in update"],
    ["scale a number by a scalar", ({ param }, lr) => param.add(2, { alpha: lr }), "compute with numbers"],
    ["scale a scalar by a number", ({ param }, lr) => param.sub(lr, { alpha: 2 }), "compute with numbers"],
    ["read an element", ({ grad }) => grad.sum().item(), "it cannot read tensors, which have no values yet"],
    ["read elements", ({ grad }) => grad.toArray(), "it cannot read tensors"],
    ["copy elements", ({ param }) => param.mul(2).dataSync(), "it cannot read tensors"],
    ["print a tensor", ({ grad }) => `${grad}`, "it cannot read tensors"],
    ["realize", ({ grad }) => realize(grad), "it cannot read tensors"],
    [
      "change an input in place",
      ({ param }) => param.sub_(1),
      "return new values, with x.add(y) for x.add_(y)",
    ],
    ["fill in place", ({ grad }) => grad.zero_(), "it cannot change tensors in place"],
    ["set in place", ({ param }) => param.set(0, 1), "it cannot change tensors in place"],
    ["go backward", ({ param }) => param.sum().backward(), "the gradient is its argument"],
    ["differentiate", ({ param }) => autograd.grad(param.sum(), param), "it cannot differentiate"],
    ["require gradients", ({ param }) => param.requiresGrad_(), "it cannot set requiresGrad"],
    ["set a gradient", ({ param, grad }) => (param.grad = grad), "it cannot set gradients"],
    ["draw random numbers", () => rand([1]), "it cannot draw random numbers, which would be the same"],
    ["seed them", () => manualSeed(1), "it cannot draw random numbers"],
    ["step", () => other.step(), "no tensor from outside"],
    ["forget gradients", () => other.zeroGrad(), "it cannot set gradients"],
    ["use a tensor from outside", ({ param }) => param.add(outside), "no tensor from outside"],
    ["read a tensor from outside", () => outside.shape, "no tensor from outside"],
    [
      "return nothing",
      () => null,
      "update must return the new values, as in { param: x }, but it returned null",
    ],
    ["return no parameter", () => ({}), "as in { param: x }, but param is undefined"],
    ["return a number", () => ({ param: 1 }), "but param is 1"],
    ["return a scalar", (_, lr) => ({ param: lr }), "but param is a OpaqueScalar"],
    ["return a promise", () => Promise.resolve({}), "update must return the new values"],
    ["return what is no state", ({ param }) => ({ param, m: param }), "update returned 'm', but what it may"],
    [
      "return other things",
      ({ param }) => ({ param: param.sum() }),
      "float64 of shape [] where float64 of shape [2]",
    ],
    [
      "return other dtypes",
      ({ param }) => ({ param: param.to("float32") }),
      "float32 of shape [2] where float64",
    ],
    [
      "go on for ever",
      ({ param }) => ({ param: Array.from({ length: 1100 }).reduce<Tensor>((x) => x.add(1), param) }),
      "update is too long to be recorded",
    ],
  ])("%s", (_what, body, message) => {
    const params = [leaf([1, 2]), leaf([3, 4])];
    const behaviour = { isSpoilt: true };
    const optimizer = updating(({ param, grad }, { lr }) => {
      if (behaviour.isSpoilt) return body({ param, grad }, lr) as never;
      return { param: param.sub(grad.mul(lr)) };
    }, params);
    const before = engineStats();
    expect(() => optimizer.step()).toThrow(message);
    expect(() => optimizer.step()).toThrow(expect.objectContaining({ code: "ERR_RULE" }));
    expect(params.map((x) => x.toArray())).toEqual([
      [1, 2],
      [3, 4],
    ]);
    // Fewer, where garbage of earlier tests has been collected meanwhile.
    expect(engineStats().tensors).toBeLessThanOrEqual(before.tensors);
    behaviour.isSpoilt = false;
    optimizer.step();
    expect(params.map((x) => x.toArray())).toEqual([
      [0.5, 1.5],
      [2.5, 3.5],
    ]);
    expect(outside.item()).toBe(1);
  });

  test("keep its arguments", () => {
    const kept: [Tensor, OpaqueScalar][] = [];
    const x = leaf([1]);
    updating(
      ({ param, grad }, { lr }) => {
        kept.push([param, lr]);
        return { param: param.sub(grad.mul(lr)) };
      },
      [x],
    ).step();
    const [param, lr] = kept[0]!;
    expect(() => param.item()).toThrow(expect.objectContaining({ code: "ERR_DISPOSED" }));
    expect(() => x.mul(lr)).toThrow(expect.objectContaining({ code: "ERR_RULE" }));
  });

  test("have scalars that are not numbers", () => {
    const x = leaf([1]);
    let lr: unknown = "0.1";
    const definition = rule({
      scalars: () => ({ lr }) as { lr: number },
      update: ({ param, grad }, scalars) => ({ param: param.sub(grad.mul(scalars.lr)) }),
    });
    const optimizer = new Ruled(definition, [x]);
    expect(() => optimizer.step()).toThrow("scalars must return the same numbers at every step, but lr is");
    lr = 0.5;
    optimizer.step();
    lr = undefined;
    expect(() => optimizer.step()).toThrow("but lr is undefined");
    expect(x.item()).toBe(0.5);
  });
});

test("an update may make constants, and use the shape", () => {
  const x = leaf([[1, 2]]);
  const optimizer = updating(
    ({ param, grad }) => ({
      param: param
        .sub(grad.mul(tensor([2, 3], { dtype: "float64" })).add(zerosLike(param)))
        .reshape(param.shape),
    }),
    [x],
  );
  optimizer.step();
  optimizer.step();
  expect(x.toArray()).toEqual([[-3, -4]]);
});

test("scalars behave as numbers wherever methods take them", () => {
  const numbers = { a: 0.3, b: -1.7 };
  const compute = (x: Tensor, a: OpaqueScalar | number, b: OpaqueScalar | number): Tensor[] => [
    x.add(a).sub(b).mul(a).div(b),
    x.rsub(a).add(x.rdiv(b)).add(x.abs().rpow(a)),
    x.add(x, { alpha: a }).sub(x, { alpha: b }),
    x.pow(2).addcmul(x, a, { value: b }).addcdiv(x, b, { value: a }),
    x.lerp(a, b).add(x.lerp(x.neg(), a)),
    x.clamp(b, a).add(x.clamp(null, a)).add(x.maximum(b)).add(x.minimum(a)),
    x.gt(a).where(x, b).add(x.le(b).where(a, x)),
    x.atan2(a).add(x.hypot(b)).add(x.abs().pow(a)),
  ];
  const count = 8;
  for (const dtype of ["float32", "float64"] as const) {
    const data = [0.1, -0.2, 3, -4.5];
    for (let i = 0; i < count; ++i) {
      const x = leaf(data, 1, dtype);
      const definition = rule({
        scalars: () => numbers,
        update: ({ param }, { a, b }) => ({ param: compute(param, a, b)[i]! }),
      });
      new Ruled(definition, [x]).step();
      const eager = compute(tensor(data, { dtype }), numbers.a, numbers.b)[i]!;
      expect(x.toArray(), `${dtype} ${i}`).toEqual(eager.toArray());
    }
  }
});

test("a traced step gives the bits of the same update run eagerly", () => {
  const numbers = fc.double({ min: -4, max: 4, noNaN: true });
  const shapes = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 });
  const dtypes = fc.constantFrom("float32", "float64");
  const cases = fc.array(fc.record({ shape: shapes, dtype: dtypes, seed: fc.nat(1000) }), {
    minLength: 1,
    maxLength: 5,
  });
  type Tensors = { param: Tensor; grad: Tensor; m: Tensor; v: Tensor | undefined };
  type Scalars = Record<"a" | "b" | "c", OpaqueScalar>;
  const update = ({ param, grad, m, v }: Tensors, { a, b, c }: Scalars) => {
    const mean = m.lerp(grad, a);
    const square = (v ?? grad.abs()).mul(b).addcmul(grad, grad, { value: c });
    const gain = grad.mul(mean).gt(0).where(a, b).to(param.dtype);
    return {
      param: param.addcdiv(mean, square.abs().sqrt().add(0.1), { value: c }).mul(gain),
      m: mean,
      v: square,
    };
  };
  fc.assert(
    fc.property(cases, numbers, numbers, numbers, (given, a, b, c) => {
      const scalars = { a, b, c };
      const definition = rule({ state: { m: zeroed, v: {} }, scalars: () => scalars, update });
      const make = (seed: number, shape: number[], dtype: "float32" | "float64") => {
        manualSeed(seed);
        const param = rand(shape, { dtype }).sub(0.5).detach().requiresGrad_();
        param.grad = rand(shape, { dtype }).sub(0.5);
        return param;
      };
      const params = given.map(({ shape, dtype, seed }) => make(seed, shape, dtype));
      const optimizer = new Ruled(definition, params);
      const eager = params.map((param) => ({
        param: param.detach(),
        grad: param.grad!,
        m: zerosLike(param),
        v: undefined as Tensor | undefined,
      }));
      for (let step = 0; step < 3; ++step) {
        optimizer.step();
        for (const tensors of eager) noGrad(() => Object.assign(tensors, update(tensors, scalars as never)));
      }
      eager.forEach((tensors, i) => {
        const state = optimizer.state.get(params[i]!)! as Record<string, Tensor>;
        expect(params[i]!.dataSync()).toEqual(tensors.param.dataSync());
        expect(state["m"]!.dataSync()).toEqual(tensors.m.dataSync());
        expect(state["v"]!.dataSync()).toEqual(tensors.v!.dataSync());
      });
    }),
    { numRuns: 60 },
  );
});

describe("parameters of one optimizer", () => {
  /** Steps with gradients for those parameters whose turn it is. */
  function walk(
    params: Tensor[],
    optimizer: optim.Optimizer & { step(): unknown },
    turns: boolean[][],
  ): void {
    for (const turn of turns) {
      optimizer.zeroGrad();
      params.forEach((x, i) => {
        if (turn[i] === true) x.square().sum().backward();
      });
      optimizer.step();
    }
  }

  test("take steps of their own", () => {
    const make = () => [leaf([1, 2]), leaf([3]), leaf([[4]]), leaf([5, 6])];
    const turn = fc.array(fc.boolean(), { minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(fc.array(turn, { maxLength: 8 }), (turns) => {
        const params = make();
        const optimizer = new Adam(params, { lr: 0.1, amsgrad: true });
        walk(params, optimizer, turns);
        const alone = make();
        alone.forEach((x, i) => {
          const own = turns.map((all) => [all[i]!]);
          const single = new Adam([x], { lr: 0.1, amsgrad: true });
          walk([x], single, own);
          expect(params[i]!.toArray()).toEqual(x.toArray());
          expect(optimizer.state.get(params[i]!)?.["step"]).toBe(single.state.get(x)?.["step"]);
        });
      }),
      { numRuns: 40 },
    );
  });

  test("have the options of their groups", () => {
    const [a, b] = [leaf([1]), leaf([1])];
    const optimizer = new SGD([{ params: [a] }, { params: [b], lr: 0.25 }], { lr: 0.5 });
    optimizer.step();
    expect([a.item(), b.item()]).toEqual([0.5, 0.75]);
    optimizer.paramGroups[1]!.lr = 1;
    optimizer.step();
    expect([a.item(), b.item()]).toEqual([0, -0.25]);
  });

  test("follow options that are edited in place", () => {
    const [x, y] = [leaf([1]), leaf([1])];
    const optimizer = new Adam([x], { lr: 0.5 });
    optimizer.step();
    const { betas } = optimizer.paramGroups[0]!;
    betas[1] = 2;
    expect(() => optimizer.step()).toThrow("Invalid beta parameter at index 1: 2");
    betas[1] = 0.25;
    optimizer.step();
    const control = new Adam([y], { lr: 0.5 });
    control.step();
    control.paramGroups[0]!.betas = [0.9, 0.25];
    control.step();
    expect(x.item()).toBe(y.item());
    expect(x.item()).toBeLessThan(0.5);
  });

  test("can be exchanged between steps", () => {
    const [a, b, c] = [leaf([1]), leaf([1]), leaf([1])];
    const optimizer = new SGD([a, b], { lr: 0.5, momentum: 0.5 });
    optimizer.step();
    optimizer.paramGroups[0]!.params = [b, c];
    optimizer.step();
    expect([a.item(), b.item(), c.item()]).toEqual([0.5, -0.25, 0.5]);
    optimizer.paramGroups[0]!.params.push(a);
    optimizer.step();
    expect([a.item(), b.item(), c.item()]).toEqual([-0.25, -1.125, -0.25]);
  });

  test("are not mistaken for others when they have been disposed of", () => {
    const [a, b] = [leaf([1]), leaf([1])];
    const optimizer = new SGD([a, b], { lr: 0.5 });
    optimizer.step();
    a.dispose();
    const innocent = leaf([7]);
    expect(() => optimizer.step()).toThrow(expect.objectContaining({ code: "ERR_DISPOSED" }));
    expect(() => optimizer.zeroGrad()).toThrow(expect.objectContaining({ code: "ERR_DISPOSED" }));
    expect([b.item(), innocent.item(), innocent.grad!.item()]).toEqual([0.5, 7, 1]);
  });

  test("lose their state only all of it", () => {
    const x = leaf([1]);
    const optimizer = new Adam([x]);
    for (let step = 0; step < 3; ++step) optimizer.step();
    (optimizer.state.get(x)!["expAvg"] as Tensor).dispose();
    const innocent = leaf([7]);
    expect(() => optimizer.step()).toThrow(expect.objectContaining({ code: "ERR_DISPOSED" }));
    expect(innocent.item()).toBe(7);
  });
});

describe("the state", () => {
  test("begins anew where it has been deleted", () => {
    const [a, b] = [leaf([1]), leaf([1])];
    const optimizer = new Adam([a, b], { lr: 0.1 });
    for (let step = 0; step < 3; ++step) optimizer.step();
    optimizer.state.delete(a);
    optimizer.step();
    expect([a, b].map((x) => optimizer.state.get(x)!["step"])).toEqual([1, 4]);
    const fresh = leaf([1]);
    fresh.grad = a.grad;
    const control = new Adam([fresh], { lr: 0.1 });
    control.step();
    expect(JSON.stringify(optimizer.stateDict().state[0])).toBe(JSON.stringify(control.stateDict().state[0]));
  });

  test("shows the numbers of the moment, and refuses to be overwritten piecemeal", () => {
    const x = leaf([1]);
    const optimizer = new Adam([x]);
    optimizer.step();
    const state = optimizer.state.get(x)!;
    optimizer.step();
    expect(state["step"]).toBe(2);
    expect(Object.keys(state)).toEqual(["step", "expAvg", "expAvgSq"]);
    expect(() => (state["step"] = 0)).toThrow(TypeError);
  });

  test("takes over what a program sets", () => {
    const [a, b] = [leaf([1]), leaf([1])];
    const optimizer = new Adam([a, b], { lr: 0.1 });
    a.grad = null;
    optimizer.step();
    optimizer.state.set(a, { ...optimizer.state.get(b)!, step: 41 });
    a.grad = b.grad;
    optimizer.step();
    expect([a, b].map((x) => optimizer.state.get(x)!["step"])).toEqual([42, 2]);
  });

  test("grows when options need more of it", () => {
    const x = leaf([1]);
    const optimizer = new Adam([x]);
    optimizer.step();
    optimizer.paramGroups[0]!.amsgrad = true;
    optimizer.step();
    expect(Object.keys(optimizer.state.get(x)!)).toEqual(["step", "expAvg", "expAvgSq", "maxExpAvgSq"]);
    const { maxExpAvgSq, expAvgSq } = optimizer.state.get(x) as Record<string, Tensor>;
    expect(maxExpAvgSq!.item()).toBe(expAvgSq!.item());
  });

  test("rests while options do not need it", () => {
    const [x, y] = [leaf([1]), leaf([1])];
    const optimizer = new Adam([x], { lr: 0.1, amsgrad: true });
    const control = new Adam([y], { lr: 0.1 });
    for (const grad of [1000, 1, 1]) {
      for (const each of [x, y]) each.grad = tensor([grad], { dtype: "float64" });
      optimizer.step();
      control.step();
      optimizer.paramGroups[0]!.amsgrad = false;
    }
    expect(x.item()).toBe(y.item());
    expect((optimizer.state.get(x)!["maxExpAvgSq"] as Tensor).item()).toBeCloseTo(1000, 9);
  });

  test("begins from the options of the first step, not of the beginning", () => {
    const definition = rule({
      options: lrOption,
      state: { size: { begin: (param: Tensor, { lr }: Options) => zerosLike(param).add(lr) } },
      scalars: () => ({}),
      update: ({ param, grad, size }) => ({ param: param.sub(grad.mul(size)), size: size.mul(2) }),
    });
    const x = leaf([0]);
    const optimizer = new Ruled(definition, [x]);
    optimizer.paramGroups[0]!.lr = 4;
    optimizer.step();
    optimizer.paramGroups[0]!.lr = 100;
    optimizer.step();
    expect(x.item()).toBe(-12);
  });
});

test("Lion in ten lines", () => {
  interface LionOptions {
    lr: number;
    betas: [number, number];
  }
  const lion = rule({
    options: {
      lr: checks.option<number>(1e-4, checks.learningRate),
      betas: checks.option<[number, number]>([0.9, 0.99], checks.betas),
    },
    state: { expAvg: zeroed },
    scalars: ({ lr, betas }: LionOptions) => ({ lr, fresh1: 1 - betas[0], fresh2: 1 - betas[1] }),
    update: ({ param, grad, expAvg }, { lr, fresh1, fresh2 }) => ({
      param: param.sub(expAvg.lerp(grad, fresh1).sign().mul(lr)),
      expAvg: expAvg.lerp(grad, fresh2),
    }),
  });
  const x = tensor([3, -2], { requiresGrad: true });
  const optimizer = new Ruled(lion, [x], { lr: 0.25 });
  const expected = [3, -2];
  const average = [0, 0];
  for (let step = 0; step < 12; ++step) {
    optimizer.zeroGrad();
    x.square().sum().backward();
    optimizer.step();
    expected.forEach((value, i) => {
      expected[i] = value - 0.25 * Math.sign(0.9 * average[i]! + 0.1 * 2 * value);
      average[i] = 0.99 * average[i]! + 0.01 * 2 * value;
    });
  }
  expect(x.toArray()).toEqual(expected);
  const saved = optimizer.stateDict();
  expect(Object.keys(saved.state[0]!)).toEqual(["step", "exp_avg"]);
  expect(saved.state[0]!["step"]).toBe(12);
});

test("a rule needs no more than scalars and an update", () => {
  const definition = rule({
    scalars: (_: object, { step }) => ({ lr: 1 / step }),
    update: ({ param, grad }, { lr }) => ({ param: param.sub(grad.mul(lr)) }),
  });
  const x = leaf([0]);
  const optimizer = new Ruled(definition, [x]);
  for (let step = 0; step < 4; ++step) optimizer.step();
  expect(x.item()).toBeCloseTo(-(1 + 1 / 2 + 1 / 3 + 1 / 4), 14);
});

test("steps leave nothing behind", () => {
  const params = [leaf([1, 2]), leaf([3])];
  const optimizer = new Adam(params, { lr: 0.1 });
  for (let step = 0; step < 3; ++step) optimizer.step();
  const before = engineStats();
  for (let step = 0; step < 100; ++step) optimizer.step();
  const after = engineStats();
  // Less, where garbage of the tests before has been collected meanwhile.
  for (const held of ["tensors", "nodes", "bytes"] as const)
    expect(after[held], held).toBeLessThanOrEqual(before[held]);
  expect(after.runs - before.runs).toBe(100);
});
