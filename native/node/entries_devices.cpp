// Entries about devices, which JavaScript knows by the numbers of their engines.
#include "graph/record.h"
#include "node/addon.h"

namespace adjoint::node {

namespace {

// the GPU's ordinal: the number of its engine, which is made if there is none yet
Napi::Value open_device_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  Session& session = binding.addon.session;
  const uint32_t ordinal = read_uint32(info[0]);
  const std::string name = "cuda:" + std::to_string(ordinal);
  const auto& engines = session.engines();
  size_t number = 0;
  while (number < engines.size() && engines[number]->device->name() != name) ++number;
  if (number == engines.size())
    throw Error(ErrorClass::error, "ERR_NO_CUDA", name + ": this addon was built without CUDA");
  return Napi::Number::New(info.Env(), static_cast<double>(number));
}

Napi::Value device_of_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  const Engine& own = binding.addon.cell(info, 0, "device").node->engine;
  const auto& engines = binding.addon.session.engines();
  uint32_t number = 0;
  while (engines[number].get() != &own) ++number;
  return Napi::Number::New(info.Env(), number);
}

// out, input, device
Napi::Value transfer_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  return binding.addon.bind(info,
                            transfer(binding.addon.value(info, 1, "to"), binding.addon.engine(info[2])));
}

} // namespace

void export_devices(Exports& exports) {
  exports.add<open_device_entry>("openDevice");
  exports.add<device_of_entry>("deviceOf");
  exports.add<transfer_entry>("transfer", "move tensors between devices");
}

} // namespace adjoint::node
