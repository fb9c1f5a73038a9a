// Powers: x^y = e^(y log|x|), with the sign and the special cases of C99 (F.9.4.4) selected afterwards. For
// doubles the logarithm is a pair with an error near 2^-65, because y log|x| up to 745 magnifies it; for
// floats a double is wide enough, and the exponential is that of a pair of floats.
#pragma once
#include "ops/math_log.h"

namespace adjoint::math {
inline namespace ADJOINT_ISA {

// (atanh(s) / s - 1 - s^2 / 3) / s^4 as a polynomial in s^2 <= 0.02945: minimax (Remez exchange in 60
// digits), absolute error 2^-59.9.
inline constexpr double atanh_tail[] = {0x1.999999999999ap-3, 0x1.2492492492523p-3, 0x1.c71c71c6ea203p-4,
                                        0x1.745d177afef25p-4, 0x1.3b1395a96d2cbp-4, 0x1.1118cffb2d49ap-4,
                                        0x1.df7b30caae976p-5, 0x1.e03e3af5c2272p-5};

// The same, doubled and over s^2, with 1 / 3 in it: interpolates at Chebyshev nodes, 2^-35 as it counts in the logarithm.
inline constexpr double log_tail_for_float[] = {0x1.5555554bb2b2cp-1, 0x1.9999eb5d84f14p-2,
                                                0x1.245c438323e9ap-2, 0x1.ddced7078dd3ap-3};
inline constexpr double ln2 = 0x1.62e42fefa39efp-1;

// s = f / (2 + f): the quotient, and its correction by the remainder.
ADJOINT_FUNCTION Pair<double> log_argument(double f) {
  const auto [sum, sum_lo] = fast_two_sum(2.0, f);
  const double inverse = 1 / sum, quotient = f * inverse;
  const auto [product, product_lo] = two_product(quotient, sum);
  return {quotient, (((f - product) - product_lo) - quotient * sum_lo) * inverse};
}

// log(x) for a finite x > 0, as 2 s (1 + T) with T = s^2 (1/3 + s^2 (1/5 + ...)).
ADJOINT_FUNCTION Pair<double> log_pair(double x) {
  using C = ExpConstants<double>;
  constexpr double third = 0x1.5555555555555p-2, third_lo = 0x1.5555555555555p-56, fifth = atanh_tail[0];
  const auto [k, f] = logarithm(x);
  const auto [s, s_lo] = log_argument(f);
  auto [square, square_lo] = two_product(s, s);
  square_lo += 2 * s * s_lo;
  auto [factor, factor_lo] = fast_two_sum(third, square * polynomial<atanh_tail>(square));
  factor_lo += third_lo + square_lo * fifth;
  auto [tail, tail_lo] = two_product(square, factor);
  tail_lo += square * factor_lo + square_lo * factor;
  auto [rest, rest_lo] = two_product(s, tail);
  rest_lo += s * tail_lo + s_lo * tail;
  const auto [half, half_lo] = fast_two_sum(s, rest);
  const auto [sum, sum_lo] = fast_two_sum(k * C::ln2_hi, 2 * half);
  return fast_two_sum(sum, sum_lo + (2 * (half_lo + (s_lo + rest_lo)) + k * C::ln2_lo));
}

// A y beyond 2^65 gives 0, 1 or infinity like 2^65 does, and no product overflows.
template <class T> ADJOINT_FUNCTION T held_exponent(T y) {
  constexpr T most = 0x1.0p65;
  const T bounded = y > most ? most : y;
  return y < -most ? -most : bounded;
}

// e^(y log x) for a finite x > 0.
ADJOINT_FUNCTION double power_of_positive(double x, double y) {
  using C = ExpConstants<double>;
  const double held = held_exponent(y);
  const auto [log_hi, log_lo] = log_pair(x);
  const auto [exponent, error] = two_product(held, log_hi);
  const auto [n, t] = exponential(exponent, error + held * log_lo);
  const double result = scale(1 + t, n);
  return exponent > C::highest ? infinity<double> : exponent < C::lowest ? 0.0 : result;
}

// log(x) of a finite x > 0 that is a normal number, as all floats are, and e^x as a float, for powers of floats.
ADJOINT_FUNCTION double log_for_float(double x) {
  const auto [k, f] = logarithm_of_normal(x);
  const double s = f / (2 + f), square = s * s, half_square = 0.5 * f * f;
  const double rest = s * multiply_add(square, polynomial<log_tail_for_float>(square), half_square);
  return multiply_add(k, ln2, f - (half_square - rest));
}
ADJOINT_FUNCTION float exp_for_float(double x) {
  using C = ExpConstants<float>;
  const auto upper = static_cast<float>(x);
  const auto [n, t] = exponential(upper, static_cast<float>(x - static_cast<double>(upper)));
  const float result = scale(1 + t, n), bounded = upper < C::lowest ? 0.0f : result;
  return upper > C::highest ? infinity<float> : bounded;
}

ADJOINT_FUNCTION float power_of_positive(float x, float y) {
  return exp_for_float(static_cast<double>(held_exponent(y)) * log_for_float(static_cast<double>(x)));
}

// Beyond 2^mantissa_bits every number is whole.
template <class T> ADJOINT_FUNCTION bool is_whole(T x) {
  constexpr T limit = static_cast<T>(Bits<T>(1) << Format<T>::mantissa_bits);
  const T a = std::fabs(x);
  return (a < limit ? (a + limit) - limit : a) == a;
}

template <std::floating_point T> ADJOINT_FUNCTION T pow(T x, T y) {
  const T a = std::fabs(x);
  const bool whole = is_whole(y);
  const bool odd = whole & !is_whole(T(0.5) * y);
  const bool regular = (a > 0) & (a < infinity<T>);
  const T power = power_of_positive(a, y);
  const T extreme = ((a == 0) == (y < 0)) ? infinity<T> : T(0);
  T result = regular ? power : extreme;
  result = odd ? std::copysign(result, x) : result;
  result = ((x < 0) & regular & !whole) ? not_a_number<T> : result;
  result = x == x ? (y == y ? result : y) : x;
  return ((y == 0) | (x == 1)) ? T(1) : result;
}

} // namespace ADJOINT_ISA
} // namespace adjoint::math
