#pragma once
#include "graph/node.h"

namespace adjoint {

// Which values the gradient for one input names. Derived from the rows by evaluating them on sets.
struct GradientNeeds {
  bool inputs[3] = {};
  bool output = false;
};
GradientNeeds gradient_needs(Op op, size_t input);

// The gradient for one input, given the output's; of the input's shape and dtype.
Value input_gradient(const Function& function, size_t input, const Value& grad);

// Sums over what was broadcast, expands what was reduced, and converts to the dtype.
Value fit(Value grad, const Dims& shape, DType dtype);

} // namespace adjoint
