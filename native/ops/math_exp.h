// Exponentials. All of them start from e^x = 2^n (1 + t), with n whole and |t| < 0.42, and differ in how the
// two halves come together, so that nothing cancels. Where t would have to cancel (tanh and sinh near 0) a
// polynomial takes over; both are computed and one is selected.
#pragma once
#include "ops/math_bits.h"

namespace adjoint::math {
inline namespace ADJOINT_ISA {

// Polynomials are minimax (Remez exchange in 60 digits), their coefficients then rounded to the format.
//   exp_tail   (e^r - 1 - r) / r^2       |r| <= 0.347, error weighted by r^2 / |e^r - 1|: 2^-32, 2^-61.7
//   exp2_tail  (2^r - 1) / r             |r| <= 0.5005, error weighted by r / 2^r:        2^-34, 2^-64
//   tanh_tail  (tanh a - a) / a^3 in a^2 a <= 0.625, error weighted by a^2:               2^-32.6, 2^-61.3
//   sinh_tail  (sinh a - a) / a^3 in a^2 a <= 1, error weighted by a^2:                   2^-34, 2^-63
// falling_tail interpolates (e^-r - 1 + r) / r^2 at Chebyshev nodes, |r| <= 0.3472, error weighted by r^2 e^r: 2^-26.5.
// ln2_hi has so few bits that n * ln2_hi is exact.
template <class T> struct ExpConstants;

template <> struct ExpConstants<float> {
  static constexpr float log2_e = 0x1.715476p0f;
  static constexpr float ln2_hi = 0x1.62e4p-1f, ln2_lo = 0x1.7f7d1cp-20f;
  static constexpr float lowest = -104, highest = 88.73f;        // e^x is 0 below, infinite above
  static constexpr float lowest_exp2 = -151, highest_exp2 = 128; // the same of 2^x
  static constexpr float lowest_expm1 = -18, highest_tanh = 10;  // e^x - 1 is -1 below, tanh x 1 above
  static constexpr float tiny = 0x1.0p-25f;                      // e^x - 1 is x below
  static constexpr float exp_tail[] = {0x1.0p-1f,     0x1.555556p-3f,  0x1.5554aep-5f,
                                       0x1.11109p-7f, 0x1.6d74ccp-10f, 0x1.a1a1dep-13f};
  static constexpr float falling_tail[] = {0x1.0p-1f, -0x1.5554dcp-3f, 0x1.555518p-5f, -0x1.120c4ap-7f,
                                           0x1.6d11e4p-10f};
  static constexpr float exp2_tail[] = {0x1.62e43p-1f,   0x1.ebfbep-3f,   0x1.c6b08ap-5f, 0x1.3b29f2p-7f,
                                        0x1.5d8a88p-10f, 0x1.445d32p-13f, 0x1.fde522p-17f};
  static constexpr float tanh_tail[] = {-0x1.555554p-2f, 0x1.11106ap-3f,  -0x1.b9ef56p-5f,
                                        0x1.63931p-6f,   -0x1.0c1816p-7f, 0x1.195892p-9f};
  static constexpr float sinh_tail[] = {0x1.555556p-3f, 0x1.111136p-7f, 0x1.9ffe04p-13f, 0x1.7a28a4p-19f};
};

template <> struct ExpConstants<double> {
  static constexpr double log2_e = 0x1.71547652b82fep0;
  static constexpr double ln2_hi = 0x1.62e42fefa38p-1, ln2_lo = 0x1.ef35793c7673p-45;
  static constexpr double lowest = -746, highest = 709.79;
  static constexpr double lowest_exp2 = -1076, highest_exp2 = 1024;
  static constexpr double lowest_expm1 = -40, highest_tanh = 20;
  static constexpr double tiny = 0x1.0p-54;
  static constexpr double exp_tail[] = {0x1.0p-1,
                                        0x1.5555555555559p-3,
                                        0x1.555555555555ap-5,
                                        0x1.111111110f699p-7,
                                        0x1.6c16c16c143f7p-10,
                                        0x1.a01a01afeedeap-13,
                                        0x1.a01a01b0cf4edp-16,
                                        0x1.71ddf8388a0d9p-19,
                                        0x1.27e4c572a2edap-22,
                                        0x1.af5ef267147e9p-26,
                                        0x1.1f95a3adad6d2p-29};
  static constexpr double exp2_tail[] = {0x1.62e42fefa39efp-1,  0x1.ebfbdff82c58fp-3,  0x1.c6b08d704a0cfp-5,
                                         0x1.3b2ab6fba4e21p-7,  0x1.5d87fe78a2646p-10, 0x1.430912f883fd9p-13,
                                         0x1.ffcbfc750140fp-17, 0x1.62c021e1ecf4cp-20, 0x1.b524dcf392babp-24,
                                         0x1.e4d06d84c4c5p-28,  0x1.ea01ed3c7bd05p-32, 0x1.c2ce335667155p-36};
  static constexpr double tanh_tail[] = {
      -0x1.5555555555552p-2,  0x1.1111111110c2bp-3,  -0x1.ba1ba1b9d05c9p-5,  0x1.664f4870998ap-6,
      -0x1.226e32cc542efp-7,  0x1.d6d359e51c069p-9,  -0x1.7d9c305bda096p-10, 0x1.350b78a6f2a66p-11,
      -0x1.f112e22473c49p-13, 0x1.801a927dcc757p-14, -0x1.fac2eed2c7d8bp-16, 0x1.9601f50e82b22p-18};
  static constexpr double sinh_tail[] = {0x1.5555555555556p-3,  0x1.11111111110ap-7,   0x1.a01a01a029332p-13,
                                         0x1.71de3a45e7404p-19, 0x1.ae6467739026fp-26, 0x1.611a34e8ddf6ap-33,
                                         0x1.b4d118998018ap-41};
};

// 2^n (1 + t)
template <class T> struct Exponential {
  Bits<T> n;
  T t;
};

// e^x, and e^(x + x_lo) with t to the last bit; meaningless where the result is not finite.
template <class T> ADJOINT_FUNCTION Exponential<T> exponential(T x) {
  using C = ExpConstants<T>;
  const auto [n, low] = nearest_exponent(x, C::log2_e);
  const T r = multiply_add(n, -C::ln2_lo, multiply_add(n, -C::ln2_hi, x));
  return {low, multiply_add(r * r, polynomial<C::exp_tail>(r), r)};
}

template <class T> ADJOINT_FUNCTION Exponential<T> exponential(T x, T x_lo) {
  using C = ExpConstants<T>;
  const auto [n, low] = nearest_exponent(x, C::log2_e);
  const T hi = multiply_add(n, -C::ln2_hi, x), lo = multiply_add(n, C::ln2_lo, -x_lo);
  const T r = hi - lo, r_lo = (hi - r) - lo;
  return {low, r + multiply_add(r * r, polynomial<C::exp_tail>(r), r_lo)};
}

template <std::floating_point T> ADJOINT_FUNCTION T exp(T x) {
  using C = ExpConstants<T>;
  const auto [n, t] = exponential(x);
  const T result = scale(1 + t, n);
  const T bounded = x < C::lowest ? T(0) : result;
  return x > C::highest ? infinity<T> : bounded;
}

template <std::floating_point T> ADJOINT_FUNCTION T exp2(T x) {
  using C = ExpConstants<T>;
  const auto [n, low] = nearest_exponent(x, T(1));
  const T r = x - n;
  const T result = scale(multiply_add(r, polynomial<C::exp2_tail>(r), T(1)), low);
  const T bounded = x < C::lowest_exp2 ? T(0) : result;
  return x > C::highest_exp2 ? infinity<T> : bounded;
}

// Half of the result is put together, because 2^n overflows before e^x does.
template <std::floating_point T> ADJOINT_FUNCTION T expm1(T x) {
  using C = ExpConstants<T>;
  const auto [n, t] = exponential(x, T(0));
  const T half_power = power_of_two<T>(n - 1);
  const T result = 2 * multiply_add(half_power, t, half_power - T(0.5));
  const T below = x < C::lowest_expm1 ? T(-1) : result;
  const T bounded = x > C::highest ? infinity<T> : below;
  return std::fabs(x) < C::tiny ? x : bounded;
}

// e^a / 2 for a >= 0, which is finite where sinh and cosh are.
template <class T> ADJOINT_FUNCTION T half_exp(T a) {
  const auto [n, t] = exponential(a);
  const T result = scale(1 + t, n - 1);
  return a > ExpConstants<T>::highest + 1 ? infinity<T> : result;
}

template <std::floating_point T> ADJOINT_FUNCTION T sinh(T x) {
  const T a = std::fabs(x), square = a * a;
  const T near = multiply_add(a * square, polynomial<ExpConstants<T>::sinh_tail>(square), a);
  const T half = half_exp(a);
  const T far = half - T(0.25) / half;
  return std::copysign(a < 1 ? near : far, x);
}

template <std::floating_point T> ADJOINT_FUNCTION T cosh(T x) {
  const T half = half_exp(std::fabs(x));
  return half + T(0.25) / half;
}

template <std::floating_point T> ADJOINT_FUNCTION T tanh(T x) {
  using C = ExpConstants<T>;
  const T a = std::fabs(x), square = a * a;
  const T near = multiply_add(a * square, polynomial<C::tanh_tail>(square), a);
  const auto [n, t] = exponential(2 * a);
  const T power = power_of_two<T>(n);
  const T far = 1 - 2 / (multiply_add(power, t, power) + 1);
  const T bounded = a > C::highest_tanh ? T(1) : far;
  return std::copysign(a < T(0.625) ? near : bounded, x);
}

// 1 / (1 + z) or z / (1 + z) with z = e^-|x|, which never overflows and keeps the smallest results. The
// rounding errors of z and of 1 + z are added back, divided by an approximation of 1 + z. A mask of x's sign
// tells the cases apart, because a compiler that sees conditions divides twice.
template <std::floating_point T> ADJOINT_FUNCTION T sigmoid(T x) {
  const T a = std::fabs(x);
  const auto [n, t] = exponential(-a);
  const auto [power, power_lo] = fast_two_sum(T(1), t);
  const T z = scale(power, n), z_lo = scale(power_lo, n);
  const auto [sum, sum_lo] = fast_two_sum(T(1), z);
  const Bits<T> mask = 0 - (bits_of(x) >> (8 * sizeof(T) - 1)), one = bits_of(T(1));
  const T quotient = from_bits<T>((bits_of(z) & mask) | (one & ~mask)) / sum;
  const T inverse = std::fabs(from_bits<T>(one & mask) - quotient);
  const T remainder = from_bits<T>(bits_of(z_lo) & mask) - quotient * (sum_lo + z_lo);
  const T result = multiply_add(remainder, inverse, quotient);
  return a > -ExpConstants<T>::lowest ? from_bits<T>(one & ~mask) : result;
}

// 2^64 e^(low - a) for 0 <= a <= 130, which is a normal number where e^-a is not. A quotient with a divisor that is lifted
// like it is rounded once.
inline constexpr float lift = 0x1.0p64f, lift_exponent = 64;

ADJOINT_FUNCTION float lifted_exp(float a, float low) {
  using C = ExpConstants<float>;
  constexpr float shift = Format<float>::shift + lift_exponent;
  const float shifted = multiply_add(a, -C::log2_e, shift), n = shifted - shift;
  const float r = multiply_add(n, C::ln2_lo, multiply_add(n, C::ln2_hi, a)) - low, square = r * r;
  // Not one after the other, so that less of it waits.
  const float far =
      multiply_add(C::falling_tail[4], square, multiply_add(C::falling_tail[3], r, C::falling_tail[2]));
  const float rest = multiply_add(far, square, multiply_add(C::falling_tail[1], r, C::falling_tail[0]));
  return from_bits<float>(bits_of(1 + multiply_add(rest, square, -r)) + (bits_of(shifted) << 23));
}

// Of a float only the rounding error of 1 + z counts, and only in its first digit.
ADJOINT_FUNCTION float sigmoid(float x) {
  const float z = lifted_exp(bounded_size(x, -ExpConstants<float>::lowest), 0);
  const auto [sum, sum_lo] = fast_two_sum(lift, z);
  const float quotient = (x < 0 ? z : lift) / sum;
  const float result = multiply_add(quotient * sum_lo, -1 / lift, quotient);
  return x == x ? result : x;
}

// The derivative of sigmoid, q (1 - q) with q = sigmoid(-|x|), which is at most 1/2, so that 1 - q keeps its digits.
template <std::floating_point T> ADJOINT_FUNCTION T logistic_density(T x) {
  const T a = std::fabs(x);
  const auto [n, t] = exponential(-a);
  const T z = scale(1 + t, n), q = z / (1 + z);
  const T result = q * (1 - q);
  return a > -ExpConstants<T>::lowest ? T(0) : result;
}

ADJOINT_FUNCTION float logistic_density(float x) {
  const float z = lifted_exp(bounded_size(x, -ExpConstants<float>::lowest), 0), q = z / (lift + z);
  const float result = q * (1 - q);
  return x == x ? result : x;
}

// e^(-x^2 / 2) / sqrt(2 pi), with the rounding error of the square.
template <std::floating_point T> ADJOINT_FUNCTION T normal_density(T x) {
  constexpr T inverse_sqrt_two_pi = static_cast<T>(0x1.9884533d43651p-2);
  const auto [square, square_lo] = two_product(x, x);
  const auto [n, t] = exponential(T(-0.5) * square, T(-0.5) * square_lo);
  const T result = inverse_sqrt_two_pi * scale(1 + t, n);
  return square > -2 * ExpConstants<T>::lowest ? T(0) : result;
}

} // namespace ADJOINT_ISA
} // namespace adjoint::math
