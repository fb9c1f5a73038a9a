// The functions of the rows beside the transcendental ones, for every dtype, integers and bool included.
#pragma once
#include <concepts>
#include <limits>

#include "ops/math.h"
#include "ops/op.h"

namespace adjoint {
inline namespace ADJOINT_ISA {

// Whether rows for these dtypes compute in T.
template <class T> constexpr bool computes(Dtypes dtypes) {
  if (!std::is_arithmetic_v<T>) return false; // halves are converted first
  switch (dtypes) {
  case Dtypes::floating:
  case Dtypes::mean:
    return std::floating_point<T>;
  case Dtypes::numeric:
    return !std::same_as<T, bool>;
  case Dtypes::whole:
    return std::integral<T>;
  case Dtypes::integral:
    return std::integral<T> && !std::same_as<T, bool>;
  case Dtypes::total:
    return std::floating_point<T> || std::same_as<T, int64_t>;
  case Dtypes::any:
  case Dtypes::truth:
  case Dtypes::select:
  case Dtypes::own:
    return true;
  }
  __builtin_unreachable();
}

} // namespace ADJOINT_ISA
} // namespace adjoint

namespace adjoint::math {
inline namespace ADJOINT_ISA {

template <class T> ADJOINT_FUNCTION constexpr T lowest() {
  return std::floating_point<T> ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::lowest();
}
template <class T> ADJOINT_FUNCTION constexpr T highest() {
  return std::floating_point<T> ? std::numeric_limits<T>::infinity() : std::numeric_limits<T>::max();
}

// Keeps a selection apart from the next. Left alone, gcc merges selections of vectors into one of twice the
// work.
template <class T> ADJOINT_FUNCTION T settled(T a) {
#if defined __GNUC__ && defined __x86_64__
  if constexpr (!std::is_arithmetic_v<T>) asm("" : "+x"(a));
#endif
  return a;
}

// Whole numbers by their bits: where vectors have no instruction for it, gcc would branch, by chance.
template <class T> ADJOINT_FUNCTION T selected(bool takes_first, T a, T b) {
  if constexpr (std::integral<T> && !std::same_as<T, bool>)
    return static_cast<T>(b ^ ((a ^ b) & static_cast<T>(-static_cast<T>(takes_first))));
  else
    return takes_first ? a : b;
}

// NaN wins, from either side: the inner selection, which is one instruction, gives b where either is NaN.
template <class T> ADJOINT_FUNCTION T maximum(T a, T b) {
  const T larger = settled(a > b ? a : b);
  return a != a ? a : larger;
}
template <class T> ADJOINT_FUNCTION T minimum(T a, T b) {
  const T smaller = settled(a < b ? a : b);
  return a != a ? a : smaller;
}

template <class T> ADJOINT_FUNCTION bool is_infinite(T a) {
  if constexpr (std::floating_point<T>)
    return a == highest<T>() || a == lowest<T>();
  else
    return false;
}

// Integers are whole already, and wrap where they overflow.
template <std::integral T> ADJOINT_FUNCTION T floor(T a) { return a; }
template <std::integral T> ADJOINT_FUNCTION T ceil(T a) { return a; }
template <std::integral T> ADJOINT_FUNCTION T round(T a) { return a; }
template <std::integral T> ADJOINT_FUNCTION T trunc(T a) { return a; }
template <std::integral T> ADJOINT_FUNCTION T abs(T a) {
  return a < T(0) ? static_cast<T>(0 - static_cast<std::make_unsigned_t<T>>(a)) : a;
}

// Integer powers by squaring; a negative exponent gives what 1 / a**-b truncates to.
template <class T> ADJOINT_FUNCTION T power(T a, T b) {
  if constexpr (std::floating_point<T>) {
    return math::pow(a, b);
  } else {
    if (b < T(0)) return a == T(1) ? T(1) : a == static_cast<T>(-1) ? (b % 2 == 0 ? T(1) : a) : T(0);
    uint64_t result = 1, base = static_cast<uint64_t>(a);
    for (auto exponent = static_cast<uint64_t>(b); exponent > 0; exponent >>= 1) {
      if (exponent & 1) result *= base;
      base *= base;
    }
    return static_cast<T>(result);
  }
}

} // namespace ADJOINT_ISA
} // namespace adjoint::math
