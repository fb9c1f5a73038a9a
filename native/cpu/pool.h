// The threads that kernels share: one pool in the process, started when first wanted.
#pragma once
#include <cstddef>
#include <cstdint>

#include "cpu/function_ref.h"

namespace adjoint::cpu {

// Runs body(task) for every task in [0, tasks), on this thread and on the pool's, and returns when all are
// done. Which thread runs which task is not fixed. Nested and concurrent calls run on their caller alone.
// Never throws; bodies must not throw.
void parallel_for(int64_t tasks, FunctionRef<void(int64_t)> body);
// The same for bodies that work in memory of their thread's own, of so many bytes. The caller brings its part; a thread of
// the pool that cannot have as much stays away.
void parallel_for(int64_t tasks, std::byte* memory, size_t bytes,
                  FunctionRef<void(int64_t, std::byte*)> body);

// The number of threads that a call may use, its caller among them: ADJOINT_NUM_THREADS, or else the
// processors that this process may run on, within its cgroup's quota.
int thread_count();

// At least 1; more than there are processors is allowed.
void set_thread_count(int count);

} // namespace adjoint::cpu
