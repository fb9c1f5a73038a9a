// Plain data with tensors in it, such as state dicts, in a safetensors file: the tensors by their place in the data, and the
// data, with the tensors' names in their stead, as JSON among the metadata.
import { makeError } from "../errors.js";
import { describe, isPlainObject } from "../options.js";
import { isTensor, type Tensor } from "../tensor.js";
import { formatError } from "./format.js";
import { parseStrictly } from "./json.js";
import { type LoadTensorsOptions, loadTensors, saveTensors } from "./safetensors.js";

/** The name of the data among the metadata. */
const treeName = "adjoint.data";

/** What JSON lacks, as objects with one name that begins with a dollar. */
const written = {
  tensor: (name: string) => ({ $tensor: name }),
  number: (value: number) => ({ $number: Object.is(value, -0) ? "-0" : String(value) }),
  bigint: (value: bigint) => ({ $bigint: String(value) }),
  /** An object whose own names could be mistaken for these. */
  object: (entries: [string, unknown][]) => ({ $object: entries }),
};

/**
 * Saves plain data with tensors in it: state dicts, parameters, numbers, texts, arrays and plain objects, to any depth.
 * The file is safetensors, so that others can read the tensors, whose names say where they stand, as in
 * `optimizer.state.0.exp_avg`. Whatever happens meanwhile, there is a whole file under the name, the old one or the new one.
 *
 * @example
 * import { load, save } from "adjoint/io";
 *
 * save({ step: 7, x, optimizer: optimizer.stateDict() }, "checkpoint.safetensors");
 * const saved = load("checkpoint.safetensors");
 * optimizer.loadStateDict(saved.optimizer);
 *
 * @throws TypeError (`ERR_ARGUMENT`) for what is neither plain data nor a tensor, with its place; Node's errors, such as `ENOSPC`.
 */
export function save(value: unknown, path: string | URL): void {
  const tensors = new Map<string, Tensor>();
  const refuse = (place: string, what: unknown): never => {
    throw makeError(
      TypeError,
      `save: expected plain data and tensors, got ${describe(what)}${place === "" ? "" : ` at '${place}'`}`,
      { code: "ERR_ARGUMENT", op: "save" },
    );
  };
  const around = new Set<unknown>();
  const asJson = (item: unknown, place: string): unknown => {
    if (isTensor(item)) {
      let name = place === "" ? "value" : place;
      // Names with dots in them can spell the same place.
      while (tensors.has(name)) name += "'";
      tensors.set(name, item);
      return written.tensor(name);
    }
    switch (typeof item) {
      case "number":
        return Number.isFinite(item) && !Object.is(item, -0) ? item : written.number(item);
      case "bigint":
        return written.bigint(item);
      case "string":
      case "boolean":
        return item;
      case "object":
        break;
      default:
        return refuse(place, item);
    }
    if (item === null) return null;
    if (around.has(item)) return refuse(place, "an object that holds itself");
    around.add(item);
    try {
      const inside = (name: string | number) => (place === "" ? String(name) : `${place}.${name}`);
      if (Array.isArray(item)) return item.map((one: unknown, i) => asJson(one, inside(i)));
      if (!isPlainObject(item)) return refuse(place, item);
      const entries = Object.entries(item)
        .filter(([, one]) => one !== undefined)
        .map(([name, one]): [string, unknown] => [name, asJson(one, inside(name))]);
      return entries.some(([name]) => name.startsWith("$"))
        ? written.object(entries)
        : Object.fromEntries(entries);
    } finally {
      around.delete(item);
    }
  };
  const data = asJson(value, "");
  saveTensors(path, Object.fromEntries(tensors), { metadata: { [treeName]: JSON.stringify(data) } });
}

/**
 * Loads what {@link save} has saved; the tensors of any other safetensors file, by name.
 * @throws Error (`ERR_FORMAT`) where the file is not whole, is not of this format, or was changed; Node's errors, such as
 * `ENOENT`.
 */
export function load(path: string | URL, options?: LoadTensorsOptions): unknown {
  const { tensors, metadata } = loadTensors(path, options);
  const text = metadata[treeName];
  if (text === undefined) return tensors;
  const names = new Map(Object.entries(tensors));
  return fromJson(parseStrictly("the saved data", text), names);
}

function fromJson(item: unknown, tensors: ReadonlyMap<string, Tensor>): unknown {
  if (Array.isArray(item)) return item.map((one) => fromJson(one, tensors));
  if (!isPlainObject(item)) return item;
  const entries = Object.entries(item as object);
  const [name, value] = (entries.length === 1 ? entries[0]! : ["", undefined]) as [string, unknown];
  if (!name.startsWith("$"))
    return Object.fromEntries(entries.map(([key, one]) => [key, fromJson(one, tensors)]));
  if (name === "$tensor") {
    const found = tensors.get(String(value));
    if (found === undefined)
      throw formatError(`the saved data name a tensor '${String(value)}', which is not there`);
    return found;
  }
  if (name === "$number" && numbers.has(value)) return Number(value);
  if (name === "$bigint" && typeof value === "string" && /^-?\d+$/.test(value)) return BigInt(value);
  if (name === "$object" && Array.isArray(value) && value.every(isEntry))
    return Object.fromEntries(value.map(([key, one]) => [key, fromJson(one, tensors)]));
  throw formatError(`the saved data hold '${name.slice(0, 60)}', which means nothing`);
}

const numbers = new Set<unknown>(["NaN", "Infinity", "-Infinity", "-0"]);

function isEntry(value: unknown): value is [string, unknown] {
  return Array.isArray(value) && value.length === 2 && typeof value[0] === "string";
}
