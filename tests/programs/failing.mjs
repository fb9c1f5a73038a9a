// Lets every allocation of the addon fail in its turn, in one of the programs below, and looks at what is left. Prints
// how many have failed, or the first thing that is wrong. Runs under LD_PRELOAD of failing_allocations, with which it
// shares the file that FAILING_ALLOCATIONS names.
//
//   node failing.mjs PROGRAM [MOST [FAILURES IN A ROW]]
import { openSync, readSync, writeSync } from "node:fs";
import {
  arange,
  autograd,
  cat,
  eye,
  full,
  linalg,
  ones,
  optim,
  rand,
  realize,
  setNumThreads,
  tensor,
  tidy,
} from "adjoint";
import { native } from "../../dist/lib/native.js";

setNumThreads(2);
const [program, most = "100000", inARow = "1"] = process.argv.slice(2);

const file = openSync(process.env["FAILING_ALLOCATIONS"], "r+");
const words = new BigInt64Array(4);
/** The n-th allocation from now on fails; 0: none. */
const arm = (n) => {
  words.set([BigInt(n), BigInt(inARow), 0n, 0n]);
  writeSync(file, words, 0, words.byteLength, 0);
};
/** How many allocations have failed. */
const disarm = () => {
  readSync(file, words, 0, words.byteLength, 0);
  const failed = Number(words[3]);
  arm(0);
  return failed;
};

const wave = (length, phase = 0) => Float64Array.from({ length }, (_, i) => Math.sin(i * 0.7 + phase));
const same = (a, b) => a.length === b.length && a.every((value, i) => Object.is(value, b[i]));
const wrong = (what) => {
  throw new Error(`WRONG ${what}`);
};
const valuesOf = (tensors) => tensors.map((x) => Array.from(x.dataSync()));
const expectSame = (what, got, wanted) => {
  got.forEach((values, i) => {
    if (!same(values, wanted[i])) wrong(`${what}, ${i}`);
  });
};

/** A structure that no earlier plan has: a chain whose ops the bits of `n` choose. */
const chain = (x, n) => {
  for (let bits = n + 64; bits > 1; bits >>= 1) x = bits & 1 ? x.sin() : x.mul(0.5).add(1);
  return x;
};

// What is tried returns tensors, or a promise of typed arrays; it is tried once more without failures, which must give
// what it gives where nothing has ever failed. `n` makes structures differ.
const small = () => tensor(wave(64)).reshape(8, 8);
const large = tensor(wave(300_000));
const huge = full([9_000_000], 1);
realize([large, huge]);
const pure = {
  record: () => [small().add(1).mul(2), small().transpose(0, 1), cat([small(), small()]), small().at("1:3")],
  plan: (n) => [chain(tensor(wave(50)), n), chain(tensor(wave(50)), n).sum()],
  run: () => [small().sin().add(small()).sum(), small().exp().amax(1)],
  sums: () => [large.sum(), large.square().sum(), large.reshape(3, 100_000).amax(1)],
  routines: () => [
    large.sort().values,
    large.cumsum(0),
    small().matmul(small()),
    large.gather(0, arange(1000, { dtype: "int64" })),
    tensor(wave(40)).gt(0).nonzero(),
    linalg.cholesky(small().matmul(small().transpose(0, 1)).add(eye(8))),
    small().add(9).sort(0, { descending: true }).indices,
    rand([0]),
  ],
  gradients() {
    const x = tensor(wave(64), { requiresGrad: true });
    const [first] = autograd.grad(x.sin().mul(x).sum(), x, { createGraph: true });
    first.square().sum().backward();
    return [first.detach(), x.grad];
  },
  async reads() {
    // All is recorded before anything is read: else a promise would be left alone where recording fails.
    const x = tensor(wave(30_000)).sin();
    const [sum, more] = [x.sum(), x.add(1)];
    const [data, item, again] = await Promise.allSettled([x.data(), sum.itemAsync(), more.data()]);
    const problem = [data, item, again].find(({ status }) => status === "rejected");
    if (problem) throw problem.reason;
    return [data.value, Float64Array.of(item.value), again.value];
  },
  // Several works under way on the queue's thread, and memory asked for meanwhile.
  async works() {
    const promises = [1, 2, 3].map(async (k) => await huge.mul(k).sum().itemAsync());
    const results = await Promise.allSettled(promises);
    const other = ones([9_000_000]);
    realize(other);
    if (other.sum().item() !== 9_000_000) wrong("memory given away while it was still written");
    const problem = results.find(({ status }) => status === "rejected");
    if (problem) throw problem.reason;
    return [Float64Array.from(results, ({ value }) => value)];
  },
};

const options = { LBFGS: { maxIter: 3, historySize: 3 } };
/** What an optimizer of matrices alone is given. */
const shaped = { Muon: (data) => tensor(data).reshape(-1, 2).detach() };
/** One of each kind: what the others do natively is what one of these does. */
const optimizers = ["Adafactor", "Adagrad", "Adam", "AdamWScheduleFree", "LBFGS", "Muon", "SGD"];

/** Parameters of two sizes with their optimizer. */
function problem(name, extra = 0) {
  const sizes = name === "Muon" ? [30 + 2 * extra, 60 + 2 * extra] : [30 + extra, 60_000 + extra];
  const params = sizes.map((size, i) => (shaped[name] ?? tensor)(wave(size, i)).requiresGrad_());
  const optimizer = new optim[name](params, { lr: 1e-3, ...options[name] });
  const loss = () => params[0].square().sum().add(params[1].sin().sum());
  const closure = () => {
    optimizer.zeroGrad();
    const value = loss();
    value.backward();
    return value;
  };
  return { params, optimizer, closure };
}

/**
 * Steps in which an allocation fails, beside a twin's without. A step that throws leaves the parameters as they were,
 * and once more gives what it should have given.
 */
function stepper(name, { isRead = false, isNew = false }) {
  let [tried, twin] = [problem(name), problem(name)];
  const state = ({ params }) => valuesOf(params);
  return (n) => {
    if (isNew) [tried, twin] = [problem(name, n), problem(name, n)];
    for (const { closure } of [tried, twin]) {
      const loss = closure();
      if (isRead) loss.item();
    }
    const before = isRead ? state(tried) : null;
    arm(n);
    let failed;
    try {
      tried.optimizer.step();
      failed = disarm();
    } catch (error) {
      failed = disarm();
      if (error.code !== "ERR_HOST_OOM") wrong(`${name}: ${error.stack}`);
      if (before) expectSame(`${name}: a step that throws has changed its parameters`, state(tried), before);
      tried.optimizer.step();
    }
    twin.optimizer.step();
    expectSame(`${name}: parameters after allocation ${n} has failed`, state(tried), state(twin));
    return failed;
  };
}

/** The same of LBFGS, whose step moves its parameters in pieces: afterwards it can go on. */
function lbfgsStepper() {
  const { params, optimizer, closure } = problem("LBFGS");
  return (n) => {
    arm(n);
    try {
      optimizer.step(closure);
      return disarm();
    } catch (error) {
      const failed = disarm();
      if (error.code !== "ERR_HOST_OOM") wrong(`LBFGS: ${error.stack}`);
      if (!valuesOf(params).flat().every(Number.isFinite)) wrong("LBFGS: a parameter is not finite");
      const before = closure().item();
      if (!(optimizer.step(closure).item() <= before)) wrong("LBFGS: the loss has risen");
      return failed;
    }
  };
}

async function sweep(tryOne) {
  let total = 0;
  let since = 0;
  for (let n = 1; n <= Number(most) && since < 3; ++n) {
    const failed = await tryOne(n);
    total += failed;
    // The number of allocations may vary a little.
    since = failed === 0 ? since + 1 : 0;
  }
  return total;
}

const settled = async (made) => (Array.isArray(await made) ? await made : made);
const read = (results) => results.map((x) => Array.from(ArrayBuffer.isView(x) ? x : x.dataSync(), Number));

async function tryPure(name) {
  const body = pure[name];
  // What it gives where nothing has ever failed; the plans for that are forgotten.
  const always = body.length === 0 ? read(await settled(body())) : null;
  native.setFused(process.env["ADJOINT_FUSION"] !== "0");
  const expected = async (n) => always ?? read(await settled(body(n)));
  return async (n) => {
    let got = null;
    arm(n);
    try {
      got = await settled(body(n));
      if (!ArrayBuffer.isView(got[0])) realize(got);
    } catch (error) {
      disarm();
      if (error.code !== "ERR_HOST_OOM") wrong(`${name}, allocation ${n}: ${error.stack}`);
      expectSame(`${name} once more`, read(await settled(body(n))), await expected(n));
      return 1;
    }
    const failed = disarm();
    expectSame(`${name}, allocation ${n}`, read(got), await expected(n));
    return failed;
  };
}

/** Calls that must be possible once more, on the very same tensors: `prepare` makes them, without failures. */
const repeated = {
  grad: {
    prepare() {
      const xs = Array.from({ length: 40 }, (_, i) => tensor(wave(20, i), { requiresGrad: true }));
      return { xs, loss: xs.map((x) => x.sin().mul(x).sum()).reduce((a, b) => a.add(b)) };
    },
    call: ({ xs, loss }) => autograd.grad(loss, xs),
  },
  backward: {
    prepare() {
      const xs = Array.from({ length: 300 }, (_, i) => tensor(wave(20, i), { requiresGrad: true }));
      return { xs, loss: xs.map((x) => x.sin().mul(x).sum()).reduce((a, b) => a.add(b)) };
    },
    call({ xs, loss }) {
      loss.backward();
      return xs.map((x) => x.grad);
    },
  },
  "in place": {
    prepare: () => ({ x: tensor(wave(1000)) }),
    call({ x }) {
      x.mul_(2);
      return [x];
    },
  },
  set: {
    prepare: () => ({ x: tensor(wave(1000)).reshape(10, 100).clone() }),
    call({ x }) {
      x.set("1:3", 7);
      return [x];
    },
  },
  dispose: {
    prepare() {
      let last = tensor(wave(100));
      const first = last;
      for (let i = 0; i < 200; ++i) last = last.add(first);
      return { first, last };
    },
    call({ first, last }) {
      last.dispose();
      return [first];
    },
  },
  tidy: {
    prepare: () => ({ x: tensor(wave(100)) }),
    call: ({ x }) => [tidy(() => x.add(1).mul(x).sub(x.sin()))],
  },
};

function tryRepeated({ prepare, call }) {
  return (n) => {
    const wanted = read(call(prepare()));
    const given = prepare();
    let got;
    let failed;
    arm(n);
    try {
      got = call(given);
      failed = disarm();
    } catch (error) {
      failed = disarm();
      if (error.code !== "ERR_HOST_OOM") wrong(`allocation ${n}: ${error.stack}`);
      got = call(given);
    }
    expectSame(`allocation ${n}`, read(got), wanted);
    return failed;
  };
}

const programs = Object.fromEntries([
  ...Object.keys(pure).map((name) => [name, () => tryPure(name)]),
  ...optimizers
    .filter((name) => name !== "LBFGS")
    .flatMap((name) => [
      [name, () => stepper(name, {})],
      [`${name} with its loss read`, () => stepper(name, { isRead: true })],
      [`${name} in new shapes`, () => stepper(name, { isNew: true })],
    ]),
  ["LBFGS", lbfgsStepper],
  ...Object.entries(repeated).map(([name, one]) => [name, () => tryRepeated(one)]),
  // What this program must find.
  [
    "planted",
    () => (n) => {
      if (n === 7) wrong("a planted value");
      return 1;
    },
  ],
]);

if (program === undefined) console.log(JSON.stringify(Object.keys(programs)));
else console.log(await sweep(await programs[program]()));
