import { isFloating } from "../dtype.js";
import { makeError } from "../errors.js";
import { elementwise } from "../native.js";
import { describe, readOptions } from "../options.js";
import { binary, isTensor, type Operand, type Tensor } from "../tensor.js";
import { named } from "./history.js";

/** Options of `div`. */
export interface DivisionOptions {
  /** Towards which whole number the quotient is rounded: `"trunc"` towards zero, `"floor"` down; left out, it is not. */
  roundingMode?: "trunc" | "floor" | null;
}

const divisionDefaults: Readonly<Required<DivisionOptions>> = Object.freeze({ roundingMode: null });

/** x / other, rounded as the options say. */
export function divided(x: Tensor, other: Operand, options: DivisionOptions): Tensor {
  const { roundingMode } = readOptions("div", options, divisionDefaults);
  switch (roundingMode) {
    case null:
      return binary(elementwise.div, x, other);
    case "floor":
      return named(quotient("div", x, other), "Div", "2");
    case "trunc":
      return named(truncated(x, other), "Div", "2");
    default:
      throw makeError(
        TypeError,
        `div expected rounding_mode to be one of None, 'trunc', or 'floor' but found ${describe(roundingMode)}`,
        { code: "ERR_OPTION", op: "div" },
      );
  }
}

function truncated(x: Tensor, other: Operand): Tensor {
  checkDivisor("div", x, other);
  if (isFloating(x.dtype) || isFraction(other)) return binary(elementwise.div, x, other).trunc();
  // What is left after the remainder is taken away is a multiple, which floors to itself.
  const rest = binary(elementwise.fmod, x, other);
  return binary(elementwise.floorDivide, binary(elementwise.sub, x, rest), other);
}

/** x / other, rounded down. */
export function quotient(op: string, x: Tensor, other: Operand): Tensor {
  checkDivisor(op, x, other);
  return binary(elementwise.floorDivide, x, other);
}

/** Whether an operand makes integers fractions. */
function isFraction(operand: Operand): boolean {
  if (isTensor(operand)) return isFloating(operand.dtype);
  return typeof operand === "number" && !Number.isInteger(operand);
}

/** Integers have no quotient and no remainder by the number 0. */
export function checkDivisor(op: string, x: Tensor, other: Operand): void {
  const isZero = other === 0 ? !Object.is(other, -0) : other === 0n || other === false;
  if (isZero && !isFloating(x.dtype))
    throw makeError(RangeError, `ZeroDivisionError; ${op}: integers cannot be divided by 0`, {
      code: "ERR_VALUE",
      op,
    });
}
