// The values that history keeps: those that the gradient of an op names.
#pragma once
#include "ops/op.h"

namespace adjoint {

struct GradientNeeds {
  bool inputs[max_inputs] = {};
  bool results[max_results] = {};
};

// The needs of one input's gradient.
GradientNeeds gradient_needs(Op op, size_t input);

} // namespace adjoint
