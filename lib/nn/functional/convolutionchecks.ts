import { makeError } from "../../errors.js";
import { describe, readOptions } from "../../options.js";
import { handleOf, isTensor, type Tensor } from "../../tensor.js";
import { atLeast, inBrackets } from "./sizes.js";

// What convolutions refuse, in PyTorch's words.

/** Reads the options of a convolution. */
export function optionsOf<T extends object>(op: string, options: unknown, known: T): T {
  if (isTensor(options))
    throw makeError(TypeError, `${op}: the bias is one of the options, as in { bias }`, {
      code: "ERR_ARGUMENT",
      op,
    });
  return readOptions(op, options, known);
}

/** Refuses strides and dilations that are not positive. */
export function checkSizes(op: string, stride: readonly number[], dilation: readonly number[]): void {
  atLeast(op, "stride", stride, 1, "non-positive stride is not supported");
  atLeast(op, "dilation", dilation, 1, "dilation should be greater than zero");
}

const dtypes = ["float16", "bfloat16", "float32", "float64", "int64"];

/** Refuses operands whose dtypes or shapes do not go together, and groups that channels do not fall into. */
export function checkOperands(
  op: string,
  rank: number,
  input: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  groups: unknown,
  isTransposed: boolean,
): asserts groups is number {
  const all: Record<string, Tensor> = { input, weight, ...(bias !== null && { bias }) };
  for (const one of Object.values(all)) handleOf(one, op);
  const shapes = Object.values(all).map(({ shape }) => shape);
  const refuse = (problem: string, hint: string) =>
    makeError(RangeError, `${problem}; ${op}: ${hint}`, { code: "ERR_SHAPE", op, shapes });
  if (!dtypes.includes(input.dtype))
    throw makeError(
      TypeError,
      `"${op}" not implemented for ${input.dtype}; ${op}: convert with .to("float32") first`,
      { code: "ERR_DTYPE", op },
    );
  for (const [name, one] of Object.entries(all))
    if (one.dtype !== input.dtype)
      throw makeError(
        TypeError,
        `Input type (${input.dtype}) and ${name} type (${one.dtype}) should be the same; ${op}: convert one of them`,
        { code: "ERR_DTYPE", op },
      );
  const [given, kernels] = shapes as [number[], number[], ...number[][]];
  if (kernels.length !== rank + 2)
    throw refuse(
      `Expected ${rank + 2}-dimensional weight, but got weight of size ${inBrackets(kernels)}`,
      isTransposed
        ? "weight is [channels, outputs / groups, ...kernel]"
        : "weight is [outputs, channels / groups, ...kernel]",
    );
  if (given.length !== rank + 1 && given.length !== rank + 2)
    throw refuse(
      `Expected ${rank + 1}D (unbatched) or ${rank + 2}D (batched) input to ${op}, but got input of size: ${inBrackets(given)}`,
      "the channels come before the spatial dimensions, the batch before the channels",
    );
  if (!Number.isSafeInteger(groups) || (groups as number) < 1)
    throw makeError(
      RangeError,
      `non-positive groups is not supported; ${op}: groups must be a whole number of at least 1, got ${describe(groups)}`,
      { code: "ERR_ARGUMENT", op },
    );
  const parts = groups as number;
  const [first, second] = kernels as [number, number];
  if (first < parts)
    throw refuse(
      `Given groups=${parts}, expected weight to be at least ${parts} at dimension 0, but got weight of size ${inBrackets(kernels)} instead`,
      "every group has a channel at least",
    );
  if (first % parts !== 0)
    throw refuse(
      `Given groups=${parts}, expected weight to be divisible by ${parts} at dimension 0, but got weight of size ${inBrackets(kernels)} instead`,
      "all groups have as many channels",
    );
  if (kernels.slice(1).some((size) => size === 0))
    throw refuse(`weight of size ${inBrackets(kernels)} has no elements`, "no dimension may be empty");
  const channels = given[given.length - rank - 1]!;
  const expected = isTransposed ? first : second * parts;
  if (channels !== expected)
    throw refuse(
      `Given ${isTransposed ? "transposed=1" : `groups=${parts}`}, weight of size ${inBrackets(kernels)}, expected input${inBrackets(given)} ` +
        `to have ${expected} channels, but got ${channels} channels instead`,
      "channels are the dimension before the spatial ones",
    );
  if (given.slice(-rank).some((size) => size === 0))
    throw refuse(
      `Expected non-empty spatial dimensions, but got input of size ${inBrackets(given)}`,
      "only the batch may be empty",
    );
  const outputs = isTransposed ? second * parts : first;
  const offsets = shapes[2];
  if (offsets !== undefined && (offsets.length !== 1 || offsets[0] !== outputs))
    throw refuse(
      `Given weight of size ${inBrackets(kernels)}, expected bias to be 1-dimensional with ${outputs} elements, but got bias of size ${inBrackets(offsets)} instead`,
      "bias has a number for each output channel",
    );
}
