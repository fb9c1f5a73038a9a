// Sine, cosine and tangent. An angle is reduced to [-pi/4, pi/4] and a quadrant; both polynomials are
// evaluated there and one is selected. Up to near_limit, a double is reduced by a few parts of pi/2; beyond,
// it takes integers and a table, element by element. A float is reduced in double, by arithmetic alone,
// whatever its size. With fused multiply-adds, sine and cosine of a float below near_limit never leave float.
#pragma once
#include "ops/math_rare.h"

namespace adjoint::math {
inline namespace ADJOINT_ISA {

// quadrant quarter turns and then hi + lo radians.
struct Angle {
  uint64_t quadrant;
  double hi, lo;
};

inline constexpr double half_pi = 0x1.921fb54442d18p0, half_pi_lo = 0x1.1a62633145c07p-54;

// x * 2/pi modulo 4, from the bits of 2/pi that matter for the size of x (Payne and Hanek 1983): those above
// give multiples of 4, those below too little. Each row has 29 + 29 + 53 bits, so that the first two products
// are exact, and serves 26 binary orders of magnitude (50 the first, above which no bit drops out).
ADJOINT_FUNCTION Angle reduce(float value) {
  constexpr double rows[4][3] = {{0x1.45f306dp-1, 0x1.9391054p-30, 0x1.4fe13abe8fa9ap-59},
                                 {0x1.b939105p-26, 0x1.29fc274p-56, 0x1.7d1f534ddc0dbp-84},
                                 {0x1.529fc27p-52, 0x1.5f47d4cp-82, 0x1.377036d8a5665p-110},
                                 {0x1.d5f47d4p-78, 0x1.a6ee06dp-107, 0x1.6295993c43904p-136}};
  const double x = value, a = std::fabs(x);
  const bool second = a >= 0x1.0p50, third = a >= 0x1.0p76, fourth = a >= 0x1.0p102;
  double product[3];
  for (int i = 0; i < 3; ++i) {
    const double low = second ? rows[1][i] : rows[0][i], high = fourth ? rows[3][i] : rows[2][i];
    product[i] = x * (third ? high : low);
  }
  constexpr double shift = Format<double>::shift;
  const double whole0 = product[0] + shift, part0 = product[0] - (whole0 - shift);
  const double whole1 = product[1] + shift, part1 = product[1] - (whole1 - shift);
  const double whole2 = (part0 + part1) + shift;
  const double turn = ((part0 - (whole2 - shift)) + part1) + product[2];
  return {bits_of(whole0) + bits_of(whole1) + bits_of(whole2), turn * half_pi, 0};
}

// Up to near_limit, n * (37 + 37 bits of pi/2) is exact, and the third part leaves an error of 2^-112.
ADJOINT_FUNCTION Angle reduce(double x) {
  constexpr double part1 = 0x1.921fb5444p0, part2 = 0x1.68c234c4cp-39, part3 = 0x1.98a2e03707345p-77;
  constexpr double shift = Format<double>::shift;
  const double shifted = multiply_add(x, 0x1.45f306dc9c883p-1, shift);
  const double n = shifted - shift;
  const auto [hi, error] = two_sum(x - n * part1, -(n * part2));
  const double lo = error - n * part3;
  const double sum = hi + lo;
  return {bits_of(shifted), sum, (hi - sum) + lo};
}

// Angles beyond near_limit: x * 2/pi modulo 4 in 192 bits (Payne and Hanek 1983), one element at a time.
ADJOINT_RARE_FUNCTION Angle reduce_far(double x) {
  // 1280 bits of 2/pi after the point.
  static constexpr uint32_t two_over_pi[] = {
      0xa2f9836e, 0x4e441529, 0xfc2757d1, 0xf534ddc0, 0xdb629599, 0x3c439041, 0xfe5163ab, 0xdebbc561,
      0xb7246e3a, 0x424dd2e0, 0x06492eea, 0x09d1921c, 0xfe1deb1c, 0xb129a73e, 0xe88235f5, 0x2ebb4484,
      0xe99c7026, 0xb45f7e41, 0x3991d639, 0x835339f4, 0x9c845f8b, 0xbdf9283b, 0x1ff897ff, 0xde05980f,
      0xef2f118b, 0x5a0a6d1f, 0x6d367ecf, 0x27cb09b7, 0x4f463f66, 0x9e5fea2d, 0x7527bac7, 0xebe5f17b,
      0x3d0739f7, 0x8a5292ea, 0x6bfb5fb1, 0x1f8d5d08, 0x56033046, 0xfc7b6bab, 0xf0cfbc20, 0x9af4361d};
  constexpr int window = 7;
  if (!(std::fabs(x) < infinity<double>)) return {0, not_a_number<double>, not_a_number<double>};

  // |x| = mantissa * 2^exponent. Words of which every product is a multiple of 4 are left out.
  const uint64_t bits = bits_of(std::fabs(x));
  const uint64_t mantissa = (bits & 0xfffffffffffff) | 0x10000000000000;
  const int exponent = static_cast<int>(bits >> 52) - 1075;
  const int first = exponent > 2 ? (exponent - 2) / 32 : 0;

  uint32_t product[window + 3] = {}; // the lowest word first
  for (int half = 0; half < 2; ++half) {
    const uint64_t factor = half == 0 ? mantissa & 0xffffffff : mantissa >> 32;
    uint64_t carry = 0;
    for (int i = 0; i < window; ++i) {
      carry += factor * two_over_pi[first + window - 1 - i] + product[half + i];
      product[half + i] = static_cast<uint32_t>(carry);
      carry >>= 32;
    }
    product[half + window] = static_cast<uint32_t>(carry);
  }

  // Read downward from the bit of weight 2: two bits of quadrant, then the fraction, rounded to nearest.
  int position = 32 * (window + first) - exponent + 2;
  const auto next_word = [&] {
    position -= 32;
    const int word = position / 32, offset = position % 32;
    const uint64_t both = static_cast<uint64_t>(product[word + 1]) << 32 | product[word];
    return static_cast<uint32_t>(both >> offset);
  };
  position += 30; // so that the quadrant is the end of a word
  uint64_t quadrant = next_word() & 3;
  uint32_t fraction[5];
  for (uint32_t& word : fraction) word = next_word();
  const bool upper = fraction[0] >> 31;
  quadrant += upper;

  double hi = 0, lo = 0;
  for (int i = 4; i >= 0; --i) {
    const uint32_t word = upper ? ~fraction[i] : fraction[i];
    const auto sum = fast_two_sum(static_cast<double>(word), hi * 0x1.0p-32);
    hi = sum.hi;
    lo = lo * 0x1.0p-32 + sum.lo;
  }
  const double sign = (x < 0) != upper ? -0x1.0p-32 : 0x1.0p-32;
  const auto [radians, error] = two_product(hi * sign, half_pi);
  return {x < 0 ? 0 - quadrant : quadrant, radians, error + (hi * half_pi_lo + lo * half_pi) * sign};
}

// sin r = r + r^3 P(r^2) and cos r = 1 - r^2 / 2 + r^4 Q(r^2) for |r| <= pi/4, in double. The coefficients
// are fdlibm's (k_sin.c, k_cos.c; 2^-58) for a double and FreeBSD's (k_sinf.c, k_cosf.c; 2^-34) for a float.
template <class T> struct TrigConstants;

template <> struct TrigConstants<float> {
  static constexpr double sine[] = {-0x1.5555554cbac77p-3, 0x1.111110896efbb2p-7, -0x1.a00f9e2cae774p-13,
                                    0x1.6cd878c3b46a7p-19};
  static constexpr double cosine[] = {0x1.55553e1053a42p-5, -0x1.6c087e80f1e27p-10, 0x1.99342e0ee5069p-16};
};

template <> struct TrigConstants<double> {
  static constexpr double sine[] = {-1.66666666666666324348e-01, 8.33333333332248946124e-03,
                                    -1.98412698298579493134e-04, 2.75573137070700676789e-06,
                                    -2.50507602534068634195e-08, 1.58969099521155010221e-10};
  static constexpr double cosine[] = {4.16666666666666019037e-02, -1.38888888888741095749e-03,
                                      2.48015872894767294178e-05, -2.75573143513906633035e-07,
                                      2.08757232129817482790e-09, -1.13596475577881948265e-11};
};

// The results as hi + lo, in which lo holds more than the rounding of hi.
template <class T> ADJOINT_FUNCTION Pair<double> sine_parts(Angle angle) {
  const double r = angle.hi, square = r * r;
  const double tail = r * square * polynomial<TrigConstants<T>::sine>(square);
  return {r, std::same_as<T, float> ? tail : tail + angle.lo * (1 - 0.5 * square)};
}

template <class T> ADJOINT_FUNCTION Pair<double> cosine_parts(Angle angle) {
  const double r = angle.hi, square = r * r, half = 0.5 * square;
  const double tail = square * square * polynomial<TrigConstants<T>::cosine>(square);
  const double hi = 1 - half;
  return {hi, ((1 - hi) - half) + (std::same_as<T, float> ? tail : tail - r * angle.lo)};
}

template <class T> ADJOINT_FUNCTION T sine_of(Angle angle) {
  const auto sine = sine_parts<T>(angle), cosine = cosine_parts<T>(angle);
  const double value = angle.quadrant & 1 ? cosine.hi + cosine.lo : sine.hi + sine.lo;
  return static_cast<T>(from_bits<double>(bits_of(value) ^ (angle.quadrant & 2) << 62));
}

// a / b, corrected by the remainder.
ADJOINT_FUNCTION double quotient(Pair<double> a, Pair<double> b) {
  const double inverse = 1 / b.hi, first = a.hi * inverse;
  const auto [product, error] = two_product(first, b.hi);
  return first + (((a.hi - product) - error) + (a.lo - first * b.lo)) * inverse;
}

template <class T> ADJOINT_FUNCTION T tangent_of(Angle angle) {
  const auto sine = sine_parts<T>(angle), cosine = cosine_parts<T>(angle);
  const auto s = fast_two_sum(sine.hi, sine.lo), c = fast_two_sum(cosine.hi, cosine.lo);
  const bool odd = angle.quadrant & 1;
  if constexpr (std::same_as<T, float>)
    return static_cast<float>((odd ? -c.hi : s.hi) / (odd ? s.hi : c.hi));
  else
    return quotient({odd ? -c.hi : s.hi, odd ? -c.lo : s.lo}, {odd ? s.hi : c.hi, odd ? s.lo : c.lo});
}

ADJOINT_FUNCTION Angle next_quadrant(Angle angle) { return {angle.quadrant + 1, angle.hi, angle.lo}; }

// Angles up to here are reduced with a few parts of pi/2; NaN says that one is not.
inline constexpr int near_limit = 100000;
template <class T> ADJOINT_FUNCTION T if_near(T x, T value) {
  return std::fabs(x) <= T(near_limit) ? value : not_a_number<T>;
}

ADJOINT_RARE_FUNCTION double far_sin(double x, double) { return sine_of<double>(reduce_far(x)); }
ADJOINT_RARE_FUNCTION double far_cos(double x, double) {
  return sine_of<double>(next_quadrant(reduce_far(x)));
}
ADJOINT_RARE_FUNCTION double far_tan(double x, double) { return tangent_of<double>(reduce_far(x)); }
ADJOINT_RARE_DOUBLE(sin_or_far, far_sin)
ADJOINT_RARE_DOUBLE(cos_or_far, far_cos)
ADJOINT_RARE_DOUBLE(tan_or_far, far_tan)

// Below, sin x and tan x are x, and keep the sign of 0.
template <class T> inline constexpr T tiny_angle = 0x1.0p-27;

ADJOINT_FUNCTION double sin(double x) {
  return sin_or_far(x, x, if_near(x, std::fabs(x) < tiny_angle<double> ? x : sine_of<double>(reduce(x))));
}
ADJOINT_FUNCTION double cos(double x) {
  return cos_or_far(x, x, if_near(x, sine_of<double>(next_quadrant(reduce(x)))));
}
ADJOINT_FUNCTION double tan(double x) {
  return tan_or_far(x, x, if_near(x, std::fabs(x) < tiny_angle<double> ? x : tangent_of<double>(reduce(x))));
}

#ifdef ADJOINT_HAS_FMA

// quadrant quarter turns and then r radians.
struct FloatAngle {
  uint32_t quadrant;
  float r;
};

// Up to near_limit, x - n * part1 is exact.
ADJOINT_FUNCTION FloatAngle reduce_near(float x) {
  constexpr float part1 = 0x1.921fb6p0f, part2 = -0x1.777a5cp-25f, part3 = -0x1.ee59dap-50f;
  constexpr float shift = Format<float>::shift;
  const float shifted = std::fma(x, 0x1.45f306p-1f, shift), n = shifted - shift;
  return {bits_of(shifted), std::fma(-n, part3, std::fma(-n, part2, std::fma(-n, part1, x)))};
}

// The coefficients of TrigConstants<float>, rounded.
ADJOINT_FUNCTION float sine_of(FloatAngle angle) {
  static constexpr float sine_tail[] = {-0x1.555556p-3f, 0x1.11111p-7f, -0x1.a00f9ep-13f, 0x1.6cd878p-19f};
  static constexpr float cosine_tail[] = {0x1.55553ep-5f, -0x1.6c087ep-10f, 0x1.99342ep-16f};
  const float r = angle.r, square = r * r;
  const float sine = std::fma(r * square, polynomial<sine_tail>(square), r);
  const float cosine =
      std::fma(square * square, polynomial<cosine_tail>(square), std::fma(-0.5f, square, 1.0f));
  const float value = angle.quadrant & 1 ? cosine : sine;
  return from_bits<float>(bits_of(value) ^ (angle.quadrant & 2) << 30);
}

ADJOINT_RARE_FUNCTION float far_sin(float x, float) { return sine_of<float>(reduce(x)); }
ADJOINT_RARE_FUNCTION float far_cos(float x, float) { return sine_of<float>(next_quadrant(reduce(x))); }
ADJOINT_RARE_FLOAT(sin_or_far_float, far_sin)
ADJOINT_RARE_FLOAT(cos_or_far_float, far_cos)

ADJOINT_FUNCTION float sin(float x) {
  return sin_or_far_float(x, x, if_near(x, std::fabs(x) < tiny_angle<float> ? x : sine_of(reduce_near(x))));
}
ADJOINT_FUNCTION float cos(float x) {
  const FloatAngle angle = reduce_near(x);
  return cos_or_far_float(x, x, if_near(x, sine_of(FloatAngle{angle.quadrant + 1, angle.r})));
}

#else

ADJOINT_FUNCTION float sin(float x) {
  return std::fabs(x) < tiny_angle<float> ? x : sine_of<float>(reduce(x));
}
ADJOINT_FUNCTION float cos(float x) { return sine_of<float>(next_quadrant(reduce(x))); }

#endif

ADJOINT_FUNCTION float tan(float x) {
  return std::fabs(x) < tiny_angle<float> ? x : tangent_of<float>(reduce(x));
}

} // namespace ADJOINT_ISA
} // namespace adjoint::math
