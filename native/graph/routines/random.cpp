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
    throw dtype_error(name, name + ": random numbers are float32 or float64, not " +
                                std::string(info(dtype).label));
  Session& session = call.engine.session;
  Ref<Attributes> attributes = new Attributes;
  attributes->seed = session.seed;
  attributes->offset = session.random_offset;
  // One counter for every two elements at least, whatever the dtype: the stream does not depend on it.
  session.random_offset += static_cast<uint64_t>(element_count(shape) + 1) / 2;
  return {record(call.engine, op, dtype, shape, {}, attributes)};
}

} // namespace

RoutineValues record_rand(const RoutineCall& call) { return draw(Op::rand, call); }
RoutineValues record_randn(const RoutineCall& call) { return draw(Op::randn, call); }

} // namespace adjoint
