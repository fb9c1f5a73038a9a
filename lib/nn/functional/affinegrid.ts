import { ones } from "../../creation.js";
import { cat } from "../../joining.js";
import { arange } from "../../ranges.js";
import { makeError } from "../../errors.js";
import { named } from "../../functional/history.js";
import { describe, readOptions } from "../../options.js";
import { handleOf, type Tensor } from "../../tensor.js";
import { inBrackets, requireFlags, requireFloating } from "./sizes.js";

const defaults: Readonly<{ alignCorners: boolean | null }> = Object.freeze({ alignCorners: false });

/**
 * The grid of an affine map for `gridSample`: from `theta` `[N, 2, 3]` and a size `[N, C, H, W]` to `[N, H, W, 2]`, or from
 * `[N, 3, 4]` and `[N, C, D, H, W]` to `[N, D, H, W, 3]`. A place is `theta` times (x, y, 1), x and y going from -1 to 1, at
 * the outer elements' centres with `alignCorners`, else at their edges.
 *
 * @throws RangeError (`ERR_SHAPE`) where theta and size do not fit, TypeError (`ERR_DTYPE`) unless theta is floating.
 */
export function affineGrid(
  theta: Tensor,
  size: readonly number[],
  options?: { alignCorners?: boolean | null },
): Tensor {
  const op = "affineGrid";
  const alignCorners = readOptions(op, options, defaults).alignCorners ?? false;
  handleOf(theta, op);
  requireFlags(op, { alignCorners });
  requireFloating(op, "affine_grid_generator", theta);
  const { shape, dtype, device } = theta;
  const given: unknown = size;
  if (!Array.isArray(given) || !given.every((extent) => Number.isSafeInteger(extent) && extent > 0))
    throw makeError(
      RangeError,
      `Expected non-zero, positive output size. Got ${describe(given)}; ${op}: size is [N, C, H, W] or [N, C, D, H, W]`,
      { code: "ERR_ARGUMENT", op },
    );
  const rank = size.length - 2;
  if ((rank !== 2 && rank !== 3) || String(shape) !== String([size[0], rank, rank + 1]))
    throw makeError(
      RangeError,
      `Expected a batch of ${rank === 3 ? "3D" : "2D"} affine matrices of shape Nx${rank === 3 ? "3x4" : "2x3"} for size ` +
        `${inBrackets(size)}. Got ${inBrackets(shape)}.; ${op}: size is [N, C, H, W] or [N, C, D, H, W]`,
      { code: "ERR_SHAPE", op, shapes: [shape, [...size]] },
    );
  const sizes = size.slice(2);
  const coordinates = sizes.map((extent, i) => {
    // From -1 to 1 in the middle of elements, or of the first and the last one.
    const along = arange(extent, { dtype, device })
      .mul(2)
      .sub(extent - 1)
      .div(alignCorners ? Math.max(extent - 1, 1) : extent);
    return along.reshape(-1, ...Array<number>(rank - 1 - i).fill(1)).expand(sizes);
  });
  const one = ones(sizes, { dtype, device });
  const points = cat(
    [...coordinates.reverse(), one].map((coordinate) => coordinate.reshape(-1, 1)),
    1,
  );
  return named(points.matmul(theta.transpose(1, 2)).reshape(size[0]!, ...sizes, rank), "AffineGridGenerator");
}
