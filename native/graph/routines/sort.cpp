// Sorting: values and where they were, stable, NaN last (first where the order descends).
#include "graph/record.h"
#include "graph/routines.h"
#include "graph/saved.h"

namespace adjoint {

RoutineValues record_sort(const RoutineCall& call) {
  const Value& input = call.inputs[0];
  const int64_t axis = axis_of(call, Op::sort, 0);
  const int64_t length = input.shape().empty() ? 1 : input.shape()[static_cast<size_t>(axis)];
  constexpr int64_t longest = INT64_C(1) << 32; // positions have 32 bits while they are sorted
  if (length >= longest)
    throw shape_error("sort",
                      "sort: a dimension of " + std::to_string(length) + " elements is longer than " +
                          std::to_string(longest - 1) + "; the shape is " + to_string(input.shape()),
                      {input.shape()});
  check_shape(call.engine, "sort", input.shape(), DType::int64);
  const ResultType results[] = {{input.node->shape, input.dtype()}, {input.node->shape, DType::int64}};
  return record(call.engine, Op::sort, results, call.inputs,
                with_parameters({axis, call.parameters[1] != 0}));
}

Value gradient_of_sort(Function& function, size_t, std::span<const Value> grads) {
  return gradient_of_taken(function, result_value(function, 1), grads[0], function.attributes->parameters[0]);
}

} // namespace adjoint
