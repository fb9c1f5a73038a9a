// Routines as a GPU runs them. A row of routines.def declares the function that says how its kernels are
// launched; it is in cuda/routines, and the kernels are in cuda/kernels.
#pragma once
#include "cuda/code/kernel_code.h"

namespace adjoint::cuda {

#define ROUTINE(name, ...)                                                                                   \
  std::unique_ptr<KernelCode> code_of_##name(const RoutineKernel& kernel, const Chip& chip);
#include "ops/routines.def"
#undef ROUTINE

} // namespace adjoint::cuda
