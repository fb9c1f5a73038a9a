// Calls every entry of the addon with hostile values: numbers that are no handles, arrays whose getters call other entries,
// objects that throw. Some calls are all hostile; in others one argument of a real call is. Nothing may end the process, and
// a computation afterwards is right. Prints how often entries were called.
//
//   node fuzz-entries.mjs --seed 1 --calls 20000 [--planted]
import { parseArgs } from "node:util";
import * as adjoint from "adjoint";
import { native, routines } from "../../dist/lib/native.js";

const { values: options } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    calls: { type: "string", default: "20000" },
    planted: { type: "boolean", default: false },
  },
});

const { autograd, cat, full, optim, realize, stack, tensor, where } = adjoint;

let state = Number(options.seed) | 0;
const below = (bound) => {
  state = (Math.imul(state, 1664525) + 1013904223) | 0;
  return Math.floor(((state >>> 8) / 2 ** 24) * bound);
};
const pick = (list) => list[below(list.length)];

const entries = Object.entries(native).filter(([, entry]) => typeof entry === "function");
if (options.planted)
  entries.push([
    "planted",
    () => {
      throw "what is no Error";
    },
  ]);

/** Arguments with which the library has called each entry without an error; the tensors are kept alive. */
const real = new Map(entries.map(([name]) => [name, []]));
const kept = [];
async function watchRealCalls() {
  const watched = (name, entry) =>
    function (...args) {
      const result = entry(...args);
      const calls = real.get(name);
      if (calls.length < 30) calls.push(args);
      return result;
    };
  const originals = { ...native };
  for (const [name, entry] of entries) native[name] = watched(name, entry);
  for (const [name, routine] of routines) routine.entry = watched(name, routine.entry);
  for (const dtype of ["float32", "float64", "int64"]) {
    const x = tensor([[1, 2, 3], [4, 5, 6]], { dtype }), square = tensor([[4, 1], [1, 3]], { dtype: "float64" }); // prettier-ignore
    const mask = x.gt(2), places = tensor([[0, 1], [1, 0]], { dtype: "int64" }), flat = tensor([0, 1], { dtype: "int64" }); // prettier-ignore
    kept.push(x, square, mask, places, flat);
    const { prototype } = adjoint.Tensor;
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(prototype)))
      for (const args of [
        [],
        [2],
        [x],
        [0],
        [0, 1],
        [[0]],
        [[3, 2]],
        [0, 1, 1],
        [0, places],
        [0, flat],
        [0, places, x],
        [mask],
        [x, x],
        ["1:"],
        [[1, 1]],
        [":", 0],
        [["1:"], 7],
        ["float64"],
      ])
        // prettier-ignore
        if (typeof value === "function" && !/^(constructor|dispose|cuda)$/.test(name))
          try {
            // In place they may give it another shape.
            const result = (name.endsWith("_") ? x.clone() : x)[name](...args);
            if (result instanceof Promise) await result;
            kept.push(result);
          } catch {
            // Not what this one takes.
          }
    const image = tensor(Array.from({ length: 16 }, (_, i) => i / 2)).reshape(1, 1, 4, 4);
    const columns = adjoint.nn.functional.unfold(image, 2);
    kept.push(
      image,
      columns,
      adjoint.nn.functional.fold(columns, 4, 2),
      adjoint.linalg.cholesky(square),
      adjoint.linalg.solveTriangular(square, square, { upper: true }),
      adjoint.linalg.solve(square, square),
      adjoint.linalg.lu(square),
      // Of these there are kernels for the CPU alone.
      adjoint.linalg.eigh(square.cpu()),
      adjoint.linalg.pinv(square.cpu()),
      cat([x, x], 0),
      stack([x, x], 1),
      where(mask, x, 1),
      square.matmul(square),
      full([2, 2], 3),
      adjoint.arange(5),
      adjoint.linspace(0, 1, 4),
      adjoint.eye(3),
      adjoint.rand([2]),
      adjoint.randn([2]),
    );
    realize([x, x.add(1)]);
    adjoint.explain(x.mul(3));
    adjoint.tidy(() => x.mul(2));
    adjoint.manualSeed(3);
    if (dtype === "int64") continue;
    const w = tensor([1, 2, 3], { dtype, requiresGrad: true });
    const [first] = autograd.grad(w.square().mul(w).sum(), [w], { createGraph: true });
    first.sum().backward();
    for (const name of ["SGD", "Adam", "RMSprop"]) {
      const optimizer = new optim[name]([w], { lr: 0.1 });
      for (let i = 0; i < 3; ++i) {
        optimizer.zeroGrad();
        w.square().sum().backward();
        optimizer.step();
      }
    }
    w.grad = null;
    adjoint.setDefaultDtype("float32");
    adjoint.setNumThreads(adjoint.getNumThreads());
    kept.push(w, first);
  }
  Object.assign(native, originals);
}

/** Handles with the objects that keep them alive. */
const live = [];

const anew = () => {
  const object = {};
  const length = 1 + below(6);
  const dtype = pick(["float32", "float64", "int64"]);
  const data = dtype === "int64" ? new BigInt64Array(length) : Float64Array.from({ length }, (_, i) => i - 2);
  return { object, handle: native.fromArray(object, data, null, false, 0) };
};
const handle = () => (live.length > 0 ? pick(live).handle : 0);

let depth = 0;
/** Calls any entry, from within a getter of another's argument. */
const meddle = () => {
  if (depth > 2) return handle();
  ++depth;
  try {
    callAny();
  } finally {
    --depth;
  }
  return pick([handle(), -1, 2 ** 32, {}, "x", undefined]);
};
const trap = () => {
  throw new Error("trap");
};

const values = [
  () => undefined,
  () => null,
  () => true,
  () => pick([0, -0, 1, -1, 2, 3, 1.5, NaN, Infinity]),
  () => pick([2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53, -(2 ** 53), 1e300]),
  () => pick([3n, 2n ** 70n, -(2n ** 63n)]),
  () => pick(["", "text", "...", "sin"]),
  () => Symbol("s"),
  () => ({}),
  () =>
    pick([
      [],
      [0],
      [-1, 1],
      [NaN],
      [2 ** 40, 2 ** 40],
      [undefined, null, "x"],
      [[0, 1, 1]],
      [["x"]],
      [1, 2, 3],
    ]),
  () => new Array(3),
  () => Array.from({ length: 40 }, () => 1),
  () =>
    pick([
      new Float32Array(2),
      new Float64Array(0),
      Uint32Array.of(0, 1, 2, 3),
      new Uint8Array([1, 2]),
      new BigInt64Array(2),
    ]),
  () => new DataView(new ArrayBuffer(4)),
  () => new Float32Array(new SharedArrayBuffer(8)),
  () => {
    const array = new Float64Array(4);
    structuredClone(array.buffer, { transfer: [array.buffer] });
    return array; // whose buffer is gone
  },
  () => new Proxy([1], { get: trap }),
  () => new Proxy({}, { get: trap }),
  () => Object.create(null),
  () => ({ valueOf: () => 1, toString: trap }),
  () => () => 1,
  () => Object.freeze({}),
  () => Object.defineProperty([handle(), handle()], 0, { get: meddle, enumerable: true }),
  () => Object.defineProperty([{}, {}], 1, { get: meddle, enumerable: true }),
  () => Object.defineProperty([1, 2], "length", { value: 5000 }),
  () => ({ length: 2 ** 31, 0: handle() }),
];
/** What lets a call come further than its first argument. */
const fitting = [
  () => ({}),
  handle,
  handle,
  handle,
  () => [handle()],
  () => [handle(), handle()],
  () => below(4),
  () => -1,
  () => [2, 3],
  () => [0],
  () => null,
  () => pick([true, false]),
  () => 0.5,
  () => "text",
];

/** What a result is tied to: a fresh object takes its place. */
const isPlain = (arg) =>
  typeof arg === "object" && arg !== null && !Array.isArray(arg) && !ArrayBuffer.isView(arg);
const called = new Map(entries.map(([name]) => [name, { returned: 0, threw: 0 }]));
const usual = { dtype: native.defaultDtype(), threads: native.threadCount() };
function callAny() {
  const [name, entry] = pick(entries);
  const calls = real.get(name) ?? [];
  let args;
  if (calls.length > 0 && below(4) > 0) {
    args = pick(calls).map((arg) =>
      isPlain(arg) ? {} : Array.isArray(arg) && arg.every(isPlain) ? arg.map(() => ({})) : arg,
    );
    const hostile = below(4); // mostly one, sometimes none
    if (hostile > 0) args[below(args.length + 1)] = pick(hostile < 3 ? values : fitting)();
  } else {
    args = Array.from({ length: below(7) }, () => pick(pick([values, fitting, fitting]))());
    if (typeof args[0] !== "object" && below(2) === 0) args.unshift({});
  }
  // More threads than anybody has would only take time.
  if (name === "setThreadCount" && typeof args[0] === "number" && args[0] > 4) return;
  // It is called in the midst of recording, so that what it is given is the library's own function alone.
  if (name === "setCallSite") args = [null];
  try {
    const result = entry(...args);
    ++called.get(name).returned;
    const [object] = args;
    if (result instanceof Promise) result.catch(() => undefined);
    else if (typeof result === "number" && result > 0 && object !== null && typeof object === "object") {
      live.push({ object, handle: result });
      if (live.length > 40) live.splice(below(live.length), 1);
    }
  } catch (error) {
    ++called.get(name).threw;
    if (!(error instanceof Error)) {
      console.error(`WRONG: ${name} threw ${String(error)}`);
      process.exit(1);
    }
  }
}

/** Leaves the modes that a call may have set, and computes what would not come out right if something were damaged. */
function stillWorks() {
  native.abandonRecording();
  for (let level = 0; level < 100; ++level) native.endLevel();
  native.endScope([]);
  native.setGradEnabled(true);
  native.setInference(false);
  native.setFused(true);
  native.setDefaultDtype(usual.dtype);
  native.setThreadCount(usual.threads);
  const x = tensor([1, 2, 3], { requiresGrad: true });
  const y = x.mul(x).sum();
  y.backward();
  const found = JSON.stringify([y.item(), x.grad.toArray(), x.at("1:").toArray()]);
  if (found === "[14,[2,4,6],[2,3]]") return;
  console.error(`WRONG: ${found}`);
  process.exit(1);
}

await watchRealCalls();
const calls = Number(options.calls);
for (let i = 0; i < calls; ++i) {
  if (i % 20 === 0) live.push(anew());
  callAny();
  if (i % 50 === 49) stillWorks();
  if (i % 1000 === 999) await new Promise((resolve) => setImmediate(resolve));
}
const counts = [...called.values()];
console.log(
  JSON.stringify({
    calls,
    entries: entries.length,
    returned: counts.reduce((sum, { returned }) => sum + returned, 0),
    neverReturned: [...called].filter(([, { returned }]) => returned === 0).map(([name]) => name),
    neverCalled: [...called]
      .filter(([, { returned, threw }]) => returned + threw === 0)
      .map(([name]) => name),
  }),
);
