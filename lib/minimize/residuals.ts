// Between tensors and vectors, for functions of many values: residuals, and their Jacobian.
import * as autograd from "../gradients.js";
import { refusePromise } from "../engine.js";
import { zeros } from "../creation.js";
import { makeError } from "../errors.js";
import { cat } from "../joining.js";
import { describe } from "../options.js";
import { eye } from "../ranges.js";
import { isTensor, type Tensor } from "../tensor.js";
import type { Layout, Pending } from "./layout.js";
import type { Question, ResidualsAndJacobian, Vector } from "./questions.js";

/** Residuals as a method asks for them. */
export class Residuals {
  constructor(
    private readonly what: string,
    /** What f is called in errors. */
    private readonly name: string,
    private readonly layout: Layout,
    private readonly f: (x: never) => unknown,
    private readonly jac: ((x: never) => unknown) | undefined,
  ) {}

  ask({ ask, ...question }: Question): Pending {
    const { x } = question as { x: Vector };
    return autograd.enableGrad(() => (ask === "residuals" ? this.#residuals(x) : this.#jacobian(x)));
  }

  #residuals(x: Vector): Pending {
    const { flat } = this.#call(this.layout.leaf(x, false));
    return { packed: flat.detach(), decode: (values) => Float64Array.from(values) };
  }

  #jacobian(x: Vector): Pending {
    const n = x.length;
    const leaf = this.layout.leaf(x, true);
    const { flat } = this.#call(leaf);
    const m = flat.numel();
    const like = { dtype: leaf.dtype, device: leaf.device } as never;
    const decodeBy =
      (place: (i: number, j: number) => number) =>
      (values: ArrayLike<number>): ResidualsAndJacobian => {
        const jacobian = new Float64Array(m * n);
        for (let i = 0; i < m; ++i)
          for (let j = 0; j < n; ++j) jacobian[i * n + j] = values[m + place(i, j)]!;
        return { residuals: Float64Array.from({ length: m }, (_, i) => values[i]!), jacobian };
      };
    const byRows = decodeBy((i, j) => i * n + j);
    const residuals = flat.detach();
    if (this.jac !== undefined) {
      const given: unknown = this.jac(this.layout.argument(leaf) as never);
      refusePromise(`${this.what}: jac`, given);
      if (isTensor(given) && given.numel() === m * n)
        return { packed: cat([residuals, given.detach().reshape(-1).to(leaf.dtype)], 0), decode: byRows };
      throw makeError(
        TypeError,
        `${this.what}: jac must return a Tensor of shape [${m}, ${n}], a row for each residual, but got ` +
          (isTensor(given) ? `shape [${given.shape.join(", ")}]` : describe(given)),
        { code: "ERR_ARGUMENT", op: this.what },
      );
    }
    if (!flat.requiresGrad)
      throw makeError(
        Error,
        `${this.what}: what f returns does not depend on x by operations of tensors, so it has no Jacobian; ` +
          "compute with methods of tensors, not with numbers read from them, or give it as jac",
        { code: "ERR_AUTOGRAD", op: this.what },
      );
    if (n > m) {
      const [found] = autograd.grad(flat, leaf, { gradOutputs: eye(m, like), isGradsBatched: true });
      return { packed: cat([residuals, found!.reshape(-1)], 0), decode: byRows };
    }
    // The product w^T J is linear in w, and its derivatives are the columns of J: one for each element of x, all at once.
    const w = zeros([m], { ...(like as object), requiresGrad: true });
    const [product] = autograd.grad(flat, leaf, { gradOutputs: w, createGraph: true });
    const [columns] = autograd.grad(product!, w, { gradOutputs: eye(n, like), isGradsBatched: true });
    return { packed: cat([residuals, columns!.reshape(-1)], 0), decode: decodeBy((i, j) => j * m + i) };
  }

  #call(leaf: Tensor): { flat: Tensor } {
    const value: unknown = this.f(this.layout.argument(leaf) as never);
    refusePromise(`${this.what}: ${this.name}`, value);
    if (isTensor(value) && value.numel() > 0) return { flat: value.reshape(-1).to(leaf.dtype) };
    throw makeError(
      TypeError,
      `${this.what}: ${this.name} must ${this.name === "f" ? "return" : "be"} a Tensor with at least one element, but got ` +
        (isTensor(value) ? `shape [${value.shape.join(", ")}]` : describe(value)),
      { code: "ERR_ARGUMENT", op: this.what },
    );
  }
}
