// What history keeps: which values the gradient of an op names.
#pragma once
#include "ops/op.h"

namespace adjoint {

struct GradientNeeds {
  bool inputs[max_inputs] = {};
  bool results[max_results] = {};
};

// Of the gradient of one input.
GradientNeeds gradient_needs(Op op, size_t input);

} // namespace adjoint
