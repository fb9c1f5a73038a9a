import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { autograd, full, noGrad, onesLike, optim, realize, tensor, type Tensor } from "../../lib/index.js";
import { atMost } from "../helpers/effort.js";

// A step writes new values where old ones lie, if nobody can read those any more. Whatever was taken before must keep
// its value: programs are run once with everything read as soon as it is there, and once with all reads at the end.

/** A rule of a user's own, with several results from the same inputs, which change places. */
const swapping = optim.rule({
  state: { a: optim.zeroed, b: optim.zeroed, last: optim.zeroed },
  scalars: () => ({ quarter: 0.25 }),
  update: ({ param, grad, a, b }, { quarter }) => ({
    param: param.sub(grad.mul(quarter)).sub(b.mul(quarter)),
    a: b.add(param.mul(quarter)),
    b: a,
    last: param,
  }),
});

class Swapping extends optim.RuleOptimizer<object> {
  constructor(params: Tensor[]) {
    super(params, {}, swapping);
  }
}

const optimizers: ((params: Tensor[]) => optim.Optimizer)[] = [
  (params) => new optim.SGD(params, { lr: 0.1 }),
  (params) => new optim.SGD(params, { lr: 0.1, momentum: 0.9, nesterov: true }),
  (params) => new optim.Adam(params, { lr: 0.1, amsgrad: true }),
  (params) => new optim.RMSprop(params, { lr: 0.1, momentum: 0.5, centered: true }),
  (params) => new optim.Adagrad(params, { lr: 0.1 }),
  (params) => new optim.Adadelta(params, { lr: 1 }),
  (params) => new Swapping(params),
];

interface World {
  params: Tensor[];
  optimizers: optim.Optimizer[];
  /** What has been taken, and must not change. */
  taken: Tensor[];
  /** Losses whose history is still to be used. */
  losses: Tensor[];
}

type Action = (world: World, x: Tensor, choice: number) => void;

const steps: Action[] = [
  ({ optimizers }, _, choice) => optimizers[choice % optimizers.length]!.step(),
  ({ optimizers }, _, choice) => optimizers[choice % optimizers.length]!.step(),
  ({ optimizers }, _, choice) => optimizers[choice % optimizers.length]!.zeroGrad(),
  (_, x) => x.sin().mul(x).sum().backward(),
  ({ params, losses }, x, choice) => {
    const loss = x
      .exp()
      .mul(params[choice % params.length]!)
      .tanh()
      .sum();
    losses.push(loss);
  },
  ({ losses, taken }) => {
    const loss = losses.shift();
    if (!loss) return;
    loss.backward();
    taken.push(loss);
  },
];

const takes: Action[] = [
  ({ taken }, x) => taken.push(x.detach()),
  ({ taken }, x) => taken.push(x.clone().detach()),
  ({ taken }, x) => taken.push(x.detach().flip([0])),
  ({ taken }, x) => taken.push(x.detach().reshape([-1, 1])),
  ({ taken }, x) => taken.push(x.detach().narrow(0, 1, 2).mul(2)),
  // Views that share the memory of what they show, before the step and within its run.
  ({ taken }, x) => {
    const view = x.detach().reshape([-1, 1]);
    taken.push(view);
    realize(view);
  },
  ({ taken }, x) => {
    const view = x.reshape([1, -1]);
    view.backward(onesLike(view));
    taken.push(view);
  },
  ({ taken }, x) => taken.push(x.square().sum()),
  ({ taken }, x) => x.grad && taken.push(x.grad.detach()),
  ({ taken }, x) => x.grad && taken.push(x.grad.mul(x.detach())),
  ({ taken }, x) => taken.push(autograd.grad(x.pow(3).sum(), x)[0]!),
  ({ taken, optimizers }, _, choice) => {
    const { state } = optimizers[choice % optimizers.length]!.stateDict();
    for (const rows of Object.values(state))
      for (const value of Object.values(rows)) if (typeof value === "object") taken.push(value as Tensor);
  },
  ({ taken }) => realize(taken.slice(-3)),
  ({ taken }) => taken.length > 6 && taken.splice(0, 3).forEach((one) => one.dispose()),
];

const rebinds: Action[] = [
  // Two variables that hold one and the same value.
  ({ params }, x, choice) => noGrad(() => params[choice % params.length]!.copy_(x)),
  (_, x) => (x.grad = x.detach()),
  ({ params }, x, choice) => (x.grad = params[choice % params.length]!.grad?.detach() ?? null),
  ({ params, optimizers: all }, x, choice) => {
    if (all.length > 5) return;
    const twin = x.detach().requiresGrad_();
    params.push(twin);
    all.push(optimizers[choice % optimizers.length]!([x, twin]));
  },
  ({ taken }, x) => taken.length > 0 && noGrad(() => x.add_(taken.at(-1)!.sum().mul(0.01))),
  ({ optimizers }, _, choice) => {
    const one = optimizers[choice % optimizers.length]!;
    one.loadStateDict(one.stateDict());
  },
];

const actions = [...steps, ...takes, ...rebinds];

interface Instruction {
  action: number;
  param: number;
  choice: number;
}

const bits = (x: Tensor): string => {
  const { buffer } = x.detach().dataSync<Float32Array>();
  return Buffer.from(buffer).toString("latin1");
};

/** Everything that can be read at the end. */
function run(program: Instruction[], kind: number, elements: number, isEager: boolean): string[] {
  const start = full([elements], 0.5).clone();
  realize(start);
  const second = tensor(Float32Array.from({ length: elements }, (_, i) => Math.sin(i)));
  const params = [start.detach().requiresGrad_(), second.requiresGrad_()];
  const optimizer = optimizers[kind % optimizers.length]!(params);
  const world: World = { params, optimizers: [optimizer], taken: [start], losses: [] };
  const seen = new Map<Tensor, string>();
  for (const { action, param, choice } of program) {
    actions[action % actions.length]!(world, world.params[param % world.params.length]!, choice);
    if (!isEager) continue;
    for (const one of world.taken) {
      const now = bits(one);
      expect(seen.get(one) ?? now).toBe(now);
      seen.set(one, now);
    }
    for (const one of [...world.losses, ...world.params]) bits(one);
    for (const { grad } of world.params) if (grad) bits(grad);
  }
  const grads = world.params.flatMap(({ grad }) => grad ?? []);
  return [...world.taken, ...world.params, ...grads].map(bits);
}

const programs = fc.array(
  fc.record({ action: fc.nat(actions.length - 1), param: fc.nat(3), choice: fc.nat(9) }),
  { minLength: 4, maxLength: 40, size: "max" },
);

describe("values taken before a step", () => {
  test.each([
    [3, atMost(600, 100)],
    [5000, atMost(80, 15)],
    [100_000, atMost(20, 3)],
  ])("are kept, with %i elements", { timeout: 300_000 }, (elements, numRuns) => {
    fc.assert(
      fc.property(programs, fc.nat(optimizers.length - 1), (program, kind) => {
        const lazy = run(program, kind, elements, false);
        const eager = run(program, kind, elements, true);
        expect(lazy.length).toBe(eager.length);
        lazy.forEach((value, i) => expect(value === eager[i], `value ${i}`).toBe(true));
      }),
      { numRuns },
    );
  });
});
