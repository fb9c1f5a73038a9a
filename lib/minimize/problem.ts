// Between the tensors of a problem and the vectors of a method.
import * as autograd from "../gradients.js";
import { refusePromise } from "../engine.js";
import { makeError } from "../errors.js";
import { vmap } from "../func/vmap.js";
import { eye } from "../ranges.js";
import { cat } from "../joining.js";
import { describe } from "../options.js";
import { isTensor, type Tensor } from "../tensor.js";
import type { Constraints } from "./constraints.js";
import type { Layout, Pending } from "./layout.js";
import type { Constrained, Question, Vector } from "./questions.js";
import { joined } from "./vectors.js";

/** The functions of a problem; those that are left out are found by differentiation. */
export interface Functions {
  readonly f: (x: never) => unknown;
  readonly jac?: ((x: never) => unknown) | undefined;
  readonly hess?: ((x: never) => unknown) | undefined;
  readonly hessp?: ((x: never, v: never) => unknown) | undefined;
  readonly constraints?: Constraints | undefined;
  /** Whether f takes many points at once, along a first dimension, and gives a value for each. */
  readonly vectorized?: boolean;
}

/** What those who ask for gradients at many points can do where there are none. */
const withoutGradients =
  ', or search without gradients: by "cma-es", "differential-evolution" with polish: false, or "dual-annealing" with ' +
  "noLocalSearch: true";

/** A function of a start, and its derivatives. */
export class Problem {
  constructor(
    private readonly what: string,
    readonly layout: Layout,
    private readonly functions: Functions,
  ) {}

  /** Begins to answer a question. */
  ask(question: Question): Pending {
    return autograd.enableGrad(() => {
      switch (question.ask) {
        case "value":
          return this.#value(question.x);
        case "gradient":
          return this.#gradient(question.x);
        case "product":
          return this.#product(question.x, question.v);
        case "hessian":
          return this.#hessian(question.x);
        case "values":
          return this.#values(question.points);
        case "gradients":
          return this.#gradients(question.points);
        case "constrained":
          return question.withGradients ? this.#constrained(question.x) : this.#constrainedValue(question.x);
        default:
          throw new Error(`${this.what} cannot answer ${question.ask}`);
      }
    });
  }

  #value(x: Vector): Pending {
    const leaf = this.layout.leaf(x, false);
    return { packed: this.#call(leaf).detach().reshape(1), decode: (values) => Number(values[0]) };
  }

  #gradient(x: Vector): Pending {
    const { value, grad } = this.#valueAndGradient(x, false);
    const loss = value.detach().reshape(1);
    return {
      packed: cat([loss.dtype === this.layout.dtype ? loss : loss.to(this.layout.dtype), grad], 0),
      decode: (values) => ({ fun: values[0]!, grad: toVector(values, 1) }),
    };
  }

  /** The values of f at many points, in one vector. */
  #ofMany(leaf: Tensor, count: number): Tensor {
    const { f, vectorized } = this.functions;
    const given = this.layout.argumentOfMany(leaf, count);
    const one = (x: unknown) => {
      const value = this.#checked("f", f(x as never));
      if (isTensor(value) && value.numel() === 1) return value.reshape([]);
      throw this.#notOne(value);
    };
    const values = vectorized === true ? this.#checked("f", f(given as never)) : this.#mapped(one, given);
    if (isTensor(values) && values.numel() === count && values.shape.length <= 1) return values.reshape(-1);
    throw makeError(
      TypeError,
      `${this.what}: with vectorized, f must return a Tensor of shape [${count}], a value for each point, but got ` +
        (isTensor(values) ? `shape [${values.shape.join(", ")}]` : describe(values)),
      { code: "ERR_ARGUMENT", op: this.what },
    );
  }

  #mapped(one: (x: unknown) => Tensor, given: unknown): unknown {
    try {
      return vmap(one)(given);
    } catch (error) {
      if ((error as { code?: unknown } | undefined)?.code !== "ERR_VMAP") throw error;
      const why = (error as Error).message;
      throw makeError(
        Error,
        `${this.what}: f is computed at many points at once by vmap, which it does not allow; write it for points along a ` +
          `first dimension, and set vectorized: true (${why})`,
        { code: "ERR_VMAP", op: this.what },
      );
    }
  }

  #values(points: readonly Vector[]): Pending {
    const leaf = this.layout.leaf(joined(points), false);
    return {
      packed: this.#ofMany(leaf, points.length).detach().to(leaf.dtype),
      decode: (values) => Float64Array.from(values),
    };
  }

  #gradients(points: readonly Vector[]): Pending {
    const count = points.length;
    const n = this.layout.x0.length;
    const decode = (values: ArrayLike<number>) => {
      const all = toVector(values, 0);
      return points.map((_, i) => ({
        fun: all[i]!,
        grad: all.subarray(count + i * n, count + (i + 1) * n),
      }));
    };
    const leaf = this.layout.leaf(joined(points), true);
    const values = this.#ofMany(leaf, count);
    if (this.functions.jac !== undefined) {
      const grads = points.map((x) => this.#givenGradient(this.layout.leaf(x, true)).detach());
      return { packed: cat([values.detach().to(leaf.dtype), ...grads], 0), decode };
    }
    if (!values.requiresGrad) throw this.#noGradient(withoutGradients);
    const [grad] = autograd.grad(values.sum(), leaf);
    return { packed: cat([values.detach().to(leaf.dtype), grad!], 0), decode };
  }

  #constrainedValue(x: Vector): Pending {
    const { layout, functions } = this;
    const leaf = layout.leaf(x, false);
    const value = this.#call(leaf).detach().reshape(1).to(leaf.dtype);
    const there = functions.constraints?.at(leaf);
    return {
      packed: there === undefined ? value : cat([value, there.values], 0),
      decode: (values): Constrained => ({
        fun: values[0]!,
        constraints: toVector(values, 1),
        equations: functions.constraints?.equations ?? 0,
      }),
    };
  }

  #constrained(x: Vector): Pending {
    const { constraints } = this.functions;
    const { leaf, value, grad } = this.#valueAndGradient(x, false);
    const n = x.length;
    const first = [value.detach().reshape(1).to(leaf.dtype), grad];
    const there = constraints?.at(this.layout.leaf(x, true));
    const count = there?.values.numel() ?? 0;
    return {
      packed: cat(there === undefined ? first : [...first, there.values, there.rows!], 0),
      decode: (values): Constrained => {
        const all = toVector(values, 0);
        return {
          fun: all[0]!,
          grad: all.subarray(1, 1 + n),
          constraints: all.subarray(1 + n, 1 + n + count),
          rows: all.subarray(1 + n + count),
          equations: constraints?.equations ?? 0,
        };
      },
    };
  }

  #product(x: Vector, v: Vector): Pending {
    const { hessp, hess } = this.functions;
    const { layout } = this;
    const leaf = layout.leaf(x, true);
    const direction = layout.leaf(v, false);
    const decode = (values: ArrayLike<number>) => toVector(values, 0);
    if (hessp !== undefined) {
      const given = hessp(layout.argument(leaf) as never, layout.argument(direction) as never);
      return { packed: layout.flat(this.#checked("hessp", given), "hessp").detach(), decode };
    }
    if (hess !== undefined) return { packed: this.#givenHessian(leaf).matmul(direction), decode };
    const { leaf: at, grad } = this.#valueAndGradient(x, true);
    return { packed: secondOrder(grad.mul(direction).sum(), at, [x.length]), decode };
  }

  #hessian(x: Vector): Pending {
    const n = x.length;
    const decode = (values: ArrayLike<number>) => toVector(values, 0);
    if (this.functions.hess !== undefined)
      return { packed: this.#givenHessian(this.layout.leaf(x, true)).reshape(-1), decode };
    const { leaf, grad } = this.#valueAndGradient(x, true);
    if (!grad.requiresGrad) return { packed: grad.detach().mul(0).repeat(n), decode };
    const rows = autograd.grad(grad, leaf, {
      gradOutputs: eye(n, { dtype: leaf.dtype, device: leaf.device }),
      isGradsBatched: true,
      allowUnused: true,
    })[0];
    return { packed: (rows ?? grad.detach().mul(0).repeat(n)).reshape(-1), decode };
  }

  #givenHessian(leaf: Tensor): Tensor {
    const n = leaf.shape[0]!;
    const given = this.#checked("hess", this.functions.hess!(this.layout.argument(leaf) as never));
    if (isTensor(given) && given.numel() === n * n) return given.detach().reshape(n, n).to(leaf.dtype);
    throw makeError(
      TypeError,
      `${this.what}: hess must return a Tensor of shape [${n}, ${n}], but got ` +
        (isTensor(given) ? `shape [${given.shape.join(", ")}]` : describe(given)),
      { code: "ERR_ARGUMENT", op: this.what },
    );
  }

  #valueAndGradient(x: Vector, createGraph: boolean): { leaf: Tensor; value: Tensor; grad: Tensor } {
    const { layout, functions } = this;
    const leaf = layout.leaf(x, true);
    const value = this.#call(leaf);
    if (functions.jac !== undefined) {
      const grad = this.#givenGradient(leaf);
      return { leaf, value, grad: createGraph ? grad : grad.detach() };
    }
    if (!value.requiresGrad) throw this.#noGradient();
    return { leaf, value, grad: autograd.grad(value, leaf, { createGraph })[0]! };
  }

  #givenGradient(leaf: Tensor): Tensor {
    const { layout, functions } = this;
    return layout.flat(this.#checked("jac", functions.jac!(layout.argument(leaf) as never)), "jac");
  }

  #call(leaf: Tensor): Tensor {
    const value = this.#checked("f", this.functions.f(this.layout.argument(leaf) as never));
    if (isTensor(value) && value.numel() === 1) return value;
    throw this.#notOne(value);
  }

  #notOne(value: unknown): Error {
    return makeError(
      TypeError,
      `${this.what}: f must return a Tensor of one element, but got ` +
        (isTensor(value)
          ? `shape [${value.shape.join(", ")}]; reduce it, with sum() for example`
          : describe(value)),
      { code: "ERR_ARGUMENT", op: this.what },
    );
  }

  #noGradient(hint = ""): Error {
    return makeError(
      Error,
      `${this.what}: the result of f does not depend on x by operations of tensors, so it has no gradient; ` +
        "compute with methods of tensors, not with numbers read from them, or give its gradient as jac" +
        hint,
      { code: "ERR_AUTOGRAD", op: this.what },
    );
  }

  #checked(name: string, value: unknown): unknown {
    refusePromise(`${this.what}: ${name}`, value);
    return value;
  }
}

/** The derivative of a number that gradients were taken for; zeros where it does not depend on the leaf. */
export function secondOrder(of: Tensor, leaf: Tensor, shape: readonly number[]): Tensor {
  const zero = () =>
    leaf
      .detach()
      .mul(0)
      .reshape(...shape);
  if (!of.requiresGrad) return zero();
  return autograd.grad(of, leaf, { allowUnused: true })[0] ?? zero();
}

function toVector(values: ArrayLike<number>, from: number): Vector {
  return values instanceof Float64Array
    ? values.subarray(from)
    : Float64Array.from({ length: values.length - from }, (_, i) => values[from + i]!);
}
