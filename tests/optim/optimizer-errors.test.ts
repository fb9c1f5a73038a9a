import { afterEach, describe, expect, test } from "vitest";
import { enableGrad, isGradEnabled, noGrad, optim, type Tensor, tensor, tidy } from "../../lib/index.js";

const {
  Adadelta,
  Adafactor,
  Adagrad,
  Adam,
  Adamax,
  AdamW,
  AdamWScheduleFree,
  Adan,
  ASGD,
  LAMB,
  LBFGS,
  Lion,
  Muon,
  NAdam,
  RAdam,
  RMSprop,
  Rprop,
  SGD,
  SparseAdam,
} = optim;

const leaf = (data: number[] = [1, 2], dtype: "float32" | "float64" = "float64") =>
  tensor(data, { dtype, requiresGrad: true });
const loose = (value: unknown) => value as never;

/** Every optimizer, with options that use all of its state. */
const kinds: Record<
  string,
  (params: Tensor[]) => optim.Optimizer & { step(closure?: () => unknown): unknown }
> = {
  SGD: (params) => new SGD(params, { lr: 0.01 }),
  "SGD with momentum": (params) =>
    new SGD(params, { lr: 0.01, momentum: 0.9, nesterov: true, weightDecay: 0.1 }),
  Adam: (params) => new Adam(params, { lr: 0.05, amsgrad: true, weightDecay: 0.1 }),
  AdamW: (params) => new AdamW(params, { lr: 0.05 }),
  Adadelta: (params) => new Adadelta(params),
  Adagrad: (params) => new Adagrad(params, { lr: 0.1, lrDecay: 0.01, initialAccumulatorValue: 0.1 }),
  RMSprop: (params) => new RMSprop(params, { lr: 0.01, momentum: 0.5, centered: true }),
  Adafactor: (params) => new Adafactor(params, { lr: 0.05, weightDecay: 0.1 }),
  Adamax: (params) => new Adamax(params, { lr: 0.05, weightDecay: 0.1 }),
  AdamWScheduleFree: (params) =>
    new AdamWScheduleFree(params, { lr: 0.05, weightDecay: 0.1, warmupSteps: 3, r: 0.5 }),
  Adan: (params) => new Adan(params, { lr: 0.05, weightDecay: 0.1 }),
  ASGD: (params) => new ASGD(params, { lr: 0.001, t0: 1, weightDecay: 0.1 }),
  LAMB: (params) => new LAMB(params, { lr: 0.05, weightDecay: 0.1 }),
  Lion: (params) => new Lion(params, { lr: 0.01, weightDecay: 0.1 }),
  NAdam: (params) => new NAdam(params, { lr: 0.05, weightDecay: 0.1, decoupledWeightDecay: true }),
  RAdam: (params) => new RAdam(params, { lr: 0.01, weightDecay: 0.1 }),
  Rprop: (params) => new Rprop(params),
  SparseAdam: (params) => new SparseAdam(params, { lr: 0.05 }),
  LBFGS: (params) => new LBFGS(params, { lr: 0.1, maxIter: 3, historySize: 4 }),
  "LBFGS with line search": (params) =>
    new LBFGS(params, { maxIter: 3, historySize: 4, lineSearchFn: "strong_wolfe" }),
};

const rosenbrock = (x: Tensor, y: Tensor) => y.sub(x.pow(2)).pow(2).mul(100).add(x.neg().add(1).pow(2)).sum();

/** One step, the same for every optimizer. */
function stepOf(optimizer: ReturnType<(typeof kinds)[string]>, params: Tensor[]): unknown {
  return optimizer.step(() => {
    optimizer.zeroGrad();
    const loss = rosenbrock(params[0]!, params[1]!);
    loss.backward();
    return loss;
  });
}

/** Everything that a failed step must leave as it was, as text. */
function stateOf(optimizer: optim.Optimizer, params: Tensor[]): string {
  const exact = (_key: string, value: unknown) =>
    typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
  return JSON.stringify([params.map((p) => p.toArray()), optimizer.stateDict(), isGradEnabled()], exact);
}

afterEach(() => {
  expect(isGradEnabled()).toBe(true);
});

describe("options", () => {
  const nesterov = "Nesterov momentum requires a momentum and zero dampening";
  test.each<[new (params: Tensor[], options: never) => unknown, object, string]>([
    [SGD, { lr: -1 }, "Invalid learning rate: -1"],
    [SGD, { lr: NaN }, "Invalid learning rate: NaN"],
    [SGD, { lr: Infinity }, "Invalid learning rate: Infinity"],
    [SGD, { lr: "0.1" }, "Invalid learning rate: 0.1"],
    [SGD, { lr: null }, "Invalid learning rate: null"],
    [SGD, { lr: tensor(0.1) }, "Invalid learning rate: a Tensor"],
    [SGD, { momentum: -1 }, "Invalid momentum value: -1"],
    [SGD, { momentum: 2 }, "Invalid momentum value: 2"],
    [SGD, { dampening: -0.1 }, "Invalid dampening value: -0.1"],
    [SGD, { weightDecay: -1 }, "Invalid weight_decay value: -1"],
    [SGD, { nesterov: true }, nesterov],
    [SGD, { nesterov: true, momentum: 0.9, dampening: 0.1 }, nesterov],
    [SGD, { nesterov: 1 }, "SGD: nesterov must be true or false, but got 1"],
    [Adam, { lr: -1 }, "Invalid learning rate: -1"],
    [Adam, { eps: -1 }, "Invalid epsilon value: -1"],
    [Adam, { betas: [1, 0.9] }, "Invalid beta parameter at index 0: 1"],
    [Adam, { betas: [0.9, -0.1] }, "Invalid beta parameter at index 1: -0.1"],
    [Adam, { betas: [0.9, NaN] }, "Invalid beta parameter at index 1: NaN"],
    [Adam, { betas: 0.9 }, "Adam: betas must be an array of two numbers, but got 0.9"],
    [Adam, { betas: [0.9] }, "Adam: betas must be an array of two numbers"],
    [Adam, { weightDecay: -1 }, "Invalid weight_decay value: -1"],
    [AdamW, { lr: NaN }, "Invalid learning rate: NaN"],
    [AdamW, { decoupledWeightDecay: false }, "AdamW always decouples"],
    [Adadelta, { rho: 1.1 }, "Invalid rho value: 1.1"],
    [Adadelta, { eps: -1 }, "Invalid epsilon value: -1"],
    [Adagrad, { lrDecay: -1 }, "Invalid lr_decay value: -1"],
    [Adagrad, { initialAccumulatorValue: -1 }, "Invalid initial_accumulator_value value: -1"],
    [RMSprop, { alpha: -1 }, "Invalid alpha value: -1"],
    [RMSprop, { alpha: 2 }, "Invalid alpha value: 2"],
    [RMSprop, { momentum: -1 }, "Invalid momentum value: -1"],
    [NAdam, { momentumDecay: -0.2 }, "Invalid momentum_decay value: -0.2"],
    [Rprop, { etas: [1, 0.5] }, "Invalid eta values: 1, 0.5 (Rprop: etas must be [a, b] with 0 < a < 1 < b)"],
    [Rprop, { etas: 0.5 }, "Rprop: etas must be an array of two numbers, but got 0.5"],
    [Rprop, { stepSizes: [2, 1] }, "Invalid step sizes: 2, 1 (Rprop: stepSizes must be [a, b] with a <= b)"],
    [ASGD, { lambd: -1 }, "Invalid lambd value: -1"],
    [SparseAdam, { lr: 0 }, "Invalid learning rate: 0"],
    [SparseAdam, { eps: 0 }, "Invalid epsilon value: 0"],
    [Adafactor, { lr: -1 }, "Learning rate should be >= 0 but is: -1"],
    [Adafactor, { beta2Decay: 0.1 }, "beta2_decay should be <= 0 but is: 0.1"],
    [Adafactor, { eps: [-1, 1] }, "epsilon1 should be >= 0 but is: -1"],
    [Adafactor, { eps: [null, -1] }, "epsilon2 should be >= 0 but is: -1"],
    [Adafactor, { eps: 1 }, "Adafactor: eps must be an array of two, [number or null, number], but got 1"],
    [Adafactor, { d: 0.5 }, "Clipping threshold d should be >= 1 but is: 0.5"],
    [Muon, { momentum: -1 }, "momentum should be >= 0 but is: -1"],
    [Muon, { weightDecay: -1 }, "weight decay should be >= 0 but is: -1"],
    [Muon, { nsCoefficients: [1] }, "Muon: nsCoefficients must be an array of three numbers"],
    [Muon, { nsSteps: 100 }, "Number of steps must be less than 100 for computational efficiency: 100"],
    [Muon, { adjustLrFn: "x" }, "Adjust learning rate function is not supported"],
    [Adan, { betas: [0.9, 0.9] }, "Adan: betas must be an array of three numbers"],
    [Adan, { betas: [0.9, 0.9, 1] }, "Invalid beta parameter at index 2: 1"],
    [AdamWScheduleFree, { warmupSteps: 0.5 }, "Invalid warmup_steps value: 0.5"],
    [LBFGS, { lr: -1 }, "Invalid learning rate: -1"],
    [LBFGS, { maxIter: -1 }, "LBFGS: maxIter must be a whole number >= 1"],
    [LBFGS, { maxEval: 0.5 }, "LBFGS: maxEval must be a whole number >= 1"],
    [LBFGS, { historySize: 0 }, "LBFGS: historySize must be a whole number >= 1"],
    [LBFGS, { toleranceGrad: NaN }, "Invalid tolerance_grad value: NaN"],
    [LBFGS, { lineSearchFn: "wolfe" }, "only 'strong_wolfe' is supported"],
    [SGD, { momentun: 0.9 }, "SGD: unknown option 'momentun', did you mean 'momentum'?"],
    [Adam, { weight_decay: 1 }, "Adam: unknown option 'weight_decay', did you mean 'weightDecay'?"],
    [LBFGS, { line_search_fn: "strong_wolfe" }, "did you mean 'lineSearchFn'?"],
    [Adam, { zzzz: 1 }, "Adam: unknown option 'zzzz', known are 'lr', 'betas'"],
    [Adam, { foreach: true }, "Adam: option 'foreach' means nothing here"],
    [Adam, { fused: true }, "Adam: option 'fused' means nothing here"],
    [Adam, { capturable: false }, "Adam: option 'capturable' means nothing here"],
    [Adam, { differentiable: true }, "Adam: option 'differentiable' means nothing here"],
  ])("%o %o", (Class, options, message) => {
    const make = () => new Class([leaf()], loose(options));
    expect(make).toThrow(message);
    expect(make).toThrow(expect.objectContaining({ code: "ERR_OPTION" }));
  });

  test.each([null, 0.1, "lr", [], () => 1])("options that are no object: %o", (options) => {
    expect(() => new SGD([leaf()], loose(options))).toThrow("SGD: options must be an object");
  });

  test("undefined stands for the default", () => {
    expect(new SGD([leaf()], { lr: undefined }).paramGroups[0]!.lr).toBe(1e-3);
  });

  test("arrays are copied", () => {
    const betas: [number, number] = [0.5, 0.5];
    const optimizer = new Adam([leaf()], { betas });
    betas[0] = 7;
    expect(optimizer.paramGroups[0]!.betas).toEqual([0.5, 0.5]);
    expect(optimizer.defaults.betas).toEqual([0.5, 0.5]);
  });
});

describe("parameters", () => {
  test.each<[string, () => unknown, string]>([
    ["none", () => new SGD([]), "optimizer got an empty parameter list"],
    [
      "a Tensor",
      () => new SGD(leaf() as never),
      "params argument given to the optimizer should be an iterable of Tensors or dicts, but got Tensor",
    ],
    ["nothing", () => new SGD(loose(undefined)), "an iterable of Tensors or dicts, but got undefined"],
    ["null", () => new SGD(loose(null)), "an iterable of Tensors or dicts, but got null"],
    ["a number", () => new SGD(loose(3)), "an iterable of Tensors or dicts, but got number"],
    [
      "numbers",
      () => new SGD(loose([1.5])),
      "optimizer can only optimize Tensors, but one of the params is number",
    ],
    ["a non-leaf", () => new SGD([leaf().mul(2)]), "can't optimize a non-leaf Tensor"],
    [
      "the same twice",
      () => {
        const x = leaf();
        return new SGD([x, x]);
      },
      "optimizer contains a parameter group with duplicate parameters",
    ],
    [
      "the same in two groups",
      () => {
        const x = leaf();
        return new SGD([{ params: [x] }, { params: x }]);
      },
      "some parameters appear in more than one parameter group",
    ],
    [
      "names for some",
      () => new SGD(loose([["x", leaf()], leaf()])),
      "all optimizer params should be with/without names. Some param names are missing",
    ],
    [
      "names in some groups",
      () => new SGD([{ params: [["x", leaf()]] }, { params: [leaf()] }]),
      "all optimizer param groups should be with/without names. cannot add param group without names",
    ],
    ["a group without params", () => new SGD(loose([{ lr: 1 }])), "params of a parameter group must be"],
    [
      "a misspelt group option",
      () => new SGD(loose([{ params: [leaf()], weight_decay: 1 }])),
      "SGD: unknown parameter group option 'weight_decay', did you mean 'weightDecay'?",
    ],
    ["a bad group option", () => new SGD([{ params: [leaf()], lr: -1 }]), "Invalid learning rate: -1"],
    [
      "two groups for LBFGS",
      () => new LBFGS([{ params: [leaf()] }, { params: [leaf()] }]),
      "LBFGS doesn't support per-parameter options (parameter groups)",
    ],
    [
      "two dtypes for LBFGS",
      () => new LBFGS([leaf(), leaf([1], "float32")]),
      "must have one dtype and device",
    ],
  ])("%s", (_what, make, message) => {
    expect(make).toThrow(message);
  });

  test("a failed addParamGroup adds nothing", () => {
    const x = leaf();
    const optimizer = new Adagrad([x]);
    const before = stateOf(optimizer, [x]);
    expect(() => optimizer.addParamGroup({ params: [x] })).toThrow("more than one parameter group");
    expect(() => optimizer.addParamGroup({ params: [leaf()], lr: NaN })).toThrow(
      "Invalid learning rate: NaN",
    );
    expect(stateOf(optimizer, [x])).toBe(before);
    expect(() => new LBFGS([x]).addParamGroup({ params: [leaf()] })).toThrow("LBFGS doesn't support");
  });
});

describe("polluted prototypes", () => {
  const prototype = Object.prototype as unknown as Record<string, unknown>;
  afterEach(() => {
    for (const name of ["lr", "momentum", "params", "foreach", "lineSearchFn"])
      Reflect.deleteProperty(prototype, name);
  });

  test("are not read", () => {
    prototype["lr"] = 7;
    prototype["momentum"] = 0.5;
    prototype["foreach"] = true;
    const x = leaf();
    const optimizer = new SGD([{ params: [x] }], {});
    expect([optimizer.paramGroups[0]!.lr, optimizer.paramGroups[0]!.momentum]).toEqual([1e-3, 0]);
    const adam = new Adam([leaf()]);
    expect(adam.paramGroups[0]!.lr).toBe(1e-3);
    prototype["params"] = [leaf()];
    expect(() => new SGD(loose([{ lr: 1 }]))).toThrow("params of a parameter group must be");
  });

  test("are not written", () => {
    const options = JSON.parse('{"__proto__": {"lr": 7}}') as object;
    expect(() => new SGD([leaf()], options)).toThrow("unknown option '__proto__'");
    const x = leaf();
    const optimizer = new Adam([x]);
    const state = JSON.parse(
      '{"state": {"__proto__": {"step": 1}}, "param_groups": [{"params": [0]}]}',
    ) as never;
    expect(() => optimizer.loadStateDict(state)).toThrow("there is state for a parameter '__proto__'");
    const group = '{"state": {}, "param_groups": [{"params": [0], "__proto__": {"lr": 7}}]}';
    expect(() => optimizer.loadStateDict(JSON.parse(group) as never)).toThrow(
      "unknown parameter group option",
    );
    expect(({} as Record<string, unknown>)["lr"]).toBeUndefined();
    expect(optimizer.paramGroups[0]!.lr).toBe(1e-3);
  });

  test("getters are read once", () => {
    let reads = 0;
    const options = {
      get lr() {
        return reads++ === 0 ? 0.5 : -1;
      },
    };
    expect(new SGD([leaf()], options).paramGroups[0]!.lr).toBe(0.5);
    expect(reads).toBe(1);
  });
});

describe.each(Object.entries(kinds))("%s", (_name, make) => {
  const begin = () => {
    const params = [leaf([-1.2, 0.5]), leaf([1, 0.3])];
    return { params, optimizer: make(params) };
  };

  test("a bad option set between steps throws before anything changes", () => {
    const { params, optimizer } = begin();
    stepOf(optimizer, params);
    const group = optimizer.paramGroups[0] as unknown as Record<string, unknown>;
    for (const lr of [NaN, -1, "0.1", Infinity, undefined, null]) {
      const good = group["lr"];
      const before = stateOf(optimizer, params);
      group["lr"] = lr;
      let calls = 0;
      expect(() => optimizer.step(() => calls++)).toThrow(/earning rate/);
      group["lr"] = good;
      expect(calls).toBe(0);
      expect(stateOf(optimizer, params)).toBe(before);
    }
  });

  test("a misspelt option set between steps throws, and never reaches a saved state", () => {
    const { params, optimizer } = begin();
    stepOf(optimizer, params);
    const group = optimizer.paramGroups[0] as unknown as Record<string, unknown>;
    group["learningRat"] = 1;
    expect(() => stepOf(optimizer, params)).toThrow("unknown parameter group option 'learningRat'");
    delete group["learningRat"];
    stepOf(optimizer, params);
    optimizer.loadStateDict(optimizer.stateDict());
  });

  test("a bad option set by the closure throws before anything changes, or counts from the next step", () => {
    const { params, optimizer } = begin();
    const group = optimizer.paramGroups[0] as unknown as { lr: number };
    const before = stateOf(optimizer, params);
    const spoil = () =>
      optimizer.step(() => {
        group.lr = -1;
        const loss = rosenbrock(params[0]!, params[1]!);
        loss.backward();
        return loss;
      });
    if (optimizer instanceof LBFGS) {
      spoil();
      expect(() => stepOf(optimizer, params)).toThrow("Invalid learning rate: -1");
    } else {
      const { lr } = group;
      expect(spoil).toThrow(/earning rate.*: -1/);
      group.lr = lr;
      expect(stateOf(optimizer, params)).toBe(before);
    }
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20])(
    "a closure that throws at call %i leaves everything as it was",
    (last) => {
      const { params, optimizer } = begin();
      const control = begin();
      let calls = 0;
      let before = "";
      const failing = () => {
        calls++;
        optimizer.zeroGrad();
        const loss = rosenbrock(params[0]!, params[1]!);
        loss.backward();
        if (calls === last) throw new RangeError("from the closure");
        return loss;
      };
      const run = () => {
        for (;;) {
          before = stateOf(optimizer, params);
          optimizer.step(failing);
          stepOf(control.optimizer, control.params);
        }
      };
      expect(() => enableGrad(run)).toThrow(new RangeError("from the closure"));
      expect(calls).toBe(last);
      expect(stateOf(optimizer, params)).toBe(before);
      // And the next step works, as if nothing had happened.
      stepOf(optimizer, params);
      stepOf(control.optimizer, control.params);
      expect(stateOf(optimizer, params)).toBe(stateOf(control.optimizer, control.params));
    },
  );

  test("what the closure throws comes out unchanged, and the gradient mode is the caller's", () => {
    const { params, optimizer } = begin();
    const before = stateOf(optimizer, params);
    for (const thrown of ["a string", undefined, null, 3]) {
      let caught: unknown = "nothing";
      noGrad(() => {
        try {
          optimizer.step(() => {
            expect(isGradEnabled()).toBe(true);
            // eslint-disable-next-line @typescript-eslint/only-throw-error
            throw thrown;
          });
        } catch (error) {
          caught = error;
        }
        expect(isGradEnabled()).toBe(false);
      });
      expect(caught).toBe(thrown);
    }
    expect(stateOf(optimizer, params)).toBe(before);
  });

  test("a closure that returns a Promise is refused, even one that fails later", async () => {
    const { params, optimizer } = begin();
    stepOf(optimizer, params);
    const before = stateOf(optimizer, params);
    expect(() => optimizer.step(() => Promise.reject(new Error("later")))).toThrow("returned a Promise");
    expect(() => optimizer.step(() => Promise.resolve(rosenbrock(params[0]!, params[1]!)))).toThrow(
      "returned a Promise",
    );
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(stateOf(optimizer, params)).toBe(before);
  });

  test("a closure that is none is refused", () => {
    const { optimizer } = begin();
    expect(() => optimizer.step(loose(3))).toThrow("the closure must be a function, but got 3");
  });

  test("step() inside the closure of step() is refused", () => {
    const { params, optimizer } = begin();
    const before = stateOf(optimizer, params);
    expect(() => optimizer.step(() => stepOf(optimizer, params))).toThrow(
      expect.objectContaining({ code: "ERR_REENTRANT" }),
    );
    expect(stateOf(optimizer, params)).toBe(before);
    stepOf(optimizer, params);
  });

  test.each(["as it is", "through JSON"])("4 steps are 2, saved and loaded %s, and 2 more", (how) => {
    const whole = begin();
    for (let i = 0; i < 4; i++) stepOf(whole.optimizer, whole.params);

    const half = begin();
    for (let i = 0; i < 2; i++) stepOf(half.optimizer, half.params);
    let saved = { optimizer: half.optimizer.stateDict(), params: half.params.map((p) => p.toArray()) };
    // What was saved is a snapshot: going on does not change it.
    if (how === "through JSON") saved = JSON.parse(JSON.stringify(saved)) as typeof saved;
    stepOf(half.optimizer, half.params);

    const params = saved.params.map((data) => leaf(data as number[]));
    const optimizer = make(params);
    optimizer.loadStateDict(saved.optimizer);
    for (let i = 0; i < 2; i++) stepOf(optimizer, params);
    expect(stateOf(optimizer, params)).toBe(stateOf(whole.optimizer, whole.params));
  });

  test("an optimizer's state outlives a tidy around its steps", () => {
    const { params, optimizer } = begin();
    const control = begin();
    for (let i = 0; i < 4; i++) {
      tidy(() => {
        stepOf(optimizer, params);
        if (i === 1) optimizer.loadStateDict(optimizer.stateDict());
      });
      stepOf(control.optimizer, control.params);
    }
    expect(stateOf(optimizer, params)).toBe(stateOf(control.optimizer, control.params));
  });

  test("a state that does not fit changes nothing", () => {
    const { params, optimizer } = begin();
    for (let i = 0; i < 2; i++) stepOf(optimizer, params);
    const before = stateOf(optimizer, params);
    const good = optimizer.stateDict();
    const group = good.param_groups[0]!;
    const first = good.state[0];
    const tensorKey = Object.keys(first ?? {}).find((key) => typeof first![key] === "object");
    const wrong: [unknown, string | RegExp][] = [
      [null, "must be an object"],
      [{ state: {} }, "param_groups must be an array"],
      [{ param_groups: [group] }, "must be an object"],
      [{ ...good, param_groups: [] }, "loaded state dict has a different number of parameter groups"],
      [
        { ...good, param_groups: [{ ...group, params: [0] }] },
        "loaded state dict contains a parameter group that doesn't match the size of optimizer's group",
      ],
      [{ ...good, param_groups: [{ ...group, lr: NaN }] }, /earning rate.*: NaN/],
      [{ ...good, param_groups: [{ ...group, lrr: 1 }] }, "unknown parameter group option 'lrr'"],
      [{ ...good, state: { ...good.state, 7: {} } }, "there is state for a parameter '7' of no group"],
      [{ ...good, state: { 0: { ...first, exp_avgg: 1 } } }, "unknown state 'exp_avgg'"],
    ];
    if (tensorKey !== undefined) {
      const swap = (value: unknown) => ({ ...good, state: { 0: { ...first, [tensorKey]: value } } });
      wrong.push([swap([1, 2, 3, 4, 5, 6, 7]), "has shape [7], expected"], [swap("x"), "must be a"]);
      // Only the buffer of SGD may be missing, as it is before the first step.
      if (tensorKey !== "momentum_buffer") wrong.push([swap(undefined), "must be a"]);
    }
    for (const [state, message] of wrong) {
      expect(() => optimizer.loadStateDict(loose(state))).toThrow(message);
      expect(stateOf(optimizer, params)).toBe(before);
    }
    optimizer.loadStateDict(good);
    expect(stateOf(optimizer, params)).toBe(before);
  });

  test("saves under PyTorch's keys, which PyTorch's own switches may stand beside", () => {
    const { params, optimizer } = begin();
    stepOf(optimizer, params);
    const saved = optimizer.stateDict();
    const keys = [saved.param_groups, Object.values(saved.state)]
      .flat()
      .flatMap((entry) => Object.keys(entry));
    for (const key of keys) expect(key).toMatch(/^(H_diag|[a-z0-9_]+)$/);
    expect(saved.param_groups[0]!["params"]).toEqual([0, 1]);
    const foreign = { ...saved.param_groups[0], foreach: null, fused: false, capturable: false };
    optimizer.loadStateDict({ ...saved, param_groups: [foreign] });
  });
});

test("a failing update leaves every parameter as it was", () => {
  const [a, b] = [leaf(), leaf()];
  const { rule, RuleOptimizer, checks } = optim;
  interface Options {
    lr: number;
  }
  let calls = 0;
  const half = rule({
    options: { lr: checks.option<number>(1, checks.learningRate) },
    state: { velocity: {} },
    scalars: ({ lr }: Options) => ({ lr }),
    update({ param, grad, velocity }, { lr }) {
      calls++;
      if (calls === 2) throw new Error("the second time");
      if (calls === 3) return { param: param.sum() };
      const v = velocity?.mul(0.5).add(grad) ?? grad;
      return { param: param.sub(v.mul(lr)), velocity: v };
    },
  });
  class Half extends RuleOptimizer<Options> {
    constructor(params: optim.Params<Options>) {
      super(params, {}, half);
    }
  }
  const optimizer = new Half([a, b]);
  a.add(b).sum().backward();
  optimizer.step();
  expect(a.toArray()).toEqual([0, 1]);
  const before = stateOf(optimizer, [a, b]);
  expect(() => optimizer.step()).toThrow("the second time");
  expect(stateOf(optimizer, [a, b])).toBe(before);
  expect(() => optimizer.step()).toThrow(
    "Half: the update made float64 of shape [] where float64 of shape [2] is needed",
  );
  expect(stateOf(optimizer, [a, b])).toBe(before);
  optimizer.step();
  expect(a.toArray()).toEqual([-1.5, -0.5]);
});

describe("LBFGS", () => {
  test("needs a closure that returns a loss", () => {
    const x = leaf();
    const optimizer = new LBFGS([x]);
    const before = stateOf(optimizer, [x]);
    expect(() => (optimizer.step as () => unknown)()).toThrow("step() needs a closure");
    for (const returned of [undefined, null, "1", {}, []]) {
      expect(() => optimizer.step(() => returned)).toThrow("the closure must return the loss");
    }
    expect(() => optimizer.step(() => x.mul(2))).toThrow(
      "a Tensor with 2 elements cannot be converted to Scalar",
    );
    expect(stateOf(optimizer, [x])).toBe(before);
  });

  test("takes a number for the loss, or a loss of another dtype", () => {
    for (const lossOf of [(loss: Tensor) => loss.item(), (loss: Tensor) => tensor(loss.item())]) {
      const x = leaf();
      const optimizer = new LBFGS([x], { lineSearchFn: "strong_wolfe" });
      optimizer.step(() => {
        optimizer.zeroGrad();
        const loss = x.sub(3).pow(2).sum();
        loss.backward();
        return lossOf(loss);
      });
      for (const value of x.dataSync()) expect(value).toBeCloseTo(3, 6);
    }
  });

  test("takes a missing gradient for zeros", () => {
    const [x, y] = [leaf(), leaf()];
    const optimizer = new LBFGS([x, y], { lineSearchFn: "strong_wolfe" });
    optimizer.step(() => {
      optimizer.zeroGrad();
      const loss = x.pow(2).sum();
      loss.backward();
      return loss;
    });
    expect(y.toArray()).toEqual([1, 2]);
    for (const value of x.dataSync()) expect(value).toBeCloseTo(0, 6);
  });
});

test("toString shows the groups, an option a line", () => {
  const optimizer = new SGD([{ params: [leaf()] }, { params: [leaf()], lr: 0.5 }], { lr: 0.1 });
  expect(`${optimizer}`).toBe(
    [
      "SGD (",
      "Parameter Group 0",
      "    dampening: 0",
      "    lr: 0.1",
      "    maximize: false",
      "    momentum: 0",
      "    nesterov: false",
      "    weightDecay: 0",
      "",
      "Parameter Group 1",
      "    dampening: 0",
      "    lr: 0.5",
      "    maximize: false",
      "    momentum: 0",
      "    nesterov: false",
      "    weightDecay: 0",
      ")",
    ].join("\n"),
  );
  expect(`${new Adam([leaf()])}`).toContain("    betas: [0.9, 0.999]\n");
});

test("state with NaN says why JSON has lost it", () => {
  const params = [leaf([NaN])];
  const optimizer = new Adam(params);
  params[0]!.square().sum().backward();
  optimizer.step();
  const saved = JSON.parse(JSON.stringify(optimizer.stateDict())) as ReturnType<typeof optimizer.stateDict>;
  expect(() => optimizer.loadStateDict(saved)).toThrow(
    expect.objectContaining({
      code: "ERR_STATE",
      message: expect.stringMatching(/'exp_avg' of parameter 0 .* JSON has no NaN/) as unknown,
    }),
  );
});

test("a parameter that is added to a group's list a second time", () => {
  const x = tensor([1, 2], { requiresGrad: true });
  const optimizer = new optim.SGD([x], { lr: 0.1 });
  optimizer.paramGroups[0]!.params.push(x);
  x.sum().backward();
  expect(() => optimizer.step()).toThrow("some parameters appear more than once (SGD: see paramGroups)");
  expect(x.detach().toArray()).toEqual([1, 2]);
});
