#pragma once
#include <cstdint>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace adjoint::cpu {

// What this process may use: ADJOINT_MAX_BYTES, or else the machine's memory within its cgroup's limit.
int64_t usable_memory_bytes();

// Host memory, 64-byte aligned. Large blocks are kept when they are freed, since fresh pages cost more than
// the arithmetic on them; what is kept stays below what is in use, or a floor, and within what the process
// may use.
class Allocator {
 public:
  static Allocator& shared();
  void* allocate(int64_t bytes); // null when there is none
  void free(void* data, int64_t bytes) noexcept;

 private:
  static int64_t rounded(int64_t bytes);
  void release_kept();

  std::mutex mutex_;
  std::unordered_map<int64_t, std::vector<void*>> kept_;
  const int64_t capacity_bytes_ = usable_memory_bytes();
  int64_t kept_bytes_ = 0;
  int64_t live_large_bytes_ = 0;
};

} // namespace adjoint::cpu
