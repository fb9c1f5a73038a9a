import { makeError } from "./errors.js";
import type { NativeIndex } from "./native.js";
import { describe } from "./options.js";

/**
 * A position (negative ones count from the end), a range in Python's spelling such as `":"`, `"1:"`, `":-1"`, `"::2"`,
 * or `"..."` for all the dimensions that are not named.
 */
export type BasicIndex = number | string;

const range = /^\s*([+-]?\d+)?\s*:\s*([+-]?\d+)?\s*(?::\s*([+-]?\d+)?\s*)?$/;

/** Turns the entries of an index into what native code reads; the bounds are checked there. */
export function parseIndices(op: string, indices: readonly BasicIndex[]): NativeIndex[] {
  return indices.map((index) => {
    if (typeof index === "number") return index;
    if (typeof index === "string") {
      const text = index.trim();
      if (text === "...") return "...";
      if (/^[+-]?\d+$/.test(text)) return Number(text);
      const match = range.exec(text);
      const bound = (digits: string | undefined) => (digits === undefined ? null : Number(digits));
      if (match) return [bound(match[1]), bound(match[2]), bound(match[3])];
    }
    throw makeError(
      TypeError,
      `${op}: ${describe(index)} is not an index; use a whole number, a range such as "1:" or "::2", "...", null for a new dimension, or a tensor of integers or bool`,
      { code: "ERR_INDEX", op },
    );
  });
}
