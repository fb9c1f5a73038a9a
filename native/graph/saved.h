// The tools that gradients are written with: the values that a function has saved, and fitting.
#pragma once
#include "graph/record.h"

namespace adjoint {

// A saved value, with its history where the gradient is to have one. Null if it is not kept.
Value input_value(const Function& function, size_t i);
Value result_value(Function& function, size_t i = 0);

// Sums over broadcast axes, expands reduced ones, and converts to the dtype.
Value fit(Value grad, const Dims& shape, DType dtype);

} // namespace adjoint
