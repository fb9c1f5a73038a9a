// Optimizers beside what PyTorch's own suite of numbers says: those whose updates depend on shapes, and those that PyTorch
// does not have, beside their papers' formulas, a number at a time.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { optim, tensor, type Tensor } from "../../lib/index.js";
import { camelCase } from "../../lib/options.js";

type Nested = number | Nested[];
type Options = Record<string, unknown>;

interface Goldens {
  dense: { optimizer: "Adafactor" | "Muon"; options: Options; shape: number[]; steps: Nested[] }[];
  sparse: { options: Options; rows: number[][]; steps: Nested[] }[];
}

const goldens = JSON.parse(
  readFileSync(new URL("../goldens/optimizers-shapes.json", import.meta.url), "utf8"),
) as Goldens;

const ours = (options: Options) =>
  Object.fromEntries(Object.entries(options).map(([name, value]) => [camelCase(name), value])) as never;

const start = (shape: number[]) => {
  const count = shape.reduce((product, size) => product * size, 1);
  const values = Float64Array.from({ length: count }, (_, i) => Math.sin(i * 1.7 + 0.3));
  return tensor(values, { dtype: "float64" })
    .reshape(...shape)
    .detach()
    .requiresGrad_();
};

function expectClose(got: unknown, wanted: unknown, within: number, at: string): void {
  const [a, b] = [[got].flat(9) as number[], [wanted].flat(9) as number[]];
  expect(a.length).toBe(b.length);
  a.forEach((value, i) => {
    expect(Math.abs(value - b[i]!), `${at}: ${value}, not ${b[i]}`).toBeLessThanOrEqual(
      within * Math.max(1, Math.abs(b[i]!)),
    );
  });
}

describe("PyTorch's steps, of many shapes", () => {
  test.each(
    goldens.dense.map((golden) => [golden.optimizer, JSON.stringify(golden.options), golden] as const),
  )("%s %s", (_name, _options, { optimizer: name, options, shape, steps }) => {
    const x = start(shape);
    const optimizer = new optim[name]([x], ours(options));
    steps.forEach((wanted, i) => {
      optimizer.zeroGrad();
      const sums = shape.length > 0 ? x.sum(-1, { keepdim: true }) : x;
      x.pow(4).div(4).sub(x.mul(2).cos()).add(sums.square().div(8)).sum().backward();
      optimizer.step();
      expectClose(x.toArray(), wanted, name === "Muon" ? 2e-2 : 1e-10, `[${shape.join(", ")}], step ${i}`);
    });
  });

  test.each(goldens.sparse)("SparseAdam $options", ({ options, rows, steps }) => {
    const table = start([6, 3]);
    const optimizer = new optim.SparseAdam([table], ours(options));
    rows.forEach((step, i) => {
      optimizer.zeroGrad();
      table.at(step).pow(3).sum().backward();
      optimizer.step();
      expectClose(table.toArray(), steps[i], 1e-12, `step ${i}`);
    });
  });
});

/** One number and its state; `next` is a step from a gradient. */
type Reference = (x: number) => { next(grad: number): number };

const lion =
  (lr: number, beta1: number, beta2: number, decay: number): Reference =>
  (x) => {
    let m = 0;
    return {
      next(grad) {
        x = x * (1 - lr * decay) - lr * Math.sign(beta1 * m + (1 - beta1) * grad);
        m = beta2 * m + (1 - beta2) * grad;
        return x;
      },
    };
  };

const adan =
  (
    lr: number,
    [b1, b2, b3]: [number, number, number],
    eps: number,
    decay: number,
    noProx: boolean,
  ): Reference =>
  (x) => {
    let [m, d, n, t] = [0, 0, 0, 0];
    let before: number | undefined;
    return {
      next(grad) {
        ++t;
        const change = before === undefined ? 0 : grad - before;
        before = grad;
        m = b1 * m + (1 - b1) * grad;
        d = b2 * d + (1 - b2) * change;
        n = b3 * n + (1 - b3) * (grad + b2 * change) ** 2;
        const root = Math.sqrt(n / (1 - b3 ** t)) + eps;
        const step = (lr * (m / (1 - b1 ** t) + (b2 * d) / (1 - b2 ** t))) / root;
        x = noProx ? x * (1 - lr * decay) - step : (x - step) / (1 + lr * decay);
        return x;
      },
    };
  };

const scheduleFree =
  (
    lr: number,
    [b1, b2]: [number, number],
    eps: number,
    decay: number,
    warmup: number,
    r: number,
  ): Reference =>
  (x) => {
    let [y, z, v, sum, largest, t] = [x, x, 0, 0, 0, 0];
    return {
      next(grad) {
        ++t;
        const rate = lr * Math.min(1, warmup === 0 ? 1 : t / warmup);
        largest = Math.max(largest, rate);
        const weight = t ** r * largest ** 2;
        sum += weight;
        v = b2 * v + (1 - b2) * grad ** 2;
        const step = grad / (Math.sqrt(v / (1 - b2 ** t)) + eps) + decay * y;
        z -= rate * step;
        // Of the average x, which y is a part of.
        x += (weight / sum) * (z - x);
        y = (1 - b1) * z + b1 * x;
        return y;
      },
    };
  };

const slopeAt = (x: number) => x ** 3 + Math.sin(3 * x);
const lossOf = (x: Tensor) => x.pow(4).div(4).sub(x.mul(3).cos().div(3)).sum();

test.each<[string, (x: Tensor) => optim.Optimizer, Reference]>([
  [
    "Lion",
    (x) => new optim.Lion([x], { lr: 0.01, betas: [0.8, 0.95], weightDecay: 0.1 }),
    lion(0.01, 0.8, 0.95, 0.1),
  ],
  [
    "Adan",
    (x) => new optim.Adan([x], { lr: 0.02, betas: [0.9, 0.8, 0.95], eps: 1e-6, weightDecay: 0.1 }),
    adan(0.02, [0.9, 0.8, 0.95], 1e-6, 0.1, false),
  ],
  [
    "Adan without the proximal step",
    (x) => new optim.Adan([x], { lr: 0.02, weightDecay: 0.1, noProx: true }),
    adan(0.02, [0.98, 0.92, 0.99], 1e-8, 0.1, true),
  ],
  [
    "AdamWScheduleFree",
    (x) => new optim.AdamWScheduleFree([x], { lr: 0.05, weightDecay: 0.1, warmupSteps: 4, r: 0.5 }),
    scheduleFree(0.05, [0.9, 0.999], 1e-8, 0.1, 4, 0.5),
  ],
])("%s does what its paper says", (_name, make, reference) => {
  const values = [1.5, -0.7, 0.2, 3];
  const x = tensor(values, { dtype: "float64", requiresGrad: true });
  const optimizer = make(x);
  const references = values.map(reference);
  let wanted = values;
  for (let step = 0; step < 25; ++step) {
    optimizer.zeroGrad();
    lossOf(x).backward();
    optimizer.step();
    wanted = wanted.map((value, i) => references[i]!.next(slopeAt(value)));
    expectClose(x.toArray(), wanted, 1e-11, `step ${step}`);
  }
});

test("LAMB does what its paper says, for each parameter as a whole", () => {
  const [lr, b1, b2, eps, decay] = [0.05, 0.9, 0.999, 1e-6, 0.1];
  const starts = [[1.5, -0.7], [0, 0, 0], [2]];
  const params = starts.map((data) => tensor(data, { dtype: "float64", requiresGrad: true }));
  const optimizer = new optim.LAMB(params, { lr, weightDecay: decay });
  const norm = (x: number[]) => Math.sqrt(x.reduce((sum, value) => sum + value * value, 0));
  const states = starts.map((x) => ({ x, m: x.map(() => 0), v: x.map(() => 0) }));
  for (let t = 1; t <= 20; ++t) {
    optimizer.zeroGrad();
    params
      .map((x) => lossOf(x.add(0.1)))
      .reduce((sum, loss) => sum.add(loss))
      .backward();
    optimizer.step();
    for (const state of states) {
      const grad = state.x.map((x) => slopeAt(x + 0.1));
      state.m = state.m.map((m, i) => b1 * m + (1 - b1) * grad[i]!);
      state.v = state.v.map((v, i) => b2 * v + (1 - b2) * grad[i]! ** 2);
      const step = state.m.map(
        (m, i) => m / (1 - b1 ** t) / (Math.sqrt(state.v[i]! / (1 - b2 ** t)) + eps) + decay * state.x[i]!,
      );
      const [size, stepSize] = [norm(state.x), norm(step)];
      const ratio = size === 0 || stepSize === 0 ? 1 : size / stepSize;
      state.x = state.x.map((x, i) => x - lr * ratio * step[i]!);
    }
    params.forEach((x, i) => {
      expectClose(x.toArray(), states[i]!.x, 1e-11, `step ${t}`);
    });
  }
});

test("AdamWScheduleFree shows its average, and refuses steps from there", () => {
  const x = tensor([1.5, -0.7], { dtype: "float64", requiresGrad: true });
  const optimizer = new optim.AdamWScheduleFree([x], { lr: 0.1 });
  const step = () => {
    optimizer.zeroGrad();
    lossOf(x).backward();
    optimizer.step();
  };
  for (let i = 0; i < 10; ++i) step();
  const [y, z] = [x.toArray() as number[], (optimizer.state.get(x)!["z"] as Tensor).toArray() as number[]];
  optimizer.eval();
  optimizer.eval();
  // y = (1 - beta1) z + beta1 x
  const average = y.map((value, i) => (value - 0.1 * z[i]!) / 0.9);
  expectClose(x.toArray(), average, 1e-12, "the average");
  expect(step).toThrow("Optimizer was not in train mode when step is called");
  const saved = optimizer.stateDict();
  optimizer.train();
  expectClose(x.toArray(), y, 1e-12, "back");
  step();
  // A saved state knows where the parameters are.
  const other = new optim.AdamWScheduleFree([tensor(average, { dtype: "float64", requiresGrad: true })]);
  other.loadStateDict(saved);
  expect(other.paramGroups[0]!.trainMode).toBe(false);
});
