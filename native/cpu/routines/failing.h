// The way routines report a failure.
#pragma once
#include <atomic>

#include "device/failure.h"
#include "device/kernel.h"

namespace adjoint::cpu {

// May be called from any thread; of several failures the largest word stays.
inline void fail(const Instance& instance, uint64_t word) {
  std::atomic_ref<uint64_t> known(*instance.failure);
  uint64_t before = known.load(std::memory_order_relaxed);
  while (before < word && !known.compare_exchange_weak(before, word, std::memory_order_relaxed)) {
  }
}

} // namespace adjoint::cpu
