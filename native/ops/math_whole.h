// The functions of rows that are for integers, or are others for integers than for floats. Nothing traps: what has no
// value, such as a division by zero, is 0, and what overflows wraps.
#pragma once
#include "ops/math_mixed.h"

namespace adjoint::math {
inline namespace ADJOINT_ISA {

// a / b towards zero and its remainder, without the two cases in which processors stop.
template <std::integral T> struct Division {
  T quotient, rest;
};
template <std::integral T> ADJOINT_FUNCTION Division<T> divide(T a, T b) {
  if (b == T(0)) return {T(0), T(0)};
  if constexpr (std::is_signed_v<T>)
    if (b == T(-1)) return {static_cast<T>(0 - static_cast<std::make_unsigned_t<T>>(a)), T(0)};
  return {static_cast<T>(a / b), static_cast<T>(a % b)};
}

template <std::integral T> ADJOINT_FUNCTION T fmod(T a, T b) { return divide(a, b).rest; }
template <std::integral T> ADJOINT_FUNCTION T remainder(T a, T b) {
  const T rest = divide(a, b).rest;
  return rest != T(0) && (b < T(0)) != (rest < T(0)) ? static_cast<T>(rest + b) : rest;
}
template <std::integral T> ADJOINT_FUNCTION T floor_divide(T a, T b) {
  const auto [quotient, rest] = divide(a, b);
  return rest != T(0) && (b < T(0)) != (rest < T(0)) ? static_cast<T>(quotient - 1) : quotient;
}

// Rows for integers alone are also asked for values of numbers, which are doubles.
template <class T> using Whole = std::conditional_t<std::floating_point<T>, int64_t, T>;

template <class T> ADJOINT_FUNCTION T bitwise_not(T a) {
  if constexpr (std::same_as<T, bool>)
    return !a;
  else
    return static_cast<T>(~static_cast<Whole<T>>(a));
}
template <class T> ADJOINT_FUNCTION T bitwise_and(T a, T b) {
  return static_cast<T>(static_cast<Whole<T>>(a) & static_cast<Whole<T>>(b));
}
template <class T> ADJOINT_FUNCTION T bitwise_or(T a, T b) {
  return static_cast<T>(static_cast<Whole<T>>(a) | static_cast<Whole<T>>(b));
}
template <class T> ADJOINT_FUNCTION T bitwise_xor(T a, T b) {
  return static_cast<T>(static_cast<Whole<T>>(a) ^ static_cast<Whole<T>>(b));
}

// Shifts by less than 0 or by all the bits and more are those of a large distance.
template <class T> ADJOINT_FUNCTION bool is_shift(T b) {
  return b >= T(0) && b < static_cast<T>(8 * sizeof(Whole<T>));
}
template <class T> ADJOINT_FUNCTION T left_shift(T a, T b) {
  const auto distance = static_cast<uint64_t>(is_shift(b) ? b : T(0));
  return is_shift(b) ? static_cast<T>(static_cast<Whole<T>>(static_cast<uint64_t>(a) << distance)) : T(0);
}
template <class T> ADJOINT_FUNCTION T right_shift(T a, T b) {
  const auto distance = static_cast<uint64_t>(is_shift(b) ? b : T(0));
  const T extreme = a < T(0) ? static_cast<T>(-1) : T(0);
  return is_shift(b) ? static_cast<T>(static_cast<Whole<T>>(a) >> distance) : extreme;
}

// Euclid's, of magnitudes.
template <class T> ADJOINT_FUNCTION T gcd(T a, T b) {
  const auto magnitude = [](T x) {
    const auto wide = static_cast<uint64_t>(static_cast<int64_t>(x));
    return x < T(0) ? 0 - wide : wide;
  };
  uint64_t larger = magnitude(a), smaller = magnitude(b);
  while (smaller != 0) {
    const uint64_t rest = larger % smaller;
    larger = smaller;
    smaller = rest;
  }
  return static_cast<T>(larger);
}

} // namespace ADJOINT_ISA
} // namespace adjoint::math
