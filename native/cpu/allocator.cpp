#include "cpu/allocator.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <fstream>
#include <string>
#include <unistd.h>

namespace adjoint::cpu {

namespace {

constexpr int64_t alignment = 64;
constexpr int64_t large_bytes = int64_t{1} << 16;
constexpr int64_t kept_floor_bytes = int64_t{64} << 20;

int64_t number_in_file(const char* path) {
  std::ifstream file(path);
  int64_t value = 0;
  return file >> value ? value : INT64_MAX; // "max", or no such file
}

} // namespace

int64_t usable_memory_bytes() {
  if (const char* limit = std::getenv("ADJOINT_MAX_BYTES"))
    if (const int64_t bytes = std::atoll(limit); bytes > 0) return bytes;
  const int64_t physical = static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGE_SIZE);
  // A fifth is left to JavaScript and to everybody else.
  return std::min({physical, number_in_file("/sys/fs/cgroup/memory.max"),
                   number_in_file("/sys/fs/cgroup/memory/memory.limit_in_bytes")}) /
         5 * 4;
}

Allocator& Allocator::shared() {
  // Never destroyed: buffers of a worker may outlive the end of main.
  static Allocator& allocator = *new Allocator;
  return allocator;
}

// Powers of two in quarter steps, so that nearly equal sizes share blocks.
int64_t Allocator::rounded(int64_t bytes) {
  if (bytes < large_bytes) return (std::max<int64_t>(bytes, 1) + alignment - 1) / alignment * alignment;
  const auto quarter = static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(bytes)) / 4);
  return (bytes + quarter - 1) / quarter * quarter;
}

void* Allocator::allocate(int64_t bytes) {
  const int64_t size = rounded(bytes);
  if (size < large_bytes) return std::aligned_alloc(alignment, static_cast<size_t>(size));
  const std::lock_guard lock(mutex_);
  void* data = nullptr;
  if (std::vector<void*>& blocks = kept_[size]; !blocks.empty()) {
    data = blocks.back();
    blocks.pop_back();
    kept_bytes_ -= size;
  } else {
    // What is kept counts: the machine would rather kill the process than refuse the block.
    if (live_large_bytes_ + kept_bytes_ + size > capacity_bytes_) release_kept();
    data = std::aligned_alloc(alignment, static_cast<size_t>(size));
    if (!data) {
      release_kept();
      data = std::aligned_alloc(alignment, static_cast<size_t>(size));
    }
  }
  if (data) live_large_bytes_ += size;
  return data;
}

void Allocator::free(void* data, int64_t bytes) noexcept {
  const int64_t size = rounded(bytes);
  if (size < large_bytes) return std::free(data);
  const std::lock_guard lock(mutex_);
  live_large_bytes_ -= size;
  if (kept_bytes_ + size > std::max(kept_floor_bytes, live_large_bytes_)) return std::free(data);
  kept_[size].push_back(data);
  kept_bytes_ += size;
}

void Allocator::release_kept() {
  for (auto& [size, blocks] : kept_)
    for (void* block : blocks) std::free(block);
  kept_.clear();
  kept_bytes_ = 0;
}

} // namespace adjoint::cpu
