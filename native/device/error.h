// The one exception of native code. The boundary turns it into a JavaScript error with `code`, `op`,
// `shapes`.
#pragma once
#include <stdexcept>
#include <string>
#include <vector>

#include "device/dims.h"

namespace adjoint {

enum class ErrorClass { error, type_error, range_error };

struct Error : std::runtime_error {
  ErrorClass kind;
  std::string code;
  std::string op;
  std::vector<Dims> shapes;
  Error(ErrorClass kind, std::string code, const std::string& message, std::string op = "",
        std::vector<Dims> shapes = {})
      : std::runtime_error(message), kind(kind), code(std::move(code)), op(std::move(op)),
        shapes(std::move(shapes)) {}
};

inline Error shape_error(const std::string& op, const std::string& message, std::vector<Dims> shapes = {}) {
  return {ErrorClass::range_error, "ERR_SHAPE", message, op, std::move(shapes)};
}
inline Error dtype_error(const std::string& op, const std::string& message) {
  return {ErrorClass::type_error, "ERR_DTYPE", message, op};
}
inline Error autograd_error(const std::string& message, std::string op = "", std::vector<Dims> shapes = {}) {
  return {ErrorClass::error, "ERR_AUTOGRAD", message, std::move(op), std::move(shapes)};
}

// An error that only a mistake of this project can cause.
inline Error internal_error(const std::string& message, std::string op = "") {
  return {ErrorClass::error, "ERR_INTERNAL", message + "; please report this", std::move(op)};
}

} // namespace adjoint
