import { makeError } from "../errors.js";
import { listed } from "../functional/matrices.js";
import { inverseOf, solutionOf } from "../functional/solutions.js";
import { describe, readOptions } from "../options.js";
import { handleOf, type Tensor } from "../tensor.js";

/** Options of {@link tensorinv}. */
export interface TensorinvOptions {
  /** How many dimensions come first. */
  ind?: number;
}

const product = (sizes: readonly number[]) => sizes.reduce((total, size) => total * size, 1);

/**
 * The inverse of a tensor as a map from its last dimensions to its first `ind` ones (2 when left out), both of which have as
 * many elements: the shape `[...a, ...b]` gives `[...b, ...a]`.
 */
export function tensorinv(a: Tensor, options?: TensorinvOptions): Tensor {
  const op = "tensorinv";
  handleOf(a, op);
  const { ind } = readOptions(op, options, { ind: 2 });
  if (!Number.isInteger(ind) || ind <= 0)
    throw makeError(
      RangeError,
      `Expected a strictly positive integer for 'ind'; tensorinv: got ${describe(ind)}`,
      {
        code: "ERR_OPTION",
        op,
      },
    );
  const { shape } = a;
  const [first, last] = [shape.slice(0, ind), shape.slice(ind)];
  if (product(first) !== product(last))
    throw makeError(
      RangeError,
      "Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but got " +
        `${product(last)} != ${product(first)}; tensorinv: the shape is ${listed(shape)}`,
      { code: "ERR_SHAPE", op, shapes: [shape] },
    );
  return inverseOf(a.reshape(product(first), product(last)), "inv").reshape([...last, ...first]);
}

/** Options of {@link tensorsolve}. */
export interface TensorsolveOptions {
  /** Dimensions of A that are moved to the end first. */
  dims?: readonly number[] | null;
}

/**
 * The X for which the sums of products of A with X, over X's dimensions, which are the last ones of A, are B: shapes
 * `[...b, ...x]` and `[...b]`, of as many elements, give `[...x]`.
 */
export function tensorsolve(a: Tensor, b: Tensor, options?: TensorsolveOptions): Tensor {
  const op = "tensorsolve";
  handleOf(a, op);
  handleOf(b, op);
  const { dims } = readOptions(op, options, { dims: null as readonly number[] | null });
  const rank = a.shape.length;
  const moved = (dims ?? []).map((dim) => {
    if (!Number.isInteger(dim) || dim < -rank || dim >= rank)
      throw makeError(
        RangeError,
        `Dimension out of range (expected to be in range of [${-rank}, ${rank - 1}], but got ${describe(dim)})`,
        { code: "ERR_DIM", op, shapes: [a.shape] },
      );
    return dim < 0 ? dim + rank : dim;
  });
  const others = a.shape.map((_, dim) => dim).filter((dim) => !moved.includes(dim));
  const turned = moved.length === 0 ? a : a.permute([...others, ...moved]);
  const shape = turned.shape.slice(b.shape.length);
  const [count, wanted] = [product(shape), product(turned.shape.slice(0, b.shape.length))];
  if (count !== wanted || count !== b.numel())
    throw makeError(
      RangeError,
      "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == prod(self.shape[:other.ndim]), but got " +
        `${count} != ${wanted}; tensorsolve: the shapes are ${listed(a.shape)} and ${listed(b.shape)}`,
      { code: "ERR_SHAPE", op, shapes: [a.shape, b.shape] },
    );
  return solutionOf(op, turned.reshape(count, count), b.reshape(-1), true, "solve").reshape(shape);
}
