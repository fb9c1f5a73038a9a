// Logarithms and powers. All of them start from x = 2^k (1 + f), with 1 + f between sqrt(1/2) and sqrt(2),
// and s = f / (2 + f), for which log(1 + f) = 2 atanh(s). The method and the splitting of constants are
// fdlibm's (e_log.c, Sun Microsystems 1993). pow carries the logarithm as a pair of doubles, since an
// exponent of 700 leaves ten bits fewer for the rest.
#pragma once
#include "ops/math_exp.h"

namespace adjoint::math {
inline namespace ADJOINT_ISA {

// log_tail: fdlibm's Lg1..Lg7 (double), and those of FreeBSD's e_logf.c (float).
// *_hi have so few bits that multiplying them by k, or by a mantissa cut to its upper half, is exact.
template <class T> struct LogConstants;

template <> struct LogConstants<float> {
  static constexpr float log_tail[] = {0x1.555554p-1f, 0x1.999c26p-2f, 0x1.23d3dcp-2f, 0x1.f13c4cp-3f};
  static constexpr float log2_e_hi = 0x1.714p0f, log2_e_lo = 0x1.47652cp-12f;
  static constexpr float log10_e_hi = 0x1.bcap-2f, log10_e_lo = 0x1.7b1526p-14f;
  static constexpr float log10_2_hi = 0x1.344p-2f, log10_2_lo = 0x1.3509f8p-18f;
  static constexpr Bits<float> one = 0x3f800000, sqrt_half = 0x3f3504f3;
  static constexpr Bits<float> whole_exponent = 0x4b000000; // 2^23
};

template <> struct LogConstants<double> {
  static constexpr double log_tail[] = {0x1.5555555555593p-1, 0x1.999999997fa04p-2, 0x1.2492494229359p-2,
                                        0x1.c71c51d8e78afp-3, 0x1.7466496cb03dep-3, 0x1.39a09d078c69fp-3,
                                        0x1.2f112df3e5244p-3};
  static constexpr double log2_e_hi = 0x1.71547652p0, log2_e_lo = 0x1.705fc2eefa2p-33;
  static constexpr double log10_e_hi = 0x1.bcb7b152p-2, log10_e_lo = 0x1.b9438ca9aadd5p-36;
  static constexpr double log10_2_hi = 0x1.34413509fp-2, log10_2_lo = 0x1.e7fbcc47c4acdp-40;
  static constexpr Bits<double> one = 0x3ff0000000000000, sqrt_half = 0x3fe6a09e667f3bcd;
  static constexpr Bits<double> whole_exponent = 0x4330000000000000; // 2^52
};

// 2^k (1 + f)
template <class T> struct Logarithm {
  T k, f;
};

template <class T> ADJOINT_FUNCTION Logarithm<T> logarithm_of_normal(T x) {
  using F = Format<T>;
  using C = LogConstants<T>;
  const Bits<T> shifted = bits_of(x) + (C::one - C::sqrt_half);
  // A small whole number becomes a float as the low bits of 2^mantissa_bits.
  const T exponent = from_bits<T>((shifted >> F::mantissa_bits) | C::whole_exponent);
  const T offset = from_bits<T>(C::whole_exponent) + F::bias;
  const Bits<T> mantissa = shifted & ((Bits<T>(1) << F::mantissa_bits) - 1);
  return {exponent - offset, from_bits<T>(mantissa + C::sqrt_half) - 1};
}

template <class T> ADJOINT_FUNCTION Logarithm<T> logarithm(T x) {
  using F = Format<T>;
  const bool denormal = x < smallest_normal<T>;
  const auto [k, f] = logarithm_of_normal(denormal ? x * F::normalizer : x);
  return {k - (denormal ? F::normalizer_exponent : T(0)), f};
}

// s (f^2 / 2 + R(s^2)), by which log(1 + f) exceeds f - f^2 / 2.
template <class T> ADJOINT_FUNCTION T log_rest(T f, T half_square) {
  const T s = f / (2 + f), square = s * s;
  return s * multiply_add(square, polynomial<LogConstants<T>::log_tail>(square), half_square);
}

// k log(2) + log(1 + f) + low
template <class T> ADJOINT_FUNCTION T log_sum(T k, T f, T low) {
  using C = ExpConstants<T>;
  const T half_square = T(0.5) * f * f;
  const T small = multiply_add(k, C::ln2_lo, log_rest(f, half_square) + low);
  return k * C::ln2_hi - ((half_square - small) - f);
}

// The values of a logarithm outside the finite positive numbers: `position` is x for log, 1 + x for log1p.
template <class T> ADJOINT_FUNCTION T log_edges(T position, T result) {
  const T bounded = position < infinity<T> ? result : position;
  const T at_zero = position == 0 ? -infinity<T> : not_a_number<T>;
  return position > 0 ? bounded : at_zero;
}

template <std::floating_point T> ADJOINT_FUNCTION T log(T x) {
  const auto [k, f] = logarithm(x);
  return log_edges(x, log_sum(k, f, T(0)));
}

// The rounding error of 1 + x comes back in as a correction; where 1 + x is near 1, f is x itself.
template <std::floating_point T> ADJOINT_FUNCTION T log1p(T x) {
  const T sum = 1 + x;
  const T error = x < 1 ? x - (sum - 1) : 1 - (sum - x);
  const auto [k, f] = logarithm(sum);
  const T result = log_sum(k, k == 0 ? x : f, k == 0 ? T(0) : error / sum);
  return std::fabs(x) < ExpConstants<T>::tiny ? x : log_edges(sum, result);
}

// log(x) e_unit, where unit is log(2) e_unit: in two parts, of which the upper is multiplied exactly.
template <class T> ADJOINT_FUNCTION T log_in_base(T x, Pair<T> scale, Pair<T> unit) {
  const auto [k, f] = logarithm(x);
  const T half_square = T(0.5) * f * f;
  const T upper = from_bits<T>(bits_of(f - half_square) & Format<T>::upper_half);
  const T lower = ((f - upper) - half_square) + log_rest(f, half_square);
  const auto [sum, error] = fast_two_sum(k * unit.hi, upper * scale.hi);
  const T small = multiply_add(k, unit.lo, multiply_add(lower + upper, scale.lo, lower * scale.hi));
  return log_edges(x, (small + error) + sum);
}

template <std::floating_point T> ADJOINT_FUNCTION T log2(T x) {
  using C = LogConstants<T>;
  return log_in_base<T>(x, {C::log2_e_hi, C::log2_e_lo}, {1, 0});
}

template <std::floating_point T> ADJOINT_FUNCTION T log10(T x) {
  using C = LogConstants<T>;
  return log_in_base<T>(x, {C::log10_e_hi, C::log10_e_lo}, {C::log10_2_hi, C::log10_2_lo});
}

} // namespace ADJOINT_ISA
} // namespace adjoint::math
