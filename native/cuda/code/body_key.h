// The way to functions that nvcc has compiled: by the names that instances of templates have by the C++ ABI
// of Itanium, which nvcc follows on every system.
#pragma once
#include <string>
#include <vector>

#include "device/dtype.h"
#include "ops/op.h"

namespace adjoint::cuda {

// The value of a body:
//   value      an elementwise row of its inputs
//   cast       the input as the dtype whose number stands in place of an op
//   identity   of a reduction
//   combine    of two partial results
//   finish     of the whole and a 64-bit count
enum class BodyRole : uint8_t { value, cast, identity, combine, finish };

// The beginning of the mangled name of name<first, second, ...>.
inline std::string instance_prefix(const std::string& name, const std::vector<int>& parameters) {
  std::string prefix = "_Z" + std::to_string(name.size()) + name + "I";
  for (const int value : parameters) prefix += "Li" + std::to_string(value) + "E";
  return prefix;
}

inline std::string body_prefix(BodyRole role, int op, DType dtype) {
  return instance_prefix("body", {static_cast<int>(role), op, static_cast<int>(dtype)});
}

} // namespace adjoint::cuda
