// The error function and its complement. Near 0, erf is an odd polynomial. A float's is elsewhere 1 - e^-p(x), with a
// polynomial p; its erfc is e^(-x^2) r h(r) with r = 1 / (x + 3/2), whose rounding errors are added back. There, erfc x = e^(-x^2) g(q) / (1 + 2 x), with a polynomial g in q = (x - 4) / (x + 4)
// (after M. M. Shepherd and J. G. Laframboise, Math. Comp. 36, 1981), and the square as a pair.
//
// Polynomials interpolate at Chebyshev nodes (in 50 digits):
//   erf_tail                erf x / x - 1 in x^2 <= 0.75             2^-56
//   erf_tail_float       the same in x^2 <= 1                2^-29
//   minus_log_erfc       -log(erfc x) in 1 <= x <= 4         2^-25, as it counts in erf
//   erfc_.._float        e^(x^2) erfc(x) / r in r - 0.29296875, 0.5 <= x <= 10.2   2^-27
//   erfc_first, erfc_tail   e^(x^2) erfc x (1 + 2 x) in q >= -0.78   2^-56.5
#pragma once
#include "ops/math_exp.h"

namespace adjoint::math {
inline namespace ADJOINT_ISA {

inline constexpr double erf_tail[] = {0x1.06eba8214db69p-3,   -0x1.812746b0379e5p-2,  0x1.ce2f21a042a1ap-4,
                                      -0x1.b82ce3127d9bbp-6,  0x1.565bcd0c2df47p-8,   -0x1.c02db3780b3ffp-11,
                                      0x1.f9a312654ef74p-14,  -0x1.f4d04f0f9b56dp-17, 0x1.b9c3bd0a439abp-20,
                                      -0x1.5de6283cd6044p-23, 0x1.e618b8d923539p-27,  -0x1.dfd0ef174bd44p-31};
inline constexpr Pair<double> erfc_first = {0x1.3ba5916e9fd7fp+0, -0x1.abd47e35857e3p-55};
inline constexpr double erfc_tail[] = {
    -0x1.1df1ad154a28ep-3,  0x1.f7f5df66fd7e0p-7,   0x1.16ecefcfa5398p-4,   -0x1.9ddb23c3e9248p-4,
    0x1.7fee004e12519p-4,   -0x1.0fb06dfe466a6p-4,  0x1.3079edf68235ap-5,   -0x1.09623885d08aap-6,
    0x1.49c67286b3bfcp-8,   -0x1.8d4a98fbacc8fp-11, -0x1.a1df2637a0dc4p-13, 0x1.3be025e34aebcp-13,
    -0x1.99591d6741943p-16, -0x1.787e90946640bp-17, 0x1.7f2684fc43c10p-18,  0x1.3773d8bf5faf0p-22,
    -0x1.baec2e48d26a0p-21, 0x1.58cbfaa0223e8p-24,  0x1.d79adefe95f02p-24,  -0x1.8f4f3c93da658p-26,
    -0x1.e2ee196ba6cf4p-27, 0x1.411d27befe047p-28,  0x1.52cabbc3665fbp-30,  -0x1.60bdddd44f314p-31,
    0x1.87b7cdb988a23p-35};

ADJOINT_FUNCTION double erf_near(double x) {
  const double square = x * x;
  return multiply_add(x, polynomial<erf_tail>(square), x);
}

// erfc a for a >= 1/2; from highest_erfc on it is 0.
inline constexpr double highest_erfc = 27.3;

// e^(a^2) erfc a for a >= 1/2
ADJOINT_FUNCTION Pair<double> scaled_erfc(double a) {
  const double q = (a - 4) / (a + 4);
  const auto [g, g_lo] = fast_two_sum(erfc_first.hi, q * polynomial<erfc_tail>(q));
  const auto [divisor, divisor_lo] = two_sum(1.0, 2 * a);
  const double inverse = 1 / divisor, factor = g * inverse;
  const auto [product, product_lo] = two_product(factor, divisor);
  return {factor, (((g - product) - product_lo) + (erfc_first.lo + g_lo - factor * divisor_lo)) * inverse};
}

ADJOINT_FUNCTION double erfc_far(double a) {
  const auto [factor, factor_lo] = scaled_erfc(a);
  const auto [square, square_lo] = two_product(a, a);
  const auto [n, t] = exponential(-square, -square_lo);
  return a > highest_erfc ? 0.0 : scale(factor + multiply_add(t, factor, factor_lo), n);
}

ADJOINT_FUNCTION double erf(double x) {
  const double a = std::fabs(x);
  return std::copysign(a < 0.84 ? erf_near(a) : 1 - erfc_far(a), x);
}

ADJOINT_FUNCTION double erfc(double x) {
  const double a = std::fabs(x), far = erfc_far(a);
  const double near = 1 - erf_near(x);
  return a < 0.5 ? near : x < 0 ? 2 - far : far;
}

inline constexpr float erf_tail_float[] = {0x1.06eba8p-3f,  -0x1.812746p-2f, 0x1.ce2f08p-4f,
                                           -0x1.b829c8p-6f, 0x1.562a6p-8f,   -0x1.bccf66p-11f,
                                           0x1.d8875p-14f,  -0x1.445f48p-17f};
inline constexpr float minus_log_erfc[] = {-0x1.4fb068p-12f, 0x1.2156fap+0f,  0x1.437eb4p-1f,
                                           0x1.c2e356p-4f,   -0x1.b0e246p-6f, 0x1.37ecc6p-8f,
                                           -0x1.38e5e6p-11f, 0x1.825ce4p-15f, -0x1.b7783p-20f};
inline constexpr float highest_erf = 4; // from here on erf rounds to 1

ADJOINT_FUNCTION float erf(float x) {
  const float a = std::fabs(x), square = a * a, bounded = a > highest_erf ? highest_erf : a;
  const float near = multiply_add(a, polynomial<erf_tail_float>(square), a);
  const auto [n, t] = exponential(-polynomial<minus_log_erfc>(bounded));
  const float power = power_of_two<float>(n);
  const float far = (1 - power) - power * t;
  return std::copysign(a < 1 ? near : far, x);
}

inline constexpr Pair<float> erfc_first_float = {0x1.cf1422p-1f, 0x1.e80554p-26f};
inline constexpr float erfc_tail_float[] = {0x1.7666c6p+0f,  0x1.a85bf8p-1f, -0x1.254d72p+0f,
                                            -0x1.209732p+0f, 0x1.2501a4p+1f, 0x1.a8c5b6p-1f,
                                            -0x1.64315ep+2f, 0x1.fe2a16p+0f, 0x1.2a7dc8p+3f};
inline constexpr float highest_erfc_float = 10.1f; // from here on erfc rounds to 0

ADJOINT_FUNCTION float erfc(float x) {
  const float a = std::fabs(x), near = 1 - multiply_add(x, polynomial<erf_tail_float>(x * x), x);
  const auto [divisor, divisor_lo] = two_sum(a, 1.5f);
  const float inverse = 1 / divisor;
  const auto [product, product_lo] = two_product(inverse, divisor);
  const float rest = ((1 - product) - product_lo) - inverse * divisor_lo;
  const float v = inverse - 0.29296875f;
  const auto [h, h_lo] = fast_two_sum(erfc_first_float.hi, v * polynomial<erfc_tail_float>(v));
  const auto [head, head_lo] = two_product(inverse, h);
  const float corrections =
      multiply_add(head, rest, multiply_add(inverse, h_lo + erfc_first_float.lo, head_lo));
  const auto [square, square_lo] = two_product(a, a);
  const auto [n, t] = exponential(-square, -square_lo);
  const auto [rise, rise_lo] = two_product(head, t);
  const auto [sum, sum_lo] = fast_two_sum(head, rise);
  const float low = sum_lo + (rise_lo + multiply_add(corrections, t, corrections));
  const float positive = a > highest_erfc_float ? 0.0f : scale(sum + low, n);
  return a < 0.55f ? near : x < 0 ? 2 - positive : positive;
}

} // namespace ADJOINT_ISA
} // namespace adjoint::math
