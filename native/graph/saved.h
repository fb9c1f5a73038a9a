// What gradients are written with: the values that a function has saved, and fitting.
#pragma once
#include "graph/record.h"

namespace adjoint {

// What a function has saved, with its history where the gradient is to have one. Null where it is not kept.
Value input_value(const Function& function, size_t i);
Value result_value(Function& function, size_t i = 0);

// Sums over what was broadcast, expands what was reduced, and converts to the dtype.
Value fit(Value grad, const Dims& shape, DType dtype);

} // namespace adjoint
