import { isFloating, largestOf, wordOf } from "../dtype.js";
import { makeError } from "../errors.js";
import { describe, readOptions } from "../options.js";
import { handleOf, type Tensor } from "../tensor.js";
import { named } from "./history.js";

// Signs, fractions and exponents of elements, and elements put in place of others.

/** x itself. @throws TypeError (`ERR_DTYPE`) for bool. */
export function positive(x: Tensor): Tensor {
  if (x.dtype === "bool")
    throw makeError(
      TypeError,
      'The `+` operator, on a bool tensor is not supported.; positive: convert with .to("int64") first',
      { code: "ERR_DTYPE", op: "positive" },
    );
  return x;
}

/** The sign, as {@link Tensor.sign} gives it: they differ for complex numbers only. bool stays as it is. */
export function sgn(x: Tensor): Tensor {
  return x.dtype === "bool" ? x.clone() : named(x.sign(), "Sgn");
}

/** Degrees as radians. */
export function deg2rad(x: Tensor): Tensor {
  return named(x.mul(Math.PI / 180), "Deg2Rad");
}

/** Radians as degrees. */
export function rad2deg(x: Tensor): Tensor {
  return named(x.mul(180 / Math.PI), "Rad2Deg");
}

/** What is behind the point, with the sign of x: x - trunc(x). */
export function frac(x: Tensor): Tensor {
  checkFloating("frac", `"frac_cpu" not implemented for '${wordOf(x.dtype)}'`, x);
  return named(x.sub(x.trunc()), "Frac");
}

function checkFloating(op: string, sentence: string, x: Tensor): void {
  if (!isFloating(x.dtype))
    throw makeError(TypeError, `${sentence}; ${op}: convert with .to("float32") first`, {
      code: "ERR_DTYPE",
      op,
    });
}

/** A number as mantissa * 2**exponent. */
export type MantissaAndExponent = {
  /** In [1/2, 1), with the sign; zeros, infinities and NaN are their own. */
  mantissa: Tensor;
  /** int32; 0 of zeros, infinities and NaN. */
  exponent: Tensor;
};

/** The mantissa and the exponent of floating elements: x = mantissa * 2**exponent, exactly. */
export function frexp(x: Tensor): MantissaAndExponent {
  checkFloating("frexp", "torch.frexp() only supports floating-point dtypes", x);
  const size = x.detach().abs();
  const isRegular = size.isfinite().logicalAnd(size.ne(0));
  // The logarithm may be rounded up to a whole number, or down to it: one step corrects that.
  const guess = isRegular.where(isRegular.where(size, 1).log2().floor().add(1), 0);
  const first = scaledDown(size, guess);
  const step = first.ge(1).to(x.dtype).sub(first.lt(0.5).logicalAnd(isRegular).to(x.dtype));
  const exponent = isRegular.where(guess.add(step), 0);
  return { mantissa: named(scaledDown(x, exponent), "Frexp"), exponent: exponent.to("int32") };
}

/** x / 2**exponent in two steps, since a single power may be too large. */
function scaledDown(x: Tensor, exponent: Tensor): Tensor {
  const half = exponent.div(2).trunc();
  return x.mul(half.neg().exp2()).mul(half.sub(exponent).exp2());
}

/** x * 2**other; integers give the default dtype. */
export function ldexp(x: Tensor, other: Tensor): Tensor {
  handleOf(other, "ldexp");
  // In x's own dtype, which may hold larger powers than the default dtype.
  const isOwn = isFloating(x.dtype) && !isFloating(other.dtype) && (x.ndim > 0 || other.ndim === 0);
  return named(x.mul((isOwn ? other.to(x.dtype) : other).exp2()), "Ldexp");
}

/** Options of {@link nanToNum}. */
export interface NanToNumOptions {
  /** In place of NaN: 0 when left out. */
  nan?: number | null;
  /** In place of infinity: the largest number of the dtype when left out. */
  posinf?: number | null;
  /** In place of negative infinity: the lowest number of the dtype when left out. */
  neginf?: number | null;
}

const nanToNumDefaults: Readonly<Required<NanToNumOptions>> = Object.freeze({
  nan: null,
  posinf: null,
  neginf: null,
});
/** x with numbers in place of NaN and infinities, where the gradient is 0. */
export function nanToNum(x: Tensor, options?: NanToNumOptions): Tensor {
  const given = readOptions("nanToNum", options, nanToNumDefaults);
  for (const [name, value] of Object.entries(given))
    if (value !== null && typeof value !== "number")
      throw makeError(TypeError, `nanToNum: ${name} must be a number, got ${describe(value)}`, {
        code: "ERR_OPTION",
        op: "nanToNum",
      });
  if (!isFloating(x.dtype)) return x.clone();
  const most = largestOf(x.dtype);
  const { nan, posinf, neginf } = given;
  const finite = x.eq(-Infinity).where(neginf ?? -most, x);
  return named(x.isnan().where(nan ?? 0, x.eq(Infinity).where(posinf ?? most, finite)), "NanToNum");
}
