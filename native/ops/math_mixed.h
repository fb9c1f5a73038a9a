// Small functions of logarithms, quotients and neighbours.
//
// log1p_part interpolates 2 atanh(s) / s - 2, over s^2, in s^2 <= 1/9 at Chebyshev nodes (in 60 digits): 2^-31, as it counts
// in the logarithm.
#pragma once
#include "ops/math_exp.h"
#include "ops/math_log.h"
#include "ops/math_rare.h"

namespace adjoint::math {
inline namespace ADJOINT_ISA {

inline constexpr double log2_of_e = 0x1.71547652b82fep0;

// log(e^a + e^b); of equal infinities it is the infinity.
ADJOINT_FUNCTION double logaddexp(double a, double b) {
  const double larger = a < b ? b : a, sum = larger + log1p(exp(-std::fabs(a - b)));
  return a == b && std::fabs(a) == infinity<double> ? a : sum;
}
ADJOINT_FUNCTION double logaddexp2(double a, double b) {
  const double larger = a < b ? b : a, sum = larger + log1p(exp2(-std::fabs(a - b))) * log2_of_e;
  return a == b && std::fabs(a) == infinity<double> ? a : sum;
}
// Of floats, log(1 + z) for 0 <= z <= 1 is 2 atanh(s) with s = z / (2 + z).
inline constexpr float log1p_part[] = {0x1.555556p-1f, 0x1.9998d4p-2f, 0x1.24c926p-2f, 0x1.bc8cf8p-3f,
                                       0x1.dba26p-3f};

ADJOINT_FUNCTION float log1p_of_part(float z) {
  const float s = z / (2 + z), square = s * s;
  return multiply_add(s * square, polynomial<log1p_part>(square), s + s);
}
ADJOINT_FUNCTION float logaddexp(float a, float b) {
  const float larger = a < b ? b : a, sum = larger + log1p_of_part(exp(-std::fabs(a - b)));
  return a == b && std::fabs(a) == infinity<float> ? a : sum;
}
ADJOINT_FUNCTION float logaddexp2(float a, float b) {
  const float larger = a < b ? b : a, part = log1p_of_part(exp2(-std::fabs(a - b)));
  const float sum = multiply_add(part, static_cast<float>(log2_of_e), larger);
  return a == b && std::fabs(a) == infinity<float> ? a : sum;
}

// a log b and a log(1 + b), which are 0 where a is, unless b is NaN.
template <std::floating_point T> ADJOINT_FUNCTION T xlogy(T a, T b) {
  const T product = a * log(b);
  return a == 0 && b == b ? T(0) : product;
}
template <std::floating_point T> ADJOINT_FUNCTION T xlog1py(T a, T b) {
  const T product = a * log1p(b);
  return a == 0 && b == b ? T(0) : product;
}

// -a log a, which is 0 at 0 and negative infinity below.
template <std::floating_point T> ADJOINT_FUNCTION T entropy(T a) {
  const T product = -xlogy(a, a);
  return a < 0 ? -infinity<T> : product;
}

// log(p / (1 - p)), exact to the last digits where that is near 0.
template <std::floating_point T> ADJOINT_FUNCTION T logit(T p) {
  const T rest = 1 - p;
  const T near = log1p((2 * p - 1) / rest), far = log(p / rest);
  return p >= T(0.25) && p <= T(0.75) ? near : far;
}

// What is left of a after multiples of b are taken away, exactly: as long as a quotient has so few bits that it is off by
// at most 1, its product is taken away with a single rounding, which there is none of.
ADJOINT_RARE_FUNCTION double rare_fmod(double a, double b) {
  constexpr double most = 0x1.0p52;
  const double divisor = std::fabs(b);
  double rest = std::fabs(a);
  if (!(rest < infinity<double>) || !(divisor > 0)) return not_a_number<double>;
  while (rest >= divisor) {
    double step = divisor;
    while (rest / step >= most) step *= most;
    rest = std::fma(-std::trunc(rest / step), step, rest);
    if (rest < 0) rest += step;
  }
  return std::copysign(rest, a);
}
ADJOINT_RARE_FUNCTION float rare_fmod(float a, float b) {
  return static_cast<float>(rare_fmod(static_cast<double>(a), static_cast<double>(b)));
}
ADJOINT_RARE_DOUBLE(fmod_or_rare, rare_fmod)
ADJOINT_RARE_FLOAT(fmod_or_rare_float, rare_fmod)

// The same in one step, where that is enough and the product as a pair neither over- nor underflows.
ADJOINT_FUNCTION double fmod(double a, double b) {
  const double whole = std::fabs(a), divisor = std::fabs(b), quotient = std::trunc(whole / divisor);
  const auto [product, product_lo] = two_product(quotient, divisor);
  const double rest = (whole - product) - product_lo;
  const double fitting = std::copysign(rest < 0 ? rest + divisor : rest, a);
  const bool is_common = (quotient < 0x1.0p52) & (whole < 0x1.0p900) & (divisor > 0x1.0p-900);
  return fmod_or_rare(a, b, is_common ? fitting : not_a_number<double>);
}
// In double the product is exact.
ADJOINT_FUNCTION float fmod(float a, float b) {
  const double whole = std::fabs(static_cast<double>(a)), divisor = std::fabs(static_cast<double>(b));
  const double quotient = std::trunc(whole / divisor), rest = whole - quotient * divisor;
  const float fitting = std::copysign(static_cast<float>(rest < 0 ? rest + divisor : rest), a);
  return fmod_or_rare_float(a, b, quotient < 0x1.0p28 ? fitting : not_a_number<float>);
}

// The remainder with b's sign, as in Python.
template <std::floating_point T> ADJOINT_FUNCTION T remainder(T a, T b) {
  const T rest = fmod(a, b);
  return rest != 0 && (b < 0) != (rest < 0) ? rest + b : rest;
}

// The largest whole number that is at most a / b, computed from the remainder like Python does, so that it goes with
// it; a / b where b is 0.
template <std::floating_point T> ADJOINT_FUNCTION T floor_divide(T a, T b) {
  const T rest = fmod(a, b);
  T quotient = (a - rest) / b;
  if (rest != 0 && (b < 0) != (rest < 0)) quotient -= 1;
  const T below = std::floor(quotient);
  const T whole = quotient - below > T(0.5) ? below + 1 : below;
  const T signed_zero = std::copysign(T(0), a / b);
  return b == 0 ? a / b : quotient == 0 ? signed_zero : whole;
}

template <std::floating_point T> ADJOINT_FUNCTION T copysign(T a, T b) { return std::copysign(a, b); }

// Whether it is below zero, minus zero included.
template <class T> ADJOINT_FUNCTION bool sign_bit(T a) {
  if constexpr (std::floating_point<T>)
    return bits_of(a) >> (8 * sizeof(T) - 1) != 0;
  else
    return a < T(0);
}

// The number next to a on the side of b.
template <std::floating_point T> ADJOINT_FUNCTION T nextafter(T a, T b) {
  const Bits<T> bits = bits_of(a);
  const bool grows = (a < b) == (a > 0);
  const T beside = a == 0 ? std::copysign(from_bits<T>(1), b) : from_bits<T>(grows ? bits + 1 : bits - 1);
  return a != a || b != b ? a + b : a == b ? b : beside;
}

} // namespace ADJOINT_ISA
} // namespace adjoint::math
