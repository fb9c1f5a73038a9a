// IEEE numbers as the transcendental functions need them: their bits, rounding without instructions that only
// newer processors have, and sums and products whose rounding error is known. Nothing here branches. Select
// at the end: a constant that is selected early is folded into all that follows, and one computation becomes
// one per case.
#pragma once
#include <bit>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>

// Inlining is forced because a loop around a call does not vectorise.
#if defined(__CUDACC__)
#define ADJOINT_FUNCTION __host__ __device__ __forceinline__
#elif defined(__GNUC__)
#define ADJOINT_FUNCTION [[gnu::always_inline]] inline
#else
#define ADJOINT_FUNCTION inline
#endif

// Before a loop of a fixed number of steps: a loop around another one does not vectorise.
#if defined(__CUDACC__)
#define ADJOINT_UNROLLED _Pragma("unroll")
#elif defined(__GNUC__)
#define ADJOINT_UNROLLED _Pragma("GCC unroll 64")
#else
#define ADJOINT_UNROLLED
#endif

// Objects compiled for different instruction sets never share an instance of a template: the linker would
// keep one of them for all, and a newer instruction could reach an older processor.
#if defined(__CUDACC__)
#define ADJOINT_ISA isa_cuda
#elif defined(__AVX512F__)
#define ADJOINT_ISA isa_v4
#elif defined(__AVX2__) && defined(__FMA__)
#define ADJOINT_ISA isa_v3
#elif defined(__SSE4_1__)
#define ADJOINT_ISA isa_v2
#else
#define ADJOINT_ISA isa_base
#endif

#if defined(__FMA__) || defined(__CUDACC__)
#define ADJOINT_HAS_FMA
#endif

namespace adjoint::math {
inline namespace ADJOINT_ISA {

template <class T> struct Format;

template <> struct Format<float> {
  using Bits = uint32_t;
  static constexpr int mantissa_bits = 23;
  static constexpr int bias = 127;
  static constexpr float shift = 0x1.8p23f;      // adding it rounds to a whole number
  static constexpr float normalizer = 0x1.0p25f; // makes the smallest denormal normal
  static constexpr float normalizer_exponent = 25;
  static constexpr Bits upper_half = 0xfffff000; // 12 bits of the mantissa
};

template <> struct Format<double> {
  using Bits = uint64_t;
  static constexpr int mantissa_bits = 52;
  static constexpr int bias = 1023;
  static constexpr double shift = 0x1.8p52;
  static constexpr double normalizer = 0x1.0p54;
  static constexpr double normalizer_exponent = 54;
  static constexpr Bits upper_half = 0xffffffff00000000; // 21 bits of the mantissa
};

template <class T> using Bits = typename Format<T>::Bits;
template <class T> inline constexpr T infinity = std::numeric_limits<T>::infinity();
template <class T> inline constexpr T not_a_number = std::numeric_limits<T>::quiet_NaN();
template <class T> inline constexpr T smallest_normal = std::numeric_limits<T>::min();

template <class T> ADJOINT_FUNCTION Bits<T> bits_of(T x) { return std::bit_cast<Bits<T>>(x); }
template <class T> ADJOINT_FUNCTION T from_bits(Bits<T> b) { return std::bit_cast<T>(b); }

// a * b + c, with one rounding where the processor can. Every error bound holds for either.
template <class T> ADJOINT_FUNCTION T multiply_add(T a, T b, T c) {
#ifdef ADJOINT_HAS_FMA
  return std::fma(a, b, c);
#else
  return a * b + c;
#endif
}

// c[0] + c[1] x + c[2] x^2 + ... Code for a GPU can use the constants of an array, but not the array.
template <const auto& c, size_t I = 0, class T> ADJOINT_FUNCTION T polynomial(T x) {
  constexpr T coefficient = c[I];
  if constexpr (I + 1 == std::size(c))
    return coefficient;
  else
    return multiply_add(polynomial<c, I + 1>(x), x, coefficient);
}

// |x|, or `most` where that is less or x is no number. As whole numbers, because gcc folds a constant that floats are
// compared with into everything that follows.
ADJOINT_FUNCTION float bounded_size(float x, float most) {
  const uint32_t size = bits_of(x) & 0x7fffffff, bound = bits_of(most);
  return from_bits<float>(size < bound ? size : bound);
}

// The nearest whole number, ties to even, for |x| < 2^22 (float) or 2^51 (double).
template <class T> ADJOINT_FUNCTION T nearest(T x) { return (x + Format<T>::shift) - Format<T>::shift; }

// A whole number n, as itself and as n + 2 * bias in the low bits, from where it moves up into exponents.
template <class T> struct Exponent {
  T whole;
  Bits<T> low;
};

template <class T> ADJOINT_FUNCTION Exponent<T> exponent(T shifted) {
  return {shifted - (Format<T>::shift + 2 * Format<T>::bias), bits_of(shifted)};
}

// The exponent nearest to x * factor.
template <class T> ADJOINT_FUNCTION Exponent<T> nearest_exponent(T x, T factor) {
  return exponent(multiply_add(x, factor, Format<T>::shift + 2 * Format<T>::bias));
}

// 2^n, where that is a normal number.
template <class T> ADJOINT_FUNCTION T power_of_two(Bits<T> low) {
  return from_bits<T>((low - Format<T>::bias) << Format<T>::mantissa_bits);
}

// m * 2^n, rounded once, also where 2^n itself would overflow or the result is denormal.
template <class T> ADJOINT_FUNCTION T scale(T m, Bits<T> low) {
  const Bits<T> half = low >> 1;
  const T first = from_bits<T>(half << Format<T>::mantissa_bits);
  return m * first * from_bits<T>((low - half) << Format<T>::mantissa_bits);
}

// A value as an unevaluated sum, |lo| at most half an ulp of hi unless said otherwise.
template <class T> struct Pair {
  T hi, lo;
};

// a + b exactly (Knuth's two-sum).
template <class T> ADJOINT_FUNCTION Pair<T> two_sum(T a, T b) {
  const T sum = a + b;
  const T b_part = sum - a;
  return {sum, (a - (sum - b_part)) + (b - b_part)};
}

// a + b exactly, where a is 0 or |a| >= |b| (Dekker's fast two-sum).
template <class T> ADJOINT_FUNCTION Pair<T> fast_two_sum(T a, T b) {
  const T sum = a + b;
  return {sum, b - (sum - a)};
}

// a * b exactly, while nothing under- or overflows; |a|, |b| < 2^996 (Dekker's product without fma).
ADJOINT_FUNCTION Pair<double> two_product(double a, double b) {
  const double product = a * b;
#ifdef ADJOINT_HAS_FMA
  return {product, std::fma(a, b, -product)};
#else
  constexpr double splitter = 0x1.0p27 + 1;
  const double a_scaled = a * splitter, b_scaled = b * splitter;
  const double a_hi = a_scaled - (a_scaled - a), b_hi = b_scaled - (b_scaled - b);
  const double a_lo = a - a_hi, b_lo = b - b_hi;
  return {product, ((a_hi * b_hi - product) + a_hi * b_lo + a_lo * b_hi) + a_lo * b_lo};
#endif
}

ADJOINT_FUNCTION Pair<float> two_product(float a, float b) {
  const float product = a * b;
#ifdef ADJOINT_HAS_FMA
  return {product, std::fma(a, b, -product)};
#else
  return {product,
          static_cast<float>(static_cast<double>(a) * static_cast<double>(b) - static_cast<double>(product))};
#endif
}

} // namespace ADJOINT_ISA
} // namespace adjoint::math
