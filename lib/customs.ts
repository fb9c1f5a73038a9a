import { refusePromise } from "./engine.js";
import { makeError } from "./errors.js";
import { enableGrad, grad as gradientsOf, isGradEnabled, noGrad } from "./gradients.js";
import { native } from "./native.js";
import { describe, readOptions } from "./options.js";
import { zerosLike } from "./creation.js";
import { create, fresh, handleOf, isTensor, type Tensor } from "./tensor.js";

/** What a {@link Function}'s forward and backward share: of one call. What they need beside tensors may be set on it. */
export class FunctionContext {
  /** For each argument of apply, whether it is a tensor whose gradient is wanted. */
  readonly needsInputGrad: readonly boolean[];
  #saved: readonly (Tensor | null)[] = [];
  #outputs: readonly Tensor[] = [];
  #known: readonly Tensor[] = [];
  #nonDifferentiable = new Set<Tensor>();
  #materializes = true;
  [name: string]: unknown;

  /** @internal */
  constructor(needsInputGrad: readonly boolean[]) {
    this.needsInputGrad = needsInputGrad;
  }
  /** Keeps tensors for backward, once; those that forward has been given or returns have their history there. */
  saveForBackward(...tensors: readonly (Tensor | null)[]): void {
    for (const one of tensors) if (one !== null) handleOf(one, "saveForBackward");
    this.#saved = tensors;
  }
  /** The tensors that {@link saveForBackward} has kept, in its order. */
  get savedTensors(): readonly (Tensor | null)[] {
    return this.#saved.map((one) => {
      const place = one === null ? -1 : this.#outputs.indexOf(one);
      return place < 0 ? one : this.#known[place]!;
    });
  }
  /** Results that have no gradient. */
  markNonDifferentiable(...results: readonly Tensor[]): void {
    this.#nonDifferentiable = new Set(results);
  }
  /** Whether backward gets zeros for results that have no gradient: true when it is not called, else null for those. */
  setMaterializeGrads(value: boolean): void {
    this.#materializes = value;
  }

  /** @internal */
  static returned(context: FunctionContext, outputs: readonly Tensor[]): ReadonlySet<Tensor> {
    context.#outputs = outputs;
    return context.#nonDifferentiable;
  }
  /** @internal What backward is called with: gradients, and the results with their history. */
  static arrived(
    context: FunctionContext,
    grads: readonly (Tensor | null)[],
    known: readonly Tensor[],
  ): readonly (Tensor | null)[] {
    context.#known = known;
    return context.#materializes ? grads.map((grad, i) => grad ?? zerosLike(known[i]!)) : grads;
  }
  /** @internal When backward has returned: results with their history would keep the context, and it them. */
  static left(context: FunctionContext): void {
    context.#known = [];
  }
}

/** A class of functions with a gradient of their own; see {@link Function}. */
interface Custom {
  readonly name: string;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- what each takes is its own affair
  forward(context: FunctionContext, ...args: any[]): Tensor | readonly Tensor[];
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as forward
  backward?(context: FunctionContext, ...grads: any[]): unknown;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as forward
  jvp?(context: FunctionContext, ...tangents: any[]): unknown;
}

/** How many callers of {@link inForwardMode} there are. */
let forwardCallers = 0;

/** Calls what makes functions whose products with tangents are wanted: of those with a jvp of their own, by that. */
export function inForwardMode<T>(call: () => T): T {
  ++forwardCallers;
  try {
    return call();
  } finally {
    --forwardCallers;
  }
}

/**
 * A function whose gradient is its own, of ordinary ops that fuse with those around it. A subclass has a static `forward`,
 * which computes the results without history, and a static `backward`, which gives a gradient for each argument of
 * forward, null for those that have none; the gradient of the gradient is that of backward's ops.
 *
 * A static `jvp` gives the tangents of the results for those of the arguments (null for what is no tensor), with which it has to
 * be linear: `func.jvp`, `jacfwd` and `linearize` use it. Where there is no backward, gradients are its transposed products.
 *
 * @example
 * class Exp extends autograd.Function {
 *   static forward(context, x) {
 *     const y = x.exp();
 *     context.saveForBackward(y);
 *     return y;
 *   }
 *   static backward(context, grad) {
 *     return grad.mul(context.savedTensors[0]);
 *   }
 * }
 * const y = Exp.apply(x);
 */
// eslint-disable-next-line @typescript-eslint/no-extraneous-class -- PyTorch's name and form
export abstract class Function {
  /** Calls forward, and gives its results a history that calls backward. */
  static apply<C extends Custom>(
    this: C,
    ...args: C["forward"] extends (context: FunctionContext, ...args: infer A) => unknown ? A : never
  ): ReturnType<C["forward"]> {
    return applied(this, args) as ReturnType<C["forward"]>;
  }
}

/** The functions that make a function with derivatives of its own; see {@link customFunction}. */
export interface FunctionParts<A extends readonly unknown[], R extends Tensor | readonly Tensor[]> {
  /** Its name in errors and graphs; "Function" when left out. */
  name?: string;
  /** Computes the results, without history. */
  forward: (context: FunctionContext, ...args: A) => R;
  /** Gives a gradient for each argument, null for what has none, from those of the results. */
  backward?: (context: FunctionContext, ...grads: Tensor[]) => unknown;
  /** Gives the tangents of the results from those of the arguments. */
  jvp?: (context: FunctionContext, ...tangents: (Tensor | null)[]) => unknown;
}

/**
 * A function with derivatives of its own, of an object of functions: what {@link Function} is as a class.
 *
 * @example
 * const exp = autograd.customFunction({
 *   forward(context, x) {
 *     const y = x.exp();
 *     context.saveForBackward(y);
 *     return y;
 *   },
 *   backward: (context, grad) => grad.mul(context.savedTensors[0]),
 * });
 * const y = exp(x);
 *
 * @throws TypeError (`ERR_OPTION`) for what are no functions, or other names.
 */
export function customFunction<A extends readonly unknown[], R extends Tensor | readonly Tensor[]>(
  parts: FunctionParts<A, R>,
): (...args: A) => R {
  const what = "customFunction";
  const known: Record<string, unknown> = {
    name: "Function",
    forward: undefined,
    backward: undefined,
    jvp: undefined,
  };
  const { name, forward, backward, jvp } = readOptions(what, parts, known);
  for (const [key, value] of Object.entries({ forward, backward, jvp }))
    if (typeof value !== "function" && (key === "forward" || value !== undefined))
      throw makeError(TypeError, `${what}: ${key} must be a function, but got ${describe(value)}`, {
        code: "ERR_OPTION",
        op: what,
      });
  const custom = { name, forward, backward, jvp } as Partial<Custom>;
  return (...args) => applied(custom, args) as R;
}

function applied(custom: Partial<Custom>, args: readonly unknown[]): unknown {
  const { name = "Function" } = custom;
  const byTangents =
    typeof custom.jvp === "function" && (custom.backward === undefined || forwardCallers > 0);
  const implemented = (method: "forward" | "backward", sentence: string) => {
    if (typeof custom[method] !== "function")
      throw makeError(TypeError, `${sentence}; ${name}.${method} is a static method`, {
        code: "ERR_AUTOGRAD",
        op: method,
      });
  };
  implemented("forward", "You must implement the forward function for custom autograd.Function.");
  const places = [...args.keys()].filter((i) => isTensor(args[i]));
  const wanted = args.map((arg) => isTensor(arg) && arg.requiresGrad && isGradEnabled());
  const context = new FunctionContext(wanted);
  const result = noGrad(() => custom.forward!(context, ...args));
  const outputs = (Array.isArray(result) ? result : [result]) as readonly unknown[];
  if (outputs.length === 0 || !outputs.every((one) => isTensor(one)))
    throw makeError(
      TypeError,
      `${name}.apply: forward must return a Tensor or an array of them, got ${describe(outputs.find((one) => !isTensor(one)) ?? result)}`,
      { code: "ERR_AUTOGRAD", op: "apply" },
    );
  const tensors = outputs;
  const without = FunctionContext.returned(context, tensors);
  if (!wanted.includes(true)) return result;
  const gradients = () => {
    const made = fresh(2 * tensors.length, (out) => native.takeGradients(out));
    const grads = FunctionContext.arrived(
      context,
      made.slice(0, tensors.length),
      made.slice(tensors.length) as Tensor[],
    );
    if (!byTangents)
      implemented(
        "backward",
        "You must implement either the backward or vjp method for your custom autograd.Function to use it with backward mode AD.",
      );
    let given: unknown;
    try {
      given = byTangents
        ? transposed(custom, context, args, wanted, tensors, grads)
        : custom.backward!(context, ...grads);
    } finally {
      FunctionContext.left(context);
    }
    refusePromise(`${name}.backward`, given);
    const list = (Array.isArray(given) ? given : [given]) as readonly unknown[];
    const isSurplus = list.length > args.length && list.slice(args.length).some((one) => one != null);
    if (list.length < args.length || isSurplus)
      throw makeError(
        Error,
        `function ${name}Backward returned an incorrect number of gradients (expected ${args.length}, got ${list.length})`,
        { code: "ERR_AUTOGRAD", op: name },
      );
    for (const [i, one] of list.entries())
      if (one != null && !isTensor(one))
        throw makeError(
          TypeError,
          `${name}.backward: the gradient of argument ${i} must be a Tensor or null, got ${describe(one)}`,
          { code: "ERR_AUTOGRAD", op: name },
        );
      else if (one != null && !isTensor(args[i]))
        throw makeError(
          Error,
          `function ${name}Backward returned a gradient different from None at position ${i + 1}, but the corresponding forward input was not a Variable`,
          { code: "ERR_AUTOGRAD", op: name },
        );
    return places.map((i) => (list[i] == null ? 0 : handleOf(list[i], name)));
  };
  const handles = (list: readonly unknown[]) => list.map((one) => handleOf(one, name));
  const made = fresh(tensors.length, (out) =>
    native.custom(
      out,
      handles(tensors),
      places.map((i) => handleOf(args[i], name)),
      name,
      gradients,
    ),
  ) as Tensor[];
  const results = made.map((one, i) => (without.has(tensors[i]!) ? one.detach() : one));
  return Array.isArray(result) ? results : results[0];
}

/** The gradients of arguments, from the products with tangents that `jvp` gives: what is linear is transposed by differentiation. */
function transposed(
  custom: Partial<Custom>,
  context: FunctionContext,
  args: readonly unknown[],
  wanted: readonly boolean[],
  outputs: readonly Tensor[],
  grads: readonly (Tensor | null)[],
): (Tensor | null)[] {
  const { name = "Function" } = custom;
  const createGraph = isGradEnabled();
  return enableGrad(() => {
    const tangents = args.map((arg, i) => {
      if (!isTensor(arg)) return null;
      if (!wanted[i]) return zerosLike(arg);
      // Of what is linear in a tangent, the derivative is the same at any tangent.
      return create((out) => native.variable(out, handleOf(arg, name)));
    });
    const given = custom.jvp!(context, ...tangents);
    refusePromise(`${name}.jvp`, given);
    const list = (Array.isArray(given) ? given : [given]) as readonly unknown[];
    if (list.length !== outputs.length)
      throw makeError(
        Error,
        `${name}.jvp returned an incorrect number of tangents (expected ${outputs.length}, got ${list.length})`,
        { code: "ERR_AUTOGRAD", op: name },
      );
    const results: Tensor[] = [];
    const weights: Tensor[] = [];
    list.forEach((one, i) => {
      if (one === null || grads[i] === null) return;
      const { shape } = outputs[i]!;
      if (!isTensor(one) || String(one.shape) !== String(shape))
        throw makeError(
          TypeError,
          `${name}.jvp: the tangent of result ${i} must be a Tensor of shape [${shape.join(", ")}] or null, but got ` +
            (isTensor(one) ? `shape [${one.shape.join(", ")}]` : describe(one)),
          { code: "ERR_AUTOGRAD", op: name },
        );
      if (!one.requiresGrad) return;
      results.push(one);
      weights.push(grads[i]!);
    });
    const sought = tangents.filter((_, i) => wanted[i]) as Tensor[];
    const found =
      results.length === 0
        ? sought.map(() => null)
        : gradientsOf(results, sought, { gradOutputs: weights, createGraph, allowUnused: true });
    let next = 0;
    return args.map((_, i) => (wanted[i] ? (found[next++] ?? null) : null));
  });
}
