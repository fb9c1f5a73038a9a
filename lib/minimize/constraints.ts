// Constraints of a problem, beside bounds.
import * as autograd from "../gradients.js";
import { refusePromise } from "../engine.js";
import { makeError } from "../errors.js";
import { cat } from "../joining.js";
import { describe, readOptions } from "../options.js";
import { oneOf, optionError } from "../optim/checks.js";
import { eye } from "../ranges.js";
import { isTensor, type Tensor } from "../tensor.js";
import { aFunction } from "./budget.js";
import type { Layout } from "./layout.js";

/** A constraint on points of a form A: all elements of what `fun` returns are zero ("eq"), or not less than zero ("ineq"). */
export interface Constraint<A = Tensor> {
  type: "eq" | "ineq";
  fun: (x: A) => Tensor;
  /** Its Jacobian, a row for each element of `fun`; by differentiation when left out. */
  jac?: (x: A) => Tensor;
}

const defaults = Object.freeze({
  type: undefined,
  fun: undefined,
  jac: undefined,
});

/** The values of constraints, and their Jacobian, a row for each: as tensors. */
interface Side {
  readonly values: Tensor;
  readonly rows?: Tensor;
}

/** The constraints of a problem: those that are equations first. */
export class Constraints {
  /** How many values are to be zero; known after the first evaluation. */
  equations = 0;
  readonly #list: readonly Constraint<unknown>[];

  constructor(
    private readonly what: string,
    private readonly layout: Layout,
    given: unknown,
  ) {
    const list: unknown[] = Array.isArray(given) ? given : [given];
    const checked = list.map((one, i) => {
      const at = `${what}: constraints[${i}]`;
      const { type, fun, jac } = readOptions<Record<string, unknown>>(at, one, defaults);
      oneOf(["eq", "ineq"])(at, "type", type);
      if (fun === undefined)
        throw optionError(TypeError, `${at}: fun must be a function, but got ${describe(fun)}`);
      aFunction(at, "fun", fun);
      aFunction(at, "jac", jac);
      return { type, fun, jac } as Constraint<unknown>;
    });
    this.#list = [
      ...checked.filter(({ type }) => type === "eq"),
      ...checked.filter(({ type }) => type === "ineq"),
    ];
  }

  /** The values of all of them at a leaf, and where it takes gradients their Jacobian. */
  at(leaf: Tensor): Side | undefined {
    if (this.#list.length === 0) return undefined;
    this.equations = 0;
    const sides = this.#list.map((one) => this.#one(one, leaf));
    const values = cat(
      sides.map((side) => side.values),
      0,
    );
    if (!leaf.requiresGrad) return { values };
    return {
      values,
      rows: cat(
        sides.map((side) => side.rows!.reshape(-1)),
        0,
      ),
    };
  }

  #one({ type, fun, jac }: Constraint<unknown>, leaf: Tensor): Side {
    const { what, layout } = this;
    const value = this.#checked("fun", fun(layout.argument(leaf)));
    if (!isTensor(value) || value.numel() === 0)
      throw makeError(
        TypeError,
        `${what}: fun of a constraint must return a Tensor with at least one element, but got ` +
          (isTensor(value) ? `shape [${value.shape.join(", ")}]` : describe(value)),
        { code: "ERR_ARGUMENT", op: what },
      );
    const flat = value.reshape(-1).to(leaf.dtype);
    const count = flat.numel();
    if (type === "eq") this.equations += count;
    const values = flat.detach();
    if (!leaf.requiresGrad) return { values };
    const n = leaf.numel();
    if (jac !== undefined) {
      const given = this.#checked("jac", jac(layout.argument(leaf)));
      if (isTensor(given) && given.numel() === count * n)
        return { values, rows: given.detach().to(leaf.dtype) };
      throw makeError(
        TypeError,
        `${what}: jac of a constraint must return a Tensor of shape [${count}, ${n}], but got ` +
          (isTensor(given) ? `shape [${given.shape.join(", ")}]` : describe(given)),
        { code: "ERR_ARGUMENT", op: what },
      );
    }
    if (!flat.requiresGrad)
      throw makeError(
        Error,
        `${what}: the result of a constraint does not depend on x by operations of tensors, so it has no gradient; ` +
          "compute with methods of tensors, not with numbers read from them, or give its Jacobian as jac",
        { code: "ERR_AUTOGRAD", op: what },
      );
    if (count === 1) return { values, rows: autograd.grad(flat.sum(), leaf)[0]! };
    const like = { dtype: leaf.dtype, device: leaf.device } as never;
    return {
      values,
      rows: autograd.grad(flat, leaf, { gradOutputs: eye(count, like), isGradsBatched: true })[0]!,
    };
  }

  #checked(name: string, value: unknown): unknown {
    refusePromise(`${this.what}: ${name} of a constraint`, value);
    return value;
  }
}
