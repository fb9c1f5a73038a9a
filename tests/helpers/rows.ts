import { special, type Tensor } from "../../lib/index.js";
import { Tensor as TensorClass } from "../../lib/tensor.js";

export type Method = (...operands: unknown[]) => Tensor;

/** A row's method; of those that have none, PyTorch's function in torch.special as one. */
export function methodOf(name: string): Method | undefined {
  const method = (TensorClass.prototype as unknown as Record<string, Method | undefined>)[name];
  const fromSpecial = (special as unknown as Record<string, Method | undefined>)[name];
  if (method || !fromSpecial) return method;
  return function (this: unknown, ...rest) {
    return fromSpecial(this, ...rest);
  };
}
