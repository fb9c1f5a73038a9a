import { fitting } from "./calls.js";

/** Numbers that are given one by one, or as one array: `x.reshape(2, 3)` and `x.reshape([2, 3])`. */
export type Listed = number[] | [readonly number[]];

/** The numbers of a {@link Listed}. @throws TypeError (`ERR_ARGUMENT`, `ERR_OPTION`) for more than one array. */
export function list(op: string, given: Listed): readonly number[] {
  if (!Array.isArray(given[0])) return given as number[];
  return (given.length === 1 ? given : fitting(op, given, 1))[0] as readonly number[];
}
