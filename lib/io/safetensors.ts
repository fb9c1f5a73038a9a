// Safetensors: the length of a header in eight bytes, the header in JSON, and the elements of all tensors without a gap.
// https://github.com/huggingface/safetensors (its README is the format's description). The reader trusts nothing.
import { createHash } from "node:crypto";
import { constants, closeSync, fstatSync, openSync, readSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { DType } from "../dtype.js";
import { makeError } from "../errors.js";
import { describe, isPlainObject, readOptions } from "../options.js";
import { isTensor, type Tensor } from "../tensor.js";
import { writeAtomically } from "./atomic.js";
import { elementsOf, tensorOf, widthOf } from "./elements.js";
import { formatError } from "./format.js";
import { parseStrictly } from "./json.js";

/** Tensors by name. */
export type NamedTensors = Record<string, Tensor>;

/** Options of {@link saveTensors} and {@link encodeTensors}. */
export interface SaveTensorsOptions {
  /** Texts by name, which go into the file's header. */
  metadata?: Readonly<Record<string, string>>;
}

/** Options of {@link loadTensors} and {@link decodeTensors}. */
export interface LoadTensorsOptions {
  /** The device of the tensors; the default one when left out. */
  device?: string | null;
  /** Larger files are refused; no limit when left out. */
  maxBytes?: number | null;
}

/** What a file holds. */
export interface LoadedTensors {
  tensors: NamedTensors;
  metadata: Record<string, string>;
}

const names: Readonly<Record<DType, string>> = {
  float64: "F64",
  float32: "F32",
  float16: "F16",
  bfloat16: "BF16",
  int64: "I64",
  int32: "I32",
  uint8: "U8",
  bool: "BOOL",
};
const dtypes = new Map(Object.entries(names).map(([dtype, name]) => [name, dtype as DType]));

const mostHeaderBytes = 100_000_000;
const mostTensors = 100_000;
const mostDimensions = 32;
/** The name of the elements' checksum among the metadata. */
const checksumName = "adjoint.sha256";

/**
 * A safetensors file of these tensors, as bytes. Waits for their values.
 * @throws TypeError (`ERR_ARGUMENT`) for what is not a tensor, or metadata that are no texts.
 */
export function encodeTensors(tensors: NamedTensors, options?: SaveTensorsOptions): Buffer {
  return Buffer.concat([...piecesOf("encodeTensors", tensors, options)]);
}

/**
 * Writes tensors into a safetensors file, which PyTorch and others can read. Whatever happens meanwhile, there is a whole file
 * under the name, the old one or the new one; a checksum goes with it. Waits for the tensors' values.
 * @throws TypeError (`ERR_ARGUMENT`) for what is not a tensor; Node's errors, such as `ENOSPC`.
 */
export function saveTensors(path: string | URL, tensors: NamedTensors, options?: SaveTensorsOptions): void {
  writeAtomically(pathOf("saveTensors", path), piecesOf("saveTensors", tensors, options));
}

/**
 * The tensors of a safetensors file, with its metadata.
 * @throws Error (`ERR_FORMAT`) where the file is not whole, is not of this format, or was changed; Node's errors, such as
 * `ENOENT`.
 */
export function loadTensors(path: string | URL, options?: LoadTensorsOptions): LoadedTensors {
  const file = openSync(pathOf("loadTensors", path), constants.O_RDONLY);
  try {
    const { size } = fstatSync(file);
    checkSize(size, options);
    const bytes = Buffer.allocUnsafe(size);
    let read = 0;
    while (read < size) {
      const count = readSync(file, bytes, read, Math.min(size - read, 2 ** 30), read);
      if (count === 0) throw formatError(`safetensors: the file ended at byte ${read} of ${size}`);
      read += count;
    }
    return decodeTensors(bytes, options);
  } finally {
    closeSync(file);
  }
}

/**
 * {@link loadTensors} of bytes.
 * @throws Error (`ERR_FORMAT`) where they are not of this format, or were changed.
 */
export function decodeTensors(bytes: Uint8Array, options?: LoadTensorsOptions): LoadedTensors {
  if (!(bytes instanceof Uint8Array))
    throw makeError(TypeError, `decodeTensors: expected a Buffer or Uint8Array, got ${describe(bytes)}`, {
      code: "ERR_ARGUMENT",
      op: "decodeTensors",
    });
  const { device } = readLoadOptions(options);
  checkSize(bytes.length, options);
  const { entries, metadata, begin } = readHeader(bytes);
  const data = bytes.subarray(begin);
  const { [checksumName]: checksum, ...rest } = metadata;
  if (checksum !== undefined && createHash("sha256").update(data).digest("hex") !== checksum)
    throw formatError("safetensors: the elements do not have the checksum that the header says");
  const tensors = entries.map(
    ({ name, dtype, shape, from, to }) =>
      [name, tensorOf(data.subarray(from, to), shape, dtype, device ?? undefined)] as const,
  );
  return { tensors: Object.fromEntries(tensors), metadata: rest };
}

function* piecesOf(op: string, tensors: NamedTensors, options?: SaveTensorsOptions): Generator<Uint8Array> {
  const { metadata } = readOptions(op, options, { metadata: {} });
  const refuse = (what: string, got: unknown): never => {
    throw makeError(TypeError, `${op}: expected ${what}, got ${describe(got)}`, { code: "ERR_ARGUMENT", op });
  };
  if (!isPlainObject(tensors)) refuse("tensors by name, such as { weight, bias }", tensors);
  if (!isPlainObject(metadata)) refuse("metadata by name", metadata);
  const listed = Object.entries(tensors);
  for (const [name, value] of listed) {
    if (!isTensor(value)) refuse(`'${name}' to be a Tensor`, value);
    if (name === "__metadata__") refuse("names of tensors other than '__metadata__'", name);
  }
  for (const [name, value] of Object.entries(metadata))
    if (typeof value !== "string") refuse(`metadata '${name}' to be a string`, value);

  const elements = listed.map(([, x]) => elementsOf(x));
  const hash = createHash("sha256");
  for (const bytes of elements) hash.update(bytes);
  let offset = 0;
  const entries = listed.map(([name, x], i) => {
    const begin = offset;
    offset += elements[i]!.length;
    return [name, { dtype: names[x.dtype], shape: x.shape, data_offsets: [begin, offset] }] as const;
  });
  const header = Object.fromEntries<unknown>([
    ["__metadata__", { ...metadata, [checksumName]: hash.digest("hex") }],
    ...entries,
  ]);
  const text = Buffer.from(JSON.stringify(header));
  // Elements begin at a multiple of eight bytes.
  const padded = Buffer.alloc(Math.ceil(text.length / 8) * 8, " ");
  text.copy(padded);
  if (padded.length > mostHeaderBytes)
    throw makeError(
      RangeError,
      `${op}: the header would take ${padded.length} bytes, more than ${mostHeaderBytes}`,
      {
        code: "ERR_ARGUMENT",
        op,
      },
    );
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  yield length;
  yield padded;
  yield* elements;
}

interface Entry {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly from: number;
  readonly to: number;
}

function readHeader(bytes: Uint8Array): {
  entries: Entry[];
  metadata: Record<string, string>;
  begin: number;
} {
  const refuse = (why: string): never => {
    throw formatError(`safetensors: ${why}`);
  };
  if (bytes.length < 8)
    refuse(`the file has ${bytes.length} bytes, and begins with eight that say how long its header is`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const declared = view.getBigUint64(0, true);
  if (declared > BigInt(mostHeaderBytes))
    refuse(`the header would take ${declared} bytes, more than ${mostHeaderBytes}`);
  const length = Number(declared);
  const begin = 8 + length;
  if (begin > bytes.length) refuse(`the header would end at byte ${begin} of ${bytes.length}`);
  const raw = bytes.subarray(8, begin);
  if (raw[0] !== 0x7b) refuse("the header does not begin with {");
  let text = "";
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(raw);
  } catch {
    refuse("the header is not UTF-8");
  }
  const header = parseStrictly("safetensors: the header", text) as Record<string, unknown>;
  const listed = Object.entries(header).filter(([name]) => name !== "__metadata__");
  if (listed.length > mostTensors) refuse(`there are ${listed.length} tensors, more than ${mostTensors}`);
  const entries = listed.map(([name, value]) => readEntry(name, value, refuse));
  // Every byte belongs to one tensor: a file cannot be two things at once.
  let end = 0;
  for (const { name, from, to } of [...entries].sort((a, b) => a.from - b.from || a.to - b.to)) {
    if (from !== end) refuse(`'${name}' begins at byte ${from} of the elements, where ${end} was next`);
    end = to;
  }
  if (begin + end !== bytes.length)
    refuse(`the elements take ${end} bytes, and the file has ${bytes.length - begin} of them`);
  return { entries, metadata: readMetadata(header["__metadata__"], refuse), begin };
}

function readMetadata(value: unknown, refuse: (why: string) => never): Record<string, string> {
  if (value === undefined) return {};
  if (!isPlainObject(value)) refuse("__metadata__ is not an object");
  for (const [name, text] of Object.entries(value as object))
    if (typeof text !== "string") refuse(`'${name.slice(0, 60)}' in __metadata__ is not a string`);
  return Object.fromEntries(Object.entries(value as Record<string, string>));
}

function readEntry(name: string, value: unknown, refuse: (why: string) => never): Entry {
  const shown = `'${name.slice(0, 60)}'`;
  if (!isPlainObject(value)) refuse(`${shown} is not an object`);
  const { dtype: word, shape, data_offsets: offsets, ...others } = value as Record<string, unknown>;
  const surplus = Object.keys(others)[0];
  if (surplus !== undefined) refuse(`${shown} has '${surplus.slice(0, 60)}', which means nothing`);
  const dtype = typeof word === "string" ? dtypes.get(word) : undefined;
  if (dtype === undefined)
    refuse(
      `${shown} has dtype ${(JSON.stringify(word) as string | undefined)?.slice(0, 60)}; readable are ${[...dtypes.keys()].join(", ")}`,
    );
  if (!isWholes(shape)) refuse(`the shape of ${shown} is not an array of whole numbers`);
  const dims = shape as number[];
  if (dims.length > mostDimensions)
    refuse(`${shown} has ${dims.length} dimensions, more than ${mostDimensions}`);
  if (!isWholes(offsets) || (offsets as number[]).length !== 2)
    refuse(`the data_offsets of ${shown} are not two whole numbers`);
  const [from, to] = offsets as [number, number];
  const count = dims.reduce((product, size) => product * BigInt(size), 1n);
  if (count * BigInt(widthOf(dtype)) !== BigInt(to) - BigInt(from))
    refuse(`${shown} of shape [${dims.join(", ")}] does not take the bytes from ${from} to ${to}`);
  return { name, dtype: dtype, shape: dims, from, to };
}

function isWholes(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && (item as number) >= 0);
}

function readLoadOptions(options: LoadTensorsOptions | undefined) {
  const defaults: Required<LoadTensorsOptions> = { device: null, maxBytes: null };
  return readOptions("loadTensors", options, defaults);
}

function checkSize(size: number, options: LoadTensorsOptions | undefined): void {
  const { maxBytes } = readLoadOptions(options);
  if (maxBytes !== null && size > maxBytes)
    throw formatError(`safetensors: the file has ${size} bytes, more than the ${maxBytes} that are allowed`);
}

function pathOf(op: string, path: string | URL): string {
  if (path instanceof URL) return fileURLToPath(path);
  if (typeof path === "string") return path;
  throw makeError(TypeError, `${op}: expected a path, got ${describe(path)}`, { code: "ERR_ARGUMENT", op });
}
