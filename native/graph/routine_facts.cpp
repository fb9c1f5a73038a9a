#include "graph/routine_facts.h"

#include <algorithm>
#include <bit>

#include "device/failure.h"
#include "ops/op.h"

namespace adjoint {

int64_t cost_of_routine(const RoutineKernel& kernel) {
  int64_t elements = 0, longest = 1;
  for (const auto* tensors : {&kernel.inputs, &kernel.results})
    for (const RoutineKernel::Operand& tensor : *tensors) {
      elements += tensor.elements();
      for (int64_t extent : tensor.shape) longest = std::max(longest, extent);
    }
  switch (info(kernel.op).effort) {
  case Effort::linear:
    return elements * 8;
  case Effort::sort:
    return elements * 8 * static_cast<int64_t>(std::bit_width(static_cast<uint64_t>(longest)));
  case Effort::product: // a multiplication takes a quarter of a byte
    return kernel.results[0].elements() * kernel.inputs[0].shape.back() / 4;
  }
  return elements;
}

Error failure_of(const RoutineKernel& kernel, uint64_t word) {
  const OpInfo& op = info(kernel.op);
  const std::string name(op.name);
  switch (op.failure) {
  case Failure::nothing:
    break;
  case Failure::index: {
    const auto index = failed_index(word);
    const int64_t axis = kernel.parameters[0];
    const Dims& shape = kernel.inputs[0].shape;
    return {ErrorClass::range_error,
            "ERR_INDEX",
            "index " + std::to_string(index) + " is out of bounds for dimension " + std::to_string(axis) +
                " with size " + std::to_string(shape.empty() ? 1 : shape[static_cast<size_t>(axis)]) + "; " +
                name + ": the tensor has shape " + to_string(shape),
            name,
            {shape}};
  }
  case Failure::definite:
  case Failure::singular: {
    const Dims& shape = kernel.inputs[0].shape;
    const auto place = failed_place(word);
    const int64_t n = shape.back(), matrix = place / n, minor = place % n + 1;
    const std::string batch = shape.size() > 2 ? "(Batch element " + std::to_string(matrix) + "): " : "";
    return {
        ErrorClass::error,
        "ERR_LINALG",
        "linalg." + name + ": " + batch +
            (op.failure == Failure::definite
                 ? "The factorization could not be completed because the input is not positive-definite (the "
                   "leading minor of order " +
                       std::to_string(minor) + " is not positive-definite)."
                 : "The diagonal element " + std::to_string(minor) +
                       " is zero, the solve could not be completed because the input matrix is singular.") +
            " The shape is " + to_string(shape),
        name,
        {shape}};
  }
  }
  return internal_error(name + " failed for no reason that it knows", name);
}

} // namespace adjoint
