/** Numbers that are given one by one, or as one array: `x.reshape(2, 3)` and `x.reshape([2, 3])`. */
export type Listed = number[] | [readonly number[]];

/** The numbers of a {@link Listed}. */
export function list(given: Listed): readonly number[] {
  return Array.isArray(given[0]) ? (given[0] as readonly number[]) : (given as number[]);
}
