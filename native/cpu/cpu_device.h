#pragma once
#include <memory>

#include "device/device.h"

namespace adjoint::cpu {

std::unique_ptr<Device> make_device();

} // namespace adjoint::cpu
