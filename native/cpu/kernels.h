// The kernels of the CPU device. Each takes the description of one launch; the op's row gives the arithmetic.
#pragma once
#include "device/device.h"

namespace adjoint::cpu {

void run_unary(const Kernel& kernel);
void run_binary(const Kernel& kernel);
void run_ternary(const Kernel& kernel);
void run_cast(const Kernel& kernel);
void run_reduction(const Kernel& kernel);
void run_generator(const Kernel& kernel);
void run_matmul(const Kernel& kernel);

} // namespace adjoint::cpu
