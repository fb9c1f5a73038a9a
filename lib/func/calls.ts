// What the transformations of functions share: how they call the function, and with what.
import { refusePromise } from "../engine.js";
import { makeError } from "../errors.js";
import { enableGrad, grad, isGradEnabled } from "../gradients.js";
import { native } from "../native.js";
import { describe, readOptions } from "../options.js";
import { zerosLike } from "../creation.js";
import { create, handleOf, type Tensor } from "../tensor.js";
import { checkOutput, leavesOf, mapped, rebuilt } from "./trees.js";

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a function of whatever its arguments are
export type AnyFunction = (...args: any[]) => any;

/** Options of the transformations that differentiate by some of a function's arguments. */
export interface ArgumentOptions {
  /** By which arguments: a position, or several, for which the results are arrays. Negative ones count from the end. */
  argnums?: number | readonly number[];
  /** The function returns `[output, more]`, and `more` is handed on as it is. */
  hasAux?: boolean;
}

export function readArgumentOptions(op: string, options: ArgumentOptions | undefined) {
  return readOptions(op, options, { argnums: 0, hasAux: false });
}

export function checkFunction(op: string, f: unknown): void {
  if (typeof f !== "function")
    throw makeError(TypeError, `${op}: expected a function, got ${describe(f)}`, {
      code: "ERR_ARGUMENT",
      op,
    });
}

/** The arguments that are differentiated by: their positions, from the front. */
export function positionsOf(
  op: string,
  argnums: number | readonly number[],
  args: readonly unknown[],
): number[] {
  const given = typeof argnums === "number" ? [argnums] : [...argnums];
  const positions = given.map((position) => (position < 0 ? position + args.length : position));
  for (const [i, position] of positions.entries())
    if (!Number.isInteger(position) || position < 0 || position >= args.length)
      throw makeError(
        RangeError,
        `${op}: got argnums=${given[i]}, but only ${args.length} positional inputs`,
        { code: "ERR_ARGUMENT", op },
      );
  if (positions.length === 0 || new Set(positions).size < positions.length)
    throw makeError(RangeError, `${op}: argnums must be different positions, got ${describe(argnums)}`, {
      code: "ERR_ARGUMENT",
      op,
    });
  return positions;
}

/** A function's call on variables of its own, and how to differentiate it. */
export class Call<Output> {
  readonly #op: string;
  /** The variables in place of the tensors of the inputs, in their order. */
  readonly variables: readonly Tensor[];
  /** What the function has returned, as a tree of tensors. */
  readonly output: Output;
  /** What it has returned beside it. */
  readonly aux: unknown;
  /** Whether the output depends on more that is being differentiated by, so that results go on. */
  readonly isInner: boolean;

  /** Calls `f` with variables in place of the tensors of the arguments at these positions. */
  constructor(
    op: string,
    f: AnyFunction,
    args: readonly unknown[],
    positions: readonly number[],
    hasAux: boolean,
  ) {
    this.#op = op;
    checkFunction(op, f);
    const given = [...args];
    const variables: Tensor[] = [];
    for (const position of positions) {
      const before = variables.length;
      given[position] = mapped(args[position], (leaf) => {
        const variable = create((out) => native.variable(out, handleOf(leaf, op)));
        variables.push(variable);
        // What the function may change in place is another tensor of the same value.
        return create((out) => native.variable(out, handleOf(variable, op)));
      });
      if (variables.length === before)
        throw makeError(
          TypeError,
          `${op}: argument ${position} must be a Tensor, or an array or object of them, got ${describe(args[position])}`,
          { code: "ERR_ARGUMENT", op },
        );
    }
    this.variables = variables;
    const isRecorded = isGradEnabled(); // by whoever calls
    const result = enableGrad(() => {
      const returned: unknown = f(...given);
      refusePromise(op, returned);
      return returned;
    });
    if (hasAux && !(Array.isArray(result) && result.length === 2))
      throw makeError(TypeError, `${op}: with hasAux, f must return [output, aux], got ${describe(result)}`, {
        code: "ERR_ARGUMENT",
        op,
      });
    const [output, aux] = hasAux ? (result as [unknown, unknown]) : [result, undefined];
    checkOutput(op, output);
    this.output = output as Output;
    this.aux = hasAux ? this.released(aux) : undefined;
    this.isInner =
      isRecorded &&
      native.dependOnOthers(
        leavesOf(output).map((leaf) => handleOf(leaf, op)),
        variables.map((leaf) => handleOf(leaf, op)),
      );
  }

  /** A tree of values of the call for those outside: without a history that ends here. */
  released<T>(tree: T): T {
    return mapped(tree, (leaf) =>
      leaf.requiresGrad &&
      !native.dependOnOthers(
        [handleOf(leaf, this.#op)],
        this.variables.map((variable) => handleOf(variable, this.#op)),
      )
        ? leaf.detach()
        : leaf,
    );
  }

  /** The gradients by the variables, zeros where there are none. `keeps` the graph for another time. */
  gradients(
    weights: readonly (Tensor | null)[],
    { keeps = false, creates = this.isInner || areDifferentiated(weights) } = {},
  ): Tensor[] {
    return enableGrad(() => gradientsOf(leavesOf(this.output), this.variables, weights, { keeps, creates }));
  }

  /** What belongs to the arguments at these positions, as they are built. */
  asArguments(args: readonly unknown[], positions: readonly number[], values: readonly unknown[]): unknown[] {
    return rebuilt(
      positions.map((position) => args[position]),
      values,
    );
  }
}

/** Whether somebody differentiates by these too. */
export const areDifferentiated = (weights: readonly (Tensor | null)[]): boolean =>
  isGradEnabled() && weights.some((weight) => weight?.requiresGrad === true);

/** The gradients of those outputs that have any, zeros where there are none. */
export function gradientsOf(
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  weights: readonly (Tensor | null)[],
  { keeps, creates }: { keeps: boolean; creates: boolean },
): Tensor[] {
  const chosen = outputs.flatMap((output, i) =>
    output.requiresGrad ? [[output, weights[i]!] as const] : [],
  );
  const grads: readonly (Tensor | null)[] =
    chosen.length === 0
      ? inputs.map(() => null)
      : grad(
          chosen.map(([output]) => output),
          inputs,
          {
            gradOutputs: chosen.map(([, weight]) => weight),
            retainGraph: keeps || creates,
            createGraph: creates,
            allowUnused: true,
          },
        );
  return grads.map((one, i) => one ?? zerosLike(inputs[i]!));
}
