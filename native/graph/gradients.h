#pragma once
#include <span>

#include "graph/node.h"

namespace adjoint {

// The gradient for one input, of the input's shape and dtype, from those of the results; of several results,
// those that nothing depends on have none, but one has.
Value input_gradient(Function& function, size_t input, std::span<const Value> grads);

} // namespace adjoint
