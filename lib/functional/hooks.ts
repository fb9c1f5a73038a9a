import { refusePromise } from "../engine.js";
import { makeError } from "../errors.js";
import { native } from "../native.js";
import { describe } from "../options.js";
import { fresh, handleOf, isTensor, type Tensor } from "../tensor.js";
import { RemovableHandle } from "../removable.js";

/** What a hook is told: the gradient. What it returns takes the gradient's place. */
export type GradientHook = ((grad: Tensor) => Tensor | null | undefined) | ((grad: Tensor) => void);

function added(
  op: string,
  tensor: Tensor,
  hook: (grad: Tensor) => unknown,
  isAfter: boolean,
): RemovableHandle {
  if (typeof hook !== "function")
    throw makeError(TypeError, `${op}: expected a function, got ${describe(hook)}`, {
      code: "ERR_ARGUMENT",
      op,
    });
  // An in-place method gives the tensor another history, and the hook stays with the one that it was registered on.
  let current: typeof hook | null = hook;
  const called = () => {
    if (current === null) return [0];
    const [grad] = fresh(1, (out) => native.takeGradients(out));
    const result: unknown = current(grad!);
    refusePromise(op, result);
    if (isAfter || result === undefined || result === null) return [0];
    if (!isTensor(result))
      throw makeError(TypeError, `${op}: the hook must return a Tensor or nothing, got ${describe(result)}`, {
        code: "ERR_AUTOGRAD",
        op,
      });
    return [handleOf(result, op)];
  };
  const number = native.addHook(handleOf(tensor, op), called, isAfter);
  // The graph keeps the hook, and the hook must not keep the tensor.
  const owner = new WeakRef(tensor);
  return new RemovableHandle(() => {
    current = null;
    const tensorNow = owner.deref();
    if (tensorNow === undefined) return;
    try {
      native.removeHook(handleOf(tensorNow, "remove"), number);
    } catch (error) {
      if ((error as { code?: unknown }).code !== "ERR_DISPOSED") throw error; // it went with the tensor
    }
  });
}

/**
 * Calls `hook` with the gradient of x whenever one has been computed; a tensor that it returns takes the gradient's place.
 * Hooks are called in the order in which they were registered.
 * @throws Error (`ERR_AUTOGRAD`) where x does not require a gradient; what the hook throws, with the gradients as they were.
 */
export function registerHook(x: Tensor, hook: GradientHook): RemovableHandle {
  return added("registerHook", x, hook, false);
}

/**
 * Calls `hook` with the leaf x whenever a gradient has been added to `x.grad`.
 * @throws Error (`ERR_AUTOGRAD`) where x is no leaf that requires a gradient.
 */
export function registerPostAccumulateGradHook(x: Tensor, hook: (x: Tensor) => void): RemovableHandle {
  const tensor = new WeakRef(x);
  const called = () => {
    const leaf = tensor.deref();
    if (leaf !== undefined) hook(leaf);
  };
  return added("registerPostAccumulateGradHook", x, typeof hook === "function" ? called : hook, true);
}

const retaining = new WeakSet<Tensor>();

/** Keeps the gradient of a tensor that is no leaf in its `grad` too. */
export function retainGrad(x: Tensor): void {
  if (!x.requiresGrad)
    throw makeError(Error, "can't retain_grad on Tensor that has requires_grad=False", {
      code: "ERR_AUTOGRAD",
      op: "retainGrad",
    });
  if (x.isLeaf || retaining.has(x)) return;
  retaining.add(x);
  // The graph keeps the hook, and the hook must not keep the tensor.
  const tensor = new WeakRef(x);
  added(
    "retainGrad",
    x,
    (grad) => {
      const target = tensor.deref();
      if (target !== undefined) target.grad = target.grad === null ? grad : target.grad.add(grad);
    },
    false,
  );
}
