import { inspect } from "node:util";
import { makeError } from "./errors.js";
import type { Handle } from "./native.js";

let handleOfOpaque: (value: object) => Handle | undefined;
let forgetOpaque: (value: object) => void;

/**
 * A number that is not known yet: the `update` of an optimizer's rule gets it for a scalar, because `update` is
 * recorded once and then repeated with the numbers of every step. Methods of tensors take it as an operand, and as a
 * factor such as `value` or `alpha`, and treat it as a fraction. It has no value of its own, so computing with it or
 * reading it throws `ERR_RULE`; but `if (scalar)` and `===` go unnoticed, so decide by flags.
 */
export class OpaqueScalar {
  readonly #name: string;
  #handle: Handle | undefined;

  static {
    handleOfOpaque = (value) => (#handle in value ? (value.#handle ?? value.#refuse()) : undefined);
    forgetOpaque = (value) => {
      if (#handle in value) value.#handle = undefined;
    };
  }

  /** Rules make these. */
  constructor(name: string, record: (out: object) => Handle) {
    this.#name = name;
    this.#handle = record(this);
  }

  [Symbol.toPrimitive](): never {
    return this.#refuse();
  }
  [inspect.custom](): string {
    return `OpaqueScalar(${this.#name})`;
  }

  #refuse(): never {
    throw makeError(
      TypeError,
      `the scalar '${this.#name}' has no value in update, which is recorded once and then repeated: give it to ` +
        "methods of tensors there, as in x.mul(lr); compute with numbers in scalars, and decide by flags",
      { code: "ERR_RULE" },
    );
  }

  static {
    // A tensor's methods, so that lr.mul(2) says what to do instead of "not a function".
    for (const name of [
      "valueOf",
      "toString",
      "toJSON",
      "item",
      "neg",
      "sqrt",
      "pow",
      "add",
      "sub",
      "mul",
      "div",
    ]) {
      Object.defineProperty(this.prototype, name, {
        value(this: OpaqueScalar) {
          return this.#refuse();
        },
      });
    }
  }
}

// `handleOfOpaque` is undefined for any other object.
export { forgetOpaque, handleOfOpaque };
