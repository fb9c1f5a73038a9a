import { makeError } from "../errors.js";
import { elementwise } from "../native.js";
import { binary, handleOf, unary, type Operand, type Tensor } from "../tensor.js";

// Ops of integers, whose dtypes are promoted; fractions are refused (`ERR_DTYPE`), and have no gradient to lose.

/** The bits of x, each turned around; of bool, the opposite. */
export function bitwiseNot(x: Tensor): Tensor {
  return unary(elementwise.bitwiseNot, x);
}

/** The bits that both have, of integers or bool. */
export function bitwiseAnd(x: Tensor, other: Operand): Tensor {
  return binary(elementwise.bitwiseAnd, x, other);
}

/** The bits that one of them has, of integers or bool. */
export function bitwiseOr(x: Tensor, other: Operand): Tensor {
  return binary(elementwise.bitwiseOr, x, other);
}

/** The bits that only one of them has, of integers or bool. */
export function bitwiseXor(x: Tensor, other: Operand): Tensor {
  return binary(elementwise.bitwiseXor, x, other);
}

/** x * 2**other, of which bits are lost at the top; 0 where `other` is negative, or as large as the dtype has bits. */
export function bitwiseLeftShift(x: Tensor, other: Operand): Tensor {
  return binary(elementwise.bitwiseLeftShift, x, other);
}

/** x / 2**other, rounded down; 0 or -1, by the sign, where `other` is negative or as large as the dtype has bits. */
export function bitwiseRightShift(x: Tensor, other: Operand): Tensor {
  return binary(elementwise.bitwiseRightShift, x, other);
}

/** The greatest common divisor, which is not negative; that of 0 and 0 is 0. */
export function gcd(x: Tensor, other: Tensor): Tensor {
  handleOf(other, "gcd");
  return binary(elementwise.gcd, x, other);
}

/** The least common multiple, which is not negative; 0 where one of them is. */
export function lcm(x: Tensor, other: Tensor): Tensor {
  handleOf(other, "lcm");
  const divisor = withName("lcm", () => binary(elementwise.gcd, x, other));
  const isZero = divisor.eq(0);
  const multiple = binary(elementwise.floorDivide, x, isZero.where(1, divisor)).mul(other);
  return isZero.where(0, multiple.abs());
}

/** Errors of the op that another is made of, in the name of the latter. */
function withName<T>(op: string, compute: () => T): T {
  try {
    return compute();
  } catch (error) {
    const { message, code, shapes } = error as Error & { code: string; shapes?: number[][] };
    const Kind = error instanceof RangeError ? RangeError : TypeError;
    throw makeError(Kind, message.replaceAll("gcd", op), { code, op, ...(shapes && { shapes }) });
  }
}
