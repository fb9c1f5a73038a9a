// Entries about how plans run.
#include "cpu/pool.h"
#include "node/addon.h"

namespace adjoint::node {

namespace {

// An array of handles: the plan that would compute them, as text.
Napi::Value explain_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  std::vector<Ref<Node>> wanted;
  for (uint32_t handle : read_handles(info[0]))
    wanted.push_back(binding.addon.handles.at(handle, "explain").node);
  // One plan for each device.
  std::string text;
  for (const std::unique_ptr<Engine>& engine : binding.addon.session.engines()) {
    std::vector<Ref<Node>> own;
    for (const Ref<Node>& node : wanted)
      if (&node->engine == engine.get()) own.push_back(node);
    if (!own.empty() || (wanted.empty() && text.empty())) text += engine->explain(own);
  }
  return Napi::String::New(info.Env(), text);
}

Napi::Value set_thread_count_entry(const Binding&, const Napi::CallbackInfo& info) {
  const int64_t count = read_integer(info[0], "setNumThreads", "the number of threads");
  if (count < 1 || count > 1024)
    throw Error(ErrorClass::range_error, "ERR_VALUE",
                "set_num_threads expects a positive integer; setNumThreads: got " + std::to_string(count) +
                    ", and at most 1024 are possible",
                "setNumThreads");
  cpu::set_thread_count(static_cast<int>(count));
  return info.Env().Undefined();
}

Napi::Value thread_count_entry(const Binding&, const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), cpu::thread_count());
}

// Whether plans fuse: tests compare the results.
Napi::Value set_fused_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  for (const std::unique_ptr<Engine>& engine : binding.addon.session.engines())
    engine->set_fused(info[0].ToBoolean());
  return info.Env().Undefined();
}

} // namespace

void export_running(Exports& exports) {
  exports.add<explain_entry>("explain", "explain what it would do");
  exports.add<set_thread_count_entry>("setThreadCount");
  exports.add<thread_count_entry>("threadCount");
  exports.add<set_fused_entry>("setFused");
}

} // namespace adjoint::node
