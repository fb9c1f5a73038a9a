#include "graph/routines.h"

#include "graph/batches.h"
#include "graph/gradient_rows.h"
#include "graph/record.h"

namespace adjoint {

namespace {

void check_device(Op op, const Engine& engine) {
  if (info(op).devices != Devices::host || engine.device->is_host()) return;
  const std::string name(info(op).name), device = engine.device->name();
  throw Error(ErrorClass::type_error, "ERR_DEVICE",
              name + ": there is no kernel for " + device +
                  "; compute it on the CPU, as in x.cpu(), and move the "
                  "result with .to(\"" +
                  device + "\")",
              name);
}

} // namespace

RoutineValues routine(Op op, const RoutineCall& call) {
  for (const Value& input : call.inputs)
    if (&input.node->engine != &call.engine)
      throw device_error(info(op).name, call.engine, input.node->engine);
  check_device(op, call.engine);
  if (batches::apply_to(op, call)) return batches::routine(op, call);
  switch (op) {
#define ROUTINE(name, ...)                                                                                   \
  case Op::name:                                                                                             \
    return record_##name(call);
#include "ops/routines.def"
#undef ROUTINE
  default:
    throw internal_error(std::string(info(op).name) + " is no routine");
  }
}

Value routine(Op op, std::span<const Value> inputs, const Dims& parameters) {
  return routine(op, RoutineCall{inputs[0].node->engine, inputs, parameters})[0];
}

Value gradient_of_routine(Function& function, size_t input, std::span<const Value> grads) {
  switch (function.op) {
#define ROUTINE(name, ...)                                                                                   \
  case Op::name:                                                                                             \
    return gradient_of_##name(function, input, grads);
#define ROUTINE_WITHOUT_GRADIENT(name, ...)
#include "ops/routines.def"
#undef ROUTINE
#undef ROUTINE_WITHOUT_GRADIENT
  default:
    throw no_gradient(function.op);
  }
}

Ref<Attributes> attributes_of_the_moment(Op op, const Engine& engine, DType dtype) {
  if (info(op).trait != Trait::modes || engine.device->is_host()) return {};
  ProductModes modes = engine.session.product_modes;
  modes.may_round &= computed_dtype(dtype) == DType::float32;
  modes.prefers_library &= is_floating(dtype);
  if (modes == ProductModes()) return {};
  Ref<Attributes> attributes = new Attributes;
  attributes->modes = modes;
  return attributes;
}

Ref<Attributes> with_parameters(const Dims& parameters) {
  Ref<Attributes> attributes = new Attributes;
  attributes->parameters = parameters;
  return attributes;
}

namespace {

bool is_one_of_each_line(const Shape& indices, const Shape& whole, int64_t axis) {
  if (whole.empty() || indices[static_cast<size_t>(axis)] != 1) return false;
  for (size_t i = 0; i < whole.size(); ++i)
    if (i != static_cast<size_t>(axis) && indices[i] != whole[i]) return false;
  return true;
}

// The gradient of one element of each line, zero for all others, in whichever kernel wants it. The indices are looked up
// in a vector of places, so that one out of range is an error here too.
Value at_one_of_each_line(const Edge& edge, const Value& indices, const Value& grad, int64_t axis) {
  Engine& engine = grad.node->engine;
  const int64_t extent = edge.shape[static_cast<size_t>(axis)];
  const DType dtype = extent <= int64_t{1} << 24 ? DType::float32 : DType::float64; // where places are exact
  Dims along(edge.shape.size(), 1);
  along[static_cast<size_t>(axis)] = extent;
  const Value places = position(engine, Dims{extent}, dtype);
  const Value lookup[] = {places, reshape(indices, {indices.node->elements()})};
  const Value both[] = {reshape(places, along),
                        reshape(routine(Op::indexSelect, lookup, {0}), indices.shape())};
  const Value choice[] = {elementwise(Op::eq, both), grad, literal(engine, 0)};
  return elementwise(Op::where, choice);
}

} // namespace

Value gradient_of_taken(const Function& function, const Value& indices, const Value& grad, int64_t axis) {
  const Edge& edge = function.edges[0];
  if (is_one_of_each_line(indices.shape(), edge.shape, axis))
    return at_one_of_each_line(edge, indices, grad, axis);
  const Value inputs[] = {zeros(grad.node->engine, edge.shape, edge.dtype), indices, grad};
  return routine(Op::scatterAdd, inputs, {axis});
}

Value matrix_product(const Value& a, const Value& b) {
  const Value factors[] = {a, b};
  return routine(Op::matmul, factors);
}

Value matrix_transpose(const Value& matrices) { return transpose(matrices, -1, -2); }

int64_t axis_of(const RoutineCall& call, Op op, size_t parameter) {
  return normalize_axis(info(op).name, call.parameters[parameter], call.inputs[0].shape().size());
}

} // namespace adjoint
