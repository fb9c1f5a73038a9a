import { makeError } from "./errors.js";

// Options are read once, own enumerable properties only, into a copy of the defaults, so that neither a polluted
// Object.prototype nor a getter that answers differently the second time can change a checked value.

/**
 * Reads an options object: every option of `defaults`, with the value given or its default.
 *
 * A value of `undefined` counts as not given. The result belongs to the caller.
 *
 * @throws TypeError `ERR_OPTION` where `given` is not an object, names an option that does not exist (the
 * message suggests the nearest one; PyTorch's spelling counts) or one of `refused`, which maps names to reasons.
 */
export function readOptions<T extends object>(
  what: string,
  given: unknown,
  defaults: T,
  refused?: Record<string, string>,
): T {
  if (given === undefined) return defaults;
  const result = { ...defaults } as Record<string, unknown>;
  // Every step of an optimizer reads options: for...in makes no list of names.
  for (const name in optionsObject(what, given)) {
    if (!Object.hasOwn(given as object, name)) continue;
    if (!Object.hasOwn(defaults, name) || (refused !== undefined && Object.hasOwn(refused, name))) {
      if (!isPlainObject(given))
        throw optionError(
          `${what}: ${describe(given)} stands where options are expected; name it, as in { ${Object.keys(defaults)[0] ?? "name"}: value }`,
        );
      checkName(what, "option", name, Object.keys(defaults), refused);
    }
    const value = (given as Record<string, unknown>)[name];
    if (value !== undefined) result[name] = value;
  }
  return result as T;
}

/**
 * An optional argument, as `dim` is, and the options behind it, which may take its place: `x.std({ correction: 0 })` is
 * `x.std(undefined, { correction: 0 })`.
 */
export function withOptions<First, Options extends object>(
  first: First | Options,
  options: Options | undefined,
): [First | undefined, Options | undefined] {
  return options === undefined && isPlainObject(first)
    ? [undefined, first as Options]
    : [first as First, options];
}

/** The options of a function whose `dim` stands before them or is one of them. */
export function withDim<Dim, Options extends object>(
  dim: Dim | Options | undefined,
  options: Options | undefined,
): Options | undefined {
  const [given, rest] = withOptions<Dim | undefined, Options>(dim, options);
  return given === undefined ? rest : ({ ...rest, dim: given } as Options);
}

/** Whether it is an object of no class, such as options are. */
export function isPlainObject(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** The own enumerable properties of an options object, each read once; none where it is undefined. */
export function ownEntries(what: string, given: unknown): [string, unknown][] {
  return given === undefined ? [] : Object.entries(optionsObject(what, given));
}

// Objects of a class are quick to read, as those without any prototype are not.
// eslint-disable-next-line @typescript-eslint/no-extraneous-class -- it is for its prototype
class Own {}
Object.setPrototypeOf(Own.prototype, null);

/** A copy that inherits nothing: what is not its own is not there, whatever has been put into Object.prototype. */
export function own<T extends object>(given: T): T {
  return Object.assign(new Own() as T, given);
}

function optionsObject(what: string, given: unknown): object {
  if (given !== null && typeof given === "object" && !Array.isArray(given)) return given;
  throw optionError(`${what}: options must be an object such as { name: value }, but got ${describe(given)}`);
}

/** Refuses a name that is not among `known`, naming the nearest one that is, or the reason why it is refused. */
export function checkName(
  what: string,
  kind: string,
  name: string,
  known: readonly string[],
  refused: Record<string, string> = {},
): void {
  if (known.includes(name) && !Object.hasOwn(refused, name)) return;
  const refusedName = [name, camelCase(name)].find((n) => Object.hasOwn(refused, n));
  if (refusedName !== undefined) {
    throw optionError(`${what}: ${kind} '${name}' means nothing here: ${refused[refusedName]}`);
  }
  const nearest = nearestName(name, known);
  const hint =
    nearest !== undefined
      ? `did you mean '${nearest}'?`
      : known.length > 0
        ? `known are ${known.map((n) => `'${n}'`).join(", ")}`
        : "there are none";
  throw optionError(`${what}: unknown ${kind} '${name}', ${hint}`);
}

/** PyTorch's spelling of a name as ours: `weight_decay` is `weightDecay`, `T_max` is `tMax`; `UPLO` stays. */
export function camelCase(name: string): string {
  if (/^[A-Z]+$/.test(name)) return name;
  const camel = name.replace(/(?<=[a-zA-Z0-9])_+([a-zA-Z0-9])/g, (_, letter: string) => letter.toUpperCase());
  return camel.slice(0, 1).toLowerCase() + camel.slice(1);
}

/** Our spelling of a name as PyTorch's: `weightDecay` is `weight_decay`. */
export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** The name a person most likely meant, or undefined where none is near. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const plain = (s: string) => s.toLowerCase().replaceAll("_", "");
  let best: string | undefined;
  // About one slip in three letters: 'momentun' is near 'momentum', 'x' is near nothing.
  let fewest = Math.floor(Math.min(name.length, 24) / 3) + 1;
  for (const candidate of known) {
    const edits = editDistance(plain(name), plain(candidate), fewest);
    if (edits < fewest) {
      best = candidate;
      fewest = edits;
    }
  }
  return best;
}

/** A value in a few words, for messages. */
export function describe(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  switch (typeof value) {
    case "string":
      return `the string ${JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}...` : value)}`;
    case "number":
    case "boolean":
    case "undefined":
      return String(value);
    case "bigint":
      return `${value}n`;
    case "object": {
      const name: unknown = (value.constructor as { name?: unknown } | undefined)?.name;
      return typeof name === "string" && name !== "" && name !== "Object" ? `a ${name}` : "an object";
    }
    default:
      return `a ${typeof value}`;
  }
}

function optionError(message: string): TypeError {
  return makeError(TypeError, message, { code: "ERR_OPTION" });
}

/** Levenshtein distance with neighbouring letters swapped counting once, given up at `limit`. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit || a.length > 64) return limit;
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      let fewest = Math.min(substituted, previous[j]! + 1, row[j - 1]! + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        fewest = Math.min(fewest, before[j - 2]! + 1);
      }
      row.push(fewest);
    }
    before = previous;
    previous = row;
  }
  return previous[b.length]!;
}
