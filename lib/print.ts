/*
 * Tensors as text, byte for byte as PyTorch 2.13 prints them.
 *
 * One pass over the elements that will be seen votes on a style (whole numbers, fixed point or
 * scientific) and a width; a second pass lays them out. Numbers are rounded from their exact binary
 * value, ties to even, as C's printf does: JavaScript's toFixed and toExponential round ties away
 * from zero.
 */
import { isFloating } from "./dtype.js";
import { makeError } from "./errors.js";
import { readOptions } from "./options.js";

/** The facts about a tensor that its text depends on. */
export interface Printable {
  /** The size of each dimension. */
  shape: readonly number[];
  /** The kind of element. */
  dtype: string;
  /** The elements, row after row; for `bool`, 0 and 1 will do. */
  values: ArrayLike<number | bigint | boolean>;
  /** The node that made it, such as `PowBackward0`, or null. */
  gradFn: string | null;
  /** Named in the text only where there is no `gradFn`. */
  requiresGrad: boolean;
  /** Null where it is the default device. */
  device: string | null;
  /** The dtype that goes without saying. */
  defaultDtype: string;
}

/** How tensors are printed; the same as PyTorch's `torch.set_printoptions`. */
export interface PrintOptions {
  /** Digits after the decimal point. */
  precision: number;
  /** Tensors of more elements than this are shortened. */
  threshold: number;
  /** How many elements a shortened dimension keeps at each end. */
  edgeitems: number;
  /** Characters to a line. */
  linewidth: number;
  /** Scientific notation: always, never, or (null) where the values ask for it. */
  sciMode: boolean | null;
}

const profiles = {
  default: { precision: 4, threshold: 1000, edgeitems: 3, linewidth: 80 },
  short: { precision: 2, threshold: 1000, edgeitems: 2, linewidth: 80 },
  full: { precision: 4, threshold: Infinity, edgeitems: 3, linewidth: 80 },
};

type GivenOptions = { [K in keyof PrintOptions]?: PrintOptions[K] | undefined } & {
  profile?: keyof typeof profiles | undefined;
};

const noOptions: GivenOptions = {
  profile: undefined,
  precision: undefined,
  threshold: undefined,
  edgeitems: undefined,
  linewidth: undefined,
  sciMode: undefined,
};

let current: PrintOptions = { ...profiles.default, sciMode: null };

/**
 * Changes how tensors are printed. Options that are not named stay as they are, except `sciMode`, which every
 * call sets (to null where it is not given), as in PyTorch. A `profile` sets all the rest first.
 *
 * @example
 * setPrintOptions({ precision: 2 });
 * console.log(`${tensor([1.2345])}`); // tensor([1.23])
 * setPrintOptions({ profile: "default" });
 * @throws TypeError (`ERR_OPTION`) for an unknown option, RangeError (`ERR_OPTION`) for a value
 * that cannot be; nothing is changed then.
 */
export function setPrintOptions(options: GivenOptions): void {
  const given = readOptions("setPrintOptions", options, noOptions);
  const { profile } = given;
  if (profile !== undefined && !Object.hasOwn(profiles, profile)) {
    throw invalid("profile", profile, `one of ${Object.keys(profiles).join(", ")}`);
  }
  const base = { ...current, ...(profile === undefined ? {} : profiles[profile]) };
  const precision = given.precision ?? base.precision;
  const threshold = given.threshold ?? base.threshold;
  const edgeitems = given.edgeitems ?? base.edgeitems;
  const linewidth = given.linewidth ?? base.linewidth;
  const sciMode = given.sciMode ?? null;
  // toExponential, which finds the exponent, goes no further than 100.
  if (!Number.isInteger(precision) || precision < 0 || precision > 100) {
    throw invalid("precision", precision, "a whole number from 0 to 100");
  }
  if (typeof threshold !== "number" || !(threshold >= 0)) {
    throw invalid("threshold", threshold, "a number, 0 or more");
  }
  if (!Number.isInteger(edgeitems) || edgeitems < 0) {
    throw invalid("edgeitems", edgeitems, "a whole number, 0 or more");
  }
  if (!(Number.isInteger(linewidth) && linewidth > 0) && linewidth !== Infinity) {
    throw invalid("linewidth", linewidth, "a whole number, 1 or more");
  }
  if (sciMode !== null && typeof sciMode !== "boolean") {
    throw invalid("sciMode", sciMode, "true, false or null");
  }
  current = { precision, threshold, edgeitems, linewidth, sciMode };
}

/** The options in force, as a copy that `setPrintOptions` takes back. */
export function getPrintOptions(): PrintOptions {
  return { ...current };
}

function invalid(name: string, value: unknown, expected: string): Error {
  const given = typeof value === "string" ? `"${value}"` : String(value);
  const message = `setPrintOptions: ${name} is ${given}, expected ${expected}`;
  return makeError(RangeError, message, { code: "ERR_OPTION", op: "setPrintOptions" });
}

/** The text of a tensor, as PyTorch's `str` and `print` give it. */
export function formatTensor(tensor: Printable): string {
  const { shape, dtype, values, gradFn, requiresGrad, device, defaultDtype } = tensor;
  const { threshold, edgeitems } = current;
  const elements = shape.reduce((product, size) => product * size, 1);
  const sizes = `size=(${shape.length === 1 ? `${shape[0]},` : shape.join(", ")})`;
  const suffixes: string[] = [];
  if (device !== null) suffixes.push(`device='${device}'`);
  if (elements === 0) {
    if (shape.length !== 1) suffixes.push(sizes);
    if (dtype !== defaultDtype) suffixes.push(`dtype=torch.${dtype}`);
  } else {
    if (edgeitems === 0) suffixes.push(sizes);
    if (dtype !== defaultDtype && dtype !== "int64" && dtype !== "bool") {
      suffixes.push(`dtype=torch.${dtype}`);
    }
  }
  if (gradFn !== null) suffixes.push(`grad_fn=<${gradFn}>`);
  else if (requiresGrad) suffixes.push("requires_grad=True");

  const prefix = "tensor(";
  const body = elements === 0 ? "[]" : layOut(shape, dtype, values, elements > threshold, prefix.length);
  return addSuffixes(prefix + body, suffixes, prefix.length);
}

/**
 * Appends the suffixes, breaking the line where PyTorch does (it takes the last line to be one or
 * two longer).
 */
function addSuffixes(text: string, suffixes: string[], indent: number): string {
  let lineLength = text.length - text.lastIndexOf("\n") + 1;
  for (const suffix of suffixes) {
    if (lineLength + suffix.length + 2 > current.linewidth) {
      text += `,\n${" ".repeat(indent)}${suffix}`;
      lineLength = indent + suffix.length;
    } else {
      text += `, ${suffix}`;
      lineLength += suffix.length + 2;
    }
  }
  return `${text})`;
}

/** The nested brackets and what is in them. */
function layOut(
  shape: readonly number[],
  dtype: string,
  values: Printable["values"],
  shortened: boolean,
  indent: number,
): string {
  const { edgeitems, linewidth } = current;
  const strides = shape.map((_, dim) => shape.slice(dim + 1).reduce((product, size) => product * size, 1));
  const format = chooseFormat(dtype, seenValues(shape, strides, values, shortened));

  const draw = (dim: number, start: number, indent: number): string => {
    if (dim === shape.length) return format.text(values[start]!);
    const size = shape[dim]!;
    const isLast = dim === shape.length - 1;
    const shown = shownIndices(size, shortened);
    const items = shown.map((i) => draw(dim + 1, start + i * strides[dim]!, indent + 1));
    if (shown.length < size) items.splice(edgeitems, 0, ellipsis(isLast));
    const pad = " ".repeat(indent + 1);
    if (!isLast) return `[${items.join(`,${"\n".repeat(shape.length - dim - 1)}${pad}`)}]`;
    const perLine = Math.max(1, Math.floor((linewidth - indent) / (format.width + 2)));
    const lines: string[] = [];
    for (let i = 0; i < items.length; i += perLine) lines.push(items.slice(i, i + perLine).join(", "));
    return `[${lines.join(`,\n${pad}`)}]`;
  };
  return draw(0, 0, indent);
}

/** Among numbers PyTorch writes " ...", but "..." where it shows nothing else, and between rows. */
function ellipsis(isLast: boolean): string {
  return isLast && current.edgeitems > 0 ? " ..." : "...";
}

/** The indices of one dimension that are not left out. */
function shownIndices(size: number, shortened: boolean): number[] {
  const { edgeitems } = current;
  const isShort = shortened && size > 2 * edgeitems;
  return Array.from({ length: isShort ? 2 * edgeitems : size }, (_, i) =>
    isShort && i >= edgeitems ? size - 2 * edgeitems + i : i,
  );
}

/** The elements that choose the style and the width. */
function seenValues(
  shape: readonly number[],
  strides: readonly number[],
  values: Printable["values"],
  shortened: boolean,
): Printable["values"] {
  const { edgeitems } = current;
  if (!shortened || shape.length === 0) return values;
  // Without edges PyTorch shows nothing, yet measures all of a vector and none of a matrix.
  if (edgeitems === 0) return shape.length === 1 ? values : [];
  const seen: (number | bigint | boolean)[] = [];
  const visit = (dim: number, start: number): void => {
    if (dim === shape.length) {
      seen.push(values[start]!);
      return;
    }
    for (const i of shownIndices(shape[dim]!, shortened)) visit(dim + 1, start + i * strides[dim]!);
  };
  visit(0, 0);
  return seen;
}

/** How the elements of one tensor are written: all to one width. */
interface Format {
  width: number;
  text(value: number | bigint | boolean): string;
}

function chooseFormat(dtype: string, seen: Printable["values"]): Format {
  const write = isFloating(dtype) ? chooseFloatStyle(seen) : dtype === "bool" ? boolText : String;
  let width = 1;
  for (let i = 0; i < seen.length; i++) {
    const value = seen[i]!;
    // Zeros, infinities and NaN do not vote, but are padded like the rest.
    if (isFloating(dtype) && (value === 0 || !Number.isFinite(value))) continue;
    width = Math.max(width, write(value).length);
  }
  return { width, text: (value) => write(value).padStart(width) };
}

function boolText(value: number | bigint | boolean): string {
  return value ? "True" : "False";
}

function chooseFloatStyle(seen: Printable["values"]): (value: number | bigint | boolean) => string {
  const { precision, sciMode } = current;
  let [smallest, largest, isWhole] = [Infinity, 0, true];
  for (let i = 0; i < seen.length; i++) {
    const magnitude = Math.abs(Number(seen[i]));
    if (magnitude === 0 || !Number.isFinite(magnitude)) continue;
    smallest = Math.min(smallest, magnitude);
    largest = Math.max(largest, magnitude);
    isWhole &&= Number.isInteger(magnitude);
  }
  const isScientific =
    largest > 0 && (sciMode ?? (largest / smallest > 1000 || largest > 1e8 || smallest < 1e-4));
  if (isScientific) return (value) => formatExponential(Number(value), precision);
  if (isWhole) return (value) => formatFixed(Number(value), 0) + (Number.isFinite(value) ? "." : "");
  return (value) => formatFixed(Number(value), precision);
}

/** C's `%.{digits}f`: any number of digits before the point, ties to even, `nan`, `inf`, `-0`. */
export function formatFixed(value: number, digits: number): string {
  if (!Number.isFinite(value)) return nonFinite(value);
  const text = scaled(value, digits)
    .toString()
    .padStart(digits + 1, "0");
  const split = text.length - digits;
  return sign(value) + text.slice(0, split) + (digits > 0 ? `.${text.slice(split)}` : "");
}

/** C's `%.{digits}e`, for up to 100 digits: ties to even, an exponent of two digits or more. */
export function formatExponential(value: number, digits: number): string {
  if (!Number.isFinite(value)) return nonFinite(value);
  // Where rounding carries into a new digit, JavaScript has already counted it in the exponent.
  const exponent = Number(value.toExponential(digits).split("e")[1]);
  const text = scaled(value, digits - exponent)
    .toString()
    .padEnd(digits + 1, "0");
  const mantissa = digits > 0 ? `${text[0]}.${text.slice(1)}` : text;
  const power = Math.abs(exponent).toString().padStart(2, "0");
  return `${sign(value)}${mantissa}e${exponent < 0 ? "-" : "+"}${power}`;
}

function sign(value: number): string {
  return value < 0 || Object.is(value, -0) ? "-" : "";
}

function nonFinite(value: number): string {
  return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

const bits = new DataView(new ArrayBuffer(8));

/**
 * |value| * 10^power, rounded to a whole number, ties to even; exact, for a double is an integer
 * times a power of two.
 */
function scaled(value: number, power: number): bigint {
  bits.setFloat64(0, value);
  const word = bits.getBigUint64(0);
  const biased = Number((word >> 52n) & 0x7ffn);
  const fraction = word & 0xfffffffffffffn;
  const exponent = Math.max(biased, 1) - 1075;
  let numerator = biased === 0 ? fraction : fraction | 0x10000000000000n;
  let denominator = 1n;
  if (power >= 0) numerator *= 10n ** BigInt(power);
  else denominator = 10n ** BigInt(-power);
  if (exponent >= 0) numerator <<= BigInt(exponent);
  else denominator <<= BigInt(-exponent);
  const floor = numerator / denominator;
  const twice = 2n * (numerator % denominator);
  const roundsUp = twice > denominator || (twice === denominator && (floor & 1n) === 1n);
  return roundsUp ? floor + 1n : floor;
}
