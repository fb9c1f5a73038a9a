// PyTorch's own samples of its operators in batches, with gradients, beside a loop over the examples.
import { expect, test } from "vitest";
import { batchProblemsOf, entries } from "../helpers/opinfo.js";
import { isSimulated } from "../helpers/effort.js";

/** OPINFO=pattern chooses entries. */
const pattern = new RegExp(process.env["OPINFO"] ?? "");

const shape = "cannot be batched, since the shape of its result depends on the values";
const value = "attempting to use a Tensor in some data-dependent control flow";
const state = "inplace arithmetic(self, *extra_args) is not possible";
const draws = "called random operation while in randomness error mode";
/** What vmap refuses in some samples: the result is one for all examples, or its shape depends on their values. */
const refusals: Readonly<Record<string, string>> = {
  argwhere: shape,
  bincount: value,
  histogram: value,
  histogramdd: value,
  masked_select: shape,
  "nn.functional.batch_norm": state,
  "nn.functional.instance_norm": state,
  "nn.functional.multi_head_attention_forward": draws,
  "nn.functional.one_hot": value,
  "nn.functional.scaled_dot_product_attention": draws,
  nonzero: shape,
  tensor_split: value,
  unique: shape,
  unique_consecutive: shape,
};

test.each(Object.entries(entries).filter(([name]) => pattern.test(name)))("%s", (name, entry) => {
  // A simulated GPU has seen every op when it has seen one of its samples.
  const chosen = isSimulated ? { ...entry, cases: entry.cases.slice(0, 1) } : entry;
  const problems = batchProblemsOf(name, chosen).filter(
    (problem) => !(isSimulated && problem.includes("there is no kernel for")),
  );
  const refusal = refusals[name];
  if (refusal === undefined) expect(problems).toEqual([]);
  else {
    for (const problem of problems) expect(problem).toContain(refusal);
    if (!isSimulated) expect(problems).not.toEqual([]);
  }
});
