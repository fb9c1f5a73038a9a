// Gradients and products with Jacobians, of functions of trees of tensors. Each transformation takes a function and gives
// one, or calls it; they compose with one another to any depth.
//
// The forward mode is the reverse mode twice: a product with a transposed Jacobian, J' u, is linear in u, and the gradient of
// its product with a tangent t by u is J t. Nothing of J' u itself is asked for, so that the engine, which computes what is
// asked for, computes J t as forward mode would (J. Townsend, "A new trick for calculating Jacobian vector products", 2017).
import { inForwardMode } from "../customs.js";
import { enableGrad } from "../gradients.js";
import { makeError } from "../errors.js";
import { native } from "../native.js";
import { isPlainObject } from "../options.js";
import { zerosLike } from "../creation.js";
import { create, handleOf, type Tensor } from "../tensor.js";
import {
  areDifferentiated,
  Call,
  checkFunction,
  gradientsOf,
  positionsOf,
  readArgumentOptions,
  type AnyFunction,
  type ArgumentOptions,
} from "./calls.js";
import { areAlike, leavesOf, rebuilt, type Tree } from "./trees.js";

/** What a function returns, without what `hasAux` takes away. */
type OutputOf<F extends AnyFunction> =
  ReturnType<F> extends readonly [infer Output, unknown] ? Output | ReturnType<F> : ReturnType<F>;

/** @internal */
export function differentiated(
  op: string,
  f: AnyFunction,
  options: ArgumentOptions | undefined,
): (...args: unknown[]) => { gradient: unknown; value: unknown; aux: unknown; hasAux: boolean } {
  checkFunction(op, f);
  const { argnums, hasAux } = readArgumentOptions(op, options);
  return (...args) => {
    const positions = positionsOf(op, argnums, args);
    const call = new Call<Tensor>(op, f, args, positions, hasAux);
    const outputs = leavesOf(call.output);
    if (outputs.length !== 1 || outputs[0] !== call.output)
      throw makeError(
        TypeError,
        `${op}(f)(*args): Expected f(*args) to return a tensor, got several; use func.vjp or func.jacrev`,
        { code: "ERR_ARGUMENT", op },
      );
    if (call.output.ndim !== 0)
      throw makeError(
        RangeError,
        `${op}(f)(*args): Expected f(*args) to return a scalar tensor, got tensor with ${call.output.ndim} dims. Maybe you wanted to use the vjp or jacrev APIs instead?`,
        { code: "ERR_SHAPE", op, shapes: [call.output.shape] },
      );
    const value = call.released(call.output);
    const values = call.asArguments(args, positions, call.gradients([null]));
    return { gradient: typeof argnums === "number" ? values[0] : values, value, aux: call.aux, hasAux };
  };
}

/**
 * The function that gives the gradient of `f`, which returns a tensor of one element, by its first argument or by those that
 * `argnums` names: in the form of the argument, which may be an array or a plain object of tensors. With `hasAux`, the
 * function gives `[gradient, aux]`. An argument that the result does not depend on has a gradient of zeros.
 *
 * @example
 * console.log(func.grad((a) => a.square().sum())(tensor([1, 2])).toArray()); // [ 2, 4 ]
 * @throws TypeError (`ERR_ARGUMENT`) where `f` returns anything but a tensor, `ERR_ASYNC` for a Promise; RangeError
 * (`ERR_SHAPE`) for one of more elements.
 */
export function grad<F extends AnyFunction>(f: F): (...args: Parameters<F>) => Parameters<F>[0];
export function grad<F extends AnyFunction>(
  f: F,
  options: ArgumentOptions | undefined,
): (...args: Parameters<F>) => unknown;
export function grad<F extends AnyFunction>(
  f: F,
  options?: ArgumentOptions,
): (...args: Parameters<F>) => unknown {
  const of = differentiated("grad", f, options);
  return (...args) => {
    const { gradient, aux, hasAux } = of(...(args as unknown[]));
    return hasAux ? [gradient, aux] : gradient;
  };
}

/**
 * As {@link grad}, but the function gives `[gradient, value]`; with `hasAux`, `[gradient, [value, aux]]`.
 */
export function gradAndValue<F extends AnyFunction>(
  f: F,
): (...args: Parameters<F>) => [Parameters<F>[0], Tensor];
export function gradAndValue<F extends AnyFunction>(
  f: F,
  options: ArgumentOptions | undefined,
): (...args: Parameters<F>) => [unknown, unknown];
export function gradAndValue<F extends AnyFunction>(
  f: F,
  options?: ArgumentOptions,
): (...args: Parameters<F>) => [unknown, unknown] {
  const of = differentiated("gradAndValue", f, options);
  return (...args) => {
    const { gradient, value, aux, hasAux } = of(...(args as unknown[]));
    return [gradient, hasAux ? [value, aux] : value];
  };
}

/** The weights or tangents that belong to a tree: alike, with tensors of the same shapes. */
function matching(op: string, what: string, given: unknown, wanted: unknown): Tensor[] {
  if (!areAlike(given, wanted))
    throw makeError(TypeError, `${op}: ${what} must have the same structure as what they belong to`, {
      code: "ERR_ARGUMENT",
      op,
    });
  const [leaves, like] = [leavesOf(given), leavesOf(wanted)];
  for (const [i, leaf] of leaves.entries()) {
    const [own, other] = [leaf.shape, like[i]!.shape];
    if (own.length !== other.length || own.some((extent, axis) => extent !== other[axis]))
      throw makeError(
        RangeError,
        `${op}: ${what} have the shape [${own.join(", ")}] where [${other.join(", ")}] belongs`,
        { code: "ERR_SHAPE", op, shapes: [own, other] },
      );
  }
  return leaves;
}

const levelsOf = (tensors: readonly Tensor[]) =>
  Math.max(0, ...tensors.map((one) => native.countLevels(handleOf(one, "vmap"))));

/**
 * The products of a call's transposed Jacobian with weights of its output, time and again. Weights for each example of a batch
 * that the output knows nothing of are those of a call for each.
 * @internal
 */
export function transposedProducts<Output>(
  op: string,
  f: AnyFunction,
  args: readonly unknown[],
  positions: readonly number[],
  hasAux: boolean,
): { call: Call<Output>; times: (weights: readonly (Tensor | null)[]) => Tensor[] } {
  const call = new Call<Output>(op, f, args, positions, hasAux);
  const levels = levelsOf(leavesOf(call.output));
  return {
    call,
    times: (weights) => {
      if (levelsOf(weights.filter((one) => one !== null)) <= levels)
        try {
          return call.gradients(weights, { keeps: true });
        } catch (error) {
          if ((error as { code?: unknown }).code !== "ERR_VMAP") throw error; // other levels, as many
        }
      return new Call(op, f, args, positions, hasAux).gradients(weights);
    },
  };
}

/** A function of weights of the output, each a tree like it: the products with the transposed Jacobians, one for each primal. */
export type VjpFunction<Primals extends readonly unknown[] = readonly Tree[]> = (weights: Tree) => Primals;

/**
 * `[output, vjpFn]`: f(...primals), and the function that multiplies weights of the output with the transposed Jacobian. It
 * may be called again and again, and inside of vmap. Options may follow the primals: with `{ hasAux: true }`, f returns
 * `[output, aux]`, and `[output, vjpFn, aux]` comes back.
 * @throws as {@link grad}.
 */
export function vjp<F extends AnyFunction>(
  f: F,
  ...primals: [...Parameters<F>, { hasAux: boolean }] | Parameters<F>
): [OutputOf<F>, VjpFunction<Parameters<F>>, unknown?] {
  const last = primals.at(-1) as unknown;
  const hasOptions =
    primals.length > 1 && isPlainObject(last) && Object.keys(last as object).join() === "hasAux";
  const args = (hasOptions ? primals.slice(0, -1) : primals) as unknown[];
  const { hasAux } = readArgumentOptions("vjp", hasOptions ? (last as ArgumentOptions) : undefined);
  const positions = args.map((_, i) => i);
  const { call, times } = transposedProducts<OutputOf<F>>("vjp", f, args, positions, hasAux);
  const multiply: VjpFunction<Parameters<F>> = (weights) => {
    const given = matching("vjp", "the weights", weights, call.output);
    return call.asArguments(args, positions, times(given)) as Parameters<F>;
  };
  const output = call.released(call.output);
  return hasAux ? [output, multiply, call.aux] : [output, multiply];
}

/** A call whose Jacobian waits for tangents. */
class Linear<Output> {
  readonly #op: string;
  readonly call: Call<Output>;
  /** The variables u of the products J' u, one for each tensor of the output that depends on the primals. */
  readonly #weights: readonly (Tensor | null)[];
  readonly #products: readonly Tensor[];

  constructor(op: string, f: AnyFunction, primals: readonly unknown[], hasAux: boolean) {
    this.#op = op;
    const positions = primals.map((_, i) => i);
    this.call = inForwardMode(() => new Call<Output>(op, f, primals, positions, hasAux));
    this.#weights = leavesOf(this.call.output).map((output) =>
      output.requiresGrad ? create((out) => native.variable(out, handleOf(zerosLike(output), op))) : null,
    );
    this.#products = this.call.gradients(this.#weights, { keeps: true, creates: true });
  }

  /** J t, for tangents of the variables. */
  times(tangents: readonly Tensor[], { keeps }: { keeps: boolean }): Output {
    const creates = this.call.isInner || areDifferentiated(tangents);
    const sought = this.#weights.filter((weight) => weight !== null);
    const results =
      sought.length === 0
        ? []
        : enableGrad(() => gradientsOf(this.#products, sought, tangents, { keeps, creates }));
    const outputs = leavesOf(this.call.output);
    let next = 0;
    return rebuilt(
      this.call.output,
      this.#weights.map((weight, i) => (weight === null ? zerosLike(outputs[i]!) : results[next++])),
    );
  }

  tangentsOf(tangents: unknown, primals: readonly unknown[]): Tensor[] {
    return matching(this.#op, "the tangents", tangents, primals);
  }
}

function checkLists(op: string, lists: Readonly<Record<string, unknown>>): void {
  for (const [name, list] of Object.entries(lists))
    if (!Array.isArray(list) || list.length === 0)
      throw makeError(TypeError, `${op}: ${name} must be an array with one entry for each argument of f`, {
        code: "ERR_ARGUMENT",
        op,
      });
}

/** Options of {@link jvp}. */
export interface JvpOptions {
  /** As of {@link ArgumentOptions}. */
  hasAux?: boolean;
}

/**
 * `[output, jvpOut]`: f(...primals), and the product of its Jacobian with the tangents, which are like the primals; with
 * `hasAux`, `[output, jvpOut, aux]`.
 *
 * @example
 * const [y, dy] = func.jvp((a) => a.sin(), [zeros([2])], [tensor([1, 2])]);
 * @throws as {@link grad}; for tangents that are not like the primals.
 */
export function jvp<F extends AnyFunction>(
  f: F,
  primals: Parameters<F>,
  tangents: Parameters<F>,
  options?: JvpOptions,
): [OutputOf<F>, OutputOf<F>, unknown?] {
  const { hasAux } = readArgumentOptions("jvp", options);
  checkLists("jvp", { primals, tangents });
  matching("jvp", "the tangents", tangents, primals);
  const linear = new Linear<OutputOf<F>>("jvp", f, primals as unknown[], hasAux);
  const product = linear.times(linear.tangentsOf(tangents, primals as unknown[]), { keeps: false });
  const output = linear.call.released(linear.call.output);
  return hasAux ? [output, product, linear.call.aux] : [output, product];
}

/**
 * `[output, jvpFn]`: f(...primals), and the function that multiplies tangents, one for each primal, with its Jacobian there.
 * What does not depend on the tangents is computed once for all of its calls.
 */
export function linearize<F extends AnyFunction>(
  f: F,
  ...primals: Parameters<F>
): [OutputOf<F>, (...tangents: Parameters<F>) => OutputOf<F>] {
  const { output, times } = linearized("linearize", f, primals as unknown[], false);
  return [output as OutputOf<F>, times as (...tangents: Parameters<F>) => OutputOf<F>];
}

/**
 * What {@link linearize} gives, and what f returns beside its output.
 * @internal
 */
export function linearized(
  op: string,
  f: AnyFunction,
  primals: readonly unknown[],
  hasAux: boolean,
): { output: unknown; times: (...tangents: unknown[]) => unknown; aux: unknown } {
  const linear = new Linear<unknown>(op, f, primals, hasAux);
  return {
    output: linear.call.released(linear.call.output),
    times: (...tangents) => {
      const given = linear.tangentsOf(tangents, primals);
      if (levelsOf(given) > levelsOf(linear.call.variables))
        return new Linear<unknown>(op, f, primals, hasAux).times(given, { keeps: false });
      return linear.times(given, { keeps: true });
    },
    aux: linear.call.aux,
  };
}

/**
 * `[output, product]`: f(...primals), a tensor of one element, and its Hessian times the tangents, without the Hessian: an
 * array with one entry for each primal.
 *
 * @throws as {@link grad} and {@link jvp}.
 */
export function hvp<F extends AnyFunction>(
  f: F,
  primals: Parameters<F>,
  tangents: Parameters<F>,
): [Tensor, Parameters<F>] {
  checkLists("hvp", { primals, tangents });
  const weights = matching("hvp", "the tangents", tangents, primals);
  const argnums = (primals as unknown[]).map((_, i) => i);
  const gradient = (...args: unknown[]) => {
    const found = differentiated("hvp", f, { argnums })(...args);
    return [found.gradient, found.value] as const;
  };
  const call = new Call<Tree>("hvp", gradient as AnyFunction, primals as unknown[], argnums, true);
  const products = call.asArguments(primals as unknown[], argnums, call.gradients(weights));
  return [call.aux as Tensor, products as Parameters<F>];
}
