#pragma once
#include "device/kernel.h"

namespace adjoint::cpu {

void run_generator(const GeneratorKernel& kernel, const Instance& instance);

} // namespace adjoint::cpu
