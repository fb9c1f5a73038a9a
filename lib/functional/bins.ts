import { tensor, zeros } from "../creation.js";
import { linspace } from "../ranges.js";
import { makeError } from "../errors.js";
import { describe } from "../options.js";
import { searchsorted } from "../searching.js";
import { handleOf, isTensor, type Tensor } from "../tensor.js";
import { refuseWhole } from "./floating.js";

/** The edges of bins along one dimension, or how many bins there are between its extremes. */
export type Bins = number | Tensor;

/** Options of histograms. */
export interface HistogramOptions {
  /** The first and the last edge of each dimension, where bins are numbers; the extremes of the input when left out. */
  range?: readonly number[] | null;
  /** How much each point counts; 1 when left out. */
  weight?: Tensor | null;
  /** Give densities, whose integral over all bins is 1. */
  density?: boolean;
}

export const histogramDefaults: Readonly<Required<HistogramOptions>> = Object.freeze({
  range: null,
  weight: null,
  density: false,
});

const refusal = (op: string, sentence: string, hint: string, shapes?: number[][]) =>
  makeError(RangeError, `${sentence}; ${op}: ${hint}`, {
    code: shapes ? "ERR_SHAPE" : "ERR_VALUE",
    op,
    ...(shapes && { shapes }),
  });

/** The counts, or densities, of points [M, D] in bins, and the edges of each dimension's. */
export function histogramOf(
  op: string,
  points: Tensor,
  bins: readonly Bins[],
  { range, weight, density }: Required<HistogramOptions>,
): { hist: Tensor; edges: Tensor[] } {
  refuseWhole(op, points);
  const [count, dims] = points.shape as [number, number];
  const edges = edgesOf(op, points, bins, range);
  if (weight !== null) {
    handleOf(weight, op);
    if (weight.numel() !== count)
      throw refusal(
        op,
        `torch.histogramdd: if weight tensor is provided it should have the same shape as the input tensor excluding its innermost dimension, but got input with shape [${points.shape}] and weight with shape [${weight.shape}]`,
        "give a weight for each point",
        [points.shape, weight.shape],
      );
    if (weight.dtype !== points.dtype)
      throw makeError(
        TypeError,
        `torch.histogramdd: if weight tensor is provided, input tensor and weight tensor should have the same dtype, but got input ${points.dtype}, and weight ${weight.dtype}; ${op}: convert one`,
        { code: "ERR_DTYPE", op },
      );
  }
  const sizes = edges.map((one) => one.numel() - 1);
  const total = sizes.reduce((product, size) => product * size, 1);
  // The bin of each point, in row-major order; those outside go to one more.
  let place = zeros([count], { dtype: "int64", device: points.device });
  let isInside = place.eq(0);
  for (let d = 0; d < dims; ++d) {
    const values = points.select(1, d).detach();
    const [last, size] = [edges[d]!.select(0, sizes[d]!), sizes[d]!];
    // The last bin has its right edge as well.
    const bin = searchsorted(edges[d]!, values, { right: true })
      .sub(1)
      .clamp(0, size - 1);
    place = place.mul(size).add(bin);
    isInside = isInside.logicalAnd(values.ge(edges[d]!.select(0, 0))).logicalAnd(values.le(last));
  }
  const places = isInside.where(place, total);
  const hist = totalsAt(places, weight?.detach().reshape(-1) ?? null, total + 1)
    .narrow(0, 0, total)
    .to(points.dtype)
    .reshape(sizes);
  return { hist: density ? densities(hist, edges) : hist, edges };
}

/** How often, or with which weight, each of 0, 1, ... occurs among places; counted in int64. */
export function totalsAt(places: Tensor, weights: Tensor | null, length: number): Tensor {
  const values = weights ?? tensor(1n, { device: places.device }).expand(places.shape);
  return zeros([length], { dtype: values.dtype, device: places.device }).scatterAdd(0, places, values);
}

function densities(hist: Tensor, edges: readonly Tensor[]): Tensor {
  let result = hist.div(hist.sum());
  for (const [d, one] of edges.entries()) {
    const size = one.numel() - 1;
    const widths = one.narrow(0, 1, size).sub(one.narrow(0, 0, size));
    result = result.div(widths.reshape(edges.map((_, i) => (i === d ? -1 : 1))));
  }
  return result;
}

function edgesOf(
  op: string,
  points: Tensor,
  bins: readonly Bins[],
  range: readonly number[] | null,
): Tensor[] {
  const { dtype, device } = points;
  const given = range === null ? null : rangeOf(op, range, bins.length);
  let outer: number[][] | null = null;
  return bins.map((one, d) => {
    if (isTensor(one)) {
      if (one.ndim !== 1 || one.numel() === 0)
        throw refusal(
          op,
          `torch.histogramdd: bins tensor should have one dimension and an edge, but got [${one.shape}] for dimension ${d}`,
          "give the edges as a vector",
          [one.shape],
        );
      return one.detach().to(dtype);
    }
    if (!Number.isInteger(one) || one <= 0)
      throw refusal(
        op,
        `torch.histogram(): bins must be > 0, but got ${describe(one)} for dimension ${d}`,
        "give a whole number, or the edges as a tensor",
      );
    outer ??= given ?? extremesOf(op, points);
    const [first, last] = outer[d] as [number, number];
    if (first > last)
      throw refusal(
        op,
        `torch.histogramdd: min should not exceed max, but got min ${first} max ${last} for dimension ${d}`,
        "a range is the smallest and the largest edge",
      );
    const margin = first === last ? 0.5 : 0;
    return linspace(first - margin, last + margin, one + 1, { dtype, device });
  });
}

function rangeOf(op: string, range: readonly number[], dims: number): number[][] {
  if (!Array.isArray(range) || range.length !== 2 * dims || !range.every(Number.isFinite))
    throw refusal(
      op,
      `torch.histogramdd: for a ${dims}-dimensional histogram range should have ${2 * dims} finite elements, but got ${describe(range)}`,
      "two for each dimension",
    );
  const edges = range as readonly number[];
  return Array.from({ length: dims }, (_, d) => [edges[2 * d]!, edges[2 * d + 1]!]);
}

/** The smallest and the largest of each dimension, which the edges depend on: they are computed now. */
function extremesOf(op: string, points: Tensor): number[][] {
  const [count, dims] = points.shape as [number, number];
  if (count === 0) return Array.from({ length: dims }, () => [0, 1]);
  const x = points.detach();
  const [first, last] = [x.amin(0).dataSync(), x.amax(0).dataSync()];
  return Array.from(first, (least, d) => {
    if (!Number.isFinite(least) || !Number.isFinite(last[d]))
      throw refusal(
        op,
        `torch.histogramdd: dimension ${d}'s range [${least}, ${last[d]!}] is not finite`,
        "give a range",
      );
    return [least, last[d]!];
  });
}
