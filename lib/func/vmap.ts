import { cat } from "../joining.js";
import { refusePromise } from "../engine.js";
import { makeError } from "../errors.js";
import { native } from "../native.js";
import { describe, isPlainObject, readOptions } from "../options.js";
import { create, handleOf, isTensor, type Tensor } from "../tensor.js";
import { checkFunction, type AnyFunction } from "./calls.js";
import { checkOutput, mapped } from "./trees.js";

/** Which dimension of each tensor counts the examples; null for a tensor that is the same for all. */
export type BatchDims = number | null | readonly BatchDims[] | { readonly [name: string]: BatchDims };

/** Options of {@link vmap}. */
export interface VmapOptions {
  /**
   * The dimension of the tensors in the arguments that counts the examples, 0 when left out; or an array with one entry for
   * each argument, where null is for an argument that is the same for all, and an array or object for one argument has an
   * entry for each of its own.
   */
  inDims?: BatchDims;
  /** The dimension of the results that counts the examples, 0 when left out; as `inDims`. */
  outDims?: BatchDims;
  /** What random numbers the examples get: `"error"` (none), `"same"` or `"different"` ones. */
  randomness?: "error" | "same" | "different";
  /** How many examples are computed at once: all of them when left out. Less takes less memory. */
  chunkSize?: number | null;
}

const randomnesses = ["error", "same", "different"] as const;

function refuse(type: ErrorConstructor, message: string): never {
  throw makeError(type, message, { code: "ERR_VMAP", op: "vmap" });
}

/** A dimension for each tensor of a tree, in its order; undefined for what is no tensor. */
function dimsOf(what: string, dims: unknown, tree: unknown): (number | null)[] {
  const found: (number | null)[] = [];
  const walk = (dim: unknown, item: unknown): void => {
    if (isTensor(item)) {
      if (dim !== null && !Number.isInteger(dim))
        refuse(
          TypeError,
          `vmap: ${what} has ${describe(dim)} for a Tensor, where it must have a dimension or null`,
        );
      found.push(dim as number | null);
    } else if (Array.isArray(item)) {
      if (Array.isArray(dim) && dim.length !== item.length)
        refuse(
          TypeError,
          `vmap: ${what} is not compatible with the structure of what it belongs to: ${dim.length} entries for ${item.length}`,
        );
      item.forEach((one, i) => {
        walk(Array.isArray(dim) ? dim[i] : dim, one);
      });
    } else if (isPlainObject(item)) {
      for (const [name, one] of Object.entries(item as object)) {
        const own = isPlainObject(dim) ? (dim as Record<string, unknown>)[name] : dim;
        if (own === undefined)
          refuse(
            TypeError,
            `vmap: ${what} is not compatible with the structure of what it belongs to: no ${name}`,
          );
        walk(own, one);
      }
    }
  };
  walk(dims, tree);
  return found;
}

/**
 * `f` for each example of a batch, by ops on the whole batch: `f` is called once, with tensors that have the shape of one
 * example, and what it returns gets a dimension for the examples. Transformations compose, so that
 * `vmap(func.grad(f))` gives a gradient for each example.
 *
 * @example
 * console.log(func.vmap((row) => row.sum())(tensor([[1, 2], [3, 4]])).toArray()); // [ 3, 7 ]
 * @throws Error (`ERR_VMAP`) with PyTorch's sentences: batches of different sizes, no batch at all, a value that is read or
 * changed inside, an op whose result's shape depends on values, random numbers without `randomness`.
 */
export function vmap<F extends AnyFunction>(
  f: F,
  options?: VmapOptions,
): (...args: Parameters<F>) => ReturnType<F> {
  checkFunction("vmap", f);
  const { inDims, outDims, randomness, chunkSize } = readOptions("vmap", options, {
    inDims: 0,
    outDims: 0,
    randomness: "error",
    chunkSize: null as number | null,
  });
  const mode = (randomnesses as readonly string[]).indexOf(randomness);
  if (mode < 0)
    refuse(
      RangeError,
      `Only allowed values for randomness are 'error', 'different', or 'same'. Got ${describe(randomness)}; vmap`,
    );
  if (chunkSize !== null && !(Number.isInteger(chunkSize) && chunkSize > 0))
    refuse(RangeError, `vmap: chunk_size should be None or greater than 0. (got ${describe(chunkSize)})`);
  return (...args) => {
    const given = args as readonly unknown[];
    if (given.length === 0)
      refuse(
        RangeError,
        "vmap(f)(<inputs>): got no inputs. Maybe you forgot to add inputs, or you are trying to vmap over a function with no inputs. The latter is unsupported.",
      );
    if (Array.isArray(inDims) && inDims.length !== given.length)
      refuse(
        RangeError,
        `vmap: inDims is not compatible with the structure of inputs: ${inDims.length} entries for ${given.length} arguments`,
      );
    const dims = dimsOf("inDims", inDims, given);
    const extent = extentOf(given, dims);
    if (chunkSize === null || chunkSize >= extent)
      return once(f, given, dims, extent, outDims, mode) as ReturnType<F>;
    const parts: unknown[] = [];
    for (let start = 0; start < extent; start += chunkSize) {
      const length = Math.min(chunkSize, extent - start);
      let next = 0;
      const part = mapped(given, (leaf) => {
        const dim = dims[next++] as number | null;
        return dim === null ? leaf : leaf.narrow(dim, start, length);
      });
      parts.push(once(f, part, dims, length, outDims, mode));
    }
    return joined(parts, outDims) as ReturnType<F>;
  };
}

/** How many examples there are. */
function extentOf(args: readonly unknown[], dims: readonly (number | null)[]): number {
  const extents: number[] = [];
  let next = 0;
  mapped(args, (leaf) => {
    const dim = dims[next++] as number | null;
    if (dim === null) return leaf;
    const { shape } = leaf;
    if (shape.length === 0)
      refuse(
        RangeError,
        `vmap: Got in_dim=${dim} for an input but the input is of 0 dimensions, so that it cannot be vmapped over; inDims: null is for what is the same for all examples`,
      );
    if (dim < -shape.length || dim >= shape.length)
      refuse(
        RangeError,
        `vmap: Got in_dim=${dim} for some input, but that input is a Tensor of dimensionality ${shape.length} so expected in_dim to satisfy -${shape.length} <= in_dim < ${shape.length}.`,
      );
    extents.push(shape.at(dim)!);
    return leaf;
  });
  if (extents.length === 0)
    refuse(
      RangeError,
      "vmap: no input is mapped: at least one Tensor must have a dimension in inDims, all are null",
    );
  if (extents.some((extent) => extent !== extents[0]))
    refuse(
      RangeError,
      `vmap: Expected all tensors to have the same size in the mapped dimension, got sizes [${extents.join(", ")}] for the mapped dimension`,
    );
  return extents[0]!;
}

function once(
  f: AnyFunction,
  args: readonly unknown[],
  dims: readonly (number | null)[],
  extent: number,
  outDims: BatchDims,
  randomness: number,
): unknown {
  native.beginLevel(extent, randomness);
  try {
    let next = 0;
    const inside = mapped(args, (leaf) => {
      const dim = dims[next++] as number | null;
      return dim === null ? leaf : create((out) => native.enterLevel(out, handleOf(leaf, "vmap"), dim));
    });
    const result: unknown = f(...inside);
    refusePromise("vmap", result);
    checkOutput("vmap", result);
    const out = dimsOf("outDims", outDims, result);
    let place = 0;
    return mapped(result, (leaf: Tensor) => {
      const dim = out[place++] as number | null;
      if (dim === null)
        refuse(RangeError, "vmap: outDims cannot be null: every result has an example for each of the batch");
      return create((made) => native.leaveLevel(made, handleOf(leaf, "vmap"), dim));
    });
  } finally {
    native.endLevel();
  }
}

/** The results of chunks, one behind the other. */
function joined(parts: readonly unknown[], outDims: BatchDims): unknown {
  const out = dimsOf("outDims", outDims, parts[0]);
  const leaves = parts.map((part) => {
    const found: Tensor[] = [];
    mapped(part, (leaf) => found.push(leaf));
    return found;
  });
  let place = 0;
  return mapped(parts[0], () => {
    const i = place++;
    return cat(
      leaves.map((part) => part[i]!),
      out[i]!,
    );
  });
}
