// Facts about a routine's kernel that the engine asks for.
#pragma once
#include "device/error.h"
#include "device/kernel.h"
#include "graph/session.h"

namespace adjoint {

// The time it takes, as the number of bytes that could be read meanwhile; roughly.
int64_t cost_of_routine(const RoutineKernel& kernel);

// The error that a failure word stands for.
Error failure_of(const RoutineKernel& kernel, uint64_t word, const Session& session);

} // namespace adjoint
