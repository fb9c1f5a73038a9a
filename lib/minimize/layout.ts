// The form of a start, and vectors in that form.
import { tensor } from "../creation.js";
import { type DType, isFloating } from "../dtype.js";
import { makeError } from "../errors.js";
import { cat } from "../joining.js";
import { describe } from "../options.js";
import { optionError } from "../optim/checks.js";
import { isTensor, type Tensor } from "../tensor.js";
import type { Vector } from "./questions.js";
import { joined } from "./vectors.js";

/** A start: a tensor, a list of tensors, a number or an array of numbers, of which tensors of float64 are made. */
export type Start = Tensor | readonly Tensor[] | number | readonly number[];

/** What a function of the problem gets for a start: a tensor, or as many as the start has. */
export type Argument<X extends Start> = X extends readonly Tensor[] ? { [K in keyof X]: Tensor } : Tensor;

/** A tensor, or as many as the start has. */
export type Argued = Tensor | readonly Tensor[];

/** Numbers that are on their way, and what they say once they are there. */
export interface Pending {
  readonly packed: Tensor;
  readonly decode: (values: ArrayLike<number>) => unknown;
}

/** The tensors of a start, one after another in one vector. */
export class Layout {
  readonly x0: Vector;
  readonly dtype: DType;
  readonly device: string;
  readonly #shapes: readonly (readonly number[])[];
  readonly #isList: boolean;

  constructor(
    private readonly what: string,
    start: unknown,
  ) {
    const refuse = (got: string): never => {
      throw makeError(
        TypeError,
        `${what}: x0 must be a Tensor, an array of Tensors, a number or an array of numbers, but got ${got}`,
        { code: "ERR_ARGUMENT", op: what },
      );
    };
    const isNumbers = (value: unknown): value is number[] =>
      Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === "number");
    this.#isList = Array.isArray(start) && start.length > 0 && start.every(isTensor);
    const tensors: Tensor[] =
      typeof start === "number" ||
      isNumbers(start) ||
      (ArrayBuffer.isView(start) && !(start instanceof DataView))
        ? [tensor(start as number[], { dtype: "float64" })]
        : isTensor(start)
          ? [start]
          : this.#isList
            ? [...(start as Tensor[])]
            : refuse(describe(start));
    const [first] = tensors as [Tensor];
    for (const { dtype, device } of tensors) {
      if (!isFloating(dtype))
        throw makeError(
          TypeError,
          `${what}: x0 must be floating, but has dtype ${dtype}; convert it with to("float64")`,
          {
            code: "ERR_DTYPE",
            op: what,
          },
        );
      if (dtype !== first.dtype || device !== first.device)
        refuse(`tensors of ${first.dtype} on ${first.device} and of ${dtype} on ${device}`);
    }
    this.dtype = first.dtype;
    this.device = first.device;
    this.#shapes = tensors.map(({ shape }) => shape);
    this.x0 = Float64Array.from(
      tensors.flatMap((one) => Array.from(one.detach().dataSync() as ArrayLike<number>)),
    );
    if (this.x0.length === 0)
      throw optionError(RangeError, `${what}: x0 has no elements, so there is nothing to minimise`);
    const bad = this.x0.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0)
      throw optionError(RangeError, `${what}: x0 must be finite, but element ${bad} is ${this.x0[bad]}`);
  }

  /** The shapes of the tensors, and the first of them where there is but one. */
  get shapes(): readonly (readonly number[])[] {
    return this.#shapes;
  }

  /** A vector of all elements, as a tensor that gradients are taken of. */
  leaf(x: Vector, requiresGrad: boolean): Tensor {
    return tensor(x, { dtype: this.dtype, device: this.device, requiresGrad } as never);
  }

  /** What functions get for such a vector. */
  argument(flat: Tensor): Argued {
    if (!this.#isList) {
      const shape = this.#shapes[0]!;
      return shape.length === 1 ? flat : flat.reshape(...shape);
    }
    let offset = 0;
    return this.#shapes.map((shape) => {
      const size = shape.reduce((product, extent) => product * extent, 1);
      const part = flat.narrow(0, offset, size).reshape(...shape);
      offset += size;
      return part;
    });
  }

  /** What functions get for many such vectors, one after another: each tensor has a first dimension that counts them. */
  argumentOfMany(flat: Tensor, count: number): Argued {
    const rows = flat.reshape(count, this.x0.length);
    let offset = 0;
    const parts = this.#shapes.map((shape) => {
      const size = shape.reduce((product, extent) => product * extent, 1);
      const part = rows.narrow(1, offset, size).reshape(count, ...shape);
      offset += size;
      return part;
    });
    return this.#isList ? parts : parts[0]!;
  }

  /** One vector of what has the form of an argument. */
  flat(value: unknown, from: string): Tensor {
    const list: unknown[] = this.#isList ? (Array.isArray(value) ? value : [undefined]) : [value];
    const shown = this.#shapes.map((shape) => `[${shape.join(", ")}]`).join(", ");
    const parts = list.map((one, i) => {
      if (isTensor(one) && String(one.shape) === String(this.#shapes[i]))
        return one.reshape(-1).to(this.dtype);
      const got = isTensor(one) ? `shape [${one.shape.join(", ")}]` : describe(one);
      throw makeError(
        TypeError,
        `${this.what}: ${from} must return what has the shape of x0, ${shown}, but got ${got}`,
        {
          code: "ERR_ARGUMENT",
          op: this.what,
        },
      );
    });
    return parts.length === 1 ? parts[0]! : cat(parts, 0);
  }

  /** Many vectors in the form of the start, with a first dimension that counts them. */
  restoredMany(points: readonly Vector[]): Argued {
    return this.argumentOfMany(this.leaf(joined(points), false), points.length);
  }

  /** A vector in the form of the start. */
  restored(x: Vector): Argued {
    return this.argument(this.leaf(x, false));
  }
}
