#pragma once
#include <memory>

#include "device/device.h"

namespace adjoint::cuda {

// An engine's device on a GPU: a stream of its own, memory and kernels shared with the process's other
// engines. Throws ERR_NO_CUDA where there is none to be had, a RangeError if this one is not there.
std::unique_ptr<Device> make_device(int64_t ordinal);

} // namespace adjoint::cuda
