import { isFloating, wordOf } from "../dtype.js";
import { realize } from "../engine.js";
import { makeError } from "../errors.js";
import { describe, readOptions } from "../options.js";
import { handleOf, isTensor, type Tensor } from "../tensor.js";
import { histogramDefaults, histogramOf, totalsAt, type Bins, type HistogramOptions } from "./bins.js";
import { refuseWhole } from "./floating.js";

// How often values occur.

/** Options of {@link bincount}. */
export interface BincountOptions {
  /** How much each element counts; 1 when left out. */
  weights?: Tensor | null;
  /** The least length of the result. */
  minlength?: number;
}

/** Options of {@link histc}. */
export interface HistcOptions {
  /** How many bins there are; 100 when left out. */
  bins?: number;
  /** The first edge; with `max` equal to it, both are the extremes of the tensor. */
  min?: number;
  /** The last edge. */
  max?: number;
}

/** The result of {@link histogram}. */
export type Histogram = {
  /** The counts, or densities. */
  hist: Tensor;
  /** The edges, one more than there are bins. */
  binEdges: Tensor;
};

const bincountDefaults: Readonly<Required<BincountOptions>> = Object.freeze({
  weights: null,
  minlength: 0,
});
const histcDefaults: Readonly<Required<HistcOptions>> = Object.freeze({ bins: 100, min: 0, max: 0 });

/**
 * How often each of 0, 1, ... occurs in a vector of whole numbers, up to the largest, which is computed for that: in int64;
 * with weights their sums, in float64, or float32 for such weights.
 */
export function bincount(x: Tensor, options?: BincountOptions): Tensor {
  const { weights, minlength } = readOptions("bincount", options, bincountDefaults);
  handleOf(x, "bincount");
  const { shape, dtype } = x;
  if (isFloating(dtype) || dtype === "bool")
    throw makeError(
      TypeError,
      `"bincount_cpu" not implemented for '${wordOf(dtype)}'; bincount: convert with .to("int64") first`,
      { code: "ERR_DTYPE", op: "bincount" },
    );
  if (shape.length !== 1)
    throw makeError(
      RangeError,
      `bincount only supports 1-d non-negative integral inputs.; bincount: x has shape [${shape}]`,
      { code: "ERR_SHAPE", op: "bincount", shapes: [shape] },
    );
  if (!Number.isInteger(minlength) || minlength < 0)
    throw makeError(RangeError, `minlength should be >= 0; bincount: got ${describe(minlength)}`, {
      code: "ERR_VALUE",
      op: "bincount",
    });
  if (weights !== null) {
    handleOf(weights, "bincount");
    if (weights.ndim !== 1 || weights.shape[0] !== shape[0])
      throw makeError(
        RangeError,
        `weights should be 1-d and have the same length as input; bincount: weights have shape [${weights.shape}], x [${shape}]`,
        { code: "ERR_SHAPE", op: "bincount", shapes: [shape, weights.shape] },
      );
  }
  const [least, most] = shape[0] === 0 ? [0, -1] : extremes(x);
  if (least < 0)
    throw makeError(
      RangeError,
      `bincount only supports 1-d non-negative integral inputs.; bincount: there is a ${least}`,
      { code: "ERR_VALUE", op: "bincount" },
    );
  const length = Math.max(minlength, most + 1);
  const values = weights?.detach() ?? null;
  return totalsAt(
    x.to("int64"),
    values === null || values.dtype === "float32" ? values : values.to("float64"),
    length,
  );
}

/** The smallest and the largest element, computed in one run. */
function extremes(x: Tensor): [number, number] {
  const both = [x.amin(), x.amax()] as const;
  realize(both);
  return [Number(both[0].item()), Number(both[1].item())];
}

/**
 * How many elements lie in each of `bins` equal bins from `min` to `max`, the last of which has its right edge as well;
 * others are left out. In the dtype of the tensor, which is floating.
 */
export function histc(x: Tensor, options?: HistcOptions): Tensor {
  const { bins, min, max } = readOptions("histc", options, histcDefaults);
  refuseWhole("histc", x, "histogram_cpu");
  const refuse = (sentence: string) => makeError(RangeError, sentence, { code: "ERR_VALUE", op: "histc" });
  if (!Number.isInteger(bins) || bins <= 0)
    throw refuse(`torch.histc: bins must be > 0, but got ${describe(bins)}`);
  const values = x.detach().reshape(-1);
  let [first, last] = [min, max];
  if (first === last && values.numel() > 0) [first, last] = extremes(values);
  if (!Number.isFinite(first) || !Number.isFinite(last))
    throw refuse(`torch.histc: range of [${String(first)}, ${String(last)}] is not finite`);
  if (first > last) throw refuse(`torch.histc: max must be larger than min, but got ${first} and ${last}`);
  if (first === last) [first, last] = [first - 1, last + 1];
  const place = values
    .sub(first)
    .mul(bins)
    .div(last - first)
    .to("int64")
    .clamp(0, bins - 1);
  const isInside = values.ge(first).logicalAnd(values.le(last));
  return totalsAt(isInside.where(place, bins), null, bins + 1)
    .narrow(0, 0, bins)
    .to(x.dtype);
}

/**
 * How many elements lie in each bin, and the bins' edges: `bins` equal bins from the smallest element to the largest, or
 * over `range`; or bins between the ascending edges that a vector has. The last bin has its right edge as well; elements
 * outside are left out. Has no gradient.
 */
export function histogram(x: Tensor, bins: Bins, options?: HistogramOptions): Histogram {
  const wanted = readOptions("histogram", options, histogramDefaults);
  handleOf(x, "histogram");
  if (typeof bins !== "number" && !isTensor(bins)) handleOf(bins, "histogram");
  const { hist, edges } = histogramOf("histogram", x.reshape(-1, 1), [bins], wanted);
  return { hist, binEdges: edges[0]! };
}
