// The dtypes: one row each. Everything that depends on the list of dtypes expands ADJOINT_DTYPES.
#pragma once
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <type_traits>

#include "device/half.h"

namespace adjoint {

//         name     C++ type  PyTorch's word
#define ADJOINT_INTEGER_DTYPES(ROW)                                                                          \
  ROW(boolean, bool, "bool", "Bool")                                                                         \
  ROW(uint8, uint8_t, "uint8", "Byte")                                                                       \
  ROW(int32, int32_t, "int32", "Int")                                                                        \
  ROW(int64, int64_t, "int64", "Long")
#define ADJOINT_HALF_DTYPES(ROW)                                                                             \
  ROW(float16, Half, "float16", "Half")                                                                      \
  ROW(bfloat16, BFloat16, "bfloat16", "BFloat16")
#define ADJOINT_FLOAT_DTYPES(ROW)                                                                            \
  ROW(float32, float, "float32", "Float")                                                                    \
  ROW(float64, double, "float64", "Double")

#define ADJOINT_DTYPES(ROW) ADJOINT_INTEGER_DTYPES(ROW) ADJOINT_HALF_DTYPES(ROW) ADJOINT_FLOAT_DTYPES(ROW)
// Those that ops compute in: halves are only stored, moved and converted.
#define ADJOINT_COMPUTED_DTYPES(ROW) ADJOINT_INTEGER_DTYPES(ROW) ADJOINT_FLOAT_DTYPES(ROW)

// In this order the later one of two dtypes can hold what the promotion of both needs, but for two halves.
enum class DType : uint8_t {
#define ROW(name, type, label, word) name,
  ADJOINT_DTYPES(ROW)
#undef ROW
};

struct DTypeInfo {
  std::string_view label; // as JavaScript spells it
  std::string_view word;  // as PyTorch's messages spell it
  uint8_t bytes;
};

inline constexpr DTypeInfo dtype_table[] = {
#define ROW(name, type, label, word) {label, word, sizeof(type)},
    ADJOINT_DTYPES(ROW)
#undef ROW
};
inline constexpr size_t dtype_count = sizeof(dtype_table) / sizeof(dtype_table[0]);

inline constexpr const DTypeInfo& info(DType dtype) { return dtype_table[static_cast<size_t>(dtype)]; }
inline constexpr int64_t bytes_of(DType dtype) { return info(dtype).bytes; }
inline constexpr bool is_floating(DType dtype) { return dtype >= DType::float16; }
inline constexpr bool is_half_dtype(DType dtype) { return is_floating(dtype) && dtype < DType::float32; }
// The dtype that ops on elements of this one compute in.
inline constexpr DType computed_dtype(DType dtype) { return is_half_dtype(dtype) ? DType::float32 : dtype; }

// Categories promote (bool < integer < floating) before widths do.
inline constexpr int category(DType dtype) {
  return dtype == DType::boolean ? 0 : is_floating(dtype) ? 2 : 1;
}

// uint8 with a signed type gives the signed type, as the order of rows says; neither half holds the other.
inline constexpr DType promoted(DType a, DType b) {
  if (a != b && is_half_dtype(a) && is_half_dtype(b)) return DType::float32;
  return a > b ? a : b;
}

#define ROW(name, type, label, word)                                                                         \
  static_assert(is_floating(DType::name) == (std::is_floating_point_v<type> || is_half<type>),               \
                "floating dtypes come last");                                                                \
  static_assert(is_half_dtype(DType::name) == is_half<type>, "halves come before other floating dtypes");
ADJOINT_DTYPES(ROW)
#undef ROW
static_assert(
    [] {
      for (size_t i = 1; i < dtype_count; ++i) {
        const auto one = static_cast<DType>(i - 1), next = static_cast<DType>(i);
        if (category(one) > category(next)) return false;
        const bool are_halves = is_half_dtype(one) && is_half_dtype(next);
        if (category(one) == category(next) && bytes_of(one) >= bytes_of(next) && !are_halves) return false;
      }
      return true;
    }(),
    "the later of two dtypes is what they promote to");

template <class T> inline constexpr DType dtype_of = DType::boolean;
#define ROW(name, type, label, word) template <> inline constexpr DType dtype_of<type> = DType::name;
ADJOINT_DTYPES(ROW)
#undef ROW

// The largest finite element.
template <class T>
inline constexpr double largest_element = static_cast<double>(std::numeric_limits<T>::max());
template <> inline constexpr double largest_element<Half> = 65504;
template <> inline constexpr double largest_element<BFloat16> = 0x1.fep127;
inline constexpr double largest_of(DType dtype) {
  constexpr double all[] = {
#define ROW(name, type, label, word) largest_element<type>,
      ADJOINT_DTYPES(ROW)
#undef ROW
  };
  return all[static_cast<size_t>(dtype)];
}

// Calls `body.template operator()<T>()` with the C++ type of `dtype`.
#define ROW(name, type, label, word)                                                                         \
  case DType::name:                                                                                          \
    return body.template operator()<type>();
template <class Body> decltype(auto) with_type(DType dtype, Body&& body) {
  switch (dtype) { ADJOINT_DTYPES(ROW) }
  __builtin_unreachable();
}
// The same of a dtype that ops compute in.
template <class Body> decltype(auto) with_computed_type(DType dtype, Body&& body) {
  switch (dtype) {
    ADJOINT_COMPUTED_DTYPES(ROW)
  default:
    break;
  }
  __builtin_unreachable();
}
#undef ROW

// Calls `body.template operator()<Word>()` with an unsigned integer as wide as one element, to move elements
// of any dtype with.
template <class Body> decltype(auto) with_width(size_t bytes, Body&& body) {
  switch (bytes) {
  case 1:
    return body.template operator()<uint8_t>();
  case 2:
    return body.template operator()<uint16_t>();
  case 4:
    return body.template operator()<uint32_t>();
  case 8:
    return body.template operator()<uint64_t>();
  }
  __builtin_unreachable();
}
#define ROW(name, type, label, word)                                                                         \
  static_assert(sizeof(type) == 1 || sizeof(type) == 2 || sizeof(type) == 4 || sizeof(type) == 8,            \
                "with_width moves no elements of this width");
ADJOINT_DTYPES(ROW)
#undef ROW

// Truncates towards zero like C. Values that int32 and int64 cannot hold (NaN among them) become their lowest
// value, instead of whatever the processor leaves; uint8 wraps.
template <class To, class From> ADJOINT_CONVERSION To convert(From value) {
  if constexpr (is_half<From>) {
    if constexpr (std::is_same_v<To, From>)
      return value;
    else
      return convert<To>(widened(value));
  } else if constexpr (is_half<To>) {
    if constexpr (std::is_integral_v<From>)
      return narrowed<To>(static_cast<int64_t>(value));
    else
      return narrowed<To>(value);
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To> &&
                       !std::is_same_v<To, bool>) {
    using Wide = std::conditional_t<sizeof(To) == 4, To, int64_t>;
    constexpr auto limit = static_cast<From>(uint64_t{1} << (8 * sizeof(Wide) - 1));
    const bool fits = value >= -limit && value < limit;
    return static_cast<To>(fits ? static_cast<Wide>(value) : std::numeric_limits<Wide>::lowest());
  } else {
    return static_cast<To>(value);
  }
}

} // namespace adjoint
