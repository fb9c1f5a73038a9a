import { readFileSync } from "node:fs";
import { afterAll, describe, expect, test, vi } from "vitest";
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

type AnyClass = new (
  optimizer: unknown,
  options: unknown,
) => optim.lrScheduler.Scheduler & { step(metric?: number): void };

const { StepLR, ExponentialLR, CosineAnnealingLR, ReduceLROnPlateau } = optim.lrScheduler;
const classes = optim.lrScheduler as unknown as Record<string, AnyClass | undefined>;
const fresh = (lr = 0.1) => new optim.SGD([tensor([0], { requiresGrad: true })], { lr, momentum: 0.9 });
const lrOf = (optimizer: { paramGroups: { lr: number }[] }) => optimizer.paramGroups[0]!.lr;

/** A scheduler of each kind, with what its `step` is given. */
const kinds = {
  StepLR: (o: optim.SGD) => new StepLR(o, { stepSize: 2, gamma: 0.5 }),
  ExponentialLR: (o: optim.SGD) => new ExponentialLR(o, { gamma: 0.9 }),
  CosineAnnealingLR: (o: optim.SGD) => new CosineAnnealingLR(o, { tMax: 4, etaMin: 0.01 }),
  ReduceLROnPlateau: (o: optim.SGD) => new ReduceLROnPlateau(o, { patience: 1, cooldown: 1 }),
};

describe("PyTorch's learning rates", () => {
  const absent: string[] = [];
  for (const { scheduler: name, options, base_lr, metrics, lrs, momenta } of cases) {
    const Class = classes[name];
    if (Class === undefined) {
      absent.push(name);
      continue;
    }
    test(`${name} ${JSON.stringify(options)}`, () => {
      const optimizer = fresh(base_lr);
      const given = Object.entries(options).map(([option, value]) => [camelCase(option), value]);
      const scheduler = new Class(optimizer, Object.fromEntries(given));
      lrs.forEach((lr, epoch) => {
        expect(Math.abs(lrOf(optimizer) - lr), `epoch ${epoch}`).toBeLessThanOrEqual(1e-12);
        expect(optimizer.paramGroups[0]!.momentum).toBe(momenta[epoch]);
        expect(scheduler.getLastLr()).toEqual([lrOf(optimizer)]);
        if (epoch + 1 === lrs.length) return;
        optimizer.step();
        if (metrics === null) scheduler.step();
        else scheduler.step(metrics[epoch]);
      });
    });
  }
  afterAll(() => {
    for (const name of new Set(absent)) console.log(`${name} is not there yet`);
  });
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
  ["lastEpoch", () => new StepLR(fresh(), { stepSize: 1, lastEpoch: 0.5 }), "Invalid last_epoch value: 0.5"],
])("%s is refused", (_what, make, message) => {
  expect(make).toThrow(message);
});
