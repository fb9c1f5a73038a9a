import { makeError } from "./errors.js";
import { histogramDefaults, histogramOf, type Bins, type HistogramOptions } from "./functional/bins.js";
import { readOptions } from "./options.js";
import { handleOf, isTensor, type Tensor } from "./tensor.js";

/** The result of {@link histogramdd}. */
export type HistogramOfPoints = {
  /** The counts, or densities, with a dimension for each coordinate. */
  hist: Tensor;
  /** For each coordinate the edges of its bins. */
  binEdges: Tensor[];
};

/**
 * The histogram of points in several dimensions: the last dimension of x has their coordinates. `bins` is the number of
 * bins of each coordinate, or an array of such numbers, or of vectors of edges. See {@link Tensor.histogram}.
 */
export function histogramdd(
  x: Tensor,
  bins: number | readonly Bins[],
  options?: HistogramOptions,
): HistogramOfPoints {
  const wanted = readOptions("histogramdd", options, histogramDefaults);
  handleOf(x, "histogramdd");
  const { shape } = x;
  if (shape.length < 2)
    throw makeError(
      RangeError,
      `torch.histogramdd: input tensor should have at least 2 dimensions, but got ${shape.length}; histogramdd: points are rows`,
      { code: "ERR_SHAPE", op: "histogramdd", shapes: [shape] },
    );
  const dims = shape.at(-1)!;
  const all = typeof bins === "number" ? Array<Bins>(dims).fill(bins) : bins;
  if (!Array.isArray(all)) handleOf(all, "histogramdd");
  if (all.length !== dims)
    throw makeError(
      RangeError,
      `histogramdd: The size of bins must be equal to the innermost dimension of the input.; histogramdd: ${all.length} and ${dims}`,
      { code: "ERR_SHAPE", op: "histogramdd", shapes: [shape] },
    );
  for (const one of all) if (typeof one !== "number" && !isTensor(one)) handleOf(one, "histogramdd");
  const count = shape.slice(0, -1).reduce((product, size) => product * size, 1);
  const { hist, edges } = histogramOf("histogramdd", x.reshape(count, dims), all, wanted);
  return { hist, binEdges: edges };
}
