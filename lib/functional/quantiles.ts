import { isFloating } from "../dtype.js";
import { makeError } from "../errors.js";
import { tensor } from "../creation.js";
import { describe, readOptions, withOptions } from "../options.js";
import { handleOf, isTensor, type ReduceOptions, type Tensor } from "../tensor.js";
import { sort } from "./along.js";
import { lineOfAll, type Dim } from "./axes.js";
import { named } from "./history.js";
import { wholeBatch } from "./batches.js";

/** What lies between two elements. */
export type Interpolation = "linear" | "lower" | "higher" | "midpoint" | "nearest";

/** Options of {@link quantile} and {@link nanquantile}. */
export interface QuantileOptions extends ReduceOptions {
  /** What a quantile between two elements is; on the line between them when left out. */
  interpolation?: Interpolation;
}

const interpolations: readonly string[] = ["linear", "lower", "higher", "midpoint", "nearest"];
const quantileDefaults: Readonly<Required<QuantileOptions>> = Object.freeze({
  keepdim: false,
  interpolation: "linear",
});

/**
 * The elements that a share q of the others lies below, along `dim` or of all: rank q (n - 1) of n sorted elements, and
 * between two of them what `interpolation` says. `q` is a number in [0, 1], an array of such numbers, or a tensor of the same
 * dtype, 0-d or a vector; an array or a vector becomes the first dimension of the result. NaN where there is one. Gradients
 * go to the elements next to the rank, and to q.
 *
 * @throws TypeError (`ERR_DTYPE`) unless x is floating and q has its dtype, RangeError (`ERR_VALUE`) for a q outside
 * [0, 1], RangeError (`ERR_SHAPE`) for an empty x.
 */
export function quantile(
  x: Tensor,
  q: number | readonly number[] | Tensor,
  dim?: Dim | QuantileOptions,
  options?: QuantileOptions,
): Tensor {
  return quantileOf("quantile", x, q, dim, options);
}

/** The {@link quantile} of what is not NaN; NaN where nothing is. */
export function nanquantile(
  x: Tensor,
  q: number | readonly number[] | Tensor,
  dim?: Dim | QuantileOptions,
  options?: QuantileOptions,
): Tensor {
  return quantileOf("nanquantile", x, q, dim, options);
}

function quantileOf(
  op: "quantile" | "nanquantile",
  x: Tensor,
  q: number | readonly number[] | Tensor,
  first: Dim | QuantileOptions,
  second: QuantileOptions | undefined,
): Tensor {
  const [dim, options] = withOptions<Dim, QuantileOptions>(first, second);
  const { keepdim, interpolation } = readOptions(op, options, quantileDefaults);
  const { lines, axis, length } = lineOfAll(op, x, dim);
  checkInput(op, x, interpolation);
  const shares = sharesOf(op, x, q);
  // Lines last, so that the ranks of one line are one too.
  const others = lines.shape.map((_, i) => i).filter((i) => i !== axis);
  const ordered = sort(lines.permute(...others, axis), -1).values;
  const count = ordered.detach().isnan().logicalNot().sum(-1, { keepdim: true });
  const ranks =
    op === "nanquantile"
      ? shares.mul(count.sub(1).clamp(0).to(x.dtype))
      : // The last element is the NaN, where there is one.
        count.eq(length).where(shares.mul(length - 1), length - 1);
  const found = between(ordered, ranks, interpolation).permute(others.length, ...others.keys());
  const kept =
    dim === undefined || dim === null
      ? x.shape.map(() => 1)
      : x.shape.map((size, i) => (i === axis ? 1 : size));
  const whole = keepdim ? found.reshape([found.shape[0]!, ...kept]) : found;
  const result = Array.isArray(q) || (isTensor(q) && q.ndim === 1) ? whole : whole.select(0, 0);
  return named(result, op === "quantile" ? "Quantile" : "Nanquantile");
}

/** What is at the ranks, which need not be whole, of sorted lines along the last dimension. */
function between(ordered: Tensor, ranks: Tensor, interpolation: Interpolation): Tensor {
  const at = (places: Tensor) => ordered.gather(-1, places.detach().to("int64"));
  if (interpolation === "lower") return at(ranks.floor());
  if (interpolation === "higher") return at(ranks.ceil());
  if (interpolation === "nearest") return at(ranks.round());
  const below = ranks.detach().floor();
  const weight = interpolation === "midpoint" ? 0.5 : ranks.sub(below);
  return at(below).lerp(at(ranks.ceil()), weight);
}

function checkInput(op: string, x: Tensor, interpolation: unknown): void {
  if (!isFloating(x.dtype))
    throw makeError(
      TypeError,
      `${op}() input tensor must be either float or double dtype; ${op}: x is ${x.dtype}, convert with .to("float32") first`,
      { code: "ERR_DTYPE", op },
    );
  if (x.numel() === 0)
    throw makeError(RangeError, `${op}() input tensor must be non-empty; ${op}: there is no element`, {
      code: "ERR_SHAPE",
      op,
      shapes: [x.shape],
    });
  if (!interpolations.includes(interpolation as string))
    throw makeError(
      RangeError,
      `${op}() interpolation must be one of linear, lower, higher, midpoint or nearest; ${op}: got ${describe(interpolation)}`,
      { code: "ERR_VALUE", op },
    );
}

/** The shares as a vector in the dtype of x. */
function sharesOf(op: string, x: Tensor, q: number | readonly number[] | Tensor): Tensor {
  if (!isTensor(q)) {
    if (typeof q !== "number" && !Array.isArray(q)) handleOf(q, op);
    const shares = typeof q === "number" ? [q] : q;
    if (shares.every((share) => share >= 0 && share <= 1))
      return tensor(shares, { dtype: x.dtype, device: x.device });
    throw makeError(RangeError, `${op}() q must be in the range [0, 1] but got ${q}; ${op}: q is a share`, {
      code: "ERR_VALUE",
      op,
    });
  }
  if (q.ndim > 1)
    throw makeError(RangeError, `${op}() q must be a scalar or 1D tensor; ${op}: q has shape [${q.shape}]`, {
      code: "ERR_SHAPE",
      op,
      shapes: [q.shape],
    });
  if (q.dtype !== x.dtype)
    throw makeError(
      TypeError,
      `${op}() q tensor must be same dtype as the input tensor; ${op}: q is ${q.dtype} and x ${x.dtype}`,
      { code: "ERR_DTYPE", op },
    );
  // On a GPU this would wait for it; there a wrong rank is an error where the result is read.
  if (
    q.device === "cpu" &&
    !wholeBatch(q.detach().ge(0).logicalAnd(q.detach().le(1)))
      .all()
      .item<boolean>()
  )
    throw makeError(RangeError, `${op}() q values must be in the range [0, 1]; ${op}: one is not`, {
      code: "ERR_VALUE",
      op,
    });
  return q.reshape(-1);
}
