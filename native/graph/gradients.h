#pragma once
#include <span>

#include "graph/node.h"

namespace adjoint {

// The gradient for one input, of the input's shape and dtype. `grads` are those of the results: null where
// nothing depends on a result, but not all of them.
Value input_gradient(Function& function, size_t input, std::span<const Value> grads);

} // namespace adjoint
