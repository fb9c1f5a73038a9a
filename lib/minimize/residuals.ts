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
  #probes: { w: Tensor; directions: readonly Tensor[] } | undefined;

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
    const byRows = decodeBy(m, n, n, 1);
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
    // The product w^T J is linear in w, and its derivatives are the columns of J: one for each element of x, all in one run.
    const { w, directions } = this.#probesOf(m, n, like);
    const [product] = autograd.grad(flat, leaf, { gradOutputs: w, createGraph: true });
    const columns = directions.map(
      (gradOutputs, j) => autograd.grad(product!, w, { gradOutputs, retainGraph: j + 1 < n })[0]!,
    );
    return { packed: cat([residuals, ...columns], 0), decode: decodeBy(m, n, 1, m) };
  }

  /** What the columns are found with, kept while the number of residuals stays. */
  #probesOf(m: number, n: number, like: never): { w: Tensor; directions: readonly Tensor[] } {
    if (this.#probes?.w.shape[0] !== m)
      this.#probes = {
        w: zeros([m], { ...(like as object), requiresGrad: true }),
        directions: unitVectors(n, like),
      };
    return this.#probes;
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

function unitVectors(n: number, like: never): Tensor[] {
  const all = eye(n, like);
  return Array.from({ length: n }, (_, j) => all.select(0, j));
}

/**
 * Reads m residuals, and behind them a Jacobian for n elements, in which neighbours within a column are `down` apart and those
 * within a row `across`.
 */
function decodeBy(m: number, n: number, down: number, across: number) {
  return (values: ArrayLike<number>): ResidualsAndJacobian => {
    const all = values instanceof Float64Array ? values : Float64Array.from(values);
    const jacobian = new Float64Array(m * n);
    for (let i = 0; i < m; ++i)
      for (let j = 0; j < n; ++j) jacobian[i * n + j] = all[m + i * down + j * across]!;
    return { residuals: all.slice(0, m), jacobian };
  };
}
