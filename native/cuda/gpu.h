// All that the threads of a process share of one device.
#pragma once
#include "cuda/context.h"
#include "cuda/memory.h"
#include "cuda/modules.h"
#include "cuda/staging.h"

namespace adjoint::cuda {

struct Gpu {
  explicit Gpu(const DeviceInfo& info) : context(info) {}
  Context context;
  Pool pool{context};
  Modules modules{context};
  Staging staging{context};

  // Throws as device_info does. Lives until the process is gone.
  static Gpu& at(int64_t ordinal);
};

} // namespace adjoint::cuda
