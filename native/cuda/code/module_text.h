// The embedded PTX, taken apart: bodies that can be pasted into other code, kernels, and the variables that
// they use.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cuda/code/body_key.h"

namespace adjoint::cuda {

// The text of a function without its header. Registers and labels are its own: it is pasted between braces.
struct Body {
  std::string text; // with marks, see below
  size_t statements = 0;
  std::vector<std::string_view> variables; // declarations of variables that it names

  // These characters of the text are replaced by each paste.
  static constexpr char input = '\1'; // followed by '0' + its number
  static constexpr char result = '\2';
  static constexpr char paste = '\3'; // the paste's number, to tell labels apart
};

const Body& body(BodyRole role, int op, DType dtype);
inline const Body& body(BodyRole role, Op op, DType dtype) { return body(role, static_cast<int>(op), dtype); }
inline const Body& cast_body(DType from, DType to) {
  return body(BodyRole::cast, static_cast<int>(to), from);
}

// A module with one kernel of an embedded text, whose name begins with the given prefix, and everything that
// it names.
struct EmbeddedKernel {
  std::string name;
  std::shared_ptr<const std::string> ptx;
};
EmbeddedKernel embedded_kernel(std::string_view text, std::string_view prefix);
// The same with several kernels, given by whole names or prefixes; their names come in that order.
struct EmbeddedKernels {
  std::vector<std::string> names;
  std::shared_ptr<const std::string> ptx;
};
EmbeddedKernels embedded_kernels(std::string_view text, const std::vector<std::string>& prefixes);

// The beginning of a module; for all supported GPUs, unless it needs a newer one.
std::string module_header(std::string_view target = "sm_75");

} // namespace adjoint::cuda
