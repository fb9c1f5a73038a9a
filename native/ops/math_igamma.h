// The regularised incomplete gamma functions: P(a, x) below x and Q(a, x) = 1 - P(a, x) above. The smaller one is
// computed: P by its series (DLMF 8.11.4), Q by its continued fraction (8.9.2) or, for small a and x, by the series
// of the other one without its first term (8.7.3); and both by Temme's uniform expansion (8.12.3, 8.12.4, 8.12.7)
// where a is large and x near it.
//
// temme_k are the Taylor coefficients of c_k in eta (8.12.10), as many as matter for a >= 32 and |eta| <= 0.34.
#pragma once
#include "ops/math_gamma.h"
#include "ops/math_normal.h"

namespace adjoint::math {
inline namespace ADJOINT_ISA {

inline constexpr double temme_0[] = {-0x1.5555555555555p-2, 0x1.5555555555555p-4,   -0x1.e573ac901e574p-7,
                                     0x1.2f684bda12f68p-10, 0x1.71de3a556c734p-12,  -0x1.76e06fec7273bp-13,
                                     0x1.48c5892f7cd83p-15, -0x1.255370652afc1p-19, -0x1.f1b22f594c6b5p-20,
                                     0x1.bd6d21e4b4109p-21, -0x1.7b5f9a2d0465cp-23, 0x1.ccf5ceb7f0d9fp-28,
                                     0x1.6097d55c37c1cp-27, -0x1.2d2197c7a2faap-28, 0x1.f6e66d24d5c8ap-31};
inline constexpr double temme_1[] = {-0x1.e573ac901e574p-10, -0x1.c71c71c71c71cp-9,  0x1.5ac056b015acp-9,
                                     -0x1.0394f6f09e723p-10, 0x1.af83440e53dbcp-13,  -0x1.af83440e53dbcp-22,
                                     -0x1.2fa4ae89e5afp-16,  0x1.00a9cabd6b83ep-17,  -0x1.b0bdfcc629cbap-20,
                                     0x1.3f59230a8357cp-28,  0x1.280f2cde3f847p-23,  -0x1.ee23d0cba8aeep-25,
                                     0x1.9aa7a30de114cp-27,  -0x1.349fbca3a377bp-36, -0x1.1564ecff73d58p-30};
inline constexpr double temme_2[] = {0x1.0ee643b990ee6p-8,   -0x1.5f7268edab4c8p-9,  0x1.948b0fcd6e9ep-11,
                                     0x1.0db20a88f4696p-19,  -0x1.c253efaa1a932p-14, 0x1.bbf43daf4fe53p-15,
                                     -0x1.ac2d05890f2c3p-17, 0x1.26154ae39151dp-25,  0x1.7058929663937p-20,
                                     -0x1.522cb05171911p-21, 0x1.32ac81c15d3d7p-23,  -0x1.c24bd0e740a6cp-33,
                                     -0x1.e437343a46f5dp-27};
inline constexpr double temme_3[] = {0x1.547d93b34e2b6p-11,  0x1.e13ce465fa859p-13,  -0x1.ebfb188b7cap-12,
                                     0x1.18b9b5bf2d984p-12,  -0x1.3d2a3a29b5d9dp-14, -0x1.0152a1871f27ap-22,
                                     0x1.73df462204ef4p-17,  -0x1.7cd6f27b3f02p-18,  0x1.7e0201539310ep-20,
                                     -0x1.ea23269c140a7p-36, -0x1.6c2dcffbefeefp-23, 0x1.5bde8ef4c4dc7p-24};
inline constexpr double temme_4[] = {-0x1.c3e0b02da7bf9p-11, 0x1.9b0ff6874f2c4p-11, -0x1.3999a85a4237ap-12,
                                     -0x1.88f2ae1def9dp-20,  0x1.16908b48ce058p-14, -0x1.4ce3fd902bcadp-15,
                                     0x1.7db4c02846e81p-17,  0x1.13b3c5b7cb45ep-32, -0x1.c71c074985d3fp-20,
                                     0x1.de37d9f09164cp-21};
inline constexpr double temme_5[] = {-0x1.6128ac5a4fa71p-12, -0x1.247604839c038p-14, 0x1.22be87360ef1fp-12,
                                     -0x1.a2042c5148e27p-13, 0x1.1d1e9cb24760bp-14,  0x1.30bdcf208080ep-23,
                                     -0x1.c823fc1b3cc36p-17, 0x1.0d0e229150428p-17,  -0x1.338eb19652fd9p-19};
inline constexpr double temme_6[] = {0x1.168ef1b0931c8p-11, -0x1.36773bdb97b48p-11, 0x1.1c0950d3ecb9dp-12,
                                     0x1.a8411da6cab49p-21, -0x1.5600945495b37p-14, 0x1.d6bdf83130dc1p-15,
                                     -0x1.3382f4cf48618p-16};
inline constexpr double temme_7[] = {0x1.691879c01efb4p-12, 0x1.b1d75d3346711p-15, -0x1.5f3385098cebfp-12,
                                     0x1.26eeb5ece1d9fp-12, -0x1.cc642787368cep-14};
inline constexpr double temme_8[] = {-0x1.5629b3187b744p-11, 0x1.b8239c670e69p-11, -0x1.cb967b4446107p-12};
inline constexpr double temme_9[] = {-0x1.38dff1cc96982p-11};

// From this a on Stirling's formula takes the place of factors, and Temme's expansion holds near x = a.
inline constexpr double large_shape = 32, near_shape = 0.28;
inline constexpr double two_pi = 2 * pi;

// The shares of P and Q.
struct Shares {
  double lower, upper;
};

// mu - log(1 + mu)
ADJOINT_FUNCTION double deviance(double mu) {
  const double half_square = 0.5 * mu * mu;
  return std::fabs(mu) <= near_shape ? half_square - log_rest(mu, half_square) : mu - log1p(mu);
}

// (x / a)^a e^(a - x), with its exponent as a pair; where a is so large that logarithms lose what they differ by, from
// the deviance.
ADJOINT_RARE_FUNCTION double balanced_power(double a, double x) {
  if (a > 0x1.0p17) return exp(-a * deviance((x - a) / a));
  const auto [log_x, log_x_lo] = log_pair(x);
  const auto [log_a, log_a_lo] = log_pair(a);
  const auto [ratio, ratio_lo] = two_sum(log_x, -log_a);
  const auto [product, product_lo] = two_product(a, ratio);
  const auto [rest, rest_lo] = two_sum(a, -x);
  const auto [exponent, error] = two_sum(product, rest);
  const double low = error + ((product_lo + rest_lo) + a * (ratio_lo + (log_x_lo - log_a_lo)));
  const auto [n, t] = exponential(exponent, low);
  return exponent < ExpConstants<double>::lowest ? 0.0 : scale(1 + t, n);
}

// x^a e^-x / Gamma(a + 1)
ADJOINT_RARE_FUNCTION double igamma_factor(double a, double x) {
  if (a >= large_shape) return balanced_power(a, x) / (std::sqrt(two_pi * a) * exp(stirling_rest(a)));
  if (x > 2000) return 0;
  double product = 1, y = 1 + a;
  while (y > 2.5) {
    y -= 1;
    product *= y;
  }
  product *= y < 1.5 ? exp(lgamma_near_two(y - 1)) / y : exp(lgamma_near_two(y - 2));
  // In halves, since the power may be as large as the exponential is small.
  const double half = exp(-0.5 * x);
  return pow(x, a) * half / product * half;
}

inline constexpr int most_terms = 2000;

// P over its factor, for x up to about a.
ADJOINT_RARE_FUNCTION double lower_series(double a, double x) {
  double term = 1, sum = 1;
  for (int n = 1; n < most_terms && term > 0x1.0p-56 * sum; ++n) {
    term *= x / (a + n);
    sum += term;
  }
  return sum;
}

// Q over a times its factor, for x from about a on; evaluated forward (Lentz; Thompson and Barnett 1986).
ADJOINT_RARE_FUNCTION double upper_fraction(double a, double x) {
  constexpr double tiny = 0x1.0p-900;
  double b = x + 1 - a, c = 1 / tiny, d = 1 / b, result = d;
  for (int n = 1; n < most_terms; ++n) {
    const double numerator = n * (a - n);
    b += 2;
    const double denominator = multiply_add(numerator, d, b);
    d = 1 / (std::fabs(denominator) < tiny ? tiny : denominator);
    c = b + numerator / c;
    if (std::fabs(c) < tiny) c = tiny;
    const double change = c * d;
    result *= change;
    if (std::fabs(change - 1) < 0x1.0p-53) break;
  }
  return result;
}

// Q for small a and x, where P is near 1.
ADJOINT_RARE_FUNCTION double upper_series(double a, double x) {
  const double power = a * log(x) - lgamma_above_one(a);
  double term = 1, sum = 0;
  for (int n = 1; n < most_terms && std::fabs(term) > 0x1.0p-60; ++n) {
    term *= -x / n;
    sum += term / (a + n);
  }
  return -expm1(power) - exp(power) * a * sum;
}

ADJOINT_RARE_FUNCTION Shares uniform_shares(double a, double x) {
  const double mu = (x - a) / a, half = deviance(mu), inverse = 1 / a;
  const double eta = std::copysign(std::sqrt(2 * half), mu);
  double sum = polynomial<temme_9>(eta);
  sum = multiply_add(sum, inverse, polynomial<temme_8>(eta));
  sum = multiply_add(sum, inverse, polynomial<temme_7>(eta));
  sum = multiply_add(sum, inverse, polynomial<temme_6>(eta));
  sum = multiply_add(sum, inverse, polynomial<temme_5>(eta));
  sum = multiply_add(sum, inverse, polynomial<temme_4>(eta));
  sum = multiply_add(sum, inverse, polynomial<temme_3>(eta));
  sum = multiply_add(sum, inverse, polynomial<temme_2>(eta));
  sum = multiply_add(sum, inverse, polynomial<temme_1>(eta));
  sum = multiply_add(sum, inverse, polynomial<temme_0>(eta));
  const double rest = sum / std::sqrt(two_pi * a), tail = 0.5 * erfcx(std::sqrt(a * half));
  const double share = balanced_power(a, x) * (mu < 0 ? tail - rest : tail + rest);
  return mu < 0 ? Shares{share, 1 - share} : Shares{1 - share, share};
}

// The edges are PyTorch's.
ADJOINT_RARE_FUNCTION Shares gamma_shares(double a, double x) {
  const double nan = not_a_number<double>;
  if (!(a >= 0 && x >= 0) || (a == 0 && x == 0)) return {nan, nan};
  if (a == infinity<double>) return x == infinity<double> ? Shares{nan, nan} : Shares{0, 1};
  if (a == 0 || x == infinity<double>) return {1, 0};
  if (x == 0) return {0, 1};
  if (a >= large_shape && std::fabs(x - a) <= near_shape * a) return uniform_shares(a, x);
  if (x < a || x <= 1.1) {
    const double lower = igamma_factor(a, x) * lower_series(a, x);
    const bool is_lower_smaller = x > 1.1 || (x <= 0.5 ? a > -0.4 / log(x) : a > 1.1 * x);
    return {lower, is_lower_smaller ? 1 - lower : upper_series(a, x)};
  }
  const double upper = a * igamma_factor(a, x) * upper_fraction(a, x);
  return {1 - upper, upper};
}

ADJOINT_FUNCTION double igamma(double a, double x) { return gamma_shares(a, x).lower; }
ADJOINT_FUNCTION double igammac(double a, double x) { return gamma_shares(a, x).upper; }
// P of floats up to these bounds: the terms of the series over one denominator, which with Gamma(a + 1) makes
// Gamma(a + series_terms + 1), for which Stirling's formula holds.
inline constexpr float most_shape = 48, most_argument = 12;
inline constexpr int series_terms = 40;

ADJOINT_FUNCTION float igamma_by_series(double a, double x) {
  double sum = 1, denominator = 1, factor = a + series_terms;
  ADJOINT_UNROLLED
  for (int n = 0; n < series_terms; ++n) {
    denominator *= factor;
    sum = multiply_add(x, sum, denominator);
    factor -= 1;
  }
  const double last = a + (series_terms + 1), inverse = 1 / last;
  const double rest = inverse * polynomial<stirling_tail_float>(inverse * inverse);
  const double gamma = multiply_add(last - 0.5, log_for_float(last) - 1, (half_log_two_pi - 0.5) + rest);
  return exp_for_float(multiply_add(a, log_for_float(x), (log_for_float(sum) - x) - gamma));
}
ADJOINT_RARE_FUNCTION float rare_igamma(float a, float x) {
  return static_cast<float>(igamma(static_cast<double>(a), static_cast<double>(x)));
}
ADJOINT_RARE_FLOAT(igamma_or_rare, rare_igamma)

ADJOINT_FUNCTION float igamma(float a, float x) {
  const float common = igamma_by_series(static_cast<double>(a), static_cast<double>(x));
  const bool is_common = (a > 0) & (a <= most_shape) & (x > 0) & (x <= most_argument);
  return igamma_or_rare(a, x, is_common ? common : not_a_number<float>);
}
ADJOINT_FUNCTION float igammac(float a, float x) {
  return static_cast<float>(igammac(static_cast<double>(a), static_cast<double>(x)));
}

} // namespace ADJOINT_ISA
} // namespace adjoint::math
