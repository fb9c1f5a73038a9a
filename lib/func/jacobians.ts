// Jacobians and Hessians: one pass for each row or column, all recorded before any is computed, so that they run together.
import { zerosLike } from "../creation.js";
import { eye } from "../ranges.js";
import { stack } from "../joining.js";
import { makeError } from "../errors.js";
import { realize } from "../engine.js";
import { readOptions } from "../options.js";
import type { Tensor } from "../tensor.js";
import { differentiated, linearize } from "./gradients.js";
import { Call, checkFunction, positionsOf, type AnyFunction, type ArgumentOptions } from "./calls.js";
import { leavesOf, mapped, rebuilt } from "./trees.js";

/** Options of {@link jacrev} and {@link jacfwd}. */
export interface JacobianOptions extends ArgumentOptions {
  /** How many rows (or columns) are computed in one run: as many as memory allows when left out. Less takes less memory. */
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

/** So many passes are recorded before they run: what is recorded takes memory too. */
const recordedPasses = 256;

/** What `pass` gives for each of `count` units, as lists of as many tensors as a pass has. */
function passes(count: number, chunkSize: number | null, pass: (i: number) => readonly Tensor[]): Tensor[][] {
  const rows: Tensor[][] = [];
  const size = chunkSize ?? recordedPasses;
  for (let i = 0; i < count; ++i) {
    rows.push([...pass(i)]);
    if ((i + 1) % size === 0 && i + 1 < count) realize(rows.slice(i + 1 - size).flat());
  }
  return rows;
}

/** Tensors of a shape with a one at each of its places. */
function units(like: Tensor): Tensor[] {
  const count = like.numel();
  if (count === 1) return [eye(1, 1, { dtype: like.dtype, device: like.device }).reshape(like.shape)];
  const rows = eye(count, count, { dtype: like.dtype, device: like.device });
  return Array.from({ length: count }, (_, i) => rows.select(0, i).reshape(like.shape));
}

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
    const call = new Call<unknown>("jacrev", f, given, positions, hasAux);
    const outputs = leavesOf(call.output);
    const blocks = outputs.map((output, place) => {
      const seeds = units(output);
      const rows = passes(seeds.length, chunkSize, (i) =>
        call.gradients(
          outputs.map((other, k) => (k === place ? seeds[i]! : zerosLike(other))),
          { keeps: true },
        ),
      );
      const all = call.variables.map((variable, k) =>
        rows.length === 0
          ? variable
              .detach()
              .expand([0, ...variable.shape])
              .reshape([...output.shape, ...variable.shape])
          : stack(rows.map((row) => row[k]!)).reshape([...output.shape, ...variable.shape]),
      );
      const byArgument = call.asArguments(given, positions, all);
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
    let aux: unknown;
    const ofArguments = (...chosen: unknown[]) => {
      const all = [...given];
      for (const [i, position] of positions.entries()) all[position] = chosen[i];
      const result: unknown = f(...all);
      if (!hasAux) return result;
      aux = (result as unknown[])[1];
      return (result as unknown[])[0];
    };
    const primals = positions.map((position) => given[position]);
    const [output, times] = linearize(ofArguments, ...primals);
    const inputs = leavesOf(primals);
    const outputs = leavesOf(output);
    const none = inputs.map((input) => zerosLike(input));
    const blocks = inputs.map((input, place) => {
      const seeds = units(input);
      const columns = passes(seeds.length, chunkSize, (i) => {
        const tangents = none.map((zeros, k) => (k === place ? seeds[i]! : zeros));
        return leavesOf(times(...rebuilt(primals, tangents)));
      });
      return outputs.map((one, k) =>
        columns.length === 0
          ? one
              .detach()
              .unsqueeze(-1)
              .expand([...one.shape, 0])
              .reshape([...one.shape, ...input.shape])
          : stack(
              columns.map((column) => column[k]!),
              -1,
            ).reshape([...one.shape, ...input.shape]),
      );
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
