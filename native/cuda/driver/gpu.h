// The parts of one device that the threads of a process share.
#pragma once
#include "cuda/driver/context.h"
#include "cuda/driver/memory.h"
#include "cuda/driver/modules.h"
#include "cuda/driver/staging.h"

namespace adjoint::cuda {

struct Gpu {
  explicit Gpu(const DeviceInfo& info) : context(info) {}
  Context context;
  Pool pool{context};
  Modules modules{context};
  Staging staging{context};

  // The GPU with this number, which lives until the process is gone. Throws as device_info does.
  static Gpu& at(int64_t ordinal);
};

} // namespace adjoint::cuda
