// Sorting: values and where they were, stable, NaN last (first where the order descends); and search in what is sorted.
#include <algorithm>

#include "graph/record.h"
#include "graph/routines.h"
#include "graph/saved.h"

namespace adjoint {

namespace {

// Values and positions of a sorted line, or a part of it.
RoutineValues sorted(Op op, const RoutineCall& call, int64_t axis, const Shape& shape) {
  const Value& input = call.inputs[0];
  Dims parameters = call.parameters;
  parameters[0] = axis;
  parameters[1] = parameters[1] != 0;
  check_shape(call.engine, info(op).name, shape, DType::int64);
  const ResultType results[] = {{shape, input.dtype()}, {shape, DType::int64}};
  return record(call.engine, op, results, call.inputs, with_parameters(parameters));
}

int64_t length_along(const Value& input, int64_t axis) {
  const int64_t length = input.shape().empty() ? 1 : input.shape()[static_cast<size_t>(axis)];
  constexpr int64_t longest = INT64_C(1) << 32; // positions have 32 bits while they are sorted
  if (length >= longest)
    throw shape_error("sort",
                      "sort: a dimension of " + std::to_string(length) + " elements is longer than " +
                          std::to_string(longest - 1) + "; the shape is " + to_string(input.shape()),
                      {input.shape()});
  return length;
}

} // namespace

RoutineValues record_sort(const RoutineCall& call) {
  const int64_t axis = axis_of(call, Op::sort, 0);
  length_along(call.inputs[0], axis);
  return sorted(Op::sort, call, axis, call.inputs[0].node->shape);
}

Value gradient_of_sort(Function& function, size_t, std::span<const Value> grads) {
  return gradient_of_taken(function, result_value(function, 1), grads[0], function.attributes->parameters[0]);
}

RoutineValues record_sortedPart(const RoutineCall& call) {
  const int64_t axis = axis_of(call, Op::sortedPart, 0);
  const int64_t first = call.parameters[2], count = call.parameters[3];
  Dims shape = call.inputs[0].shape();
  if (shape.empty() || first < 0 || count < 0 || first + count > length_along(call.inputs[0], axis))
    throw internal_error("sortedPart: there are no such ranks");
  shape[static_cast<size_t>(axis)] = count;
  return sorted(Op::sortedPart, call, axis, shape);
}

Value gradient_of_sortedPart(Function& function, size_t input, std::span<const Value> grads) {
  return gradient_of_sort(function, input, grads);
}

RoutineValues record_searchsorted(const RoutineCall& call) {
  const Value &sequence = call.inputs[0], &wanted = call.inputs[1];
  const size_t rank = wanted.shape().size();
  if (rank == 0 || sequence.shape().size() != rank ||
      !std::equal(wanted.shape().begin(), wanted.shape().end() - 1, sequence.shape().begin()))
    throw internal_error("searchsorted: lines must correspond to each other");
  check_shape(call.engine, "searchsorted", wanted.shape(), DType::int64);
  const DType dtype = promoted_dtype(call.engine, call.inputs);
  const Value operands[] = {to({sequence.node, {}}, dtype), to({wanted.node, {}}, dtype)};
  return {{make_node(call.engine, Op::searchsorted, DType::int64, wanted.node->shape, operands,
                     with_parameters({call.parameters[0] != 0})),
           {}}};
}

} // namespace adjoint
