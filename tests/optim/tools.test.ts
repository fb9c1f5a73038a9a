// What surrounds an optimizer's steps: hooks, steps left out, reports; and faults that were found once.
import { expect, test } from "vitest";
import { finfo, iinfo, optim, tensor, type Tensor } from "../../lib/index.js";

const { Adam, AdamW, LBFGS, RMSprop, SGD } = optim;

const leaf = (data: number | number[] = [1, 2], dtype: "float32" | "float64" = "float64") =>
  tensor(data, { dtype, requiresGrad: true });
const loose = (value: unknown) => value as never;

test("hooks of steps are called in order, those of all optimizers outermost, until they are removed", () => {
  const x = leaf();
  const optimizer = new SGD([x], { lr: 1 });
  const calls: string[] = [];
  const note = (what: string) => (of: optim.Optimizer) => {
    expect(of).toBe(optimizer);
    calls.push(`${what} ${String(x.toArray())}`);
  };
  const handles = [
    optimizer.registerStepPostHook(note("after")),
    optimizer.registerStepPreHook(note("before")),
    optimizer.registerStepPreHook(note("before too")),
    optim.registerOptimizerStepPreHook(note("first")),
    optim.registerOptimizerStepPostHook(note("last")),
  ];
  x.sum().backward();
  optimizer.step();
  expect(calls).toEqual(["first 1,2", "before 1,2", "before too 1,2", "after 0,1", "last 0,1"]);
  for (const handle of handles) handle.remove();
  optimizer.step();
  expect(calls).toHaveLength(5);
});

test("a hook before a step may change gradients and options, and a bad option is refused", () => {
  const x = leaf();
  const optimizer = new SGD([x], { lr: 1 });
  optimizer.registerStepPreHook(() => {
    x.grad = tensor([1, 1], { dtype: "float64" });
    optimizer.paramGroups[0]!.lr = 0.5;
  });
  optimizer.step();
  expect(x.toArray()).toEqual([0.5, 1.5]);
  optimizer.registerStepPreHook(() => {
    optimizer.paramGroups[0]!.lr = -1;
  });
  expect(() => {
    optimizer.step();
  }).toThrow("Invalid learning rate: -1");
  expect(x.toArray()).toEqual([0.5, 1.5]);
});

test("hooks of states see them, may replace them, and can be put before others", () => {
  const optimizer = new SGD([leaf()], { lr: 1 });
  const calls: string[] = [];
  optimizer.registerStateDictPreHook(() => void calls.push("save"));
  optimizer.registerStateDictPostHook((_, state) => ({ ...state, note: calls.push("second") }) as never);
  optimizer.registerStateDictPostHook(() => void calls.push("first"), { prepend: true });
  const saved = optimizer.stateDict();
  expect(saved).toHaveProperty("note", 3);
  expect(calls).toEqual(["save", "first", "second"]);
  optimizer.registerLoadStateDictPreHook((_, { state, param_groups }) => ({
    state,
    param_groups: param_groups.map((group) => ({ ...group, lr: 0.25 })),
  }));
  optimizer.registerLoadStateDictPostHook(() => void calls.push("loaded"));
  optimizer.loadStateDict(saved);
  expect(optimizer.paramGroups[0]!.lr).toBe(0.25);
  expect(calls.at(-1)).toBe("loaded");
});

test("what is no hook is refused, and so is one that is asynchronous", () => {
  const optimizer = new SGD([leaf()]);
  expect(() => optimizer.registerStepPreHook(loose(3))).toThrow(
    "registerStepPreHook: expected a function, got 3",
  );
  expect(() => optimizer.registerStateDictPostHook(() => undefined, loose({ prepand: true }))).toThrow(
    "registerStateDictPostHook: unknown option 'prepand', did you mean 'prepend'?",
  );
  optimizer.registerStepPostHook(loose(async () => Promise.reject(new Error("later"))));
  expect(() => {
    optimizer.step();
  }).toThrow("registerStepPostHook: the callback returned a Promise");
});

test.each([NaN, Infinity])("a step whose gradient holds %d is left out on request", (bad) => {
  const [a, b] = [leaf(), leaf(3)];
  const optimizer = new Adam([a, b], { lr: 0.1 });
  optimizer.skipNonFinite = true;
  a.mul(tensor([1, bad], { dtype: "float64" }))
    .sum()
    .add(b)
    .sum()
    .backward();
  expect(optimizer.step(() => "closure")).toBe("closure");
  expect([a.toArray(), b.item(), optimizer.state.size, optimizer.skippedSteps]).toEqual([[1, 2], 3, 0, 1]);
  optimizer.zeroGrad();
  optimizer.step();
  a.sum().add(b).sum().backward();
  optimizer.step();
  expect(optimizer.skippedSteps).toBe(1);
  expect(a.toArray()).not.toEqual([1, 2]);
});

test("AdamW decouples, whatever is loaded or set", () => {
  const adam = new Adam([leaf()]);
  const adamw = new AdamW([leaf()]);
  adamw.loadStateDict(adam.stateDict());
  expect(adamw.paramGroups[0]!.decoupledWeightDecay).toBe(true);
  adamw.paramGroups[0]!.decoupledWeightDecay = false;
  expect(() => {
    adamw.step();
  }).toThrow("AdamW always decouples");
});

test("centered RMSprop keeps to variances that are not negative", () => {
  const x = leaf(1, "float32");
  const optimizer = new RMSprop([x], { centered: true, alpha: 0.5 });
  for (let i = 0; i < 60; ++i) {
    optimizer.zeroGrad();
    x.mul(1e4).sum().backward();
    optimizer.step();
  }
  expect(x.item()).not.toBeNaN();
});

const rosenbrock = (x: Tensor) =>
  x.at(1).sub(x.at(0).square()).square().mul(100).add(x.at(0).rsub(1).square());

/** Steps of an LBFGS, until nothing happens any more. */
function searched(x: Tensor, options: object, f: (x: Tensor) => Tensor, steps = 8): optim.LBFGS {
  const optimizer = new LBFGS([x], options);
  for (let i = 0; i < steps; ++i) {
    optimizer.step(() => {
      optimizer.zeroGrad();
      const loss = f(x).sum();
      loss.backward();
      return loss;
    });
  }
  return optimizer;
}
const wolfe = { lineSearchFn: "strong_wolfe" } as const;

test("LBFGS in float32 comes down from where products overflow", () => {
  const x = leaf([50, 45], "float32");
  searched(x, wolfe, (v) => v.exp().sub(v.mul(2)));
  for (const value of x.toArray() as number[]) expect(value).toBeCloseTo(Math.LN2, 3);
});

test("LBFGS searches with a single iteration too", () => {
  const x = leaf([-1.2, 1]);
  searched(x, { ...wolfe, maxIter: 1 }, rosenbrock, 60);
  for (const value of x.toArray() as number[]) expect(value).toBeCloseTo(1, 3);
});

test("LBFGS forgets a curvature that makes a steep slope flat", () => {
  const x = leaf([0.001]);
  searched(x, wolfe, (v) => v.sub(v.log()));
  expect((x.toArray() as number[])[0]).toBeCloseTo(1, 5);
});

test("LBFGS goes up as it goes down", () => {
  const [up, down] = [leaf([-1.2, 1]), leaf([-1.2, 1])];
  searched(down, wolfe, rosenbrock);
  const optimizer = searched(up, { ...wolfe, maximize: true }, (x) => rosenbrock(x).neg());
  expect(up.toArray()).toEqual(down.toArray());
  expect(up.toArray()).not.toEqual([-1.2, 1]);
  expect(optimizer.report!.loss).toBeCloseTo(0, 6);
});

test("LBFGS says how a step ended", () => {
  const square = (x: Tensor) => x.square();
  const reports = [
    searched(leaf([1]), {}, square, 1),
    searched(leaf([1]), {}, square, 3),
    searched(leaf([-1.2, 1]), { ...wolfe, maxEval: 3 }, rosenbrock, 1),
    searched(leaf([-1.2, 1]), { lr: 1e-3, maxIter: 4 }, rosenbrock, 1),
    searched(leaf([1]), { toleranceChange: 100 }, square, 1),
  ].map(({ report }) => [report!.reason, report!.iterations, report!.evaluations]);
  expect(reports).toEqual([
    ["toleranceGrad", 1, 2],
    ["toleranceGrad", 0, 1],
    ["maxEval", 1, 3],
    ["maxIter", 4, 4],
    ["slope", 1, 1],
  ]);
  expect(new LBFGS([leaf()]).report).toBeUndefined();
});

test("LBFGS keeps as many updates as the option says, also once it is changed", () => {
  const x = leaf([-1.2, 1]);
  const optimizer = searched(x, { lr: 0.01, historySize: 3 }, rosenbrock, 1);
  const lengthOf = () => (optimizer.state.get(x)!["oldDirs"] as Tensor[]).length;
  expect(lengthOf()).toBe(3);
  optimizer.paramGroups[0]!.historySize = 25;
  optimizer.step(() => {
    optimizer.zeroGrad();
    const loss = rosenbrock(x);
    loss.backward();
    return loss;
  });
  expect(lengthOf()).toBeGreaterThan(15);
  const saved = optimizer.stateDict();
  const other = new LBFGS([leaf([-1.2, 1])], { historySize: 2 });
  other.loadStateDict(saved);
  expect(other.stateDict()).toEqual(saved);
  optimizer.paramGroups[0]!.historySize = 2;
  optimizer.step(() => {
    optimizer.zeroGrad();
    const loss = rosenbrock(x);
    loss.backward();
    return loss;
  });
  expect(lengthOf()).toBe(2);
});

test("finfo and iinfo", () => {
  expect(finfo("float32")).toEqual({
    dtype: "float32",
    bits: 32,
    eps: 2 ** -23,
    max: 3.4028234663852886e38,
    min: -3.4028234663852886e38,
    smallestNormal: 2 ** -126,
    tiny: 2 ** -126,
    resolution: 1e-6,
  });
  expect(finfo()).toEqual(finfo("float32"));
  const of = (dtype: "float16" | "bfloat16" | "float64") => {
    const { bits, eps, max, tiny, resolution } = finfo(dtype);
    return [bits, eps, max, tiny, resolution];
  };
  expect(of("float16")).toEqual([16, 2 ** -10, 65504, 2 ** -14, 1e-3]);
  expect(of("bfloat16")).toEqual([16, 2 ** -7, 3.3895313892515355e38, 2 ** -126, 1e-2]);
  expect(of("float64")).toEqual([64, 2 ** -52, Number.MAX_VALUE, 2 ** -1022, 1e-15]);
  expect(iinfo("uint8")).toEqual({ dtype: "uint8", bits: 8, min: 0, max: 255 });
  expect(iinfo("int32")).toEqual({ dtype: "int32", bits: 32, min: -(2 ** 31), max: 2 ** 31 - 1 });
  expect(iinfo("int64")).toEqual({ dtype: "int64", bits: 64, min: -(2n ** 63n), max: 2n ** 63n - 1n });
  expect(() => finfo("int32")).toThrow("finfo() requires a floating point input type, got int32; use iinfo");
  expect(() => (iinfo as () => unknown)()).toThrow("requires an integer input type, got none");
  expect(() => iinfo("float32")).toThrow("iinfo() requires an integer input type, got float32; use finfo");
  expect(() => iinfo("bool")).toThrow("iinfo() requires an integer input type, got bool");
  expect(() => iinfo(loose("int7"))).toThrow("unknown dtype");
});
