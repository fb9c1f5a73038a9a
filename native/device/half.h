// The floating dtypes of 16 bits: elements are stored so, and computed in float32. Nothing here branches, so that loops
// over elements vectorise, and every device runs the same lines, so that bits agree, those of NaN included.
#pragma once
#include <bit>
#include <cstdint>
#include <type_traits>

// Inlining is forced because a loop around a call does not vectorise.
#if defined(__CUDACC__)
#define ADJOINT_CONVERSION __host__ __device__ __forceinline__ constexpr
#elif defined(__GNUC__)
#define ADJOINT_CONVERSION [[gnu::always_inline]] inline constexpr
#else
#define ADJOINT_CONVERSION inline constexpr
#endif

namespace adjoint {

// IEEE's binary16: 5 bits of exponent, 10 of mantissa.
enum class Half : uint16_t {};
// The upper half of a float: 8 bits of exponent, 7 of mantissa.
enum class BFloat16 : uint16_t {};

template <class T> inline constexpr bool is_half = std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>;

ADJOINT_CONVERSION float widened(Half value) {
  const auto bits = static_cast<uint32_t>(value);
  const uint32_t sign = (bits & 0x8000) << 16, rest = (bits & 0x7fff) << 13;
  // Without their sign: numbers below 2^-14, which have no leading bit, are read with one that is then taken off.
  const auto small = std::bit_cast<uint32_t>(std::bit_cast<float>(rest + (uint32_t{113} << 23)) - 0x1p-14f);
  const uint32_t normal = rest + (uint32_t{112} << 23), unbounded = rest + (uint32_t{224} << 23);
  const uint32_t quiet = rest > (uint32_t{31} << 23) ? 0x400000 : 0;
  const uint32_t finite = rest < (uint32_t{1} << 23) ? small : normal;
  return std::bit_cast<float>(sign | (rest < (uint32_t{31} << 23) ? finite : unbounded | quiet));
}

ADJOINT_CONVERSION float widened(BFloat16 value) {
  return std::bit_cast<float>(static_cast<uint32_t>(value) << 16);
}

// To the nearest, ties to even; NaN stays one.
template <class To> ADJOINT_CONVERSION To narrowed(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const uint32_t rest = bits & 0x7fffffff;
  const bool is_nan = rest > 0x7f800000;
  if constexpr (std::is_same_v<To, BFloat16>) {
    const uint32_t number = (bits + 0x7fff + (bits >> 16 & 1)) >> 16, nan = bits >> 16 | 0x40;
    return static_cast<To>(is_nan ? nan : number);
  } else {
    // Below 2^-14 the sum with 1/2 rounds to multiples of 2^-24, the smallest number; from 65520 on all is infinity.
    const uint32_t small =
        std::bit_cast<uint32_t>(std::bit_cast<float>(rest) + 0.5f) - std::bit_cast<uint32_t>(0.5f);
    const uint32_t normal = (rest + 0xfff + (rest >> 13 & 1) - (uint32_t{112} << 23)) >> 13;
    const uint32_t finite = rest < (uint32_t{113} << 23) ? small : normal;
    const uint32_t number = rest < 0x477ff000 ? finite : 0x7c00, nan = (rest >> 13 & 0x3ff) | 0x7e00;
    return static_cast<To>((bits >> 16 & 0x8000) | (is_nan ? nan : number));
  }
}

// A float whose last bit is set where it is not exact, and which is never farther from zero: what is rounded once more,
// to fewer bits, is rounded as if it were for the first time.
ADJOINT_CONVERSION float rounded_to_odd(double value) {
  const auto nearest = static_cast<float>(value);
  const double back = nearest;
  const bool is_farther = value > 0 ? back > value : back < value;
  const uint32_t lower = std::bit_cast<uint32_t>(nearest) - static_cast<uint32_t>(is_farther);
  return std::bit_cast<float>(lower | static_cast<uint32_t>(back != value));
}

template <class To> ADJOINT_CONVERSION To narrowed(double value) {
  return narrowed<To>(rounded_to_odd(value));
}

template <class To> ADJOINT_CONVERSION To narrowed(int64_t value) {
  // So is the lower part of what is longer than a double's mantissa.
  const int64_t long_value = (value & ~int64_t{0xfff}) | (int64_t{(value & 0xfff) != 0} << 11);
  const bool is_short = (value >> 52) + (value < 0) == 0;
  return narrowed<To>(static_cast<double>(is_short ? value : long_value));
}

} // namespace adjoint
