// PyTorch's torch.nn.utils, as far as it is about parameters and their gradients.
import { makeError } from "../errors.js";
import { noGrad } from "../gradients.js";
import { cat, stack } from "../joining.js";
import { vectorNorm } from "../linalg/norms.js";
import { describe, readOptions } from "../options.js";
import { tensorsIn } from "../optim/params.js";
import { handleOf, type Tensor } from "../tensor.js";
import { tensor } from "../creation.js";

/** Parameters: one, or any number of them. */
export type Parameters = Tensor | Iterable<Tensor>;

/** Options of {@link clipGradNorm_} and {@link getTotalNorm}. */
export interface ClipOptions {
  /** The order of the norm; 2 by default, Infinity for the largest element. */
  normType?: number;
  /** Throw where the norm is NaN or infinite; false by default. Waits for it. */
  errorIfNonfinite?: boolean;
}

const clipDefaults: Required<ClipOptions> = { normType: 2, errorIfNonfinite: false };

function listed(op: string, given: Parameters): Tensor[] {
  return tensorsIn(op, given);
}

const gradientsOf = (op: string, params: Parameters) =>
  listed(op, params).flatMap(({ grad }) => (grad === null ? [] : [grad]));

function limit(op: string, name: string, value: unknown): number {
  if (typeof value === "number" && value >= 0) return value;
  throw makeError(RangeError, `${op}: ${name} must be a number >= 0, but got ${describe(value)}`, {
    code: "ERR_ARGUMENT",
    op,
  });
}

/**
 * The norm of all elements of some tensors together; 0 of none.
 * @throws Error (`ERR_NONFINITE`) with `errorIfNonfinite`, where it is NaN or infinite.
 */
export function getTotalNorm(tensors: Parameters, options?: ClipOptions): Tensor {
  return totalNorm("getTotalNorm", listed("getTotalNorm", tensors), options);
}

function totalNorm(op: string, tensors: readonly Tensor[], options: ClipOptions | undefined): Tensor {
  const { normType, errorIfNonfinite } = readOptions(op, options, clipDefaults);
  if (tensors.length === 0) return tensor(0);
  const norms = tensors.map((one) => vectorNorm(one, normType));
  const total = vectorNorm(stack(norms, 0), normType);
  if (errorIfNonfinite && !Number.isFinite(total.item()))
    throw makeError(
      Error,
      `The total norm of order ${normType} for gradients from \`parameters\` is non-finite, so it cannot be clipped. ` +
        "To disable this error and scale the gradients by the non-finite norm anyway, set `errorIfNonfinite: false`",
      { code: "ERR_NONFINITE", op },
    );
  return total;
}

/**
 * Scales gradients in place so that their norm, as if they were one vector, is at most `maxNorm`; returns the norm that it
 * was. Nothing is read unless `errorIfNonfinite`.
 *
 * @example
 * loss(x).backward();
 * nn.utils.clipGradNorm_([x], 1);
 * optimizer.step();
 *
 * @throws Error (`ERR_NONFINITE`) with `errorIfNonfinite`, where the norm is NaN or infinite; gradients are as they were.
 */
export function clipGradNorm_(params: Parameters, maxNorm: number, options?: ClipOptions): Tensor {
  const most = limit("clipGradNorm_", "maxNorm", maxNorm);
  return noGrad(() => {
    const grads = gradientsOf("clipGradNorm_", params);
    const total = totalNorm("clipGradNorm_", grads, options);
    scale(grads, most, total);
    return total;
  });
}

/** Scales gradients in place as {@link clipGradNorm_} does, whose norm is known. */
export function clipGradsWithNorm_(params: Parameters, maxNorm: number, totalNorm: Tensor): void {
  const most = limit("clipGradsWithNorm_", "maxNorm", maxNorm);
  handleOf(totalNorm, "clipGradsWithNorm_");
  if (totalNorm.numel() !== 1)
    throw makeError(
      RangeError,
      `clipGradsWithNorm_: totalNorm must have one element, but has shape [${totalNorm.shape.join(", ")}]`,
      { code: "ERR_SHAPE", op: "clipGradsWithNorm_", shapes: [totalNorm.shape] },
    );
  noGrad(() => {
    scale(gradientsOf("clipGradsWithNorm_", params), most, totalNorm);
  });
}

function scale(grads: readonly Tensor[], maxNorm: number, total: Tensor): void {
  const factor = total.add(1e-6).reciprocal().mul(maxNorm).minimum(1);
  for (const grad of grads) grad.mul_(factor.to(grad.dtype));
}

/** Brings each element of gradients into [-clipValue, clipValue], in place. */
export function clipGradValue_(params: Parameters, clipValue: number): void {
  const most = limit("clipGradValue_", "clipValue", clipValue);
  noGrad(() => {
    for (const grad of gradientsOf("clipGradValue_", params)) grad.clamp_(-most, most);
  });
}

/** All elements of parameters, one after another, in one vector. */
export function parametersToVector(params: Parameters): Tensor {
  const list = listed("parametersToVector", params);
  return cat(
    list.map((one) => one.reshape(-1)),
    0,
  );
}

/**
 * Gives parameters the elements of a vector, one after another.
 * @throws RangeError (`ERR_SHAPE`) where it is none, or has another number of elements; parameters are as they were.
 */
export function vectorToParameters(vector: Tensor, params: Parameters): void {
  const [given] = listed("vectorToParameters", vector);
  const list = listed("vectorToParameters", params);
  const count = list.reduce((sum, one) => sum + one.numel(), 0);
  if (given!.shape.length !== 1 || given!.shape[0] !== count)
    throw makeError(
      RangeError,
      `vectorToParameters: expected a vector of ${count} elements, got shape [${given!.shape.join(", ")}]`,
      { code: "ERR_SHAPE", op: "vectorToParameters", shapes: [given!.shape, [count]] },
    );
  noGrad(() => {
    let offset = 0;
    for (const one of list) {
      one.copy_(given!.narrow(0, offset, one.numel()).reshape(...one.shape));
      offset += one.numel();
    }
  });
}
