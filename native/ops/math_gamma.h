// The logarithm of the gamma function, its derivative digamma, and Hurwitz's zeta function, of which the other
// derivatives are made. All are computed in double; a float is rounded from there. Arguments are led to an
// interval around the zeros by recurrences (DLMF 5.5.1, 5.5.2), from 10 on the asymptotic expansions hold (5.11.1,
// 5.11.2), and negative ones are reflected (5.5.3, 5.5.4).
//
// Polynomials interpolate at Chebyshev nodes (in 60 digits):
//   lgamma_tail     log Gamma(2 + t) / t in t, |t| <= 1/2                                    2^-55
//   digamma_tail    digamma(3/2 + t) / (3/2 + t - root) in t, |t| <= 1/2                     2^-54
//   stirling_tail   x (log Gamma(x) - (x - 1/2) log x + x - log(2 pi) / 2) in 1 / x^2, x >= 10  2^-54
//   stirling_tail_float  the same, x >= 8                                                    2^-51
//   digamma_far     x^2 (log x - 1 / (2 x) - digamma(x)) in 1 / x^2, x >= 10                 2^-54
#pragma once
#include "ops/math_inverse.h"
#include "ops/math_pow.h"

namespace adjoint::math {
inline namespace ADJOINT_ISA {

inline constexpr double lgamma_tail[] = {
    0x1.b0ee6072093cep-2,   0x1.4a34cc4a60fa6p-2,  -0x1.13e001a557606p-4,  0x1.51322ac7d8483p-6,
    -0x1.e404fc218f683p-8,  0x1.7add6eadb6cbbp-9,  -0x1.38ac5c2bf00bfp-10, 0x1.0b36af8630f5fp-11,
    -0x1.d3fd4c7f9fa26p-13, 0x1.a127b0f9ee692p-14, -0x1.78de594a1f5d8p-15, 0x1.580dcc735f957p-16,
    -0x1.3cbd0c34c2671p-17, 0x1.259814c96e3bdp-18, -0x1.11a54bc3cfe3cp-19, 0x1.0057bc58baf67p-20,
    -0x1.e46267845840ap-22, 0x1.c959188a8539dp-23, -0x1.98152dabaf411p-24, 0x1.8367966486352p-25,
    -0x1.0cfcd77c3ec5fp-25, 0x1.01127da9788f9p-26};
inline constexpr double digamma_tail[] = {
    0x1.e6f0cbb873616p-1,  -0x1.b1cb63005ee96p-2,  0x1.eca189b8e6f7bp-3,  -0x1.2feeeb98a7e14p-3,
    0x1.8512e59037f3fp-4,  -0x1.fb4420299c39ep-5,  0x1.4de9aa17fed5cp-5,  -0x1.b9f8b14eb372ep-6,
    0x1.256471573c163p-6,  -0x1.8635595c2848p-7,   0x1.03c0b29031197p-7,  -0x1.5a07ffdcf1525p-8,
    0x1.cd1f2dbc0dbedp-9,  -0x1.335166d938f39p-9,  0x1.99e14548a2d9bp-10, -0x1.1138fd323dc0cp-10,
    0x1.69be71d89ad4p-11,  -0x1.e24e3f4fdc1dcp-12, 0x1.56ae8897d5d3dp-12, -0x1.c8e71b670fd14p-13,
    0x1.80c273fb322c5p-14, -0x1.0081238b97022p-14, 0x1.0080971c5617fp-13, -0x1.5600aebc07538p-14};
inline constexpr double stirling_tail[] = {
    0x1.5555555555555p-4,  -0x1.6c16c16c1697cp-9,  0x1.a01a019c051eep-11, -0x1.381377985f3f1p-11,
    0x1.b94707b01d16cp-11, -0x1.f37f7526abf9ap-10, 0x1.6813d0b49986ep-8};
inline constexpr double stirling_tail_float[] = {0x1.5555555555477p-4, -0x1.6c16c15665111p-9,
                                                 0x1.a0195329942acp-11, -0x1.3797f4ec9cbb1p-11,
                                                 0x1.9517856a51cf9p-11};
inline constexpr double digamma_far[] = {0x1.5555555555555p-4,  -0x1.111111111078dp-7, 0x1.041040fc9a36dp-8,
                                         -0x1.1110ff75ebb62p-8, 0x1.f0683c05c3bc1p-8,  -0x1.56ac5087cb544p-6,
                                         0x1.1deb63311bd19p-4};

inline constexpr double half_log_two_pi = 0x1.d67f1c864beb5p-1;

// log Gamma(2 + t) for |t| <= 1/2
ADJOINT_FUNCTION double lgamma_near_two(double t) { return t * polynomial<lgamma_tail>(t); }

// log Gamma(1 + t) for 0 <= t <= 3/2
ADJOINT_FUNCTION double lgamma_above_one(double t) {
  return t < 0.5 ? lgamma_near_two(t) - log1p(t) : lgamma_near_two(t - 1);
}

// log Gamma(x) - (x log x - x - log(x) / 2 + log(2 pi) / 2) for x >= 10
ADJOINT_FUNCTION double stirling_rest(double x) {
  const double inverse = 1 / x;
  return inverse * polynomial<stirling_tail>(inverse * inverse);
}

ADJOINT_RARE_FUNCTION double lgamma_of_positive(double x) {
  if (x < 0.5) return (lgamma_near_two(x) - log1p(x)) - log(x);
  if (x < 1.5) return lgamma_near_two(x - 1) - log1p(x - 1);
  if (x < 10) {
    double product = 1;
    while (x > 2.5) {
      x -= 1;
      product *= x;
    }
    return lgamma_near_two(x - 2) + log(product);
  }
  return multiply_add(x - 0.5, log(x) - 1, (half_log_two_pi - 0.5) + stirling_rest(x));
}

// How far x is from the nearest whole number, exactly.
ADJOINT_FUNCTION double from_whole(double x) { return x - std::nearbyint(x); }

// The gamma function is infinite at 0 and at negative whole numbers, as all far negative ones are.
ADJOINT_RARE_FUNCTION double lgamma(double x) {
  const double a = std::fabs(x);
  if (!(x < 0)) return lgamma_of_positive(a);
  if (a < 0x1.0p-60) return -log(a);
  const double distance = from_whole(a);
  if (!(std::fabs(distance) > 0)) return infinity<double>;
  return log(pi / (a * std::fabs(sin(pi * distance)))) - lgamma_of_positive(a);
}

// lgamma of a float above 0: from 8 on Stirling's formula holds, and below it eight factors lead there.
ADJOINT_FUNCTION double lgamma_of_float(double x) {
  double product = x;
  for (int i = 1; i < 8; ++i) product *= x + i;
  const bool is_small = x < 8;
  const double far = is_small ? x + 8 : x, inverse = 1 / far;
  const double rest = inverse * polynomial<stirling_tail_float>(inverse * inverse);
  const double stirling = multiply_add(far - 0.5, log(far) - 1, (half_log_two_pi - 0.5) + rest);
  const bool is_zero = (x == 1) | (x == 2);
  return is_zero ? 0.0 : stirling - log(is_small ? product : 1.0);
}
ADJOINT_RARE_FUNCTION float rare_lgamma(float x, float) {
  return static_cast<float>(lgamma(static_cast<double>(x)));
}
ADJOINT_RARE_FLOAT(lgamma_or_rare, rare_lgamma)

// The zero of digamma near 1.46.
inline constexpr double digamma_root = 0x1.762d86356be3fp+0, digamma_root_lo = 0x1.b86a722197829p-54;

ADJOINT_RARE_FUNCTION double digamma_of_positive(double x) {
  double sum = 0;
  if (x < 1) {
    sum = -1 / x;
    x += 1;
  }
  if (x < 10) {
    while (x > 2) {
      x -= 1;
      sum += 1 / x;
    }
    return multiply_add((x - digamma_root) - digamma_root_lo, polynomial<digamma_tail>(x - 1.5), sum);
  }
  const double inverse = 1 / x, square = inverse * inverse;
  return log(x) - multiply_add(square, polynomial<digamma_far>(square), 0.5 * inverse);
}

// As in PyTorch it is infinite at zeros, by their sign, and NaN at negative whole numbers.
ADJOINT_RARE_FUNCTION double digamma(double x) {
  if (x == 0) return std::copysign(infinity<double>, -x);
  if (!(x < 0)) return digamma_of_positive(x);
  const double distance = from_whole(x);
  if (!(std::fabs(distance) > 0)) return not_a_number<double>;
  return digamma_of_positive(1 - x) - pi / tan(pi * distance);
}

// q^-s; whole exponents of derivatives of digamma need no logarithm.
ADJOINT_RARE_FUNCTION double negative_power(double q, double s) {
  const double square = q * q;
  if (!(square > smallest_normal<double>) || !(s == 2 || s == 3 || s == 4) || q > 0x1.0p250)
    return pow(q, -s);
  return 1 / (s == 2 ? square : s == 3 ? square * q : square * square);
}

// The corrections in the formula of Euler and Maclaurin (DLMF 25.11.28) for the sum of (q + k)^-s, over q^-s.
template <int count> ADJOINT_FUNCTION double euler_maclaurin(double s, double q_inverse) {
  // B(2j) / (2j)!
  constexpr double bernoulli[] = {0x1.5555555555555p-4,   -0x1.6c16c16c16c17p-10, 0x1.1566abc011567p-15,
                                  -0x1.bbd779334ef0bp-21, 0x1.66a8f2bf70ebep-26,  -0x1.22805d644267fp-31,
                                  0x1.d6db2c4e09162p-37,  -0x1.7da4e1f79955cp-42, 0x1.355871d652e9ep-47,
                                  -0x1.f57d968caacf1p-53};
  double rest = 0, factor = s * q_inverse;
  ADJOINT_UNROLLED
  for (int j = 0; j < count; ++j) {
    rest = multiply_add(bernoulli[j], factor, rest);
    factor *= ((s + (2 * j + 1)) * q_inverse) * ((s + (2 * j + 2)) * q_inverse);
  }
  return 0.5 + rest;
}

// The sum of (q + k)^-s over k = 0, 1, ... for s > 1 and q > 0: terms up to q + k = 10 + s, then the formula of
// Euler and Maclaurin, whose terms fall by a factor of 40 there.
ADJOINT_RARE_FUNCTION double zeta_of_positive(double s, double q) {
  double sum = 0;
  for (; q < 10 + s; q += 1) {
    const double term = negative_power(q, s);
    sum += term;
    if (!(term > 0x1.0p-58 * sum)) return sum;
  }
  const double power = negative_power(q, s), inverse = 1 / q;
  return sum + (power * q / (s - 1) + power * euler_maclaurin<10>(s, inverse));
}

// Where q is negative and s whole, terms on both sides of 0 are added: the sum over all k is one over q's distance
// from a whole number.
ADJOINT_RARE_FUNCTION double zeta(double s, double q) {
  if (s != s || !(q > -infinity<double>)) return not_a_number<double>;
  if (s <= 1) return s == 1 ? infinity<double> : not_a_number<double>;
  if (q > 0) return q < infinity<double> ? zeta_of_positive(s, q) : 0.0;
  if (std::floor(q) == q) return infinity<double>;
  if (std::floor(s) != s) return not_a_number<double>;
  const double distance = from_whole(q);
  const double sides = zeta_of_positive(s, 1 - distance) - zeta_of_positive(s, 1 - q);
  const bool odd = std::floor(0.5 * s) != 0.5 * s;
  return pow(distance, -s) + (zeta_of_positive(s, 1 + distance) + (odd ? -sides : sides));
}

ADJOINT_FUNCTION float lgamma(float x) {
  const auto common = static_cast<float>(lgamma_of_float(static_cast<double>(x)));
  return lgamma_or_rare(x, x, x > 0 && x < infinity<float> ? common : not_a_number<float>);
}
ADJOINT_FUNCTION float digamma(float x) { return static_cast<float>(digamma(static_cast<double>(x))); }

// zeta of floats for s > 1 and q > 0: fewer of the same terms.
ADJOINT_FUNCTION float zeta_of_floats(double s, double q) {
  constexpr int terms = 3;
  float sum = 0;
  ADJOINT_UNROLLED
  for (int k = terms; k-- > 0;) sum += exp_for_float(-s * log_for_float(q + k));
  const double last = q + terms, inverse = 1 / last;
  // last^-s may be 0 where this still counts.
  const double share = exp_for_float((1 - s) * log_for_float(last));
  return sum + static_cast<float>(share / (s - 1) + share * inverse * euler_maclaurin<9>(s, inverse));
}
ADJOINT_RARE_FUNCTION float rare_zeta(float s, float q) {
  return static_cast<float>(zeta(static_cast<double>(s), static_cast<double>(q)));
}
ADJOINT_RARE_FLOAT(zeta_or_rare, rare_zeta)

ADJOINT_FUNCTION float zeta(float s, float q) {
  const float common = zeta_of_floats(static_cast<double>(s), static_cast<double>(q));
  const bool is_common = (s > 1) & (s < 0x1.0p10f) & (q > 0) & (q < 0x1.0p100f);
  return zeta_or_rare(s, q, is_common ? common : not_a_number<float>);
}

} // namespace ADJOINT_ISA
} // namespace adjoint::math
