// Whatever other code has put into Object.prototype is no option of anybody.
import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { expect, test } from "vitest";

/** Every word of the library's source: among them are the names of all options, given and inner ones. */
const words = new Set(
  readdirSync("lib", { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !/^(plot|cli)/.test(name))
    .flatMap((name) => readFileSync(`lib/${name}`, "utf8").match(/\b[a-zA-Z_]\w*\b/g)!),
);
// JavaScript itself looks for these in objects that do not have them.
const ofJavaScript = "return then get set value writable enumerable configurable toJSON".split(" ");
for (const name of [...ofJavaScript, ...Object.getOwnPropertyNames(Object.prototype)]) words.delete(name);

const program = `
  import * as adjoint from "adjoint";
  import { optim, tensor, zeros, nn } from "adjoint";
  const results = [];
  const note = (name, body) => {
    let value;
    try {
      value = body();
    } catch (error) {
      value = error.message;
    }
    results.push([name, value]);
  };
  const polluted = process.argv[1] === "polluted";
  const names = ${JSON.stringify([...words])};
  const made = [];
  const isOptimizer = (made) => typeof made === "function" && made.prototype instanceof optim.Optimizer && made !== optim.RuleOptimizer;
  const classes = Object.keys(optim).filter((name) => isOptimizer(optim[name]));
  // A matrix, which every optimizer takes.
  const start = () => tensor([[1, -2, 3]], { requiresGrad: true });
  const walk = (optimizer, x) => {
    for (let i = 0; i < 3; ++i) {
      const closure = () => {
        optimizer.zeroGrad();
        const loss = x.square().sum();
        loss.backward();
        return loss;
      };
      optimizer.step(closure);
    }
    return x.toArray();
  };
  // One that was there before, too.
  const early = classes.map((name) => {
    const x = start();
    return [name, x, new optim[name]([x], { lr: 0.01 })];
  });
  for (const [, x, optimizer] of early) walk(optimizer, x);
  if (polluted) for (const name of names) Object.prototype[name] = 1;
  for (const [name, x, optimizer] of early) note("early " + name, () => walk(optimizer, x));
  for (const name of classes) {
    note(name, () => {
      const x = start();
      return walk(new optim[name]([x], { lr: 0.01 }), x);
    });
    note(name + " with groups and state", () => {
      const x = start();
      const optimizer = new optim[name](name === "LBFGS" ? [x] : [{ params: [x], lr: 0.02 }], { lr: 0.01 });
      walk(optimizer, x);
      optimizer.loadStateDict(optimizer.stateDict());
      return walk(optimizer, x);
    });
  }
  for (const name of Object.keys(optim.lrScheduler).filter((name) => /LR$|Plateau$/.test(name) && name !== "SequentialLR"))
    note(name, () => {
      const x = start();
      const optimizer = new optim.SGD([x], { lr: 0.1 });
      const extra = { StepLR: { stepSize: 1 }, MultiStepLR: { milestones: [1] }, ExponentialLR: { gamma: 0.5 }, CosineAnnealingLR: { tMax: 3 }, CosineAnnealingWarmRestarts: { t0: 2 }, CyclicLR: { baseLr: 0.1, maxLr: 1 }, LambdaLR: { lrLambda: () => 0.5 }, MultiplicativeLR: { lrLambda: () => 0.5 }, OneCycleLR: { maxLr: 1, totalSteps: 9 }, SWALR: { swaLr: 0.1 } };
      const scheduler = new optim.lrScheduler[name](optimizer, Object.hasOwn(extra, name) ? extra[name] : {});
      walk(optimizer, x);
      if (name === "ReduceLROnPlateau") scheduler.step(1);
      else scheduler.step();
      return optimizer.paramGroups[0].lr;
    });
  note("creation", () => [zeros([2]).dtype, zeros([2]).requiresGrad, adjoint.full([1], 2, {}).requiresGrad, tensor([1, 2], {}).dtype]);
  note("reductions", () => [tensor([[1, 2], [3, 4]]).sum(1).shape, tensor([[1, 2]]).var(1, {}).toArray(), tensor([3, 1, 2]).sort(0, {}).values.toArray()]);
  note("softmax", () => nn.functional.softmin(tensor([1, 2]), 0).toArray());
  note("unknown", () => zeros([2], { bar: 1 }));
  note("gradients", () => {
    const x = tensor([2], { requiresGrad: true });
    x.square().sum().backward(undefined, {});
    return [x.grad.toArray(), x.grad.requiresGrad];
  });
  note("print", () => String(tensor([1.5])));
  for (const name of names) delete Object.prototype[name];
  console.log(JSON.stringify(results));`;

const results = (how: string) =>
  JSON.parse(
    execFileSync(process.execPath, ["--no-warnings", "--input-type=module", "-e", program, how], {
      encoding: "utf8",
    }),
  ) as [string, unknown][];

test("a polluted Object.prototype changes nothing", () => {
  const usual = results("usual");
  expect(usual.length).toBeGreaterThan(25);
  // Texts are errors, but for one: nothing is equal because it fails in both.
  expect(usual.filter(([, value]) => typeof value === "string").map(([name]) => name)).toEqual([
    "unknown",
    "print",
  ]);
  expect(results("polluted")).toEqual(usual);
});
