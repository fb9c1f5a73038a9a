import { arange } from "../../ranges.js";
import { makeError } from "../../errors.js";
import { readOptions } from "../../options.js";
import { handleOf, type Tensor } from "../../tensor.js";
import { flagFrom, numberFrom, requireFloating, shapeError, tensorFrom } from "./checks.js";
import { dropout } from "./dropout.js";

/** Options of {@link scaledDotProductAttention}. */
export interface AttentionOptions {
  /** Where a query may attend, bool, or what is added to the products; broadcasts to `[..., L, S]`. */
  attnMask?: Tensor | null;
  /** The part of the shares that is dropped. */
  dropoutP?: number;
  /** Let query i attend to the keys up to i alone. */
  isCausal?: boolean;
  /** The factor of products: 1 / sqrt(E) when left out. */
  scale?: number | null;
  /** Let groups of heads, the third dimension from the end, share their keys and values. */
  enableGqa?: boolean;
}

const attentionDefaults = Object.freeze({
  attnMask: undefined as Tensor | null | undefined,
  dropoutP: 0,
  isCausal: false,
  scale: undefined as number | null | undefined,
  enableGqa: false,
});
const keepdim = Object.freeze({ keepdim: true });

/** Shares along the last dimension; zeros where every score is -Infinity, as where a query may attend to nothing. */
export function sharesOf(scores: Tensor): Tensor {
  if (scores.shape.at(-1) === 0) return scores;
  const top = scores.detach().amax(-1, keepdim);
  const powers = scores.sub(top.eq(-Infinity).where(0, top)).exp();
  const sum = powers.sum(-1, keepdim);
  return powers.div(sum.eq(0).where(1, sum));
}

/** What a mask makes of scores. */
function masked(op: string, scores: Tensor, mask: Tensor): Tensor {
  const { dtype } = mask;
  if (dtype === "bool") return mask.where(scores, -Infinity);
  if (dtype === scores.dtype) return scores.add(mask);
  throw makeError(
    TypeError,
    `Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: ${dtype} and query.dtype: ${scores.dtype}; ${op}: convert the mask`,
    { code: "ERR_DTYPE", op },
  );
}

/** Each head of the third dimension from the end, again and again. */
function repeated(x: Tensor, times: number): Tensor {
  const { shape } = x;
  const axis = shape.length - 3;
  const wide = [...shape.slice(0, axis + 1), times, ...shape.slice(axis + 1)];
  const whole = [...shape.slice(0, axis), shape[axis]! * times, ...shape.slice(axis + 1)];
  return x
    .unsqueeze(axis + 1)
    .expand(wide)
    .reshape(whole);
}

/**
 * softmax(query key' * scale + mask) value (Vaswani et al., arXiv:1706.03762): of queries `[..., L, E]`, keys `[..., S, E]`
 * and values `[..., S, V]` to `[..., L, V]`. Batches broadcast. A query that may attend to nothing gives zeros. One floating
 * dtype.
 * @throws RangeError (`ERR_SHAPE`, `ERR_VALUE`), TypeError (`ERR_DTYPE`), (`ERR_ARGUMENT`) for a mask beside `isCausal`.
 */
export function scaledDotProductAttention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  options?: AttentionOptions,
): Tensor {
  const op = "scaledDotProductAttention";
  const given = readOptions(op, options, attentionDefaults);
  const isCausal = flagFrom(op, "isCausal", given.isCausal);
  const mask = tensorFrom(op, given.attnMask);
  requireFloating(op, "scaled_dot_product_attention", query);
  const shapes = [query, key, value].map((x) => {
    handleOf(x, op);
    return x.shape;
  });
  const dtypes = [query, key, value].map(({ dtype }) => dtype);
  if (new Set(dtypes).size > 1)
    throw makeError(
      TypeError,
      `Expected query, key, and value to have the same dtype, but got query.dtype: ${dtypes[0]!} key.dtype: ${dtypes[1]!} and value.dtype: ${dtypes[2]!} instead.; ${op}: convert with .to(query)`,
      { code: "ERR_DTYPE", op },
    );
  const counts = shapes.map(({ length }) => length);
  if (counts.some((count) => count < 2))
    throw shapeError(
      op,
      `Expected query, key, and value to all be at least 2 dimensional, but got query.dim: ${counts[0]!}, key.dim: ${counts[1]!} and value.dim: ${counts[2]!} instead.`,
      "use unsqueeze",
      shapes,
    );
  if (mask && isCausal)
    throw makeError(
      TypeError,
      `_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True; ${op}: give one of them`,
      { code: "ERR_ARGUMENT", op },
    );
  let [keys, values] = [key, value];
  if (flagFrom(op, "enableGqa", given.enableGqa)) {
    const [heads, ofKeys, ofValues] = shapes.map((shape) => shape.at(-3) ?? 0) as [number, number, number];
    if (counts.some((count) => count < 3) || heads % ofKeys !== 0 || heads % ofValues !== 0)
      throw shapeError(
        op,
        "Number of heads in key and value must divide the number of heads in query.",
        "heads are the third dimension from the end",
        shapes,
      );
    [keys, values] = [repeated(key, heads / ofKeys), repeated(value, heads / ofValues)];
  }
  const scale = numberFrom(op, "scale", given.scale ?? 1 / Math.sqrt(shapes[0]!.at(-1)!));
  const scores = query.matmul(keys.transpose(-2, -1)).mul(scale);
  const [rows, columns] = scores.shape.slice(-2) as [number, number];
  const { device } = query;
  const causal = () => arange(rows, { device }).unsqueeze(1).ge(arange(columns, { device }));
  const whole = mask ? masked(op, scores, mask) : isCausal ? masked(op, scores, causal()) : scores;
  return dropout(sharesOf(whole), { p: given.dropoutP }).matmul(values);
}
