// PyTorch's own samples of its operators: values, gradients, and what is refused.
import { afterAll, describe, expect, test } from "vitest";
import { acceptedOf, entries, problemsOf } from "../helpers/opinfo.js";

/** OPINFO=pattern chooses entries, and shows everything that is wrong with them. */
const wanted = process.env["OPINFO"];
const chosen = Object.entries(entries).filter(([name]) => !wanted || new RegExp(wanted).test(name));

describe("PyTorch's samples", () => {
  let whole = 0;
  const wrong: string[] = [];
  const accepted: string[] = [];
  test.each(chosen)("%s", (name, entry) => {
    const problems = problemsOf(name, entry);
    if (problems.length === 0) ++whole;
    else wrong.push(name);
    accepted.push(...acceptedOf(name, entry));
    if (wanted) expect(problems.join("\n")).toBe("");
  });
  afterAll(() => {
    console.log(
      `${whole} of ${chosen.length} entries are whole; ${accepted.length} refused samples are accepted`,
    );
    console.log(wrong.join(" "));
    if (wanted) console.log(accepted.join("\n"));
  });
});
