import { readOptions } from "../options.js";
import { handleOf, isTensor, recordRoutine, type Tensor } from "../tensor.js";
import { put as putAt } from "./advanced.js";
import { axisOf } from "./axes.js";
import { named } from "./history.js";
import { argumentError, dtypeError, shapeError } from "./refusals.js";

// Elements by their positions: among all elements, along a dimension, in several dimensions.

/** Options of {@link put} and {@link indexPut}. */
export interface AccumulateOptions {
  /** Adds to what is there instead of replacing it. */
  accumulate?: boolean;
}

const accumulateDefaults: Readonly<Required<AccumulateOptions>> = Object.freeze({ accumulate: false });

function checkInt64(op: string, word: string, index: Tensor): void {
  handleOf(index, op);
  if (index.dtype !== "int64")
    throw dtypeError(
      op,
      `${word}(): Expected a long tensor for index, but got ${index.dtype}; use .to("int64")`,
    );
}

/** Positions among `count` elements, negative ones from the end; those out of range stay so. */
function fromFront(index: Tensor, count: number): Tensor {
  return index.lt(0).logicalAnd(index.ge(-count)).where(index.add(count), index);
}

/**
 * The elements at positions among all, row after row, in the shape of `index`, an int64 tensor; negative ones count from
 * the end. A position out of range is an error (`ERR_INDEX`) when the result is read.
 */
export function take(x: Tensor, index: Tensor): Tensor {
  handleOf(x, "take");
  checkInt64("take", "take", index);
  const places = fromFront(index.reshape(-1), x.numel());
  return named(x.reshape(-1).gather(0, places).reshape(index.shape), "Take");
}

/**
 * The tensor with the elements of `source` at positions among all, row after row, or added to what is there. Of several
 * at one position the last one counts. Positions are those of {@link take}.
 *
 * @throws RangeError (`ERR_SHAPE`) where there are not as many elements as positions, TypeError (`ERR_DTYPE`).
 */
export function put(x: Tensor, index: Tensor, source: Tensor, options?: AccumulateOptions): Tensor {
  const { accumulate } = readOptions("put", options, accumulateDefaults);
  handleOf(x, "put");
  checkInt64("put", "put_", index);
  handleOf(source, "put");
  if (source.dtype !== x.dtype)
    throw dtypeError(
      "put",
      `put_(): self and source expected to have the same dtype, but got self.dtype = ${x.dtype} and source.dtype = ${source.dtype}`,
    );
  if (source.numel() !== index.numel())
    throw shapeError(
      "put",
      `put_(): Expected source and index to have the same number of elements, but got source.numel() = ${source.numel()}, index.numel() = ${index.numel()}`,
      source.shape,
      index.shape,
    );
  if (index.numel() === 0) return x.clone();
  const places = fromFront(index.reshape(-1), x.numel());
  const inputs = [x.reshape(-1), places, source.reshape(-1)];
  const [whole] = recordRoutine(accumulate ? "scatterAdd" : "scatter", inputs, 0);
  return named(whole!.reshape(x.shape), "Put");
}

/**
 * The elements that `indices`, an int64 tensor, names along `dim`, where tensor and indices broadcast in all other
 * dimensions; without `dim`, among all elements. What argsort, argmax and their like give is such a tensor.
 */
export function takeAlongDim(x: Tensor, indices: Tensor, dim?: number | null): Tensor {
  const op = "takeAlongDim";
  handleOf(x, op);
  handleOf(indices, op);
  if (indices.dtype !== "int64" && indices.dtype !== "int32")
    throw dtypeError(op, `torch.take_along_dim(): dtype of indices should be Long but got ${indices.dtype}`);
  if ((dim ?? null) === null) return x.reshape(-1).gather(0, fromFront(indices.reshape(-1), x.numel()));
  const [own, given] = [x.shape, indices.shape];
  if (own.length !== given.length)
    throw shapeError(
      op,
      `torch.take_along_dim(): input and indices should have the same number of dimensions, but got ${own.length} dimensions for input, and ${given.length} dimensions for indices`,
      own,
      given,
    );
  const axis = axisOf(op, x, dim!);
  const others = own.map((extent, i) => {
    if (extent !== given[i] && extent !== 1 && given[i] !== 1 && i !== axis)
      throw shapeError(
        op,
        `The size of tensor a (${extent}) must match the size of tensor b (${given[i]!}) at non-singleton dimension ${i}`,
        own,
        given,
      );
    return extent === 1 ? given[i]! : extent;
  });
  if (own.length === 0) return x.gather(0, fromFront(indices, 1));
  const places = indices.expand(others.with(axis, given[axis]!));
  return x.expand(others.with(axis, own[axis]!)).gather(axis, fromFront(places, own[axis]!));
}

/**
 * The tensor with values, which broadcast, at the places that a list of integer and bool tensors names, one for each
 * dimension; null is all of a dimension. It is what `x.set(indices, values)` gives `x`. Of several at one place the last
 * one counts; with `accumulate` all are added to what is there.
 *
 * @throws TypeError (`ERR_DTYPE`) where the values have another dtype.
 */
export function indexPut(
  x: Tensor,
  indices: readonly (Tensor | null)[],
  values: Tensor,
  options?: AccumulateOptions,
): Tensor {
  const { accumulate } = readOptions("indexPut", options, accumulateDefaults);
  handleOf(x, "indexPut");
  handleOf(values, "indexPut");
  if (!Array.isArray(indices) || !indices.every((index) => index === null || isTensor(index)))
    throw argumentError(
      "indexPut",
      "indexPut: indices must be an array of tensors, with null for all of a dimension",
    );
  if (values.dtype !== x.dtype)
    throw dtypeError(
      "indexPut",
      `Index put requires the source and destination dtypes match, got ${x.dtype} for the destination and ${values.dtype} for the source.`,
    );
  const entries = (indices as readonly (Tensor | null)[]).map((index) => index ?? ":");
  return named(putAt("indexPut", x, entries, values, accumulate), "IndexPut");
}
