import { isFloating, wordOf } from "../../dtype.js";
import { makeError } from "../../errors.js";
import { describe } from "../../options.js";
import type { Tensor } from "../../tensor.js";

/** One number for all spatial dimensions (or an array of one), or a number for each. */
export type Sizes = number | readonly number[];

export const severalOf = ["", "an array of one", "a pair of them", "three of them"];

/** An option over `rank` spatial dimensions, as one whole number for each. */
export function sizesOf(op: string, name: string, value: unknown, rank: number): number[] {
  const given: unknown[] = Array.isArray(value) ? value : [value];
  const all: unknown[] = given.length === 1 ? Array.from({ length: rank }, () => given[0]) : given;
  if (all.length === rank && all.every(Number.isSafeInteger)) return all as number[];
  throw makeError(
    TypeError,
    `${op}: ${name} must be a whole number or ${severalOf[rank]}, got ${describe(value)}`,
    { code: "ERR_ARGUMENT", op },
  );
}

/** Refuses sizes below `least` with PyTorch's sentence. */
export function atLeast(
  op: string,
  name: string,
  values: readonly number[],
  least: number,
  rule: string,
): void {
  if (values.every((value) => value >= least)) return;
  throw makeError(
    RangeError,
    `${rule}, but got ${name} of [${values.join(", ")}]; ${op}: give ${least} or more`,
    {
      code: "ERR_ARGUMENT",
      op,
    },
  );
}

/** Whether an option counts as not given: PyTorch takes None and empty lists for it. */
export function isLeftOut(value: unknown): value is null | undefined | readonly [] {
  return value === null || value === undefined || (Array.isArray(value) && value.length === 0);
}

/** Refuses tensors that are not floating, as PyTorch's kernel of a name does. */
export function requireFloating(op: string, kernel: string, x: Tensor): void {
  if (isFloating(x.dtype)) return;
  throw makeError(
    TypeError,
    `"${kernel}" not implemented for '${wordOf(x.dtype)}'; ${op}: convert with .to("float32") first`,
    { code: "ERR_DTYPE", op },
  );
}

/** Refuses options that must be true or false and are something else. */
export function requireFlags(op: string, flags: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(flags))
    if (typeof value !== "boolean")
      throw makeError(TypeError, `${op}: ${name} must be true or false, got ${describe(value)}`, {
        code: "ERR_ARGUMENT",
        op,
      });
}

/** A shape in PyTorch's words. */
export const inBrackets = (shape: readonly number[]): string => `[${shape.join(", ")}]`;

/** Refuses all but `[C, ...]` and `[N, C, ...]` with `rank` dimensions behind, none of them empty but the batch. */
export function requireImages(op: string, x: Tensor, rank: number): void {
  const { shape } = x;
  const isBatch = shape.length === rank + 2;
  if ((isBatch || shape.length === rank + 1) && shape.slice(isBatch ? 1 : 0).every((size) => size > 0))
    return;
  const names = ["D", "H", "W"].slice(3 - rank).join(", ");
  const problem =
    rank === 3 && (isBatch || shape.length === rank + 1)
      ? `Expected input's non-batch dimensions to have positive length, but input has a shape of ${inBrackets(shape)}`
      : `Expected ${rank + 1}D or ${rank + 2}D (batch mode) tensor with optional 0 dim batch size for input, but got: ${inBrackets(shape)}`;
  throw makeError(RangeError, `${problem}; ${op}: give [C, ${names}] or [N, C, ${names}]`, {
    code: "ERR_SHAPE",
    op,
    shapes: [shape],
  });
}

/** The number of elements of a shape. */
export const count = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
