import { isFloating } from "./dtype.js";
import { makeError } from "./errors.js";
import { named } from "./functional/history.js";
import { checkOrder, normOver } from "./functional/norms.js";
import { zeros } from "./creation.js";
import { arange } from "./ranges.js";
import { describe, readOptions } from "./options.js";
import { handleOf, type Tensor } from "./tensor.js";

// Distances between all of many points.

/** Options of {@link cdist}. */
export interface CdistOptions {
  /** The order of the norm; 2 when left out. */
  p?: number;
  /** PyTorch's choice of a way to compute; here differences are always taken, which is exact for near points. */
  computeMode?: (typeof computeModes)[number];
}

const computeModes = [
  "use_mm_for_euclid_dist_if_necessary",
  "use_mm_for_euclid_dist",
  "donot_use_mm_for_euclid_dist",
] as const;
const cdistDefaults: Readonly<Required<CdistOptions>> = Object.freeze({
  p: 2,
  computeMode: computeModes[0],
});
const pdistDefaults: Readonly<{ p: number }> = Object.freeze({ p: 2 });

/**
 * The p-norm of the difference of each row of x1 and each row of x2: from `[..., P, M]` and `[..., R, M]` to
 * `[..., P, R]`; batches broadcast. p is at least 0. The gradient is 0 where points are equal.
 */
export function cdist(x1: Tensor, x2: Tensor, options?: CdistOptions): Tensor {
  const { p, computeMode } = readOptions("cdist", options, cdistDefaults);
  handleOf(x1, "cdist");
  handleOf(x2, "cdist");
  const shapes = [x1.shape, x2.shape];
  for (const [i, x] of [x1, x2].entries()) {
    if (!isFloating(x.dtype))
      throw makeError(
        TypeError,
        `cdist only supports floating-point dtypes, X${i + 1} got: ${x.dtype}; cdist: convert with .to("float32") first`,
        { code: "ERR_DTYPE", op: "cdist" },
      );
    if (x.ndim < 2)
      throw makeError(
        RangeError,
        `cdist only supports at least 2D tensors, X${i + 1} got: ${x.ndim}D; cdist: points are rows`,
        { code: "ERR_SHAPE", op: "cdist", shapes },
      );
  }
  if (shapes[0]!.at(-1) !== shapes[1]!.at(-1))
    throw makeError(
      RangeError,
      `X1 and X2 must have the same number of columns. X1: ${shapes[0]!.at(-1)} X2: ${shapes[1]!.at(-1)}; cdist: points are rows`,
      { code: "ERR_SHAPE", op: "cdist", shapes },
    );
  checkOrder("cdist", p, "cdist only supports non-negative p values");
  if (!computeModes.includes(computeMode))
    throw makeError(RangeError, `cdist: ${describe(computeMode)} is not a valid value for compute_mode`, {
      code: "ERR_VALUE",
      op: "cdist",
    });
  return named(distances("cdist", x1, x2, p), "Cdist");
}

function distances(op: string, x1: Tensor, x2: Tensor, p: number): Tensor {
  const difference = x1.unsqueeze(-2).sub(x2.unsqueeze(-3));
  const { ndim, shape } = difference;
  // The extremes of no coordinates are not defined, but two such points are equal.
  return normOver(op, difference, shape[ndim - 1] === 0 ? 1 : p, [ndim - 1], false, false);
}

/**
 * The p-norms of the differences of the rows of a matrix, of each pair once: row 0 with 1, 2, ..., row 1 with 2, ... p is
 * at least 0. The gradient is 0 where rows are equal.
 */
export function pdist(x: Tensor, options?: { p?: number }): Tensor {
  const { p } = readOptions("pdist", options, pdistDefaults);
  handleOf(x, "pdist");
  const { shape, dtype, device } = x;
  if (shape.length !== 2)
    throw makeError(
      RangeError,
      `pdist only supports 2D tensors, got: ${shape.length}D; pdist: points are rows`,
      { code: "ERR_SHAPE", op: "pdist", shapes: [shape] },
    );
  if (!isFloating(dtype))
    throw makeError(
      TypeError,
      `pdist only supports floating-point dtypes; pdist: x is ${dtype}, convert with .to("float32") first`,
      { code: "ERR_DTYPE", op: "pdist" },
    );
  checkOrder("pdist", p, "pdist only supports non-negative p values");
  const count = shape[0]!;
  const rows = arange(count, { dtype: "int64", device });
  const isPair = rows.unsqueeze(1).lt(rows).reshape(-1);
  const all = distances("pdist", x, x, p).reshape(-1);
  return named(
    count < 2
      ? zeros([0], { dtype, device }).add(all.sum())
      : all.indexSelect(0, isPair.nonzero().reshape(-1)),
    "PdistForward",
  );
}
