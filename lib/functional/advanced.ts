import { isFloating } from "../dtype.js";
import { arange } from "../ranges.js";
import { tensor } from "../creation.js";
import { makeError } from "../errors.js";
import { parseIndices, type BasicIndex } from "../indexing.js";
import { native, type NativeIndex, type Scalar } from "../native.js";
import {
  create,
  handleOf,
  isTensor,
  recordRoutine,
  type Index,
  type NestedArray,
  type Operand,
  type Tensor,
} from "../tensor.js";
import { filling } from "./filling.js";
import { named } from "./history.js";
import { dtypeError, shapeError, sizes } from "./refusals.js";

// Indexing with tensors, as in PyTorch: integer tensors name positions, several of them broadcast, and a bool tensor
// names the positions where it is true, in as many dimensions as it has. What they name comes in the place of the
// dimensions that they name it in where those are neighbours, and in front of all others where they are not.

/** A tensor of positions, and the dimension that it names them in; 0-d ones name one position, as a number does. */
interface Positions {
  dim: number;
  index: Tensor;
  isNumber: boolean;
}

/** An index, read: first come ranges, numbers and new dimensions, then positions in what these give. */
interface Plan {
  /** For the native entry: ranges and numbers, and all of the dimensions for which there are tensors. */
  basic: NativeIndex[];
  /** What `basic` gives. */
  part: Tensor;
  /** The shape of what `basic` gives, with the new dimensions. */
  shape: number[];
  positions: Positions[];
}

/** Whether native code alone can read an index. */
export function isBasic(indices: readonly Index[]): indices is (number | string)[] {
  return indices.every((index) => typeof index === "number" || typeof index === "string");
}

function indexError(op: string, message: string, ...shapes: number[][]): RangeError {
  return makeError(RangeError, `${message}; ${op}`, { code: "ERR_INDEX", op, shapes });
}

const everything: NativeIndex = [null, null, null];

/** An entry with its arrays and booleans as tensors. */
function withTensors(op: string, x: Tensor, index: Index): BasicIndex | Tensor | null {
  if (typeof index !== "boolean" && !Array.isArray(index)) return index as BasicIndex | Tensor | null;
  const elements = [index].flat(Infinity as 1) as unknown[];
  const isMask =
    typeof index === "boolean" || (elements.length > 0 && elements.every((one) => typeof one === "boolean"));
  if (!isMask && !elements.every((one) => Number.isSafeInteger(one)))
    throw makeError(TypeError, `${op}: an array that is an index has whole numbers, or booleans`, {
      code: "ERR_INDEX",
      op,
    });
  return tensor(index as NestedArray, { dtype: isMask ? "bool" : "int64", device: x.device });
}

/** How many dimensions an entry of an index names. */
function widthOf(index: BasicIndex | Tensor | null): number {
  if (index === null) return 0;
  return isTensor(index) && index.dtype === "bool" ? index.shape.length : 1;
}

function plan(op: string, x: Tensor, given: readonly Index[]): Plan {
  const own = x.shape;
  const indices = given.map((index) => withTensors(op, x, index));
  const entries = indices.map((index) =>
    index === null || isTensor(index) ? index : parseIndices(op, [index])[0]!,
  );
  const named = indices.reduce(
    (sum: number, index, i) => sum + (entries[i] === "..." ? 0 : widthOf(index)),
    0,
  );
  if (named > own.length) throw indexError(op, `too many indices for tensor of dimension ${own.length}`, own);
  const ellipses = entries.filter((entry) => entry === "...").length;
  if (ellipses > 1) throw indexError(op, "an index can only have a single ellipsis ('...')", own);
  const filled = ellipses === 1 ? entries : [...entries, "..." as const];
  const basic: NativeIndex[] = [];
  const kept: { isNew: boolean; tensor?: Tensor; axis?: number }[] = [];
  for (const [i, entry] of filled.entries()) {
    if (entry === null) kept.push({ isNew: true });
    else if (entry === "...")
      for (let k = named; k < own.length; ++k) {
        basic.push(everything);
        kept.push({ isNew: false });
      }
    else if (typeof entry === "number") basic.push(entry);
    else if (!isTensor(entry)) {
      basic.push(entry);
      kept.push({ isNew: false });
    } else {
      for (const { index, isNew } of columnsOf(op, entry, own, basic.length, i)) {
        if (!isNew) basic.push(everything);
        kept.push({ isNew, tensor: index });
      }
    }
  }
  // What is all of it needs no slice.
  const part = basic.every((entry) => entry === everything)
    ? x
    : create((out) => native.at(out, handleOf(x, op), basic));
  const left = part.shape;
  let axis = 0;
  const shape = kept.map(({ isNew }) => (isNew ? 1 : left[axis++]!));
  const positions = kept.flatMap(({ tensor, isNew }, dim) =>
    tensor ? [{ dim, index: tensor, isNumber: tensor.shape.length === 0 && !isNew }] : [],
  );
  return { basic, part, shape, positions };
}

/** An index tensor as tensors of positions, one for each dimension that it names. */
function columnsOf(op: string, index: Tensor, shape: readonly number[], dim: number, place: number) {
  handleOf(index, op);
  if (isFloating(index.dtype))
    throw dtypeError(
      op,
      `tensors used as indices must be integers or bool, got ${index.dtype}; convert with .to("int64")`,
    );
  if (index.dtype !== "bool") return [{ index: index.to("int64"), isNew: false }];
  const own = index.shape;
  // A number that is true or false is a new dimension, of one position or none.
  if (own.length === 0) return [{ index: index.reshape(1).nonzero().reshape(-1), isNew: true }];
  if (own.some((extent, k) => extent !== shape[dim + k]))
    throw indexError(
      op,
      `The shape of the mask ${sizes(own)} at index ${place} does not match the shape of the indexed tensor ${sizes(shape)} at index ${dim}`,
      own,
      [...shape],
    );
  const rows = index.nonzero();
  return own.map((_, k) => ({ index: rows.select(1, k), isNew: false }));
}

/** The shape to which positions broadcast. */
function commonShape(op: string, positions: readonly Positions[]): number[] {
  const shapes = positions.map(({ index }) => index.shape);
  const rank = Math.max(...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, i) => {
    const extents = shapes
      .map((shape) => shape[i - rank + shape.length] ?? 1)
      .filter((extent) => extent !== 1);
    if (extents.some((extent) => extent !== extents[0]))
      throw indexError(
        op,
        `shape mismatch: indexing tensors could not be broadcast together with shapes ${shapes.map(sizes).join(", ")}`,
        ...shapes,
      );
    return extents[0] ?? 1;
  });
}

/** The indexed dimensions as one: where it is, where its positions are, and how to come there and back. */
interface Line {
  /** The positions in that one dimension, in their common shape. */
  places: Tensor;
  /** A tensor of the plan's shape with the indexed dimensions as one, at `axis`. */
  flatten: (whole: Tensor) => Tensor;
  /** The way back. */
  unflatten: (flat: Tensor) => Tensor;
  axis: number;
  /** The shape of what is named, with the shape of the positions at `axis`. */
  shape: number[];
}

function lineOf(op: string, { shape, positions }: Plan): Line {
  const common = commonShape(op, positions);
  const dims = positions.map(({ dim }) => dim);
  const extents = dims.map((dim) => shape[dim]!);
  // Numbers are no dimensions by the time that the others are looked at.
  const numbers = positions.filter(({ isNumber }) => isNumber).map(({ dim }) => dim);
  const vectors = dims.filter((dim) => !numbers.includes(dim));
  const first = vectors[0] ?? dims[0]!;
  const last = vectors.at(-1) ?? first;
  const areNeighbours = shape.every((_, dim) => dim < first || dim > last || dims.includes(dim));
  const rest = shape.map((_, dim) => dim).filter((dim) => !dims.includes(dim));
  const before = areNeighbours ? rest.filter((dim) => dim < first) : [];
  const after = areNeighbours ? rest.filter((dim) => dim > first) : rest;
  const order = [...before, ...dims, ...after];
  const [head, tail] = [before, after].map((group) => group.map((dim) => shape[dim]!)) as [
    number[],
    number[],
  ];
  const axis = before.length;
  const total = extents.reduce((product, extent) => product * extent, 1);
  const isInOrder = order.every((dim, i) => dim === i);
  const permuted = order.map((dim) => shape[dim]!);
  const back = order.map((_, dim) => order.indexOf(dim));
  return {
    places: placesOf(positions, extents, common),
    flatten: (whole) => (isInOrder ? whole : whole.permute(order)).reshape([...head, total, ...tail]),
    unflatten: (flat) => (isInOrder ? flat.reshape(shape) : flat.reshape(permuted).permute(back)),
    axis,
    shape: [...head, ...common, ...tail],
  };
}

/** Positions in several dimensions as positions in one; those out of range stay so, or fail on their own. */
function placesOf(
  positions: readonly Positions[],
  extents: readonly number[],
  common: readonly number[],
): Tensor {
  const fromFront = ({ index }: Positions, extent: number) =>
    index.lt(0).logicalAnd(index.ge(-extent)).where(index.add(extent), index);
  if (positions.length === 1) return fromFront(positions[0]!, extents[0]!);
  let stride = 1;
  return positions
    .map((one, i) => [one, extents[i]!] as const)
    .reverse()
    .map(([one, extent]) => {
      // A table of where each position leads also refuses those that are out of range.
      const table = arange(0, extent * stride, stride, { dtype: "int64", device: one.index.device });
      stride *= Math.max(extent, 1);
      return table.indexSelect(0, fromFront(one, extent).reshape(-1)).reshape(one.index.shape).expand(common);
    })
    .reduce((sum, part) => sum.add(part));
}

/** What an index with tensors or new dimensions names. */
export function at(x: Tensor, indices: readonly Index[]): Tensor {
  const planned = plan("at", x, indices);
  const whole = planned.part.reshape(planned.shape);
  if (planned.positions.length === 0) return named(whole, "Unsqueeze");
  const { places, flatten, axis, shape } = lineOf("at", planned);
  return named(flatten(whole).indexSelect(axis, places.reshape(-1)).reshape(shape), "Index");
}

/**
 * The tensor with a value, which broadcasts, where an index with tensors or new dimensions names it: in place of what is
 * there, where the last of several at one place counts, or added to it.
 */
export function put(
  op: string,
  x: Tensor,
  indices: readonly Index[],
  value: Operand,
  accumulate: boolean,
): Tensor {
  const planned = plan(op, x, indices);
  const { part, positions } = planned;
  const given = (isTensor(value) ? value : filling(op, op, x, value as Scalar)).to(x.dtype);
  let whole = part.reshape(planned.shape);
  if (positions.length === 0) {
    const fits = fitted(op, given, planned.shape);
    whole = accumulate ? whole.add(fits) : fits;
  } else {
    const { places, flatten, unflatten, axis, shape } = lineOf(op, planned);
    const flat = flatten(whole);
    const wide = flat.shape.map((_, dim) => (dim === axis ? places.numel() : 1));
    const lines = flat.shape.with(axis, places.numel());
    const parts = fitted(op, given, shape).reshape(lines);
    const index = places.reshape(wide).expand(lines);
    whole =
      index.numel() === 0
        ? whole
        : unflatten(recordRoutine(accumulate ? "scatterAdd" : "scatter", [flat, index, parts], axis)[0]!);
  }
  if (part === x) return named(whole.reshape(x.shape), "IndexPut");
  const all = handleOf(whole.reshape(part.shape), op);
  return create((out) => native.splice(out, handleOf(x, op), planned.basic, all, 0));
}

/** A value, expanded; it may have more dimensions of size 1 in front. */
function fitted(op: string, value: Tensor, shape: readonly number[]): Tensor {
  const own = value.shape;
  const surplus = Math.max(own.length - shape.length, 0);
  const fits = own.every(
    (extent, i) => extent === 1 || (i >= surplus && extent === shape[i + shape.length - own.length]),
  );
  if (!fits)
    throw shapeError(
      op,
      `shape mismatch: value tensor of shape ${sizes(own)} cannot be broadcast to indexing result of shape ${sizes(shape)}`,
      own,
      [...shape],
    );
  return (surplus > 0 ? value.reshape(own.slice(surplus)) : value).expand(shape);
}
