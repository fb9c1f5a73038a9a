// Routines as the CPU runs them. A row of routines.def declares the function that makes one ready; it is in
// cpu/routines.
#pragma once
#include <functional>

#include "device/kernel.h"

namespace adjoint::cpu {

// Immutable: any thread may run it.
struct Routine {
  std::function<void(const Instance&)> run;
  int64_t scratch_bytes = 0;
};

#define ROUTINE(name, ...)                                                                                   \
  Routine routine_of_##name(const RoutineKernel& kernel); // unless it is computed nowhere
#include "ops/routines.def"
#undef ROUTINE

} // namespace adjoint::cpu
