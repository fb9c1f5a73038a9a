// Jacobians and Hessians: a pass for each row or column. Passes are recorded before any is computed, so that they run together.
import { zeros, zerosLike } from "../creation.js";
import { eye } from "../ranges.js";
import { cat, stack } from "../joining.js";
import { makeError } from "../errors.js";
import { realize } from "../engine.js";
import { readOptions } from "../options.js";
import type { Tensor } from "../tensor.js";
import { differentiated, linearized, transposedProducts } from "./gradients.js";
import { checkFunction, positionsOf, type AnyFunction, type ArgumentOptions } from "./calls.js";
import { leavesOf, mapped, rebuilt } from "./trees.js";
import { vmap } from "./vmap.js";

/** Options of {@link jacrev} and {@link jacfwd}. */
export interface JacobianOptions extends ArgumentOptions {
  /** How many rows (or columns) are computed in one run: some millions of elements when left out. Less takes less memory. */
  chunkSize?: number | null;
}

function readJacobianOptions(op: string, options: JacobianOptions | undefined) {
  const read = readOptions(op, options, {
    argnums: 0,
    hasAux: false,
    chunkSize: null as number | null,
  });
  const { chunkSize } = read;
  if (chunkSize !== null && !(Number.isInteger(chunkSize) && chunkSize > 0))
    throw makeError(RangeError, `${op}: chunkSize must be a whole number above 0, got ${String(chunkSize)}`, {
      code: "ERR_OPTION",
      op,
    });
  return read;
}

/** So few passes are recorded one by one: what they share is computed once. More are one pass over a batch. */
const fewPasses = 16;
/** The elements of a batch of passes, of the outputs and inputs together, where `chunkSize` does not say. */
const batchElements = 2 ** 22;

/** What `pass` gives for each tensor that has a one at one place and zeros elsewhere: a row for each. */
function rowsOf(
  like: Tensor,
  size: number,
  chunkSize: number | null,
  pass: (unit: Tensor) => readonly Tensor[],
): Tensor[] {
  const count = like.numel();
  const units = eye(count, count, { dtype: like.dtype, device: like.device }).reshape([count, ...like.shape]);
  const one = (start: number, length: number): Tensor[] => {
    const rows = Array.from({ length }, (_, i) => pass(units.select(0, start + i)));
    return rows[0]!.map((_, k) => stack(rows.map((row) => row[k]!)));
  };
  const many = (start: number, length: number): Tensor[] =>
    vmap((unit: Tensor) => [...pass(unit)])(units.narrow(0, start, length));
  const chunk = chunkSize ?? Math.max(fewPasses, Math.floor(batchElements / Math.max(size, 1)));
  const chunks: Tensor[][] = [];
  for (let start = 0; start < count; start += chunk) {
    const length = Math.min(chunk, count - start);
    let rows: Tensor[];
    try {
      rows = length > fewPasses ? many(start, length) : one(start, length);
    } catch (error) {
      // The function may do what vmap refuses.
      if ((error as { code?: unknown }).code !== "ERR_VMAP") throw error;
      rows = one(start, length);
    }
    chunks.push(rows);
    if (start + chunk < count) realize(rows);
  }
  return chunks.length === 1 ? chunks[0]! : chunks[0]!.map((_, k) => cat(chunks.map((rows) => rows[k]!)));
}

const elementsOf = (tensors: readonly Tensor[]) => tensors.reduce((sum, one) => sum + one.numel(), 0);

/**
 * The function that gives the Jacobian of `f` by its first argument or by those that `argnums` names, in reverse mode: one
 * pass for each element of the output, which is the better one where they are fewer than those of the argument. For an output
 * and an argument of the shapes [m] and [n] it has the shape [m, n]; trees of outputs give trees of trees of arguments.
 */
export function jacrev<Rest extends unknown[]>(
  f: (x: Tensor, ...rest: Rest) => Tensor,
): (x: Tensor, ...rest: Rest) => Tensor;
export function jacrev<F extends AnyFunction>(
  f: F,
  options?: JacobianOptions,
): (...args: Parameters<F>) => unknown;
export function jacrev(f: AnyFunction, options?: JacobianOptions): AnyFunction {
  checkFunction("jacrev", f);
  const { argnums, hasAux, chunkSize } = readJacobianOptions("jacrev", options);
  return (...args) => {
    const given = args as readonly unknown[];
    const positions = positionsOf("jacrev", argnums, given);
    const { call, times } = transposedProducts("jacrev", f, given, positions, hasAux);
    const outputs = leavesOf(call.output);
    const size = elementsOf([...outputs, ...call.variables]);
    const blocks = outputs.map((output, place) => {
      const shapes = call.variables.map((variable) => [...output.shape, ...variable.shape]);
      const rows =
        output.numel() === 0
          ? call.variables.map((variable, k) =>
              zeros(shapes[k]!, { dtype: variable.dtype, device: variable.device }),
            )
          : rowsOf(output, size, chunkSize, (unit) =>
              times(outputs.map((other, k) => (k === place ? unit : zerosLike(other)))),
            );
      const byArgument = call.asArguments(
        given,
        positions,
        rows.map((row, k) => row.reshape(shapes[k]!)),
      );
      return typeof argnums === "number" ? byArgument[0] : byArgument;
    });
    const result = rebuilt(call.output, blocks);
    return hasAux ? [result, call.aux] : result;
  };
}

/**
 * The same Jacobian in forward mode: one pass for each element of the arguments, which is the better one where they are fewer
 * than those of the output.
 */
export function jacfwd<Rest extends unknown[]>(
  f: (x: Tensor, ...rest: Rest) => Tensor,
): (x: Tensor, ...rest: Rest) => Tensor;
export function jacfwd<F extends AnyFunction>(
  f: F,
  options?: JacobianOptions,
): (...args: Parameters<F>) => unknown;
export function jacfwd(f: AnyFunction, options?: JacobianOptions): AnyFunction {
  checkFunction("jacfwd", f);
  const { argnums, hasAux, chunkSize } = readJacobianOptions("jacfwd", options);
  return (...args) => {
    const given = args as readonly unknown[];
    const positions = positionsOf("jacfwd", argnums, given);
    const ofArguments = (...chosen: unknown[]) => {
      const all = [...given];
      for (const [i, position] of positions.entries()) all[position] = chosen[i];
      return f(...all) as unknown;
    };
    const primals = positions.map((position) => given[position]);
    const { output, times, aux } = linearized("jacfwd", ofArguments, primals, hasAux);
    const inputs = leavesOf(primals);
    const outputs = leavesOf(output);
    const size = elementsOf([...inputs, ...outputs]);
    const blocks = inputs.map((input, place) => {
      const shapes = outputs.map((one) => [...one.shape, ...input.shape]);
      if (input.numel() === 0)
        return outputs.map((one, k) => zeros(shapes[k]!, { dtype: one.dtype, device: one.device }));
      const columns = rowsOf(input, size, chunkSize, (unit) =>
        leavesOf(
          times(
            ...rebuilt(
              primals,
              inputs.map((other, k) => (k === place ? unit : zerosLike(other))),
            ),
          ),
        ),
      );
      return columns.map((column, k) => column.movedim(0, -1).reshape(shapes[k]!));
    });
    let place = 0;
    const result = mapped(output, () => {
      const k = place++;
      const byArgument = rebuilt(
        primals,
        blocks.map((block) => block[k]!),
      );
      return typeof argnums === "number" ? byArgument[0] : byArgument;
    });
    return hasAux ? [result, aux] : result;
  };
}

/**
 * The function that gives the Hessian of `f`, which returns a tensor of one element, by its first argument or by those that
 * `argnums` names: for an argument of the shape [n] it has the shape [n, n]; for several, or trees, it is arguments by
 * arguments.
 */
export function hessian<Rest extends unknown[]>(
  f: (x: Tensor, ...rest: Rest) => Tensor,
): (x: Tensor, ...rest: Rest) => Tensor;
export function hessian<F extends AnyFunction>(
  f: F,
  options?: Pick<ArgumentOptions, "argnums">,
): (...args: Parameters<F>) => unknown;
export function hessian(f: AnyFunction, options?: Pick<ArgumentOptions, "argnums">): AnyFunction {
  checkFunction("hessian", f);
  const { argnums } = readOptions("hessian", options, { argnums: 0 });
  const gradient = differentiated("hessian", f, { argnums });
  return jacrev((...args: unknown[]) => gradient(...args).gradient, { argnums });
}
