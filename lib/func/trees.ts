// Trees: tensors in arrays and plain objects, which functions take and return. What is neither is a leaf that nobody touches.
import { makeError } from "../errors.js";
import { describe, isPlainObject } from "../options.js";
import { isTensor, type Tensor } from "../tensor.js";

/** Tensors in arrays and plain objects, to any depth. */
export type Tree = Tensor | readonly Tree[] | { readonly [name: string]: Tree };

/** The same tree with `f` of each of its tensors. */
export function mapped<T>(tree: T, f: (leaf: Tensor) => unknown): T {
  if (isTensor(tree)) return f(tree) as T;
  if (Array.isArray(tree)) return tree.map((item) => mapped(item as unknown, f)) as T;
  if (isPlainObject(tree))
    return Object.fromEntries(
      Object.entries(tree as object).map(([name, item]) => [name, mapped(item as unknown, f)]),
    ) as T;
  return tree;
}

/** The tensors of a tree, in its order. */
export function leavesOf(tree: unknown): Tensor[] {
  const leaves: Tensor[] = [];
  mapped(tree, (leaf) => leaves.push(leaf));
  return leaves;
}

/** The same tree with these in place of its tensors, in its order. */
export function rebuilt<T>(tree: T, leaves: readonly unknown[]): T {
  let next = 0;
  return mapped(tree, () => leaves[next++]);
}

/** What a function has returned: a tree that holds nothing but tensors, and one at least. */
export function checkOutput(op: string, output: unknown): void {
  const refuse = (what: unknown): never => {
    throw makeError(
      TypeError,
      `${op}: expected f to return a Tensor, or an array or object of them, got ${describe(what)}`,
      { code: "ERR_ARGUMENT", op },
    );
  };
  const check = (item: unknown): void => {
    if (isTensor(item)) return;
    if (Array.isArray(item)) for (const one of item) check(one);
    else if (isPlainObject(item)) for (const one of Object.values(item as object)) check(one);
    else refuse(item);
  };
  check(output);
  if (leavesOf(output).length === 0) refuse(output);
}

/** Whether two trees have tensors at the same places. */
export function areAlike(a: unknown, b: unknown): boolean {
  if (isTensor(a) || isTensor(b)) return isTensor(a) && isTensor(b);
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, i) => areAlike(item, b[i]));
  if (isPlainObject(a) && isPlainObject(b)) {
    const [one, other] = [a as Record<string, unknown>, b as Record<string, unknown>];
    const names = Object.keys(one);
    return (
      names.length === Object.keys(other).length && names.every((name) => areAlike(one[name], other[name]))
    );
  }
  return !Array.isArray(a) && !Array.isArray(b) && !isPlainObject(a) && !isPlainObject(b);
}
