// Gradients beside differences, as PyTorch's torch.autograd.gradcheck.
import { stack } from "./joining.js";
import { makeError } from "./errors.js";
import { enableGrad, grad, noGrad } from "./gradients.js";
import { checkFunction } from "./func/calls.js";
import { describe, readOptions } from "./options.js";
import { tensor, zerosLike } from "./creation.js";
import { isTensor, type Tensor } from "./tensor.js";

/** Options of {@link gradcheck} and {@link gradgradcheck}. */
export interface GradcheckOptions {
  /** How far elements are moved for the differences: 1e-6 when left out. */
  eps?: number;
  /** What absolute difference is allowed: 1e-5 when left out. */
  atol?: number;
  /** What relative difference is allowed: 1e-3 when left out. */
  rtol?: number;
  /** Throw where gradients are wrong (the default), or return false. */
  raiseException?: boolean;
}

/** What is checked: a function of these inputs, which gives a tensor or an array of them. */
export type CheckedFunction = (...inputs: Tensor[]) => Tensor | readonly Tensor[];

const defaults: Readonly<Required<GradcheckOptions>> = Object.freeze({
  eps: 1e-6,
  atol: 1e-5,
  rtol: 1e-3,
  raiseException: true,
});

const outputsOf = (f: CheckedFunction, inputs: readonly Tensor[]): readonly Tensor[] => {
  const result: unknown = f(...inputs);
  const outputs = listOf("gradcheck", f, result, "what f returns");
  return outputs.filter((out) => out.dtype.startsWith("float"));
};

/** The Jacobians by differences: one for each output, of the shape [elements of the input, elements of the output]. */
function numericalJacobians(
  f: CheckedFunction,
  inputs: readonly Tensor[],
  which: number,
  eps: number,
): Tensor[] {
  const input = inputs[which]!.detach();
  const flat = Array.from(input.reshape(-1).dataSync(), Number);
  const at = (i: number, by: number) => {
    const moved = [...flat];
    moved[i]! += by;
    const value = tensor(moved, { dtype: input.dtype, device: input.device }).reshape(input.shape);
    return outputsOf(
      f,
      inputs.map((one, k) => (k === which ? value : one.detach())),
    );
  };
  const rows = noGrad(() =>
    flat.map((_, i) => {
      const [above, below] = [at(i, eps), at(i, -eps)];
      return above.map((out, k) =>
        out
          .sub(below[k]!)
          .div(2 * eps)
          .reshape(-1),
      );
    }),
  );
  return (rows[0] ?? []).map((_, k) => stack(rows.map((row) => row[k]!)));
}

/** The Jacobians by gradients, likewise. */
function analyticalJacobians(outputs: readonly Tensor[], input: Tensor, createGraph: boolean): Tensor[] {
  return outputs.map((output) => {
    const count = output.numel();
    const columns = Array.from({ length: count }, (_, i) => {
      const seed = tensor(
        Array.from({ length: count }, (__, k) => (k === i ? 1 : 0)),
        { dtype: output.dtype, device: output.device },
      ).reshape(output.shape);
      const [found] = output.requiresGrad
        ? grad(output, input, { gradOutputs: seed, retainGraph: true, createGraph, allowUnused: true })
        : [null];
      return (found ?? zerosLike(input)).detach().reshape(-1);
    });
    return stack(columns, 1);
  });
}

function checked(
  op: string,
  f: CheckedFunction,
  inputs: readonly Tensor[],
  options: GradcheckOptions | undefined,
): boolean {
  const { eps, atol, rtol, raiseException } = readOptions(op, options, defaults);
  if (!inputs.some((one) => one.requiresGrad))
    throw makeError(
      TypeError,
      `${op} expects at least one input tensor to require gradient, but none of the them have requires_grad=True.`,
      { code: "ERR_ARGUMENT", op },
    );
  const own = inputs.map((one) => one.detach().requiresGrad_(one.requiresGrad));
  const outputs = enableGrad(() => outputsOf(f, own));
  for (const [k, input] of own.entries()) {
    if (!input.requiresGrad || input.numel() === 0) continue;
    const numerical = numericalJacobians(f, own, k, eps);
    const analytical = analyticalJacobians(outputs, input, false);
    for (const [j, wanted] of numerical.entries()) {
      if (analytical[j]!.allclose(wanted, { rtol, atol })) continue;
      if (!raiseException) return false;
      throw makeError(
        Error,
        `Jacobian mismatch for output ${j} with respect to input ${k},\nnumerical:${String(wanted)}\nanalytical:${String(analytical[j])}\n`,
        { code: "ERR_GRADCHECK", op },
      );
    }
  }
  return true;
}

/**
 * Compares the gradients of `f` at these inputs, of which those that require a gradient count, with differences. The inputs
 * should be float64.
 * @returns true; false where they differ and `raiseException` is false.
 * @throws Error (`ERR_GRADCHECK`) with both Jacobians where they differ by more than `atol + rtol * size`.
 */
export function gradcheck(
  f: CheckedFunction,
  inputs: Tensor | readonly Tensor[],
  options?: GradcheckOptions,
): boolean {
  return checked("gradcheck", f, listOf("gradcheck", f, inputs), options);
}

/** The inputs or outputs of a function as a list. */
function listOf(op: string, f: unknown, inputs: unknown, what = "inputs"): readonly Tensor[] {
  checkFunction(op, f);
  const list = isTensor(inputs) ? [inputs] : inputs;
  if (!Array.isArray(list) || !list.every((one) => isTensor(one)))
    throw makeError(
      TypeError,
      `${op}: ${what} must be a Tensor or an array of them, got ${describe(inputs)}`,
      { code: "ERR_ARGUMENT", op },
    );
  return list;
}

/**
 * Compares the gradients of the gradients of `f`, weighted by `gradOutputs` (numbers of its own when left out), with
 * differences; as {@link gradcheck}.
 */
export function gradgradcheck(
  f: CheckedFunction,
  inputs: Tensor | readonly Tensor[],
  gradOutputs?: Tensor | readonly Tensor[] | null,
  options?: GradcheckOptions,
): boolean {
  const list = listOf("gradgradcheck", f, inputs);
  const tracked = list.filter((one) => one.requiresGrad);
  const outputs = outputsOf(f, list);
  const weights =
    gradOutputs === undefined || gradOutputs === null
      ? outputs.map((out) =>
          // Neither zeros nor equal: what is checked must not cancel.
          tensor(
            Array.from({ length: out.numel() }, (_, i) => Math.cos(1 + 0.7 * i)),
            { dtype: out.dtype, device: out.device },
          ).reshape(out.shape),
        )
      : isTensor(gradOutputs)
        ? [gradOutputs]
        : gradOutputs;
  const ofGradients: CheckedFunction = (...all) =>
    enableGrad(() => {
      const args = all.slice(0, list.length);
      const seeds = all.slice(list.length);
      const places = [...list.keys()].filter((i) => list[i]!.requiresGrad);
      const given = args.map((one, i) =>
        places.includes(i) && !one.requiresGrad ? one.detach().requiresGrad_() : one,
      );
      const sought = places.map((i) => given[i]!);
      const grads = grad(outputsOf(f, given), sought, {
        gradOutputs: seeds,
        createGraph: true,
        allowUnused: true,
      });
      return grads.map((one, i) => one ?? zerosLike(sought[i]!));
    });
  const seeds = weights.map((one) => one.detach().requiresGrad_());
  if (tracked.length === 0) return checked("gradgradcheck", f, list, options);
  return checked("gradgradcheck", ofGradients, [...list, ...seeds], options);
}
