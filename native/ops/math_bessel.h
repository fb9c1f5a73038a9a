// The modified Bessel functions of the first kind I0 and I1, and the same times e^-|x|. All are computed in double; a
// float is rounded from there. Up to 12 they are their power series (DLMF 10.25.2), whose terms are positive; beyond,
// sqrt(x) e^-x I(x) is a polynomial in 12 / x - 1/2, which interpolates at Chebyshev nodes (in 60 digits, 2^-55.4). For
// floats, polynomials of lower degree interpolate the same, and in x^2 the power series too (2^-29.7, relative).
#pragma once
#include "ops/math_exp.h"
#include "ops/math_rare.h"

namespace adjoint::math {
inline namespace ADJOINT_ISA {

inline constexpr double i0_near[] = {0x1p+0,
                                     0x1p-2,
                                     0x1p-6,
                                     0x1.c71c71c71c71cp-12,
                                     0x1.c71c71c71c71cp-18,
                                     0x1.23456789abcdfp-24,
                                     0x1.02e85c0898b71p-31,
                                     0x1.522a43f65486ap-39,
                                     0x1.522a43f65486ap-47,
                                     0x1.0b313289be0b9p-55,
                                     0x1.5601885e63e5dp-64,
                                     0x1.69ca9cf3b7f54p-73,
                                     0x1.4197a7f5154bcp-82,
                                     0x1.e725594ee52e9p-92,
                                     0x1.3e22d70ef3b5fp-101,
                                     0x1.69f7da8510bcdp-111,
                                     0x1.69f7da8510bcdp-121,
                                     0x1.40a2dc2460523p-131,
                                     0x1.faaf2fa1c79e5p-142,
                                     0x1.674f8e46c208cp-152,
                                     0x1.cbeaf38dc529fp-163,
                                     0x1.0afb53e9cec0bp-173,
                                     0x1.1a6d4e307528fp-184,
                                     0x1.1159d2b18fe1fp-195,
                                     0x1.e5f504c9e358cp-207,
                                     0x1.8e189760fbc74p-218,
                                     0x1.2d843c1f0a6f9p-229,
                                     0x1.a787875e855a5p-241,
                                     0x1.149733d53cf71p-252,
                                     0x1.50c6b70b8d80dp-264,
                                     0x1.7f2d2fd687f7dp-276,
                                     0x1.984bda886ca72p-288,
                                     0x1.984bda886ca72p-300};
inline constexpr double i1_near[] = {0x1p+0,
                                     0x1p-3,
                                     0x1.5555555555555p-8,
                                     0x1.c71c71c71c71cp-14,
                                     0x1.6c16c16c16c17p-20,
                                     0x1.845c8a0ce5129p-27,
                                     0x1.27e4fb7789f5cp-34,
                                     0x1.522a43f65486ap-42,
                                     0x1.2c9758daf5cdp-50,
                                     0x1.ab81ea75fcdf4p-59,
                                     0x1.f17697cf1cf13p-68,
                                     0x1.e2637bef9ff1ap-77,
                                     0x1.8bce58901a35ep-86,
                                     0x1.165e7c2d153f3p-95,
                                     0x1.53585cdcbfb1p-105,
                                     0x1.69f7da8510bcdp-115,
                                     0x1.54ad09e6a6575p-125,
                                     0x1.1d028acb00491p-135,
                                     0x1.aaae78f4066a6p-146,
                                     0x1.1f72d8389b3a3p-156,
                                     0x1.5e69de22df5cep-167,
                                     0x1.84564b82a1184p-178,
                                     0x1.88f11edf3ed4cp-189,
                                     0x1.6c77c3976a829p-200,
                                     0x1.37033643c4b3bp-211,
                                     0x1.e9f6e1b270f54p-223,
                                     0x1.655a5a37c0843p-234,
                                     0x1.e4089ab52ab05p-246,
                                     0x1.313415e2783ccp-257,
                                     0x1.673a5cd91f786p-269,
                                     0x1.8b897bb42941ep-281,
                                     0x1.984bda886ca72p-293,
                                     0x1.8bec76d1ddb95p-305};
inline constexpr double i0e_far[] = {0x1.9ab25f8f56038p-2,  0x1.1e0569de02b4p-8,    0x1.d5a27f377d579p-13,
                                     0x1.77807b2efd7dbp-16, 0x1.d2593f3d0619dp-19,  0x1.96f6e04cd0398p-21,
                                     0x1.d9446fb8d2453p-23, 0x1.643cfdd97319p-24,   0x1.570bd15f7e951p-25,
                                     0x1.a8a13da91a98dp-26, 0x1.573d3cd988eafp-26,  0x1.744991b1f2a0ap-26,
                                     0x1.ee7363435f706p-26, 0x1.8f22275521a7bp-26,  -0x1.6c5e774c30caap-25,
                                     -0x1.2eac563d61e5p-23, -0x1.2ac6d83e20d22p-24, 0x1.97e843ac87092p-23,
                                     0x1.a5a6c52643eabp-23, -0x1.ba3c2f53a981fp-24, -0x1.3bc856335f75dp-23};
inline constexpr double i1e_far[] = {0x1.920c27c8dc633p-2,   -0x1.a3c9adbe35639p-7,  -0x1.7eb85088a954p-12,
                                     -0x1.00e3b41976eep-15,  -0x1.24caf4e8aaee8p-18, -0x1.e56523e4aeed2p-21,
                                     -0x1.10a6adb64d8ep-22,  -0x1.904800fe3fa92p-24, -0x1.7a062a0147f3p-25,
                                     -0x1.cc849eb2be813p-26, -0x1.6f32b6f575dd7p-26, -0x1.89228aa169c6cp-26,
                                     -0x1.03cf3b9d34aa9p-25, -0x1.afdb57f46f757p-26, 0x1.6bf21dced3572p-25,
                                     0x1.3ba0c1584c50bp-23,  0x1.496dfc004de11p-24,  -0x1.a3d6051360332p-23,
                                     -0x1.bef469a2ecbffp-23, 0x1.c2eefe7bf0cep-24,   0x1.4b5739a4ec1ecp-23};

inline constexpr double i0_near_float[] = {
    0x1.00000002edbe0p+0,  0x1.ffffffb6cdaa7p-3,   0x1.0000012f3485cp-6,  0x1.c71c624e77c56p-12,
    0x1.c71cdb74e2ed7p-18, 0x1.2343b5963b29fp-24,  0x1.02f16d238060ap-31, 0x1.51e7f04c28d44p-39,
    0x1.537fe14c318f5p-47, 0x1.06480b0c635c1p-55,  0x1.6fe1587c5181cp-64, 0x1.09619ad6043eap-73,
    0x1.1bd00f8fb50bep-81, -0x1.3c2535f540ffap-92, 0x1.02207eb94f676p-99};
inline constexpr double i0e_far_float[] = {0x1.9ab25f9154ecdp-2,  0x1.1e056a10b8d81p-8,
                                           0x1.d59e04f66ffccp-13, 0x1.7772497415d6dp-16,
                                           0x1.de17ce5e8e23bp-19, 0x1.a95f0b58aa9dcp-21};
inline constexpr double i1_near_float[] = {
    0x1.fffffff645299p-1,   0x1.00000069e93aap-3,  0x1.55554f5e1fdb5p-8,  0x1.c71cb5708be16p-14,
    0x1.6c1531a8d216fp-20,  0x1.846791e910f67p-27, 0x1.27b2a15ffc980p-34, 0x1.5361433d54a23p-42,
    0x1.2762a8956f133p-50,  0x1.cabcd5724a363p-59, 0x1.6f48d87b12763p-68, 0x1.a867478c4681cp-76,
    -0x1.005c3f77312f9p-86, 0x1.c4472b224ea81p-94};
inline constexpr double i1e_far_float[] = {0x1.920c27c691c6fp-2,   -0x1.a3c9adda911f1p-7,
                                           -0x1.7eb5be67554d9p-12, -0x1.00dbc3c01db9fp-15,
                                           -0x1.2b8a7f8aa1489p-18, -0x1.fa01429853a41p-21};

inline constexpr double bessel_limit = 12, bessel_overflow = 720;

// I0 and 2 I1(a) / a near 0, and both times e^-a far from it, for a >= 0.
template <const auto& near, const auto& far> ADJOINT_FUNCTION double bessel(double a, bool is_scaled) {
  const double below = polynomial<near>(a * a);
  const double above = polynomial<far>(bessel_limit / a - 0.5) / std::sqrt(a);
  // In halves, since e^a overflows first.
  const double half = exp(is_scaled ? -a : 0.5 * a);
  const double large = a > bessel_overflow ? infinity<double> : above * half * half;
  return a <= bessel_limit ? (is_scaled ? half * below : below) : (is_scaled ? above : large);
}

template <const auto& near, const auto& far> ADJOINT_FUNCTION double even_bessel(double x, bool is_scaled) {
  return bessel<near, far>(std::fabs(x), is_scaled);
}
template <const auto& near, const auto& far> ADJOINT_FUNCTION double odd_bessel(double x, bool is_scaled) {
  const double a = std::fabs(x), value = bessel<near, far>(a, is_scaled);
  return std::copysign(a <= bessel_limit ? 0.5 * a * value : value, x);
}

ADJOINT_FUNCTION double i0(double x) { return x != x ? x : even_bessel<i0_near, i0e_far>(x, false); }
ADJOINT_FUNCTION double i0e(double x) { return even_bessel<i0_near, i0e_far>(x, true); }
ADJOINT_FUNCTION double i1(double x) { return x != x ? x : odd_bessel<i1_near, i1e_far>(x, false); }
ADJOINT_FUNCTION double i1e(double x) { return odd_bessel<i1_near, i1e_far>(x, true); }
#define FOR_FLOAT(name, kind, near, far, is_scaled)                                                          \
  ADJOINT_FUNCTION float name(float x) {                                                                     \
    const auto value = static_cast<float>(kind<near, far>(static_cast<double>(x), is_scaled));               \
    return x == x ? value : x;                                                                               \
  }
FOR_FLOAT(i0, even_bessel, i0_near_float, i0e_far_float, false)
FOR_FLOAT(i0e, even_bessel, i0_near_float, i0e_far_float, true)
FOR_FLOAT(i1, odd_bessel, i1_near_float, i1e_far_float, false)
FOR_FLOAT(i1e, odd_bessel, i1_near_float, i1e_far_float, true)
#undef FOR_FLOAT

} // namespace ADJOINT_ISA
} // namespace adjoint::math
