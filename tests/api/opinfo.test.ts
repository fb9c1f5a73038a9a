// PyTorch's own samples of its operators: values, gradients, and what is refused.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { getDefaultDevice } from "adjoint";
import { acceptedOf, entries, problemsOf } from "../helpers/opinfo.js";
import { isSimulated } from "../helpers/effort.js";

/** What is not whole, with the reason; docs/ops.md shows it. */
const missing = JSON.parse(
  readFileSync(new URL("../goldens/opinfo-missing.json", import.meta.url), "utf8"),
) as Record<string, string>;
/** OPINFO=pattern chooses entries. */
const pattern = new RegExp(process.env["OPINFO"] ?? "");
const chosen = Object.entries(entries).filter(([name]) => pattern.test(name));

/** On a GPU, that a row has kernels for the CPU alone. */
const isHostAlone = (problem: string) =>
  getDefaultDevice() !== "cpu" && problem.includes("there is no kernel for cuda:0; compute it on the CPU");

describe("PyTorch's samples", () => {
  let whole = 0;
  let refused = 0;
  const accepted: string[] = [];
  test.each(chosen)("%s", (name, entry) => {
    // A simulated GPU has seen every op when it has seen the first and the last of its samples.
    const cases = isSimulated
      ? entry.cases.filter((_, i, all) => i === 0 || i === all.length - 1)
      : entry.cases;
    const problems = problemsOf(name, { ...entry, cases }).filter((problem) => !isHostAlone(problem));
    if (problems.length === 0) ++whole;
    if (Object.hasOwn(missing, name)) {
      if (!isSimulated) expect(problems, `${name} is whole: it is missing no longer`).not.toEqual([]);
    } else expect(problems).toEqual([]);
    if (isSimulated) return;
    refused += entry.errors.length;
    accepted.push(...acceptedOf(name, entry));
  });

  test("that are refused are refused here", () => {
    console.log(
      [
        `${whole} of ${chosen.length} entries are whole; ${accepted.length} of ${refused} refused samples are accepted`,
        ...accepted,
      ].join("\n"),
    );
    expect(accepted.length).toBeLessThanOrEqual(0.03 * refused);
  });

  test("are nearly all there", () => {
    expect(Object.keys(entries).length - Object.keys(missing).length).toBeGreaterThanOrEqual(460);
    expect(Object.keys(missing).filter((name) => !Object.hasOwn(entries, name))).toEqual([]);
  });
});
