import { elementwise } from "../native.js";
import { binary, type Operand, type Tensor } from "../tensor.js";
import { named } from "./history.js";
import { checkDivisor, quotient } from "./quotients.js";

// What is left of integers by a tensor's 0 is 0, and so is their quotient; by the number 0 it is an error.

/**
 * The largest whole number that is at most x / other, as in Python; of integers in their promoted dtype, and 0 where a
 * tensor's element is 0. Its gradient is 0.
 * @throws RangeError (`ERR_VALUE`) for integers and the number 0, TypeError (`ERR_DTYPE`) for bool.
 */
export function floorDivide(x: Tensor, other: Operand): Tensor {
  return quotient("floorDivide", x, other);
}

/**
 * What is left of x after it is divided by `other` towards zero, with the sign of x; C's fmod. The gradient of `other`
 * is -trunc(x / other).
 * @throws as {@link floorDivide} does.
 */
export function fmod(x: Tensor, other: Operand): Tensor {
  checkDivisor("fmod", x, other);
  return binary(elementwise.fmod, x, other);
}

/**
 * What is left of x after it is divided by `other` and rounded down, with the sign of `other`; Python's %. The gradient
 * of `other` is -floor(x / other).
 * @throws as {@link floorDivide} does.
 */
export function remainder(x: Tensor, other: Operand): Tensor {
  checkDivisor("remainder", x, other);
  return named(binary(elementwise.remainder, x, other), "Remainder");
}
