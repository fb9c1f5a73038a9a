// torch.nn.functional with the options that PyTorch's samples leave out: values, gradients, and what changes in place.
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { nn, tensor, Tensor, type DType } from "../../lib/index.js";
import { camelCase } from "../../lib/options.js";
import { expectClose, numbers } from "../helpers/reference.js";
import { weighted } from "../helpers/samples.js";

type Element = number | boolean | string;
interface Plain {
  tensor: Element[];
  shape: number[];
  dtype: DType;
  rg: boolean;
}
interface Case {
  name: string;
  args: unknown[];
  kwargs: Record<string, unknown>;
  outs: Plain[];
  grads: (Element[] | null)[];
  after: Record<string, Plain>;
}

const file = readFileSync(new URL("../goldens/nn.json.gz", import.meta.url));
const { cases } = JSON.parse(gunzipSync(file).toString()) as { cases: Case[] };
const functions = nn.functional as unknown as Record<
  string,
  (...args: unknown[]) => Tensor | (Tensor | null)[]
>;

/** What is not finite is a string. */
const number = (element: Element): number =>
  Number(typeof element === "string" ? element.replace("inf", "Infinity") : element);
const isPlain = (value: unknown): value is Plain =>
  typeof value === "object" && value !== null && "tensor" in value;

/** A value as ours; leaves are added to a list. */
function made(value: unknown, leaves: Tensor[]): unknown {
  if (value === "inf") return Infinity;
  if (!isPlain(value)) return value;
  const elements = value.tensor.map(number);
  const flat =
    value.dtype === "int64"
      ? tensor(BigInt64Array.from(elements, BigInt))
      : tensor(elements, { dtype: value.dtype });
  const whole = flat.reshape(value.shape).clone();
  if (value.rg) leaves.push(whole.requiresGrad_());
  return whole;
}

test.each(cases.map((one, i) => [`${one.name} ${i}`, one] as const))("%s", (_, one) => {
  const leaves: Tensor[] = [];
  const args = one.args.map((arg) => made(arg, leaves));
  const options = Object.fromEntries(
    Object.entries(one.kwargs).map(([name, value]) => [camelCase(name), made(value, leaves)]),
  );
  if (one.name === "ctc_loss") args[0] = (args[0] as Tensor).logSoftmax(-1);
  const result = functions[camelCase(one.name)]!(
    ...args,
    ...(Object.keys(options).length > 0 ? [options] : []),
  );
  const outs = [result].flat().filter((out) => out !== null);
  expect(outs.map(({ shape, dtype }) => [shape, dtype])).toEqual(
    one.outs.map(({ shape, dtype }) => [shape, dtype]),
  );
  for (const [i, out] of outs.entries())
    expectClose(numbers(out.detach()), one.outs[i]!.tensor.map(number), 1e-9, 1e-11, `result ${i}`);
  const tracked = outs.filter((out) => out.requiresGrad);
  expect(tracked.length > 0).toBe(one.grads.length > 0);
  if (tracked.length > 0)
    tracked
      .map(weighted)
      .reduce((a, b) => a.add(b))
      .backward();
  one.grads.forEach((grad, i) => {
    if (grad === null) return;
    const found = leaves[i]!.grad;
    expectClose(found ? numbers(found) : grad.map(() => 0), grad.map(number), 1e-8, 1e-10, `gradient ${i}`);
  });
  for (const [at, after] of Object.entries(one.after)) {
    const changed = (/^\d+$/.test(at) ? args[Number(at)] : options[camelCase(at)]) as Tensor;
    expectClose(numbers(changed), after.tensor.map(number), 1e-12, 0, `${at} afterwards`);
  }
});
