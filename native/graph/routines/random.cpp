// Random numbers: a function of seed, offset and position, which are taken when a draw is recorded.
#include "graph/record.h"
#include "graph/routines.h"

namespace adjoint {

namespace {

RoutineValues draw(Op op, const RoutineCall& call) {
  const std::string name(info(op).name);
  const auto dtype = static_cast<DType>(call.parameters[0]);
  Dims shape;
  for (size_t i = 1; i < call.parameters.size(); ++i) shape.push_back(call.parameters[i]);
  check_shape(call.engine, name, shape, dtype);
  if (!is_floating(dtype))
    throw dtype_error(name,
                      name + ": random numbers have a floating dtype, not " + std::string(info(dtype).label));
  Session& session = call.engine.session;
  Ref<Attributes> attributes = new Attributes;
  attributes->seed = session.seed;
  attributes->offset = session.random_offset;
  // One counter for every two elements at least, whatever the dtype: the stream does not depend on it.
  session.random_offset += static_cast<uint64_t>(element_count(shape) + 1) / 2;
  if (op == Op::rand && is_half_dtype(dtype)) {
    // Rounded, the largest numbers would be 1: the bits that halves lack are cut off.
    const double scale = dtype == DType::float16 ? 0x1p11 : 0x1p8;
    const auto times = [](const Value& value, double factor) {
      const Value factors[] = {value, literal(value.node->engine, factor)};
      return elementwise(Op::mul, factors);
    };
    const Value scaled = times(record(call.engine, op, DType::float32, shape, {}, attributes), scale);
    return {to(times(elementwise(Op::floor, std::span(&scaled, 1)), 1 / scale), dtype)};
  }
  return {record(call.engine, op, dtype, shape, {}, attributes)};
}

} // namespace

RoutineValues record_rand(const RoutineCall& call) { return draw(Op::rand, call); }
RoutineValues record_randn(const RoutineCall& call) { return draw(Op::randn, call); }

} // namespace adjoint
