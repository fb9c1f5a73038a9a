// Random programs over the whole public API: every function and every method that the library exports, with arguments that
// are mostly sensible. Which arguments a function takes is learned: a list of kinds that once worked is tried more often.
// Each error must be one of the library's. Prints a digest per program, of the bits of all that it left, and what was
// called how often; dies at the first thing that is wrong.
//
//   node fuzz.mjs --seed 1 --programs 100 --calls 60 [--reads none|some|all] [--planted error|bits]
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import * as adjoint from "adjoint";

const { values: options } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    programs: { type: "string", default: "20" },
    calls: { type: "string", default: "60" },
    reads: { type: "string", default: "some" },
    planted: { type: "string" },
  },
});
const { Tensor, autograd, manualSeed, noGrad, optim, setDefaultDtype, tensor } = adjoint;

/** Uniform random numbers in [0, 1) (mulberry32). */
function randomSource(seed) {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
let uniform = randomSource(0);
/** Reads draw their own numbers, so that programs are the same whatever is read when. */
let uniformOfReads = randomSource(0);
const below = (bound, source = uniform) => Math.floor(source() * bound);
const pick = (list, source = uniform) => list[below(list.length, source)];
const chance = (probability, source = uniform) => source() < probability;

// --- What is called --------------------------------------------------------------------------------------------

if (options.planted === "bits") {
  const { sum } = Tensor.prototype;
  Tensor.prototype.sum = function (...args) {
    const total = sum.apply(this, args);
    return adjoint.getNumThreads() > 1 && total.dtype === "float32" ? total.mul(1 + 2 ** -22) : total;
  };
}
if (options.planted === "error")
  Tensor.prototype.sin = () => {
    throw new TypeError("a planted error");
  };

/** What ends programs, changes what follows for all of them, takes functions, or is called by the programs themselves. */
const uncalled =
  /^(set[A-Z].*|cuda|cpu|dispose|constructor|manualSeed|seed|initialSeed|device|Tensor|Function|FunctionContext|RemovableHandle|func|noGrad|enableGrad|tidy|detectAnomaly|gradcheck|gradgradcheck|registerHook|registerPostAccumulateGradHook|retainGrad|optim|optim\..*)$/;

/** Every function that can be called, by name: methods get the tensor first. */
const callables = new Map();
for (const [name, { value, get }] of Object.entries(Object.getOwnPropertyDescriptors(Tensor.prototype))) {
  if (uncalled.test(name) || value?.name === "elsewhere") continue;
  if (typeof value === "function") callables.set(`x.${name}`, (x, args) => x[name](...args));
  else if (get) callables.set(`x.${name}`, (x) => x[name]);
}
(function collect(space, prefix) {
  for (const [name, value] of Object.entries(space)) {
    const path = prefix + name;
    if (uncalled.test(path) || uncalled.test(name)) continue;
    if (typeof value === "function") callables.set(path, (_, args) => value(...args));
    else if (value && typeof value === "object") collect(value, `${path}.`);
  }
})(adjoint, "");
const names = [...callables.keys()];

/** The declarations of everything but optimizers and plots, by path. */
const declarations = readdirSync("dist/lib", { recursive: true })
  .filter((name) => name.endsWith(".d.ts") && !/^(optim|plot|cli)/.test(name))
  .sort()
  .map((name) => [name, readFileSync(`dist/lib/${name}`, "utf8")]);
/** The options that they speak of, with their types. */
const optionTypes = new Map(
  declarations.flatMap(([, text]) =>
    [...text.matchAll(/^ {4}(\w+)\?: ([^;]+);/gm)].map(([, word, type]) => [word, type]),
  ),
);
const optionNames = [...optionTypes.keys()];
/** The parameters of functions and methods, as [name, type]: those of namespaces by their whole name. */
const declared = new Map();
for (const [path, text] of declarations)
  for (const [, head, name, list] of text.matchAll(
    /^(export declare function |function | {4})(\w+)(?:<.*?>)?\(([^)]*)\)/gm,
  )) {
    const space = /^(?:functional\/(?=special))?(nn\/functional|linalg|special)/
      .exec(path)?.[1]
      .replace("/", ".");
    const key = space ? `${space}.${name}` : name;
    const parameters = list
      .split(/, (?=(?:\.\.\.)?\w+\??: )/)
      .map((one) => /^(?:\.\.\.)?(\w+)\??: (.*)$/.exec(one)?.slice(1))
      .filter(Boolean);
    const isMethod = head === "    ";
    if (isMethod && path !== "tensor.d.ts") continue;
    // The tensor that a method is called on comes first.
    const whole = isMethod ? [["x", "Tensor"], ...parameters] : parameters;
    if (!declared.has(key) || declared.get(key).length < whole.length) declared.set(key, whole);
  }

// --- Arguments -------------------------------------------------------------------------------------------------

const dtypes = ["float32", "float64", "int32", "int64", "uint8", "bool"];
let pool = [];
const most = 20_000;
const count = (shape) => shape.reduce((product, size) => product * size, 1);

const sizes = () => Array.from({ length: below(4) }, () => pick([0, 1, 1, 2, 3, 4, 5, 7]));
const wave = (length) => {
  const [scale, phase] = [pick([0.3, 1.7, 9]), below(100)];
  return Array.from({ length }, (_, i) => Math.sin(i * 1.3 + phase) * scale);
};
function fresh() {
  const shape = chance(0.05) ? [pick([3000, 17_000])] : sizes();
  const dtype = pick(dtypes);
  const data = wave(count(shape)).map((value) =>
    dtype.startsWith("float") ? value : dtype === "uint8" ? Math.abs(Math.round(value)) : Math.round(value),
  );
  if (dtype.startsWith("float") && data.length > 0 && chance(0.15))
    data[below(data.length)] = pick([NaN, Infinity, -Infinity, -0, 0, 1e-42, 3e38]);
  const flat = tensor(dtype === "bool" ? data.map((value) => value > 0) : data, { dtype });
  return flat.reshape(shape);
}
const some = () => (pool.length > 0 ? pick(pool) : fresh());

/** Kinds of arguments; each is given the tensor that a method is called on. */
const kinds = {
  tensor: () => some(),
  alike: (x) =>
    pool.find((other) => other !== x && String(other.shape) === String(x.shape) && chance(0.5)) ?? x.neg(),
  mask: (x) => x.gt(0),
  positions: (x) => {
    const size = x.ndim > 0 ? Math.max(x.shape[0], 1) : 1;
    const length = below(6);
    return tensor(
      Array.from({ length }, () => below(size) - (chance(0.3) ? size : 0)),
      { dtype: "int64" },
    );
  },
  places: (x) => x.isnan().to("int64"),
  tensors: (x) => [x, x, ...(chance(0.5) ? [some()] : [])],
  number: () => pick([0, 0.5, -1.25, 2, 3, 1e-3, 100, -0.1]),
  whole: () => below(8) - 2,
  one: () => 1,
  truth: () => chance(0.5),
  big: () => BigInt(below(9) - 4),
  dim: (x) => below(Math.max(2 * x.ndim, 1)) - x.ndim,
  dims: (x) => Array.from({ length: below(x.ndim + 1) }, (_, i) => (chance(0.5) ? i : i - x.ndim)),
  order: (x) => x.shape.map((_, i) => (i + 1) % x.ndim),
  shape: (x) => pick([[-1], x.shape, x.shape.toReversed(), [...x.shape, 1], [1, -1], [2, -1]]),
  sizes,
  pair: () => [1 + below(3), 1 + below(3)],
  matrix: (x) => tensor(wave(9), { dtype: x.dtype === "float32" ? "float32" : "float64" }).reshape(3, 3),
  definite: () => tensor([[4, 1], [1, 3]], { dtype: pick(["float32", "float64"]) }), // prettier-ignore
  edge: () => pick([2, 4]),
  classes: () => tensor([0n, 1n, 0n]),
  half: () => 0.5,
  line: () => tensor(wave(5)),
  sequence: () => tensor(wave(24)).reshape(2, 3, 4),
  volume: () => tensor(wave(2 * 27 * 2)).reshape(1, 2, 3, 3, 6),
  edges: () => [2, 2],
  cube: () => [2, 2, 2],
  equation: () => pick(["ij,jk->ik", "ij,ij->", "i,j->ij", "ii"]),
  windows: () => tensor(wave(36)).reshape(1, 4, 9),
  image: () => tensor(wave(2 * 3 * 36)).reshape(2, 3, 6, 6),
  positive: () => [below(3), below(3)],
  range: () => pick([":", "1:", "::2", "...", ":-1", "1:3"]),
  index: () => pick([[0], [":", 0], ["..."], ["1:"], [-1]]),
  dtype: () => pick(dtypes),
  list: () => [[1, 2], [3, 4]], // prettier-ignore
  array: () => Float32Array.of(1, -2, 3),
  none: () => null,
  call: (x) => () => x.mul(2),
  scalar: (x) => x.sum(),
};
const kindNames = Object.keys(kinds);
const common = ["tensor", "alike", "places", "number", "whole", "dim", "sizes", "truth"];
function newOption() {
  const name = pick(optionNames);
  const type = optionTypes.get(name);
  // Of words among which one chooses.
  const words = [...type.matchAll(/"(\w+)"/g)].map(([, word]) => word);
  if (words.length > 0 && chance(0.8)) return [name, { word: pick(words) }];
  const suggested = likely.find(([pattern]) => pattern.test(`${name} ${type}`))?.[1];
  return [name, pick((chance(0.9) && suggested) || kindNames)];
}
/** What parameters are likely to take, by their names and by their types. */
const likely = [
  [/^(index|indices|target|sorter) /, ["positions", "places", "classes"]],
  [/^(mask|condition|attnMask) /, ["mask"]],
  [/^(dim|dim0|dim1|startDim|endDim|source|destination) .*number/, ["dim", "whole", "one"]],
  [/^(equation) /, ["equation"]],
  [/^(k|q|quantile|p|n) /, ["one", "number", "half"]],
  [/^(kernelSize|outputSize|stride|padding|widths) /, ["edge", "pair", "positive", "edges", "cube"]],
  [
    /^(a|b|A|B|input|mat1|mat2|batch1|batch2|vec|tensor1) Tensor/,
    ["definite", "matrix", "image", "sequence"],
  ],
  [/ (readonly )?Tensor\[\]| readonly Tensor/, ["tensors"]],
  [/ .*Tensor/, ["alike", "tensor", "scalar", "matrix", "definite", "image", "volume", "sequence", "line"]],
  [/ .*(Operand|Scalar|Factor)/, ["alike", "tensor", "number", "whole"]],
  [/ .*Dims/, ["dim", "dims", "none", "order"]],
  [/ .*(number\[\]|Listed|ShapeLike)/, ["shape", "sizes", "dims", "order", "pair"]],
  [/ .*number/, ["whole", "one", "number", "dim"]],
  [/ .*boolean/, ["truth"]],
  [/ .*DType/, ["dtype"]],
  [/ .*=>/, ["call"]],
  [/ .*Index/, ["range", "index", "whole", "positions"]],
];
const shapesOfSelf = [
  "definite",
  "matrix",
  "image",
  "volume",
  "sequence",
  "line",
  "tensor",
  "mask",
  "places",
];

/** What the declarations say of a callable's parameters: kinds for each, and whether options come last. */
function parametersOf(name) {
  const isMethod = name.startsWith("x.");
  const plain = name.replace(/^x\./, "");
  const found = declared.get(plain) ?? declared.get(plain.replace(/_$/, "")) ?? [];
  const own = isMethod ? found.slice(1) : found;
  const hasOptions = /options/i.test(own.at(-1)?.[0] ?? "");
  return {
    hasOptions,
    kinds: (hasOptions ? own.slice(0, -1) : own).map(
      ([word, type]) => likely.find(([pattern]) => pattern.test(`${word} ${type}`))?.[1] ?? kindNames,
    ),
  };
}

/**
 * Kinds of arguments: those that the declarations suggest, or any; the last may be names of options with theirs. And the
 * kind of the tensor that a method is called on, or none for what the program has.
 */
function newRecipe({ kinds: suggested, hasOptions }) {
  const args = chance(0.8)
    ? suggested.slice(0, chance(0.75) ? undefined : below(suggested.length + 1)).map((of) => pick(of))
    : Array.from({ length: below(4) }, () => pick(chance(0.5) ? common : kindNames));
  const self = chance(0.5) ? pick(shapesOfSelf) : null;
  if (!chance(hasOptions ? 0.4 : 0.1)) return { self, args };
  const length = 1 + below(2);
  args.push(Object.fromEntries(Array.from({ length }, newOption)));
  return { self, args };
}
const make = ({ args }, x) =>
  args.map((kind) =>
    typeof kind === "string"
      ? kinds[kind](x)
      : Object.fromEntries(Object.entries(kind).map(([name, of]) => [name, of.word ?? kinds[of](x)])),
  );
const parameters = new Map(names.map((name) => [name, parametersOf(name)]));
const learned = new Map(names.map((name) => [name, []]));
const worked = new Map(names.map((name) => [name, 0]));

// --- Programs --------------------------------------------------------------------------------------------------

let calls = 0;
const wrong = (what, error) => {
  console.error(`WRONG: ${what}: ${error?.stack ?? error}`);
  process.exit(1);
};

/** What `body` gives, or undefined where the library refuses; any other error is wrong. */
function attempt(what, body) {
  try {
    return body();
  } catch (error) {
    if (!(error instanceof Error) || !/^ERR_/.test(error.code ?? "")) wrong(what, error);
    trace.push(error.code);
    return undefined;
  }
}

const isAlive = (x) => {
  try {
    return x.ndim >= 0;
  } catch {
    return false;
  }
};

let trace = [];
const promises = [];
function keep(what, result) {
  if (result instanceof Promise) {
    promises.push(
      result.catch((error) => {
        if (!/^ERR_/.test(error?.code ?? "")) wrong(what, error);
      }),
    );
  } else keepAll(what, result);
}
function keepAll(what, result) {
  if (result instanceof Tensor) {
    if (pool.includes(result)) return;
    const size = result.numel();
    const small = size > most ? attempt(what, () => result.flatten().narrow(0, 0, 100)) : result;
    if (small) pool.push(small);
    if (pool.length > 16) pool.splice(below(pool.length), 1);
  } else if (Array.isArray(result) && result.length < 50) {
    for (const one of result) if (one instanceof Tensor) keepAll(what, one);
  } else if (result && typeof result === "object" && Object.getPrototypeOf(result) === Object.prototype) {
    for (const one of Object.values(result)) if (one instanceof Tensor) keepAll(what, one);
  }
}

function call() {
  // What has worked less often has a better chance.
  const name = [pick(names), pick(names), pick(names)].reduce((a, b) =>
    worked.get(a) <= worked.get(b) ? a : b,
  );
  const known = learned.get(name);
  const recipe = known.length > 0 && chance(0.75) ? pick(known) : newRecipe(parameters.get(name));
  const x = recipe.self === null ? some() : kinds[recipe.self](some());
  const args = attempt(`arguments of ${name}`, () => make(recipe, x));
  if (!args) return;
  const what = `${name}(${JSON.stringify(recipe)})`;
  ++calls;
  let hasWorked = false;
  const result = attempt(what, () => {
    const value = callables.get(name)(x, args);
    hasWorked = true;
    return value;
  });
  if (!hasWorked) return;
  worked.set(name, worked.get(name) + 1);
  const isNew = !known.some((other) => JSON.stringify(other) === JSON.stringify(recipe));
  if (isNew && known.length < 12) known.push(recipe);
  keep(what, result);
}

const optimizers = Object.values(optim).filter(
  (made) =>
    typeof made === "function" &&
    made.prototype instanceof optim.Optimizer &&
    made !== optim.RuleOptimizer &&
    made !== optim.Optimizer,
);
const schedulers = [
  (optimizer) => new optim.lrScheduler.StepLR(optimizer, { stepSize: 2, gamma: 0.5 }),
  (optimizer) => new optim.lrScheduler.ExponentialLR(optimizer, { gamma: 0.9 }),
  (optimizer) => new optim.lrScheduler.CosineAnnealingLR(optimizer, { tMax: 4 }),
];

/** Steps of an optimizer with options by chance, whose state another one takes over. */
function optimize() {
  const Made = pick(optimizers);
  attempt(`optim.${Made.name}`, () => {
    const start = () =>
      Array.from({ length: 1 + below(3) }, () => {
        const shape = sizes();
        const dtype = pick(["float32", "float64"]);
        return tensor(wave(count(shape)), { dtype })
          .reshape(shape)
          .clone()
          .detach()
          .requiresGrad_();
      });
    const params = start();
    const [group] = new Made(params, { lr: 0.01 }).paramGroups;
    const chosen = { lr: pick([0.01, 0.1]) };
    for (const [name, value] of Object.entries(group))
      if (typeof value === "boolean" && chance(0.3)) chosen[name] = !value;
      else if (typeof value === "number" && chance(0.1)) chosen[name] = value / 2;
    const closure = (optimizer) => () => {
      optimizer.zeroGrad();
      const loss = params.map((p) => p.square().sum().to("float64")).reduce((a, b) => a.add(b));
      const total = chance(0.2) ? loss.add(some().sum().to("float64").mul(0)) : loss;
      total.backward();
      return total;
    };
    let optimizer = new Made(params, chosen);
    const scheduler = chance(0.4) ? pick(schedulers)(optimizer) : null;
    const rounds = 1 + below(4);
    for (let round = 0; round < rounds; ++round) {
      if (chance(0.5)) optimizer.step(closure(optimizer));
      else {
        closure(optimizer)();
        if (Made !== optim.LBFGS) optimizer.step();
      }
      scheduler?.step();
      if (!chance(0.3)) continue;
      const state = chance(0.5)
        ? optimizer.stateDict()
        : JSON.parse(
            JSON.stringify(optimizer.stateDict(), (_, v) => (typeof v === "bigint" ? Number(v) : v)),
          );
      optimizer = new Made(params, { lr: 0.5 });
      attempt(`optim.${Made.name}.loadStateDict`, () => optimizer.loadStateDict(state));
    }
    for (const param of params) keepAll("optimizer", param.detach());
  });
}

function differentiate() {
  const leaves = pool.filter((x) => x.requiresGrad && x.isLeaf);
  const x = some();
  if (!x.requiresGrad && x.isLeaf && chance(0.5)) {
    attempt("requiresGrad_", () => x.requiresGrad_());
    return;
  }
  const loss = attempt("loss", () => x.to("float64").square().sum());
  if (!loss?.requiresGrad) return;
  if (leaves.length > 0 && chance(0.5))
    keep(
      "grad",
      attempt("grad", () =>
        autograd.grad(loss, leaves, {
          allowUnused: true,
          createGraph: chance(0.5),
          retainGraph: chance(0.5) || undefined,
        }),
      ),
    );
  else attempt("backward", () => loss.backward({ retainGraph: chance(0.3) }));
}

function read() {
  const x = pick(pool, uniformOfReads);
  const how = pick(["data", "dataSync", "toArray", "toString", "itemAsync", "toJSON"], uniformOfReads);
  const before = trace;
  trace = [];
  const result = attempt(`x.${how}()`, () => x[how]());
  trace = before;
  if (result instanceof Promise) {
    const settled = result.catch((error) => {
      if (!/^ERR_/.test(error?.code ?? "")) wrong(how, error);
    });
    if (chance(0.5, uniformOfReads)) promises.push(settled);
  }
}

/** The bits of a tensor; all NaN are one. */
function bits(x) {
  const data = x.detach().dataSync();
  if (!(data instanceof Float32Array || data instanceof Float64Array)) return data;
  return Float64Array.from(data, (value) => (value !== value ? NaN : value));
}

async function program(seed) {
  uniform = randomSource(seed * 7919);
  uniformOfReads = randomSource(seed * 104_729 + options.reads.length);
  setDefaultDtype(chance(0.8) ? "float32" : "float64");
  manualSeed(seed);
  pool = [fresh(), fresh(), fresh(), noGrad(() => tensor(wave(12)).clone()).requiresGrad_()];
  trace = [];
  const length = Number(options.calls);
  for (let i = 0; i < length; ++i) {
    const choice = uniform();
    if (choice < 0.76) call();
    else if (choice < 0.82) pool.push(fresh());
    else if (choice < 0.91) differentiate();
    else if (choice < 0.95) optimize();
    else if (choice < 0.98 && pool.length > 4) pool.splice(below(pool.length), 1)[0].dispose();
    else if (pool.length > 4) pool.splice(below(pool.length), 1);
    pool = pool.filter(isAlive);
    if (pool.length > 0 && chance({ none: 0, some: 0.1, all: 1 }[options.reads], uniformOfReads)) read();
  }
  const hash = createHash("sha256").update(trace.join());
  for (const x of pool) {
    const data = attempt("reading the end", () => bits(x));
    hash.update(`${x.dtype} ${x.shape} `);
    if (data) hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  await Promise.all(promises.splice(0));
  const x = tensor([1, 2, 3], { dtype: "float64", requiresGrad: true });
  x.mul(x).sum().backward();
  if (String(x.grad.toArray()) !== "2,4,6") wrong("a gradient after the program", String(x.grad));
  return hash.digest("hex").slice(0, 16);
}

const digests = [];
for (let i = 0; i < Number(options.programs); ++i) {
  const seed = Number(options.seed) + i;
  digests.push(await program(seed));
  if (i % 8 === 7) globalThis.gc?.();
}
setDefaultDtype("float32");
const total = [...worked.values()].reduce((sum, count) => sum + count, 0);
const unreached = names.filter((name) => worked.get(name) === 0);
console.log(JSON.stringify({ digests, calls, worked: total, functions: names.length, unreached }));
