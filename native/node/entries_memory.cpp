#include "node/addon.h"

namespace adjoint::node {

namespace {

Napi::Value dispose_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  binding.addon.handles.dispose(read_uint32(info[0]));
  return info.Env().Undefined();
}

Napi::Value begin_scope_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  binding.addon.handles.begin_scope();
  return info.Env().Undefined();
}

// handles to keep; returns the Tensor objects that lost their value
Napi::Value end_scope_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  return binding.addon.handles.end_scope(read_handles(info[0]));
}

// device
Napi::Value stats_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Addon& addon = binding.addon;
  const Engine& engine = addon.engine(info[0]);
  auto stats = Napi::Object::New(env);
  const auto put = [&](const char* name, int64_t value) {
    stats.Set(name, Napi::Number::New(env, static_cast<double>(value)));
  };
  put("tensors", static_cast<int64_t>(addon.handles.live()));
  put("nodes", engine.live_nodes);
  put("bytes", engine.device->live_bytes());
  put("capacityBytes", engine.device->capacity_bytes());
  put("runs", engine.counts.runs);
  put("planHits", engine.counts.plan_hits);
  put("planMisses", engine.counts.plan_misses);
  put("kernels", engine.counts.kernels);
  put("bytesMoved", engine.counts.bytes_moved);
  put("sweeps", addon.handles.sweeps());
  return stats;
}

// a function
Napi::Value set_collector_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  if (!info[0].IsFunction())
    throw Error(ErrorClass::type_error, "ERR_ARGUMENT", "setCollector: expected a function", "setCollector");
  binding.addon.handles.set_collector(info[0].As<Napi::Function>());
  return info.Env().Undefined();
}

} // namespace

void export_memory(Exports& exports) {
  exports.add<dispose_entry>("dispose");
  exports.add<begin_scope_entry>("beginScope");
  exports.add<end_scope_entry>("endScope");
  exports.add<stats_entry>("stats");
  exports.add<set_collector_entry>("setCollector");
}

} // namespace adjoint::node
