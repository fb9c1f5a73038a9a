// Entries that record routines. They take an out object for each result, a handle for each input, and then the row's
// whole numbers; they return the handle of the result, or an array of them where there are several.
#include "graph/routines.h"
#include "node/addon.h"

namespace adjoint::node {

namespace {

Napi::Value routine_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  Addon& addon = binding.addon;
  const OpInfo& row = adjoint::info(binding.op);
  const char* name = row.name.data();
  std::array<Value, max_inputs> inputs;
  for (size_t i = 0; i < row.arity; ++i) inputs[i] = addon.value(info, row.results + i, name);
  RoutineCall call{inputs[0].node->engine, std::span(inputs.data(), row.arity), {}};
  size_t argument = size_t{row.results} + row.arity;
  std::string_view rest = row.parameters;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find(", "), rest.size());
    const std::string parameter(rest.substr(0, end));
    call.parameters.push_back(read_integer(info[argument++], name, parameter.c_str()));
    rest.remove_prefix(std::min(end + 2, rest.size()));
  }
  const RoutineValues values = routine(binding.op, call);
  if (row.results == 1) return addon.bind(info, values[0]);
  auto handles = Napi::Array::New(info.Env(), row.results);
  for (uint32_t i = 0; i < row.results; ++i)
    handles.Set(i, Napi::Number::New(info.Env(), addon.bind_at(info, i, values[i])));
  return handles;
}

} // namespace

void export_routines(Exports& exports) {
  constexpr const char* reads = "make tensors whose shape depends on values, which are not there yet";
  for (size_t i = 0; i < op_count; ++i) {
    const auto op = static_cast<Op>(i);
    if (is_routine(op) && info(op).trait != Trait::draws)
      exports.add<routine_entry>(info(op).name, op, info(op).trait == Trait::counts ? reads : nullptr);
  }
}

} // namespace adjoint::node
