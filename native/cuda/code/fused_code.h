// The forms that fused kernels take on a GPU.
#pragma once
#include "cuda/code/fused_text.h"

namespace adjoint::cuda {

// Kernels without columns. Where they are flat, instances have their own numbers of rows.
std::unique_ptr<KernelCode> make_elementwise_code(const FusedKernel& kernel, const Chip& chip);
// Kernels with rows and columns.
std::unique_ptr<KernelCode> make_row_code(const FusedKernel& kernel, const Chip& chip);

// The kernel of every module that is written here.
inline constexpr const char* fused_name = "fused";

} // namespace adjoint::cuda
