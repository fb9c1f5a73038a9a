// Relatives of the error function: erfc without its exponential, the inverse of erf, and the quantiles and the logarithm
// of the normal distribution. Quantiles are computed in double; a float is rounded from there. The inverse of erfc starts
// from a polynomial and takes one step of Halley's, with the error taken relative to e^(-z^2), so that it neither cancels
// nor underflows. A float's share of the normal distribution below -a is e^(-a^2 / 2) times a quotient of polynomials.
//
// Polynomials interpolate at Chebyshev nodes (in 60 digits):
//   erfinv_tail    erfinv(x) / x in x^2, |x| <= 1/2                             2^-54
//   erfcinv_near   z / s in s = sqrt(-log(erfc z)), 0.83 <= s <= 3             2^-22
//   erfcinv_far    the same in 1 / s, 3 <= s <= 27.4                            2^-26
//   erfinv_low     erfinv(x) / x in w - 4, w = -log(1 - x^2), 0 <= w <= 8                          2^-25.7
//   erfinv_float   the same in w - 8.35, 0 <= w <= 16.7, which are all w of floats   2^-28
//   erfinv_high    erfinv(x) / x / sqrt(w) in 1 / sqrt(w) - 0.2258, 8 <= w <= 104   2^-26.5
// and the quotient is minimax (Remez exchange in 60 digits), its error relative:
//   ndtr_over, ndtr_under   e^(a^2 / 2) ndtr(-a) in 0 <= a <= 14.5                 2^-25.2
#pragma once
#include "ops/math_erf.h"
#include "ops/math_log.h"
#include "ops/math_pow.h"
#include "ops/math_rare.h"

namespace adjoint::math {
inline namespace ADJOINT_ISA {

inline constexpr double erfinv_tail[] = {
    0x1.c5bf891b4ef6bp-1,  0x1.db29fb2fee5e5p-3, 0x1.053c2c0ab907ep-3,  0x1.62847c47f2ffap-4,
    0x1.0a13189695612p-4,  0x1.a7c85e789a166p-5, 0x1.5eeae7c60e672p-5,  0x1.2abe946bcb1a4p-5,
    0x1.0362baad0e061p-5,  0x1.ce8fd0b7136fcp-6, 0x1.7c8509c1851d6p-6,  0x1.0563748cff366p-5,
    -0x1.bef0943c98e9fp-7, 0x1.aef1c6b3fcdd4p-4, -0x1.e982dfd36a6c6p-4, 0x1.063bf23dd4b2bp-3};
inline constexpr double erfcinv_near[] = {
    -0x1.e2a51922fa06ep-8, 0x1.cdf53a63fc7dbp-1,   0x1.a629466bd659dp-4, -0x1.fc4b052b5f76ep-1,
    0x1.1e2df2b18ba63p+0,  -0x1.6e80fe00c45ccp-1,  0x1.32b36a2a362b7p-2, -0x1.568bfa369a617p-4,
    0x1.ee70bb0d25b54p-7,  -0x1.a25923ac6b5a2p-10, 0x1.3bb5e79f7bceap-14};
inline constexpr double erfcinv_far[] = {
    0x1.0004395cc8f4p+0,    -0x1.92b320e8a3791p-7, -0x1.fbb951cfeefdap+0,  0x1.6ea5262566b0ep+3,
    -0x1.4f0ef9e0fe2b4p+6,  0x1.0d6141583ac0ap+9,  -0x1.4b553a9cbcf72p+11, 0x1.290de92868a4ap+13,
    -0x1.751d754886a12p+14, 0x1.35d233362c428p+15, -0x1.30cceaca0005bp+15, 0x1.0c9addd492983p+14};

inline constexpr double erfinv_low[] = {0x1.dbd8f2aa5c9c3p+0,   0x1.d3ab99e6ccd3dp-3,  -0x1.d93d3443e1416p-8,
                                        -0x1.ab9ea666434a3p-13, 0x1.f29330a62be47p-14, -0x1.04dce56bf4974p-16,
                                        0x1.077a7a72cc038p-21,  0x1.8bfeded5ae77fp-23, -0x1.275296c8a4d52p-25,
                                        0x1.32122dfb5aceep-30,  0x1.b404c3773b1dcp-32, -0x1.4333e16b0461cp-35,
                                        -0x1.b1256d039a07p-41};
inline constexpr double erfinv_high[] = {0x1.edf7c8f8e238dp-1,   -0x1.9bc29b00e9579p-3, 0x1.2dda97c4f63dfp-5,
                                         0x1.4a43293cecdbbp-1,   -0x1.f82c44a923766p-1, 0x1.17f848fcc05d3p+1,
                                         0x1.74c7fcd3674bcp+3,   0x1.e733f5dde4321p+6,  0x1.8fa12672ec885p+7,
                                         -0x1.bf0809e67d98cp+10, -0x1.0688a354c92ddp+13};

inline constexpr double erfinv_float[] = {
    0x1.5c7cace7853a6p+1,   0x1.621d28a4e5087p-3,   -0x1.3adb1378cceeap-8,  0x1.e7d264a8f425bp-13,
    -0x1.3e41f03fc478ep-17, -0x1.9c376b7688a71p-23, 0x1.e83fb8de41a9cp-24,  -0x1.27e8b07dcd042p-26,
    0x1.c4c0081fdd9dbp-30,  -0x1.4223745adb6f0p-34, 0x1.612f891d792c4p-42,  -0x1.ea3b058f9ec88p-42,
    -0x1.41d810539217dp-44, 0x1.503bbb7d2d0c6p-45,  -0x1.2252e857b317bp-49, -0x1.75b798733f45fp-52,
    0x1.f9d8181ede606p-56,  0x1.0579d4c486a02p-60,  -0x1.c2807fad83689p-64};

inline constexpr double half_sqrt_pi = 0x1.c5bf891b4ef6bp-1, inverse_sqrt_pi = 0x1.20dd750429b6dp-1;
inline constexpr double sqrt_two = 0x1.6a09e667f3bcdp+0, sqrt_half = 0x1.6a09e667f3bcdp-1;
inline constexpr double sqrt_half_lo = -0x1.bdd3413b26456p-55;

// e^(x^2) erfc x
ADJOINT_RARE_FUNCTION double erfcx(double x) {
  const double a = std::fabs(x);
  if (a < 0.5) return exp(a * a) * erfc(x);
  if (x < -27) return infinity<double>;
  if (x > 0x1.0p60) return inverse_sqrt_pi / x;
  const auto [factor, factor_lo] = scaled_erfc(a);
  if (!(x < 0)) return factor + factor_lo;
  const auto [square, square_lo] = two_product(a, a);
  const auto [n, t] = exponential(square, square_lo);
  return scale(2 + 2 * t, n) - (factor + factor_lo);
}

// z with erfc z = y, for 0 <= y <= 1/2.
ADJOINT_RARE_FUNCTION double erfcinv(double y) {
  if (y == 0) return infinity<double>;
  const double s = std::sqrt(-log(y));
  const double z = s * (s < 3 ? polynomial<erfcinv_near>(s) : polynomial<erfcinv_far>(1 / s));
  const double step = half_sqrt_pi * (exp((z - s) * (z + s)) - erfcx(z));
  return z - step / multiply_add(z, step, 1.0);
}

ADJOINT_RARE_FUNCTION double erfinv(double x) {
  const double a = std::fabs(x);
  if (a <= 0.5) return x * polynomial<erfinv_tail>(x * x);
  return a <= 1 ? std::copysign(erfcinv(1 - a), x) : not_a_number<double>;
}

// x below which a normally distributed number lies with probability p.
ADJOINT_RARE_FUNCTION double ndtri(double p) {
  if (!(p >= 0 && p <= 1)) return not_a_number<double>;
  if (p < 0.25) return -sqrt_two * erfcinv(2 * p);
  if (p > 0.75) return sqrt_two * erfcinv(2 * (1 - p));
  return sqrt_two * erfinv(2 * p - 1);
}

// The probability that a normally distributed number lies below x, and its logarithm. Far out erfc grows the rounding error of
// its argument, which is added back.
ADJOINT_FUNCTION double ndtr(double x) {
  const double below = x < -40 ? -40 : x, bounded = below > 40 ? 40 : below;
  const auto [y, error] = two_product(-bounded, sqrt_half);
  const double y_lo = error - bounded * sqrt_half_lo;
  return multiply_add(-inverse_sqrt_pi * exp(-y * y), y_lo, 0.5 * erfc(y));
}
ADJOINT_RARE_FUNCTION double log_ndtr(double x) {
  return x < -1 ? log(0.5 * erfcx(-x * sqrt_half)) - 0.5 * x * x : log1p(-ndtr(-x));
}

inline constexpr float ndtr_over[] = {0x1.0p-1f, 0x1.ad37eap-2f, 0x1.594afcp-3f, 0x1.23662ap-5f,
                                      0x1.b4835ap-9f};
inline constexpr float ndtr_under[] = {lift * 0x1.0p+0f,      lift * 0x1.a2de14p+0f, lift * 0x1.248852p+0f,
                                       lift * 0x1.b9124ep-2f, lift * 0x1.6d4232p-4f, lift * 0x1.11897ap-7f};
inline constexpr float highest_ndtr = 14.5f; // below -highest_ndtr it is 0, and its product with x too

// ndtr(-a) for 0 <= a <= highest_ndtr
ADJOINT_FUNCTION float ndtr_below(float a) {
  const auto [half_square, low] = two_product(a, 0.5f * a);
  const float power = lifted_exp(half_square, -low);
  return power * polynomial<ndtr_over>(a) / polynomial<ndtr_under>(a);
}
ADJOINT_FUNCTION float ndtr(float x) {
  const float below = ndtr_below(bounded_size(x, highest_ndtr));
  const float result = x < 0 ? below : 1 - below;
  return x == x ? result : x;
}

// x ndtr(x); of a float, |x| times what lies below -|x| is taken from x or from 0. NaN at negative infinity.
ADJOINT_FUNCTION double gelu(double x) { return x * ndtr(x); }
ADJOINT_FUNCTION float gelu(float x) {
  const float a = bounded_size(x, highest_ndtr);
  return multiply_add(-a, ndtr_below(a), x - (x < 0 ? x : 0));
}

ADJOINT_FUNCTION float erfcx(float x) { return static_cast<float>(erfcx(static_cast<double>(x))); }
// erfinv(x) for the accuracy of floats, given 1 - x^2, which may be smaller than floats' are.
ADJOINT_FUNCTION double erfinv_of_float(double x, double rest) {
  const double w = -log(rest), root = std::sqrt(w);
  const double near = polynomial<erfinv_low>(w - 4), far = root * polynomial<erfinv_high>(1 / root - 0.2258);
  return x * (w < 8 ? near : far);
}
ADJOINT_FUNCTION float erfinv(float x) {
  const double wide = static_cast<double>(x), w = -log_for_float((1 - wide) * (1 + wide));
  const auto inner = static_cast<float>(wide * polynomial<erfinv_float>(w - 8.35));
  const float outer = std::fabs(x) == 1 ? x * infinity<float> : not_a_number<float>;
  return std::fabs(x) < 1 ? inner : outer;
}
ADJOINT_FUNCTION float ndtri(float p) {
  const double wide = static_cast<double>(p);
  return static_cast<float>(sqrt_two * erfinv_of_float(2 * wide - 1, 4 * (wide * (1 - wide))));
}
// Of a negative float, the logarithms of the factors are added. Where |x| is so large that the quotient overflows, it no longer
// counts.
ADJOINT_FUNCTION float log_ndtr(float x) {
  const float a = std::fabs(x), near = bounded_size(x, 0x1.0p12f);
  const float quotient = polynomial<ndtr_over>(near) / (polynomial<ndtr_under>(near) * (1 / lift));
  const float below = ndtr_below(bounded_size(x, highest_ndtr));
  const float logarithm = log1p(x < 0 ? quotient - 1 : -below);
  const float result = x < 0 ? multiply_add(-0.5f * a, a, logarithm) : logarithm;
  return x == x ? result : x;
}

} // namespace ADJOINT_ISA
} // namespace adjoint::math
