import { readFileSync } from "node:fs";
import { describe, expect, test, vi } from "vitest";
import { optim, tensor } from "../../lib/index.js";
import { camelCase } from "../../lib/options.js";

interface Case {
  scheduler: string;
  options: Record<string, unknown>;
  base_lr: number;
  base_momentum: number;
  metrics: number[] | null;
  lrs: number[];
  momenta: number[];
}

const { cases } = JSON.parse(
  readFileSync(new URL("../goldens/schedulers.json", import.meta.url), "utf8"),
) as {
  cases: Case[];
};

type AnyScheduler = optim.lrScheduler.Scheduler & { step(metric?: number): void };
type AnyClass = new (optimizer: unknown, options?: unknown) => AnyScheduler;

const {
  ChainedScheduler,
  ConstantLR,
  CosineAnnealingLR,
  CosineAnnealingWarmRestarts,
  CyclicLR,
  ExponentialLR,
  getConstantScheduleWithWarmup,
  getCosineScheduleWithWarmup,
  getLinearScheduleWithWarmup,
  LambdaLR,
  LinearLR,
  MultiplicativeLR,
  MultiStepLR,
  OneCycleLR,
  PolynomialLR,
  ReduceLROnPlateau,
  SequentialLR,
  StepLR,
  SWALR,
} = optim.lrScheduler;
const classes = optim.lrScheduler as unknown as Record<string, AnyClass>;
const fresh = (lr = 0.1) => new optim.SGD([tensor([0], { requiresGrad: true })], { lr, momentum: 0.9 });
const lrOf = (optimizer: { paramGroups: { lr: number }[] }) => optimizer.paramGroups[0]!.lr;

/** A scheduler of each kind, with what its `step` is given. */
const kinds = {
  StepLR: (o: optim.SGD) => new StepLR(o, { stepSize: 2, gamma: 0.5 }),
  ExponentialLR: (o: optim.SGD) => new ExponentialLR(o, { gamma: 0.9 }),
  CosineAnnealingLR: (o: optim.SGD) => new CosineAnnealingLR(o, { tMax: 4, etaMin: 0.01 }),
  MultiStepLR: (o: optim.SGD) => new MultiStepLR(o, { milestones: [2, 5, 5, 12], gamma: 0.5 }),
  ConstantLR: (o: optim.SGD) => new ConstantLR(o, { factor: 0.25, totalIters: 9 }),
  LinearLR: (o: optim.SGD) => new LinearLR(o, { startFactor: 0.25, endFactor: 0.75, totalIters: 11 }),
  PolynomialLR: (o: optim.SGD) => new PolynomialLR(o, { totalIters: 15, power: 1.5 }),
  LambdaLR: (o: optim.SGD) => new LambdaLR(o, { lrLambda: (epoch) => 1 / (1 + epoch) }),
  MultiplicativeLR: (o: optim.SGD) => new MultiplicativeLR(o, { lrLambda: (epoch) => 1 - epoch / 100 }),
  CosineAnnealingWarmRestarts: (o: optim.SGD) =>
    new CosineAnnealingWarmRestarts(o, { t0: 3, tMult: 2, etaMin: 0.01 }),
  CyclicLR: (o: optim.SGD) =>
    new CyclicLR(o, { baseLr: 0.1, maxLr: 1, stepSizeUp: 3, stepSizeDown: 4, mode: "exp_range", gamma: 0.9 }),
  OneCycleLR: (o: optim.SGD) => new OneCycleLR(o, { maxLr: 1, epochs: 5, stepsPerEpoch: 5 }),
  SWALR: (o: optim.SGD) => new SWALR(o, { swaLr: 0.02, annealEpochs: 9 }),
  "warm-up": (o: optim.SGD) => getCosineScheduleWithWarmup(o, { numWarmupSteps: 5, numTrainingSteps: 18 }),
  SequentialLR: (o: optim.SGD) =>
    new SequentialLR(o, {
      schedulers: [new LinearLR(o), new StepLR(o, { stepSize: 2 }), new ExponentialLR(o, { gamma: 0.9 })],
      milestones: [5, 10],
    }),
  ChainedScheduler: (o: optim.SGD) =>
    new ChainedScheduler([
      new ConstantLR(o, { factor: 0.5, totalIters: 9 }),
      new ExponentialLR(o, { gamma: 0.9 }),
    ]),
  ReduceLROnPlateau: (o: optim.SGD) => new ReduceLROnPlateau(o, { patience: 1, cooldown: 1 }),
};

/** The functions of the goldens, as they stand there in Python. */
const lambdas: Record<string, (epoch: number) => number> = {
  "1 / (1 + epoch)": (epoch) => 1 / (1 + epoch),
  "0.95 if epoch % 2 else 1.01": (epoch) => (epoch % 2 === 1 ? 0.95 : 1.01),
};

/** A scheduler of the goldens; parts of others stand there as in `ConstantLR(factor=0.1, total_iters=4)`. */
function made(name: string, optimizer: optim.SGD, given: Record<string, unknown>): AnyScheduler {
  const options: Record<string, unknown> = Object.fromEntries(
    Object.entries(given).map(([option, value]) => [camelCase(option), value]),
  );
  if (typeof options["lrLambda"] === "string") options["lrLambda"] = lambdas[options["lrLambda"]];
  if (Array.isArray(options["schedulers"]))
    options["schedulers"] = (options["schedulers"] as string[]).map((text) => {
      const [, part, args] = /^(\w+)\((.*)\)$/.exec(text)!;
      const pairs = args!.split(", ").map((pair) => pair.split("=") as [string, string]);
      const numbers = pairs.map(([key, value]) => [key, Number(value)] as const);
      return made(part!, optimizer, Object.fromEntries(numbers));
    });
  if (name === "ChainedScheduler") return new classes[name]!(options["schedulers"]);
  return new classes[name]!(optimizer, options);
}

describe("PyTorch's learning rates", () => {
  for (const { scheduler: name, options, base_lr, metrics, lrs, momenta } of cases) {
    test(`${name} ${JSON.stringify(options)}`, () => {
      const optimizer = fresh(base_lr);
      const scheduler = made(name, optimizer, options);
      lrs.forEach((lr, epoch) => {
        expect(Math.abs(lrOf(optimizer) - lr), `epoch ${epoch}`).toBeLessThanOrEqual(1e-12);
        expect(optimizer.paramGroups[0]!.momentum).toBeCloseTo(momenta[epoch]!, 12);
        expect(scheduler.getLastLr()).toEqual([lrOf(optimizer)]);
        if (epoch + 1 === lrs.length) return;
        optimizer.step();
        if (metrics === null) scheduler.step();
        else scheduler.step(metrics[epoch]);
      });
    });
  }
});

test("a rate edited by hand survives, because the rates are chained", () => {
  const optimizer = fresh(1);
  const scheduler = new ExponentialLR(optimizer, { gamma: 0.5 });
  optimizer.step();
  optimizer.paramGroups[0]!.lr = 8;
  scheduler.step();
  expect(lrOf(optimizer)).toBe(4);
  expect(optimizer.paramGroups[0]!.initialLr).toBe(1);
});

test("two schedulers combine", () => {
  const optimizer = fresh(1);
  const schedulers = [new ExponentialLR(optimizer, { gamma: 0.5 }), new StepLR(optimizer, { stepSize: 2 })];
  const rates: number[] = [];
  for (let epoch = 0; epoch < 4; epoch++) {
    optimizer.step();
    for (const scheduler of schedulers) scheduler.step();
    rates.push(lrOf(optimizer));
  }
  [0.5, 0.025, 0.0125, 0.000625].forEach((rate, i) => expect(rates[i]).toBeCloseTo(rate, 14));
});

test("every group has its own rate", () => {
  const [a, b] = [tensor([0], { requiresGrad: true }), tensor([0], { requiresGrad: true })];
  const optimizer = new optim.SGD([{ params: [a] }, { params: [b], lr: 1 }], { lr: 0.5 });
  const scheduler = new StepLR(optimizer, { stepSize: 1, gamma: 0.5 });
  optimizer.step();
  scheduler.step();
  expect(scheduler.getLastLr()).toEqual([0.25, 0.5]);
});

describe.each(Object.entries(kinds))("%s", (_name, make) => {
  const advance = (scheduler: ReturnType<typeof make>, epoch: number) => {
    if (scheduler instanceof ReduceLROnPlateau) scheduler.step(epoch < 3 ? -epoch : 0);
    else scheduler.step();
  };

  test.each(["as it is", "through JSON"])(
    "goes on the same after its state was saved and loaded %s",
    (how) => {
      const one = fresh();
      const whole = make(one);
      const expected: number[] = [];
      let saved = { optimizer: one.stateDict(), scheduler: whole.stateDict() };
      for (let epoch = 0; epoch < 20; epoch++) {
        if (epoch === 7) saved = { optimizer: one.stateDict(), scheduler: whole.stateDict() };
        one.step();
        advance(whole, epoch);
        expected.push(lrOf(one));
      }
      if (how === "through JSON") saved = JSON.parse(JSON.stringify(saved)) as typeof saved;
      const two = fresh(3);
      const rest = make(two);
      two.loadStateDict(saved.optimizer);
      rest.loadStateDict(saved.scheduler);
      for (let epoch = 7; epoch < 20; epoch++) {
        two.step();
        advance(rest, epoch);
        expect(lrOf(two)).toBe(expected[epoch]);
      }
      expect(rest.stateDict()).toEqual(whole.stateDict());
    },
  );

  test("a state that does not fit changes nothing", () => {
    const scheduler = make(fresh());
    const before = scheduler.stateDict();
    const other = make(fresh(7));
    advance(other, 1);
    const good = other.stateDict();
    for (const wrong of [{}, { ...good, last_epoch: "3" }, { ...good, _last_lr: null }, { ...good, x: 1 }]) {
      expect(() => scheduler.loadStateDict(wrong)).toThrow();
      expect(scheduler.stateDict()).toEqual(before);
    }
    scheduler.loadStateDict(good);
    expect(scheduler.stateDict()).toEqual(good);
    expect(() => scheduler.loadStateDict(null as never)).toThrow("the state must be an object");
  });
});

test("the state has PyTorch's keys", () => {
  expect(Object.keys(kinds.CosineAnnealingLR(fresh()).stateDict()).sort()).toEqual(
    ["T_max", "_last_lr", "_step_count", "base_lrs", "eta_min", "last_epoch"].sort(),
  );
  expect(Object.keys(kinds.ReduceLROnPlateau(fresh()).stateDict())).toEqual(
    expect.arrayContaining(["min_lrs", "threshold_mode", "num_bad_epochs", "cooldown_counter", "best"]),
  );
});

test("ReduceLROnPlateau reads a Tensor, and takes NaN for no improvement", () => {
  const optimizer = fresh(1);
  const scheduler = new ReduceLROnPlateau(optimizer, { patience: 0, factor: 0.5 });
  scheduler.step(tensor([2]));
  scheduler.step(NaN);
  expect(scheduler.best).toBe(2);
  expect(lrOf(optimizer)).toBe(0.5);
  expect(() => scheduler.step(tensor([1, 2]))).toThrow("a number or a Tensor of one element");
  expect(() => scheduler.step("2" as never)).toThrow("a number or a Tensor of one element");
});

test("ReduceLROnPlateau does not go below minLr, of each group", () => {
  const [a, b] = [tensor([0], { requiresGrad: true }), tensor([0], { requiresGrad: true })];
  const optimizer = new optim.SGD([{ params: [a] }, { params: [b] }], { lr: 1 });
  const scheduler = new ReduceLROnPlateau(optimizer, { patience: 0, minLr: [0.5, 0] });
  for (let i = 0; i < 4; i++) scheduler.step(0);
  expect(scheduler.getLastLr()[0]).toBe(0.5);
  expect(scheduler.getLastLr()[1]).toBeCloseTo(1e-3, 12);
});

test("a schedule can be resumed with lastEpoch, where the group knows its initial rate", () => {
  const optimizer = fresh(1);
  expect(() => new StepLR(optimizer, { stepSize: 3, lastEpoch: 1 })).toThrow(
    "param 'initial_lr' is not specified in param_groups[0] when resuming an optimizer",
  );
  optimizer.paramGroups[0]!.initialLr = 1;
  const scheduler = new StepLR(optimizer, { stepSize: 3, gamma: 0.5, lastEpoch: 1 });
  expect([scheduler.lastEpoch, lrOf(optimizer)]).toEqual([2, 1]);
  optimizer.step();
  scheduler.step();
  expect(lrOf(optimizer)).toBe(0.5);
});

test("what PyTorch says of fractional epochs, of SWALR, of sequences, and of Adam's first beta", () => {
  // Computed with PyTorch 2.13.
  const close = (got: number[], wanted: number[]) => {
    expect(got).toHaveLength(wanted.length);
    got.forEach((value, i) => {
      expect(value).toBeCloseTo(wanted[i]!, 12);
    });
  };
  const optimizer = fresh(1);
  optimizer.step();
  const restarts = new CosineAnnealingWarmRestarts(optimizer, { t0: 2, tMult: 2, etaMin: 0.1 });
  const rates = [0.25, 0.5, 1.5, 2, 2.75, 5.9, 6, 7.5, 13.99, 14.5, undefined].map((epoch) => {
    restarts.step(epoch);
    return lrOf(optimizer);
  });
  close(
    rates,
    [
      0.9657457896300791, 0.8681980515339464, 0.23180194846605365, 1.0, 0.9241613255361454,
      0.10138719982009242, 1.0, 0.9241613255361454, 0.10000346977833825, 0.9978331270024886,
      0.9806231510794939,
    ],
  );

  const after = (make: (o: optim.SGD) => { step(): void }, steps: number) => {
    const o = fresh(1);
    o.step();
    const scheduler = make(o);
    return Array.from({ length: steps + 1 }, (_, i) => {
      if (i > 0) scheduler.step();
      return lrOf(o);
    });
  };
  const swaLr = 0.1;
  close(
    after((o) => new SWALR(o, { swaLr, annealEpochs: 4 }), 6),
    [1.0, 0.8681980515339464, 0.55, 0.23180194846605365, 0.1, 0.1, 0.1],
  );
  close(
    after((o) => new SWALR(o, { swaLr, annealEpochs: 4, annealStrategy: "linear" }), 6),
    [1.0, 0.775, 0.55, 0.325, 0.1, 0.1, 0.1],
  );
  close(
    after((o) => new SWALR(o, { swaLr, annealEpochs: 0 }), 1),
    [0.1, 0.1],
  );
  close(
    after(
      (o) =>
        new SequentialLR(o, {
          schedulers: [
            new MultiplicativeLR(o, { lrLambda: (epoch) => 0.9 - epoch / 100 }),
            new LinearLR(o, { totalIters: 2 }),
            new CyclicLR(o, { baseLr: 0.1, maxLr: 1, stepSizeUp: 2 }),
          ],
          milestones: [3, 6],
        }),
      10,
    ),
    [1.0, 0.89, 0.7832, 0.3333333333333333, 0.6666666666666666, 1.0, 0.1, 0.55, 1.0, 0.55, 0.1],
  );
  const adam = new optim.Adam([tensor([0], { requiresGrad: true })], { lr: 1 });
  adam.step();
  const cycle = new OneCycleLR(adam, { maxLr: 0.5, totalSteps: 6 });
  for (const [lr, beta] of [
    [0.020000000000000018, 0.95],
    [0.49720771772545586, 0.8505584586887436],
    [0.4058728269748815, 0.8688255099070633],
    [0.23131855133348753, 0.9037365046793212],
    [0.0667387650944153, 0.9366525935914912],
    [2e-6, 0.95],
  ] as [number, number][]) {
    const group = adam.paramGroups[0]!;
    close([group.lr, group.betas[0]], [lr, beta]);
    cycle.step();
  }
});

test("a group that is added later is scheduled like the others", () => {
  for (const [name, make] of Object.entries(kinds)) {
    const optimizer = fresh(1);
    const scheduler = make(optimizer);
    if (scheduler instanceof ReduceLROnPlateau) continue;
    optimizer.addParamGroup({ params: [tensor([0], { requiresGrad: true })], lr: 0.5 });
    optimizer.step();
    const second = optimizer.paramGroups[1]! as { lr: number; initialLr?: number };
    const rates = Array.from({ length: 10 }, () => {
      scheduler.step();
      return second.lr;
    });
    expect(new Set(rates).size, name).toBeGreaterThan(1);
    expect(second.initialLr, name).toBe(0.5);
  }
});

describe("lastEpoch", () => {
  type Options = { lastEpoch?: number };
  const resumable: Record<string, (o: optim.SGD, options: Options) => { step(): void }> = {
    StepLR: (o, options) => new StepLR(o, { stepSize: 3, gamma: 0.5, ...options }),
    MultiStepLR: (o, options) => new MultiStepLR(o, { milestones: [2, 5, 6], gamma: 0.5, ...options }),
    ExponentialLR: (o, options) => new ExponentialLR(o, { gamma: 0.9, ...options }),
    ConstantLR: (o, options) => new ConstantLR(o, { totalIters: 6, ...options }),
    LinearLR: (o, options) => new LinearLR(o, { totalIters: 9, ...options }),
    PolynomialLR: (o, options) => new PolynomialLR(o, { totalIters: 15, ...options }),
    CosineAnnealingLR: (o, options) => new CosineAnnealingLR(o, { tMax: 4, etaMin: 0.01, ...options }),
    CosineAnnealingWarmRestarts: (o, options) =>
      new CosineAnnealingWarmRestarts(o, { t0: 2, tMult: 2, ...options }),
    CyclicLR: (o, options) => new CyclicLR(o, { baseLr: 0.1, maxLr: 1, stepSizeUp: 3, ...options }),
    OneCycleLR: (o, options) => new OneCycleLR(o, { maxLr: 1, totalSteps: 30, ...options }),
    LambdaLR: (o, options) => new LambdaLR(o, { lrLambda: (epoch) => 1 / (1 + epoch), ...options }),
    MultiplicativeLR: (o, options) => new MultiplicativeLR(o, { lrLambda: () => 0.95, ...options }),
    SWALR: (o, options) => new SWALR(o, { swaLr: 0.02, annealEpochs: 9, ...options }),
  };

  test.each(Object.entries(resumable))("%s goes on as if nothing had happened", (_name, make) => {
    for (let epoch = 1; epoch < 12; ++epoch) {
      const whole = fresh(0.5);
      const scheduler = make(whole, {});
      whole.step();
      for (let i = 0; i < epoch; ++i) scheduler.step();
      const saved = whole.stateDict();
      const resume = (lastEpoch: number) => {
        const optimizer = fresh();
        optimizer.loadStateDict(saved);
        optimizer.step();
        return { optimizer, scheduler: make(optimizer, { lastEpoch }) };
      };
      // Whoever saves after the scheduler's step, and whoever saves before it.
      const [after, before] = [resume(epoch - 1), resume(epoch)];
      expect(lrOf(after.optimizer)).toBeCloseTo(lrOf(whole), 14);
      for (let i = 0; i < 9; ++i) {
        scheduler.step();
        after.scheduler.step();
        expect(lrOf(after.optimizer)).toBeCloseTo(lrOf(whole), 14);
        expect(lrOf(before.optimizer)).toBeCloseTo(lrOf(whole), 14);
        before.scheduler.step();
      }
    }
  });
});

test("ReduceLROnPlateau compares metrics below zero by their size", () => {
  const reduced = (mode: "min" | "max", metrics: number[]) => {
    const optimizer = fresh(1);
    const scheduler = new ReduceLROnPlateau(optimizer, { mode, patience: 2, threshold: 0.1 });
    for (const metric of metrics) scheduler.step(metric);
    return lrOf(optimizer) < 1;
  };
  expect(reduced("min", [-1, -1, -1, -1])).toBe(true);
  expect(reduced("min", [-1, -1.2, -1.5, -2, -2.5])).toBe(false);
  expect(reduced("min", [-1, -1.05, -1.05, -1.05])).toBe(true);
  expect(reduced("max", [-1, -1, -1, -1])).toBe(true);
  expect(reduced("max", [-2, -1.7, -1.5, -1.3, -1.1])).toBe(false);
  expect(reduced("max", [-1, -0.95, -0.95, -0.95])).toBe(true);
});

test("ReduceLROnPlateau asks for a bound of a group that was added later, where each has its own", () => {
  const optimizer = fresh(1);
  const scheduler = new ReduceLROnPlateau(optimizer, { patience: 0, minLr: [0.01] });
  optimizer.addParamGroup({ params: [tensor([0], { requiresGrad: true })], lr: 0.8 });
  expect(() => {
    scheduler.step(1);
  }).toThrow("expected 2 values for minLr, got 1 (ReduceLROnPlateau: one for each parameter group");
  expect(optimizer.paramGroups.map(({ lr }) => lr)).toEqual([1, 0.8]);
});

test("schedules with warm-up", () => {
  const rates = (make: (o: optim.SGD) => { step(): void }) => {
    const optimizer = fresh(2);
    optimizer.step();
    const scheduler = make(optimizer);
    return Array.from({ length: 7 }, () => {
      const lr = lrOf(optimizer);
      scheduler.step();
      return lr;
    });
  };
  const options = { numWarmupSteps: 2, numTrainingSteps: 6 };
  expect(rates((o) => getConstantScheduleWithWarmup(o, { numWarmupSteps: 2 }))).toEqual([
    0, 1, 2, 2, 2, 2, 2,
  ]);
  expect(rates((o) => getLinearScheduleWithWarmup(o, options))).toEqual([0, 1, 2, 1.5, 1, 0.5, 0]);
  rates((o) => getCosineScheduleWithWarmup(o, options)).forEach((lr, i) => {
    expect(lr).toBeCloseTo([0, 1, 2, 1 + Math.SQRT1_2, 1, 1 - Math.SQRT1_2, 0][i]!, 14);
  });
  expect(() => getLinearScheduleWithWarmup(fresh(), { numWarmupSteps: -1, numTrainingSteps: 1 })).toThrow(
    "Invalid number of steps: -1",
  );
});

test("stepping before the optimizer warns", () => {
  const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => undefined);
  const scheduler = new StepLR(fresh(), { stepSize: 3 });
  scheduler.step();
  scheduler.step();
  expect(warn).toHaveBeenCalledOnce();
  expect(warn.mock.calls[0]![0]).toContain("`lr_scheduler.step()` before `optimizer.step()`");
  warn.mockRestore();
});

test.each<[string, () => unknown, string]>([
  ["no optimizer", () => new StepLR({} as never, { stepSize: 1 }), "object is not an Optimizer"],
  ["no options", () => new StepLR(fresh(), undefined as never), "Invalid step_size value: NaN"],
  ["step size 0", () => new StepLR(fresh(), { stepSize: 0 }), "Invalid step_size value: 0"],
  ["gamma NaN", () => new ExponentialLR(fresh(), { gamma: NaN }), "Invalid gamma value: NaN"],
  ["gamma a word", () => new ExponentialLR(fresh(), { gamma: "1" as never }), "but got the string"],
  ["PyTorch's spelling", () => new StepLR(fresh(), { step_size: 1 } as never), "did you mean 'stepSize'?"],
  ["T_max", () => new CosineAnnealingLR(fresh(), { T_max: 1 } as never), "did you mean 'tMax'?"],
  ["tMax 0", () => new CosineAnnealingLR(fresh(), { tMax: 0 }), "Invalid T_max value: 0"],
  ["factor 1", () => new ReduceLROnPlateau(fresh(), { factor: 1 }), "Factor should be < 1.0."],
  ["mode", () => new ReduceLROnPlateau(fresh(), { mode: "down" as never }), 'mode must be "min" or "max"'],
  ["minLrs", () => new ReduceLROnPlateau(fresh(), { minLr: [0, 0] }), "expected 1 min_lrs, got 2"],
  ["milestones", () => new MultiStepLR(fresh(), {} as never), "milestones must be an array of epochs"],
  ["a milestone", () => new MultiStepLR(fresh(), { milestones: [1, -1] }), "Invalid milestone: -1"],
  [
    "factor 2",
    () => new ConstantLR(fresh(), { factor: 2 }),
    "Constant multiplicative factor expected to be between 0 and 1.: 2",
  ],
  [
    "startFactor 0",
    () => new LinearLR(fresh(), { startFactor: 0 }),
    "Starting multiplicative factor expected to be greater than 0 and less or equal to 1.: 0",
  ],
  [
    "endFactor 2",
    () => new LinearLR(fresh(), { endFactor: 2 }),
    "Ending multiplicative factor expected to be between 0 and 1.: 2",
  ],
  ["totalIters 0", () => new PolynomialLR(fresh(), { totalIters: 0 }), "Invalid total_iters value: 0"],
  [
    "no function",
    () => new LambdaLR(fresh(), {} as never),
    "lr_lambda should be a function, but got undefined",
  ],
  [
    "two functions",
    () => new LambdaLR(fresh(), { lrLambda: [() => 1, () => 1] }),
    "Expected 1 lr_lambdas, but got 2",
  ],
  [
    "a function of text",
    () => new MultiplicativeLR(fresh(), { lrLambda: (() => "1") as never }).step(),
    'lrLambda must return a number, but at epoch 1 it returned the string "1"',
  ],
  [
    "t0 0",
    () => new CosineAnnealingWarmRestarts(fresh(), { t0: 0 }),
    "Expected positive integer T_0, but got: 0",
  ],
  [
    "an epoch below 0",
    () => {
      new CosineAnnealingWarmRestarts(fresh(), { t0: 1 }).step(-1);
    },
    "Expected non-negative epoch, but got: -1",
  ],
  ["no bounds", () => new CyclicLR(fresh(), {} as never), "Invalid learning rate: NaN"],
  [
    "two bounds",
    () => new CyclicLR(fresh(), { baseLr: [0.1, 0.2], maxLr: 1 }),
    "expected 1 values for baseLr, got 2 (CyclicLR: one for each parameter group, or one number)",
  ],
  [
    "no momentum",
    () => new CyclicLR(new optim.Adagrad([tensor([0], { requiresGrad: true })]), { baseLr: 0.1, maxLr: 1 }),
    "optimizer must support momentum or beta1 with `cycle_momentum` option enabled",
  ],
  [
    "no number of steps",
    () => new OneCycleLR(fresh(), { maxLr: 1 }),
    "You must define either total_steps OR",
  ],
  [
    "too many steps",
    () => {
      const scheduler = new OneCycleLR(fresh(), { maxLr: 1, totalSteps: 2 });
      for (let i = 0; i < 3; ++i) scheduler.step();
    },
    "Tried to step 3 times. The specified number of total steps is 2",
  ],
  ["no parts", () => new ChainedScheduler([]), "ChainedScheduler expects at least one scheduler"],
  ["a part that is none", () => new ChainedScheduler([3 as never]), "schedulers[0] is no scheduler, but 3"],
  [
    "a part that needs a metric",
    () => new ChainedScheduler([new ReduceLROnPlateau(fresh()) as never]),
    "ChainedScheduler does not support `ReduceLROnPlateau` scheduler",
  ],
  [
    "parts of two optimizers",
    () => new ChainedScheduler([new ExponentialLR(fresh(), { gamma: 1 }), new ConstantLR(fresh())]),
    "ChainedScheduler expects all schedulers to belong to the same optimizer",
  ],
  [
    "no milestones",
    () => {
      const o = fresh();
      new SequentialLR(o, { schedulers: [new ConstantLR(o), new ConstantLR(o)], milestones: [] });
    },
    "Sequential Schedulers expects number of schedulers provided to be one more",
  ],
  [
    "an epoch where none is taken",
    () => {
      new StepLR(fresh(), { stepSize: 1 }).step(10 as never);
    },
    "StepLR: step() takes no epoch, but got 10; begin with lastEpoch instead",
  ],
  ["lastEpoch", () => new StepLR(fresh(), { stepSize: 1, lastEpoch: 0.5 }), "Invalid last_epoch value: 0.5"],
])("%s is refused", (_what, make, message) => {
  expect(make).toThrow(message);
});
