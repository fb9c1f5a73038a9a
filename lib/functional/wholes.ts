import type { Tensor } from "../tensor.js";

/**
 * a / b rounded down, of integer tensors, exactly: the quotient of doubles, which may be off where numbers are beyond
 * 2**53, is put right by the quotient of what it leaves over.
 */
export function flooredQuotient(a: Tensor, b: Tensor): Tensor {
  const [dividend, divisor] = [a.to("int64"), b.to("int64")];
  const about = doubleQuotient(dividend, divisor);
  const rest = dividend.sub(about.mul(divisor));
  return about.add(doubleQuotient(rest, divisor)).to(a.dtype);
}

function doubleQuotient(a: Tensor, b: Tensor): Tensor {
  return a.to("float64").div(b.to("float64")).floor().to("int64");
}
