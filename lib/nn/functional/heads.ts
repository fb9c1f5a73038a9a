import { zeros } from "../../creation.js";
import { cat } from "../../joining.js";
import { isFloating } from "../../dtype.js";
import { makeError } from "../../errors.js";
import { readOptions } from "../../options.js";
import { handleOf, type Tensor } from "../../tensor.js";
import { sharesOf } from "./attention.js";
import { flagFrom, shapeError, sizes, tensorFrom, wholeFrom } from "./checks.js";
import { dropout } from "./dropout.js";
import { linear } from "./linear.js";

/** Options of {@link multiHeadAttentionForward}. */
export interface MultiHeadAttentionOptions {
  /** Whether shares are dropped; true when left out. */
  training?: boolean;
  /** Keys that nobody may attend to, bool, or what is added to their products: `[N, S]`, or `[S]`. */
  keyPaddingMask?: Tensor | null;
  /** Whether the second result is wanted; true when left out. */
  needWeights?: boolean;
  /** Where a query may not attend, bool, or what is added to the products: `[L, S]` or `[N * heads, L, S]`. */
  attnMask?: Tensor | null;
  /** Take the projections one by one, instead of inProjWeight. */
  useSeparateProjWeight?: boolean;
  /** The projection of queries. */
  qProjWeight?: Tensor | null;
  /** The projection of keys. */
  kProjWeight?: Tensor | null;
  /** The projection of values. */
  vProjWeight?: Tensor | null;
  /** Keys to take instead, projected and divided: `[N * heads, S, E / heads]`. */
  staticK?: Tensor | null;
  /** Values to take instead, as staticK. */
  staticV?: Tensor | null;
  /** Whether the shares are those of heads on average, which they are when left out, or of each. */
  averageAttnWeights?: boolean;
  /** A hint that attnMask, which has to be there, is causal. */
  isCausal?: boolean;
}

const nothing = undefined as Tensor | null | undefined;
const defaults = Object.freeze({
  training: true,
  keyPaddingMask: nothing,
  needWeights: true,
  attnMask: nothing,
  useSeparateProjWeight: false,
  qProjWeight: nothing,
  kProjWeight: nothing,
  vProjWeight: nothing,
  staticK: nothing,
  staticV: nothing,
  averageAttnWeights: true,
  isCausal: false,
});
const op = "multiHeadAttentionForward";

/** The sizes of everything. */
interface Sizes {
  /** L: how many queries. */
  length: number;
  /** N: how many examples. */
  batch: number;
  heads: number;
  /** S: how many keys, without those that are added. */
  keys: number;
  /** E / heads. */
  size: number;
}

function refuse(sentence: string, hint: string): TypeError {
  return makeError(TypeError, `${sentence}; ${op}: ${hint}`, { code: "ERR_ARGUMENT", op });
}

/** The three equal parts of a projection's rows, or of its bias. */
function thirds(whole: Tensor | undefined, name: string, width: number): (Tensor | undefined)[] {
  if (whole === undefined) return [];
  if (whole.shape[0] !== 3 * width)
    throw shapeError(
      op,
      `${name} should have ${3 * width} rows, but has the shape ${sizes(whole.shape)}`,
      "they are those of queries, keys and values",
      [whole.shape],
    );
  return [0, 1, 2].map((i) => whole.narrow(0, i * width, width));
}

/** What is added to scores for a mask; unlike those of scaledDotProductAttention, bool ones are true where nobody may look. */
function summandOf(name: string, mask: Tensor, like: Tensor): Tensor {
  if (isFloating(mask.dtype)) return mask;
  const { dtype, device } = like;
  if (mask.dtype === "bool") return mask.where(-Infinity, zeros(mask.shape, { dtype, device }));
  throw makeError(TypeError, `only bool and floating types of ${name} are supported; ${op}: compare first`, {
    code: "ERR_DTYPE",
    op,
  });
}

/** The masks of queries and keys together: `[1 or N * heads, L or 1, S]`, with zeros for keys that are added. */
function maskOf(
  like: Tensor,
  attn: Tensor | undefined,
  padding: Tensor | undefined,
  isBatched: boolean,
  { length, batch, heads, keys }: Sizes,
  added: number,
): Tensor | undefined {
  let sum: Tensor | undefined;
  if (attn) {
    const { shape } = attn;
    const wanted = shape.length === 2 ? [length, keys] : [batch * heads, length, keys];
    if (shape.length !== wanted.length || String(shape) !== String(wanted))
      throw shapeError(
        op,
        `The shape of the ${shape.length}D attn_mask is ${sizes(shape)}, but should be ${sizes(wanted)}.`,
        "it is [L, S], or has a matrix for each head of each example",
        [shape],
      );
    const whole = summandOf("attn_mask", attn, like).pad([0, added]);
    sum = shape.length === 2 ? whole.unsqueeze(0) : whole;
  }
  if (padding) {
    const wanted = isBatched ? [batch, keys] : [keys];
    if (padding.ndim !== wanted.length || String(padding.shape) !== String(wanted))
      throw shapeError(
        op,
        `Expected key_padding_mask of shape ${sizes(wanted)}, but got ${sizes(padding.shape)}`,
        "it says for each key whether nobody may attend to it",
        [padding.shape],
      );
    const whole = summandOf("key_padding_mask", padding, like).pad([0, added]);
    const ofHeads = whole
      .reshape([batch, 1, 1, keys + added])
      .expand([batch, heads, 1, keys + added])
      .reshape([batch * heads, 1, keys + added]);
    sum = sum ? sum.add(ofHeads) : ofHeads;
  }
  return sum;
}

function sizesOf(three: Tensor[], numHeads: number, embedDim: number, isSeparate: boolean): Sizes {
  const shapes = three.map(({ shape }) => shape);
  const [query, key, value] = shapes as [number[], number[], number[]];
  const wrong = (sentence: string, hint: string) => shapeError(op, sentence, hint, shapes);
  const kind = query.length === 3 ? "batched (3-D)" : "unbatched (2-D)";
  if (query.length !== 2 && query.length !== 3)
    throw wrong(
      `query should be unbatched 2D or batched 3D tensor but received ${query.length}-D query tensor`,
      "it is [L, N, E], or [L, E]",
    );
  if (key.length !== query.length || value.length !== query.length)
    throw wrong(
      `For ${kind} \`query\`, expected \`key\` and \`value\` to be ${query.length}-D but found ${key.length}-D and ${value.length}-D tensors respectively`,
      "all three have a batch, or none has",
    );
  const width = query.at(-1)!;
  if (width !== embedDim)
    throw wrong(
      `was expecting embedding dimension of ${embedDim}, but got ${width}`,
      "it is the last dimension of the query",
    );
  const size = width / wholeFrom(op, "numHeads", numHeads);
  if (!Number.isInteger(size) || size < 1)
    throw wrong(`embed_dim ${width} not divisible by num_heads ${numHeads}`, "heads have equal parts of it");
  const kept = isSeparate ? -1 : undefined;
  if (String(key.slice(0, kept)) !== String(value.slice(0, kept)))
    throw wrong(
      isSeparate
        ? `key's sequence and batch dims ${sizes(key.slice(0, -1))} do not match value's ${sizes(value.slice(0, -1))}`
        : `key shape ${sizes(key)} does not match value shape ${sizes(value)}`,
      "there is a value for each key",
    );
  const batch = query.length === 3 ? query[1]! : 1;
  if (key.length === 3 && key[1] !== batch)
    throw wrong(`key has a batch of ${key[1]!}, query one of ${batch}`, "they are of the same examples");
  return { length: query[0]!, batch, heads: numHeads, keys: key[0]!, size };
}

/**
 * Attention of several heads: queries, keys and values are projected and divided into heads along their last dimension, each
 * head gives softmax(q k' / sqrt(E / heads) + mask) v, and their results are projected together (Vaswani et al.,
 * arXiv:1706.03762). The first result is `[L, N, E]`, or `[L, E]` where nothing has a batch; the second the shares,
 * `[N, L, S]` on average over heads or `[N, heads, L, S]`, or null without `needWeights`. A query that may attend to nothing
 * has shares of 0.
 *
 * Queries are `[L, N, E]`, keys and values `[S, N, E]`. inProjWeight is `[3 * E, E]`, with the rows of queries, keys and values;
 * inProjBias is `[3 * E]`. biasK and biasV, `[1, 1, E]`, are one more key and its value, and so are zeros with addZeroAttn.
 * @throws RangeError (`ERR_SHAPE`), TypeError (`ERR_ARGUMENT`, `ERR_DTYPE`).
 */
export function multiHeadAttentionForward(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  embedDimToCheck: number,
  numHeads: number,
  inProjWeight: Tensor | null,
  inProjBias: Tensor | null,
  biasK: Tensor | null,
  biasV: Tensor | null,
  addZeroAttn: boolean,
  dropoutP: number,
  outProjWeight: Tensor,
  outProjBias: Tensor | null,
  options?: MultiHeadAttentionOptions,
): [Tensor, Tensor | null] {
  const given = readOptions(op, options, defaults);
  for (const x of [query, key, value, outProjWeight]) handleOf(x, op);
  const isSeparate = flagFrom(op, "useSeparateProjWeight", given.useSeparateProjWeight);
  const isZeroAdded = flagFrom(op, "addZeroAttn", addZeroAttn);
  const found = sizesOf([query, key, value], numHeads, embedDimToCheck, isSeparate);
  const { length, batch, heads, size } = found;
  const width = heads * size;
  const attnMask = tensorFrom(op, given.attnMask);
  if (flagFrom(op, "isCausal", given.isCausal) && !attnMask)
    throw refuse("Need attn_mask if specifying the is_causal hint.", "give attnMask");
  const [moreK, moreV] = [tensorFrom(op, biasK), tensorFrom(op, biasV)];
  const [staticK, staticV] = [tensorFrom(op, given.staticK), tensorFrom(op, given.staticV)];
  if (!moreK !== !moreV)
    throw refuse(
      moreK ? "bias_k is set but bias_v is None" : "bias_v is set but bias_k is None",
      "give both, or null for both",
    );
  if (moreK && (staticK ?? staticV))
    throw refuse(
      `bias cannot be added to static ${staticK ? "key" : "value"}.`,
      "give null for biasK and biasV",
    );

  const weights = isSeparate
    ? [given.qProjWeight, given.kProjWeight, given.vProjWeight].map((weight) => tensorFrom(op, weight))
    : thirds(tensorFrom(op, inProjWeight), "in_proj_weight", width);
  const biases = thirds(tensorFrom(op, inProjBias), "in_proj_bias", width);
  const isBatched = query.ndim === 3;
  const projected = (x: Tensor, i: number): Tensor => {
    const weight = weights[i];
    if (!weight)
      throw refuse(
        isSeparate
          ? `use_separate_proj_weight is True but ${"qkv"[i]!}_proj_weight is None`
          : "use_separate_proj_weight is False but in_proj_weight is None",
        "give it",
      );
    return linear(isBatched ? x : x.unsqueeze(1), weight, { bias: biases[i] ?? null });
  };
  /** From `[length, N, E]` to `[N * heads, length, E / heads]`. */
  const divided = (x: Tensor) => x.reshape([x.shape[0]!, batch * heads, size]).transpose(0, 1);
  const zero = isZeroAdded
    ? zeros([batch * heads, 1, size], { dtype: query.dtype, device: query.device })
    : undefined;
  /** Keys or values as heads take them. */
  const taken = (x: Tensor, i: number, more: Tensor | undefined, fixed: Tensor | undefined): Tensor => {
    if (fixed && (fixed.ndim !== 3 || fixed.shape[0] !== batch * heads || fixed.shape[2] !== size))
      throw shapeError(
        op,
        `expecting static_${"qkv"[i]!} of ${batch * heads} x S x ${size}, but got ${sizes(fixed.shape)}`,
        "it is what heads take",
        [fixed.shape],
      );
    const own = fixed ? undefined : projected(x, i);
    const whole = fixed ?? divided(more ? cat([own!, more.expand([1, batch, width])]) : own!);
    return zero ? cat([whole, zero], 1) : whole;
  };
  const q = divided(projected(query, 0));
  const k = taken(key, 1, moreK, staticK);
  const v = taken(value, 2, moreV, staticV);
  const keys = staticK ? staticK.shape[1]! : found.keys;
  const added = (moreK ? 1 : 0) + (zero ? 1 : 0);
  const padding = tensorFrom(op, given.keyPaddingMask);
  const mask = maskOf(query, attnMask, padding, isBatched, { ...found, keys }, added);

  const scores = q.mul(1 / Math.sqrt(size)).matmul(k.transpose(-2, -1));
  const shares = dropout(sharesOf(mask ? scores.add(mask) : scores), {
    p: dropoutP,
    training: flagFrom(op, "training", given.training),
  });
  const joined = shares.matmul(v).transpose(0, 1).reshape([length, batch, width]);
  const whole = linear(joined, outProjWeight, { bias: tensorFrom(op, outProjBias) ?? null });
  const result = isBatched ? whole : whole.squeeze(1);
  if (!flagFrom(op, "needWeights", given.needWeights)) return [result, null];
  const each = shares.reshape([batch, heads, length, keys + added]);
  const told = flagFrom(op, "averageAttnWeights", given.averageAttnWeights) ? each.mean(1) : each;
  return [result, isBatched ? told : told.squeeze(0)];
}
