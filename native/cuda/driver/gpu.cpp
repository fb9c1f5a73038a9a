#include "cuda/driver/gpu.h"

#include <map>

namespace adjoint::cuda {

Gpu& Gpu::at(int64_t ordinal) {
  static std::mutex& mutex = *new std::mutex;
  static auto& gpus = *new std::map<int64_t, Gpu>; // threads may outlive main
  const DeviceInfo& info = device_info(ordinal);
  const std::lock_guard lock(mutex);
  return gpus.try_emplace(ordinal, info).first->second;
}

} // namespace adjoint::cuda
