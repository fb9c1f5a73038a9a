import { realize, refusePromise, tidy } from "./engine.js";
import { makeError } from "./errors.js";
import { areAlike, checkOutput, leavesOf, rebuilt } from "./func/trees.js";
import { enableGrad, grad, isGradEnabled } from "./gradients.js";
import { native } from "./native.js";
import { describe } from "./options.js";
import { fresh, handleOf, isTensor, type Tensor } from "./tensor.js";
import { isFloating } from "./dtype.js";

/** Runs `body` with the random numbers as they were at some time, and goes on from where they are now. */
function withRandomState<T>([seed, offset]: readonly [bigint, bigint], body: () => T): T {
  const now = native.randomState();
  native.setRandomState(seed, offset);
  try {
    return body();
  } finally {
    native.setRandomState(...now);
  }
}

const shapesOf = (tensors: readonly Tensor[]) =>
  tensors.map(({ shape, dtype }) => `[${shape.join(", ")}] ${dtype}`);

/**
 * Calls `f` without keeping what its gradient needs, and calls it again when the gradient is computed: memory for time.
 * PyTorch's torch.utils.checkpoint.
 *
 * `f` gets the arguments and returns a tensor, or an array or plain object of tensors; arguments may hold tensors to any depth.
 * Tensors that `f` uses without getting them have their gradients, too. Random numbers are the same in both calls. Whatever else `f`
 * does happens twice.
 *
 * @example
 * import { checkpoint } from "adjoint";
 *
 * const weight = eye(3).requiresGrad_();
 * const layers = (h) => h.matmul(weight).tanh().matmul(weight).tanh();
 * checkpoint(layers, eye(3)).sum().backward();
 * console.log(weight.grad.shape); // [ 3, 3 ]
 *
 * @throws TypeError (`ERR_ARGUMENT`, `ERR_ASYNC`) where f is no function, or returns no tensors; Error (`ERR_AUTOGRAD`), from
 * the backward pass, where it returns others the second time; what f throws.
 */
export function checkpoint<A extends readonly unknown[], R>(f: (...args: A) => R, ...args: A): R {
  const op = "checkpoint";
  if (typeof f !== "function")
    throw makeError(TypeError, `${op}: expected a function, got ${describe(f)}`, {
      code: "ERR_ARGUMENT",
      op,
    });
  const call = (given: A): R => {
    const result = f(...given);
    refusePromise(op, result);
    checkOutput(op, result);
    return result;
  };
  const inputs = leavesOf(args);
  // Without history nothing is kept anyway, and inside of vmap there are batches that know nothing of this.
  if (!isGradEnabled() || inputs.some((one) => native.countLevels(handleOf(one, op)) > 0)) return call(args);
  // What the second call begins with is kept, or it would have to be computed again from what was before.
  realize(inputs);
  const random = native.randomState();
  const handles = (tensors: readonly Tensor[]) => tensors.map((one) => handleOf(one, op));
  // An argument of the second call. Gradients of gradients go on to the history of the first call's; the gradients themselves
  // do not, for the pass that asks for them sees to that.
  let isWithin = false;
  const linked = (one: Tensor): Tensor => {
    const passed = () => {
      const [arrived] = fresh(2, (out) => native.takeGradients(out));
      return [isWithin ? 0 : handleOf(arrived, op)];
    };
    const into = (out: object[]) =>
      native.custom(out, handles([one.detach()]), handles([one]), "Checkpoint", passed);
    return fresh(1, into)[0] as Tensor;
  };

  // The first time, only to see what f makes of its arguments, and what else it uses.
  let captured: Tensor[] = [];
  const result = tidy(() => {
    const since = native.sequence();
    const own = inputs.map((one) => (isFloating(one.dtype) ? one.detach().requiresGrad_() : one));
    const made = call(rebuilt(args, own));
    const outputs = leavesOf(made);
    const ask = (out: object[]) => native.captured(out, handles(outputs), handles(own), since);
    const count = ask([]);
    captured = [
      ...(native.capturedLeaves(handles(outputs), handles(own), since) as Tensor[]),
      ...(typeof count === "number" ? (fresh(count, (out) => ask(out) as number[]) as Tensor[]) : []),
    ];
    return {
      made: rebuilt(
        made,
        outputs.map((one) => one.detach()),
      ),
      captured,
    };
  });
  captured = result.captured;
  const sources = [...inputs.filter((one) => one.requiresGrad), ...captured];
  if (sources.length === 0) return result.made;
  const outputs = leavesOf(result.made);
  const gradients = () => {
    const taken = fresh(2 * outputs.length, (out) => native.takeGradients(out)).slice(0, outputs.length);
    const createGraph = isGradEnabled();
    return withRandomState(random, () =>
      enableGrad(() => {
        const forAgain = (one: Tensor) => (createGraph ? linked(one) : one.detach().requiresGrad_());
        const own = inputs.map((one) => (one.requiresGrad ? forAgain(one) : one));
        const again = call(rebuilt(args, own));
        const made = leavesOf(again);
        if (!areAlike(again, result.made) || String(shapesOf(made)) !== String(shapesOf(outputs)))
          throw makeError(
            Error,
            "checkpoint: Recomputed values have different metadata than during the forward pass: " +
              `${shapesOf(made).join(", ")} instead of ${shapesOf(outputs).join(", ")}; f must do the same both times`,
            { code: "ERR_AUTOGRAD", op },
          );
        const used = made
          .map((one, i) => ({ one, weight: taken[i] }))
          .filter(({ one, weight }) => weight && one.requiresGrad);
        const wanted = [...own.filter((_, i) => inputs[i]!.requiresGrad), ...captured];
        if (used.length === 0) return wanted.map(() => 0);
        isWithin = true;
        try {
          const found = grad(
            used.map(({ one }) => one),
            wanted,
            {
              gradOutputs: used.map(({ weight }) => weight!),
              allowUnused: true,
              createGraph,
              retainGraph: true,
            },
          );
          return found.map((one) => (isTensor(one) ? handleOf(one, op) : 0));
        } finally {
          isWithin = false;
        }
      }),
    );
  };
  const known = fresh(outputs.length, (out) =>
    native.custom(out, handles(outputs), handles(sources), "Checkpoint", gradients),
  ) as Tensor[];
  return rebuilt(result.made, known);
}
