#include "cpu/allocator.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <fstream>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

#include "device/environment.h"
#include "device/sanitizers.h"

namespace adjoint::cpu {

namespace {

constexpr int64_t alignment = 64;
constexpr int64_t stepped_bytes = int64_t{1} << 10; // sizes from here on go in quarter steps
constexpr int64_t large_bytes = int64_t{1} << 16;
constexpr int64_t huge_page_bytes = int64_t{1} << 21;
// Large blocks begin at different places of their first pages: a processor takes a load for one of a recent store if
// their addresses are equal modulo a page, and its caches put such addresses into the same few places.
constexpr int64_t page_bytes = 4096, shift_step = 17 * alignment;
constexpr int64_t kept_small_limit_bytes = int64_t{32} << 20;
constexpr int64_t kept_large_floor_bytes = int64_t{64} << 20;
// A peak is forgotten once this many times its bytes have been allocated without reaching it again; twice at
// most.
constexpr int64_t window_peaks = 8;

int64_t number_in_file(const char* path) {
  std::ifstream file(path);
  int64_t value = 0;
  return file >> value ? value : INT64_MAX; // "max", or no such file
}

bool huge_pages_wanted() {
#ifdef MADV_HUGEPAGE
  return environment::is_on("ADJOINT_HUGE_PAGES");
#else
  return false;
#endif
}

void* map(int64_t bytes) {
  void* data =
      mmap(nullptr, static_cast<size_t>(bytes), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return data == MAP_FAILED ? nullptr : data;
}

[[maybe_unused]] void* exact_block(int64_t bytes) {
  void* data = nullptr;
  return posix_memalign(&data, alignment, static_cast<size_t>(bytes)) == 0 ? data : nullptr;
}

// Memory that begins at a multiple of the huge page, backed by huge pages where the system has them.
void* map_huge([[maybe_unused]] int64_t bytes) {
#ifdef MADV_HUGEPAGE
  const auto length = static_cast<size_t>(bytes), slack = static_cast<size_t>(huge_page_bytes);
  char* const begin = static_cast<char*>(map(bytes + huge_page_bytes));
  if (!begin) return nullptr;
  const size_t head = (slack - reinterpret_cast<uintptr_t>(begin) % slack) % slack;
  if (head > 0) munmap(begin, head);
  if (slack > head) munmap(begin + head + length, slack - head);
  madvise(begin + head, length, MADV_HUGEPAGE);
  return begin + head;
#else
  return nullptr;
#endif
}

} // namespace

int64_t usable_memory_bytes() {
  // No machine has more than that, so that sums of what is held and what is wanted fit.
  constexpr int64_t most = int64_t{1} << 53;
  if (const int64_t bytes = environment::count("ADJOINT_MAX_BYTES", INT64_MAX, true); bytes > 0)
    return std::min(bytes, most);
  const int64_t physical = static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGE_SIZE);
  // A fifth is left to JavaScript and to other programs.
  return std::min({physical, number_in_file("/sys/fs/cgroup/memory.max"),
                   number_in_file("/sys/fs/cgroup/memory/memory.limit_in_bytes")}) /
         5 * 4;
}

Allocator::Allocator() : wants_huge_pages_(huge_pages_wanted()) {}

Allocator& Allocator::shared() {
  // Never destroyed: buffers of a worker may outlive the end of main.
  static Allocator& allocator = *new Allocator;
  return allocator;
}

Allocator::SizeClass Allocator::size_class(int64_t bytes) {
  constexpr auto unstepped = static_cast<size_t>(stepped_bytes / alignment);
  if (bytes <= stepped_bytes - alignment) {
    const int64_t units = std::max<int64_t>((bytes + alignment - 1) / alignment, 1);
    return {units * alignment, static_cast<size_t>(units)};
  }
  const auto size = static_cast<uint64_t>(std::max(bytes, stepped_bytes));
  const auto exponent = static_cast<int>(std::bit_width(size)) - 1;
  const uint64_t quarter = (uint64_t{1} << exponent) / 4, quarters = (size + quarter - 1) / quarter;
  const auto steps = static_cast<size_t>(exponent - (std::bit_width(uint64_t{stepped_bytes}) - 1)) * 4;
  return {static_cast<int64_t>(quarters * quarter), unstepped + steps + quarters - 4};
}

// The bytes of a size class from `stepped_bytes` on.
int64_t Allocator::bytes_of(size_t index) {
  const size_t quarters = index - static_cast<size_t>(stepped_bytes / alignment);
  return static_cast<int64_t>((4 + quarters % 4) << (quarters / 4)) * (stepped_bytes / 4);
}

void* Allocator::take(size_t index) {
  Link* const link = kept_[index];
  if (link) kept_[index] = link->next;
  return link;
}

void Allocator::keep(void* data, size_t index) { kept_[index] = new (data) Link{kept_[index]}; }

void* Allocator::allocate(int64_t bytes) {
  if constexpr (blocks_are_exact) return exact_block(bytes);
  const SizeClass size = size_class(bytes);
  if (size.bytes >= large_bytes) return allocate_large(size);
  if (void* data = allocate_small(size)) return data;
  {
    const std::lock_guard lock(large_mutex_);
    release_large();
  }
  return allocate_small(size);
}

void Allocator::free(void* data, int64_t bytes) noexcept {
  if constexpr (blocks_are_exact) return std::free(data);
  const SizeClass size = size_class(bytes);
  if (size.bytes < large_bytes)
    free_small(data, size);
  else
    free_large(data, size);
}

void* Allocator::allocate_small(SizeClass size) {
  {
    const std::lock_guard lock(small_mutex_);
    if (void* data = take(size.index)) {
      kept_small_bytes_ -= size.bytes;
      return data;
    }
  }
  return std::aligned_alloc(alignment, static_cast<size_t>(size.bytes));
}

void Allocator::free_small(void* data, SizeClass size) noexcept {
  {
    const std::lock_guard lock(small_mutex_);
    if (kept_small_bytes_ + size.bytes <= kept_small_limit_bytes) {
      keep(data, size.index);
      kept_small_bytes_ += size.bytes;
      return;
    }
  }
  std::free(data);
}

void* Allocator::allocate_large(SizeClass size) {
  const std::lock_guard lock(large_mutex_);
  void* data = take(size.index);
  if (data) {
    kept_large_bytes_ -= size.bytes;
  } else {
    // Kept blocks count: the machine would rather kill the process than refuse the block.
    if (live_large_bytes_ + kept_large_bytes_ + size.bytes > capacity_bytes_) release_large();
    data = fresh_large(size.bytes);
    if (!data) {
      release_large();
      release_small();
      data = fresh_large(size.bytes);
    }
  }
  if (data) {
    live_large_bytes_ += size.bytes;
    note_use(size.bytes);
    asked_at_[size.index] = allocated_large_bytes_;
  }
  return data;
}

void Allocator::free_large(void* data, SizeClass size) noexcept {
  const std::lock_guard lock(large_mutex_);
  live_large_bytes_ -= size.bytes;
  keep(data, size.index);
  kept_large_bytes_ += size.bytes;
  trim();
}

void Allocator::note_use(int64_t bytes) {
  allocated_large_bytes_ += bytes;
  window_peak_bytes_ = std::max(window_peak_bytes_, live_large_bytes_);
  if (allocated_large_bytes_ < window_end_) return;
  previous_peak_bytes_ = window_peak_bytes_;
  window_peak_bytes_ = live_large_bytes_;
  window_end_ = allocated_large_bytes_ + window_peaks * previous_peak_bytes_;
}

// Gives back kept blocks beyond the limit, beginning with the size that was asked for longest ago.
void Allocator::trim() {
  const int64_t peak = std::max(window_peak_bytes_, previous_peak_bytes_);
  const int64_t limit = std::max(kept_large_floor_bytes, 2 * peak - live_large_bytes_);
  while (kept_large_bytes_ > limit) {
    size_t oldest = 0;
    for (size_t i = size_class(large_bytes).index; i < kept_.size(); ++i)
      if (kept_[i] && (oldest == 0 || asked_at_[i] < asked_at_[oldest])) oldest = i;
    const int64_t bytes = bytes_of(oldest);
    return_large(take(oldest), bytes);
    kept_large_bytes_ -= bytes;
  }
}

void* Allocator::fresh_large(int64_t bytes) {
  const int64_t all = bytes + page_bytes;
  void* const pages = wants_huge_pages_ && bytes >= huge_page_bytes ? map_huge(all) : map(all);
  if (!pages) return nullptr;
  shift_ = (shift_ + shift_step) % page_bytes;
  return static_cast<std::byte*>(pages) + shift_;
}

// munmap, since free() may keep memory between blocks in use.
void Allocator::return_large(void* data, int64_t bytes) noexcept {
  std::byte* const pages =
      static_cast<std::byte*>(data) - reinterpret_cast<uintptr_t>(data) % static_cast<uintptr_t>(page_bytes);
  munmap(pages, static_cast<size_t>(bytes + page_bytes));
}

void Allocator::release_small() {
  const std::lock_guard lock(small_mutex_);
  for (size_t index = 0; index < size_class(large_bytes).index; ++index)
    while (void* data = take(index)) std::free(data);
  kept_small_bytes_ = 0;
}

void Allocator::release_large() {
  for (size_t i = size_class(large_bytes).index; i < kept_.size(); ++i)
    while (void* data = take(i)) return_large(data, bytes_of(i));
  kept_large_bytes_ = 0;
}

} // namespace adjoint::cpu
