import { special, type Tensor } from "../../lib/index.js";
import { elementwise } from "../../lib/native.js";
import { Tensor as TensorClass, unary } from "../../lib/tensor.js";

export type Method = (...operands: unknown[]) => Tensor;

/** Rows whose function takes fewer dtypes than they do, or which only gradients use. */
const bare = new Set(["gelu", "normalCdf", "normalDensity", "logisticDensity"]);

/** A row's method; of those that have none, PyTorch's function in torch.special as one, or the bare row. */
export function methodOf(name: string): Method | undefined {
  if (bare.has(name))
    return function (this: unknown) {
      return unary(
        elementwise[name as "gelu" | "normalCdf" | "normalDensity" | "logisticDensity"],
        this as Tensor,
      );
    };
  const method = (TensorClass.prototype as unknown as Record<string, Method | undefined>)[name];
  const fromSpecial = (special as unknown as Record<string, Method | undefined>)[name];
  if (method || !fromSpecial) return method;
  return function (this: unknown, ...rest) {
    return fromSpecial(this, ...rest);
  };
}
