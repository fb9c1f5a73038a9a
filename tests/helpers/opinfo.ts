import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import * as adjoint from "../../lib/index.js";
import {
  func,
  getDefaultDevice,
  manualSeed,
  nn,
  stack,
  tensor,
  Tensor,
  type DType,
} from "../../lib/index.js";
import { isFloating } from "../../lib/dtype.js";
import { camelCase } from "../../lib/options.js";
import { isClose } from "./reference.js";

// Replays PyTorch's own sample inputs (goldens/opinfo.py). How a sample becomes a call is the rule of names: PyTorch's
// name in camelCase, where it lives in PyTorch; required arguments by position; the others by name in one object.

interface SampleTensor {
  tensor: (number | { float: string })[];
  shape: number[];
  dtype: DType;
  rg: boolean;
}
interface Sample {
  input: unknown;
  args: unknown[];
  kwargs: Record<string, unknown>;
}
export interface Case extends Sample {
  outs: unknown[];
  grads?: ((number | { float: string })[] | null)[];
}
export interface Refused extends Sample {
  error: string;
  match: string;
}
export interface Entry {
  gauge: boolean;
  signatures: string[][];
  cases: Case[];
  errors: Refused[];
}

export const entries = (
  JSON.parse(gunzipSync(readFileSync(new URL("../goldens/opinfo.json.gz", import.meta.url))).toString()) as {
    ops: Record<string, Entry>;
  }
).ops;

type AnyFunction = (...args: unknown[]) => unknown;

/** Calls that the rule does not give: Python's reflected operators, and functions of a list of tensors. */
const exceptions: Record<string, (input: unknown, args: unknown[], options: object | undefined) => unknown> =
  {
    __radd__: (x, [other]) => adjoint.add(x as Tensor, other as never),
    __rmul__: (x, [other]) => adjoint.mul(x as Tensor, other as never),
    __rsub__: (x, [other]) => adjoint.rsub(x as Tensor, other as never),
    // PyTorch has no function of the name.
    __rpow__: (x, [other]) =>
      x instanceof Tensor ? x.rpow(other as never) : adjoint.pow(other as Tensor, x as never),
    __rmod__: (x, [other]) => call("remainder", [scalarOf(other, x), x]),
    __rand__: (x, [other]) => method(x, "bitwiseAnd", [other]),
    __ror__: (x, [other]) => method(x, "bitwiseOr", [other]),
    __rxor__: (x, [other]) => method(x, "bitwiseXor", [other]),
    __rmatmul__: (x, [other]) => (other as Tensor).matmul(x as Tensor),
    where: (x, [condition, other]) => adjoint.where(condition as Tensor, x as Tensor, other as Tensor),
    broadcast_tensors: (x, rest) => call("broadcastTensors", [[x, ...rest]]),
    cartesian_prod: (x, rest) => call("cartesianProd", [[x, ...rest]]),
    block_diag: (x, rest) => call("blockDiag", [[x, ...rest]]),
    "meshgrid.variadic_tensors": (x, rest, options) => call("meshgrid", [[x, ...rest], ...given(options)]),
    atleast_1d: (x) => call("atleast1d", [x]),
    atleast_2d: (x) => call("atleast2d", [x]),
    atleast_3d: (x) => call("atleast3d", [x]),
    einsum: (x, rest) => call("einsum", [rest[0], x]),
    // Their samples have the weights first.
    "nn.functional.embedding": (weight, [indices], options) =>
      functionOf("nn.functional.embedding")(indices, weight, ...given(options)),
    "nn.functional.embedding_bag": (weight, [indices], options) =>
      functionOf("nn.functional.embedding_bag")(indices, weight, ...given(options)),
    ...Object.fromEntries(
      ["1", "2", "3"].map((rank) => [
        `nn.functional.adaptive_max_pool${rank}d`,
        // PyTorch's own sample gives returnIndices by position; its signature has no name for it.
        (x: unknown, [size, returnIndices]: unknown[], options: object | undefined) =>
          (nn.functional as unknown as Record<string, AnyFunction>)[`adaptiveMaxPool${rank}d`]!(
            x,
            ...(size === undefined ? [] : [size]),
            ...(returnIndices === undefined ? given(options) : [{ returnIndices }]),
          ),
      ]),
    ),
    // Python passes a class's method its arguments as they are.
    lu: (x, [pivot, getInfos]) => method(x, "lu", [{ pivot, getInfos }]),
    // Functions of PyTorch's tests.
    "linalg.lstsq.grad_oriented": (x, [b], options) => {
      const { solution, residuals } = adjoint.linalg.lstsq(x as Tensor, b as Tensor, options);
      return { solution, residuals };
    },
    "linalg.pinv.singular": (a, [b]) =>
      adjoint.linalg.pinv((a as Tensor).matmul((b as Tensor).transpose(-2, -1))),
    slice: (x, args) => {
      const [dim, start, end, step] = args as [number, number?, number?, number?];
      const index = (x as Tensor).shape.map(() => ":");
      index[dim] = `${start ?? ""}:${end ?? ""}:${step ?? 1}`;
      return (x as Tensor).at(...(index as never[]));
    },
  };
const exceptionOf = (name: string) => exceptions[name] ?? exceptions[name.split(".")[0]!];
const given = (options: object | undefined) => (options === undefined ? [] : [options]);
const scalarOf = (other: unknown, like: unknown) =>
  other instanceof Tensor ? other : tensor(other as number, { dtype: (like as Tensor).dtype });
function call(name: string, args: unknown[]): unknown {
  const made = (adjoint as unknown as Record<string, AnyFunction>)[name];
  if (typeof made !== "function") throw new Error(`there is no ${name}`);
  return made(...args);
}
function method(x: unknown, name: string, args: unknown[]): unknown {
  const made = (x as Record<string, AnyFunction>)[name];
  if (typeof made !== "function") throw new Error(`there is no method ${name}`);
  return made.apply(x, args);
}

/** An entry's function, and whether its first argument may be what a method is called on. */
function functionOf(entry: string): AnyFunction {
  const path = entry.split(".");
  const depth = path[0] === "nn" ? 2 : path[0] === "linalg" || path[0] === "special" ? 1 : 0;
  const name = camelCase(path[depth]!);
  let space: unknown = adjoint;
  for (const part of path.slice(0, depth)) space = (space as Record<string, unknown>)[part] ?? {};
  const made = (space as Record<string, unknown>)[name];
  if (depth > 0) {
    if (typeof made !== "function")
      throw new Error(`there is no ${[...path.slice(0, depth), name].join(".")}`);
    return made as AnyFunction;
  }
  return (input, ...args) => {
    if (input instanceof Tensor && typeof Reflect.get(input, name) === "function")
      return method(input, name, args);
    if (typeof made !== "function") throw new Error(`there is no ${name}`);
    return (made as AnyFunction)(input, ...args);
  };
}

const number = (element: number | boolean | { float: string }): number =>
  typeof element === "object" ? Number(element.float.replace("inf", "Infinity")) : Number(element);
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Tensor);

/** What a sample's tensor is to become. */
type Change = (x: Tensor) => Tensor;
const none: Change = (x) => x;

/** A sample's value as ours; the leaves that require gradients are added to `leaves`. */
function made(value: unknown, leaves: Tensor[], change = none): unknown {
  if (Array.isArray(value)) return value.map((one) => made(one, leaves, change));
  if (!isObject(value)) return value;
  if ("float" in value) return number(value as { float: string });
  if ("torch_dtype" in value) return value["torch_dtype"];
  if ("slice" in value) return (value["slice"] as (number | null)[]).map((one) => one ?? "").join(":");
  if ("dict" in value) return value["dict"];
  const { tensor: data, shape, dtype, rg } = value as unknown as SampleTensor;
  const elements = data.map(number);
  // The greatest int64 is no double: JSON has made it one more.
  const integer = (element: number) => (element < 2 ** 63 ? BigInt(element) : 2n ** 63n - 1n);
  const flat =
    dtype === "int64" ? tensor(BigInt64Array.from(elements, integer)) : tensor(elements, { dtype });
  const whole = change(flat.reshape(shape)).clone();
  if (rg) leaves.push(whole.requiresGrad_());
  return whole;
}

const flattened = (result: unknown): unknown[] =>
  Array.isArray(result)
    ? result.flatMap(flattened)
    : isObject(result)
      ? Object.values(result)
          .filter((one) => one !== undefined && one !== null)
          .flatMap(flattened)
      : [result];

/** The ways to call: more or fewer of the arguments by position, the others by name. */
function* waysToCall(entry: Entry, sample: Sample) {
  const { args } = sample;
  const names = Object.keys(sample.kwargs);
  const signatures = entry.signatures.filter(
    (words) => words.length >= args.length && names.every((name) => words.includes(name)),
  );
  const seen = new Set<string>();
  for (const words of [...signatures, [...args.map((_, i) => `argument${i}`), ...names]]) {
    const ordered: [string, unknown][] = args.map((arg, i) => [words[i]!, arg]);
    for (const word of words) if (names.includes(word)) ordered.push([word, sample.kwargs[word]]);
    for (let count = ordered.length; count >= 0; --count) {
      const way = ordered.map(([word], i) => (i < count ? "" : word)).join();
      if (seen.has(way)) continue;
      seen.add(way);
      yield { way, positional: ordered.slice(0, count), named: ordered.slice(count) };
    }
  }
}

function callOne(
  name: string,
  sample: Sample,
  way: ReturnType<typeof waysToCall> extends Generator<infer W> ? W : never,
  { change = none, more = {} }: { change?: typeof none; more?: Record<string, unknown> } = {},
) {
  const leaves: Tensor[] = [];
  const input = made(sample.input, leaves, change);
  const args = way.positional.map(([, value]) => made(value, leaves, change));
  const options: Record<string, unknown> = {
    ...Object.fromEntries(way.named.map(([word, value]) => [camelCase(word), made(value, leaves, change)])),
    ...more,
  };
  // Samples name the CPU, where their tensors lie.
  if (options["device"] === "cpu") options["device"] = getDefaultDevice();
  const hasOptions = Object.keys(options).length > 0;
  const exception = exceptionOf(name);
  if (exception) return { leaves, result: exception(input, args, hasOptions ? options : undefined) };
  return { leaves, result: functionOf(name)(input, ...args, ...(hasOptions ? [options] : [])) };
}

const weights = (x: Tensor) =>
  tensor(
    Array.from({ length: x.numel() }, (_, i) => Math.cos(1 + 0.7 * i)),
    { dtype: "float64" },
  ).reshape(x.shape);

/** Of equal elements PyTorch's choice follows from the way in which it parts the others, and is not documented. */
const choosesAmongEquals = ["topk", "kthvalue"];

/** Whether int64 positions along `dim` lead to the values, each to another element. */
function leadTo(values: Tensor, positions: Tensor, x: Tensor, dim: number): boolean {
  const [wanted, places] = [values, positions].map((one) =>
    one.ndim < x.ndim ? one.unsqueeze(dim) : one,
  ) as [Tensor, Tensor];
  if (x.ndim === 0) return places.item() === 0;
  const found = x.detach().gather(dim, places).eq(wanted.detach());
  const sorted = places.sort(dim).values;
  const count = Math.max(sorted.size(dim) - 1, 0);
  const areOthers = sorted.narrow(dim, sorted.size(dim) - count, count).ne(sorted.narrow(dim, 0, count));
  return found.all().logicalAnd(areOthers.all()).item<boolean>();
}

function problemOf(
  name: string,
  result: unknown,
  leaves: Tensor[],
  sample: Case,
  gauge: boolean,
): string | null {
  const outs = flattened(result);
  if (outs.length !== sample.outs.length) return `${outs.length} results instead of ${sample.outs.length}`;
  for (const [k, out] of outs.entries()) {
    const wanted = sample.outs[k];
    if (!isObject(wanted) || !("tensor" in wanted)) {
      const value = isObject(wanted) ? number(wanted as { float: string }) : wanted;
      if (out !== value) return `result ${k} is ${String(out)} instead of ${String(value)}`;
      continue;
    }
    if (!(out instanceof Tensor)) return `result ${k} is no tensor`;
    const { shape, dtype, tensor: elements } = wanted as unknown as SampleTensor;
    if (String(out.shape) !== String(shape)) return `shape ${k} is [${out.shape}] instead of [${shape}]`;
    if (out.dtype !== dtype) return `dtype ${k} is ${out.dtype} instead of ${dtype}`;
    const values = Array.from((gauge ? out.abs() : out).detach().dataSync() as ArrayLike<number>, Number);
    const relative = dtype === "float32" ? 2e-6 : 1e-7;
    const bad = elements.findIndex((one, i) => !isClose(values[i]!, number(one), relative, 1e-9));
    if (bad >= 0 && k === 1 && choosesAmongEquals.includes(name)) {
      const dim = (sample.args[1] ?? sample.kwargs["dim"] ?? -1) as number;
      if (leadTo(outs[0] as Tensor, out, made(sample.input, []) as Tensor, dim)) continue;
    }
    if (bad >= 0)
      return `element ${bad} of result ${k} is ${values[bad]} instead of ${number(elements[bad]!)}`;
  }
  if (!sample.grads) return null;
  const tracked = outs.filter((out): out is Tensor => out instanceof Tensor && out.requiresGrad);
  if (tracked.length === 0) return "no result requires a gradient";
  tracked
    .map((out) => (gauge ? out.abs() : out).to("float64").mul(weights(out)).sum())
    .reduce((a, b) => a.add(b))
    .backward();
  for (const [k, grad] of sample.grads.entries()) {
    if (!grad) continue;
    const found = leaves[k]?.grad;
    const values = found ? Array.from(found.dataSync() as ArrayLike<number>, Number) : grad.map(() => 0);
    const bad = grad.findIndex((one, i) => !isClose(values[i]!, number(one), 1e-5, 1e-8));
    if (bad >= 0) return `element ${bad} of gradient ${k} is ${values[bad]} instead of ${number(grad[bad]!)}`;
  }
  return null;
}

const messageOf = (error: unknown) => {
  const { message, code } = error as { message: string; code?: string };
  return code ? `${code}: ${message}` : `no code: ${message}`;
};

/** What is wrong with an entry: a line for each case that does not give PyTorch's values and gradients. */
export function problemsOf(name: string, entry: Entry): string[] {
  const problems: string[] = [];
  for (const [i, sample] of entry.cases.entries()) {
    let least: string | undefined;
    let way = "";
    for (const one of waysToCall(entry, sample)) {
      let problem: string | null;
      try {
        const { leaves, result } = callOne(name, sample, one);
        problem = problemOf(name, result, leaves, sample, entry.gauge);
      } catch (error) {
        problem = messageOf(error);
      }
      if (problem === null) {
        least = undefined;
        break;
      }
      // The mistake of the call that came farthest is told.
      if (least === undefined || /^(ERR_OPTION|ERR_ARGUMENT)/.test(least)) [least, way] = [problem, one.way];
    }
    if (least !== undefined) problems.push(`${name} case ${i} (${way}): ${least}`);
  }
  return problems;
}

function halfProblemOf(halves: unknown, singles: unknown, dtype: DType): string | null {
  const [found, wanted] = [flattened(halves), flattened(singles)];
  if (found.length !== wanted.length) return `${found.length} results instead of ${wanted.length}`;
  for (const [k, out] of found.entries()) {
    const like = wanted[k];
    if (!(out instanceof Tensor) || !(like instanceof Tensor)) {
      if (out !== like && !(typeof out === "number" && typeof like === "number"))
        return `result ${k} is ${String(out)} instead of ${String(like)}`;
      continue;
    }
    const right = like.dtype === "float32" ? dtype : like.dtype;
    if (out.dtype !== right) return `dtype ${k} is ${out.dtype} instead of ${right}`;
    if (String(out.shape) !== String(like.shape))
      return `shape ${k} is [${out.shape}] instead of [${like.shape}]`;
    const values = Array.from(out.detach().dataSync() as ArrayLike<number>, Number);
    const rounded = Array.from(like.detach().to(right).dataSync() as ArrayLike<number>, Number);
    const bad = rounded.findIndex((one, i) => !Object.is(one, values[i]) && one !== values[i]);
    if (bad >= 0) return `element ${bad} of result ${k} is ${values[bad]} instead of ${rounded[bad]}`;
  }
  return null;
}

/** Whether a sample has a floating tensor. */
const hasFractions = (sample: Sample): boolean =>
  JSON.stringify([sample.input, sample.args, sample.kwargs]).includes('"dtype":"float');

/**
 * What is wrong with an entry in a dtype of two bytes: a line for each sample whose result is not that of float32, rounded
 * to that dtype.
 */
export function halfProblemsOf(name: string, entry: Entry, dtype: DType): string[] {
  const problems: string[] = [];
  for (const [i, sample] of entry.cases.entries()) {
    const changed = (target: DType) => (x: Tensor) => (isFloating(x.dtype) ? x.to(dtype).to(target) : x);
    if (!hasFractions(sample)) continue;
    for (const way of waysToCall(entry, sample)) {
      let singles: unknown;
      try {
        manualSeed(0);
        singles = callOne(name, sample, way, { change: changed("float32") }).result;
      } catch {
        continue;
      }
      let problem: string | null;
      try {
        manualSeed(0);
        problem = halfProblemOf(
          callOne(name, sample, way, { change: changed(dtype) }).result,
          singles,
          dtype,
        );
      } catch (error) {
        problem = messageOf(error);
      }
      if (problem !== null) problems.push(`${name} case ${i} (${way.way}): ${problem}`);
      break;
    }
  }
  return problems;
}

/** Of what PyTorch refuses, what is accepted here: a line for each. */
export function acceptedOf(name: string, entry: Entry): string[] {
  const accepted: string[] = [];
  for (const [i, sample] of entry.errors.entries()) {
    const ways = [...waysToCall(entry, sample)];
    const isRefused = ways.some((way) => {
      try {
        const { result } = callOne(name, sample, way);
        for (const out of flattened(result)) if (out instanceof Tensor) out.dataSync();
        return false;
      } catch (error) {
        return !/^(ERR_OPTION|no code)|expected .* arguments?, got more: /.test(messageOf(error));
      }
    });
    if (!isRefused) accepted.push(`${name} refused ${i}: ${sample.match}`);
  }
  return accepted;
}

/** Whether an option that does not exist is refused by a call that is right without it; undefined where no call is. */
export function refusesNonsense(name: string, entry: Entry): boolean | undefined {
  if (exceptionOf(name)) return undefined;
  for (const sample of entry.cases)
    for (const way of waysToCall(entry, sample)) {
      try {
        callOne(name, sample, way);
      } catch {
        continue;
      }
      try {
        callOne(name, sample, way, { more: { nonsense: 1 } });
        return false;
      } catch (error) {
        return /^ERR_(OPTION|ARGUMENT|SHAPE|INDEX)/.test(messageOf(error));
      }
    }
  return undefined;
}

/** The ops that errors of refused samples name, which are not the one that was called. */
export function strangersOf(name: string, entry: Entry): string[] {
  if (exceptionOf(name)) return [];
  const called = camelCase(name.replace(/^(nn\.functional|linalg|special)\./, "").split(".")[0]!);
  const strangers = new Set<string>();
  for (const sample of entry.errors)
    for (const way of waysToCall(entry, sample))
      try {
        const { result } = callOne(name, sample, way);
        for (const out of flattened(result)) if (out instanceof Tensor) out.dataSync();
      } catch (error) {
        const { op, code, message } = error as { op?: string; code?: string; message: string };
        // Samples of 65 dimensions cannot be made.
        if (op !== called && code !== "ERR_INDEX" && !message.includes("65 dimensions"))
          strangers.add(`${name}: ${String(op)}: ${message}`);
      }
  return [...strangers];
}

/** The tensors of a sample, as numbers, in the order in which a call makes them. */
function tensorsOf(value: unknown, found: Tensor[] = []): Tensor[] {
  if (Array.isArray(value)) for (const one of value) tensorsOf(one, found);
  else if (isObject(value) && "tensor" in value) made({ ...value, rg: false }, [], (x) => (found.push(x), x));
  return found;
}

/** What a sample's call gives for these tensors in place of its own: its results, and the gradients of their weighed sum. */
function resultsOf(
  name: string,
  sample: Case,
  way: Parameters<typeof callOne>[2],
  tensors: readonly Tensor[],
): Tensor[] {
  const outsOf = (list: readonly Tensor[]) => {
    let next = 0;
    const { result } = callOne(name, sample, way, { change: () => list[next++]! });
    return flattened(result).filter((one): one is Tensor => one instanceof Tensor);
  };
  const outs = outsOf(tensors).map((one) => one.detach());
  if (!sample.grads) return outs;
  const total = (list: readonly Tensor[]) =>
    outsOf(list)
      .filter((out) => out.requiresGrad)
      .map((out) => out.to("float64").mul(weights(out)).sum())
      .reduce((a, b) => a.add(b));
  const places = [...tensors.keys()].filter((i) => tensors[i]!.dtype.startsWith("float"));
  const gradient = func.grad((chosen: readonly Tensor[]) =>
    total(tensors.map((one, i) => (places.includes(i) ? chosen[places.indexOf(i)]! : one))),
  );
  return [...outs, ...(gradient(places.map((i) => tensors[i]!)) as Tensor[])];
}

/**
 * Whether vmap gives an entry's samples what a loop over the examples of a batch gives, with gradients: for all of a call's
 * tensors in batches, and for each alone.
 */
export function batchProblemsOf(name: string, entry: Entry): string[] {
  const problems: string[] = [];
  for (const [i, sample] of entry.cases.entries())
    for (const way of waysToCall(entry, sample)) {
      const ordered = [
        sample.input,
        ...way.positional.map(([, value]) => value),
        ...way.named.map(([, value]) => value),
      ];
      const one = tensorsOf(ordered);
      if (one.length === 0) break;
      // Examples that are no multiples of each other would leave the domains of some functions.
      const other = one.map((x) => (x.dtype.startsWith("float") ? x.mul(0.75) : x));
      try {
        if (resultsOf(name, sample, way, one).length === 0) break; // booleans, which are no tensors
      } catch {
        continue; // another way to call it
      }
      const alone = one.map((_, k) => one.map((__, other) => (other === k ? 0 : null)));
      for (const inDims of one.length > 1 ? [one.map(() => 0), ...alone] : alone) {
        try {
          const lists = [one, other].map((list) => list.map((x, k) => (inDims[k] === null ? one[k]! : x)));
          const wanted = lists.map((list) => resultsOf(name, sample, way, list));
          const found = func.vmap((...list: Tensor[]) => resultsOf(name, sample, way, list), { inDims })(
            ...one.map((x, k) => (inDims[k] === null ? x : stack([lists[0]![k]!, lists[1]![k]!]))),
          );
          for (const [k, out] of found.entries()) {
            const expected = stack(wanted.map((list) => list[k]!));
            const isAbsolute = entry.gauge && out.dtype !== "int64";
            const [a, b] =
              isAbsolute && k < wanted[0]!.length ? [out.abs(), expected.abs()] : [out, expected];
            if (String(a.shape) !== String(b.shape) || a.dtype !== b.dtype)
              throw new Error(`result ${k} is ${a.dtype} [${a.shape}] instead of ${b.dtype} [${b.shape}]`);
            const tolerance = a.dtype === "float32" ? 1e-4 : 1e-7;
            if (!a.allclose(b, { rtol: tolerance, atol: 1e-9, equalNan: true }))
              throw new Error(`result ${k} is ${String(a)} instead of ${String(b)}`);
          }
        } catch (error) {
          problems.push(`${name} case ${i} (${way.way}) [${inDims}]: ${messageOf(error)}`);
        }
      }
      break;
    }
  return problems;
}
