// Which C++ types a row is compiled for.
#pragma once
#include <concepts>

#include "device/dtype.h"
#include "ops/op.h"

namespace adjoint::cpu {

template <class T> constexpr bool computes(Dtypes dtypes) {
  switch (dtypes) {
  case Dtypes::floating:
  case Dtypes::mean:
    return std::floating_point<T>;
  case Dtypes::numeric:
    return !std::same_as<T, bool>;
  case Dtypes::total:
    return std::floating_point<T> || std::same_as<T, int64_t>;
  default:
    return true;
  }
}

} // namespace adjoint::cpu
