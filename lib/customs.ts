import { refusePromise } from "./engine.js";
import { makeError } from "./errors.js";
import { isGradEnabled, noGrad } from "./gradients.js";
import { native } from "./native.js";
import { describe } from "./options.js";
import { zerosLike } from "./creation.js";
import { fresh, handleOf, isTensor, type Tensor } from "./tensor.js";

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
  backward(context: FunctionContext, ...grads: any[]): unknown;
}

/**
 * A function whose gradient is its own, of ordinary ops that fuse with those around it. A subclass has a static `forward`,
 * which computes the results without history, and a static `backward`, which gives a gradient for each argument of
 * forward, null for those that have none; the gradient of the gradient is that of backward's ops.
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

function applied(custom: Partial<Custom>, args: readonly unknown[]): unknown {
  const { name = "Function" } = custom;
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
    implemented(
      "backward",
      "You must implement either the backward or vjp method for your custom autograd.Function to use it with backward mode AD.",
    );
    let given: unknown;
    try {
      given = custom.backward!(context, ...grads);
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
