// The error function and its complement, computed in double; a float is rounded from there. Near 0, erf is an
// odd polynomial. Elsewhere erfc x = e^(-x^2) g(q) / (1 + 2 x), with a polynomial g in q = (x - 4) / (x + 4)
// (after M. M. Shepherd and J. G. Laframboise, Math. Comp. 36, 1981), and the square as a pair.
//
// Polynomials interpolate at Chebyshev nodes (in 50 digits):
//   erf_tail                erf x / x - 1 in x^2 <= 0.75             2^-56
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

ADJOINT_FUNCTION float erf(float x) { return static_cast<float>(erf(static_cast<double>(x))); }
ADJOINT_FUNCTION float erfc(float x) { return static_cast<float>(erfc(static_cast<double>(x))); }

} // namespace ADJOINT_ISA
} // namespace adjoint::math
