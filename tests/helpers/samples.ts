import { readFileSync } from "node:fs";
import { expect } from "vitest";
import { tensor, type DType, type Tensor } from "../../lib/index.js";
import { expectClose, numbers } from "./reference.js";

// PyTorch's own sample inputs with values and gradients, excerpts of what goldens/opinfo.py writes.

type Element = number | { float: string };
interface SampleTensor {
  tensor: Element[];
  shape: number[];
  dtype: DType;
  /** Whether it requires a gradient. */
  rg: boolean;
}
export interface Sample {
  input: SampleTensor;
  args: unknown[];
  kwargs: Record<string, unknown>;
  outs: SampleTensor[];
  grads?: (number[] | null)[];
}

/** The samples of a file in tests/goldens, by op. */
export function readSamples(file: string): Record<string, { cases: Sample[] }> {
  const text = readFileSync(new URL(`../goldens/${file}`, import.meta.url), "utf8");
  return (JSON.parse(text) as { ops: Record<string, { cases: Sample[] }> }).ops;
}

/** Infinity and NaN are no numbers in JSON. */
const number = (element: Element): number =>
  typeof element === "object" ? Number(element.float.replace("inf", "Infinity")) : element;
const isSampleTensor = (value: unknown): value is SampleTensor =>
  typeof value === "object" && value !== null && "tensor" in value;
function made({ tensor: data, shape, dtype, rg }: SampleTensor): Tensor {
  const elements = data.map(number);
  const flat = dtype === "int64" ? tensor(elements.map(BigInt)) : tensor(elements, { dtype });
  return flat.reshape(shape).clone().requiresGrad_(rg);
}
/** A sum of a result with the weights that the samples' gradients are taken with. */
export function weighted(out: Tensor): Tensor {
  const weights = Array.from({ length: out.numel() }, (_, i) => Math.cos(1 + 0.7 * i));
  return out.mul(tensor(weights, { dtype: "float64", device: out.device }).reshape(out.shape)).sum();
}

/** Compares shapes, dtypes, values and gradients of what `compute` makes of a sample's input and arguments. */
export function expectSample(
  sample: Sample,
  at: string,
  compute: (x: Tensor, args: unknown[]) => Tensor[],
  relative: (dtype: DType) => number,
): void {
  const x = made(sample.input);
  const args = sample.args.map((arg) => (isSampleTensor(arg) ? made(arg) : arg));
  const outs = compute(x, args);
  expect(outs.length).toBe(sample.outs.length);
  outs.forEach((out, k) => {
    const expected = sample.outs[k]!;
    expect(out.shape).toEqual(expected.shape);
    expect(out.dtype).toBe(expected.dtype);
    expectClose(numbers(out), expected.tensor.map(number), relative(out.dtype), 1e-14, at);
  });
  if (!sample.grads) return;
  outs
    .filter((out) => out.requiresGrad)
    .map(weighted)
    .reduce((a, b) => a.add(b))
    .backward();
  const leaves = [x, ...args].filter(
    (leaf): leaf is Tensor => leaf instanceof Object && !Array.isArray(leaf),
  );
  const tracked = leaves.filter(({ requiresGrad }) => requiresGrad);
  sample.grads.forEach((grad, k) => {
    if (grad) expectClose(numbers(tracked[k]!.grad!), grad, 1e-9, 1e-12, `gradient ${k} of ${at}`);
  });
}
