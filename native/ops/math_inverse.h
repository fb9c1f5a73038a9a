// The inverses of the trigonometric and hyperbolic functions, and the hypotenuse. Arctangents and artanh of floats are
// computed as such; the others in double, from where a float is rounded. Near 0 they are an odd polynomial; elsewhere an identity leads back to it,
// or to the logarithm of a pair of doubles.
//
// Polynomials interpolate at Chebyshev nodes (in 50 digits) f(x) / x - 1, over z, as a function of z = x^2:
//   asin_tail    z <= 1/4   2^-58.8
//   asinh_tail   z <= 1/4   2^-58.5
//   atanh_tail   z <= 1/4   2^-57.4, 2^-31 for floats
//   atan_tail    z <= 1/4   2^-57.7, 2^-30 for floats
// with errors weighted by z.
#pragma once
#include "ops/math_log.h"
#include "ops/math_trig.h"

namespace adjoint::math {
inline namespace ADJOINT_ISA {

inline constexpr double asin_tail[] = {0x1.5555555555555p-3,  0x1.3333333333389p-4, 0x1.6db6db6dac0eap-5,
                                       0x1.f1c71c7a5e151p-6,  0x1.6e8ba121b9d5fp-6, 0x1.1c4efd20ebb99p-6,
                                       0x1.c990a42b32b03p-7,  0x1.7b02ef007d23ep-7, 0x1.3b462d121c5d3p-7,
                                       0x1.31777489dfd29p-7,  0x1.8dcdf11997e12p-9, 0x1.40c91fa8deb7ep-6,
                                       -0x1.3bd7e353ddbc1p-6, 0x1.e58a4f278e006p-6};
inline constexpr double asinh_tail[] = {-0x1.5555555555555p-3, 0x1.333333333333p-4,   -0x1.6db6db6db66d6p-5,
                                        0x1.f1c71c716e95ap-6,  -0x1.6e8ba2d619e4dp-6, 0x1.1c4ec2917266dp-6,
                                        -0x1.c9993672d2f98p-7, 0x1.7a81f729025f6p-7,  -0x1.3fa631285b5dp-7,
                                        0x1.115bdce54befp-7,   -0x1.cf0b87411ad1cp-8, 0x1.6b898216ec2dep-8,
                                        -0x1.c4d1e35fafe2fp-9, 0x1.3aea190ec9c4cp-10};

inline constexpr double pi = 2 * half_pi, pi_lo = 2 * half_pi_lo;

template <class T> struct InverseConstants;

template <> struct InverseConstants<double> {
  static constexpr Pair<double> half_pi = {math::half_pi, half_pi_lo};
  static constexpr double atan_tail[] = {-0x1.5555555555555p-2, 0x1.999999999998ep-3,  -0x1.2492492491932p-3,
                                         0x1.c71c71c68a0c5p-4,  -0x1.745d172701e87p-4, 0x1.3b13ad5571f07p-4,
                                         -0x1.1110befb7253cp-4, 0x1.e1d8a9bad86p-5,    -0x1.aecb542412942p-5,
                                         0x1.837a52499d8b8p-5,  -0x1.56b2f82e012ddp-5, 0x1.166a8732cc738p-5,
                                         -0x1.633de283fb773p-6, 0x1.f5c3523066abp-8};
  static constexpr double atanh_tail[] = {0x1.5555555555555p-2,  0x1.9999999999ad1p-3, 0x1.249249247e911p-3,
                                          0x1.c71c71d6cc5d1p-4,  0x1.745d1406b992ep-4, 0x1.3b1417e6e07dfp-4,
                                          0x1.1108e26d64a6dp-4,  0x1.e2c342108eb1fp-5, 0x1.a6c53053bf30cp-5,
                                          0x1.bdcd3cefa72cep-5,  0x1.92cc88a36f708p-7, 0x1.15aa7698edf42p-3,
                                          -0x1.27f230f3831a3p-3, 0x1.b016cba23eee4p-3};
};

template <> struct InverseConstants<float> {
  static constexpr Pair<float> half_pi = {0x1.921fb6p0f, -0x1.777a5cp-25f};
  static constexpr float atan_tail[] = {-0x1.555556p-2f, 0x1.9998f2p-3f,  -0x1.247348p-3f,
                                        0x1.c2d782p-4f,  -0x1.51538ap-4f, 0x1.5a2b0ep-5f};
  static constexpr float atanh_tail[] = {0x1.555556p-2f, 0x1.999964p-3f, 0x1.249fc4p-3f, 0x1.c4a45ap-4f,
                                         0x1.8f7082p-4f, 0x1.4f2f8ep-5f, 0x1.4015d6p-3f};
};

// sqrt(hi + lo), to about 100 bits.
ADJOINT_FUNCTION Pair<double> root_of(Pair<double> x) {
  const double root = std::sqrt(x.hi);
  const auto [square, square_lo] = two_product(root, root);
  return {root, (((x.hi - square) - square_lo) + x.lo) / (2 * root + smallest_normal<double>)};
}

// Beyond 1/2, asin a = pi/2 - 2 asin(sqrt((1 - a) / 2)). Gives asin of a or of that root, whose rounding
// counts there.
ADJOINT_FUNCTION Pair<double> folded_asin(double a) {
  const bool near = a <= 0.5;
  const double square = near ? a * a : 0.5 * (1 - a);
  const auto [root, root_lo] = root_of({square, 0});
  const double hi = near ? a : root;
  return {hi, multiply_add(hi * square, polynomial<asin_tail>(square), near ? 0 : root_lo)};
}

ADJOINT_FUNCTION double asin(double x) {
  const double a = std::fabs(x);
  const auto [hi, lo] = folded_asin(a);
  const auto [rest, rest_lo] = fast_two_sum(half_pi, -2 * hi);
  const double far = rest + (rest_lo + (half_pi_lo - 2 * lo));
  return std::copysign(a <= 0.5 ? hi + lo : far, x);
}

ADJOINT_FUNCTION double acos(double x) {
  const double a = std::fabs(x);
  const auto [hi, lo] = folded_asin(a);
  const double folded = hi + lo;
  const double near = half_pi - (std::copysign(folded, x) - half_pi_lo);
  const double far = x < 0 ? pi - (2 * folded - pi_lo) : 2 * folded;
  return a <= 0.5 ? near : far;
}

// atan(a / b) for a, b >= 0, of which at most one is 0 or infinite: 0, pi/4 or pi/2 and the arctangent of a
// quotient of at most 1/2.
template <class T> ADJOINT_FUNCTION T atan_of_quotient(T a, T b) {
  using C = InverseConstants<T>;
  constexpr auto half_pi = C::half_pi;
  const bool is_middle = a > T(0.5) * b, is_steep = a > T(2.5) * b;
  const T numerator = is_steep ? -b : is_middle ? a - b : a;
  const T denominator = is_steep ? a : is_middle ? a + b : b;
  const T t = numerator / denominator, square = t * t;
  const T base = is_steep ? half_pi.hi : is_middle ? half_pi.hi / 2 : 0;
  const T base_lo = is_steep ? half_pi.lo : is_middle ? half_pi.lo / 2 : 0;
  return base + (multiply_add(t * square, polynomial<C::atan_tail>(square), base_lo) + t);
}

template <std::floating_point T> ADJOINT_FUNCTION T atan(T x) {
  return std::copysign(atan_of_quotient(std::fabs(x), T(1)), x);
}

template <std::floating_point T> ADJOINT_FUNCTION T atan2(T y, T x) {
  constexpr auto half_pi = InverseConstants<T>::half_pi;
  T a = std::fabs(y), b = std::fabs(x);
  const T largest = a > b ? a : b;
  const T factor =
      largest > std::numeric_limits<T>::max() / 8 ? T(0x1.0p-8) : T(1); // so that a + b is finite
  const bool same = (a == infinity<T>)&(b == infinity<T>);
  a = same ? 1 : a * factor;
  b = same | (largest == 0) ? 1 : b * factor;
  const T angle = atan_of_quotient(a, b);
  return std::copysign(std::copysign(T(1), x) < 0 ? 2 * half_pi.hi - (angle - 2 * half_pi.lo) : angle, y);
}

// Beside the square of this or more, 1 is nothing.
inline constexpr double large_hyperbolic = 0x1.0p28;

ADJOINT_FUNCTION double asinh(double x) {
  const double a = std::fabs(x), z = a * a;
  const double near = multiply_add(a * z, polynomial<asinh_tail>(z), a);
  const bool is_large = a > large_hyperbolic;
  const auto [square, square_lo] = two_product(a, a);
  const auto [sum, sum_lo] = two_sum(1.0, square);
  const auto [root, root_lo] = root_of({sum, sum_lo + square_lo});
  const auto [total, total_lo] = two_sum(a, root);
  const double argument = is_large ? a : total;
  const auto [k, f] = logarithm(argument);
  const double far = log_sum(is_large ? k + 1 : k, f, is_large ? 0 : (total_lo + root_lo) / total);
  const double result = a <= 0.5 ? near : a < infinity<double> ? far : a;
  return std::copysign(result, x);
}

// log(1 + u) with u = x - 1 + sqrt(x^2 - 1), which keeps its accuracy near 1.
ADJOINT_FUNCTION double acosh(double x) {
  const bool is_large = x > large_hyperbolic;
  const auto [square, square_lo] = two_product(x, x);
  const auto [difference, difference_lo] = two_sum(square, -1.0);
  const auto [root, root_lo] = root_of({difference, difference_lo + square_lo});
  const auto [above, above_lo] = two_sum(x, -1.0);
  auto [u, u_lo] = two_sum(above, root);
  u_lo += root_lo + above_lo;
  const auto [sum, sum_lo] = two_sum(1.0, u);
  const auto [k, f] = logarithm(is_large ? x : sum);
  const double rest = (k == 0 ? u_lo : sum_lo + u_lo) / sum;
  const double result = log_sum(is_large ? k + 1 : k, k == 0 ? u : f, is_large ? 0 : rest);
  const double bounded = x < infinity<double> ? result : x;
  return x >= 1 ? bounded : not_a_number<double>;
}

// log((1 + a) / (1 - a)) / 2, with the quotient as a pair; a polynomial near 0.
template <std::floating_point T> ADJOINT_FUNCTION T atanh(T x) {
  const T a = std::fabs(x), z = a * a;
  const T near = multiply_add(a * z, polynomial<InverseConstants<T>::atanh_tail>(z), a);
  const auto [numerator, numerator_lo] = fast_two_sum(T(1), a);
  const T denominator = 1 - a, quotient = numerator / denominator;
  const auto [product, product_lo] = two_product(quotient, denominator);
  const T rest = (((numerator - product) - product_lo) + numerator_lo) / numerator;
  const auto [k, f] = logarithm(quotient);
  const T far = T(0.5) * log_sum(k, f, rest);
  const T bounded = a == 1 ? infinity<T> : a < 1 ? far : not_a_number<T>;
  return std::copysign(a <= T(0.5) ? near : bounded, x);
}

// Powers of two keep the squares away from overflow and from denormals.
ADJOINT_FUNCTION double hypot(double x, double y) {
  const double a = std::fabs(x), b = std::fabs(y), largest = a > b ? a : b;
  const bool is_large = largest > 0x1.0p500, is_small = largest < 0x1.0p-400;
  const double factor = is_large ? 0x1.0p-600 : is_small ? 0x1.0p600 : 1;
  const double inverse = is_large ? 0x1.0p600 : is_small ? 0x1.0p-600 : 1;
  const double p = a * factor, q = b * factor;
  const double result = std::sqrt(multiply_add(p, p, q * q)) * inverse;
  return (a == infinity<double>) | (b == infinity<double>) ? infinity<double> : result;
}

ADJOINT_FUNCTION float hypot(float x, float y) {
  const double a = x, b = y;
  const auto result = static_cast<float>(std::sqrt(multiply_add(a, a, b * b)));
  return (std::fabs(x) == infinity<float>) | (std::fabs(y) == infinity<float>) ? infinity<float> : result;
}

#define FROM_DOUBLE(name)                                                                                    \
  ADJOINT_FUNCTION float name(float x) { return static_cast<float>(name(static_cast<double>(x))); }
FROM_DOUBLE(asin)
FROM_DOUBLE(acos)
FROM_DOUBLE(asinh)
FROM_DOUBLE(acosh)
#undef FROM_DOUBLE

} // namespace ADJOINT_ISA
} // namespace adjoint::math
