// Running sums and products along a dimension.
//
// The gradient of a product divides by nothing, so that zeros do no harm: element k appears in all products from k on,
// d out[i] / d x[k] = (x[0] ... x[k - 1]) (x[k + 1] ... x[i]), and the sum over i >= k of grad[i] times the second
// factor follows the recurrence s[k] = grad[k] + x[k + 1] s[k + 1].
#include "graph/record.h"
#include "graph/routines.h"
#include "graph/saved.h"

namespace adjoint {

namespace {

RoutineValues scan(Op op, const RoutineCall& call) {
  const Value& input = call.inputs[0];
  const Ref<Attributes> attributes = with_parameters({axis_of(call, op, 0)});
  const DType dtype = is_floating(input.dtype()) ? input.dtype() : DType::int64;
  const Value source = to(input, dtype);
  return {record(call.engine, op, dtype, input.shape(), std::span(&source, 1), attributes)};
}

// Element i is element i + `places` along the axis, or `filler` where there is none.
Value shifted(const Value& value, int64_t axis, int64_t places, double filler) {
  const size_t rank = value.shape().size();
  if (value.node->elements() == 0) return value;
  if (rank == 0) return full(value.node->engine, filler, {}, value.dtype());
  Dims widths(2 * (rank - static_cast<size_t>(axis)), 0);
  widths[widths.size() - 2] = -places;
  widths[widths.size() - 1] = places;
  return pad(value, widths, filler);
}

Value flipped(const Value& value, int64_t axis) { return flip(value, {axis}); }

Value product(const Value& a, const Value& b) {
  const Value factors[] = {a, b};
  return elementwise(Op::mul, factors);
}

// s[k] = terms[k] + factors[k + 1] s[k + 1]
Value reverse_recurrence(const Value& factors, const Value& terms, int64_t axis) {
  const Value inputs[] = {flipped(shifted(factors, axis, 1, 0), axis), flipped(terms, axis)};
  return flipped(routine(Op::recurrence, inputs, {axis}), axis);
}

} // namespace

RoutineValues record_cumsum(const RoutineCall& call) { return scan(Op::cumsum, call); }

Value gradient_of_cumsum(Function& function, size_t, std::span<const Value> grads) {
  const int64_t axis = function.attributes->parameters[0];
  const Value reversed = flipped(grads[0], axis);
  return flipped(routine(Op::cumsum, std::span(&reversed, 1), {axis}), axis);
}

RoutineValues record_cumprod(const RoutineCall& call) { return scan(Op::cumprod, call); }

Value gradient_of_cumprod(Function& function, size_t, std::span<const Value> grads) {
  const int64_t axis = function.attributes->parameters[0];
  const Value before = shifted(result_value(function), axis, -1, 1);
  return product(before, reverse_recurrence(input_value(function, 0), grads[0], axis));
}

RoutineValues record_cummax(const RoutineCall& call) {
  const Value& input = call.inputs[0];
  check_shape(call.engine, "cummax", input.shape(), DType::int64);
  const Ref<Attributes> attributes = with_parameters({axis_of(call, Op::cummax, 0)});
  const ResultType results[] = {{input.node->shape, input.dtype()}, {input.node->shape, DType::int64}};
  return record(call.engine, Op::cummax, results, call.inputs, attributes);
}

Value gradient_of_cummax(Function& function, size_t, std::span<const Value> grads) {
  return gradient_of_taken(function, result_value(function, 1), grads[0], function.attributes->parameters[0]);
}

RoutineValues record_recurrence(const RoutineCall& call) {
  const Value &factors = call.inputs[0], &terms = call.inputs[1];
  if (factors.shape() != terms.shape())
    throw shape_error("recurrence",
                      "recurrence: factors of shape " + to_string(factors.shape()) + " and terms of shape " +
                          to_string(terms.shape()) + " must have one shape",
                      {factors.shape(), terms.shape()});
  if (!is_floating(factors.dtype()) || factors.dtype() != terms.dtype())
    throw dtype_error("recurrence", "recurrence: expected two tensors of one floating dtype, got " +
                                        std::string(info(factors.dtype()).label) + " and " +
                                        std::string(info(terms.dtype()).label));
  const Ref<Attributes> attributes = with_parameters({axis_of(call, Op::recurrence, 0)});
  return {record(call.engine, Op::recurrence, terms.dtype(), terms.shape(), call.inputs, attributes)};
}

Value gradient_of_recurrence(Function& function, size_t input, std::span<const Value> grads) {
  const int64_t axis = function.attributes->parameters[0];
  const Value arrived = reverse_recurrence(input_value(function, 0), grads[0], axis);
  return input == 1 ? arrived : product(arrived, shifted(result_value(function), axis, -1, 0));
}

} // namespace adjoint
