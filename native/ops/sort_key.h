// Keys whose unsigned order is the order of sorted elements: NaN last, -0 and 0 equal.
#pragma once
#include <cstdint>
#include <type_traits>

#include "ops/math_bits.h"

namespace adjoint {

template <class T> ADJOINT_FUNCTION uint64_t sort_key(T value, bool is_descending) {
  using Bits =
      std::conditional_t<sizeof(T) == 8, uint64_t, std::conditional_t<sizeof(T) == 4, uint32_t, uint8_t>>;
  constexpr Bits sign = static_cast<Bits>(Bits(1) << (8 * sizeof(T) - 1));
  Bits key;
  if constexpr (std::is_floating_point_v<T>) {
    const T settled = value + T(0); // -0 becomes 0
    __builtin_memcpy(&key, &settled, sizeof key);
    key = value != value ? static_cast<Bits>(-1) : static_cast<Bits>(key & sign ? ~key : key | sign);
  } else if constexpr (std::is_signed_v<T>) {
    key = static_cast<Bits>(static_cast<Bits>(value) ^ sign);
  } else {
    key = static_cast<Bits>(value);
  }
  return is_descending ? static_cast<Bits>(~key) : key;
}

} // namespace adjoint
