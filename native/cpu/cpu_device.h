#pragma once
#include <memory>

#include "device/device.h"

namespace adjoint::cpu {

std::unique_ptr<Device> make_device();
// Runs a kernel that this device has compiled, to its end, from any thread, in memory of that thread: as much as the
// kernel wants for each.
void launch_kernel(const CompiledKernel& kernel, std::span<const Instance> instances,
                   std::byte* memory) noexcept;

} // namespace adjoint::cpu
