// Any kernel as code, whatever form it takes.
#pragma once
#include "cuda/code/kernel_code.h"

namespace adjoint::cuda {

// Whether the addon was built with nvcc.
bool has_code();
// Throws ERR_CUDA_BUILD where it was not.
std::unique_ptr<KernelCode> make_code(const Kernel& kernel, const Chip& chip);

} // namespace adjoint::cuda
