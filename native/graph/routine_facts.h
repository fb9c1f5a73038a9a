// What the engine asks about a routine's kernel.
#pragma once
#include "device/error.h"
#include "device/kernel.h"

namespace adjoint {

// Roughly how many bytes it would take as long to read.
int64_t cost_of_routine(const RoutineKernel& kernel);

// For what is wrong with a run, as its failure word says.
Error failure_of(const RoutineKernel& kernel, uint64_t word);

} // namespace adjoint
