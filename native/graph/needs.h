// The values that history keeps: those that the gradient of an op names.
#pragma once
#include "ops/op.h"

namespace adjoint {

struct GradientNeeds {
  unsigned names = keeps::none;
  bool input(size_t i) const { return names & keeps::a << i; }
  bool result(size_t i) const { return names & keeps::out << i; }
};

// The needs of one input's gradient.
GradientNeeds gradient_needs(Op op, size_t input);

} // namespace adjoint
