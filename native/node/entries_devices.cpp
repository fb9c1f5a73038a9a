// Entries about devices, which JavaScript knows by the numbers of their engines, and about the memory of
// GPUs, which all threads of the process share.
#include "cuda/driver/blas.h"
#include "cuda/driver/cuda_device.h"
#include "cuda/driver/gpu.h"
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
  if (number == engines.size()) session.add(cuda::make_device(ordinal));
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

// device: returns when nothing is under way
Napi::Value synchronize_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  binding.addon.engine(info[0]).wait();
  return info.Env().Undefined();
}

// Whether float32 products may be rounded: those that are recorded from now on.
Napi::Value allow_rounded_products_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  binding.addon.session.product_modes.may_round = info[0].ToBoolean();
  return info.Env().Undefined();
}

// Whether a library computes products where it can: those that are recorded from now on. The library must be
// there.
Napi::Value prefer_blas_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  const bool prefers = info[0].ToBoolean();
  if (prefers) {
    cuda::device_info(0);
    cuda::blas();
  }
  binding.addon.session.product_modes.prefers_library = prefers;
  return info.Env().Undefined();
}

// The state of CUDA here: the build, the driver and the devices.
Napi::Value cuda_state_entry(const Binding&, const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto state = Napi::Object::New(env);
  const cuda::Availability& availability = cuda::availability();
  state.Set("hasCode", Napi::Boolean::New(env, cuda::has_code()));
  state.Set("isAvailable", Napi::Boolean::New(env, availability.is_available));
  state.Set("reason", Napi::String::New(env, availability.reason));
  state.Set("driverVersion", Napi::String::New(env, cuda::driver_version()));
  auto devices = Napi::Array::New(env);
  for (const cuda::DeviceInfo& one : cuda::devices()) {
    auto device = Napi::Object::New(env);
    device.Set("device", one.label());
    device.Set("name", one.name);
    device.Set("totalBytes", Napi::Number::New(env, static_cast<double>(one.total_bytes)));
    device.Set("capability",
               std::to_string(one.chip.capability / 10) + "." + std::to_string(one.chip.capability % 10));
    device.Set("multiprocessors", Napi::Number::New(env, one.chip.multiprocessors));
    device.Set("pciBusId", one.pci_bus_id);
    device.Set("uuid", one.uuid);
    device.Set("problem", one.problem);
    devices.Set(static_cast<uint32_t>(one.ordinal), device);
  }
  state.Set("devices", devices);
  return state;
}

// the GPU's ordinal
Napi::Value gpu_memory_entry(const Binding&, const Napi::CallbackInfo& info) {
  const cuda::Pool::Statistics statistics = cuda::Gpu::at(read_uint32(info[0])).pool.statistics();
  auto answer = Napi::Object::New(info.Env());
  const auto put = [&](const char* name, int64_t value) {
    answer.Set(name, Napi::Number::New(info.Env(), static_cast<double>(value)));
  };
  put("allocatedBytes", statistics.allocated_bytes);
  put("peakAllocatedBytes", statistics.peak_allocated_bytes);
  put("reservedBytes", statistics.reserved_bytes);
  put("peakReservedBytes", statistics.peak_reserved_bytes);
  put("limitBytes", statistics.limit_bytes);
  return answer;
}

Napi::Value reset_gpu_peaks_entry(const Binding&, const Napi::CallbackInfo& info) {
  cuda::Gpu::at(read_uint32(info[0])).pool.reset_peaks();
  return info.Env().Undefined();
}

// the GPU's ordinal: gives free memory back to the driver, that of dead tensors included
Napi::Value empty_gpu_cache_entry(const Binding& binding, const Napi::CallbackInfo& info) {
  binding.addon.handles.collect();
  cuda::Gpu::at(read_uint32(info[0])).pool.empty_cache();
  return info.Env().Undefined();
}

// the GPU's ordinal, bytes
Napi::Value set_gpu_limit_entry(const Binding&, const Napi::CallbackInfo& info) {
  const int64_t bytes = read_integer(info[1], "setMemoryLimit", "the limit");
  if (bytes <= 0)
    throw Error(ErrorClass::range_error, "ERR_VALUE",
                "setMemoryLimit: expected a number of bytes above 0, got " + std::to_string(bytes),
                "setMemoryLimit");
  cuda::Gpu::at(read_uint32(info[0])).pool.set_limit(bytes);
  return info.Env().Undefined();
}

} // namespace

void export_devices(Exports& exports) {
  exports.add<open_device_entry>("openDevice");
  exports.add<device_of_entry>("deviceOf");
  exports.add<transfer_entry>("transfer", "move tensors between devices");
  exports.add<synchronize_entry>("synchronize");
  exports.add<allow_rounded_products_entry>("allowRoundedProducts", "change how products are computed");
  exports.add<prefer_blas_entry>("preferBlas", "change how products are computed");
  exports.add<cuda_state_entry>("cudaState");
  exports.add<gpu_memory_entry>("gpuMemory");
  exports.add<reset_gpu_peaks_entry>("resetGpuPeaks");
  exports.add<empty_gpu_cache_entry>("emptyGpuCache");
  exports.add<set_gpu_limit_entry>("setGpuLimit");
}

} // namespace adjoint::node
