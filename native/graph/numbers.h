// Numbers beside tensors: none is silently another, because a dtype cannot hold it.
#pragma once
#include <optional>
#include <span>
#include <string_view>

#include "graph/engine.h"

namespace adjoint {

// Throws PyTorch's sentence where elements of this dtype cannot be the number. Fractions are cut off.
void check_fits(std::string_view op, const Number& number, DType dtype);

// Whether numbers beside tensors may become elements as they are: infinity is not one that nobody has named.
bool gives_elements(Op op);

// What a number does beside tensors of a dtype in an elementwise row that computes in that dtype. Where integers cannot be
// it, limits move to the dtype's own, sums and products wrap as those of elements do, and other rows refuse it. Floating
// elements cannot be it beyond their largest one, which counts in rows that give elements; others compute with infinity.
Number fitted_number(const OpInfo& row, const Number& number, DType dtype);

// A comparison of integers with a number, as exact as if both were real numbers: the integer to compare with instead, or
// the answer where it is the same for all.
struct Comparison {
  std::optional<bool> answer;
  Number bound;
};
// `number_is_first` as in 3 < x. None where the row compares nothing, or the number is not known yet.
std::optional<Comparison> comparison_with(Op op, DType integers, const Number& number, bool number_is_first);

} // namespace adjoint
